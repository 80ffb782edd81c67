#!/usr/bin/env python3
"""networks.py NET TRAIN.tsv: the training of one of recadv's networks in PyTorch, on one thread.

Prints processor seconds of an epoch over TRAIN.tsv (user, item: dense ids), of the fastest form of those
that follow the same loss in the same batches; and the form.  NET: neumf, cdae, sasrec; of irgan
ranking, judgement (an epoch of the discriminator, without draws), draws (of an epoch), generator.

Sizes are recadv's defaults.  What is drawn at random is drawn in the cheapest way: negatives may be a
user's own items, all pieces of histories are of the same length.  Pairs of irgan, which recadv learns one
after the other, come in batches of 16, as in the code of its authors.
"""
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

torch.set_num_threads(1)
torch.manual_seed(1)
SECONDS = 1.5  # of a measurement, at least
net, file = sys.argv[1], sys.argv[2]
rows = numpy.loadtxt(file, dtype=numpy.int64, usecols=(0, 1), ndmin=2)
order = numpy.argsort(rows[:, 0], kind="stable")
users, items = torch.tensor(rows[order, 0]), torch.tensor(rows[order, 1])
USERS, ITEMS, COUNT = int(users.max()) + 1, int(items.max()) + 1, len(users)
own = torch.split(items, torch.bincount(users, minlength=USERS).tolist())


def seconds_of_epoch(step, steps):
    """step(n): step n; from a few seconds of steps, after two to warm up."""
    step(0), step(1 % steps)
    done, start = 0, time.process_time()
    while done < steps and time.process_time() - start < SECONDS:
        step(done % steps)
        done += 1
    return (time.process_time() - start) / done * steps


def optimizer(network, rows, sparse):
    """Adam; of rows that a batch touches alone, or of all."""
    if not sparse:
        return [torch.optim.Adam(list(network) + list(rows), 1e-3)]
    both = [torch.optim.SparseAdam(list(rows), 1e-3)]
    return both + ([torch.optim.Adam(list(network), 1e-3)] if len(network) > 0 else [])


def learn(optimizers, loss):
    for o in optimizers:
        o.zero_grad()
    loss.backward()
    for o in optimizers:
        o.step()


# --- neumf


def neumf(sparse):
    factors, width, negatives, batch = 128, 32, 8, 1024 // 9
    user, item = (nn.Embedding(n, width + factors, sparse=sparse) for n in (USERS, ITEMS))
    for e in (user, item):
        nn.init.normal_(e.weight, std=0.01)
    tower = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(),
                          nn.Linear(8, 1))
    h = nn.Parameter(torch.rand(factors))
    steps = optimizer(list(tower.parameters()) + [h], [user.weight, item.weight], sparse)
    shuffled = torch.randperm(COUNT)
    label = torch.cat([torch.ones(batch, 1), torch.zeros(batch, negatives)], 1).flatten()

    def step(n):
        pairs = shuffled[n * batch:(n + 1) * batch]
        drawn = torch.randint(ITEMS, (len(pairs), negatives))
        u = user(users[pairs].repeat_interleave(1 + negatives))
        i = item(torch.cat([items[pairs].unsqueeze(1), drawn], 1).flatten())
        odds = tower(torch.cat([u[:, :width], i[:, :width]], 1)).squeeze(1)
        odds = odds + (u[:, width:] * i[:, width:]) @ h
        learn(steps, functional.binary_cross_entropy_with_logits(odds, label[:len(odds)]))

    return step, -(-COUNT // batch)


# --- cdae


class Cdae:
    def __init__(self, sparse):
        self.sparse, self.factors, self.batch, self.negatives, self.drop = sparse, 64, 32, 5, 0.2
        self.user = nn.Embedding(USERS, self.factors, sparse=sparse)
        self.input = nn.EmbeddingBag(ITEMS, self.factors, mode="sum", sparse=sparse)
        self.output = nn.Embedding(ITEMS, self.factors + 1, sparse=sparse)
        self.bias = nn.Parameter(torch.zeros(self.factors))
        for e in (self.user, self.input, self.output):
            nn.init.normal_(e.weight, std=0.1)
        self.steps = optimizer([self.bias], [e.weight for e in (self.user, self.input, self.output)], sparse)
        self.order = torch.randperm(USERS)

    def take(self, n):
        """Users, their items, and the number in the batch of the user of each."""
        who = self.order[n * self.batch:(n + 1) * self.batch]
        sizes = torch.tensor([len(own[u]) for u in who])
        return who, torch.cat([own[u] for u in who]), torch.repeat_interleave(torch.arange(len(who)), sizes)

    def hidden(self, who, read, of):
        counts = torch.bincount(of, minlength=len(who))
        sums = self.input(read, torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)[:-1]]))
        scale = counts.clamp(min=1).float().rsqrt().unsqueeze(1)
        return torch.sigmoid(self.user(who) + self.bias + scale * sums)

    def of_outputs(self, n):
        """Scores of the outputs alone."""
        who, have, of = self.take(n)
        kept = torch.rand(len(have)) >= self.drop
        z = self.hidden(who, have[kept], of[kept])
        drawn = torch.randint(ITEMS, (len(have) * self.negatives,))
        out = self.output(torch.cat([have, drawn]))
        of = torch.cat([of, of.repeat_interleave(self.negatives)])
        odds = (out[:, :-1] * z[of]).sum(1) + out[:, -1]
        label = torch.zeros(len(odds))
        label[:len(have)] = 1
        learn(self.steps,
              functional.binary_cross_entropy_with_logits(odds, label, reduction="sum") / len(who))

    def of_all(self, n):
        """Scores of all items, most of weight 0."""
        who, have, of = self.take(n)
        kept = torch.rand(len(have)) >= self.drop
        z = self.hidden(who, have[kept], of[kept])
        odds = z @ self.output.weight[:, :-1].t() + self.output.weight[:, -1]
        label, weight = torch.zeros_like(odds), torch.zeros_like(odds)
        label[of, have] = 1
        weight[of.repeat_interleave(self.negatives), torch.randint(ITEMS, (len(have) * self.negatives,))] = 1
        weight[of, have] = 1
        learn(self.steps, functional.binary_cross_entropy_with_logits(odds, label, weight, reduction="sum") / len(who))


def cdae(form):
    c = Cdae(form == "rows")
    return (c.of_all if form == "all items" else c.of_outputs), -(-USERS // c.batch)


# --- sasrec


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 1, 0.2, batch_first=True)
        self.inner, self.outer, self.drop = nn.Linear(width, width), nn.Linear(width, width), nn.Dropout(0.2)

    def forward(self, x, mask):
        q = self.first(x)
        z = self.second(q + self.attention(q, x, x, attn_mask=mask, need_weights=False)[0])
        return z + self.drop(self.outer(self.drop(functional.relu(self.inner(z)))))


def sasrec(sparse):
    width, length, batch, negatives = 64, 50, 16, 256
    item, place = nn.Embedding(ITEMS, width, sparse=sparse), nn.Parameter(torch.zeros(length, width))
    nn.init.normal_(item.weight, std=width ** -0.5)
    blocks, norm, drop = nn.ModuleList([Block(width), Block(width)]), nn.LayerNorm(width), nn.Dropout(0.2)
    network = list(blocks.parameters()) + list(norm.parameters()) + [place]
    steps = optimizer(network, [item.weight], sparse)
    mask = torch.ones(length, length, dtype=torch.bool).triu(1)
    pieces = torch.randint(ITEMS, (batch, length + 1))

    def step(n):
        x = drop(width ** 0.5 * item(pieces[:, :-1]) + place)
        for block in blocks:
            x = block(x, mask)
        q, shared = norm(x).flatten(0, 1), item(torch.randperm(ITEMS)[:negatives])
        target = (q * item(pieces[:, 1:].flatten())).sum(1, keepdim=True)
        odds = torch.cat([target, q @ shared.t()], 1)
        learn(steps, functional.cross_entropy(odds, torch.zeros(len(q), dtype=torch.long)))

    return step, max(1, (COUNT - USERS) // (batch * length))


# --- irgan


class Player:
    def __init__(self, sparse):
        self.user, self.item = nn.Embedding(USERS, 32, sparse=sparse), nn.Embedding(ITEMS, 32, sparse=sparse)
        self.bias = nn.Embedding(ITEMS, 1, sparse=sparse)
        nn.init.zeros_(self.bias.weight)
        weights = [e.weight for e in (self.user, self.item, self.bias)]
        self.steps = [torch.optim.SGD(weights, 0.01)]

    def scores(self, who, what):
        u, i, b = self.user(who), self.item(what), self.bias(what)
        return (u * i).sum(1) + b.squeeze(1), (u.square().sum() + i.square().sum() + b.square().sum())

    def all_scores(self, who):
        return self.user(who) @ self.item.weight.t() + self.bias.weight.squeeze(1)


def ranking(sparse):
    g, batch, shuffled = Player(sparse), 16, torch.randperm(COUNT)

    def step(n):
        pairs = shuffled[n * batch:(n + 1) * batch]
        drawn = torch.randint(ITEMS, (len(pairs), 5))
        with torch.no_grad():
            five = users[pairs].repeat_interleave(5)
            hardest = g.scores(five, drawn.flatten())[0].view(-1, 5).argmax(1, keepdim=True)
        own_odds, squares = g.scores(users[pairs], items[pairs])
        other, more = g.scores(users[pairs], drawn.gather(1, hardest).squeeze(1))
        learn(g.steps, functional.softplus(other - own_odds).sum() + 0.01 * (squares + more))

    return step, -(-COUNT // batch)


def judgement(sparse):
    d, batch, shuffled = Player(sparse), 16, torch.randperm(COUNT)
    drawn = torch.randint(ITEMS, (COUNT,))

    def step(n):
        pairs = shuffled[n * batch:(n + 1) * batch]
        odds, squares = d.scores(users[pairs].repeat(2), torch.cat([items[pairs], drawn[pairs]]))
        label = torch.cat([torch.ones(len(pairs)), torch.zeros(len(pairs))])
        loss = functional.binary_cross_entropy_with_logits(odds, label, reduction="sum")
        learn(d.steps, loss + 0.01 * squares)

    return step, -(-COUNT // batch)


def draws(_):
    g, batch = Player(False), 16

    def step(n):
        who = torch.arange(n * batch, min(USERS, (n + 1) * batch))
        with torch.no_grad():
            torch.multinomial(torch.softmax(g.all_scores(who) / 0.2, 1), max(len(own[u]) for u in who), True)

    return step, -(-USERS // batch)


def generator(_):
    g, d, batch, order = Player(False), Player(False), 16, torch.randperm(USERS)

    def step(n):
        who = order[n * batch:(n + 1) * batch]
        sizes = torch.tensor([len(own[u]) for u in who])
        p = torch.softmax(g.all_scores(who), 1)
        q, place = 0.8 * p.detach(), torch.repeat_interleave(torch.arange(len(who)), sizes)
        q[place, torch.cat([own[u] for u in who])] += (0.2 / sizes)[place]
        drawn = torch.multinomial(q, 2 * int(sizes.max()), True)
        counts = (torch.arange(drawn.shape[1]) < 2 * sizes.unsqueeze(1)).float()
        with torch.no_grad():
            odds = (d.user(who).unsqueeze(1) * d.item(drawn)).sum(2) + d.bias(drawn).squeeze(2)
            reward = 2 * (torch.sigmoid(odds) - 0.5) * p.gather(1, drawn) / q.gather(1, drawn)
        learn(g.steps, -(counts * reward * p.gather(1, drawn).log() / counts.sum(1, keepdim=True)).sum())

    return step, -(-USERS // batch)


both = {"rows": True, "all rows": False}
forms = {"neumf": (neumf, both), "sasrec": (sasrec, both), "ranking": (ranking, both), "judgement": (judgement, both),
         "cdae": (cdae, {f: f for f in ("rows", "all rows", "all items")}),
         "draws": (draws, {"-": None}), "generator": (generator, {"-": None})}
make, kinds = forms[net]
print(*min((seconds_of_epoch(*make(kind)), name) for name, kind in kinds.items()))

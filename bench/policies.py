#!/usr/bin/env python3
"""policies.py ITEMS THREADS: iterations of hac per second in PyTorch, at the sizes of bench/policies:
of processor time, then of a clock.

The same networks and losses as recadv's (mean encoder over the last 50 clicks, critic 64-256-64-1,
32 sessions, batches of 64, slates of ten, four Adam steps with dense gradients as torch.nn.Embedding
gives them), on made-up answers, which cost less here than a simulator's.
"""
import sys
import time

import torch
from torch import nn

ITEMS, FACTORS, HISTORY, SLATE, SESSIONS, BATCH, ROOM = int(sys.argv[1]), 32, 50, 10, 32, 64, 10000
torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(1)


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(ITEMS, FACTORS)
        nn.init.normal_(self.items.weight, std=0.1)
        self.block = nn.Sequential(nn.Linear(FACTORS, 2 * FACTORS), nn.ReLU(), nn.Linear(2 * FACTORS, FACTORS))
        self.norm = nn.LayerNorm(FACTORS)

    def forward(self, history):
        mean = self.items(history).mean(1)
        return self.norm(mean + self.block(mean))


def make_critic():
    return nn.Sequential(nn.Linear(2 * FACTORS, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 1))


actor, actor_target, critic, critic_target = Actor(), Actor(), make_critic(), make_critic()
actor_target.load_state_dict(actor.state_dict())
critic_target.load_state_dict(critic.state_dict())
by_critic = torch.optim.Adam(actor.parameters(), 1e-4)
by_answers = torch.optim.Adam(actor.parameters(), 1e-3)
of_critic = torch.optim.Adam(critic.parameters(), 1e-3)
before = torch.zeros(ROOM, HISTORY, dtype=torch.long)
after = torch.zeros(ROOM, HISTORY, dtype=torch.long)
slates = torch.zeros(ROOM, SLATE, dtype=torch.long)
labels, rewards, ended = torch.zeros(ROOM, SLATE), torch.zeros(ROOM), torch.zeros(ROOM)
history = torch.randint(ITEMS, (SESSIONS, HISTORY))
taste = torch.rand(ITEMS)


def q(network, state, action):
    return network(torch.cat([state, action], 1)).squeeze(1)


def play(step):
    global history
    at = torch.arange(step * SESSIONS, (step + 1) * SESSIONS) % ROOM
    with torch.no_grad():
        z = actor(history)
        z = z + (0.1 * torch.randn_like(z)).clamp(-1, 1)
        slate = (z @ actor.items.weight.t()).topk(SLATE).indices
        clicked = (torch.rand(SESSIONS, SLATE) < taste[slate]).float()
        following = torch.cat([history[:, SLATE:], slate], 1)
        before[at], after[at], slates[at], labels[at] = history, following, slate, clicked
        rewards[at] = (clicked - 0.1 * (1 - clicked)).mean(1)
        ended[at] = (torch.rand(SESSIONS) < 0.1).float()
        history = following


def learn(step):
    rows = torch.randint(min(ROOM, (step + 1) * SESSIONS), (BATCH,))
    slate = slates[rows]
    with torch.no_grad():
        following = actor_target(after[rows])
        goal = rewards[rows] + 0.9 * (1 - ended[rows]) * q(critic_target, following, following)
    z = actor(before[rows])
    state = z.detach()
    of_critic.zero_grad()
    (q(critic, state, actor.items(slate).mean(1).detach()) - goal).square().mean().backward()
    of_critic.step()
    by_critic.zero_grad()
    with torch.no_grad():
        best = (state @ actor.items.weight.t()).topk(SLATE).indices
    alignment = (z - actor.items(best).mean(1)).square().mean()
    (0.1 * alignment - q(critic, state, z).mean()).backward()
    by_critic.step()
    by_answers.zero_grad()
    odds = (actor.items(slate) * actor(before[rows]).unsqueeze(1)).sum(2)
    nn.functional.binary_cross_entropy_with_logits(odds, labels[rows]).backward()
    by_answers.step()
    with torch.no_grad():
        for source, target in ((actor, actor_target), (critic, critic_target)):
            for a, b in zip(source.parameters(), target.parameters()):
                b.lerp_(a, 0.01)


def run(first, count):
    cpu, wall = time.process_time(), time.perf_counter()
    for step in range(first, first + count):
        play(step)
        learn(step)
    return count / (time.process_time() - cpu), count / (time.perf_counter() - wall)


run(0, 30)
print("%.1f %.1f" % run(30, 300))

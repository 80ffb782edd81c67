#!/usr/bin/env python3
"""market.py ITERATIONS THREADS: ma_rdpg in PyTorch, in the market of src/algo/policy/market.c: iterations
per second, of processor time, then of a clock, and what 2,000 sessions earn in the end.

The same networks, losses, exploration and schedule as recadv's defaults: two actors, one critic, an
LSTM; twelve sessions an iteration, played at once, batches of 48 sessions, padded; RMSProp, targets.
"""
import random
import sys
import time

import torch
from torch import nn

ITERATIONS = int(sys.argv[1])
SEEN, WEIGHTS, MESSAGE, STEPS, EPISODES, BATCH, ROOM = 4, 2, 8, 8, 12, 48, 10000
torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(1)
random.seed(1)


def network(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, outputs))


class Networks(nn.Module):
    def __init__(self):
        super().__init__()
        self.actors = nn.ModuleList(network(SEEN + MESSAGE, WEIGHTS) for _ in range(2))
        self.critic = network(SEEN + 2 * WEIGHTS + MESSAGE, 1)
        self.lstm = nn.LSTMCell(SEEN + 2 * WEIGHTS, MESSAGE)

    def logits(self, seen, h, scenario):
        both = torch.stack([actor(torch.cat([seen, h], -1)) for actor in self.actors], -2)
        return both.gather(-2, scenario[..., None, None].expand(*scenario.shape, 1, WEIGHTS)).squeeze(-2)

    def messages(self, seen, action):
        """The message before each step: sessions x steps x MESSAGE."""
        h = c = torch.zeros(len(seen), MESSAGE)
        before = [h]
        for t in range(seen.shape[1] - 1):
            h, c = self.lstm(torch.cat([seen[:, t], action[:, t]], 1), (h, c))
            before.append(h)
        return torch.stack(before, 1)


def segment(action, scenario):
    """Actions in their scenario's segment of a zero vector."""
    shop = scenario[..., None].float()
    return torch.cat([action * (1 - shop), action * shop], -1)


def q(networks, seen, action, h):
    return networks.critic(torch.cat([seen, action, h], -1)).squeeze(-1)


learner, target = Networks(), Networks()
nn.init.zeros_(learner.lstm.bias_ih)
nn.init.zeros_(learner.lstm.bias_hh)
learner.lstm.bias_ih.data[MESSAGE : 2 * MESSAGE] = 1
target.load_state_dict(learner.state_dict())
of_actors = torch.optim.RMSprop(learner.actors.parameters(), 5e-4, alpha=0.9)
of_critic = torch.optim.RMSprop(learner.critic.parameters(), 2e-3, alpha=0.9)
of_messages = torch.optim.RMSprop(learner.lstm.parameters(), 4e-3, alpha=0.9)
log_seen = torch.zeros(ROOM, STEPS, SEEN)
log_action = torch.zeros(ROOM, STEPS, 2 * WEIGHTS)
log_scenario = torch.zeros(ROOM, STEPS, dtype=torch.long)
log_reward, log_there = torch.zeros(ROOM, STEPS), torch.zeros(ROOM, STEPS)
played, rewards, reward_sum, reward_squares = 0, 0, 0.0, 0.0


class Visit:
    def __init__(self):
        self.kind, self.scenario, self.step, self.ended = random.random() < 0.5, 0, 0, False

    def see(self):
        sign = (1 if self.kind else -1) + random.gauss(0, 0.5)
        return [1, 0, sign, self.step / STEPS] if self.scenario == 0 else [0, 1, 0, self.step / STEPS]

    def act(self, a):
        shop = self.scenario == 1
        if shop and random.random() < 0.15 + 0.45 * a[int(self.kind)]:
            self.ended = True
            return 10
        reward = -1 if shop or random.random() >= 0.2 + 0.6 * a[0] else 1
        self.ended = random.random() < (0.3 if shop else 0.1)
        if not self.ended and random.random() < (0.15 if shop else 0.1 + 0.8 * a[1]):
            self.scenario = 1 - self.scenario
        self.step += 1
        self.ended = self.ended or self.step == STEPS
        return -5 if self.ended else reward


@torch.no_grad()
def play(sessions, noise, keep):
    """Plays sessions at once; returns what they earn in the mean."""
    global played, rewards, reward_sum, reward_squares
    visits = [Visit() for _ in range(sessions)]
    h = c = torch.zeros(sessions, MESSAGE)
    rows = torch.arange(played, played + sessions) % ROOM
    total = 0.0
    if keep:
        log_there[rows] = 0
        played += sessions
    for t in range(STEPS):
        there = [i for i, v in enumerate(visits) if not v.ended]
        if not there:
            break
        seen = torch.tensor([visits[i].see() for i in there], dtype=torch.float)
        scenario = torch.tensor([visits[i].scenario for i in there])
        logits = learner.logits(seen, h[there], scenario)
        action = torch.softmax(logits + noise * torch.randn_like(logits), 1)
        full = segment(action, scenario)
        reward = [visits[i].act(a) for i, a in zip(there, action.tolist())]
        total += sum(reward)
        h, c = h.clone(), c.clone()
        h[there], c[there] = learner.lstm(torch.cat([seen, full], 1), (h[there], c[there]))
        if keep:
            at = rows[there]
            log_seen[at, t], log_action[at, t], log_scenario[at, t] = seen, full, scenario
            log_reward[at, t], log_there[at, t] = torch.tensor(reward, dtype=torch.float), 1
            rewards += len(reward)
            reward_sum += sum(reward)
            reward_squares += sum(r * r for r in reward)
    return total / sessions


def learn(iteration):
    at = torch.randint(min(played, ROOM), (BATCH,))
    seen, action, scenario, there = log_seen[at], log_action[at], log_scenario[at], log_there[at]
    scale = (reward_squares / rewards - (reward_sum / rewards) ** 2) ** -0.5
    with torch.no_grad():
        h = target.messages(seen, action)
        best = segment(torch.softmax(target.logits(seen, h, scenario), -1), scenario)
        value = q(target, seen, best, h) * there
        goal = scale * log_reward[at]
        goal[:, :-1] += 0.9 * value[:, 1:]
    steps = there.sum()
    h = learner.messages(seen, action)
    loss = (((q(learner, seen, action, h) - goal) ** 2) * there).sum() / steps
    of_critic.zero_grad()
    of_messages.zero_grad()
    loss.backward()
    if iteration >= 150:
        h = h.detach()
        logits = learner.logits(seen, h, scenario)
        best = segment(torch.softmax(logits, -1), scenario)
        centred = logits - logits.mean(-1, keepdim=True)
        climb = ((0.003 * (centred**2).sum(-1) - q(learner, seen, best, h)) * there).sum() / steps
        of_actors.zero_grad()
        gradients = torch.autograd.grad(climb, list(learner.actors.parameters()))
        for p, g in zip(learner.actors.parameters(), gradients):
            p.grad = g
        of_actors.step()
    of_critic.step()
    of_messages.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), learner.parameters()):
            slow.lerp_(fast, 0.02)


start, processor = time.perf_counter(), time.process_time()
for iteration in range(ITERATIONS):
    play(EPISODES, 2 if iteration < 300 else 0.5, True)
    learn(iteration)
print(
    ITERATIONS / (time.process_time() - processor),
    ITERATIONS / (time.perf_counter() - start),
    play(2000, 0, False),
)

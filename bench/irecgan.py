#!/usr/bin/env python3
"""irecgan.py ITEMS FACTORS HIDDEN LAYERS ANSWERS SLATE SESSIONS STEPS: milliseconds of processor time
of a step of the visitors' model and of the agent in PyTorch, on one thread: see bench/irecgan.

The same networks, losses and made-up sessions as in irecgan.c; Adam on dense gradients, as
torch.nn.Embedding gives them.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional

ITEMS, FACTORS, HIDDEN, LAYERS, ANSWERS, SLATE, SESSIONS, STEPS = (int(a) for a in sys.argv[1:9])
torch.set_num_threads(1)
torch.manual_seed(1)


class User(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, FACTORS)  # the last one is "nothing"
        self.lstm = nn.LSTM(FACTORS, HIDDEN, LAYERS, batch_first=True)
        self.click = nn.Linear(HIDDEN, FACTORS)
        self.leave = nn.Linear(HIDDEN, 1)

    def loss(self, shown, place, clicked, left, _):
        after, _ = self.lstm(self.items(clicked))
        before = torch.cat([torch.zeros(SESSIONS, 1, HIDDEN), after[:, :-1]], 1)
        nothing = torch.full((SESSIONS, ANSWERS, 1), ITEMS)
        rows = self.items(torch.cat([shown, nothing], 2))
        scores = (rows * self.click(before)[:, :, None]).sum(-1)
        return (functional.cross_entropy(scores.reshape(-1, SLATE + 1), place.reshape(-1))
                + functional.binary_cross_entropy_with_logits(self.leave(after)[..., 0], left))


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(ITEMS, FACTORS)
        self.lstm = nn.LSTM(FACTORS, HIDDEN, LAYERS, batch_first=True)
        self.policy = nn.Linear(HIDDEN, ITEMS)

    def loss(self, shown, place, clicked, left, gain):
        after, _ = self.lstm(self.items(clicked[:, :-1]))
        before = torch.cat([torch.zeros(SESSIONS, 1, HIDDEN), after], 1)
        chosen = functional.log_softmax(self.policy(before), -1).gather(2, clicked[..., None])
        return -(gain * chosen[..., 0]).mean()


shown = torch.randint(0, ITEMS, (SESSIONS, ANSWERS, SLATE))
place = torch.randint(0, SLATE, (SESSIONS, ANSWERS))
clicked = shown.gather(2, place[..., None])[..., 0]
left = torch.zeros(SESSIONS, ANSWERS)
left[:, -1] = 1
gain = torch.rand(SESSIONS, ANSWERS)


def milliseconds(net, rate):
    adam = torch.optim.Adam(net.parameters(), rate)
    least = float('inf')
    for _ in range(3):
        start = time.process_time()
        for _ in range(STEPS):
            adam.zero_grad()
            net.loss(shown, place, clicked, left, gain).backward()
            adam.step()
        least = min(least, (time.process_time() - start) * 1e3 / STEPS)
    return least


print(f'{milliseconds(User(), 5e-3):.3f} {milliseconds(Agent(), 1e-2):.3f}')

"""What the scripts that make golden values share: numbers, derivatives, tables and JSON.

Each script sets mp.dps, the working precision in decimal digits, for itself before it computes anything.
"""

import functools
import json
import random

import numpy as np
import torch
from mpmath import libmp, mp, mpf

draw = random.Random(9)  # the chapter


# Numbers


def exact(table):
    """Doubles as mpf, through nested lists."""
    return [exact(item) for item in table] if isinstance(table, list) else mpf(table)


def nearest(table):
    """mpf as the nearest doubles, through nested lists. (float() of an mpf rounds a subnormal twice.)"""
    if isinstance(table, list):
        return [nearest(item) for item in table]
    if abs(table) <= mpf(2) ** -1075:
        return 0.0
    numerator, denominator = libmp.to_rational(table._mpf_)
    return int(numerator) / int(denominator)


def single(table):
    """The nearest float32s, as doubles, through nested lists."""
    return [single(item) for item in table] if isinstance(table, list) else float(np.float32(table))


def uniform(rows, cols, scale=1.0):
    return [[single(draw.uniform(-scale, scale)) for _ in range(cols)] for _ in range(rows)]


def one_hot(classes, cols):
    return [[float(k == label) for k in range(cols)] for label in classes]


def soft_targets(rows, cols):
    """Multiples of 1/4 that sum to exactly one, so zeros are frequent."""
    quarters = [[draw.randrange(cols) for _ in range(4)] for _ in range(rows)]
    return [[row.count(k) / 4 for k in range(cols)] for row in quarters]


def transpose(a):
    return [list(column) for column in zip(*a)]


def matmul(a, b):
    return [[sum(p * q for p, q in zip(row, column)) for column in zip(*b)] for row in a]


# Functions

exp = functools.cache(mp.exp)  # a difference in one of a row's values needs the same powers of all the others


def sigmoid(v):
    return 1 / (1 + exp(-v))


def softmax_row(z):
    top = max(z)
    powers = [exp(v - top) for v in z]
    total = sum(powers)
    return [p / total for p in powers]


def log_softmax_row(z):
    top = max(z)
    log_sum = mp.log(sum(exp(v - top) for v in z))
    return [v - top - log_sum for v in z]


def weighted_losses(y, logs):
    return [-sum(t * v for t, v in zip(*rows)) for rows in zip(y, logs)]


# Derivatives


STEP = mpf(2) ** -83  # about 1e-25, so a central difference is off by about 1e-50


def central_difference(f, v, h=STEP):
    return (f(v + h) - f(v - h)) / (2 * h)


def gradient_of(f, point):
    """The derivatives of f at a list of numbers in each of them: differences only, no formula for them."""
    return [central_difference(lambda v: f(point[:k] + [v] + point[k + 1 :]), point[k]) for k in range(len(point))]


# Optimisers

STEPS = 12
START = [1.0, -0.5, 0.0, 2.0, -3.0, 0.25, 100.0, -1e-3]


def gradient_steps():
    """Columns: ordinary, smaller, small, tiny, always zero, large, non-zero at every fourth step, constant."""
    scales = [1.0, 0.1, 1e-4, 1e-9, 0.0, 1e3, 1.0]
    rows = [[draw.uniform(-1, 1) * scale for scale in scales] + [0.5] for _ in range(STEPS)]
    for t, row in enumerate(rows):
        row[6] *= t % 4 == 0
    return [[single(g) + 0.0 for g in row] for row in rows]  # + 0.0 for no -0.0


def torch_steps(make, gradients, learning_rate, decay=0.0):
    p = tensor(START)
    optimizer = make([p])
    after = []
    for t, gradient in enumerate(gradients):
        optimizer.param_groups[0]["lr"] = learning_rate / (1 + decay * t)
        p.grad = tensor(gradient)
        optimizer.step()
        after.append(p.tolist())
    return after


def optimizer_case(name, settings, gradients, after):
    return {"name": name, "settings": settings, "start": START, "gradients": gradients, "parameters_after": after}


# Checks: mpmath against torch


def tensor(table):
    return torch.tensor(table, dtype=torch.float64)


def assert_close(golden, torch_result):
    torch.testing.assert_close(torch_result.detach(), tensor(golden), rtol=1e-12, atol=1e-14)


# JSON


def lines(group):
    """A case per line."""
    return json.dumps(group) if isinstance(group, dict) else "[\n" + ",\n".join(map(json.dumps, group)) + "\n]"


def show(groups):
    """Prints the groups of cases, by name, once all of them are made and checked."""
    text = [f'"{key}": {lines(group)}' for key, group in groups.items()]
    print("{\n" + ",\n".join(text) + "\n}")

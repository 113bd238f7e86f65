"""Makes activations.json: activation functions, and the functions of rows that go with softmax.

    python tests/golden/activations.py > tests/golden/activations.json

activations.json was made by Python 3.11.7, numpy 2.4.6, mpmath 1.3.0 and torch 2.15.0. All values are mathematics in
mpmath: inputs are doubles taken exactly, all of them exact in float32 too, and each result is rounded once, to the
nearest double. A zero result is written as 0.0, whatever its sign. Derivatives are central differences of the function
alone. The working precision is 450 digits because a difference of 1 / (1 + exp(-740)) over 1e-25 needs all but 100.

At a kink the derivative is the left one: relu'(0) = 0, leaky_relu'(0) = slope, elu'(0) = alpha. Torch agrees: the
script checks everything against it before it prints anything.
"""

import torch
from mpmath import mp, mpf

from values import STEP, assert_close, central_difference, draw, exact, gradient_of, log_softmax_row, nearest, show
from values import sigmoid, single, softmax_row, tensor, uniform

mp.dps = 450

# Activations: of a number, and torch's

ACTIVATIONS = {
    "linear": lambda v, _: v,
    "relu": lambda v, _: max(v, mpf(0)),
    "leaky_relu": lambda v, slope: v if v > 0 else slope * v,
    "elu": lambda v, alpha: v if v > 0 else alpha * mp.expm1(v),
    "gelu": lambda v, _: v * mp.erfc(-v / mp.sqrt(2)) / 2,
    "silu": lambda v, _: v * sigmoid(v),
    "sigmoid": lambda v, _: sigmoid(v),
    "tanh": lambda v, _: mp.tanh(v),
}
TORCH = {
    "linear": lambda x, _: x * 1,
    "relu": lambda x, _: torch.relu(x),
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "gelu": lambda x, _: torch.nn.functional.gelu(x),
    "silu": lambda x, _: torch.nn.functional.silu(x),
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "tanh": lambda x, _: torch.tanh(x),
}
SETTINGS = [("linear", None), ("relu", None), ("leaky_relu", 0.01), ("leaky_relu", 0.2), ("elu", 1.0), ("elu", 0.5),
            ("gelu", None), ("silu", None), ("sigmoid", None), ("tanh", None)]

# Where exp, sigmoid and erfc overflow, underflow or reach subnormals in float32 (13 to 15, 87 to 104) and float64
# (37 to 39, 708 to 746), and as far as float32 goes.
LARGE = [5.5, 9.25, 13.25, 14.5, 17.5, 19.25, 37.0, 37.5, 38.0, 38.5, 39.0, 40.0, 87.5, 89.0, 100.0, 103.0, 104.0,
         350.0, 373.0, 700.0, 709.0, 710.0, 720.0, 740.0, 745.0, 746.0, 1e4, 1e10, 1e30, 3e38]


def points():
    tiny = [10 ** draw.uniform(-30, -3) for _ in range(40)]
    x = uniform(1, 140, 3.0)[0] + uniform(1, 80, 30.0)[0]
    return x + single([sign * v for v in tiny + LARGE for sign in (1, -1)]) + [0.0, -0.0]


def derivative(f, v):
    """No difference straddles zero, where the kinks are. At zero it is the left one, too near to be off by a digit."""
    if v == 0:
        h = mpf(2) ** -200
        return (f(v) - f(v - h)) / h
    return central_difference(f, v, STEP * min(1, abs(v)))


def activation_case(name, setting, x):
    f = lambda v: ACTIVATIONS[name](v, None if setting is None else mpf(setting))
    case = {"activation": name, "setting": setting, "x": x, "y": nearest([f(v) for v in exact(x)]),
            "dydx": nearest([derivative(f, v) for v in exact(x)])}
    check_activation(case)
    return case


def check_activation(case):
    x = tensor(case["x"]).requires_grad_()
    y = TORCH[case["activation"]](x, case["setting"])
    y.sum().backward()
    assert_close(case["y"], y)
    assert_close(case["dydx"], x.grad)


def activation_cases():
    x = points()
    for name, setting in SETTINGS:
        yield activation_case(name, setting, x)


# Functions of rows

ROW_FUNCTIONS = {"softmax": softmax_row, "log_softmax": log_softmax_row}
TORCH_ROWS = {"softmax": torch.softmax, "log_softmax": torch.log_softmax, "log_sum_exp": torch.logsumexp}


def log_sum_exp(z):
    return z[0] - log_softmax_row(z)[0]


def weighted_sum(values, weights):
    return sum(v * w for v, w in zip(values, weights))


def tables():
    """x and dy by name. dy has few digits, to keep the file small."""
    large = [[3e38, 0.0, -3e38, 1.0], [3e38] * 4, [-3e38] * 4, [-3e38, 3e38, 3e38, -3e38], [-3e38, -3e38, -3e38, 0.0]]
    x = {
        "huge": single(large),
        "equal": [[0.0] * 4, [3.25] * 4, [-700.0] * 4, [1e4] * 4],
        "dominated": [[d, 0.0, 0.5, -1.0] for d in (20.0, 40.0, 90.0, 110.0, 700.0, 740.0, 760.0, 1e4)],
    }
    for width, rows in [(1, 4), (2, 8), (3, 8), (10, 6), (33, 3), (300, 1)]:
        for spread in (1.0, 10.0, 80.0, 1000.0):
            x[f"{width}_wide/spread_{spread:g}"] = uniform(rows, width, spread)
    return {name: (table, [[draw.randint(-16, 16) / 8 for _ in row] for row in table]) for name, table in x.items()}


def row_case(function, name, x, dy):
    f = ROW_FUNCTIONS[function]
    dx = [gradient_of(lambda z: weighted_sum(f(z), exact(weights)), row) for row, weights in zip(exact(x), dy)]
    case = {"function": function, "name": name, "x": x, "dy": dy, "y": nearest([f(row) for row in exact(x)]),
            "dx": nearest(dx)}
    check_row(case)
    return case


def log_sum_exp_case(name, x):
    case = {"function": "log_sum_exp", "name": name, "x": x, "y": nearest([log_sum_exp(row) for row in exact(x)])}
    check_row(case)
    return case


def check_row(case):
    x = tensor(case["x"]).requires_grad_()
    y = TORCH_ROWS[case["function"]](x, 1)
    assert_close(case["y"], y)
    if "dy" in case:
        y.backward(tensor(case["dy"]))
        assert_close(case["dx"], x.grad)


def row_cases():
    by_name = tables()
    for function in ROW_FUNCTIONS:
        for name, (x, dy) in by_name.items():
            yield row_case(function, name, x, dy)
    for name, (x, _) in by_name.items():
        yield log_sum_exp_case(name, x)


if __name__ == "__main__":
    show({"activations": activation_cases(), "rows": row_cases()})

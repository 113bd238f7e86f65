"""Makes losses.json: losses of outputs against targets, and their gradients.

    python tests/golden/losses.py > tests/golden/losses.json

losses.json was made by Python 3.11.7, numpy 2.4.6, mpmath 1.3.0 and torch 2.15.0. All values are mathematics in
mpmath: inputs are doubles taken exactly, all of them exact in float32 too, and each result is rounded once, to the
nearest double. A zero result is written as 0.0, whatever its sign. Gradients are central differences of the loss alone.
The working precision is 450 digits because a difference of 1 / (1 + exp(-700)) over 1e-25 needs some 350.

"losses" holds a loss for each row, the mean over the row's outputs except where LOSSES says otherwise. "gradient" is
that of the mean over the rows. The script checks both against torch before it prints anything; torch has no focal
loss, so there it checks autograd of the same formula.
"""

import torch
from mpmath import mp, mpf

from values import assert_close, draw, exact, gradient_of, log_softmax_row, nearest, one_hot, show
from values import sigmoid, single, soft_targets, softmax_row, tensor, uniform

mp.dps = 450

# Losses of a row of outputs y against a row of targets t


def mean(values):
    return sum(values) / len(values)


def mean_squared_error(y, t):
    return mean([(a - b) ** 2 for a, b in zip(y, t)])


def mean_absolute_error(y, t):
    return mean([abs(a - b) for a, b in zip(y, t)])


def huber(y, t, delta):
    distances = [abs(a - b) for a, b in zip(y, t)]
    return mean([d**2 / 2 if d <= delta else delta * (d - delta / 2) for d in distances])


def binary_cross_entropy(y, t):
    """Of probabilities, already clipped."""
    return mean([-(b * mp.log(a) + (1 - b) * mp.log(1 - a)) for a, b in zip(y, t)])


def log_sigmoid(v):
    return -mp.log1p(mp.exp(-v))


def sigmoid_binary_cross_entropy(y, t):
    return mean([-(b * log_sigmoid(a) + (1 - b) * log_sigmoid(-a)) for a, b in zip(y, t)])


def binary_focal(y, t, gamma, alpha=None):
    """Mean of -[alpha·t·(1 - p)^gamma·ln p + (1 - alpha)·(1 - t)·p^gamma·ln(1 - p)], p = sigmoid(y). Without an
    alpha both its factors are 1."""
    positive, negative = (1, 1) if alpha is None else (alpha, 1 - alpha)
    return mean([-(positive * b * sigmoid(-a) ** gamma * log_sigmoid(a)
                   + negative * (1 - b) * sigmoid(a) ** gamma * log_sigmoid(-a)) for a, b in zip(y, t)])


def focal(y, t, gamma):
    """The sum of -t·(1 - p)^gamma·ln p, p = softmax(y): a sum, not a mean. 1 - p is the sum of the others."""
    p, logs = softmax_row(y), log_softmax_row(y)
    others = [sum(p[:k] + p[k + 1 :], mpf(0)) for k in range(len(p))]
    return -sum(b * (o**gamma if gamma else 1) * v for b, o, v in zip(t, others, logs))


def negative_log_likelihood(y, t):
    """The sum of -t·y, for y that are log-probabilities: a sum, not a mean."""
    return -sum(a * b for a, b in zip(y, t))


LOSSES = {f.__name__: f for f in (mean_squared_error, mean_absolute_error, huber, binary_cross_entropy, focal,
                                  sigmoid_binary_cross_entropy, binary_focal, negative_log_likelihood)}


# Cases


def clip(y):
    """To [1e-7, 1 - 1e-7], where both ends are doubles. The gradient is not zero beyond: it is that at the end."""
    return [[min(max(v, 1e-7), 1 - 1e-7) for v in row] for row in y]


def case(name, loss, y, targets=None, classes=None, **settings):
    f = lambda row, t: LOSSES[loss](row, t, **{key: mpf(v) for key, v in settings.items() if v is not None})
    t = exact(targets if classes is None else one_hot(classes, len(y[0])))
    points = exact(clip(y) if loss == "binary_cross_entropy" else y)
    gradient = [gradient_of(lambda z: f(z, row_t) / len(y), row) for row, row_t in zip(points, t)]
    made = {"loss": loss, "name": name, **settings, "y": y}
    made |= {"targets": targets} if classes is None else {"classes": classes}
    made |= {"losses": nearest([f(*rows) for rows in zip(points, t)]), "gradient": nearest(gradient)}
    check(made)
    return made


SHAPES = [(1, 1), (1, 4), (5, 3), (6, 2)]


def random_cases(loss, scale, make_targets, **settings):
    for rows, cols in SHAPES:
        y = uniform(rows, cols, scale)
        yield case(f"random_{rows}x{cols}", loss, y, make_targets(rows, cols), **settings)


def zeros_and_ones(rows, cols):
    return [[float(draw.randrange(2)) for _ in range(cols)] for _ in range(rows)]


def eighths(rows, cols):
    return [[draw.randrange(9) / 8 for _ in range(cols)] for _ in range(rows)]


def regression_cases():
    targets = lambda rows, cols: uniform(rows, cols, 2.0)
    equal = [[0.5, -1.0, 0.0], [3.0, 2.0, -1.0]], [[0.5, -2.0, 0.0], [3.0, 2.0, 1.0]]
    far = [single([1e4, -1e9, 1e-9]), single([1e15, 1e-15, -3.0])], [single([-1e4, 1e9, -1e-9]), [0.0, 0.0, -2.5]]
    for loss, settings in [("mean_squared_error", {}), ("mean_absolute_error", {}), ("huber", {"delta": 1.0}),
                           ("huber", {"delta": 0.3})]:
        yield from random_cases(loss, 2.0, targets, **settings)
        yield case("equal", loss, *equal, **settings)  # where |y - t| has its kink, the gradient is 0
        yield case("far", loss, *far, **settings)


def binary_cross_entropy_cases():
    for kind, targets in [("hard", zeros_and_ones), ("soft", eighths)]:
        for rows, cols in SHAPES:
            y = single([[draw.uniform(0.01, 0.99) for _ in range(cols)] for _ in range(rows)])
            yield case(f"{kind}_{rows}x{cols}", "binary_cross_entropy", y, targets(rows, cols))
    near = single([1e-3, 1e-6, 1.1e-7, 1 - 1e-3, 1 - 1e-6])
    clipped = single([0.0, 1e-30, 9e-8, 1.0, 1 - 2**-24])  # 1 - 2**-24 is float32's greatest below one
    for t in (0.0, 1.0, 0.25):
        yield case(f"near_the_clip_{t:g}", "binary_cross_entropy", [near], [[t] * len(near)])
        yield case(f"clipped_{t:g}", "binary_cross_entropy", [clipped], [[t] * len(clipped)])


EXTREMES = [40.0, -40.0, 700.0, -700.0, 1e4, -1e4]


def sigmoid_cases():
    for kind, targets in [("hard", zeros_and_ones), ("soft", eighths)]:
        for case_ in random_cases("sigmoid_binary_cross_entropy", 5.0, targets):
            yield case_ | {"name": f"{kind}/{case_['name']}"}
    for t in (0.0, 1.0, 0.25):
        yield case(f"extremes_{t:g}", "sigmoid_binary_cross_entropy", [[v] for v in EXTREMES], [[t]] * len(EXTREMES))
    yield case("zero", "sigmoid_binary_cross_entropy", [[0.0, 0.0, 0.0]], [[0.0, 1.0, 0.5]])


def binary_focal_cases():
    extremes = [[v] for v in EXTREMES]
    for gamma in (0.0, 0.5, 2.0, 5.0):
        for alpha in (None, 0.25):
            settings = {"gamma": gamma, "alpha": alpha}
            yield from random_cases("binary_focal", 5.0, zeros_and_ones, **settings)
            for t in (0.0, 1.0):
                yield case(f"extremes_{t:g}", "binary_focal", extremes, [[t]] * len(extremes), **settings)


def focal_cases():
    confident = [[20.0, 0.0, -1.0], [0.5, 17.0, 0.0], [-15.0, -30.0, 1.0]]
    extremes = [[40.0, -40.0, 0.0], [-40.0, 0.0, 40.0], [700.0, -700.0, 0.0], [0.0, 700.0, 699.0]]
    for gamma in (0.0, 0.5, 1.0, 2.0, 5.0):
        for rows, cols in SHAPES:
            y, labels = uniform(rows, cols, 4.0), [draw.randrange(cols) for _ in range(rows)]
            yield case(f"classes_{rows}x{cols}", "focal", y, classes=labels, gamma=gamma)
            yield case(f"soft_{rows}x{cols}", "focal", y, soft_targets(rows, cols), gamma=gamma)
        yield case("confident", "focal", confident, classes=[0, 1, 2], gamma=gamma)
        for label in range(3):
            yield case(f"extremes_{label}", "focal", extremes, classes=[label] * 4, gamma=gamma)
        yield case("extremes_soft", "focal", extremes, soft_targets(4, 3), gamma=gamma)


def likelihood_cases():
    for rows, cols in SHAPES:
        y = single(nearest([log_softmax_row(row) for row in exact(uniform(rows, cols, 3.0))]))
        labels = [draw.randrange(cols) for _ in range(rows)]
        yield case(f"classes_{rows}x{cols}", "negative_log_likelihood", y, classes=labels)
        yield case(f"soft_{rows}x{cols}", "negative_log_likelihood", y, soft_targets(rows, cols))


# Checks


def check(case):
    loss, y = case["loss"], tensor(case["y"]).requires_grad_()
    if "classes" in case:
        t, labels = tensor(one_hot(case["classes"], y.shape[1])), torch.tensor(case["classes"])
    else:
        t = tensor(case["targets"])
    functional = torch.nn.functional
    if loss == "mean_squared_error":
        losses = functional.mse_loss(y, t, reduction="none").mean(1)
    elif loss == "mean_absolute_error":
        losses = functional.l1_loss(y, t, reduction="none").mean(1)
    elif loss == "huber":
        losses = functional.huber_loss(y, t, reduction="none", delta=case["delta"]).mean(1)
    elif loss == "binary_cross_entropy":
        y = tensor(clip(case["y"])).requires_grad_()
        losses = functional.binary_cross_entropy(y, t, reduction="none").mean(1)
    elif loss == "sigmoid_binary_cross_entropy":
        losses = functional.binary_cross_entropy_with_logits(y, t, reduction="none").mean(1)
    elif loss == "binary_focal":
        # exp of a logarithm, because autograd of 0 ** 0.5 is nan
        positive, negative = functional.logsigmoid(y), functional.logsigmoid(-y)
        alpha, gamma = case["alpha"], case["gamma"]
        losses = -(t * (gamma * negative).exp() * positive * (1 if alpha is None else alpha)
                   + (1 - t) * (gamma * positive).exp() * negative * (1 if alpha is None else 1 - alpha)).mean(1)
    elif loss == "focal":
        losses = -(t * torch_others(y) ** case["gamma"] * y.log_softmax(1)).sum(1)
    elif "classes" in case:
        losses = functional.nll_loss(y, labels, reduction="none")
    else:
        losses = -(t * y).sum(1)
    losses.mean().backward()
    assert_close(case["losses"], losses)
    assert_close(case["gradient"], y.grad)


def torch_others(y):
    """1 - p, never quite zero so that autograd of its powers is not nan. A row of one has no others."""
    if y.shape[1] == 1:
        return torch.ones_like(y) * 1e-300
    others = [torch.cat([y[:, :k], y[:, k + 1 :]], 1).logsumexp(1) for k in range(y.shape[1])]
    return (torch.stack(others, 1) - y.logsumexp(1, keepdim=True)).exp().clamp(min=1e-300)


def cases():
    yield from regression_cases()
    yield from binary_cross_entropy_cases()
    yield from sigmoid_cases()
    yield from binary_focal_cases()
    yield from focal_cases()
    yield from likelihood_cases()


if __name__ == "__main__":
    show({"losses": cases()})

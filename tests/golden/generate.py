"""Makes golden.json: exact values that chainrule's kernels, layers, losses and optimisers are tested against.

    python tests/golden/generate.py > tests/golden/golden.json

golden.json was made by Python 3.11.7, numpy 2.4.6, mpmath 1.3.0 and torch 2.15.0. Other versions of torch may
change the last digit of what torch computes here: "network", and "optimizers" except the book's.

All other values are mathematics in mpmath: inputs are doubles taken exactly, and each result is rounded once, to
the nearest double. The working precision is 400 digits because s - 1 for s = 1 / (1 + exp(-745)) needs 324 of
them to be seen at all. A zero result is written as 0.0, whatever its sign. Random inputs are also exact in
float32, so that the same cases serve f32 (except softmax and cross-entropy's huge_1e300 and relu's zeros).

Where mathematics and torch overlap, the script checks one against the other before it prints anything.
"""

import torch
from mpmath import mp, mpf

from values import START, assert_close, draw, exact, gradient_steps, log_softmax_row, matmul, nearest, one_hot
from values import optimizer_case, show, soft_targets, softmax_row, tensor, torch_steps, transpose, uniform
from values import weighted_losses

mp.dps = 400


# Softmax


def jacobian(s):
    return [[s[i] * ((i == j) - s[j]) for j in range(len(s))] for i in range(len(s))]


def jacobian_product(s, dy):
    inner = sum(p * q for p, q in zip(s, dy))
    return [p * (q - inner) for p, q in zip(s, dy)]


def softmax_case(name, x, dy):
    y = [softmax_row(row) for row in exact(x)]
    dx = [jacobian_product(*rows) for rows in zip(y, exact(dy))]
    case = {"name": name, "x": x, "dy": dy, "y": nearest(y), "dx": nearest(dx)}
    if len(x[0]) <= 8:
        case["jacobian"] = nearest(jacobian(y[0]))
    check_softmax(case)
    return case


# Cross-entropy


def targets(kind, labels, cols):
    """The fields that name the targets, and the targets as rows of probabilities."""
    if kind == "classes":
        return {"kind": kind, "classes": labels, "probabilities": None}, one_hot(labels, cols)
    return {"kind": kind, "classes": None, "probabilities": labels}, labels


def logits_case(name, logits, kind, labels):
    """losses = -Σ y log softmax(x); gradient = (softmax(x) - y) / rows, for y that sum to one."""
    fields, y = targets(kind, labels, len(logits[0]))
    y, z = exact(y), exact(logits)
    losses = weighted_losses(y, [log_softmax_row(row) for row in z])
    gradient = [[(s - t) / len(z) for s, t in zip(softmax_row(row), t_row)] for row, t_row in zip(z, y)]
    case = {"name": name, "logits": logits, **fields}
    case |= {"losses": nearest(losses), "gradient": nearest(gradient)}
    check_logits(case)
    return case


def probabilities_case(name, predicted, kind, labels):
    """c = ŷ clipped to [1e-7, 1 - 1e-7]; losses = -Σ y log c; gradient = -y / max(ŷ, 2^-996) / rows."""
    fields, y = targets(kind, labels, len(predicted[0]))
    y = exact(y)
    clipped = exact([[min(max(p, 1e-7), 1 - 1e-7) for p in row] for row in predicted])
    losses = weighted_losses(y, [[mp.log(p) for p in row] for row in clipped])
    bounded = exact([[max(p, 2.0**-996) for p in row] for row in predicted])
    gradient = [[-t / p / len(y) for t, p in zip(*rows)] for rows in zip(y, bounded)]
    return {"name": name, "probabilities_in": predicted, **fields,
            "losses": nearest(losses), "gradient": nearest(gradient)}


# Layers


def dense(x, weight, bias):
    return [[v + b for v, b in zip(row, bias)] for row in matmul(x, weight)]


def dense_backward(x, weight, dy):
    """dx, dweight, dbias"""
    return matmul(dy, transpose(weight)), matmul(transpose(x), dy), [sum(column) for column in zip(*dy)]


def dense_case(name, x, weight, bias, dy):
    ex, ew, eb, ed = exact([x, weight, bias, dy])
    dx, dweight, dbias = dense_backward(ex, ew, ed)
    return {"name": name, "x": x, "weight": weight, "bias": bias, "dy": dy, "y": nearest(dense(ex, ew, eb)),
            "dx": nearest(dx), "dweight": nearest(dweight), "dbias": nearest(dbias)}


def relu(x):
    return [[v if v > 0 else 0 * v for v in row] for row in x]


def relu_backward(x, dy):
    return [[d if v > 0 else 0 * d for v, d in zip(*rows)] for rows in zip(x, dy)]


def relu_case(name, x, dy):
    y, dx = relu(exact(x)), relu_backward(exact(x), exact(dy))
    return {"name": name, "x": x, "dy": dy, "y": nearest(y), "dx": nearest(dx)}


def network():
    """4 inputs, 5 ReLU, 3 classes: mean cross-entropy of 6 rows, by autograd in float64."""
    weights, biases = [uniform(4, 5), uniform(5, 3)], [uniform(1, 5)[0], uniform(1, 3)[0]]
    x, labels = uniform(6, 4, 2.0), [0, 1, 2, 2, 1, 0]
    w1, w2, b1, b2 = parameters = [tensor(p).requires_grad_() for p in weights + biases]
    logits = torch.relu(tensor(x) @ w1 + b1) @ w2 + b2
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    loss.backward()
    gradients = [p.grad.tolist() for p in parameters]
    case = {"weights": weights, "biases": biases, "x": x, "labels": labels,
            "probabilities": logits.detach().softmax(1).tolist(), "loss": loss.item(),
            "weight_gradients": gradients[:2], "bias_gradients": gradients[2:]}
    check_network(case)
    return case


# Optimisers


def book_steps(gradients, learning_rate, momentum, decay):
    """The book's momentum: v = μ·v - lr_t·g; p += v."""
    p, velocity = exact(START), [mpf(0)] * len(START)
    after = []
    for t, gradient in enumerate(exact(gradients)):
        rate = mpf(learning_rate) / (1 + mpf(decay) * t)
        velocity = [mpf(momentum) * v - rate * g for v, g in zip(velocity, gradient)]
        p = [a + v for a, v in zip(p, velocity)]
        after.append(nearest(p))
    return after


def sgd_case(name, gradients, momentum=0.0, nesterov=False, decay=0.0, form="torch"):
    """lr_t = lr / (1 + decay·t), t from 0. Torch's momentum is b = μ·b + g; p -= lr_t·b. It is not the book's once
    the rate changes: torch applies today's rate to all past gradients, the book keeps each one's own."""
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "momentum": momentum, "nesterov": nesterov}
    settings |= {"decay": decay, "momentum_form": form}
    if form == "book":
        after = book_steps(gradients, 0.1, momentum, decay)
    else:
        make = lambda p: torch.optim.SGD(p, lr=0.1, momentum=momentum, nesterov=nesterov, foreach=False)
        after = torch_steps(make, gradients, 0.1, decay)
    return optimizer_case(name, settings, gradients, after)


def adam_case(name, gradients, learning_rate=1e-3, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0):
    """weight_decay is AdamW's: p *= 1 - lr·weight_decay, before Adam's step."""
    settings = {"optimizer": "adamw" if weight_decay else "adam", "learning_rate": learning_rate}
    settings |= {"beta1": betas[0], "beta2": betas[1], "epsilon": epsilon, "weight_decay": weight_decay}
    kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
    make = lambda p: kind(p, betas=betas, eps=epsilon, weight_decay=weight_decay, foreach=False)
    return optimizer_case(name, settings, gradients, torch_steps(make, gradients, learning_rate))


# Checks: mpmath against torch


def check_softmax(case):
    x = tensor(case["x"]).requires_grad_()
    y = x.softmax(1)
    y.backward(tensor(case["dy"]))
    assert_close(case["y"], y)
    assert_close(case["dx"], x.grad)


def check_logits(case):
    x = tensor(case["logits"]).requires_grad_()
    y = torch.tensor(case["classes"]) if case["kind"] == "classes" else tensor(case["probabilities"])
    losses = torch.nn.functional.cross_entropy(x, y, reduction="none")
    losses.mean().backward()
    assert_close(case["losses"], losses)
    assert_close(case["gradient"], x.grad)


def check_network(case):
    (w1, w2), (b1, b2), x = exact(case["weights"]), exact(case["biases"]), exact(case["x"])
    z = dense(x, w1, b1)
    assert min(abs(v) for row in z for v in row) > 1e-3, "a hidden value lies too near ReLU's corner"
    hidden = relu(z)
    head = logits_case("network", nearest(dense(hidden, w2, b2)), "classes", case["labels"])
    dhidden, dw2, db2 = dense_backward(hidden, w2, exact(head["gradient"]))
    _, dw1, db1 = dense_backward(x, w1, relu_backward(z, dhidden))
    assert_close(case["loss"], tensor(head["losses"]).mean())
    assert_close(case["probabilities"], tensor(nearest([softmax_row(row) for row in exact(head["logits"])])))
    for torch_value, value in zip(case["weight_gradients"] + case["bias_gradients"], [dw1, dw2, db1, db2]):
        assert_close(nearest(value), tensor(torch_value))


# The cases

CHAPTER = [[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]]
CHAPTER_LOGITS = nearest([[mp.log(p) for p in row] for row in exact(CHAPTER)])
CHAPTER_LABELS = [0, 1, 1]
CHAPTER_DY = probabilities_case("", CHAPTER, "classes", CHAPTER_LABELS)["gradient"]

LOGITS = {
    "chapter": CHAPTER_LOGITS,
    "random_small": uniform(4, 5, 3.0),
    "one_class": [[0.5], [-1e4], [0.0]],
    "one_row": uniform(1, 4, 3.0),
    "two_classes": uniform(3, 2, 5.0),
    "many_classes": uniform(3, 33, 4.0),
    "huge_1e4": [[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [1e4, 9999.0, 9998.5]],
    "huge_700": [[700.0, -700.0, 0.0], [-700.0, -701.0, -740.0], [709.0, 710.0, 711.0]],
    "huge_1e300": [[1e300, 0.0, -1e300], [0.0, -1e300, 1.0], [1e300, 1e300, 0.0], [-1e300, -1e300, -1e300]],
    "equal": [[0.0] * 4, [3.25] * 4, [-700.0] * 4],
    "tiny_probabilities": [[0.0, -d, -1.0] for d in (40.0, 100.0, 300.0, 745.0)],
    "tiny_complements": [[-d, 0.0] for d in (40.0, 100.0, 300.0, 745.0)],
}


def softmax_cases():
    for name, x in LOGITS.items():
        yield softmax_case(name, x, CHAPTER_DY if name == "chapter" else uniform(len(x), len(x[0])))


def logits_cases():
    for name, x in LOGITS.items():
        rows, cols = len(x), len(x[0])
        labels = CHAPTER_LABELS if name == "chapter" else [draw.randrange(cols) for _ in x]
        yield logits_case(name + "/classes", x, "classes", labels)
        yield logits_case(name + "/one_hot", x, "probabilities", one_hot(labels, cols))
        yield logits_case(name + "/soft", x, "probabilities", soft_targets(rows, cols))
    for name in ("tiny_probabilities", "tiny_complements"):
        for label in (0, 1):
            yield logits_case(f"{name}/class_{label}", LOGITS[name], "classes", [label] * 4)
    yield logits_case("chapter/smoothed", CHAPTER_LOGITS, "probabilities", [[0.9, 0.05, 0.05]] * 3)


def probabilities_cases():
    tables = {
        "chapter": CHAPTER,
        "random": nearest([softmax_row(row) for row in exact(LOGITS["random_small"])]),
        "one_class": [[1.0], [1.0]],
        "one_row": [[0.125, 0.625, 0.25]],
        "zero_and_one": [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        "near_the_clip": [[p, 1 - p] for p in (1e-7, 9e-8, 1.1e-7, 1e-15, 5e-324)],
    }
    for name, p in tables.items():
        rows, cols = len(p), len(p[0])
        labels = CHAPTER_LABELS if name == "chapter" else [k % cols for k in range(rows)]
        yield probabilities_case(name + "/classes", p, "classes", labels)
        yield probabilities_case(name + "/one_hot", p, "probabilities", one_hot(labels, cols))
        yield probabilities_case(name + "/soft", p, "probabilities", soft_targets(rows, cols))
    for label in (0, 1):
        p = tables["near_the_clip"]
        yield probabilities_case(f"near_the_clip/class_{label}", p, "classes", [label] * len(p))


def dense_cases():
    yield dense_case("chapter_neuron", [[1.0, -2.0, 3.0]], [[-3.0], [-1.0], [2.0]], [1.0], [[1.0]])
    x = [[1.0, 2.0, 3.0, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]]
    weight = transpose([[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]])
    yield dense_case("chapter_layer", x, weight, [2.0, 3.0, 0.5], [[1.0] * 3, [2.0] * 3, [3.0] * 3])
    for name, rows, inputs, outputs in [("one_by_one", 1, 1, 1), ("one_row", 1, 6, 4), ("one_input", 5, 1, 3),
                                        ("one_output", 5, 3, 1), ("random", 7, 9, 5)]:
        x, weight, bias = uniform(rows, inputs, 2.0), uniform(inputs, outputs), uniform(1, outputs)[0]
        yield dense_case(name, x, weight, bias, uniform(rows, outputs))


def relu_cases():
    x = [[1.0, 2.0, -3.0, -4.0], [2.0, -7.0, -1.0, 3.0], [-1.0, 2.0, 5.0, -1.0]]
    yield relu_case("chapter", x, [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0]])
    yield relu_case("chapter_neuron", [[6.0]], [[1.0]])
    yield relu_case("zeros", [[0.0, -0.0, 5e-324, -5e-324, 1e300, -1e300]], [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    yield relu_case("random", uniform(5, 19, 2.0), uniform(5, 19))


def optimizer_cases():
    gradients = gradient_steps()
    yield sgd_case("sgd", gradients)
    momentum = sgd_case("sgd_momentum", gradients, momentum=0.9)
    yield momentum
    yield sgd_case("sgd_nesterov", gradients, momentum=0.9, nesterov=True)
    yield sgd_case("sgd_momentum_decay", gradients, momentum=0.9, decay=0.1)
    assert_close(book_steps(gradients, 0.1, 0.9, 0.0), tensor(momentum["parameters_after"]))
    yield sgd_case("sgd_book_momentum_decay", gradients, momentum=0.9, decay=0.1, form="book")
    yield adam_case("adam", gradients)
    yield adam_case("adam_settings", gradients, learning_rate=0.01, betas=(0.8, 0.99), epsilon=1e-7)
    yield adam_case("adamw", gradients, weight_decay=0.1)


def main():
    show({
        "softmax": softmax_cases(),
        "cross_entropy_logits": logits_cases(),
        "cross_entropy_probabilities": probabilities_cases(),
        "dense": dense_cases(),
        "relu": relu_cases(),
        "network": network(),
        "optimizers": optimizer_cases(),
    })


if __name__ == "__main__":
    main()

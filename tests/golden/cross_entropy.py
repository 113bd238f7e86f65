"""Makes cross_entropy.json: softmax cross-entropy with label smoothing, class weights, sample weights and an ignored
label, in every combination.

    python tests/golden/cross_entropy.py > tests/golden/cross_entropy.json

cross_entropy.json was made by Python 3.11.7, numpy 2.4.6, mpmath 1.3.0 and torch 2.15.0: the values are torch's in
float64, the gradients its autograd's. Another version of torch may change the last digit. Each value is checked to
1e-12 against mpmath, where a gradient is nothing but central differences of the loss.

    loss_i = -Σ_c w_c t_c log softmax(x_i)_c, with t = (1 - label_smoothing)·target + label_smoothing / classes;
             0 for a row whose label is the ignored one. It holds no sample weight.
    sum    = Σ_i s_i loss_i, for sample weights s, all 1 where there are none.
    mean   = sum / D. For classes, D = Σ s_i w_label over the rows that are not ignored. For probabilities, D = Σ s_i:
             class weights don't count. Without sample weights this is torch's "mean", and the script checks it.

Where every row is ignored, torch's mean is nan; here the mean and its gradient are 0. No other case has D = 0.
"""

import itertools

import torch
from mpmath import mp, mpf

from values import assert_close, draw, exact, gradient_of, log_softmax_row, nearest, one_hot, show, single
from values import soft_targets, tensor, uniform

mp.dps = 100
IGNORED = 255

CLASS_WEIGHTS = ["unweighted", "class_weights", "zero_class_weight"]
LABELS = ["all_rows", "some_ignored", "all_ignored"]
SHAPES = [(5, 3), (7, 10), (1, 2), (3, 4), (4, 1), (6, 2)]


def possible(rows, cols, class_weights, labels, sample_weighted):
    """Whether a shape has room for a class or a row of weight zero, or for an ignored row, beside ordinary ones."""
    needed = 1 + (labels == "some_ignored") + 2 * sample_weighted
    return rows >= needed and (cols > 1 or class_weights != "zero_class_weight")


def weights_of_classes(kind, labels, cols):
    if kind == "unweighted":
        return None
    weights = [single(draw.uniform(0.25, 3)) for _ in range(cols)]
    if kind == "zero_class_weight":
        weights[labels[0] if len(labels) > 1 else 1 - labels[0]] = 0.0  # a label's class, unless it is the only label
    return weights


def weights_of_samples(rows):
    """The first row weighs two, the last nothing."""
    return [2.0, *(single(draw.uniform(0, 3)) for _ in range(rows - 2)), 0.0]


def case(kind, smoothing, class_weights, ignore, sample_weighted, rows, cols, scale):
    name = [kind, f"smoothing_{smoothing}", class_weights, ignore]
    name += ["sample_weights"] * sample_weighted + [f"{rows}x{cols}"]
    logits = uniform(rows, cols, scale)
    labels = [draw.randrange(cols) for _ in range(rows)]
    weights = weights_of_classes(class_weights, labels, cols)
    if ignore == "some_ignored":
        labels = [IGNORED if k % 3 == 1 else label for k, label in enumerate(labels)]
    elif ignore == "all_ignored":
        labels = [IGNORED] * rows
    classes = labels if kind == "classes" else None
    made = {"name": "/".join(name), "logits": logits, "kind": kind, "classes": classes,
            "probabilities": soft_targets(rows, cols) if classes is None else None,
            "label_smoothing": smoothing, "class_weights": weights,
            "ignored_label": None if ignore == "all_rows" else IGNORED,
            "sample_weights": weights_of_samples(rows) if sample_weighted else None}
    made |= torch_values(made)
    check(made)
    return made


def denominator(case):
    rows, cols = len(case["logits"]), len(case["logits"][0])
    samples, weights = case["sample_weights"] or [1.0] * rows, case["class_weights"] or [1.0] * cols
    if case["kind"] == "probabilities":
        return sum(samples)
    return sum(s * weights[label] for s, label in zip(samples, case["classes"]) if label != case["ignored_label"])


def torch_values(case):
    x = tensor(case["logits"]).requires_grad_()
    y = tensor(case["probabilities"]) if case["classes"] is None else torch.tensor(case["classes"])
    settings = {"label_smoothing": case["label_smoothing"]}
    settings["weight"] = tensor(case["class_weights"]) if case["class_weights"] else None
    if case["ignored_label"] is not None:
        settings["ignore_index"] = case["ignored_label"]
    cross_entropy = lambda reduction: torch.nn.functional.cross_entropy(x, y, reduction=reduction, **settings)

    losses = cross_entropy("none")
    total = (losses * tensor(case["sample_weights"])).sum() if case["sample_weights"] else losses.sum()
    (gradient,) = torch.autograd.grad(total, x)
    divisor = denominator(case)
    if divisor == 0:
        mean, mean_gradient = torch.zeros(()), torch.zeros_like(x)
    else:
        mean, mean_gradient = total / divisor, gradient / divisor
    if case["sample_weights"] is None:
        its_own = cross_entropy("mean")
        assert its_own.isnan() if divisor == 0 else torch.isclose(its_own, mean, rtol=1e-14, atol=0)
    values = {"losses": losses, "sum": total, "mean": mean, "gradient_sum": gradient, "gradient_mean": mean_gradient}
    return {key: (value.detach() + 0.0).tolist() for key, value in values.items()}  # + 0.0 for no -0.0


def check(case):
    """Against mpmath. Rows are independent of each other, so a row's differences need only its own loss."""
    rows, cols = len(case["logits"]), len(case["logits"][0])
    smoothing, weights = mpf(case["label_smoothing"]), exact(case["class_weights"] or [1.0] * cols)
    targets = exact(case["probabilities"] or one_hot(case["classes"], cols))
    samples = exact(case["sample_weights"] or [1.0] * rows)
    ignored = [label == IGNORED for label in case["classes"] or [None] * rows]

    def row_loss(i, logits):
        smoothed = [(1 - smoothing) * t + smoothing / cols for t in targets[i]]
        return -sum(w * t * v for w, t, v in zip(weights, smoothed, log_softmax_row(logits))) * (not ignored[i])

    logits = exact(case["logits"])
    losses = [row_loss(i, row) for i, row in enumerate(logits)]
    total = sum(s * loss for s, loss in zip(samples, losses))
    gradient = [gradient_of(lambda z: samples[i] * row_loss(i, z), row) for i, row in enumerate(logits)]
    divisor = mpf(denominator(case))
    assert (divisor == 0) == all(ignored)
    share = 0 if divisor == 0 else 1 / divisor
    found = {"losses": losses, "sum": total, "mean": share * total, "gradient_sum": gradient}
    found["gradient_mean"] = [[share * g for g in row] for row in gradient]
    for key, value in found.items():
        assert_close(nearest(value), tensor(case[key]))


def cases():
    """Each combination in two shapes, which take turns."""
    shapes = itertools.cycle(SHAPES)
    scales = itertools.cycle([4.0, 1.0, 4.0, 40.0, 4.0])
    for kind, smoothing, class_weights, ignore, sample_weighted in itertools.product(
            ["classes", "probabilities"], [0.0, 0.1, 0.9], CLASS_WEIGHTS, LABELS, [False, True]):
        if kind == "probabilities" and ignore != "all_rows":
            continue
        suited = (shape for shape in shapes if possible(*shape, class_weights, ignore, sample_weighted))
        for shape in itertools.islice(suited, 2):
            yield case(kind, smoothing, class_weights, ignore, sample_weighted, *shape, next(scales))


if __name__ == "__main__":
    show({"cross_entropy": cases()})

"""Makes softmax_regression.json: regularised softmax regressions and their optima.

    python tests/golden/softmax_regression.py > tests/golden/softmax_regression.json

softmax_regression.json was made by Python 3.11.7, numpy 2.4.6 and scikit-learn 1.9.1, in float64: LogisticRegression with the solver
newton-cholesky and a tolerance of 1e-12. The objective is computed here, from its coefficients: the sum of the rows' losses by their
weights, and half of l2 times the sum of the squared weights, without the intercepts.

For two classes scikit-learn fits one vector w. With weights of -w / 2 and w / 2 it is the same model, whose squares are half as
large, so its C is 2 / l2 there.
"""

import json
import math

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

draw = np.random.default_rng(6)


def optimum(x, y, classes, l2, class_weight=None, sample_weight=None):
    binary = classes == 2
    model = LogisticRegression(C=(2 if binary else 1) / l2, solver="newton-cholesky", tol=1e-12, max_iter=1000,
                               class_weight=class_weight)
    model.fit(x, y, sample_weight=sample_weight)
    w, b = model.coef_, model.intercept_
    if binary:
        w, b = np.concatenate([-w, w]) / 2, np.concatenate([-b, b]) / 2
    w, b = w - w.mean(0), b - b.mean()
    z = x @ w.T + b
    losses = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1) - z[np.arange(len(y)), y]
    counts = np.ones(len(y)) if sample_weight is None else np.array(sample_weight)
    if class_weight == "balanced":
        counts = counts * compute_class_weight("balanced", classes=np.arange(classes), y=y)[y]
    elif class_weight is not None:
        counts = counts * np.array([class_weight[k] for k in range(classes)])[y]
    objective = math.fsum(counts * losses) + 0.5 * l2 * math.fsum((w * w).ravel())
    return dict(objective=objective, weights=w.T.tolist(), intercepts=b.tolist())


def small():
    for classes, rows, inputs, l2, weighted in [(2, 40, 3, 1.0, False), (3, 60, 4, 0.01, False), (4, 60, 5, 1.0, True),
                                                (7, 90, 3, 30.0, True), (2, 50, 2, 0.1, True)]:
        x = draw.standard_normal((rows, inputs)).astype(np.float32).astype(float)
        y = np.concatenate([np.arange(classes), np.argmax(x @ draw.standard_normal((inputs, classes))
                            + draw.gumbel(size=(rows, classes)), 1)[classes:]])
        case = dict(x=x.tolist(), labels=y.tolist(), classes=classes, l2=l2)
        weights = {}
        if weighted:
            weights["sample_weight"] = (draw.integers(0, 8, rows) / 2).tolist()
            case["sample_weights"] = weights["sample_weight"]
            weights["class_weight"] = {k: 0.5 + k / 4 for k in range(classes)}
            case["class_weights"] = list(weights["class_weight"].values())
        yield case | optimum(x, y, classes, l2, **weights)


def digits():
    """Of the digits divided by 16, objectives alone."""
    x, y = load_digits(return_X_y=True)
    for l2, class_weight in [(1.0, None), (0.1, None), (20.0, None), (1.0, "balanced")]:
        found = optimum(x / 16, y, 10, l2, class_weight=class_weight)
        yield dict(l2=l2, balanced=class_weight is not None, objective=found["objective"])


def lines(made):
    return ",\n".join(json.dumps(case, allow_nan=False) for case in made)


if __name__ == "__main__":
    print('{"small": [\n' + lines(small()) + '\n],\n"digits": [\n' + lines(digits()) + "\n]}")

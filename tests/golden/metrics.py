"""Makes metrics.json: true classes, probabilities and weights, and every metric of them.

    python tests/golden/metrics.py > tests/golden/metrics.json

metrics.json was made by Python 3.11.7, numpy 2.4.6 and scikit-learn 1.9.1, in float64. Probabilities and weights are exact in
float32. Whatever is not defined (NaN in scikit-learn) is null.

Two metrics are computed here: the expected calibration error, which scikit-learn does not have, and top-k accuracy, where of equal
probabilities the first counts as the higher (the last in scikit-learn, which is asked where there are none).
"""

import json
import warnings

import numpy as np
from sklearn import metrics

draw = np.random.default_rng(20)


def optional(value):
    return None if np.isnan(value) else float(value)


def one_roc_auc(truth, scores, weights):
    """scikit-learn's of one class. Where all weight is on one side it raises, or says NaN."""
    w = np.ones(len(truth)) if weights is None else weights
    if w[truth].sum() == 0 or w[~truth].sum() == 0:
        return None
    return optional(metrics.roc_auc_score(truth, scores, sample_weight=weights))


def roc_auc(y, p, weights, average):
    if p.shape[1] == 2:
        return one_roc_auc(y == 1, p[:, 1], weights)
    w = np.ones(len(y)) if weights is None else weights
    support = np.array([w[y == k].sum() for k in range(p.shape[1])])
    if average == "macro" and (support == 0).any() or (support == w.sum()).any():
        return None
    if (support == 0).any() and any((y == k).any() for k in np.flatnonzero(support == 0)):
        # Rows of weight 0 alone: scikit-learn's curve of that class divides by 0, so they are left out before.
        kept = w > 0
        y, p, weights = y[kept], p[kept], w[kept]
    return optional(metrics.roc_auc_score(y, p, sample_weight=weights, multi_class="ovr", average=average,
                                          labels=range(p.shape[1])))


def top_k(y, p, weights, k):
    own = p[np.arange(len(y)), y][:, None]
    before = (p > own).sum(1) + ((p == own) & (np.arange(p.shape[1]) < y[:, None])).sum(1)
    accuracy = np.average(before < k, weights=weights)
    if all(len(set(row)) == len(row) for row in p.tolist()):
        if p.shape[1] == 2:
            # There it takes one column, and whether that is above one half.
            theirs = metrics.top_k_accuracy_score(y, p[:, 1], k=k, sample_weight=weights, labels=[0, 1])
        else:
            theirs = metrics.top_k_accuracy_score(y, p, k=k, sample_weight=weights, labels=range(p.shape[1]))
        np.testing.assert_allclose(accuracy, theirs, rtol=1e-12)
    return float(accuracy)


def calibration(y, p, weights, bins):
    w = np.ones(len(y)) if weights is None else weights
    confidence, right = p.max(1), p.argmax(1) == y
    rows = []
    for i in range(bins):
        low, high = i / bins, (i + 1) / bins
        inside = (confidence > low if i else True) & (confidence <= high if i < bins - 1 else True)
        total = w[inside].sum()
        mean = (lambda v: float((w * v)[inside].sum() / total)) if total > 0 else (lambda v: 0.0)
        rows.append([float(total), mean(confidence), mean(right)])
    error = sum(abs(c - a) * n for n, c, a in rows) / w.sum()
    return {"bins": rows, "error": float(error)}


def log_loss(y, p, weights, kind):
    epsilon = float(np.finfo(kind).eps)
    p = np.clip(p, epsilon, 1 - epsilon)
    if p.shape[1] == 1:
        return float(np.average(-np.log(p[np.arange(len(y)), y]), weights=weights))
    return float(metrics.log_loss(y, p, sample_weight=weights, labels=range(p.shape[1])))


def case(name, y, p, weights=None):
    classes = p.shape[1]
    c = metrics.confusion_matrix(y, p.argmax(1), labels=range(classes), sample_weight=weights)
    arguments = dict(sample_weight=weights, zero_division=0)
    predicted = p.argmax(1)
    per_class = metrics.precision_recall_fscore_support(y, predicted, labels=range(classes), **arguments)
    averages = {average: list(map(float, metrics.precision_recall_fscore_support(y, predicted, average=average,
                                                                                 **arguments)[:3]))
                for average in ("micro", "macro", "weighted")}
    ks = range(1, min(5, classes) + 1)
    return {
        "name": name, "labels": y.tolist(), "probabilities": p.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "confusion": c.astype(float).tolist(),
        "accuracy": metrics.accuracy_score(y, predicted, sample_weight=weights),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted, sample_weight=weights),
        "matthews": metrics.matthews_corrcoef(y, predicted, sample_weight=weights),
        "kappa": optional(metrics.cohen_kappa_score(y, predicted, sample_weight=weights)),
        "classes": np.transpose(per_class).tolist(), "averages": averages,
        "top_k": [top_k(y, p, weights, k) for k in ks],
        "log_loss_f32": log_loss(y, p, weights, np.float32), "log_loss_f64": log_loss(y, p, weights, np.float64),
        "brier": float(metrics.brier_score_loss(y, p, sample_weight=weights, labels=range(classes),
                                                scale_by_half=False)) if classes > 1 else 0.0,
        "brier_half": float(metrics.brier_score_loss(y, p, sample_weight=weights, labels=range(classes),
                                                     scale_by_half=True)) if classes > 1 else 0.0,
        "roc_auc": [one_roc_auc(y == k, p[:, k], weights) for k in range(classes)],
        "roc_auc_macro": roc_auc(y, p, weights, "macro"), "roc_auc_weighted": roc_auc(y, p, weights, "weighted"),
        "calibration": calibration(y, p, weights, 15),
    }


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True)).astype(np.float32).astype(np.float64)


def predicted(y, classes, skill, spread=1.0):
    """Probabilities that lean to the truth by `skill`."""
    return softmax(spread * (draw.normal(size=(len(y), classes)) + skill * np.eye(classes)[y]))


def coarse(rows, classes):
    """Eighths, so that many are equal."""
    return draw.multinomial(8, np.full(classes, 1 / classes), size=rows) / 8.0


def weights(rows):
    """Some of them 0."""
    return (draw.uniform(0, 3, rows) * (draw.uniform(size=rows) > 0.2)).astype(np.float32).astype(np.float64)


def cases():
    for classes in (2, 3, 12):
        for skill in (0.0, 1.5, 30.0):
            y = draw.integers(classes, size=30)
            yield case(f"classes_{classes}_skill_{skill:g}", y, predicted(y, classes, skill))
            yield case(f"classes_{classes}_skill_{skill:g}_weighted", y, predicted(y, classes, skill), weights(30))
        y = draw.integers(classes, size=24)
        yield case(f"ties_{classes}", y, coarse(24, classes))
        yield case(f"ties_{classes}_weighted", y, coarse(24, classes), weights(24))
        y = np.zeros(20, int)
        yield case(f"one_class_of_{classes}", y, predicted(y, classes, 1.0))
        yield case(f"one_row_of_{classes}", y[:1], predicted(y[:1], classes, 1.0))
        sure = np.eye(classes)[draw.integers(classes, size=30)]
        yield case(f"sure_{classes}", draw.integers(classes, size=30), sure)
    # Classes 1 and 4 without rows, 4 never predicted either.
    y = np.array([0, 2, 3, 5])[draw.integers(4, size=30)]
    p = predicted(y, 6, 1.0)
    p[:, 4] /= 2**40
    p = (p / p.sum(1, keepdims=True)).astype(np.float32).astype(np.float64)
    yield case("absent", y, p)
    yield case("absent_weighted", y, p, weights(30))
    y = draw.integers(4, size=24)
    w = weights(24)
    w[y == 1] = 0
    yield case("a_class_of_weight_0", y, predicted(y, 4, 1.0), w)
    yield case("never_predicted", y, softmax(draw.normal(size=(24, 4)) + [9.0, 0, 0, 0]))
    y = draw.integers(3, size=24)
    yield case("overconfident", y, predicted(y, 3, 1.0, spread=20.0))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print('{"metrics": [\n' + ",\n".join(json.dumps(made, allow_nan=False) for made in cases()) + "\n]}")

"""Softmax regression to the optimum, beside scikit-learn's solvers and linfa's: time to the same objective.

    make compare-regression
    make compare-regression COMPARE_ARGS="--data digits gaussian --rounds 7"

The objective is scikit-learn's with C = 1: the sum of the rows' losses and half the squared weights, intercepts free. All programs read the
same arrays of 64-bit floats (which some round to 32), have the same CPUs, and time their own fit alone; rounds follow each other, ours first in each. Objective
and gradient are computed here, from the parameters that each program gives back, in 64 bits. A ratio is the median over the rounds of a
program's time by ours.

Writes regression.md.
"""

import argparse
import datetime
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import compare

DATA = ["digits", "gaussian", "fashion"]
TITLES = {
    "digits": "the digits / 16, (1,797, 64), 10 classes",
    "gaussian": "normal inputs, (100,000, 32), 10 classes",
    "fashion": "Fashion-MNIST / 255, (60,000, 784), 10 classes",
}
# Program, solver, and tolerance, each by its own measure: such that chainrule's newton-cg ends at the objective of scikit-learn's
# fastest solver or below.
PROGRAMS = {
    "digits": [("chainrule", "newton-cg", 2e-6), ("chainrule", "lbfgs", 1e-7), ("scikit-learn", "newton-cg", 1e-6),
               ("scikit-learn", "newton-cholesky", 1e-6), ("scikit-learn", "lbfgs", 1e-6), ("linfa", "lbfgs", 1e-6)],
    "gaussian": [("chainrule", "newton-cg", 1e-6), ("chainrule", "lbfgs", 1e-7), ("scikit-learn", "newton-cg", 1e-6),
                 ("scikit-learn", "newton-cholesky", 1e-6), ("scikit-learn", "lbfgs", 1e-6), ("linfa", "lbfgs", 1e-4)],
    "fashion": [("chainrule", "newton-cg", 5e-6), ("chainrule, f32 rows", "newton-cg", 5e-6),
                ("scikit-learn", "newton-cg", 1e-6), ("scikit-learn, f32 rows", "newton-cg", 1e-6)],
}


def make(name, directory, data_dir):
    """Writes x.npy and labels.npy."""
    import numpy as np

    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        x = x / 16
    elif name == "gaussian":
        draw = np.random.default_rng(0)
        x = draw.standard_normal((100_000, 32))
        y = np.argmax(x @ draw.standard_normal((32, 10)) + 2 * draw.gumbel(size=(100_000, 10)), 1)
    else:
        images, labels = data_dir / "train-images-idx3-ubyte.gz", data_dir / "train-labels-idx1-ubyte.gz"
        x = np.frombuffer(gzip.open(images).read(), np.uint8, offset=16).reshape(-1, 784) / 255
        y = np.frombuffer(gzip.open(labels).read(), np.uint8, offset=8)
    np.save(directory / "x.npy", np.ascontiguousarray(x, dtype=np.float64))
    np.save(directory / "labels.npy", y.astype(np.float64))


def fit_sklearn(precision, directory, solver, tolerance):
    import warnings

    import numpy as np
    from sklearn.linear_model import LogisticRegression

    warnings.simplefilter("ignore")
    x, y = np.load(directory / "x.npy"), np.load(directory / "labels.npy").astype(int)
    x = x.astype(np.float32) if precision == "f32" else x
    model = LogisticRegression(C=1.0, solver=solver, tol=tolerance, max_iter=10_000)
    start = time.perf_counter()
    model.fit(x, y)
    seconds = time.perf_counter() - start
    print(json.dumps(dict(seconds=seconds, iterations=int(model.n_iter_.max()), weights=model.coef_.T.ravel().tolist(),
                          intercepts=model.intercept_.tolist())))


def measure(directory, reports):
    """Objective and gradient of every report of one data set."""
    import numpy as np

    x, y = np.load(directory / "x.npy"), np.load(directory / "labels.npy").astype(int)
    rows, classes = np.arange(len(y)), y.max() + 1

    def at(w, b):
        z = x @ w + b
        z -= z.max(1, keepdims=True)
        e = np.exp(z)
        total = e.sum(1, keepdims=True)
        objective = (np.log(total[:, 0]) - z[rows, y]).sum() + 0.5 * (w * w).sum()
        d = e / total
        d[rows, y] -= 1
        return objective, np.sqrt(((x.T @ d + w) ** 2).sum() + (d.sum(0) ** 2).sum())

    _, start = at(np.zeros((x.shape[1], classes)), np.zeros(classes))
    for report in reports:
        w = np.array(report.pop("weights")).reshape(x.shape[1], classes)
        report["objective"], gradient = at(w, np.array(report.pop("intercepts")))
        report["gradient"] = gradient
        report["relative_gradient"] = gradient / start


def run(program, directory, solver, tolerance, python):
    rust = compare.TARGET / "rust" / "release"
    command = {
        "chainrule": [rust / "compare-regression", "f64"],
        "chainrule, f32 rows": [rust / "compare-regression", "f32"],
        "linfa": [rust / "compare-linfa"],
        "scikit-learn": [python, Path(__file__).resolve(), "--fit", "f64"],
        "scikit-learn, f32 rows": [python, Path(__file__).resolve(), "--fit", "f32"],
    }[program]
    command = [*command, directory, solver, tolerance]
    return json.loads(compare.call(command, f"{program} {solver}", compare.default_environment()).splitlines()[-1])


def table(name, results):
    ours = results["chainrule", "newton-cg"]
    lines = [f"## {TITLES[name]}", "", "| program | solver | tolerance | seconds | by ours | objective | gradient | of that at 0 | runs |",
             "|---|---|---|---|---|---|---|---|---|"]
    for (program, solver), reports in results.items():
        seconds = statistics.median(report["seconds"] for report in reports)
        ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(reports, ours))
        last = reports[-1]
        lines.append(f"| {program} | {solver} | {last['tolerance']:g} | {seconds:.3g} | {ratio:.3g}× | {last['objective']:.9f} | "
                     f"{last['gradient']:.2e} | {last['relative_gradient']:.1e} | {len(reports)} |")
    return [*lines, ""]


def main():
    if sys.argv[1:2] == ["--fit"]:
        precision, directory, solver, tolerance = sys.argv[2:]
        return fit_sklearn(precision, Path(directory), solver, float(tolerance))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--rounds", type=int, default=5, help="of fashion two at most, as scikit-learn takes minutes")
    parser.add_argument("--data-dir", type=Path, default=compare.DATA_DIR)
    parser.add_argument("--out", type=Path, default=compare.ROOT / "docs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    python = compare.python_with_peers()
    if not args.inside:
        compare.build_rust(("regression", "linfa"))
        # Once more, where NumPy and scikit-learn are.
        os.execv(python, [str(python), str(Path(__file__).resolve()), *sys.argv[1:], "--inside"])
    import numpy
    import sklearn

    linfa = next(line for line in (compare.RUST / "linfa" / "Cargo.toml").read_text().splitlines() if "linfa-logistic" in line)
    lines = [
        "# Softmax regression beside its peers", "",
        f"Printed by `make compare-regression` on {datetime.date.today()}; {compare.cpu()}; scikit-learn {sklearn.__version__}, "
        f"numpy {numpy.__version__}, {linfa.replace(' = ', ' ').replace(chr(34), '')}; 64-bit floats unless said. Σ loss + ½ ‖W‖², intercepts free (scikit-learn's "
        "C = 1). Medians of alternating runs, each a process that times its own fit; objective and gradient computed from the parameters "
        "by one script. Each solver's tolerance is by its own measure.", "",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        for name in args.data:
            directory = Path(temporary) / name
            directory.mkdir()
            make(name, directory, args.data_dir)
            results = {(program, solver): [] for program, solver, _ in PROGRAMS[name]}
            for number in range(args.rounds if name != "fashion" else min(2, args.rounds)):
                for program, solver, tolerance in PROGRAMS[name]:
                    report = run(program, directory, solver, tolerance, python) | {"tolerance": tolerance}
                    results[program, solver].append(report)
                    compare.progress(f"{name}, round {number + 1}: {program} {solver} {report['seconds']:.3f} s")
            measure(directory, [report for reports in results.values() for report in reports])
            lines += table(name, results)
    (args.out / "regression.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()

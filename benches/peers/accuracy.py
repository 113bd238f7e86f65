"""Trains chainrule and scikit-learn's MLPClassifier on the same rows, and prints the test accuracy of both.

The same layers, initialiser, optimiser (Adam), learning rate, batch size and number of epochs, on inputs standardised by the training rows
(images of Fashion-MNIST: divided by 255), for several seeds of the parameters, the order and, but for Fashion-MNIST, the split. `make
accuracy` runs it.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parent))
from protocol import DATA_DIR, fashion_mnist  # noqa: E402

# name: (hidden widths, batch size, epochs, seeds)
WORKS = {
    "digits": ((64, 32), 32, 60, 10),
    "wine": ((32,), 16, 100, 20),
    "breast-cancer": ((32,), 32, 50, 20),
    "fashion-mnist": ((128, 128), 128, 10, 10),
}
LARGEST_DIFFERENCE = 0.005


def from_sklearn(load, seed):
    """Rows and labels of one of scikit-learn's sets, a quarter to test. Labels are names."""
    data = load()
    names = np.array([str(name) for name in data.target_names])
    return train_test_split(data.data, names[data.target], test_size=0.25, stratify=data.target, random_state=seed)


def load(name, seed, data_dir):
    """train and test inputs, train and test labels; all but Fashion-MNIST is cut by the seed"""
    if name == "fashion-mnist":
        (train, y), (test, z) = (fashion_mnist(data_dir, part) for part in ("train", "t10k"))
        return train, test, y, z
    return from_sklearn({"digits": load_digits, "wine": load_wine, "breast-cancer": load_breast_cancer}[name], seed)


def write_csv(path, x, y):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"x{i}" for i in range(x.shape[1])] + ["label"])
        writer.writerows([*row, label] for row, label in zip(x.tolist(), y))


def sklearn_accuracy(parts, hidden, batch, epochs, seed, scale):
    x, x_test, y, y_test = parts
    if scale:
        scaler = StandardScaler().fit(x)
        x, x_test = scaler.transform(x), scaler.transform(x_test)
    model = MLPClassifier(hidden, batch_size=batch, max_iter=epochs, n_iter_no_change=epochs, tol=0.0, alpha=0.0, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    return model.score(x_test, y_test)


def chainrule_accuracy(program, options, hidden, batch, epochs, seed, directory):
    command = [program, "train", *options, "--hidden", ",".join(map(str, hidden)), "--batch", batch, "--epochs", epochs]
    command += ["--initializer", "glorot-uniform", "--seed", seed, "--json", "--checkpoint-every", 0, "--out", directory / "out"]
    result = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)["test_accuracy"]


def measure(name, program, data_dir):
    """Test accuracies of both for each seed, on the same rows."""
    hidden, batch, epochs, seeds = WORKS[name]
    images = name == "fashion-mnist"
    ours, theirs = [], []
    for seed in range(seeds):
        parts = load(name, seed, data_dir)
        with tempfile.TemporaryDirectory() as directory:
            directory = Path(directory)
            options = ["--data", "fashion-mnist", "--data-dir", data_dir]
            if not images:
                for part, x, y in (("train", parts[0], parts[2]), ("test", parts[1], parts[3])):
                    write_csv(directory / f"{part}.csv", x, y)
                options = ["--data", directory / "train.csv", "--test-data", directory / "test.csv"]
            ours.append(chainrule_accuracy(program, options, hidden, batch, epochs, seed, directory))
        theirs.append(sklearn_accuracy(parts, hidden, batch, epochs, seed, not images))
    return np.array(ours), np.array(theirs), len(parts[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=Path("target/release/chainrule"))
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS), metavar="SET", help=", ".join(WORKS))
    parser.add_argument("--data-dir", type=Path, default=DATA_DIR, help="Fashion-MNIST, the four gzipped IDX files")
    args = parser.parse_args()
    print(f"Mean test accuracy over the seeds; of the difference on the same rows, the standard error; scikit-learn {sklearn.__version__}\n")
    print("| data | test rows | hidden | seeds | chainrule | scikit-learn | difference |")
    print("|---|---|---|---|---|---|---|")
    within = True
    for name in args.works:
        ours, theirs, rows = measure(name, args.program, args.data_dir)
        differences = ours - theirs
        difference, error = differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))
        within &= difference >= -LARGEST_DIFFERENCE
        hidden = ", ".join(map(str, WORKS[name][0]))
        means = f"{ours.mean():.4f} | {theirs.mean():.4f}"
        print(f"| {name} | {rows} | {hidden} | {len(ours)} | {means} | {difference:+.4f} ± {error:.4f} |", flush=True)
    if not within:
        sys.exit(f"error: chainrule is more than {LARGEST_DIFFERENCE} below scikit-learn")


if __name__ == "__main__":
    main()

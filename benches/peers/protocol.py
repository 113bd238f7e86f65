"""What the Python programs have in common: their flags, their clock, their data, and the one line of JSON that each prints.

`rust/protocol` is the same in Rust.
"""

import argparse
import gzip
import importlib.metadata
import json
import time
from pathlib import Path

import numpy as np

DATA_DIR = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package dataset-fashion-mnist puts its files
CLASSES = 10
PIXELS = 784


def run(works, packages, variants=("",)):
    """Does the work that the command line asks for, one of `works` (name: function of the arguments that gives a report)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=works)
    parser.add_argument("--variant", choices=variants, default=variants[0], help="which form of the peer")
    parser.add_argument("--hidden", type=lambda text: [int(width) for width in text.split(",")], default=[128, 128])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2, help="timed epochs, after one that warms up")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a call is repeated")
    parser.add_argument("--data-dir", type=Path, default=DATA_DIR)
    args = parser.parse_args()
    report = works[args.work](args)
    print(json.dumps(report | {"versions": {name: importlib.metadata.version(name) for name in packages}}))


def time_epochs(args, epoch, correct):
    """Report of a training: `epoch(number)` runs one, `correct(images, labels)` tells which predictions are right."""
    seconds = []
    for number in range(1 + args.epochs):
        start = time.perf_counter()
        epoch(number)
        seconds.append(time.perf_counter() - start)
    peak = peak_memory()
    accuracy = float(np.mean(correct(*fashion_mnist(args.data_dir, "t10k"))))
    return {"seconds": float(np.median(seconds[1:])), "test_accuracy": accuracy, "peak_memory": peak}


def time_calls(seconds, call):
    """Repeats `call` for a fifth of `seconds` to warm up, then for `seconds` and at least three times."""

    def repeat(seconds):
        times, start = [], time.perf_counter()
        while len(times) < 3 or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            call()
            times.append(time.perf_counter() - before)
        return times

    repeat(seconds / 5)
    times = repeat(seconds)
    return {"seconds": float(np.median(times)), "p99": float(np.quantile(times, 0.99))}


def peak_memory():
    """Peak of the resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def fashion_mnist(directory, part):
    """Images as float32 rows in [0, 1], and labels, of the part `train` or `t10k`."""
    images = gzip.decompress((directory / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((directory / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, PIXELS).astype(np.float32)
    x /= 255
    return x, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def normal(*shape):
    """Random numbers."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def labels(args):
    """A label for each row."""
    return np.arange(args.rows) * 7919 % args.classes


def softmax(x):
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)

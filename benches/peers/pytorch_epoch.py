"""Seconds per epoch of the dense classifier 784-128-128-10 on Fashion-MNIST, in PyTorch, float32, on the CPU.

    python benches/peers/pytorch_epoch.py --threads 2 --fused

ReLU between the layers, CrossEntropyLoss, Adam at 1e-3. The plainest fast way: no DataLoader; all images are one
tensor, indexed by a new permutation in each epoch. An epoch's time covers shuffling and every step, with the last,
smaller batch.
Prints one line of JSON. The default directory is where Debian's package dataset-fashion-mnist puts its files.
"""

import argparse
import gzip
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--hidden", default="128,128", help="widths of the hidden layers (default 128,128)")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fused", action="store_true", help="Adam(fused=True)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def load(directory, part):
    """Images as float32 rows in [0, 1], and labels."""
    images = gzip.decompress((directory / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((directory / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / 255
    return torch.from_numpy(x), torch.from_numpy(np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))


def classifier(widths):
    layers = [nn.Linear(widths[0], widths[1])]
    for inputs, outputs in zip(widths[1:], widths[2:]):
        layers += [nn.ReLU(), nn.Linear(inputs, outputs)]
    return nn.Sequential(*layers)


def train_epoch(model, optimizer, loss, x, y, batch):
    for indices in torch.randperm(len(x)).split(batch):
        optimizer.zero_grad()
        loss(model(x[indices]), y[indices]).backward()
        optimizer.step()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    x, y = load(args.data_dir, "train")
    test_x, test_y = load(args.data_dir, "t10k")
    model = classifier([784, *map(int, args.hidden.split(",")), 10])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=args.fused)

    seconds = []
    for _ in range(args.epochs):
        start = time.perf_counter()
        train_epoch(model, optimizer, nn.CrossEntropyLoss(), x, y, args.batch)
        seconds.append(round(time.perf_counter() - start, 4))

    with torch.inference_mode():
        accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
    print(json.dumps({
        "peer": "pytorch", "hidden": args.hidden, "batch": args.batch, "fused": args.fused, "seed": args.seed,
        "epoch_seconds": seconds, "median": statistics.median(seconds), "test_accuracy": round(accuracy, 4),
        "torch": torch.__version__, "threads": torch.get_num_threads(),
    }))


if __name__ == "__main__":
    main()

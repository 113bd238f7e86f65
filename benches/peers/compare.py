"""chainrule beside its peers, work by work: one protocol, alternating runs, one table.

    make compare
    make compare COMPARE_ARGS="--works epoch-128 predict-1 --rounds 3"
    make compare COMPARE_ARGS=--quick

Makes a virtual environment with the Python peers (requirements.txt) and builds the Rust programs under target/peers. Every
run is a whole process that warms up, times its own loop and prints a line of JSON; a round runs ours, then each peer, and the
rounds follow each other. The figure of a program is the median of its rounds. All get the same CPUs and as many threads, and
choose their kernels by themselves: environment variables that would choose for them are left out, with a line that names them.
A peer that takes over twice as long as the fastest one is not run again: it cannot decide the ratio.

Writes comparison.md, comparison.svg and comparison.json.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from math import ceil, log2
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target" / "peers"
RUST = HERE / "rust"
DATA_DIR = Path("/usr/share/datasets/fashion-mnist")
DATA_FILES = [
    f"{part}-{what}.gz" for part in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
]
# How the names of environment variables begin that choose kernels or threads for a program.
CHOICES = ("CHAINRULE_SIMD", "OPENBLAS_", "OMP_", "MKL_", "ONEDNN_", "DNNL_", "ATEN_", "XLA_", "RAYON_")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
OURS, COMPILED = "chainrule", "PyTorch, compiled"
# A program (a file of this directory, or a package in rust/), and its variant.
PEERS = {
    OURS: ("chainrule", ""),
    "PyTorch": ("with_pytorch.py", "eager"),
    "PyTorch, fused Adam": ("with_pytorch.py", "fused"),
    COMPILED: ("with_pytorch.py", "compiled"),
    "JAX": ("with_jax.py", ""),
    "scikit-learn": ("with_sklearn.py", ""),
    "onnxruntime": ("with_onnxruntime.py", ""),
    "NumPy, the book's classes": ("with_numpy.py", ""),
    "burn, flex": ("burn", "flex"),
    "burn, ndarray with OpenBLAS": ("burn", "ndarray"),
    "candle": ("candle", ""),
}
TRAINED = [peer for peer in PEERS if peer not in (OURS, "onnxruntime")]
# The others take minutes: PyTorch's other forms about as long as this one, the rest over twice as long as the fastest.
TRAINED_WIDE = ["JAX", "PyTorch, fused Adam", "burn, flex"]
# Rows of Fashion-MNIST's training part: pixels and label, a byte each.
DATA_BYTES = 60_000 * 785
MEMORY_GOAL = DATA_BYTES + 60_000_000


@dataclass
class Work:
    """What is timed: the arguments of a program, who is asked, and how many times faster ours shall be."""

    name: str
    title: str
    arguments: list
    peers: list
    goal: float
    threads: int = 1
    # What a time is divided by, and how it is then called.
    unit: tuple = (1e-6, "µs")
    results: dict = field(default_factory=dict)


def epoch(name, hidden, batch, epochs, goal, peers=TRAINED):
    widths = "-".join(["784", *hidden.split(","), "10"])
    arguments = ["epoch", "--hidden", hidden, "--batch", str(batch), "--epochs", str(epochs)]
    return Work(name, f"epoch of {widths}, batch {batch}, Adam", arguments, peers, goal, 2, (1, "s"))


def of_logits(name, title, work, rows, classes, peers, goal):
    arguments = [work, "--rows", str(rows), "--classes", str(classes)]
    unit = (1e-9 * rows * classes, "ns a logit")
    return Work(name, f"{title}, {rows:,} × {classes:,}", arguments, peers, goal, unit=unit)


def all_works():
    loss = "softmax cross-entropy, loss and gradient"
    loss_peers = ["JAX", "PyTorch", COMPILED, "burn, flex", "candle"]
    predict, predict_peers = ["predict", "--hidden", "128,128", "--rows"], ["onnxruntime", "PyTorch", COMPILED, "JAX"]
    return [
        epoch("epoch-128", "128,128", 128, 2, 3),
        epoch("epoch-32", "128,128", 32, 2, 4),
        epoch("epoch-wide", "1024,1024", 128, 1, 1.35, TRAINED_WIDE),
        of_logits("loss-10", loss, "cross-entropy", 4096, 10, loss_peers, 4),
        of_logits("loss-1000", loss, "cross-entropy", 1024, 1000, loss_peers, 3),
        of_logits("loss-10000", loss, "cross-entropy", 256, 10_000, loss_peers, 2.5),
        of_logits("loss-131072", loss, "cross-entropy", 32, 131_072, loss_peers, 2.5),
        of_logits("backward", "softmax backward, closed form", "softmax-backward", 1024, 1000, ["PyTorch", "JAX"], 1.5),
        of_logits(
            "jacobian",
            "softmax backward, explicit Jacobian",
            "softmax-jacobian",
            1024,
            1000,
            ["NumPy, the book's classes"],
            20,
        ),
        Work("predict-1", "one prediction", [*predict, "1"], [*predict_peers, "scikit-learn"], 2),
        Work("predict-1024", "1,024 predictions in a call", [*predict, "1024"], predict_peers, 1.1, unit=(1e-3, "ms")),
    ]


def arguments():
    names = [work.name for work in all_works()]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", nargs="+", choices=names, default=names, metavar="WORK", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="see that all runs: one round, short loops, written to target/peers")
    parser.add_argument("--data-dir", type=Path, default=DATA_DIR, help="Fashion-MNIST, the four gzipped IDX files")
    parser.add_argument("--out", type=Path, help="directory of the results (default: docs)")
    parser.add_argument("--python", type=Path, help="an interpreter that has the peers, in place of the virtual environment")
    return parser.parse_args()


def fail(message):
    sys.exit(f"error: {message}")


def progress(message):
    print(message, file=sys.stderr, flush=True)


def call(command, what, environment=None):
    """Standard output of a command; ends the comparison with its last words if it fails."""
    done = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        fail(f"{what} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def default_environment():
    """This process's, without what would choose kernels, threads or the compiler's flags for a program."""
    return {name: value for name, value in os.environ.items() if not name.startswith(CHOICES) and "RUSTFLAGS" not in name}


def check_machine(data_dir):
    if not hasattr(os, "sched_setaffinity"):
        fail("the comparison needs Linux: it gives every program the same CPUs and reads /proc")
    missing = [name for name in DATA_FILES if not (data_dir / name).exists()]
    if missing:
        fail(
            f"{data_dir} lacks {', '.join(missing)}\n"
            "Debian's package dataset-fashion-mnist puts them there; or give their directory with --data-dir"
        )
    if not shutil.which("cargo"):
        fail("cargo is missing: install a Rust toolchain")
    chosen = [f"{name}={value}" for name, value in os.environ.items() if name not in default_environment()]
    if chosen:
        progress(f"Left out of the environment: {', '.join(sorted(chosen))}")


def python_with_peers():
    """The interpreter of the virtual environment, which is made if it is not there or lacks what requirements.txt says."""
    python, done = TARGET / "venv" / "bin" / "python", TARGET / "venv" / "requirements.txt"
    requirements = HERE / "requirements.txt"
    if not (done.exists() and done.read_text() == requirements.read_text()):
        progress(f"Installing the Python peers into {python.parent.parent}")
        venv.create(python.parent.parent, with_pip=True, clear=True)
        call([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], "pip")
        shutil.copy(requirements, done)
    return python


def build_rust(packages=("chainrule", "burn", "candle")):
    """One package at a time, so that none is built with features that another asks for."""
    for package in packages:
        progress(f"Building {package}")
        command = ["cargo", "build", "--release", "--locked", "--manifest-path", RUST / "Cargo.toml"]
        command += ["--target-dir", TARGET / "rust", "--package", f"compare-{package}"]
        call(command, f"the build of {package}", default_environment())


def run(work, peer, python, args):
    """The report of one process."""
    program, variant = PEERS[peer]
    if program.endswith(".py"):
        command = [python, HERE / program]
    else:
        command = [TARGET / "rust" / "release" / f"compare-{program}"]
    command += [*work.arguments, "--threads", work.threads, "--data-dir", args.data_dir]
    command += ["--variant", variant] if variant else []
    command += ["--epochs", 1, "--seconds", 0.1] if args.quick else []
    environment = default_environment() | {name: str(work.threads) for name in THREADS}
    # The children inherit the CPUs.
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cpus)[-work.threads :])
    try:
        return json.loads(call(command, f"{peer} at {work.name}", environment).splitlines()[-1])
    finally:
        os.sched_setaffinity(0, cpus)


def measure(work, python, args):
    peers = list(work.peers)
    if not any(map(shutil.which, ("g++", "c++", "clang++"))) and COMPILED in peers:
        progress(f"{COMPILED}: left out, torch.compile needs a C++ compiler")
        peers.remove(COMPILED)
    work.results = {peer: [] for peer in [OURS, *peers]}
    for number in range(args.rounds):
        for peer in list(work.results) if number == 0 else [OURS, *peers]:
            report = run(work, peer, python, args)
            work.results[peer].append(report)
            progress(f"{work.name}, round {number + 1} of {args.rounds}: {peer} {in_unit(work, report['seconds'])}")
        fastest = min(median(work, peer) for peer in peers)
        peers = [peer for peer in peers if median(work, peer) <= 2 * fastest]


def median(work, peer, key="seconds"):
    return statistics.median(report[key] for report in work.results[peer])


def fastest_peer(work):
    return min((peer for peer in work.results if peer != OURS), key=lambda peer: median(work, peer))


def ratio(work, peer):
    """The median of the ratios round by round: the machine's speed drifts."""
    pairs = zip(work.results[peer], work.results[OURS])
    return statistics.median(theirs["seconds"] / ours["seconds"] for theirs, ours in pairs)


def in_unit(work, seconds):
    size, name = work.unit
    return f"{seconds / size:.3g} {name}"


def cpu():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line for line in lines if line.startswith("flags")), "")
    widest = next((name for flag, name in [("avx512f", "AVX-512"), ("avx2", "AVX2")] if flag in flags.split()), "no AVX2")
    return f"{model}, {os.cpu_count()} CPUs, {widest}"


def verdict(value, goal):
    return "reached" if value >= goal else "missed"


def markdown(works, summary):
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    quick = " with `--quick`, whose loops are too short to quote," if summary["quick"] else ""
    lines = [
        "# Comparison",
        "",
        f"Printed by `make compare`{quick} on {summary['date']}; {summary['cpu']}; {versions}; f32. Medians of {summary['rounds']} "
        f"alternating run{'s' if summary['rounds'] > 1 else ''}, each a process of its own that warms up and times its own loop; a ratio is the fastest peer's time over "
        "chainrule's. Every program trains on the same rows with the same architecture, loss and optimiser, in a new order each epoch.",
        "",
        "![The fastest peer's time over ours, work by work](comparison.svg)",
        "",
        "| work | threads | chainrule | fastest peer | its time | ratio | goal | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for work in works:
        peer = fastest_peer(work)
        row = [work.title, work.threads, in_unit(work, median(work, OURS)), peer, in_unit(work, median(work, peer))]
        row += [f"{ratio(work, peer):.2f}×", f"{work.goal:g}×", verdict(ratio(work, peer), work.goal)]
        lines.append(f"| {' | '.join(map(str, row))} |")
    lines += ["", *memory(works), *everyone(works)]
    return "\n".join(lines) + "\n"


def memory(works):
    """Peak of the resident memory in the first training that was run."""
    work = next((work for work in works if work.arguments[0] == "epoch"), None)
    if not work:
        return []
    peaks = {peer: median(work, peer, "peak_memory") for peer in work.results}
    lines = [
        "## Memory",
        "",
        f"Peak of the resident memory until the end of the training ({work.title}). Fashion-MNIST's training part as bytes takes "
        f"{DATA_BYTES / 1e6:.1f} MB; the goal for chainrule is {MEMORY_GOAL / 1e6:.0f} MB: {verdict(MEMORY_GOAL, peaks[OURS])}.",
        "",
        "| program | peak, MB |",
        "|---|---|",
    ]
    return lines + [f"| {peer} | {peak / 1e6:.0f} |" for peer, peak in peaks.items()] + [""]


def everyone(works):
    lines = [
        "## Everyone",
        "",
        "A program with one run took over twice as long as the fastest peer, so that more runs cannot decide the ratio. At 784-1024-1024-10 "
        "only the fastest of the first work run, as an epoch of others takes ten seconds and more.",
        "",
    ]
    for work in works:
        trained = "test_accuracy" in work.results[OURS][0]
        last = "test accuracy" if trained else "99th percentile"
        lines += [f"### {work.title}", "", f"| program | median | over ours | {last} | runs |", "|---|---|---|---|---|"]
        for peer in sorted(work.results, key=lambda peer: median(work, peer)):
            other = f"{median(work, peer, 'test_accuracy'):.3f}" if trained else in_unit(work, median(work, peer, "p99"))
            row = [peer, in_unit(work, median(work, peer)), f"{ratio(work, peer):.2f}×", other, len(work.results[peer])]
            lines.append(f"| {' | '.join(map(str, row))} |")
        lines.append("")
    return lines


def svg(works):
    """A bar for each work, on a logarithmic axis from 1/2 on; a mark where the goal is."""
    left, right, row, top, bar = 370, 190, 30, 40, 16
    width, height = 1000, top + row * len(works) + 40
    doublings = max(3, ceil(max(log2(max(ratio(work, fastest_peer(work)), work.goal)) for work in works)))
    scale = (width - left - right) / (doublings + 1)

    def x(value):
        return left + scale * (1 + max(log2(value), -1))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="18" font-size="13">The fastest peer\'s time over ours (right of 1: ours is faster)</text>',
    ]
    bottom = top + row * len(works)
    for power in range(-1, doublings + 1):
        at, label = x(2**power), "½" if power < 0 else str(2**power)
        colour = "#333" if power == 0 else "#ddd"
        parts.append(f'<line x1="{at:.1f}" y1="{top - 8}" x2="{at:.1f}" y2="{bottom}" stroke="{colour}"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#555">{label}×</text>')
    for number, work in enumerate(works):
        peer, y = fastest_peer(work), top + row * number + (row - bar) / 2
        value = ratio(work, peer)
        start, end = sorted((x(1), x(value)))
        colour = "#2a78b5" if value >= 1 else "#c0504d"
        text = y + bar - 4
        parts += [
            f'<text x="{left - 12}" y="{text:.1f}" text-anchor="end">{work.title}</text>',
            f'<rect x="{start:.1f}" y="{y:.1f}" width="{end - start:.1f}" height="{bar}" fill="{colour}"/>',
            f'<line x1="{x(work.goal):.1f}" y1="{y - 3:.1f}" x2="{x(work.goal):.1f}" y2="{y + bar + 3:.1f}" stroke="#e08a00" stroke-width="3"/>',
            f'<text x="{max(end, x(work.goal)) + 6:.1f}" y="{text:.1f}">{value:.2f}× <tspan fill="#777">{peer}</tspan></text>',
        ]
    parts.append(f'<text x="{left}" y="{height - 6}" fill="#e08a00">▎</text>')
    parts.append(f'<text x="{left + 10}" y="{height - 6}" fill="#555">the goal</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def as_json(works, summary):
    table = {
        work.name: {
            "title": work.title,
            "threads": work.threads,
            "goal": work.goal,
            "fastest_peer": fastest_peer(work),
            "ratio": ratio(work, fastest_peer(work)),
            "runs": work.results,
        }
        for work in works
    }
    return json.dumps(summary | {"works": table}, indent=1, ensure_ascii=False) + "\n"


def main():
    args = arguments()
    args.out = args.out or (TARGET if args.quick else ROOT / "docs")
    args.rounds = 1 if args.quick else args.rounds
    check_machine(args.data_dir)
    python = args.python or python_with_peers()
    build_rust()
    works = [work for work in all_works() if work.name in args.works]
    for work in works:
        measure(work, python, args)

    versions = {}
    for reports in (reports for work in works for reports in work.results.values()):
        for report in reports:
            versions |= report.pop("versions")
    summary = {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu(),
        "python": platform.python_version(),
        "versions": versions,
        "rounds": args.rounds,
        "quick": args.quick,
    }
    text = markdown(works, summary)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in [("md", text), ("svg", svg(works)), ("json", as_json(works, summary))]:
        (args.out / f"comparison.{name}").write_text(content)
    print(text)
    progress(f"Written to {args.out}: comparison.md, comparison.svg, comparison.json")


if __name__ == "__main__":
    main()

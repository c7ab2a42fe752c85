"""What a GPU brings, and what captured training steps bring on it: one table, under six minutes on one GPU.

    python benchmarks/gpu.py [--device cpu] [--only WORD ...] [--cifar FILE.npz] [--compare]

Each row prints both sides and their ratio, and goes on to the next after a failure. Steps "one by one" are those of the same
code without graphs. `--device cpu` checks the script where there is no GPU: both sides then are the same. `--compare` adds the
row of `sdl compare`, whose other side runs on the CPU cores and takes minutes more. `--only` runs the rows whose name has a word.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits

from sdl_cli.learning import loop, phase, stack, turns
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.settings.experiment import Training

Row = tuple[str, str, str, str]  # one by one, or on the CPU; captured, or on the GPU; ratio; what is measured
SEEDS = range(10)


@contextlib.contextmanager
def one_by_one() -> Iterator[None]:
    """Inside, steps are launched one by one in this process."""
    modules = (loop, phase, stack, turns)
    before = loop.has_graphs
    for module in modules:
        module.has_graphs = lambda runtime: False
    try:
        yield
    finally:
        for module in modules:
            module.has_graphs = before


def images() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return (X * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8), y


def table() -> tuple[np.ndarray, np.ndarray]:
    return load_breast_cancer(return_X_y=True)


def larger() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (2000, 3, 32, 32)).astype(np.uint8), np.arange(2000) % 10


def step(data: Callable[[], tuple[np.ndarray, np.ndarray]], device: str, epochs: int) -> Row:
    """Milliseconds of a step, from the later half of a fit's epochs."""
    X, y = data()

    def milliseconds() -> float:
        with loop.context(loop.Context()) as surroundings:
            model = DeepNet(device=device, training=Training(epochs=epochs)).fit(X, y)
        steps = -(-len(X) // model.training_.batch_size)
        seconds = sorted(row["seconds"] for row in surroundings.history[epochs // 2 :])
        return 1000 * seconds[len(seconds) // 2] / steps

    with one_by_one():
        eager = milliseconds()
    captured = milliseconds()
    return f"{eager:.2f} ms", f"{captured:.2f} ms", f"{eager / captured:.1f}x", "a step, validation of its epoch included"


def ensemble(data: Callable[[], tuple[np.ndarray, np.ndarray]], device: str, num_members: int, epochs: int) -> Row:
    """Seconds of an ensemble, trained one after another step by step, and together: MLPs as one stack, ResNets in turns."""
    X, y = data()

    def seconds() -> float:
        start = time.perf_counter()
        DeepNet(device=device, num_members=num_members, training=Training(epochs=epochs)).fit(X, y)
        return time.perf_counter() - start

    seconds()  # what is loaded once
    after = seconds()
    alone = {"return_value": False}
    with one_by_one(), mock.patch.object(stack, "can_be_stacked", **alone), mock.patch.object(turns, "can_take_turns", **alone):
        before = seconds()
    return f"{before:.2f} s", f"{after:.2f} s", f"{before / after:.1f}x", f"{num_members} members, {epochs} epochs"


def first_fit(device: str) -> Row:
    """Seconds of the first and the second fit of a fresh process."""
    code = (
        "import sys, time; sys.path.insert(0, 'benchmarks'); import gpu\n"
        "from sdl_cli.learning.models.deep_net import DeepNet\n"
        "from sdl_cli.settings.experiment import Training\n"
        "X, y = gpu.images(); seconds = []\n"
        "for _ in range(2):\n"
        f"    start = time.perf_counter(); DeepNet(device={device!r}, training=Training(epochs=4)).fit(X, y)\n"
        "    seconds.append(time.perf_counter() - start)\n"
        "print(*seconds)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = map(float, found.stdout.split())
    return f"{first:.2f} s", f"{second:.2f} s", f"{first / second:.1f}x", "fit of 4 epochs of digits: first of a process, second"


def accuracy(data: tuple[np.ndarray, np.ndarray], num_rows: int, device: str) -> Row:
    """Whether captured steps learn as well: test accuracy over seeds, and the paired difference."""
    X, y = data
    found: dict[str, list[float]] = {"eager": [], "captured": []}
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(X))
        kept, held = order[:num_rows], order[num_rows : num_rows + 1000]
        for name, within in (("eager", one_by_one()), ("captured", contextlib.nullcontext())):
            with within:
                model = DeepNet(device=device, random_state=seed).fit(X[kept], y[kept])
                found[name].append(100 * model.score(X[held], y[held]))
    eager, captured = map(np.array, found.values())
    change, error = (captured - eager).mean(), (captured - eager).std(ddof=1) / len(SEEDS) ** 0.5
    return f"{eager.mean():.2f} %", f"{captured.mean():.2f} %", f"{change:+.2f} (s.e. {error:.2f})", "accuracy over 10 seeds"


def command(*given: str) -> dict[str, Any]:
    """The JSON of a command, with its seconds as a whole process."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        whole = [sys.executable, "-m", "sdl_cli", *given, f"hydra.run.dir={folder}/run", "--json"]
        found = json.loads(subprocess.run(whole, capture_output=True, text=True, check=True).stdout)
    return found | {"whole": time.perf_counter() - start}


def beside_cpu(device: str, seconds: Callable[[dict[str, Any]], float], what: str, *given: str) -> Row:
    cpu, gpu = (seconds(command(*given, f"device={each}")) for each in ("cpu", device))
    return f"{cpu:.1f} s (CPU)", f"{gpu:.1f} s", f"{cpu / gpu:.1f}x", what


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--cifar", type=Path, help="cifar10_500_200.npz")
    parser.add_argument("--compare", action="store_true")
    given = parser.parse_args()
    device, few = given.device, given.device == "cpu"
    on = torch.cuda.get_device_name() if not few else "the CPU"
    print(f"{on}, torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    whole: Callable[[dict[str, Any]], float] = lambda found: float(found["whole"])  # noqa: E731
    rows: dict[str, Callable[[], Row]] = {
        "step: MLP 10 x 100, breast_cancer": lambda: step(table, device, 4 if few else 40),
        "step: ResNet, digits 8 px": lambda: step(images, device, 4 if few else 40),
        "step: ResNet, 2,000 images 32 px": lambda: step(larger, device, 2 if few else 20),
        "stack: 30 MLPs 10 x 100": lambda: ensemble(table, device, 4 if few else 30, 4 if few else 20),
        "turns: 16 ResNets, digits 8 px": lambda: ensemble(images, device, 2 if few else 16, 2 if few else 10),
        "turns: 16 ResNets, 32 px": lambda: ensemble(larger, device, 2 if few else 16, 1 if few else 5),
        "first fit": lambda: first_fit(device),
        "train: digits, fit": lambda: beside_cpu(device, lambda f: f["seconds"]["fit"], "phase fit", "train", "dataset=digits"),
        "curve: digits, 30 cells": lambda: beside_cpu(
            device, whole, "whole process", "curve", "dataset=digits", "model=deep_net"
        ),
        "curve: breast_cancer, 30 cells": lambda: beside_cpu(
            device, whole, "whole process", "curve", "dataset=breast_cancer", "model=deep_net", "curve.num_repeats=5"
        ),
        "accuracy: digits, 500 rows": lambda: accuracy(images(), 500, device),
    }
    if given.cifar:
        stored = np.load(given.cifar)
        X, y = stored["x_train"], stored["y_train"].ravel()
        X = X.transpose(0, 3, 1, 2) if X.shape[-1] == 3 else X
        rows["accuracy: cifar10, 50 per class"] = lambda: accuracy((np.ascontiguousarray(X), y), 500, device)
    if given.compare:
        rows["compare: digits"] = lambda: beside_cpu(device, whole, "whole process", "compare", "dataset=digits")
    print(f"{'row':36s} {'one by one':>16s} {'captured':>12s} {'ratio':>18s}  what")
    for name, measure in rows.items():
        if given.only and not any(word in name for word in given.only):
            continue
        start = time.perf_counter()
        try:
            before, after, ratio, what = measure()
        except Exception as error:
            traceback.print_exc()
            before, after, ratio, what = "failed", type(error).__name__, "", ""
        print(f"{name:36s} {before:>16s} {after:>12s} {ratio:>18s}  {what} ({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()

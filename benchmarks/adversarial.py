"""What generated images bring: `model=adversarial` beside the same classifier without a generator, on subsets of CIFAR-10.

    python benchmarks/adversarial.py cifar10_500_200.npz RUNS                             # 50 images a class, 3 subsets
    python benchmarks/adversarial.py cifar10_500_200.npz RUNS --subsets 1 model.norm=batch

Both learn from the same subsets, with augment=flip_crop and further settings of `sdl train` as given. A finished run in the
folder RUNS is taken as it is, a stopped one goes on (its CPU seconds are then those of the last part). Differences are paired
over the test images of one subset (95 %, Newcombe); over two subsets or more also the mean with the interval of Nadeau and Bengio
(2003). Prepare for 5 to 10 minutes a subset on two cores that do nothing else.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from sdl_cli.measure import statistics

ARMS = {"with": "model.generate=true", "without": "model.generate=false"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--subsets", type=int, default=3)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("settings", nargs="*", help="of both, as for sdl train")
    arguments = parser.parse_intermixed_args()
    print(f"{'subset':<8}{'with':>8}{'without':>10}{'difference':>12}{'':>20}{'differ by':>11}{'CPU seconds':>15}")
    differences, rows = [], {}
    for seed in range(arguments.subsets):
        found = {arm: train(arguments, arm, setting, seed) for arm, setting in ARMS.items()}
        (ours, ours_right), (theirs, theirs_right) = found["with"], found["without"]
        difference, low, high = (100 * x for x in statistics.newcombe_paired(ours_right, theirs_right))
        differences.append(difference)
        rows = ours["rows"]
        accuracies = [100 * values["metrics"]["test"]["accuracy"]["value"] for values in (ours, theirs)]
        line = f"{seed:<8}{accuracies[0]:>8.1f}{accuracies[1]:>10.1f}{difference:>+12.1f}{f'({low:+.1f} to {high:+.1f})':>20}"
        times = " and ".join(f"{values['cpu_seconds']:.0f}" for values in (ours, theirs))
        print(f"{line}{100 * ours['generated']['ratio']:>10.0f}%{times:>15}", flush=True)
    if len(differences) > 1:
        mean, low, high = statistics.corrected_t_interval(differences, rows["test"] / rows["labelled"])
        print(f"mean difference {mean:+.1f} ({low:+.1f} to {high:+.1f})")


def train(arguments: argparse.Namespace, arm: str, setting: str, seed: int) -> tuple[dict[str, Any], list[bool]]:
    """The metrics of a run, with the CPU seconds that it took, and which test images it is right on."""
    folder = arguments.runs.absolute() / f"{arm}-{seed}"
    if not (folder / "cpu_seconds").exists():
        command = ["train", "--resume", str(folder)] if folder.exists() else ["train", "dataset=npz", "model=adversarial"]
        if not folder.exists():
            own = [f"dataset.path={arguments.data.absolute()}", f"dataset.num_per_class={arguments.per_class}", f"seed={seed}"]
            command += [*own, "augment=flip_crop", setting, *arguments.settings, f"hydra.run.dir={folder}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "sdl_cli", *command], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        (folder / "cpu_seconds").write_text(f"{seconds:.1f}")
    values = json.loads((folder / "metrics.json").read_text()) | {"cpu_seconds": float((folder / "cpu_seconds").read_text())}
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        return values, [row["truth"] == row["prediction"] for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()

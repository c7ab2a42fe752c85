"""Run the experiments of conf/experiment and print each result next to the one its file expects.

    python benchmarks/experiments.py wine_forest iris_forest
    python benchmarks/experiments.py --data FOLDER all
    python benchmarks/experiments.py --pair diabetes_autoencoder_pretrained diabetes_autoencoder_random

`--pair` adds the difference of the first two over their common splits, with the interval and p of Nadeau and Bengio (2003).
`--data` is the folder with hymenoptera_256/ and cifar10_subset/; without it, the experiments that need them are skipped, with a
note. Each experiment runs in its own process, as a user would start it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sdl_cli.measure import statistics

CONF = Path(__file__).resolve().parent.parent / "conf" / "experiment"
NEEDS = {"hymenoptera": "hymenoptera_256", "cifar10": "cifar10_subset/cifar10_500_200.npz"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="experiment names, or all")
    parser.add_argument("--data", type=Path, help="folder with the real data sets")
    parser.add_argument("--pair", action="store_true", help="compare the first two over their splits")
    arguments = parser.parse_args()
    names = sorted(p.stem for p in CONF.glob("*.yaml")) if arguments.names == ["all"] else arguments.names
    print(f"{'experiment':<34}{'metric':<10}{'mean':>9}{'s.e.':>8}{'n':>4}{'seconds/run':>13}   expected")
    with tempfile.TemporaryDirectory() as folder:
        measured = []
        for name in names:
            line, each, rows = measure(name, arguments.data, folder)
            measured.append(each)
            print(line, flush=True)
        if arguments.pair:
            differences = [a - b for a, b in zip(measured[0], measured[1], strict=True)]
            ratio = rows["test"] / rows["labelled"]
            mean, low, high = statistics.corrected_t_interval(differences, ratio)
            p = statistics.corrected_t_test(differences, ratio)
            print(f"{names[0]} minus {names[1]}: {mean:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}, p = {p:.2f}")


def measure(name: str, data: Path | None, folder: str) -> tuple[str, list[float], dict[str, int]]:
    """Run one experiment: its line of the table, the value of each repeat, and the rows of a split."""
    expected = re.search(r"# expected: (.*)", (CONF / f"{name}.yaml").read_text())
    more = []
    for prefix, where in NEEDS.items():
        if name.startswith(prefix):
            if data is None:
                return f"{name:<34}left out: needs --data", [], {}
            more = [f"dataset.path={(data / where).absolute()}"]
    start = time.perf_counter()
    command = [sys.executable, "-m", "sdl_cli", "train", f"experiment={name}", *more, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        return f"{name:<34}failed: {done.stderr.strip().splitlines()[-1]}", [], {}
    values = json.loads(done.stdout)
    metric = "accuracy" if "accuracy" in values["metrics"]["test"] else "rmse"
    scale = 100 if metric == "accuracy" else 1
    repeats = sorted(Path(values["folder"]).glob("repeats/*/metrics.json"))
    each = [json.loads(p.read_text())["metrics"]["test"][metric]["value"] * scale for p in repeats]
    mean = sum(each) / len(each)
    error = (sum((x - mean) ** 2 for x in each) / (len(each) - 1) / len(each)) ** 0.5
    line = f"{name:<34}{metric:<10}{mean:>9.2f}{error:>8.2f}{len(each):>4}{seconds / len(each):>13.1f}"
    return f"{line}   {expected.group(1) if expected else ''}", each, values["rows"]


if __name__ == "__main__":
    main()

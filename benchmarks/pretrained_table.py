"""Whether the pretrained network for tables is better than a forest: 10 splits of 80/20 of every table in a folder.

    python benchmarks/pretrained_table.py FOLDER_OF_CSV RESULTS [--splits 10] [--sets NAME ...]

Every arm learns from the same labelled rows, with its own defaults and no tuning; `blend` is the mean of the probabilities of
forest, logistic regression and the network by the weights of `model=blend`. The domain was written down before the run: 2 to 10
classes, at most 48 columns, 80 to 1,050 rows. Probabilities are clipped at 1e-4 for the log loss. The interval is Student's t
over tables of the paired mean difference. Gradient boosting is left out where classes times columns are over 1,000, as it takes
minutes there. Splits that are already in RESULTS (JSON lines) are not computed again.

A running score on some of these tables was watched while the shipped weights were trained (docs/PRETRAINING.md).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from sdl_cli.data.draw import hold_out
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.blend import WEIGHTS
from sdl_cli.learning.models.pretrained_table import PretrainedTable

ARMS = {
    "forest": lambda seed: Baseline(kind="forest", random_state=seed),
    "logistic": lambda seed: Baseline(kind="logistic", random_state=seed),
    "gradient_boosting": lambda seed: Baseline(kind="gradient_boosting", random_state=seed),
    "pretrained_table": lambda seed: PretrainedTable(random_state=seed),
}
BLENDED = ("forest", "logistic", "pretrained_table")
CLASSES, MOST_COLUMNS, ROWS = (2, 10), 48, (80, 1050)
LEAST_PROBABILITY = 1e-4
MOST_BOOSTED = 1000  # classes, each of which has trees of its own, times columns


def read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows `(N, F)` and classes from 0 of a table whose last column is the class; classes of a single row are left out."""
    values = np.genfromtxt(file, delimiter=",", skip_header=1)
    _, y, counts = np.unique(values[:, -1], return_inverse=True, return_counts=True)
    kept = counts[y] > 1
    return values[kept, :-1], np.unique(y[kept], return_inverse=True)[1]


def is_inside(rows: int, columns: int, classes: int) -> bool:
    return CLASSES[0] <= classes <= CLASSES[1] and columns <= MOST_COLUMNS and ROWS[0] <= rows <= ROWS[1]


def measure(X: np.ndarray, y: np.ndarray, seed: int) -> dict[str, Any]:
    """Accuracy, log loss and seconds of every arm on one split."""
    kept, held = hold_out(y, 0.2, seed, "classification")
    num_classes = int(y.max()) + 1
    probs: dict[str, np.ndarray] = {}
    seconds = {}
    for name, build in ARMS.items():
        if name == "gradient_boosting" and num_classes * X.shape[1] > MOST_BOOSTED:
            continue
        start = time.perf_counter()
        model = build(seed).fit(X[kept], y[kept])
        found = np.zeros((len(held), num_classes))
        found[:, model.classes_] = model.predict_proba(X[held])
        probs[name], seconds[name] = found, round(time.perf_counter() - start, 3)
    probs["blend"] = np.average([probs[name] for name in BLENDED], axis=0, weights=WEIGHTS)
    return {"scores": {name: score(y[held], found) for name, found in probs.items()}, "seconds": seconds}


def score(y: np.ndarray, probs: np.ndarray) -> list[float]:
    clipped = np.clip(probs, LEAST_PROBABILITY, 1.0)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return [float((probs.argmax(axis=1) == y).mean()), float(-np.log(clipped[np.arange(len(y)), y]).mean())]


def report(found: list[dict[str, Any]]) -> None:
    unknown = [np.nan, np.nan]
    names = [*ARMS, "blend"]
    tables = sorted({each["set"] for each in found})
    of = {t: [each for each in found if each["set"] == t] for t in tables}
    mean = {t: {n: np.mean([each["scores"].get(n, unknown) for each in of[t]], axis=0) for n in names} for t in tables}
    inside = [t for t in tables if of[t][0]["inside"]]
    print(f"{len(tables)} tables, {len(inside)} inside the domain, {len(found)} splits")
    print(f"{'table':32s} {'rows':>5s} {'cols':>4s} {'cls':>3s}  " + "  ".join(f"{n[:10]:>10s}" for n in names))
    for t in tables:
        rows, columns, classes = of[t][0]["shape"]
        marked = t if t in inside else f"({t})"
        print(f"{marked:32s} {rows:5d} {columns:4d} {classes:3d}  " + "  ".join(f"{100 * mean[t][n][0]:10.1f}" for n in names))
    for title, chosen in (("inside", inside), ("all", tables)):
        if len(chosen) < 2:
            continue
        for metric, what, factor in ((0, "accuracy, %", 100), (1, "log loss", 1)):
            row = {n: factor * np.nanmean([mean[t][n][metric] for t in chosen]) for n in names}
            print(f"{title:7s} {what:12s} " + "  ".join(f"{n} {value:.3f}" for n, value in row.items()))
        for name in ("pretrained_table", "blend"):
            gain = np.array([100 * (mean[t][name][0] - mean[t]["forest"][0]) for t in chosen])
            half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
            low, high = gain.mean() - half, gain.mean() + half
            print(f"{title:7s} {name} - forest: {gain.mean():+.2f} points of accuracy, 95 % [{low:+.2f}, {high:+.2f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--sets", nargs="*")
    given = parser.parse_args()
    lines = given.results.read_text().splitlines() if given.results.exists() else []
    found = [json.loads(line) for line in lines]
    done = {(each["set"], each["seed"]) for each in found}
    files = [file for file in given.folder.glob("*.csv") if not given.sets or file.stem in given.sets]
    for file in sorted(files, key=lambda file: file.stat().st_size):
        X, y = read(file)
        shape = [len(y), X.shape[1], int(y.max()) + 1]
        for seed in range(given.splits):
            if (file.stem, seed) in done:
                continue
            each = {"set": file.stem, "seed": seed, "shape": shape, "inside": is_inside(*shape), **measure(X, y, seed)}
            found.append(each)
            with given.results.open("a") as out:
                out.write(json.dumps(each) + "\n")
        print(file.stem, shape, flush=True)
    report(found)


if __name__ == "__main__":
    main()

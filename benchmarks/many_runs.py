"""How long `sdl runs` takes on many run folders.

    python benchmarks/many_runs.py [--folders 10000]

Each time is for a whole process, from its start to its last line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml


def settings(number: int) -> dict[str, Any]:
    """Settings as large as those of a real run."""
    data = {"name": ("digits", "wine", "iris")[number % 3], "test_fraction": 0.2, "validation_fraction": 0.2, "seed": None}
    model = {"name": "baseline", "kind": ("forest", "logistic")[number % 2], "num_trees": 500, "c": 1.0, "max_px": 32}
    training = {f"setting_{k}": k / 7 for k in range(14)}
    return {
        "dataset": data,
        "model": model,
        "loss": {"name": "auto", "class_weight": "none"},
        "augment": {"name": "none"},
        "training": training,
        "seed": number,
        "num_repeats": 1,
        "device": "auto",
    }


def metrics(number: int) -> dict[str, Any]:
    """Results as large as those of a real run."""
    names = ("accuracy", "balanced_accuracy", "log_loss", "macro_f1", "roc_auc", "calibration_error")
    value = 0.5 + number % 500 / 1000
    test = {name: {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 360} for name in names}
    lift = {"metric": "accuracy", "value": 0.01, "low": -0.01, "high": 0.03, "measurable": False}
    return {
        "config": settings(number),
        "metrics": {"test": test, "validation": {}},
        "baseline": {"name": "forest", "test": test},
        "majority": {"test": test},
        "lift": lift,
        "seconds": {"load": 0.1, "fit": 1.0, "total": 1.5},
        "rows": {"labelled": 1437, "validation": 0, "test": 360},
        "notes": [],
        "repeats": 1,
    }


def build(root: Path, num_folders: int) -> None:
    """Write run folders, a thousand a day, one in fifty of them failed."""
    for number in range(num_folders):
        day, left = divmod(number, 1000)
        hours, minutes = divmod(left, 60)
        folder = root / f"2026-{1 + day // 28:02}-{1 + day % 28:02}" / f"{hours:02}-{minutes:02}-00_digits_baseline"
        folder.mkdir(parents=True)
        failed = number % 50 == 49
        status = {"state": "failed" if failed else "done", "reason": "out of memory" if failed else "", "files": {}}
        (folder / "status.json").write_text(json.dumps(status))
        (folder / "config.yaml").write_text(yaml.safe_dump(settings(number), sort_keys=False))
        if not failed:
            (folder / "metrics.json").write_text(json.dumps(metrics(number), indent=1))


def timed(root: Path, *options: str) -> float:
    """Seconds that `sdl runs` takes as a process."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "sdl_cli", "runs", str(root), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print a table of seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", type=int, default=10_000)
    num_folders = parser.parse_args().folders
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "runs"
        build(root, num_folders)
        rows = [(f"the first time, {num_folders:,} folders", timed(root)), ("again", timed(root))]
        rows.append(("--where 'accuracy>0.9' --sort log_loss", timed(root, "--where", "accuracy>0.9", "--sort", "log_loss")))
        rows.append(("--json", timed(root, "--json")))
        empty = Path(temporary) / "empty"
        empty.mkdir()
        rows.append(("an empty folder", timed(empty)))
    for name, seconds in rows:
        print(f"{name:<42}{seconds:6.2f} s")


if __name__ == "__main__":
    main()

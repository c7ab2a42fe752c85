"""Kill `sdl curve` with SIGKILL at random moments, resume it each time, and compare its numbers with an undisturbed run.

    python benchmarks/kill_curve.py [--kills 20] [KEY=VALUE ...]

No finished cell may be computed again, lost or duplicated, and all numbers except seconds must be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SDL = [sys.executable, "-m", "sdl_cli"]
SETTINGS = ["model.num_trees=100", "curve.num_repeats=4"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("settings", nargs="*", default=SETTINGS)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as root:
        subprocess.run([*SDL, "curve", *arguments.settings, f"hydra.run.dir={root}/whole"], check=True, capture_output=True)
        num_cells = len(list((Path(root) / "whole" / "cells").iterdir()))
        expected = numbers(Path(root) / "whole")
        same = 0
        for kill in range(arguments.kills):
            folder = Path(root) / str(kill)
            before = killed(arguments.settings, folder, moments.randrange(num_cells), moments.uniform(0, 0.5))
            subprocess.run([*SDL, "curve", "--resume", str(folder)], check=True, capture_output=True)
            kept = sum((folder / "cells" / name / "metrics.json").stat().st_mtime_ns == at for name, at in before.items())
            equal = numbers(folder) == expected
            same += equal and kept == len(before)
            verdict = "same" if equal else "DIFFER"
            print(f"{kill + 1:>3}  killed with {len(before)} of {num_cells} cells done; {kept} kept; numbers {verdict}")
        print(f"{same} of {arguments.kills} came to the same numbers")


def killed(settings: list[str], folder: Path, num_done: int, seconds: float) -> dict[str, int]:
    """Start a curve and kill it seconds after this many cells are done; returns its finished cells and when each was written."""
    process = subprocess.Popen(
        [*SDL, "curve", *settings, f"hydra.run.dir={folder}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (folder / "environment.json").is_file() or len(done(folder)) < num_done:
        time.sleep(0.02)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1.0)  # its workers end soon afterwards; until then, one may still finish its cell
    return done(folder)


def done(folder: Path) -> dict[str, int]:
    """Finished cells -> when their numbers were written."""
    return {
        file.parent.name: (file.parent / "metrics.json").stat().st_mtime_ns
        for file in (folder / "cells").glob("*/status.json")
        if json.loads(file.read_text())["state"] == "done"
    }


def numbers(folder: Path) -> dict[str, Any]:
    """All results of a curve except its folder and times, and the scores of every cell."""
    found = json.loads((folder / "curve.json").read_text())
    for key in ("folder", "seconds"):
        del found[key]
    for point in found["points"]:
        del point["seconds"]
    cells = {}
    for file in sorted((folder / "cells").glob("*/metrics.json")):
        cell = json.loads(file.read_text())
        cells[file.parent.name] = {key: cell[key] for key in ("test", "baseline", "majority", "rows")}
    return {"curve": found, "cells": cells, "csv": (folder / "curve.csv").read_text()}


if __name__ == "__main__":
    main()

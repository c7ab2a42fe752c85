"""Kill `sdl` with SIGKILL in its first two seconds and later, resume what it left, and count the outcomes.

    python benchmarks/kill_everything.py [--kills 20] [--seed 0] [--verbs compare curve sweep train]

Half of the kills come within two seconds of the start, the others at any time during the run. Each folder must resume to its end,
be refused with "nothing was begun", or not exist at all. Work finished before the kill may not be computed again, and no
half-written file may remain.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SDL = [sys.executable, "-m", "sdl_cli"]
NET = "dataset=wine model=deep_net model.depth=1 model.width=8"
COMMANDS = {  # the command to kill, and the option that names its folder
    "compare": (
        "compare dataset=wine compare.arms=[logistic,svm] compare.num_repeats=4 compare.num_candidates=1 compare.curve=false",
        "hydra.run.dir",
    ),
    "curve": ("curve dataset=wine model=baseline model.num_trees=10 curve.num_repeats=2", "hydra.run.dir"),
    "sweep": (
        "train -m dataset=wine model=baseline model.num_trees=10 seed=range(0,6) parallel.num_jobs=2",
        "hydra.sweep.dir",
    ),
    "train": (f"train {NET} training.epochs=400 training.checkpoint_seconds=0", "hydra.run.dir"),
}
FIRST_SECONDS = 2.0
NOT_BEGUN = ("nothing was begun", "there is no such run folder")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="kills per verb")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbs", nargs="+", choices=tuple(COMMANDS), default=list(COMMANDS))
    arguments = parser.parse_args()
    moments, bad = random.Random(arguments.seed), 0
    print(f"{'':8} {'kills':>5} {'resumed':>8} {'not begun':>10} {'ended before':>13} {'bad':>4}")
    with tempfile.TemporaryDirectory() as name:
        for verb in arguments.verbs:
            start = time.perf_counter()
            assert _run(Path(name), verb, f"{verb}-whole", None) == 0
            whole = time.perf_counter() - start
            counts = dict.fromkeys(("resumed", "not begun", "ended before", "bad"), 0)
            for kill in range(arguments.kills):
                most = FIRST_SECONDS if kill % 2 == 0 else whole
                verdict = _killed_and_resumed(Path(name), verb, f"{verb}-{kill}", moments.uniform(0.05, most))
                counts[verdict if verdict in counts else "bad"] += 1
                if verdict not in counts:
                    print(f"{verb} {kill}: {verdict}")
            bad += counts["bad"]
            columns = zip(counts.values(), (8, 10, 13, 4), strict=True)
            print(f"{verb:8} {arguments.kills:>5} " + " ".join(f"{n:>{w}}" for n, w in columns))
    sys.exit(bool(bad))


def _killed_and_resumed(root: Path, verb: str, name: str, seconds: float) -> str:
    """`resumed`, `not begun`, `ended before`, or what went wrong."""
    if _run(root, verb, name, seconds) is not None:
        return "ended before"
    time.sleep(1.0)  # its workers end soon afterwards
    folder = root / name
    before = _done(folder)
    command = COMMANDS[verb][0].split()[0]
    found = subprocess.run([*SDL, command, "--resume", str(folder)], capture_output=True, text=True, check=False)
    if found.returncode == 2 and any(words in found.stderr for words in NOT_BEGUN):
        return "not begun"
    if found.returncode != 0:
        return f"killed after {seconds:.2f} s, resume ended with {found.returncode}: {found.stderr[-400:]}"
    again = {place for place, at in before.items() if _done(folder).get(place) != at and place != "."}
    if again:
        return f"killed after {seconds:.2f} s, done and run again: {', '.join(sorted(again))}"
    left = [str(path) for path in folder.rglob(".*") if re.fullmatch(r"\..*\.\w{8}|\.lock", path.name)]
    return f"left behind: {', '.join(left)}" if left else "resumed"


def _run(root: Path, verb: str, name: str, seconds: float | None) -> int | None:
    """Run to the end, or kill after this many seconds: the exit code, or None if it was killed."""
    words, option = COMMANDS[verb]
    with (root / "log.txt").open("wb") as log:
        process = subprocess.Popen([*SDL, *words.split(), f"{option}={root / name}"], cwd=root, stdout=log, stderr=log)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return None


def _done(folder: Path) -> dict[str, int]:
    """Finished runs, cells and jobs -> when their numbers were written."""
    found = {}
    for file in folder.rglob("status.json"):
        metrics = file.parent / "metrics.json"
        if metrics.is_file() and file.stat().st_size and json.loads(file.read_text())["state"] == "done":
            found[file.parent.relative_to(folder).as_posix()] = metrics.stat().st_mtime_ns
    return found


if __name__ == "__main__":
    main()

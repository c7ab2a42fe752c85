"""What a sweep of 40 jobs loses if one raises, one exits its process and one is killed: only those three.

    python benchmarks/kill_sweep.py [--jobs 2] [--from-outside] [--backend processes|dask|ray]

Each job is a small forest on wine. The estimator is written to a temporary folder, and three of its numbers end a job: by an
exception, by `os._exit`, and by SIGKILL, sent by its own process or, with --from-outside, by this one. Then the cause is removed
and the sweep resumed: exactly those three jobs must run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUM_JOBS = 40
FATES = {7: "raise", 17: "exit", 27: "kill"}
ESTIMATOR = f"""
import os, signal, time
from pathlib import Path
from sklearn.ensemble import RandomForestClassifier

HERE = Path(__file__).parent


class Forest(RandomForestClassifier):
    def __init__(self, number=0, n_estimators=5, random_state=None):
        super().__init__(n_estimators=n_estimators, random_state=random_state)
        self.number = number

    def fit(self, X, y):
        fate = None if (HERE / "cured").exists() else {FATES!r}.get(self.number)
        if fate == "raise":
            raise ValueError("this one raises")
        if fate == "exit":
            os._exit(3)
        if fate == "kill" and (HERE / "from_outside").exists():
            (HERE / "victim.tmp").write_text(str(os.getpid()))
            (HERE / "victim.tmp").rename(HERE / "victim")
            time.sleep(600)
        if fate == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="jobs at once, at least 2, so that no job kills this process")
    parser.add_argument("--from-outside", action="store_true", help="kill a worker process from this one")
    parser.add_argument("--backend", default="processes", choices=("processes", "dask", "ray"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "unruly.py").write_text(ESTIMATOR)
        if arguments.from_outside:
            (folder / "from_outside").touch()
        command = ["dataset=wine", "model=sklearn", "model.estimator=unruly.Forest", f"model.params.number=range({NUM_JOBS})"]
        command += [f"parallel.num_jobs={arguments.jobs}", f"parallel.backend={arguments.backend}", "hydra.sweep.dir=sweep"]
        start = time.perf_counter()
        code = _sdl(folder, "train", "-m", *command, "--json")
        seconds = time.perf_counter() - start
        done, named = _states(folder)
        reasons = "; ".join(f"job {number}: {reason}" for number, reason in named.items())
        print(f"{done} of {NUM_JOBS - len(FATES)} done, named: {reasons}, exit {code} ({seconds:.0f} seconds)")
        before = {n: _written(folder, n) for n in range(NUM_JOBS)}
        (folder / "cured").touch()
        again = _sdl(folder, "train", "-m", "--resume", "sweep", "--json")
        ran = [n for n in range(NUM_JOBS) if _written(folder, n) != before[n]]
        done_now, still_named = _states(folder)
        print(f"resume ran {len(ran)} (jobs {', '.join(str(n + 1) for n in ran)}), {done_now} of {NUM_JOBS} done, exit {again}")
    good = done == NUM_JOBS - len(FATES) and set(named) == {n + 1 for n in FATES} and code == 1
    sys.exit(not (good and set(ran) == set(FATES) and done_now == NUM_JOBS and again == 0 and not still_named))


def _sdl(folder: Path, *arguments: str) -> int:
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sdl_cli", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            stdout=log,
            stderr=log,
        )
        while process.poll() is None:
            victim = folder / "victim"
            if victim.exists():
                os.kill(int(victim.read_text()), signal.SIGKILL)
                victim.unlink()
            time.sleep(0.1)
    return process.returncode


def _states(folder: Path) -> tuple[int, dict[int, str]]:
    """From results.csv: how many jobs are done, and number -> reason for the others."""
    with (folder / "sweep" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    named = {int(row["job"]): row["reason"] for row in rows if row["status"] != "done"}
    for row in rows:
        assert json.loads((folder / "sweep" / row["folder"] / "status.json").read_text())["state"] == row["status"]
    return len(rows) - len(named), named


def _written(folder: Path, number: int) -> int:
    return (folder / "sweep" / str(number) / "status.json").stat().st_mtime_ns


if __name__ == "__main__":
    main()

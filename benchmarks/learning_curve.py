"""Time `sdl curve` against scikit-learn's `learning_curve` on the same cells: digits, 500 trees, 40 to 1280 rows, 5 repeats.

    python benchmarks/learning_curve.py [--pairs 5]

Both are whole processes with two workers, started in turn; scikit-learn's only measures (no forecast, no picture, no files).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = [40, 80, 160, 320, 640, 1280]
SKLEARN = f"""
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedShuffleSplit, learning_curve
X, y = load_digits(return_X_y=True)
splits = StratifiedShuffleSplit(5, test_size=360, random_state=0)
sizes, train, test = learning_curve(RandomForestClassifier(500, random_state=0), X, y, train_sizes={SIZES}, cv=splits, n_jobs=2)
print(test.mean(1))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        ours = [sys.executable, "-m", "sdl_cli", "curve", f"curve.sizes={SIZES}".replace(" ", ""), "parallel.num_jobs=2"]
        for pair in range(parser.parse_args().pairs):
            times = {}
            for name in ("sdl", "scikit-learn") if pair % 2 else ("scikit-learn", "sdl"):
                command = [*ours, f"hydra.run.dir={folder}/{pair}"] if name == "sdl" else [sys.executable, "-c", SKLEARN]
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env={**os.environ, "SDL_CACHE": f"{folder}/cache"})
                times[name] = time.perf_counter() - start
            ratios.append(times["sdl"] / times["scikit-learn"])
            print(
                f"{times['sdl']:6.1f} s sdl curve   {times['scikit-learn']:6.1f} s learning_curve   ratio {ratios[-1]:.2f}",
                flush=True,
            )
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()

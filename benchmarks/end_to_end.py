"""Compare forecasts of `sdl curve` with the score that four times the labels reach, on scikit-learn's own data.

    python benchmarks/end_to_end.py

The curve is measured up to a size and forecast to four times that size; the score there is measured on the same test parts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

import numpy as np

CURVES = [
    ("digits", "forest", (20, 40, 80, 160, 320)),
    ("digits", "logistic", (20, 40, 80, 160, 320)),
    ("breast_cancer", "forest", (14, 28, 56, 112)),
    ("breast_cancer", "logistic", (14, 28, 56, 112)),
]


def main() -> None:
    errors, lasts, inside = [], [], 0
    print(f"{'curve':<26}{'last':>8}{'forecast':>10}{'90 % interval':>18}{'truth':>8}{'error':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for dataset, kind, sizes in CURVES:
            truth_at = 4 * sizes[-1]
            found = curve(dataset, kind, sizes, folder, f"curve.at=[{truth_at}]")
            forecast, last = found["forecast"][0], found["points"][-1]["mean"]
            truth = curve(dataset, kind, (*sizes[-2:], truth_at), folder)["points"][-1]["mean"]
            errors.append(abs(forecast["mean"] - truth))
            lasts.append(abs(last - truth))
            inside += forecast["low"] <= truth <= forecast["high"]
            interval = f"{forecast['low']:.4f} to {forecast['high']:.4f}"
            print(f"{dataset + ' ' + kind:<26}{last:>8.4f}{forecast['mean']:>10.4f}{interval:>18}{truth:>8.4f}{errors[-1]:>8.4f}")
    mean, ratio = np.mean(errors), np.mean(errors) / np.mean(lasts)
    print(f"mean error {mean:.4f} (must: 0.015), {ratio:.0%} of 'last value' (must: 60 %), {inside} of 4 inside (must: 3)")


def curve(dataset: str, kind: str, sizes: tuple[int, ...], folder: str, *more: str) -> dict:
    shown = "[" + ",".join(map(str, sizes)) + "]"
    command = [
        sys.executable,
        "-m",
        "sdl_cli",
        "curve",
        f"dataset={dataset}",
        f"model.kind={kind}",
        f"curve.sizes={shown}",
        *more,
    ]
    found = subprocess.run([*command, "--json", f"hydra.run.dir={folder}/c"], check=True, capture_output=True, text=True)
    return json.loads(found.stdout)


if __name__ == "__main__":
    main()

"""Accuracy of the forest and of deep_net on a folder of classification tables: 80/20 splits, no settings by hand.

Each file is read as `sdl train dataset=table dataset.path=FILE dataset.target=class` reads it. Prints one line per table and the
means over tables; refused tables are named with the reason.

    python benchmarks/tables.py FOLDER [--target class] [--num-seeds 5] [--num-jobs 2] [--models baseline,deep_net]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from sdl_cli.errors import SdlError
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.request import parse_experiment
from sdl_cli.study.curve.measure import run_cell


def score(file: Path, target: str, model: str, seed: int) -> float | str:
    """Test accuracy (R2 for numbers) of one run, or the reason for refusing it."""
    settings = ["dataset=table", f"dataset.path={file}", f"dataset.target={target}", f"model={model}", f"seed={seed}"]
    try:
        found = parse_experiment(compose_checked("train", settings, parse_experiment))
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values: dict[str, Any] = run_cell(found, Path(folder) / "cell", resume=False, keep_models=False)
    except SdlError as error:
        return error.message
    return float(values["test"]["accuracy" if "accuracy" in values["test"] else "r2"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", default="class")
    parser.add_argument("--num-seeds", type=int, default=5)
    parser.add_argument("--num-jobs", type=int, default=2)
    parser.add_argument("--models", default="baseline,deep_net")
    asked = parser.parse_args()
    files, models = sorted(asked.folder.glob("*.csv")), asked.models.split(",")
    cells = [(file, model, seed) for file in files for model in models for seed in range(asked.num_seeds)]
    start = time.perf_counter()
    found = joblib.Parallel(n_jobs=asked.num_jobs)(joblib.delayed(score)(f, asked.target, m, s) for f, m, s in cells)
    scores: dict[tuple[Path, str], list[float]] = {}
    for (file, model, _), value in zip(cells, found, strict=True):
        if isinstance(value, str):
            print(f"{file.stem} {model}: refused: {value}")
        else:
            scores.setdefault((file, model), []).append(100 * value)
    print(f"{'table':34s}" + "".join(f"{model:>22s}" for model in models))
    for file in files:
        row = [scores.get((file, model), [np.nan]) for model in models]
        print(f"{file.stem:34s}" + "".join(f"{np.mean(r):14.2f} +- {np.std(r):4.1f}" for r in row))
    for model in models:
        means = [np.mean(scores[file, model]) for file in files if (file, model) in scores]
        print(f"mean of {model} over {len(means)} tables, {asked.num_seeds} seeds: {np.mean(means):.2f}")
    print(f"{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()

"""What the scaling of frozen features is worth to a probe: every scaling against `standardize`, on the same labelled images.

    TORCH_HOME=... python benchmarks/probe_scaling.py ~/hymenoptera_data
    python benchmarks/probe_scaling.py photos.npz --per-class 5 20 all --seeds 5 --architecture squeezenet1_1

Features are computed once. Labelled images, test part and folds of a seed are those of `sdl train dataset.num_per_class=...
seed=...`. It prints means over seeds, and 95 % t intervals over seeds of the paired differences from `standardize`; with all
images of a folder that has a test part of its own, seeds differ in their folds alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from scipy.stats import t as student

from sdl_cli.data.split import split
from sdl_cli.learning.models.features import frozen_features
from sdl_cli.learning.models.probe import fit_probe
from sdl_cli.run import prepare
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.request import parse_experiment

SCALINGS = ("standardize", "common", "shrink", "unit", "auto")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a folder of images, one folder for each class, or an .npz")
    parser.add_argument("--per-class", nargs="+", default=["5", "20", "all"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--architecture", default="squeezenet1_1")
    asked = parser.parse_args()
    kind = "npz" if asked.path.suffix == ".npz" else "image_folder"
    given = [f"dataset={kind}", f"dataset.path={asked.path}", "model=finetuned_cnn", f"model.architecture={asked.architecture}"]
    experiment = parse_experiment(compose_checked("train", [*given, "model.strategy=probe"], parse_experiment))
    dataset = prepare.load_dataset(experiment)[0]
    features = frozen_features(experiment, dataset)
    for size in asked.per_class:
        num = None if size == "all" else int(size)
        settings = dataclasses.replace(experiment.dataset, num_per_class=num)
        scores = {scaling: [] for scaling in SCALINGS}
        for seed in range(asked.seeds):
            rows = split(dataset, settings, seed)
            known = rows.labelled
            for scaling in SCALINGS:
                begun = time.perf_counter()
                head = fit_probe(features[known], dataset.y[known], 1, True, seed, scaling=scaling)
                seconds = time.perf_counter() - begun
                outputs, truth = head.outputs(features[rows.test]), dataset.y[rows.test]
                loss = -log_softmax(outputs, axis=1)[np.arange(len(truth)), truth].mean()
                scores[scaling].append((100 * (outputs.argmax(1) == truth).mean(), loss, seconds, head.scaling))
        print(f"\n{dataset.name}, {size} of each class ({len(known)} images), {len(rows.test)} test images, {asked.seeds} seeds")
        print("scaling       accuracy   minus standardize       log loss   minus standardize         fit, s   chosen")
        for scaling in SCALINGS:
            accuracy, loss, seconds = (np.array([one[k] for one in scores[scaling]], dtype=float) for k in range(3))
            before = np.array([one[:2] for one in scores["standardize"]], dtype=float)
            chosen = ", ".join(f"{name} {count}" for name, count in Counter(one[3] for one in scores[scaling]).items())
            print(
                f"{scaling:12s}  {accuracy.mean():8.1f}   {difference(accuracy - before[:, 0], 1):22s}  {loss.mean():8.3f}"
                f"   {difference(loss - before[:, 1], 3):24s}  {seconds.mean():6.2f}   {chosen}"
            )


def difference(values: np.ndarray, digits: int) -> str:
    """Mean and 95 % t interval, in words."""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():+.{digits}f} ({values.mean() - half:+.{digits}f} to {values.mean() + half:+.{digits}f})"


if __name__ == "__main__":
    main()

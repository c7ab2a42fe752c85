"""What unlabelled images gain: few labelled ones per class of CIFAR-10 or digits and the others, with and without, on 5 subsets.

    python benchmarks/unlabelled_rows.py digits --steps 800 --augment shift --per-class 4
    python benchmarks/unlabelled_rows.py cifar10_500_200.npz [--subsets 5] [--steps 600] [model.unlabeled_threshold=0.6 ...]

Subset s has images 10 s to 10 s + 9 of each class as labelled ones; of digits the first 1,000 images are for training and the
others the test part. Both arms are the same network with the same augmentation, batches of labelled images, seed and number of
optimiser steps. Differences are paired over the test images (Newcombe 1998); their mean over subsets has a t interval.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from sdl_cli.measure.statistics import newcombe_paired, t_interval
from sdl_cli.run import train
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.request import parse_experiment

NET = ["model=deep_net", "training.batch_size=16", "precision=float32", "num_threads=1"]
OF_DIGITS = ["model.architecture=plain", "model.depth=4", "model.width=8"]
OF_PHOTOS = ["model.depth=7", "model.width=8", "training.ema_decay=0.99", "memory_format=channels_last"]


def read(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays by the keys of `dataset=npz`."""
    if path.name != "digits":
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in ("x_train", "y_train", "x_test", "y_test", "classes")}
    X, y = load_digits(return_X_y=True)
    X = np.rint(X * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    return {"x_train": X[:1000], "y_train": y[:1000], "x_test": X[1000:], "y_test": y[1000:]}


def written(arrays: dict[str, np.ndarray[Any, Any]], subset: int, per_class: int, folder: Path) -> tuple[Path, Path]:
    """A data set of the labelled images of a subset and all test images, and a file of the other training images."""
    X, y = arrays["x_train"], arrays["y_train"]
    own = slice(per_class * subset, per_class * (subset + 1))
    chosen = np.concatenate([np.flatnonzero(y == c)[own] for c in range(10)])
    labelled, others = folder / "labelled.npz", folder / "others.npz"
    np.savez(labelled, **{**arrays, "x_train": X[chosen], "y_train": y[chosen]})
    np.savez(others, X=np.delete(X, chosen, axis=0))
    return labelled, others


def scored(data: Path, more: list[str], where: Path) -> tuple[np.ndarray[Any, Any], float, list[str]]:
    """Which test images are right, seconds of the fit, and what was said."""
    given = ["dataset=npz", f"dataset.path={data}", *NET, *more]
    experiment = parse_experiment(compose_checked("train", given, parse_experiment))
    result = train.run(experiment, where)
    lines = (where / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    right = np.array([line.split(",")[1] == line.split(",")[2] for line in lines])
    return right, result.seconds["fit"], [note for note in result.notes if "unlabelled" in note]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--subsets", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--augment", default="strong", help="of labelled images, in both arms")
    parser.add_argument("--per-class", type=int, default=10)
    args, more = parser.parse_known_args()
    arrays, gains = read(args.path), []
    net = OF_DIGITS if args.path.name == "digits" else OF_PHOTOS
    for subset in range(args.first, args.first + args.subsets):
        with tempfile.TemporaryDirectory() as folder:
            labelled, others = written(arrays, subset, args.per_class, Path(folder))
            both = [*net, f"training.steps={args.steps}", "training.epochs=100000", f"seed={subset}", f"augment={args.augment}"]
            alone, seconds, _ = scored(labelled, [*both, *(o for o in more if "unlabeled" not in o)], Path(folder) / "alone")
            helped, own, notes = scored(labelled, [*both, f"dataset.unlabeled={others}", *more], Path(folder) / "helped")
            difference, low, high = (100 * value for value in newcombe_paired(helped, alone))
        gains.append(difference)
        accuracies = (
            f"{100 * alone.mean():5.1f} % alone ({seconds:.0f} s), {100 * helped.mean():5.1f} % with others ({own:.0f} s)"
        )
        print(f"subset {subset}: {accuracies}, {difference:+.1f} ({low:+.1f} to {high:+.1f}); {notes[-1]}", flush=True)
    if len(gains) > 1:
        mean, low, high = t_interval(np.array(gains))
        print(f"mean {mean:+.1f} points (95 % t interval {low:+.1f} to {high:+.1f}, {len(gains)} subsets)")


if __name__ == "__main__":
    main()

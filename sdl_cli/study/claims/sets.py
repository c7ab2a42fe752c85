"""The data of the claims: scikit-learn's sets, those that lie in `claims.data`, and parts of both, written out once."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data import DATASETS, load
from sdl_cli.files import make_folder, write_atomic
from sdl_cli.settings.yaml_files import options

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
TABLES = "sklearn_tables"
OF_TABLES = ("breast_cancer", "iris", "wine")  # its members
BUILTIN = ("digits", "diabetes", "wine", "iris", "breast_cancer")
ROWS = 487  # of the data of Feng, Zhou and Dong (2019)
UNLABELLED = 1100
FOLDER = "data"  # below the folder of the claims: the parts that were written out


@dataclass(frozen=True)
class Kept:
    """A set in the folder `claims.data`.

    Arguments:
        path: below that folder. dataset: the source that reads it.
        is_collection: a folder of tables, a set each.
    """

    path: str
    dataset: str
    is_collection: bool = False


@dataclass(frozen=True)
class Part:
    """A part of another set, as an npz file.

    Arguments:
        of: that set. make: seed, and its arrays `X, y` or `x_train, ...` -> the arrays of the part.
    """

    of: str
    make: Callable[[int, Arrays], Arrays]


KEPT = {
    "uci121": Kept("uci121", "table", is_collection=True),
    "hymenoptera": Kept("hymenoptera_256", "image_folder"),
    "cifar10": Kept("cifar10_subset/cifar10_500_200.npz", "npz"),
    "fashion_mnist": Kept("fashion_mnist_subset/fashion_mnist_500_200.npz", "npz"),
    "concrete": Kept("regression/concrete.csv", "table"),
    "omniglot": Kept("omniglot/one-shot-classification", "omniglot_runs"),
    "omniglot_background": Kept("omniglot", "omniglot_runs"),
}
_WORDS = {
    "hymenoptera": "ants and bees",
    "cifar10": "CIFAR-10",
    "cifar10_first": "five classes of CIFAR-10",
    "cifar10_last": "the other five classes of CIFAR-10",
    "fashion_mnist": "Fashion-MNIST",
    "omniglot": "Omniglot",
    "digits_parts": "digits",
    "digits_labelled": "digits",
    "breast_cancer_parts": "breast cancer",
    "concrete_487": "concrete (487 rows)",
}
TARGETS = {"uci121": "class", "concrete": "strength"}


def _classes(first: int, last: int) -> Callable[[int, Arrays], Arrays]:
    """The images of some classes alone, with all parts that the set has."""

    def make(seed: int, arrays: Arrays) -> Arrays:
        kept: Arrays = {}
        for key, values in arrays.items():
            if key.startswith("x"):
                y = arrays["y" + key[1:]]
                rows = (y >= first) & (y <= last)
                kept |= {key: values[rows], "y" + key[1:]: y[rows] - first}
        return kept

    return make


def _cut(seed: int, arrays: Arrays) -> Arrays:
    """So many rows, drawn at random."""
    rows = np.random.default_rng(seed).permutation(len(arrays["X"]))[:ROWS]
    return {"X": arrays["X"][rows], "y": arrays["y"][rows]}


def _apart(seed: int, arrays: Arrays) -> tuple[Array, Array]:
    """Numbers of the rows to learn from, and of a fifth that is the test part in every draw."""
    rows = np.random.default_rng(seed).permutation(len(arrays["X"]))
    num_test = len(rows) // 5
    return rows[num_test:], rows[:num_test]


def _with_test_part(seed: int, arrays: Arrays) -> Arrays:
    return _labelled_after(0)(seed, arrays)


def _labelled_after(num: int) -> Callable[[int, Arrays], Arrays]:
    """The rows to learn from without the first `num`, whose labels are held back, and the test part."""

    def make(seed: int, arrays: Arrays) -> Arrays:
        train, test = _apart(seed, arrays)
        parts = {"train": train[num:], "test": test}
        return {f"{key}_{part}": arrays[key.upper() if key == "x" else key][rows] for part, rows in parts.items() for key in "xy"}

    return make


def _unlabelled(seed: int, arrays: Arrays) -> Arrays:
    """The rows whose labels are held back."""
    return {"X": arrays["X"][_apart(seed, arrays)[0][:UNLABELLED]]}


def _inputs(seed: int, arrays: Arrays) -> Arrays:
    """The rows to learn from, all of them, without their labels."""
    return {"X": arrays["x_train"] if "x_train" in arrays else arrays["X"][_apart(seed, arrays)[0]]}


PARTS = {
    "cifar10_first": Part("cifar10", _classes(0, 4)),
    "cifar10_last": Part("cifar10", _classes(5, 9)),
    "cifar10_unlabelled": Part("cifar10", _inputs),
    "digits_parts": Part("digits", _with_test_part),
    "digits_inputs": Part("digits", _inputs),
    "digits_labelled": Part("digits", _labelled_after(UNLABELLED)),
    "digits_unlabelled": Part("digits", _unlabelled),
    "breast_cancer_parts": Part("breast_cancer", _with_test_part),
    "concrete_487": Part("concrete", _cut),
}


def known_sets() -> list[str]:
    return [*BUILTIN, TABLES, *KEPT, *PARTS]


def in_words(name: str) -> str:
    """A set as people call it; a table of a collection has its own name."""
    return _WORDS.get(name, name.replace("_", " "))


def is_known(name: str) -> bool:
    """Whether it is one of these, or another choice of `dataset`, the user's own among them."""
    return name in known_sets() or name in options("dataset")


@dataclass(frozen=True)
class Sets:
    """Where sets lie for one run of the claims.

    Arguments:
        data: the folder `claims.data`, or None.
        own: where parts are written.
        seed: of the rows that a part takes.
    """

    data: Path | None
    own: Path
    seed: int

    def missing(self, name: str) -> str | None:
        """Why a set is not here, or None if it is."""
        if name in PARTS:
            return self.missing(PARTS[name].of)
        if name not in KEPT:
            return None
        path = KEPT[name].path
        if self.data is None:
            return f"{name} lies in a folder of yours: claims.data=FOLDER ({path} in it)"
        place = self.data / path
        if KEPT[name].is_collection:
            return None if any(place.glob("*.csv")) else f"{self.data} has no tables {path}/*.csv"
        return None if place.exists() else f"{self.data} has no {path}"

    def members(self, name: str) -> list[str]:
        """Names of the sets of a collection; of a single set its own."""
        if name == TABLES:
            return list(OF_TABLES)
        if name in KEPT and KEPT[name].is_collection and self.data is not None:
            return sorted(file.stem for file in (self.data / KEPT[name].path).glob("*.csv"))
        return [name]

    def path(self, name: str) -> Path:
        """The file or folder of a set; a part is written if it is not there yet."""
        if name not in PARTS:
            assert self.data is not None
            return self.data / KEPT[name].path
        file = self.own / f"{name}-{self.seed}.npz"
        if not file.is_file():
            part = PARTS[name]
            make_folder(self.own)
            arrays: dict[str, Any] = part.make(self.seed, self._arrays(part.of))
            np.savez(buffer := io.BytesIO(), **arrays)
            write_atomic(file, buffer.getvalue())
        return file

    def settings(self, name: str, member: str) -> list[str]:
        """The settings that choose a set, or a member of it, as typed on a command line."""
        if name not in (*KEPT, *PARTS):
            return [f"dataset={member}"]
        if name in PARTS:
            task = ["dataset.task=regression"] if PARTS[name].make is _cut else []
            return ["dataset=npz", f"dataset.path={self.path(name)}", *task]
        kept = KEPT[name]
        path = self.path(name) / f"{member}.csv" if kept.is_collection else self.path(name)
        target = [f"dataset.target={TARGETS[name]}"] if name in TARGETS else []
        return [f"dataset={kept.dataset}", f"dataset.path={path}", *target]

    def _arrays(self, name: str) -> Arrays:
        """The arrays of a whole set: `x_train, y_train, x_test, y_test` where it has such parts, else `X, y`."""
        if name in BUILTIN:
            settings: Any = DATASETS[name]()
        else:
            kept = KEPT[name]
            target = {"target": TARGETS[name]} if name in TARGETS else {}
            settings = DATASETS[kept.dataset](path=str(self.path(name)), **target)
        dataset = load(settings)
        if dataset.part is None:
            return {"X": np.asarray(dataset.X), "y": dataset.y}
        arrays: Arrays = {}
        for part, key in (("train", "train"), ("test", "test")):
            rows = np.flatnonzero(dataset.part == part)
            arrays |= {f"x_{key}": np.asarray(dataset.X[rows]), f"y_{key}": dataset.y[rows]}
        return arrays

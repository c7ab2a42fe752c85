"""Arrays in .npz files: layouts, tasks, class names, refusals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data import load
from sdl_cli.data.sources.npz import Npz, read_inputs
from sdl_cli.errors import DataError

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(12, 3))
LABELS = np.arange(12) % 3


def save(folder: Path, **arrays: Any) -> Path:
    path = folder / "a.npz"
    np.savez(path, **arrays)
    return path


def read(folder: Path, task: Any = "auto", **arrays: Any) -> Any:
    return load(Npz(path=str(save(folder, **arrays)), task=task))


def test_a_table(tmp_path: Path) -> None:
    data = read(tmp_path, X=TABLE.astype(np.float32), y=LABELS)
    assert (data.name, data.task, data.modality) == ("a", "classification", "table")
    assert data.X.dtype == np.float64
    assert data.feature_names == ("x0", "x1", "x2")
    assert data.classes == ("0", "1", "2")
    assert data.y.dtype == np.int64
    assert data.ids.tolist() == [str(i) for i in range(12)]
    assert data.part is None
    assert data.notes == ()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((12, 5, 7, 3), (12, 3, 5, 7)),
        ((12, 5, 7, 1), (12, 1, 5, 7)),
        ((12, 5, 7, 4), (12, 3, 5, 7)),
        ((12, 3, 5, 7), (12, 3, 5, 7)),
        ((12, 1, 5, 7), (12, 1, 5, 7)),
        ((12, 5, 7), (12, 1, 5, 7)),
    ],
)
def test_image_layouts(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    X = RNG.integers(0, 255, shape, dtype=np.uint8)
    data = read(tmp_path, X=X, y=LABELS)
    assert data.X.shape == expected
    assert data.X.dtype == np.uint8
    assert data.modality == "image"
    channels_last = X if len(shape) == 4 and shape[3] in (1, 3, 4) else None
    first = X[0, ..., 0] if channels_last is not None else X[0].reshape(-1, 5, 7)[0]
    assert np.array_equal(data.X[0, 0], first)
    assert bool(data.notes) == (shape[-1] == 4)


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (np.full((12, 4, 4), 0.5), 128),
        (np.full((12, 4, 4), 200.4, np.float32), 200),
        (np.full((12, 4, 4), 200, np.int64), 200),
        (np.full((12, 4, 4), 65535, np.uint16), 255),
        (np.ones((12, 4, 4), bool), 255),
    ],
)
def test_other_number_types_become_8_bit(tmp_path: Path, X: Any, expected: int) -> None:
    data = read(tmp_path, X=X, y=LABELS)
    assert (expected == data.X).all()
    assert "brought to 8 bit" in data.notes[0]


@pytest.mark.parametrize(
    ("y", "task", "classes", "first", "note"),
    [
        (np.array([5, 7] * 6), "classification", ("5", "7"), [0, 1], ""),
        (np.array([-1, 1] * 6), "classification", ("-1", "1"), [0, 1], ""),
        (np.array(["dog", "cat"] * 6), "classification", ("cat", "dog"), [1, 0], ""),
        (np.array([b"dog", b"cat"] * 6), "classification", ("cat", "dog"), [1, 0], ""),
        (np.array([True, False] * 6), "classification", ("False", "True"), [1, 0], ""),
        (np.array([[1], [0]] * 6, np.uint8), "classification", ("0", "1"), [1, 0], ""),
        (np.array([0.0, 1.0] * 6), "classification", ("0", "1"), [0, 1], "2 distinct whole numbers"),
        (np.array([0.5, 1.0] * 6), "regression", (), [0.5, 1.0], ""),
    ],
)
def test_task_and_classes(tmp_path: Path, y: Any, task: str, classes: tuple[str, ...], first: Any, note: str) -> None:
    data = read(tmp_path, X=TABLE, y=y)
    assert data.task == task
    assert data.classes == classes
    assert data.y[:2].tolist() == first
    assert data.y.dtype == (np.int64 if task == "classification" else np.float64)
    assert (note in data.notes[0]) if note else data.notes == ()


def test_task_can_be_set(tmp_path: Path) -> None:
    assert read(tmp_path, "regression", X=TABLE, y=LABELS).y.dtype == np.float64
    whole = np.arange(30.0)
    assert read(tmp_path, X=np.ones((30, 2)), y=whole).task == "regression"  # more than 20 distinct
    assert read(tmp_path, "classification", X=np.ones((30, 2)), y=whole).classes[:3] == ("0", "1", "2")


def test_names_of_classes(tmp_path: Path) -> None:
    names = np.array(["zebra", "ant", "unused", "bee"])
    data = read(tmp_path, X=TABLE, y=np.array([0, 1, 3] * 4), classes=names)
    assert data.classes == ("zebra", "ant", "bee")
    assert data.y[:3].tolist() == [0, 1, 2]
    assert data.notes == ("1 of the 4 names in classes have no rows and were left out.",)
    data = read(tmp_path, X=TABLE, y=np.array(["ant", "bee", "zebra"] * 4), classes=names)
    assert data.classes == ("zebra", "ant", "bee")
    assert data.y[:3].tolist() == [1, 2, 0]


def test_ready_parts(tmp_path: Path) -> None:
    parts = {"X_train": TABLE[:6], "Y_train": LABELS[:6], "x_val": TABLE[6:9], "y_val": LABELS[6:9]}
    parts |= {"x_test": TABLE[9:], "y_test": LABELS[9:], "names_train": np.array(["ignored"])}
    data = read(tmp_path, **parts)
    assert data.part.tolist() == ["train"] * 6 + ["validation"] * 3 + ["test"] * 3
    assert np.array_equal(data.X, TABLE)
    assert data.ids[[0, 6, 11]].tolist() == ["train/0", "validation/0", "test/2"]
    data = read(tmp_path, **{k: v for k, v in parts.items() if "test" not in k})
    assert data.part.tolist() == ["train"] * 6 + ["test"] * 3
    assert "the validation part is used as the test part" in data.notes[0]
    assert read(tmp_path, x_train=TABLE, y_train=LABELS).part is None


def test_groups(tmp_path: Path) -> None:
    data = read(tmp_path, X=TABLE, y=LABELS, groups=np.array(["p1", "p2", "p3"] * 4))
    assert data.groups.tolist() == ["p1", "p2", "p3"] * 4
    data = read(
        tmp_path,
        x_train=TABLE[:6],
        y_train=LABELS[:6],
        x_test=TABLE[6:],
        y_test=LABELS[6:],
        groups_train=np.arange(6),
        groups_test=np.arange(5, 11),
    )
    assert "1 group is in both the labelled and the test part" in data.notes[0]


def test_the_fingerprint_follows_content(tmp_path: Path) -> None:
    base = {"X": TABLE, "y": LABELS}
    first = read(tmp_path, **base).fingerprint
    assert first == read(tmp_path, **base, extra=np.ones(3)).fingerprint
    assert re.fullmatch("[0-9a-f]{64}", first)
    others = [
        read(tmp_path, X=TABLE + 1e-9, y=LABELS),
        read(tmp_path, X=TABLE, y=LABELS[::-1]),
        read(tmp_path, **base, classes=np.array(list("abc"))),
        read(tmp_path, x_train=TABLE[:6], y_train=LABELS[:6], x_test=TABLE[6:], y_test=LABELS[6:]),
    ]
    assert len({first, *(o.fingerprint for o in others)}) == 5


NAN, INF = TABLE.copy(), TABLE.copy()
NAN[4, 1], INF[2, 0] = np.nan, -np.inf
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("nan", {"X": NAN, "y": LABELS}, "NaN or infinity in 1 rows of the inputs; the first is row 4"),
    ("inf", {"X": INF, "y": LABELS}, "NaN or infinity in 1 rows of the inputs; the first is row 2"),
    ("nan in y", {"X": TABLE, "y": np.where(LABELS == 0, np.nan, 1.5)}, "NaN or infinity in 4 rows of y; the first is"),
    ("lengths", {"X": TABLE, "y": LABELS[:5]}, "X has 12 rows and y has 5"),
    (
        "test lengths",
        {"x_train": TABLE, "y_train": LABELS, "x_test": TABLE, "y_test": LABELS[1:]},
        "x_test has 12 rows",
    ),
    ("empty", {"X": TABLE[:0], "y": LABELS[:0]}, "X is empty"),
    ("no columns", {"X": TABLE[:, :0], "y": LABELS}, "X is empty"),
    ("no y", {"X": TABLE, "extra": LABELS}, r"y is missing; it has extra, x\."),
    ("no X", {"data": TABLE, "y": LABELS}, r"X is missing; it has data, y\."),
    ("no y_test", {"x_train": TABLE, "y_train": LABELS, "x_test": TABLE}, "y_test is missing"),
    ("no arrays", {}, "X is missing; it has no arrays"),
    ("pickled X", {"X": np.array([object()] * 12), "y": LABELS}, "X is an array of Python objects"),
    ("pickled y", {"X": TABLE, "y": np.array(["a", None] * 6, object)}, "y is an array of Python objects"),
    ("one-hot", {"X": TABLE, "y": np.eye(3)[LABELS]}, r"y has shape \(12, 3\)"),
    ("scalar", {"X": TABLE, "y": 3}, "y is a single value"),
    ("one class", {"X": TABLE, "y": LABELS * 0}, "y has one class only, 0"),
    ("text table", {"X": np.full((12, 2), "red"), "y": LABELS}, "the inputs are of type <U3, not numbers"),
    ("complex", {"X": TABLE + 1j, "y": LABELS}, "the inputs are of type complex128"),
    ("dates", {"X": TABLE, "y": np.full(12, "2020-01-01", "datetime64[D]")}, "y is of type datetime64"),
    ("normalised", {"X": RNG.normal(size=(12, 4, 4)), "y": LABELS}, "image values from -.* they must lie in 0..1"),
    ("no channels", {"X": np.zeros((12, 5, 5, 2), np.uint8), "y": LABELS}, "no axis of 1 or 3 channels"),
    ("5-D", {"X": np.zeros((12, 2, 2, 2, 2), np.uint8), "y": LABELS}, "neither images nor a table"),
    (
        "names",
        {"X": TABLE, "y": LABELS, "classes": np.array(["a", "b"])},
        "label 2 has no name in classes, which has 2",
    ),
    ("twice", {"X": TABLE, "y": LABELS, "classes": np.array(["a", "b", "a"])}, "a name occurs twice in classes"),
    ("many", {"X": np.ones((40, 2)), "y": np.arange(40)}, "40 distinct whole numbers in 40 rows: classes or numbers"),
    ("groups", {"X": TABLE, "y": LABELS, "groups": np.arange(3)}, "groups have 3 rows, the inputs 12"),
    ("case", {"X": TABLE, "x": TABLE, "y": LABELS}, "two keys 'x' that differ in case only"),
    (
        "mixed",
        {"x_train": TABLE, "y_train": LABELS, "x_test": TABLE, "y_test": LABELS.astype(str)},
        "some parts have text",
    ),
    (
        "shapes",
        {"x_train": TABLE, "y_train": LABELS, "x_test": TABLE[:, :2], "y_test": LABELS},
        "rows of different shapes",
    ),
]


@pytest.mark.parametrize(("arrays", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_arrays_that_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, **arrays)
    assert re.search(message, caught.value.message)
    assert "a.npz" in caught.value.message
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("task", "y", "message"),
    [
        ("regression", np.array(["a", "b"] * 6), "y holds text"),
        ("classification", np.arange(12) / 2, "y holds fractions"),
    ],
)
def test_a_task_that_does_not_fit(tmp_path: Path, task: str, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, task, X=TABLE, y=y)


def test_files_that_are_refused(tmp_path: Path) -> None:
    good = save(tmp_path, X=TABLE, y=LABELS).read_bytes()
    np.save(tmp_path / "single.npy", TABLE)

    contents = {
        "cut.npz": good[:-40],
        "text.npz": b"hello",
        "zero.npz": b"",
        "flipped.npz": good.replace(b"NUMPY", b"MUNPY"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in contents:
        with pytest.raises(DataError, match=r"not an \.npz file, or a damaged one|is damaged"):
            load(Npz(path=str(tmp_path / name)))
    with pytest.raises(DataError, match="single array"):
        load(Npz(path=str(tmp_path / "single.npy")))
    with pytest.raises(DataError, match="is a folder") as caught:
        load(Npz(path=str(tmp_path)))
    assert "dataset=image_folder" in caught.value.hint
    with pytest.raises(DataError, match="dataset.path: .*flippd.npz does not exist") as caught:
        load(Npz(path=str(tmp_path / "flippd.npz")))
    assert caught.value.hint == "Did you mean flipped.npz?"


@pytest.mark.parametrize("name", ["with space", "für (größe)", "a,b", "k=v", "no#1", "~x"])
def test_awkward_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    np.savez(tmp_path / name / f"{name}.npz", X=TABLE, y=LABELS)
    assert load(Npz(path=str(tmp_path / name / f"{name}.npz"))).name == name


def test_inputs_for_prediction(tmp_path: Path) -> None:
    ids, X = read_inputs(save(tmp_path, x=TABLE))
    assert ids.tolist() == [str(i) for i in range(12)]
    assert np.array_equal(X, TABLE)
    images = RNG.integers(0, 255, (5, 6, 6, 3), dtype=np.uint8)
    assert read_inputs(save(tmp_path, x_test=images, x_train=images[:1]))[1].shape == (5, 3, 6, 6)
    with pytest.raises(DataError, match=r"neither X nor x_test is there; it has inputs\."):
        read_inputs(save(tmp_path, inputs=TABLE))
    with pytest.raises(DataError, match="NaN or infinity"):
        read_inputs(save(tmp_path, X=NAN))


@pytest.mark.data
def test_cifar10_subset(shared_data: Path) -> None:
    data = load(Npz(path=str(shared_data / "cifar10_subset" / "cifar10_500_200.npz")))
    assert data.X.shape == (7000, 3, 32, 32)
    assert data.part is not None
    assert [(data.part == p).sum() for p in ("train", "test")] == [5000, 2000]
    assert data.classes[:2] == ("airplane", "automobile")
    assert np.bincount(data.y).tolist() == [700] * 10
    assert data.notes == ()

"""The data of claims: what is here, what is not, and parts that hold what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdl_cli.study.claims.sets import KEPT, PARTS, UNLABELLED, Sets, known_sets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small folder of data with the same files as the real one."""
    rng = np.random.default_rng(0)
    images = {part: rng.integers(0, 255, (20, 32, 32, 3), dtype=np.uint8) for part in ("train", "test")}
    labels = np.repeat(np.arange(10), 2)
    file = tmp_path / KEPT["cifar10"].path
    file.parent.mkdir()
    np.savez(file, x_train=images["train"], y_train=labels, x_test=images["test"], y_test=labels)
    (tmp_path / "regression").mkdir()
    rows = "\n".join(f"{k * 1.7 % 90:.1f},{k * k % 7},{k * 1.7 % 90 + 1:.1f}" for k in range(600))
    (tmp_path / KEPT["concrete"].path).write_text(f"cement,age,strength\n{rows}\n")
    (tmp_path / "uci121").mkdir()
    (tmp_path / "uci121" / "b.csv").write_text("x,class\n1,0\n2,1\n")
    (tmp_path / "uci121" / "a.csv").write_text("x,class\n1,0\n2,1\n")
    return tmp_path


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    here, none = Sets(folder, tmp_path / "own", 0), Sets(None, tmp_path / "own", 0)
    assert here.missing("digits") is None and none.missing("digits") is None and none.missing("sklearn_tables") is None
    assert here.missing("cifar10") is None and here.missing("cifar10_last") is None and here.missing("uci121") is None
    assert here.missing("hymenoptera") == f"{folder} has no hymenoptera_256"
    lies = "cifar10 lies in a folder of yours: claims.data=FOLDER (cifar10_subset/cifar10_500_200.npz in it)"
    assert none.missing("cifar10") == lies and none.missing("cifar10_first") == lies
    (folder / "uci121" / "a.csv").unlink()
    (folder / "uci121" / "b.csv").unlink()
    assert here.missing("uci121") == f"{folder} has no tables uci121/*.csv"


def test_a_collection_has_its_tables_as_members(folder: Path) -> None:
    sets = Sets(folder, folder / "own", 0)
    assert sets.members("uci121") == ["a", "b"] and sets.members("digits") == ["digits"]
    expected = ["dataset=table", f"dataset.path={folder / 'uci121' / 'b.csv'}", "dataset.target=class"]
    assert sets.settings("uci121", "b") == expected
    assert sets.settings("sklearn_tables", "wine") == ["dataset=wine"]


def test_classes_are_divided_between_two_parts(folder: Path) -> None:
    sets = Sets(folder, folder / "own", 0)
    first, last = (np.load(sets.path(name)) for name in ("cifar10_first", "cifar10_last"))
    whole = np.load(folder / KEPT["cifar10"].path)
    for part in ("train", "test"):
        assert np.array_equal(np.unique(first[f"y_{part}"]), np.arange(5))
        assert np.array_equal(np.unique(last[f"y_{part}"]), np.arange(5))
        rows = whole[f"x_{part}"][whole[f"y_{part}"] >= 5]
        assert np.array_equal(last[f"x_{part}"], rows.transpose(0, 3, 1, 2))
    assert sets.path("cifar10_first").read_bytes() == sets.path("cifar10_first").read_bytes()
    assert np.load(sets.path("cifar10_unlabelled")).files == ["X"]


def test_a_cut_table_has_487_of_its_rows(folder: Path) -> None:
    sets = Sets(folder, folder / "own", 1)
    part = np.load(sets.path("concrete_487"))
    assert part["X"].shape == (487, 2) and part["y"].shape == (487,)
    assert np.allclose(part["y"], part["X"][:, 0] + 1)
    other = np.load(Sets(folder, folder / "own", 2).path("concrete_487"))
    assert not np.array_equal(part["X"], other["X"])
    assert sets.settings("concrete_487", "concrete_487")[-1] == "dataset.task=regression"


def test_no_row_of_a_part_is_in_another(folder: Path) -> None:
    sets = Sets(None, folder / "own", 0)
    labelled, unlabelled = (np.load(sets.path(f"digits_{name}")) for name in ("labelled", "unlabelled"))
    assert len(unlabelled["X"]) == UNLABELLED and set(labelled.files) == {"x_train", "y_train", "x_test", "y_test"}
    assert len(labelled["x_test"]) == len(labelled["y_test"]) == 1797 // 5
    every = np.concatenate([labelled["x_train"], labelled["x_test"], unlabelled["X"]]).astype(float).sum((1, 2, 3))
    whole, images = sets._arrays("digits"), np.load(sets.path("digits_parts"))
    assert np.array_equal(np.sort(every), np.sort(whole["X"].astype(float).sum((1, 2, 3))))
    assert np.array_equal(images["x_test"], labelled["x_test"]) and np.array_equal(images["y_test"], labelled["y_test"])
    assert np.array_equal(np.load(sets.path("digits_inputs"))["X"], images["x_train"])
    pictures = Sets(folder, folder / "own", 0)
    inputs = np.load(pictures.path("cifar10_unlabelled"))
    assert inputs.files == ["X"] and np.array_equal(inputs["X"], pictures._arrays("cifar10")["x_train"])


def test_every_part_is_of_a_set_that_there_is() -> None:
    assert {part.of for part in PARTS.values()} <= set(known_sets())

"""Every source of data ends in `Reading.finish`, and what that makes of groups, parts, names of rows and notes."""

from __future__ import annotations

import ast
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from unit.data.sources.test_omniglot import make_runs

import sdl_cli
from sdl_cli.data import DATASETS, load
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.source import Reading, row_names, with_test_part
from sdl_cli.data.sources import openml
from sdl_cli.errors import DataError

COLOURS = ["red", "blue"] * 6


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))


def npz(folder: Path) -> dict[str, Any]:
    np.savez(folder / "a.npz", X=np.arange(24.0).reshape(12, 2), y=np.arange(12) % 2)
    return {"path": str(folder / "a.npz")}


def table(folder: Path) -> dict[str, Any]:
    rows = [f"{i * i}.5,{colour}" for i, colour in enumerate(COLOURS)]
    (folder / "a.csv").write_text("\n".join(["x,colour", *rows]) + "\n")
    return {"path": str(folder / "a.csv"), "target": "colour"}


def text(folder: Path) -> dict[str, Any]:
    (folder / "a.txt").write_text("".join(f"{colour} it is {colour} {i}\n" for i, colour in enumerate(COLOURS)))
    return {"path": str(folder / "a.txt")}


def photos(folder: Path) -> dict[str, Any]:
    for i, colour in enumerate(COLOURS):
        (folder / "photos" / colour).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (i, 20 * i, 0)).save(folder / "photos" / colour / f"{i}.png")
    return {"path": str(folder / "photos"), "size_px": 8}


def listed_photos(folder: Path) -> dict[str, Any]:
    photos(folder)
    rows = [f"photos/{colour}/{i}.png,{colour}" for i, colour in enumerate(COLOURS)]
    (folder / "a.csv").write_text("\n".join(["file,colour", *rows]) + "\n")
    return {"path": str(folder / "a.csv"), "size_px": 8}


def runs(folder: Path) -> dict[str, Any]:
    return {"path": str(make_runs(folder / "runs"))}


def series(folder: Path) -> dict[str, Any]:
    rows = [",".join(str((i * j) % 7) for j in range(8)) + f":{colour}" for i, colour in enumerate(COLOURS)]
    (folder / "made.ts").write_text("@problemName made\n@classLabel true\n@data\n" + "\n".join(rows))
    return {"path": str(folder / "made.ts")}


def from_hub(folder: Path) -> dict[str, Any]:
    datasets = pytest.importorskip("datasets", reason="needs sdl-cli[huggingface]")
    datasets.Dataset.from_dict({"x": [i * i + 0.5 for i in range(12)], "label": COLOURS}).save_to_disk(str(folder / "set"))
    return {"dataset": str(folder / "set")}


def mnist(folder: Path) -> dict[str, Any]:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix in ("train", "t10k"):
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, 12, 28, 28) + bytes(12 * 28 * 28))
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, 12) + bytes(i % 2 for i in range(12)))
    return {"dataset": "MNIST", "root": str(folder)}


SOURCES: dict[str, Callable[[Path], dict[str, Any]]] = {
    **dict.fromkeys(("digits", "breast_cancer", "wine", "iris", "diabetes"), lambda folder: {}),
    "npz": npz,
    "table": table,
    "series": series,
    "text": text,
    "image_folder": photos,
    "image_table": listed_photos,
    "huggingface": from_hub,
    "torchvision": mnist,
    "openml": lambda folder: {"dataset": "small"},
    "omniglot_runs": runs,
}


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_each_kind_of_data_is_finished_once_and_returned_as_it_is(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, made = Reading.finish, []
    monkeypatch.setattr(Reading, "finish", lambda self: made.append(finish(self)) or made[-1])
    frame = pd.DataFrame({"x": np.arange(12) ** 2 + 0.5, "colour": COLOURS})
    details = {"name": "small", "version": "1", "id": "7", "default_target_attribute": "colour"}
    monkeypatch.setattr(openml, "_fetch", lambda settings, notes: SimpleNamespace(frame=frame, details=details))
    found = load(DATASETS[kind](**SOURCES[kind](tmp_path)))
    assert len(made) == 1 and found is made[0]
    assert len(found) == len(found.ids) >= 12 and len(found.fingerprint) == 64


def test_only_finish_makes_a_data_set() -> None:
    package = Path(sdl_cli.__file__).parent
    calls = [
        file.relative_to(package).as_posix()
        for file in sorted(package.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Dataset"
    ]
    assert calls == ["data/source.py"]


def finished(**fields: Any) -> Dataset:
    of: dict[str, Any] = {"where": "f.csv", "name": "f", "task": "classification", "modality": "table", "X": np.eye(4)}
    of |= {"y": np.array([0, 1, 0, 1]), "classes": ("a", "b"), "ids": range(4)}
    return Reading(**of | fields).finish()


def words(*cells: str | None) -> np.ndarray:
    return np.array(cells, dtype=object)


def test_a_row_without_a_group_is_one_of_its_own() -> None:
    data = finished(groups=words("p", None, "p", None), group_name="patient")
    assert data.groups is not None and data.groups.tolist() == ["p", "(0)", "p", "(1)"]
    assert data.notes == ("2 rows have no patient: each was taken as a group of its own.",)


def test_the_validation_part_becomes_the_test_part_where_there_is_none() -> None:
    data = finished(part=np.array(["train", "train", "validation", "validation"]), groups=words("p", "q", "p", "r"))
    assert data.part is not None and data.part.tolist() == ["train", "train", "test", "test"]
    assert "validation part is used as the test part" in data.notes[0]
    assert data.notes[1].startswith("1 group is in both the labelled and the test part (p)")
    whole = np.array(["train", "validation", "test", "test"])
    assert with_test_part(whole, notes := []) is whole and notes == []


def test_rows_that_are_all_for_training_have_no_parts() -> None:
    data = finished(part=np.array(["train"] * 4))
    assert data.part is None and data.fingerprint == finished().fingerprint


def test_names_of_rows_and_notes() -> None:
    data = finished(ids=["a", None, 3, 4], notes=["x.", "y.", "x."])
    assert data.ids.tolist() == ["a", "", "3", "4"] and data.notes == ("x.", "y.")
    assert row_names([5, 6], None) == ["5", "6"]
    assert row_names([5, 6], np.array(["train", "test"])) == ["train/5", "test/6"]


def test_a_class_whose_images_are_all_lost_is_named() -> None:
    with pytest.raises(DataError, match=r"f.csv: no image of b can be read\."):
        finished(y=np.zeros(4, np.int64))


def test_the_fingerprint_depends_on_content_alone() -> None:
    first = finished()
    assert first.fingerprint == finished(name="other", notes=["x."], ids=list("wxyz")).fingerprint
    others = [finished(X=2 * np.eye(4)), finished(y=np.array([1, 0, 0, 1])), finished(classes=("a", "c")), finished(x_digest="0")]
    others.append(finished(part=np.array(["train", "train", "test", "test"])))
    assert len({data.fingerprint for data in others} | {first.fingerprint}) == 6

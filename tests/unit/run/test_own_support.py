"""Folders that bring classes of their own to predict with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from unit.learning.models.one_shot.test_one_shot import drawings

from sdl_cli.errors import DataError
from sdl_cli.learning.models.one_shot.estimator import OneShot
from sdl_cli.run.own_support import has_support, with_support

INPUTS: dict[str, Any] = {"size_px": 105, "channels": "grey", "interpolation": "bilinear", "classes": ["a", "b", "c"]}


def save(image: np.ndarray, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[0]).save(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, image in zip(("cross", "hook", "angle"), drawings(), strict=True):
        save(image, tmp_path / "support" / f"{name}.png")
        save(image, tmp_path / "query" / f"unknown_{name}.png")
    return tmp_path


def model() -> OneShot:
    return OneShot(kind="hausdorff").fit(drawings(5), np.arange(3))


def test_files_or_folders_name_the_classes(folder: Path) -> None:
    said: list[str] = []
    found, asked = with_support(given := model(), INPUTS, folder, said.append)
    assert found["classes"] == ["angle", "cross", "hook"] and asked == folder / "query" and has_support(folder)
    assert given.predict(drawings()).tolist() == [1, 2, 0]
    assert said == [f"The classes are those of {folder / 'support'} (3, 3 labelled drawings), not those of the run."]
    save(drawings(2)[0], folder / "support" / "second" / "one.png")
    save(drawings(2)[1], folder / "support" / "second" / "two.png")
    said.clear()
    assert with_support(model(), INPUTS, folder, said.append)[0]["classes"] == ["angle", "cross", "hook", "second"]
    assert said[0] == "1 class of 4 with more than one labelled drawing: the nearest of them counts."


def test_large_drawings_are_resized_and_that_is_said(folder: Path) -> None:
    save(drawings()[0].repeat(3, 1).repeat(4, 2), folder / "query" / "large.png")
    said: list[str] = []
    with_support(model(), INPUTS, folder, said.append)
    assert said[0].startswith("1 of 7 drawings is resized to 105 x 105 px (the largest has 420 x 315)")
    assert "only the middle is seen" in said[0]


def no_query(folder: Path) -> None:
    for file in (folder / "query").iterdir():
        file.unlink()
    (folder / "query").rmdir()


def empty_class(folder: Path) -> None:
    (folder / "support" / "new").mkdir()


def one_class(folder: Path) -> None:
    for name in ("hook", "angle"):
        (folder / "support" / f"{name}.png").unlink()


def unreadable(folder: Path) -> None:
    (folder / "support" / "hook.png").write_bytes(b"no picture")


def blank(folder: Path) -> None:
    save(np.full((1, 105, 105), 255, np.uint8), folder / "support" / "hook.png")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_query, ["no folder query/", "support/CLASS.png"]),
        (empty_class, ["no drawing in new/", "remove the folder"]),
        (one_class, ["1 class, and at least two"]),
        (unreadable, ["1 of 3 images cannot be read", "hook.png"]),
        (blank, ["nothing is drawn"]),
    ],
)
def test_mistakes_are_named(folder: Path, damage: Callable[[Path], None], words: list[str]) -> None:
    damage(folder)
    with pytest.raises(DataError) as caught:
        with_support(model(), INPUTS, folder, lambda _: None)
    assert all(word in f"{caught.value.message} {caught.value.hint}" for word in words), caught.value

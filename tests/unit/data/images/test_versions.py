"""Several versions of one picture by Roboflow: named, and kept together by a group."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.data.exports.exported import coco, photos, read, written

from sdl_cli.data import load
from sdl_cli.data.images.versions import PATTERN, source_of
from sdl_cli.data.sources.image_folder import ImageFolder

NAMES = [f"p{i // 2}_jpg.rf.{i:032x}.jpg" for i in range(8)]
KINDS = ["cat", "cat", "dog", "dog"] * 2


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (NAMES[3], "p1_jpg"),
        (f"cat/{NAMES[3]}", "p1_jpg"),
        (f"a\\{NAMES[0]}", "p0_jpg"),
        ("a.rf.jpg", None),
        ("a.rf.01.jpg", None),
    ],
)
def test_the_picture_that_a_photo_is_a_version_of(name: str, source: str | None) -> None:
    assert source_of(name) == source


def test_versions_in_an_export(tmp_path: Path) -> None:
    photos(tmp_path, names=NAMES)
    path = written(tmp_path / "_annotations.coco.json", coco(NAMES, [[kind] for kind in KINDS]))
    said = " ".join(read(path).notes)
    assert "4 pictures stand here in several versions (such as p0_jpg in 2)" in said and "dataset.group=source" in said
    data = read(path, group="source")
    assert data.groups.tolist() == [f"p{i // 2}_jpg" for i in range(8)] and "several versions" not in " ".join(data.notes)


def test_versions_in_a_folder(tmp_path: Path) -> None:
    photos(tmp_path, names=[f"{kind}/{name}" for name, kind in zip(NAMES, KINDS, strict=True)])
    said = " ".join(load(ImageFolder(path=str(tmp_path), size_px=8)).notes)
    assert "4 pictures stand here in several versions" in said and f"dataset.group='{PATTERN}'" in said
    data = load(ImageFolder(path=str(tmp_path), size_px=8, group=PATTERN))
    assert sorted(set(data.groups)) == ["p0_jpg", "p1_jpg", "p2_jpg", "p3_jpg"] and data.notes == ()

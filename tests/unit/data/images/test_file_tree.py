"""Files in a folder or a zip archive: the same names and bytes, and no more memory than a drawing needs."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from sdl_cli.data.images import file_tree
from sdl_cli.data.images.file_tree import open_tree
from sdl_cli.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/one.png", "a/b/two.png", "__MACOSX/._one.png", "a/.DS_Store"):
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return tmp_path / "data"


def test_a_folder_and_its_archive_hold_the_same(folder: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "data"), "zip", folder))
    for path in (folder, archive):
        with open_tree(path) as tree:
            assert tree.names == ("a/b/two.png", "a/one.png")
            assert tree.read("a/one.png") == b"a/one.png"


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    text = tmp_path / "notes.zip"
    text.write_text("no archive")
    for path, what in ((text, "neither a folder nor a zip archive"), (tmp_path / "nothing", "does not exist")):
        with pytest.raises(DataError, match=what), open_tree(path):
            pass


def test_sizes_are_compared_before_memory_is_taken(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.png", bytes(100_000))  # 100 kB out of a few hundred bytes
    monkeypatch.setattr(file_tree, "_MOST_BYTES", 50_000)
    with open_tree(archive) as tree, pytest.raises(DataError, match="more than"):
        tree.read("zeros.png")
    monkeypatch.setattr(file_tree, "_MOST_FILES", 1)
    with pytest.raises(DataError, match="2 files"), open_tree(folder):
        pass


def test_a_damaged_file_in_an_archive_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        file.writestr("one.png", b"some bytes of a drawing")
    archive.write_bytes(archive.read_bytes().replace(b"some bytes", b"same bytes"))
    with open_tree(archive) as tree, pytest.raises(DataError, match=r"one\.png is damaged"):
        tree.read("one.png")

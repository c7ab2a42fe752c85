"""The cache of decoded images: hits, misses, damage, races, a full disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data import load
from sdl_cli.data.images import cache, file_digests
from sdl_cli.data.sources.image_folder import ImageFolder
from sdl_cli.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def image(path: Path, value: int = 100, size: tuple[int, int] = (10, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 255 - value)).save(path)
    return path


def two_classes(root: Path, num: int = 3) -> Path:
    for k, name in enumerate(("ants", "bees")):
        for i in range(num):
            image(root / name / f"{i}.png", 40 * i + 10 * k)
    return root


def read(root: Path, **settings: Any) -> Any:
    return load(ImageFolder(path=str(root), size_px=settings.pop("size_px", 8), **settings))


def test_cache_hit_decodes_nothing(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = two_classes(tmp_path / "insects")
    first = read(root)
    monkeypatch.setattr("sdl_cli.data.images.photos.decode_file", lambda *a: pytest.fail("decoded again"))
    second = read(root)
    assert np.array_equal(first.X, second.X)
    assert first.fingerprint == second.fingerprint
    assert len(list(own_cache.iterdir())) == 1
    assert not second.X.flags.writeable


@pytest.mark.parametrize("change", ["content", "name", "size_px", "channels", "interpolation", "on_error"])
def test_cache_misses(tmp_path: Path, own_cache: Path, change: str) -> None:
    root = two_classes(tmp_path / "insects")
    first = read(root)
    if change == "content":
        image(root / "ants" / "0.png", 200)
    elif change == "name":
        (root / "ants" / "0.png").rename(root / "ants" / "new.png")
    settings = {"size_px": {"size_px": 9}, "channels": {"channels": "grey"}, "on_error": {"on_error": "skip"}}.get(change)
    if change == "interpolation":
        second = load(ImageFolder(path=str(root), size_px=8), interpolation="bicubic")
    else:
        second = read(root, **(settings or {}))
    assert len(list(own_cache.iterdir())) == 2
    if change in ("content", "size_px", "channels"):
        assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("damage", ["cut", "flipped byte", "no meta", "bad meta", "no images", "empty"])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, own_cache: Path, damage: str) -> None:
    root = two_classes(tmp_path / "insects")
    first = read(root)
    expected, fingerprint = first.X.copy(), first.fingerprint
    (entry,) = own_cache.iterdir()
    images, meta = entry / "images.npy", entry / "meta.json"
    content = images.read_bytes()
    if damage == "cut":
        images.write_bytes(content[:-7])
    elif damage == "flipped byte":
        images.write_bytes(content[:-7] + bytes([content[-7] ^ 1]) + content[-6:])
    elif damage == "no meta":
        meta.unlink()
    elif damage == "bad meta":
        meta.write_text(json.dumps({"digest": 3})[:-2])
    elif damage == "no images":
        images.unlink()
    else:
        images.write_bytes(b"")
    again = read(root)
    assert np.array_equal(again.X, expected)
    assert again.fingerprint == fingerprint
    assert list(own_cache.iterdir()) == [entry]


def test_processes_that_race_agree(tmp_path: Path, own_cache: Path) -> None:
    root = two_classes(tmp_path / "insects", num=40)
    code = (
        "import sys; from sdl_cli.data import load; from sdl_cli.data.sources.image_folder import ImageFolder;"
        "print(load(ImageFolder(path=sys.argv[1], size_px=8)).fingerprint)"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [job.communicate(timeout=60)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert len(list(own_cache.iterdir())) == 1


def test_a_quicker_process_wins(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = two_classes(tmp_path / "insects")
    read(root)
    opened = iter([None])  # the first look finds nothing, as if the other process were still busy
    real = cache._open
    monkeypatch.setattr(cache, "_open", lambda *a: next(opened, real(*a)))
    assert len(read(root)) == 6
    assert len(list(own_cache.iterdir())) == 1


def test_a_full_disk_is_said(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    root = two_classes(tmp_path / "insects")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))
    with pytest.raises(DataError, match="the disk is full: the decoded images need") as caught:
        read(root)
    assert "SDL_CACHE" in caught.value.hint
    assert list(own_cache.iterdir()) == []


def test_a_disk_that_fills_up_while_writing(tmp_path: Path, own_cache: Path) -> None:
    root = two_classes(tmp_path / "insects", num=6)
    code = (
        "import resource, signal, sys; from sdl_cli.data import load;"
        "from sdl_cli.data.sources.image_folder import ImageFolder; from sdl_cli.errors import DataError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: load(ImageFolder(path=sys.argv[1], size_px=64))\n"
        "except DataError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, timeout=60)
    assert "the disk is full" in done.stdout, done.stderr
    assert list(own_cache.iterdir()) == []


def test_the_folder_of_a_killed_build_is_swept(tmp_path: Path, own_cache: Path) -> None:
    old, new = own_cache / ".building-old", own_cache / ".building-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    read(two_classes(tmp_path / "insects"))
    assert not old.exists()
    assert new.exists()


def old_files(root: Path) -> list[Path]:
    """The photos, last changed so long ago that their digests are remembered."""
    files = sorted(root.rglob("*.png"))
    for file in files:
        os.utime(file, (1_000_000_000, 1_000_000_000))
    return files


class TestDigestsOfFiles:
    @pytest.fixture(autouse=True)
    def settled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_digests, "_SETTLED_NS", -(10**9))  # the test's files are new

    @pytest.fixture
    def hashed(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        seen: list[str] = []
        real = file_digests._hash
        monkeypatch.setattr(file_digests, "_hash", lambda path: (seen.append(Path(path).name), real(path))[1])
        return seen

    def digest(self, root: Path) -> str:
        files = sorted(root.rglob("*.png"))
        return file_digests.files_digest(files, [file.name for file in files], root)

    def test_they_are_read_once(self, tmp_path: Path, hashed: list[str]) -> None:
        root = two_classes(tmp_path / "d")
        first = self.digest(root)
        assert len(hashed) == 6
        assert self.digest(root) == first
        assert len(hashed) == 6

    @pytest.mark.parametrize("keep_time", [False, True])
    def test_what_changed_is_read_again(self, tmp_path: Path, hashed: list[str], keep_time: bool) -> None:
        root = two_classes(tmp_path / "d")
        first, file = self.digest(root), root / "ants" / "1.png"
        before, content = file.stat(), file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # the same size
        if keep_time:  # as copying tools do
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        del hashed[:]
        assert self.digest(root) != first
        assert hashed == ["1.png"]
        file.write_bytes(content)
        assert self.digest(root) == first

    def test_a_file_put_in_the_place_of_another_is_read(self, tmp_path: Path) -> None:
        root = two_classes(tmp_path / "d")
        old_files(root)
        first = self.digest(root)
        (root / "ants" / "1.png").rename(tmp_path / "aside")
        (root / "bees" / "1.png").rename(root / "ants" / "1.png")
        (tmp_path / "aside").rename(root / "bees" / "1.png")
        assert self.digest(root) != first

    def test_what_was_just_changed_is_not_remembered(
        self, tmp_path: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_digests, "_SETTLED_NS", 3 * 10**9)
        root = two_classes(tmp_path / "d")
        old_files(root)  # the change of status is new all the same
        assert self.digest(root) == self.digest(root)
        assert len(hashed) == 12

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 1, "files": {"a": 3}}', "\udcff"])
    def test_a_damaged_memory_is_no_memory(self, tmp_path: Path, hashed: list[str], text: str) -> None:
        root = two_classes(tmp_path / "d")
        first = self.digest(root)
        [memory] = (tmp_path / "cache" / "digests").iterdir()
        memory.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert self.digest(root) == first
        assert len(hashed) == 12
        assert self.digest(root) == first
        assert len(hashed) == 12

    def test_names_and_order_count_and_gone_files_are_forgotten(self, tmp_path: Path) -> None:
        root = two_classes(tmp_path / "d")
        files = sorted(root.rglob("*.png"))
        names = [file.name for file in files]
        digests = {
            file_digests.files_digest(files, names, root),
            file_digests.files_digest(files, ["new", *names[1:]], root),
            file_digests.files_digest(files[::-1], names[::-1], root),
            file_digests.files_digest([*files, files[0]], [*names, names[0]], root),
            file_digests.files_digest([*files[:-1], root / "none"], names, root),
            file_digests.files_digest([*files[:-1], root / "ants"], names, root),
        }
        assert len(digests) == 5  # what is not there and what is a folder are both unreadable
        file_digests.files_digest(files[:2], names[:2], root)
        [memory] = (tmp_path / "cache" / "digests").iterdir()
        assert sorted(json.loads(memory.read_text())["files"]) == [str(file) for file in files[:2]]

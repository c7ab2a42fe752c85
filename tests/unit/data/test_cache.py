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

from sdl_cli.data import cache, load
from sdl_cli.data.image_folder import ImageFolder
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
    monkeypatch.setattr("sdl_cli.data.image_folder.decode_file", lambda *a: pytest.fail("decoded again"))
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
        "import sys; from sdl_cli.data import load; from sdl_cli.data.image_folder import ImageFolder;"
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
        "from sdl_cli.data.image_folder import ImageFolder; from sdl_cli.errors import DataError\n"
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

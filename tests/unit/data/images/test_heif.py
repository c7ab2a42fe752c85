"""HEIC and AVIF from phones, written here with pillow-heif and Pillow: turned once, never twice."""

from __future__ import annotations

import builtins
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from sdl_cli.data.images.decode import decode_batches, decode_file, num_pictures, size_and_mode
from sdl_cli.data.images.pixels import View
from sdl_cli.errors import DataError, SdlError

pillow_heif = pytest.importorskip("pillow_heif")

# what each of the four corners holds, upright: red, green / blue, white
CORNERS = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], np.uint8)
SIDE = 64


def picture() -> Image.Image:
    return Image.fromarray(CORNERS.repeat(SIDE // 2, axis=0).repeat(SIDE // 2, axis=1))


def stored_as(orientation: int) -> Image.Image:
    """The pixels that a camera stores so that they are upright once turned as EXIF says."""
    back = {
        2: "FLIP_LEFT_RIGHT",
        3: "ROTATE_180",
        4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE",
        6: "ROTATE_90",
        7: "TRANSVERSE",
        8: "ROTATE_270",
    }
    if orientation == 1:
        return picture()
    return picture().transpose(Image.Transpose[back[orientation]])


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes()


def is_upright(path: Path) -> bool:
    """Whether the corners of the decoded picture are where they belong."""
    found = decode_file(path, SIDE, "rgb").transpose(1, 2, 0)
    quarter = SIDE // 4
    corners = found[quarter :: 2 * quarter, quarter :: 2 * quarter].astype(int)
    return bool(np.abs(corners - CORNERS).max() < 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "a.heic"
    heif = pillow_heif.from_pillow(stored_as(orientation))
    heif.save(path, quality=90, exif=exif(orientation))
    assert is_upright(path)
    assert size_and_mode(path) == (SIDE, SIDE, "RGB")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_once(tmp_path: Path, orientation: int) -> None:
    stored_as(orientation).save(tmp_path / "a.avif", quality=90, exif=exif(orientation))
    assert is_upright(tmp_path / "a.avif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_is_turned_once(tmp_path: Path, orientation: int) -> None:
    stored_as(orientation).save(tmp_path / "a.jpg", quality=95, subsampling=0, exif=exif(orientation))
    assert is_upright(tmp_path / "a.jpg")


def test_heic_under_another_name_and_with_several_pictures(tmp_path: Path) -> None:
    heif = pillow_heif.from_pillow(picture())
    heif.add_from_pillow(Image.new("RGB", (SIDE, SIDE), "red"))
    path = tmp_path / "a.jpg"
    heif.save(path, quality=90, format="HEIF")
    remarks: list[str] = []
    decode_file(path, SIDE, "rgb", remark=remarks.append)
    assert remarks == ["several frames, and only the first of each was used"]
    assert num_pictures(path) == 2
    second = decode_file(path, SIDE, "rgb", view=View(frames="all"), frame=1)
    assert np.abs(second[:, 5, 5].astype(int) - (254, 0, 0)).max() < 12


def test_every_picture_of_a_heic_counts_once_whichever_is_shown_first(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    heif = pillow_heif.from_pillow(Image.new("RGB", (SIDE, SIDE), "red"))
    heif.add_from_pillow(Image.new("RGB", (SIDE, SIDE), "blue"))
    heif.save(path, quality=90, primary_index=1)
    shown = decode_file(path, 8, "rgb")
    each = [decode_file(path, 8, "rgb", view=View(frames="all"), frame=frame) for frame in range(2)]
    assert shown[2, 0, 0] > 200 > 50 > shown[0, 0, 0]
    assert each[0][0, 0, 0] > 200
    assert each[1][2, 0, 0] > 200


def test_transparent_heic_is_laid_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    pillow_heif.from_pillow(clear).save(tmp_path / "a.heic", quality=90)
    assert decode_file(tmp_path / "a.heic", 8, "rgb").min() > 250


def test_a_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif.from_pillow(picture()).save(tmp_path / "a.heic")
    real = builtins.__import__

    def no_reader(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pillow_heif":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", no_reader)
    with pytest.raises(DataError, match="HEIC photos, as phones write them, which need another reader") as caught:
        decode_file(tmp_path / "a.heic", 8, "grey")
    assert caught.value.hint == 'Install it: pip install "sdl-cli[heic]"'


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_give_a_reason(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(picture()).save(path, exif=exif(6))
    original = path.read_bytes()
    for _ in range(100):
        content = bytearray(original)
        for _ in range(rng.choice((1, 3, 20))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(content), rng.randrange(len(content))))])
        try:
            (batch,) = decode_batches([path], lambda _, p: decode_file(p, 8, "rgb"), (3, 8, 8))
            assert len(batch.failures) == 1 - len(batch.rows)
        except SdlError:
            pass

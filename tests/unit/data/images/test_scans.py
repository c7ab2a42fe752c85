"""Deep and unusual pictures, made here with tifffile, imagecodecs and Pillow: right values computed by hand, or a refusal."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data.images import tiff
from sdl_cli.data.images.decode import decode_batches, decode_file, is_read_as_ever, size_and_mode, to_square
from sdl_cli.errors import DataError

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")

GREY = np.arange(64, dtype=np.uint16).reshape(8, 8) * 60 + 5  # 5 to 3785
COLOURS = np.stack([GREY, GREY + 100, 4000 - GREY], axis=-1)
BYTES = (np.arange(64, dtype=np.uint8) * 3).reshape(8, 8)
NIR = np.linspace(1, 250, 64).astype(np.uint8).reshape(8, 8)


def write(path: Path, values: np.ndarray[Any, Any], **settings: Any) -> Path:
    tifffile.imwrite(path, values, **{"photometric": "minisblack"} | settings)
    return path


def read(path: Path, channels: Any = "rgb") -> tuple[np.ndarray[Any, Any], list[str]]:
    remarks: list[str] = []
    return decode_file(path, 8, channels, remark=remarks.append), remarks


GREY_FILES: list[tuple[str, np.ndarray[Any, Any], dict[str, Any], np.ndarray[Any, Any]]] = [
    ("uint16", GREY, {}, GREY),
    ("uint16 big-endian", GREY, {"byteorder": ">"}, GREY),
    ("uint16 BigTIFF", GREY, {"bigtiff": True}, GREY),
    ("uint16 LZW", GREY, {"compression": "lzw"}, GREY),
    ("uint16 deflate, predicted", GREY, {"compression": "deflate", "predictor": True}, GREY),
    ("uint16 zstd", GREY, {"compression": "zstd"}, GREY),
    ("uint16 in tiles", GREY, {"tile": (16, 16)}, GREY),
    ("12 bits packed", GREY, {"bitspersample": 12}, GREY),
    ("uint16, white is 0", GREY, {"photometric": "miniswhite"}, 65535 - GREY.astype(np.int64)),
    ("12 bits packed, white is 0", GREY, {"photometric": "miniswhite", "bitspersample": 12}, 4095 - GREY.astype(np.int64)),
    ("int8", BYTES.astype(np.int16).astype(np.int8) - 64, {}, BYTES.astype(np.int16) - 64),
    ("int16", GREY.astype(np.int16) - 2000, {}, GREY.astype(np.int64) - 2000),
    ("uint32", GREY.astype(np.uint32) * 1000, {}, GREY.astype(np.int64) * 1000),
    ("float16", (GREY / 4096).astype(np.float16), {}, (GREY / 4096).astype(np.float16)),
    ("float32", (GREY / 4096).astype(np.float32), {}, (GREY / 4096).astype(np.float32)),
    ("float64", GREY / 4096, {}, (GREY / 4096).astype(np.float32)),
]


@pytest.mark.parametrize(("values", "settings", "right"), [f[1:] for f in GREY_FILES], ids=[f[0] for f in GREY_FILES])
def test_deep_grey_keeps_the_numbers_of_the_file(
    tmp_path: Path, values: np.ndarray[Any, Any], settings: dict[str, Any], right: np.ndarray[Any, Any]
) -> None:
    path = write(tmp_path / "a.tif", values, **settings)
    for channels, num in (("grey", 1), ("rgb", 3)):
        found, remarks = read(path, channels)
        assert found.dtype == np.float32
        assert found.shape == (num, 8, 8)
        assert all(np.array_equal(band, right.astype(np.float32)) for band in found)
        assert remarks == []
    assert np.array_equal(decode_file(io.BytesIO(path.read_bytes()), 8, "grey")[0], right.astype(np.float32))
    assert size_and_mode(path)[:2] == (8, 8)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_deep_colours_keep_their_numbers(tmp_path: Path, planar: bool, dtype: Any, compression: str | None) -> None:
    values = COLOURS.astype(dtype)
    stored = np.ascontiguousarray(values.transpose(2, 0, 1)) if planar else values
    path = write(tmp_path / "a.tif", stored, photometric="rgb", compression=compression)
    found, _ = read(path)
    assert np.array_equal(found, values.transpose(2, 0, 1).astype(np.float32))
    grey, _ = read(path, "grey")
    right = values @ np.array([0.299, 0.587, 0.114])  # ITU-R 601-2
    assert np.allclose(grey[0], right, rtol=1e-6)


def png(values: np.ndarray[Any, Any], kind: int, clear: int | None = None) -> bytes:
    """A 16-bit PNG: kind 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    found = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0))
    found += b"" if clear is None else chunk(b"tRNS", struct.pack(">H", clear))
    return found + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


OPAQUE = np.full((8, 8, 1), 65535, np.uint16)


@pytest.mark.parametrize(
    ("content", "right"),
    [
        (png(GREY, 0), np.stack([GREY] * 3)),
        (png(GREY, 0, clear=7), np.stack([GREY] * 3)),  # no pixel has this value
        (png(COLOURS, 2), COLOURS.transpose(2, 0, 1)),
        (png(np.concatenate([GREY[..., None], OPAQUE], -1), 4), np.stack([GREY] * 3)),
        (png(np.concatenate([COLOURS, OPAQUE], -1), 6), COLOURS.transpose(2, 0, 1)),
    ],
    ids=["grey", "grey, unused transparent value", "RGB", "grey and alpha", "RGBA"],
)
def test_png_of_16_bits(tmp_path: Path, content: bytes, right: np.ndarray[Any, Any]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert np.array_equal(read(path)[0], right.astype(np.float32))


@pytest.mark.parametrize("most", [4095, 3785, 10_000, 65_535])
@pytest.mark.parametrize("kind", ["P2", "P5"])
def test_pgm_of_16_bits_keeps_its_numbers(tmp_path: Path, most: int, kind: str) -> None:
    path = tmp_path / "a.pgm"
    words = GREY.astype(">u2").tobytes() if kind == "P5" else " ".join(map(str, GREY.ravel())).encode()
    path.write_bytes(f"{kind} 8 8 {most}\n".encode() + words)
    assert np.array_equal(read(path, "grey")[0][0], GREY.astype(np.float32))


def rgba(alpha: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.dstack([BYTES, BYTES // 2, BYTES // 3, alpha])


REFUSED: list[tuple[str, Callable[[Path], object], str]] = [
    ("pages", lambda p: write(p, np.stack([BYTES] * 3)), "3 pages, of which only one could be used"),
    ("deep pages", lambda p: write(p, np.stack([GREY] * 4)), "4 pages"),
    ("ImageJ stack", lambda p: tifffile.imwrite(p, np.stack([GREY] * 2), imagej=True), "2 channels in pages of their own"),
    ("measured band", lambda p: write(p, rgba(NIR), photometric="rgb"), "declared as transparency, but 100% of it is neither"),
    (
        "map with a nearly opaque band",
        lambda p: write(p, rgba(np.where(BYTES < 9, NIR, 255)), photometric="rgb", extratags=[(33550, 12, 3, (1.0, 1.0, 0.0))]),
        "as in a measured band such as near infrared",
    ),
    ("bands without colours", lambda p: write(p, rgba(NIR), planarconfig="contig"), "4 bands, of which none is declared as red"),
    ("deep and clear", lambda p: write(p, np.dstack([COLOURS, GREY]), photometric="rgb"), "not opaque everywhere"),
    ("a sensor's raw mosaic", lambda p: write(p, GREY, photometric="cfa"), "colours of kind CFA"),
    ("complex", lambda p: write(p, GREY.astype(np.complex64)), "values of 64 bits"),
    ("NaN", lambda p: write(p, np.where(GREY < 9, np.nan, GREY).astype(np.float32)), "infinite or not numbers"),
    ("infinite", lambda p: write(p, np.where(GREY < 9, np.inf, GREY).astype(np.float32)), "infinite or not numbers"),
    ("beyond float32", lambda p: write(p, GREY * 1e300), "infinite or not numbers"),
    ("white is 0, floating", lambda p: write(p, GREY / 9.0, photometric="miniswhite"), "white is 0, which has no meaning"),
    (
        "missing pixels",
        lambda p: write(p, np.where(GREY < 9, -9999.0, GREY).astype(np.float32), extratags=[(42113, "s", 0, "-9999")]),
        "pixels of value -9999, which the file declares as missing",
    ),
    ("16-bit PNG, transparent value", lambda p: p.write_bytes(png(GREY, 0, clear=65)), "pixels of value 65 declared as transp"),
    ("16-bit PNG, alpha", lambda p: p.write_bytes(png(np.dstack([COLOURS, GREY]), 6)), "not opaque everywhere"),
    ("16-bit PPM", lambda p: p.write_bytes(b"P6 8 8 4095\n" + COLOURS.astype(">u2").tobytes()), "in a PPM file"),
    ("cut off", lambda p: p.write_bytes(write(p, GREY).read_bytes()[:-20]), ""),
    ("only a start", lambda p: p.write_bytes(b"II*\0\x08\0\0\0"), "a damaged TIFF, or of a kind that is not read"),
]


@pytest.mark.parametrize(("make", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_would_be_read_wrong_is_refused_with_the_reason(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    path = tmp_path / "a.tif"
    make(path)
    (batch,) = decode_batches([path], lambda _, p: decode_file(p, 8, "rgb"), (3, 8, 8))
    assert batch.rows == []
    ((row, reason),) = batch.failures
    assert row == 0
    assert words in reason, reason
    assert not is_read_as_ever(path)  # what an older version keeps of it is not believed


def test_eight_bits_of_a_kind_that_pillow_does_not_know(tmp_path: Path) -> None:
    for name, settings in (("lerc", {"compression": "lerc"}), ("jxl", {"compression": "jpegxl"})):
        path = write(tmp_path / f"{name}.tif", BYTES, **settings)
        with pytest.raises(Exception, match="cannot identify"):
            Image.open(path)
        found, _ = read(path, "grey")
        assert found.dtype == np.uint8
        assert np.array_equal(found[0], BYTES)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_bands_beyond_the_colours_are_left_out_with_a_word(tmp_path: Path, planar: str) -> None:
    values = rgba(NIR)
    stored = values if planar == "contig" else np.ascontiguousarray(values.transpose(2, 0, 1))
    path = write(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=["unspecified"])
    found, remarks = read(path)
    assert np.array_equal(found, values[..., :3].transpose(2, 0, 1))
    assert remarks == [tiff.EXTRA_BANDS]
    deep, remarks = read(write(tmp_path / "b.tif", np.dstack([COLOURS, GREY]), photometric="rgb", extrasamples=["unspecified"]))
    assert np.array_equal(deep, COLOURS.transpose(2, 0, 1).astype(np.float32))
    assert remarks == [tiff.EXTRA_BANDS]


def test_a_fourth_band_of_which_nothing_is_said_is_no_transparency(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", rgba(NIR), photometric="rgb", software="")
    content = path.read_bytes()
    place = content.index(struct.pack("<HHI", 338, 3, 1))  # the tag ExtraSamples becomes a private one
    path.write_bytes(content[:place] + struct.pack("<H", 65_000) + content[place + 2 :])
    with Image.open(path) as image:
        assert image.mode == "RGBA"
    found, remarks = read(path)
    assert np.array_equal(found, rgba(NIR)[..., :3].transpose(2, 0, 1))
    assert remarks == [tiff.EXTRA_BANDS]


def test_transparency_of_a_tiff_is_laid_on_white(tmp_path: Path) -> None:
    clear = np.where(BYTES < 90, 0, 255).astype(np.uint8)
    found, remarks = read(write(tmp_path / "a.tif", rgba(clear), photometric="rgb"))
    assert np.array_equal(found[0], np.where(clear == 0, 255, BYTES))
    assert remarks == []


def test_smaller_copies_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(GREY, photometric="minisblack")
        file.write(GREY[::2, ::2], photometric="minisblack", subfiletype=1)
    assert np.array_equal(read(path, "grey")[0][0], GREY.astype(np.float32))


@pytest.mark.parametrize(("bits", "right"), [(0, 90), (8, 255)])
def test_tga_is_transparent_only_where_it_says_so(tmp_path: Path, bits: int, right: int) -> None:
    path = tmp_path / "a.tga"
    pixels = bytes([90, 90, 90, 0]) * 64
    path.write_bytes(struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 8, 8, 32, 0x20 | bits) + pixels)
    found, _ = read(path)
    assert found.dtype == np.uint8
    assert (found == right).all()


def test_orientation_turns_deep_pictures(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", GREY, extratags=[(274, 3, 1, 6)])
    assert np.array_equal(read(path, "grey")[0][0], np.rot90(GREY, -1).astype(np.float32))


def test_an_animation_is_named(tmp_path: Path) -> None:
    frames = [Image.fromarray(BYTES), Image.fromarray(BYTES // 2)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found, remarks = read(tmp_path / "a.gif", "grey")
    assert np.array_equal(found[0], BYTES)
    assert remarks == ["several frames, and only the first of each was used"]


def test_deep_pictures_are_resized_as_they_are(tmp_path: Path) -> None:
    """No rounding to 8 bits on the way: 2 x 2 blocks of a step of 1 average to halves."""
    values = np.add.outer(np.arange(16), np.arange(16)).astype(np.uint16) + 3000
    found = decode_file(write(tmp_path / "a.tif", values), 8, "grey", "box")
    assert np.array_equal(found[0], values.reshape(8, 2, 8, 2).mean(axis=(1, 3)).astype(np.float32))


def test_a_declared_size_is_compared_before_memory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", np.dstack([COLOURS] * 1), photometric="rgb")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # 64 pixels, and 192 values
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *a, **k: pytest.fail("unpacked"))
    with pytest.raises(ValueError, match="more than 100 values, the limit"):
        read(path)


def test_without_tifffile_deep_pictures_are_refused_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    plain, deep, odd = tmp_path / "p.tif", write(tmp_path / "d.tif", GREY), write(tmp_path / "f.tif", GREY / 9.0)
    write(plain, BYTES)
    (tmp_path / "c.png").write_bytes(png(COLOURS, 2))
    for name in ("tifffile", "imagecodecs"):
        monkeypatch.setitem(sys.modules, name, None)
    assert np.array_equal(read(plain, "grey")[0][0], BYTES)
    for path in (deep, odd, tmp_path / "c.png"):
        with pytest.raises(DataError) as caught:
            list(decode_batches([path], lambda _, p: decode_file(p, 8, "rgb"), (3, 8, 8)))
        assert 'pip install "sdl-cli[scans]"' in caught.value.hint


def test_pictures_in_memory_keep_their_numbers() -> None:
    assert np.array_equal(to_square(Image.fromarray(GREY), 8, "grey")[0], GREY.astype(np.float32))
    assert (to_square(Image.new("F", (8, 8), 0.5), 8, "rgb") == 0.5).all()

"""TIFFs of several pages and of many bands, and CIELAB colours, written here with tifffile and Pillow."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from sdl_cli.data.images.decode import decode_batches, decode_file, num_pictures
from sdl_cli.data.images.lab import CIELAB, ICCLAB, to_rgb
from sdl_cli.data.images.pixels import USUAL, View

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

BYTES = (np.arange(64, dtype=np.uint8) * 3).reshape(8, 8)
GREY = np.arange(64, dtype=np.uint16).reshape(8, 8) * 60 + 5
FIRST, ALL = View(frames="first"), View(frames="all")


def read(path: Path, channels: Any = "grey", view: View = USUAL, frame: int = 0) -> np.ndarray[Any, Any]:
    return decode_file(path, 8, channels, view=view, frame=frame)


def refusal(path: Path, channels: Any = "grey", view: View = USUAL) -> str:
    (batch,) = decode_batches([path], lambda _, p: decode_file(p, 8, channels, view=view), (1, 8, 8))
    assert batch.rows == []
    return batch.failures[0][1]


@pytest.mark.parametrize("values", [BYTES, GREY, (GREY / 7).astype(np.float32)], ids=["8 bits", "16 bits", "floating"])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_pages(tmp_path: Path, values: np.ndarray[Any, Any], one_by_one: bool) -> None:
    path = tmp_path / "a.tif"
    stack = np.stack([values, values[::-1], values.T])
    if one_by_one:  # tifffile's own imread gives the first of these only
        with tifffile.TiffWriter(path) as file:
            for page in stack:
                file.write(page, photometric="minisblack", contiguous=False)
        assert tifffile.imread(path).shape == (8, 8)
    else:
        tifffile.imwrite(path, stack, photometric="minisblack")
    assert num_pictures(path) == 3
    assert "3 pages, of which only one could be used" in refusal(path)
    assert np.array_equal(read(path, view=FIRST)[0], stack[0])
    for frame in range(3):
        found = read(path, view=ALL, frame=frame)
        assert found.dtype == (np.uint8 if values.dtype == np.uint8 else np.float32)
        assert np.array_equal(found[0], stack[frame])


def test_smaller_copies_and_masks_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(BYTES[::2, ::2], photometric="minisblack", subfiletype=1)
        file.write(BYTES, photometric="minisblack")
        file.write(BYTES[::-1], photometric="minisblack")
    assert num_pictures(path) == 2
    assert np.array_equal(read(path, view=ALL, frame=0)[0], BYTES)
    assert np.array_equal(read(path, view=ALL, frame=1)[0], BYTES[::-1])


def test_pages_of_pillow_with_colours(tmp_path: Path) -> None:
    colours = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    colours[0].save(tmp_path / "a.tif", save_all=True, append_images=colours[1:], compression="tiff_lzw")
    assert read(tmp_path / "a.tif", "rgb", ALL, 1)[:, 0, 0].tolist() == [0, 255, 0]
    colours[0].convert("P").save(tmp_path / "b.tif", save_all=True, append_images=[c.convert("P") for c in colours[1:]])
    assert read(tmp_path / "b.tif", "rgb", ALL, 2)[:, 0, 0].tolist() == [0, 0, 255]


# frames x channels x height x width
HYPER = (np.arange(3)[:, None, None, None] * 1000 + np.arange(2)[None, :, None, None] * 300 + GREY % 256).astype(np.uint16)


@pytest.mark.parametrize("kind", ["ImageJ", "OME ZCYX", "OME CZYX"])
def test_channels_in_pages_of_their_own(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a.ome.tif" if kind.startswith("OME") else "a.tif")
    if kind == "ImageJ":
        tifffile.imwrite(path, HYPER, imagej=True, metadata={"axes": "ZCYX"})
    elif kind == "OME ZCYX":
        tifffile.imwrite(path, HYPER, photometric="minisblack", metadata={"axes": "ZCYX"})
    else:
        tifffile.imwrite(path, HYPER.swapaxes(0, 1), photometric="minisblack", metadata={"axes": "CZYX"})
    assert num_pictures(path) == 3
    assert "2 channels in pages of their own, and nothing says which is red" in refusal(path, view=ALL)
    assert "dataset.channels=all" in refusal(path, view=ALL)
    for frame in range(3):
        assert np.array_equal(read(path, "all", ALL, frame), HYPER[frame])
    assert "3 pages" in refusal(path, "all")


def test_an_ome_stack_of_one_channel_is_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, HYPER[:, 0], photometric="minisblack", metadata={"axes": "TYX"})
    assert num_pictures(path) == 3
    assert np.array_equal(read(path, view=ALL, frame=2)[0], HYPER[2, 0])


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
def test_all_bands(tmp_path: Path, planar: str, dtype: Any, photometric: str) -> None:
    bands = np.stack([BYTES, BYTES + 1, BYTES + 2, BYTES + 3, BYTES + 4, BYTES // 2]).astype(dtype)
    stored = bands if planar == "separate" else bands.transpose(1, 2, 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        stored,
        photometric=photometric,
        planarconfig=planar,
        extrasamples=["unspecified"] * (3 if photometric == "rgb" else 5),
    )
    found = read(path, "all")
    assert found.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
    assert np.array_equal(found, bands)
    if photometric == "rgb":
        assert np.array_equal(read(path, "rgb"), bands[:3])
    else:
        assert "6 bands" in refusal(path, "rgb") or dtype == np.uint8


def test_all_bands_of_ordinary_pictures(tmp_path: Path) -> None:
    clear = np.dstack([BYTES, BYTES + 1, BYTES + 2, BYTES + 3])
    Image.fromarray(clear).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png", "all"), clear.transpose(2, 0, 1))
    Image.fromarray(clear[..., :3]).save(tmp_path / "b.png")
    assert np.array_equal(read(tmp_path / "b.png", "all"), clear[..., :3].transpose(2, 0, 1))
    Image.fromarray(BYTES).save(tmp_path / "c.png")
    assert np.array_equal(read(tmp_path / "c.png", "all"), BYTES[None])
    tifffile.imwrite(tmp_path / "d.tif", BYTES, photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "d.tif", "all"), 255 - BYTES[None])
    Image.fromarray(clear[..., :3]).quantize(16).save(tmp_path / "e.png")
    assert read(tmp_path / "e.png", "all").shape == (3, 8, 8)


LAB_PATCHES = np.array([[50, 0, 0], [0, 0, 0], [100, 0, 0], [53, 60, 40], [70, -40, 30], [40, 10, -40], [90, -5, 60]], float)


def by_lcms(lab: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What LittleCMS, by Pillow, makes of 8-bit CIELAB colours `(N, 3)`."""
    stored = np.stack([lab[:, 0] * 2.55, lab[:, 1], lab[:, 2]], -1).round().astype(int).astype(np.uint8)[None]
    image = Image.frombytes("LAB", stored.shape[1::-1], stored.tobytes())
    how = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    return np.asarray(ImageCms.applyTransform(image, how))[0].astype(int)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", [CIELAB, ICCLAB])
def test_cielab_is_what_littlecms_makes_of_it(tmp_path: Path, bits: int, photometric: int) -> None:
    wide = bits == 16
    lightness = LAB_PATCHES[:, :1] * ((655.35 if photometric == CIELAB else 652.8) if wide else 2.55)
    a_b = LAB_PATCHES[:, 1:] * (256 if wide else 1) + (0 if photometric == CIELAB else 32768 if wide else 128)
    stored = np.concatenate([lightness, a_b], 1).round().astype(int).astype(np.uint16 if wide else np.uint8)
    right = by_lcms(LAB_PATCHES)
    assert np.abs(to_rgb(stored[None], photometric)[0] - right).max() <= 3
    picture = np.broadcast_to(stored[3], (8, 8, 3))
    tag = "cielab" if photometric == CIELAB else "icclab"
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(picture), photometric=tag)
    found = read(tmp_path / "a.tif", "rgb")
    assert found.dtype == np.uint8
    assert np.abs(found[:, 0, 0] - right[3]).max() <= 3


def test_damaged_chains_count_one_page(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([BYTES] * 3), photometric="minisblack")
    content = path.read_bytes()
    for cut in range(8, len(content), 37):
        path.write_bytes(content[:cut])
        (batch,) = decode_batches([path], lambda _, p: decode_file(p, 8, "grey", view=ALL), (1, 8, 8))
        assert len(batch.rows) + len(batch.failures) == 1


@pytest.mark.filterwarnings("ignore")
def test_mutated_stacks_give_a_reason(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, HYPER, photometric="minisblack", metadata={"axes": "ZCYX"})
    deep = path.read_bytes()
    tifffile.imwrite(path, np.stack([BYTES] * 3), photometric="minisblack", compression="zlib")
    originals = [deep, path.read_bytes()]
    for i in range(160):
        content = bytearray(originals[i % 2])
        for _ in range(rng.choice((1, 3, 20))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(content), rng.randrange(len(content))))])
        for channels in ("grey", "all"):
            (batch,) = decode_batches([path], lambda _, p, c=channels: decode_file(p, 8, c, view=FIRST)[:1], (1, 8, 8))
            assert len(batch.failures) == 1 - len(batch.rows)

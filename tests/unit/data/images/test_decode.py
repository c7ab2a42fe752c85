"""Image modes, orientation, and parity with torchvision's Resize and CenterCrop."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data.images.decode import decode_batches, decode_file, reason, to_square

RED, HALF_RED_ON_WHITE, WHITE = (255, 0, 0), (255, 127, 127), (255, 255, 255)


def solid(mode: str, colour: object, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


def deep(value: int, dtype: str = "<u2") -> Image.Image:
    return Image.fromarray(np.full((8, 8), value, dtype))


def palette(transparent: bool) -> Image.Image:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    if transparent:
        image.info["transparency"] = 0
    return image


MODES = [
    ("RGB", solid("RGB", RED), RED),
    ("L", solid("L", 77), (77, 77, 77)),
    ("1", solid("1", 1), WHITE),
    ("P", palette(transparent=False), RED),
    ("P with a transparent colour", palette(transparent=True), WHITE),
    ("RGBA opaque", solid("RGBA", (*RED, 255)), RED),
    ("RGBA half", solid("RGBA", (*RED, 128)), HALF_RED_ON_WHITE),
    ("RGBA clear", solid("RGBA", (*RED, 0)), WHITE),
    ("LA half", solid("LA", (0, 128)), (127, 127, 127)),
    ("CMYK", solid("CMYK", (0, 255, 255, 0)), RED),
    ("YCbCr", solid("RGB", (90, 90, 90)).convert("YCbCr"), (90, 90, 90)),
    ("HSV", solid("HSV", (0, 255, 255)), RED),
]


@pytest.mark.parametrize(("image", "expected"), [m[1:] for m in MODES], ids=[m[0] for m in MODES])
def test_every_mode_becomes_rgb(image: Image.Image, expected: tuple[int, int, int]) -> None:
    array = to_square(image, 4, "rgb")
    assert array.shape == (3, 4, 4)
    assert array.dtype == np.uint8
    assert np.abs(array.reshape(3, -1).astype(int) - np.array(expected)[:, None]).max() <= 1


@pytest.mark.parametrize(("image", "expected"), [m[1:] for m in MODES], ids=[m[0] for m in MODES])
def test_every_mode_becomes_grey(image: Image.Image, expected: tuple[int, int, int]) -> None:
    grey = Image.new("RGB", (1, 1), expected).convert("L").getpixel((0, 0))
    array = to_square(image, 4, "grey")
    assert array.shape == (1, 4, 4)
    assert np.abs(array.astype(int) - grey).max() <= 1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (deep(65535), 65535),
        (deep(200), 200),
        (deep(32896, ">u2"), 32896),
        (solid("I", -70_000), -70_000),
        (solid("F", 0.5), 0.5),
        (solid("F", 64.0), 64.0),
    ],
)
def test_deeper_modes_keep_their_numbers(image: Image.Image, value: float) -> None:
    for channels, num in (("grey", 1), ("rgb", 3)):
        array = to_square(image, 4, channels)  # type: ignore[arg-type]
        assert array.dtype == np.float32
        assert array.shape == (num, 4, 4)
        assert (array == value).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="infinite or not numbers"):
        to_square(solid("F", value), 4, "rgb")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_does(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path))).transpose(2, 0, 1)
    assert np.array_equal(decode_file(path, 8, "rgb"), upright)
    assert (orientation == 1) == np.array_equal(upright, pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("size", [(37, 91), (91, 37), (64, 64), (20, 31), (33, 20), (224, 341), (5, 200), (65, 64)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest", "lanczos"])
def test_resize_and_crop_equal_torchvision(size: tuple[int, int], interpolation: str) -> None:
    from torchvision import transforms
    from torchvision.transforms import InterpolationMode

    pixels = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    for size_px in (32, 33, 64):
        theirs = transforms.Compose(
            [transforms.Resize(size_px, InterpolationMode(interpolation)), transforms.CenterCrop(size_px)]
        )(image)
        ours = to_square(image, size_px, "rgb", interpolation)
        assert np.array_equal(ours, np.asarray(theirs).transpose(2, 0, 1)), (size, size_px)


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="more than 100 pixels"):
        to_square(solid("L", 0, (11, 10)), 4, "grey")
    with pytest.raises(ValueError, match="more than 100 pixels"):  # a thin strip grows when its short side is resized
        to_square(solid("L", 0, (1, 90)), 8, "grey")


@pytest.mark.parametrize("side", [11, 15])  # above the limit (a warning of Pillow's), above twice the limit (an error)
def test_a_bomb_in_a_file_is_a_named_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    path = tmp_path / "bomb.png"
    solid("L", 0, (side, side)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    (batch,) = decode_batches([path], lambda _, p: decode_file(p, 4, "grey"), (1, 4, 4))
    assert batch.failures == [(0, "more than 100 pixels, Pillow's limit against decompression bombs")]


def test_reasons_are_short_and_without_paths(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "JPEG")
    files = {"cut.jpg": buffer.getvalue()[:900], "text.png": b"hello", "gone.png": None, "good.jpg": buffer.getvalue()}
    for name, content in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in files]
    (batch,) = decode_batches(paths, lambda _, p: decode_file(p, 4, "rgb"), (3, 4, 4))
    assert batch.rows == [3]
    assert batch.images.shape == (1, 3, 4, 4)
    words = dict(batch.failures)
    assert "truncated" in words[0]
    assert words[1] == "not an image, or its start is damaged"
    assert words[2] == "No such file or directory"
    assert str(tmp_path) not in " ".join(words.values())
    assert reason(KeyError("x")) == "KeyError: 'x'"


def test_a_batch_says_which_images_are_deep() -> None:
    items = [np.zeros((1, 2, 2), np.uint8), np.full((1, 2, 2), 3000, np.float32)]
    (batch,) = decode_batches([0, 1], lambda _, i: items[i], (1, 2, 2))
    assert batch.deep.tolist() == [False, True]
    assert batch.images[1, 0, 0, 0] == 3000


def test_batches_keep_the_order() -> None:
    batches = list(decode_batches(range(10), lambda _, i: np.full((1, 2, 2), i, np.uint8), (1, 2, 2), batch=4))
    assert [b.rows for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert np.concatenate([b.images for b in batches])[:, 0, 0, 0].tolist() == list(range(10))

"""Image files: unreadable ones, modes, sizes and names, from their headers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data.sources.builtin import Iris
from sdl_cli.data.sources.image_folder import ImageFolder
from sdl_cli.errors import DataError
from sdl_cli.run.check import inspect_files


@pytest.fixture
def photos(tmp_path):
    """Two classes of five photos, 40 x 30 px."""
    rng = np.random.default_rng(0)
    for number in range(10):
        folder = tmp_path / "photos" / ("ant", "bee")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "photos"


def look(photos, **more):
    return inspect_files(ImageFolder(path=str(photos), **more))


def test_good_photos_are_left_alone(photos):
    assert look(photos) == []
    assert look(photos, size_px=30) == []


def test_other_sources_have_no_files():
    assert inspect_files(Iris()) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        look(tmp_path / "nowhere")


def test_unreadable_files_come_first(photos):
    (photos / "ant" / "0.png").write_bytes(b"")
    (photos / "bee" / "1.png").write_bytes(b"no image at all")
    (photos / "bee" / "ev\x1bil.png").write_bytes(b"x")
    problem = look(photos, size_px=64)[0]
    assert problem.severity == "warning"
    assert problem.what == "3 image files of 11 cannot be read."
    assert problem.where.startswith("ant/0.png (empty file, 0 bytes), bee/1.png (not an image")
    assert "\x1b" not in problem.where
    assert "dataset.on_error=skip" in problem.advice


def test_modes(photos):
    Image.new("CMYK", (40, 30)).save(photos / "ant" / "print.jpg")
    Image.new("L", (40, 30)).save(photos / "ant" / "grey.png")
    Image.new("L", (40, 30)).save(photos / "ant" / "grey2.png")
    (problem,) = look(photos)
    assert (problem.severity, problem.what) == ("note", "The files have these colour modes: RGB 10, L 2, CMYK 1.")
    assert problem.where == "CMYK: ant/print.jpg"


def test_small_and_long_photos(photos):
    Image.new("RGB", (100, 49)).save(photos / "ant" / "wide.png")
    Image.new("RGB", (100, 50)).save(photos / "ant" / "just.png")
    small, long = look(photos, size_px=40)
    assert small.what == "10 images are smaller than 40 px and will be enlarged (of 12)."
    assert small.where.startswith("ant/0.png (40 x 30), ") and small.where.endswith(" and 5 more")
    assert (long.what, long.where) == ("1 image is more than twice as long as wide (of 12).", "ant/wide.png (100 x 49)")


def test_one_name_and_size_in_two_classes(photos):
    content = (photos / "ant" / "0.png").read_bytes()
    (photos / "bee" / "0.png").write_bytes(content)
    (photos / "bee" / "2.png").write_bytes(content + b"another size")
    (problem,) = look(photos)
    assert (problem.severity, problem.where) == ("warning", "ant/0.png = bee/0.png")


def test_a_whole_tiff_that_pillow_does_not_know_is_not_called_damaged(photos):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(photos / "ant" / "heights.tif", np.full((30, 40), 0.5), photometric="minisblack")
    tifffile.imwrite(photos / "ant" / "deep.tif", np.full((30, 40, 3), 900, np.uint16), photometric="rgb")
    (problem,) = look(photos)
    assert problem.what == "The files have these colour modes: RGB 10, RGB of more than 8 bits 1, F 1."

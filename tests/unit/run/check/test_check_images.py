"""Near-duplicate images: altered copies are found, different pictures, plain ones and digits are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from sklearn import datasets
from unit.run.check.conftest import last_fifth, make_dataset

from sdl_cli.run.check import images, inspect


def pictures(num, side=48, seed=0):
    """Smooth random colour pictures `uint8 (num, 3, side, side)`: noise at four scales, as photos have."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(num):
        layers = [rng.normal(size=(k, k, 3)) * 30 for k in (3, 6, 12, 24)]
        sized = [np.asarray(_resize(layer, side)) for layer in layers]
        result.append(np.clip(128 + sum(sized), 0, 255).astype(np.uint8).transpose(2, 0, 1))
    return np.stack(result)


def _resize(layer, side):
    channels = [
        Image.fromarray(layer[:, :, c].astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC) for c in range(3)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=2)


def alike(dataset):
    """Problems with images that look like another."""
    return [p for p in inspect(dataset, last_fifth(dataset)) if "near" in p.what and "accuracy" not in p.what]


def altered(X, change):
    return np.stack([np.asarray(change(Image.fromarray(x.transpose(1, 2, 0))).convert("RGB")).transpose(2, 0, 1) for x in X])


def recompress(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return Image.open(buffer)


@pytest.mark.parametrize(
    "change",
    [
        recompress,
        ImageOps.mirror,
        lambda image: recompress(ImageOps.mirror(image)),
        lambda image: image.resize((24, 24), Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BILINEAR),
        lambda image: ImageEnhance.Brightness(image).enhance(0.7),
        lambda image: ImageEnhance.Contrast(image).enhance(1.2),
        lambda image: image.convert("L"),
        lambda image: Image.fromarray((np.asarray(image) // 8 * 8).astype(np.uint8)),
    ],
)
def test_altered_copies_are_found_and_nothing_else(change):
    X = pictures(60)
    pairs = images.near_pairs(np.concatenate([X, altered(X[:20], change)]))
    assert pairs.tolist() == [[i, 60 + i] for i in range(20)]


def test_many_versions_of_each_picture_are_found():
    X = pictures(40)
    versions = [altered(X, lambda image, f=f: ImageEnhance.Brightness(image).enhance(f)) for f in (0.8, 0.9, 1.05, 1.1)]
    pairs = images.near_pairs(np.concatenate([X, *versions]))
    assert (pairs[:, 0] % 40 == pairs[:, 1] % 40).all()
    assert len(pairs) > 0.9 * 40 * 10  # 5 x 4 / 2 pairs of each


@pytest.mark.parametrize("num", [0, 1, 2, 3])
def test_few_images(num):
    assert images.near_pairs(pictures(8)[:num]).shape == (0, 2)


def test_plain_images_are_like_no_other():
    X = np.zeros((30, 3, 32, 32), np.uint8)
    X += np.arange(30, dtype=np.uint8)[:, None, None, None]
    X[:, :, 5, 5] += 1  # a speck
    assert len(images.near_pairs(X)) == 0


def test_digits_are_alike_without_being_copies():
    X = np.kron(datasets.load_digits().images[:, None], np.ones((3, 3))) * 15
    assert len(images.near_pairs(X.astype(np.uint8))) < 8  # of 1.6 million pairs


def test_thumbnails_are_means_over_areas():
    X = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 48), dtype=np.uint8)
    by_hand = X[:, 0].reshape(2, 16, 2, 16, 3).mean(axis=(2, 4))
    assert images._thumbnails(X) == pytest.approx(by_hand, abs=1e-3)


def test_near_duplicates_across_the_split_are_a_leak():
    X = pictures(45)
    X = np.concatenate([X, altered(X[:5], recompress)])
    dataset = make_dataset(X, np.arange(50) % 2, ids=np.array([f"{i}.jpg" for i in range(50)]))
    leak = inspect(dataset, last_fifth(dataset))[0]
    assert leak.severity == "leak"
    assert leak.what == "5 test rows have a near-duplicate image among the labelled rows: 50 % of the test part."
    assert leak.where == "0.jpg = 45.jpg, 1.jpg = 46.jpg, 2.jpg = 47.jpg, 3.jpg = 48.jpg, 4.jpg = 49.jpg"
    whole = make_dataset(X[:45], np.arange(45) % 2)
    assert not alike(whole)


def test_near_duplicates_on_one_side_are_a_note():
    X = pictures(45)
    X = np.concatenate([altered(X[:5], recompress), X])
    dataset = make_dataset(X, np.arange(50) % 2)
    (note,) = [p for p in inspect(dataset, last_fifth(dataset)) if "nearly" in p.what]
    assert (note.severity, note.where) == ("note", "0 = 5, 1 = 6, 2 = 7, 3 = 8, 4 = 9")
    assert note.what.startswith("5 pairs of images")


def test_equal_images_across_the_split_are_a_leak_and_named_once():
    X = pictures(50)
    X[49] = X[0]
    dataset = make_dataset(X, np.resize(["ant", "bee"], 50))
    problems = inspect(dataset, last_fifth(dataset))
    assert [p.severity for p in problems if "among the labelled rows" in p.what] == ["leak"]
    assert problems[0].what == "1 test row has an equal image among the labelled rows: 10 % of the test part."
    (mixed,) = [p for p in problems if "different class" in p.what]
    assert (mixed.severity, mixed.where) == ("warning", "0, 49")


def test_images_of_one_colour_are_named_and_are_no_copies():
    X = pictures(20)
    X[[3, 18]] = 0
    dataset = make_dataset(X, np.resize(["ant", "bee"], 20))
    problems = inspect(dataset, last_fifth(dataset))
    assert "leak" not in [p.severity for p in problems]
    (flat,) = [p for p in problems if "one colour" in p.what]
    assert (flat.severity, flat.what, flat.where) == ("warning", "2 images are of one colour all over.", "3, 18")


def test_drawings_that_look_alike_are_named_and_are_no_leak():
    """Lines on black, each at another angle: thumbnails of neighbours, and of mirrored ones, are nearly equal."""
    X = np.zeros((120, 1, 32, 32), np.uint8)
    for image, angle in zip(X, np.random.default_rng(0).uniform(-np.pi / 3, np.pi / 3, 120), strict=True):
        drawing = Image.new("L", (128, 128))
        dx, dy = 51 * np.cos(angle), 51 * np.sin(angle)
        ImageDraw.Draw(drawing).line([64 - dx, 64 - dy, 64 + dx, 64 + dy], fill=255, width=4)
        image[0] = np.asarray(drawing.resize((32, 32), Image.Resampling.BOX))
    dataset = make_dataset(X, np.arange(120) % 2)
    problems = alike(dataset)
    assert [p.severity for p in problems] == ["note"]
    assert "as simple drawings do" in problems[0].what


def test_a_few_copies_of_drawings_are_still_found():
    rng = np.random.default_rng(0)
    X = np.zeros((100, 3, 48, 48), np.uint8)
    for image in X:
        drawing = Image.new("RGB", (48, 48))
        ImageDraw.Draw(drawing).line([tuple(point) for point in rng.integers(0, 48, (4, 2))], fill=(255, 255, 255), width=2)
        image[:] = np.asarray(drawing).transpose(2, 0, 1)
    X[96:] = altered(X[:4], recompress)
    dataset = make_dataset(X, np.arange(100) % 2)
    assert images._are_drawings(X, np.array([[0, 96]])).all()
    (leak,) = alike(dataset)
    assert (leak.severity, leak.where) == ("leak", "0 = 96, 1 = 97, 2 = 98, 3 = 99")


def test_colours_tell_images_apart_and_mirror_images_may_have_another_number() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    X = np.full((60, 3, 32, 32), 128, np.uint8)
    for row in range(60):  # blobs of any place, size and colour
        cy, cx, size = rng.uniform(8, 24, 2).tolist() + [rng.uniform(3, 6)]
        X[row, rng.integers(3)] += (100 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / size**2)).astype(np.uint8)
    X[1] = X[0, [1, 2, 0]] // 2 + 64  # the same blob in another colour and contrast
    X[3] = np.clip(X[2][:, :, ::-1] * 0.9, 0, 255).astype(np.uint8)  # a mirrored, darker copy
    found = {tuple(pair) for pair in images._of_one_colour(X, images.near_pairs(X)).tolist()}
    assert (2, 3) in found and (0, 1) not in found
    assert (2, 3) not in {tuple(pair) for pair in images.near_pairs(X, mirrored=False).tolist()}


@pytest.mark.parametrize("mirrored", [True, False])
def test_images_near_to_others_are_those_that_the_check_pairs(mirrored):
    X = pictures(60)
    copies = altered(X[:10], lambda image: ImageEnhance.Brightness(image).enhance(1.05))
    turned = X[10:20, :, :, ::-1]
    found = images.near_to(np.concatenate([copies, turned, pictures(30, seed=5)]), X, mirrored)
    assert found.tolist() == [True] * 10 + [mirrored] * 10 + [False] * 30
    both = np.concatenate([copies, turned, X])
    pairs = images.near_pairs(both, mirrored)
    across = pairs[(pairs < 20).sum(axis=1) == 1]
    assert set(across[:, 0]) == set(np.flatnonzero(images.near_to(both[:20], X, mirrored)))


def test_small_and_plain_images_are_near_to_none():
    plain = np.full((4, 3, 32, 32), 200, np.uint8)
    assert not images.near_to(plain, plain).any()
    small = pictures(4, side=8)
    assert not images.near_to(small, small).any() and not images.near_to(pictures(2), pictures(2)[:0]).any()

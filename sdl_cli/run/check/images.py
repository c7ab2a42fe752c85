"""Images that are nearly the same: recompressed, resized, brightened or mirrored copies, found by a perceptual hash."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.area_means import area_weights
from sdl_cli.data.split import Split
from sdl_cli.phrases import counted, shortened
from sdl_cli.run.check.duplicates import crossing_problem, image_keys
from sdl_cli.run.check.problem import MOST_NAMED, Problem, named, sides

_SIDE = 16  # of a thumbnail, in pixels; images smaller than that are alike without being copies
_MOST_DISTANCE = 0.04  # 1 - correlation of two thumbnails
_CLOSENESS = 0.05  # of the distance to other images: among shirts on black, two alike are no copies
_NUM_OTHERS, _OTHERS_FRACTION = 500, 0.05
_FLAT = 3.0  # standard deviation of a thumbnail's grey values below which there is nothing to compare
_PAPER_FRACTION, _PAPER_GREY = 0.8, 8  # share of a thumbnail of one grey from which it shows a drawing, and how far that reaches
_MANY_DRAWINGS = 0.1  # of all images
_MATERIAL_SHARE = 0.01  # of the test rows; more than for equal images, since a look can deceive
_MOST_IMAGES, _BRIEF_IMAGES = 20_000, 2_000  # every pair is compared
_BRIEF_BYTES = 64 * 2**20
_CHUNK, _CHUNK_PIXELS = 512, 500_000
_SAME_COLOUR = 0.7  # correlation of two thumbnails in colour
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601


def near_duplicates(dataset: Dataset, parts: Split, brief: bool) -> Iterator[Problem]:
    """Images that look the same as another without being equal, and those with a twin on the other side of the split."""
    is_large = dataset.modality == "image" and (len(dataset) > _BRIEF_IMAGES or dataset.X.nbytes > _BRIEF_BYTES)
    if dataset.modality != "image" or min(dataset.X.shape[2:]) < _SIDE or (brief and is_large):
        return
    rows = np.arange(len(dataset))
    if len(rows) > _MOST_IMAGES:
        rows = np.sort(np.random.default_rng(0).choice(len(rows), _MOST_IMAGES, replace=False))
        what = f"{counted(_MOST_IMAGES, 'image')} drawn from {len(dataset):,} were compared for near-duplicates."
        yield Problem("note", what, "", "There can be more near-duplicates than are named here.")
    X = dataset.X if len(rows) == len(dataset) else dataset.X[rows]
    # where a number is predicted, a mirrored image may well have another
    pairs = rows[near_pairs(X, mirrored=dataset.task == "classification")]
    pairs = _of_one_colour(dataset.X, _without_equal(dataset.X, pairs))
    of_drawings = _are_drawings(dataset.X, pairs)
    num_drawings = len(np.unique(pairs[of_drawings]))
    # A slanted line is like the next one without being its copy; if many look alike, copies cannot be told from relatives.
    if num_drawings > _MANY_DRAWINGS * len(rows):
        what = f"{counted(num_drawings, 'image')} of little on plain ground look nearly like another, as simple drawings do."
        where = _pairs_named(dataset, pairs[of_drawings])
        yield Problem("note", what, where, "Look at some: if they are copies, keep one of each, or give copies one group.")
        pairs = pairs[~of_drawings]
    side = sides(dataset, parts)[pairs]
    crosses = (side.min(axis=1) == 1) & (side.max(axis=1) == 2)
    test_rows = np.unique(pairs[crosses][side[crosses] == 2])
    where = _pairs_named(dataset, pairs[crosses])
    yield from crossing_problem(dataset, parts, test_rows, "a near-duplicate image", _MATERIAL_SHARE, where)
    inside = pairs[~crosses]
    if len(inside):
        what = f"{counted(len(inside), 'pair')} of images, each on one side of the split, of nearly the same look."
        advice = "Keep one of each pair: another split would put them on both sides."
        yield Problem("note", what, _pairs_named(dataset, inside), advice)


def _pairs_named(dataset: Dataset, pairs: Array) -> str:
    return named([f"{shortened(dataset.ids[a])} = {shortened(dataset.ids[b])}" for a, b in pairs[:MOST_NAMED]], len(pairs))


def _are_drawings(X: Array, pairs: Array) -> Array:
    """Pairs of which both images are mostly ground of one grey: `bool (P,)`."""
    rows, place = np.unique(pairs, return_inverse=True)
    thumbnails = _thumbnails(X[rows])
    ground = np.median(thumbnails.reshape(len(rows), _SIDE * _SIDE), axis=1)[:, None, None]
    is_drawing = (np.abs(thumbnails - ground) <= _PAPER_GREY).mean(axis=(1, 2)) >= _PAPER_FRACTION
    return np.asarray(is_drawing[place.reshape(pairs.shape)].all(axis=1))


def _of_one_colour(X: Array, pairs: Array) -> Array:
    """Those of the pairs whose contrasts have the same colours; a grey copy of a photo is near enough."""
    if not len(pairs) or X.shape[1] != len(_LUMA):
        return pairs
    rows, place = np.unique(pairs, return_inverse=True)
    down, across = area_weights(X.shape[2], _SIDE), area_weights(X.shape[3], _SIDE)
    small = np.stack([down @ X[row].astype(np.float32) @ across.T for row in rows])
    small -= small.mean(axis=(2, 3), keepdims=True)
    small /= np.linalg.norm(small.reshape(len(rows), -1), axis=1)[:, None, None, None]
    one, other = (small[place.reshape(pairs.shape)[:, side]] for side in (0, 1))
    alike = [(one * turned).sum(axis=(1, 2, 3)) for turned in (other, other[..., ::-1])]
    return np.asarray(pairs[np.maximum(*alike) >= _SAME_COLOUR])


def _without_equal(X: Array, pairs: Array) -> Array:
    """Those of the pairs that differ in some pixel."""
    rows, place = np.unique(pairs, return_inverse=True)
    keys = image_keys(X[rows])[place.reshape(pairs.shape)] if len(rows) else pairs
    return np.asarray(pairs[keys[:, 0] != keys[:, 1]])


def near_pairs(X: Array, mirrored: bool = True) -> Array:
    """Pairs of images that are nearly the same, also where one of them is mirrored left to right.

    The perceptual hash of an image is its thumbnail, free of brightness and contrast (a block mean hash: Yang, Gu and Niu,
    2006, here as real numbers instead of bits). Two images are a pair where the distance of their thumbnails is small, and
    tiny compared with the distance of either to its nearest twentieth of all images. Thresholds were chosen on
    photos, CIFAR-10, Fashion-MNIST and digits: recompressed, brightened, mirrored, noisy and (photos) resized copies are
    found, and about one in a million pairs of different images. Images with almost no contrast match no other.

    Arguments:
        X: `uint8 (N, C, H, W)`.
        mirrored: whether mirror images count.
    Returns: `int64 (P, 2)` positions, the smaller first, sorted.
    """
    thumbnails = _thumbnails(X)
    varied = np.flatnonzero(thumbnails.std(axis=(1, 2)) >= _FLAT)
    vectors = _unit(thumbnails[varied])
    compared = [vectors, *([_unit(thumbnails[varied, :, ::-1])] if mirrored else [])]
    least = 1 - np.minimum(_MOST_DISTANCE, _CLOSENESS * _usual_distances(vectors))  # correlation that an image asks for
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(vectors), _CHUNK):
        rows = slice(start, start + _CHUNK)
        for others in compared:
            a, b = np.nonzero(vectors[rows] @ others[start:].T >= np.maximum(least[rows, None], least[start:]))
            found.append(start + np.stack([a, b], axis=1)[b > a])
    return np.asarray(varied[np.unique(np.concatenate(found), axis=0)])


def near_to(X: Array, others: Array, mirrored: bool = True) -> Array:
    """Which images `uint8 (N, C, H, W)` are nearly the same as one of `others` `(M, C, H, W)`, by `near_pairs`: `bool (N,)`."""
    found = np.zeros(len(X), dtype=bool)
    if min(X.shape[2:]) < _SIDE or not len(others):
        return found
    own, theirs = _thumbnails(X), _thumbnails(others)
    varied, known = (np.flatnonzero(one.std(axis=(1, 2)) >= _FLAT) for one in (own, theirs))
    vectors, compared = _unit(own[varied]), [_unit(theirs[known]), *([_unit(theirs[known, :, ::-1])] if mirrored else [])]
    usual = _usual_distances(np.concatenate([vectors, compared[0]]))
    least = 1 - np.minimum(_MOST_DISTANCE, _CLOSENESS * usual)
    for start in range(0, len(vectors), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(vectors)))
        for one in compared:
            a, b = np.nonzero(vectors[rows] @ one.T >= np.maximum(least[rows, None], least[len(vectors) :]))
            if len(a):
                images = np.concatenate([X[varied[start + a]], others[known[b]]])
                pairs = np.stack([np.arange(len(a)), len(a) + np.arange(len(a))], axis=1)
                found[varied[start + a[_of_one_colour(images, pairs)[:, 0]]]] = True
    return found


def _usual_distances(vectors: Array) -> Array:
    """For each image the distance within which a twentieth of the images lie, itself among them: `float32 (N,)`."""
    if not len(vectors):
        return np.empty(0, np.float32)
    chosen = np.random.default_rng(0).permutation(len(vectors))[:_NUM_OTHERS]
    place = min(max(3, int(_OTHERS_FRACTION * len(chosen))), len(chosen) - 1)
    return np.asarray(np.partition(1 - vectors @ vectors[chosen].T, place, axis=1)[:, place])


def _thumbnails(X: Array) -> Array:
    """Grey values averaged over areas: `float32 (N, 16, 16)`."""
    down, across = area_weights(X.shape[2], _SIDE), area_weights(X.shape[3], _SIDE)
    result = np.empty((len(X), _SIDE, _SIDE), np.float32)
    num = max(1, _CHUNK_PIXELS // int(np.prod(X.shape[1:])))
    for start in range(0, len(X), num):
        images = np.asarray(X[start : start + num], dtype=np.float32)
        grey = np.einsum("nchw,c->nhw", images, _LUMA) if images.shape[1] == len(_LUMA) else images.mean(axis=1)
        result[start : start + num] = down @ grey @ across.T
    return result


def _unit(thumbnails: Array) -> Array:
    """Thumbnails free of brightness and contrast: `float32 (N, 256)` of mean 0 and length 1."""
    flat = thumbnails.reshape(len(thumbnails), _SIDE * _SIDE)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))

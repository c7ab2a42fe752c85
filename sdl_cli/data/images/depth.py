"""One scale for all images of a data set that are deeper than 8 bits, learned from the labelled ones and stored with the run.

A file says at most how its numbers are written, not which of them mean black and white: twelve-bit scans stand in 16-bit files,
and heights or temperatures in floating ones. So no image is scaled by itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, ValueRange
from sdl_cli.data.images.cache import Cached, load_or_build
from sdl_cli.data.images.decode import Batch
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import listed

_BLOCK_ROWS = 64
_TAIL = 0.001  # part of the values on each side that may be faults of a camera
_NARROW = 0.125  # the rest lies in less than this part of the range: the tails decide the scale
_MOST_VALUES = 2_000_000  # that are looked at for the tails


def check_value_range(asked: tuple[float, ...] | None) -> None:
    """Raise a ConfigError for anything but a pair of ascending numbers."""
    if asked is not None and not (len(asked) == 2 and asked[0] < asked[1]):
        raise ConfigError(f"value_range: {list(asked)} is not a range: give two ascending numbers, such as [0,4095].")


def to_eight_bit(values: Array, scale: ValueRange) -> Array:
    """Values of any shape to uint8: `low` becomes 0, `high` 255, and values outside are clipped."""
    scaled = (values.astype(np.float64) - scale.low) * 255.0 / (scale.high - scale.low)
    found: Array = np.rint(scaled.clip(0.0, 255.0)).astype(np.uint8)
    return found


@dataclass
class OneDepth:
    """Converts decoded batches to one depth, and collects notes about them.

    Arguments:
        names: what messages call each image.
        scale: how deep images become 8 bit; None leaves them as they are, and then none may have 8 bits.
    """

    names: Sequence[str]
    scale: ValueRange | None
    deep: list[int] = field(default_factory=list)  # rows of more than 8 bits
    plain: list[int] = field(default_factory=list)  # rows of 8 bits
    cut: list[int] = field(default_factory=list)  # rows of deep ones whose values were cut off
    remarks: list[tuple[int, str]] = field(default_factory=list)  # rows, and what was left out of them

    def images(self, batch: Batch) -> Array:
        """The images of a batch: uint8, or float32 where all are deep and there is no scale.

        Raises DataError: images of 8 bits beside deeper ones, and no scale.
        """
        rows = np.array(batch.rows, np.int64)
        self.deep += rows[batch.deep].tolist()
        self.plain += rows[~batch.deep].tolist()
        if self.scale is None and self.deep and self.plain:
            raise DataError(
                f"Images of 8 bits (such as {self.names[self.plain[0]]}) and deeper ones (such as {self.names[self.deep[0]]}) "
                "are in one data set, and their values have no common scale.",
                "Say which values of the deeper ones are black and white, such as dataset.value_range=[0,65535].",
            )
        if self.scale is None or not batch.deep.any():
            return batch.images
        found = batch.images.astype(np.uint8) if not batch.deep.all() else np.empty(batch.images.shape, np.uint8)
        found[batch.deep] = to_eight_bit(batch.images[batch.deep], self.scale)
        self.cut += rows[batch.deep & _outside(batch.images, self.scale)].tolist()
        return found

    def facts(self) -> dict[str, Any]:
        """What is kept beside decoded images, JSON-ready."""
        return {"deep": len(self.deep), "plain": len(self.plain), "cut": self.cut, "remarks": sorted(self.remarks)}

    def cached(
        self,
        key: str,
        num_images: int,
        shape: tuple[int, int, int],
        batches: Callable[[], Iterable[Array]],
        are_read_as_ever: Callable[[], bool],
        notes: list[str],
        more_facts: Callable[[], dict[str, Any]] = dict,
        readers: int | None = None,
    ) -> tuple[Cached, ValueRange | None]:
        """Images from the cache, decoded into it where they are not there, and the scale that was set, if any image needed it.

        An older version kept no facts about depth: its images are kept if all of their files are read as before.

        Arguments:
            key, num_images, shape, batches, more_facts: as for `load_or_build`.
            notes: sentences about the images are added to them.
            readers: images that were skipped are tried again unless the facts name these `readers`.
        """

        def checked(facts: dict[str, Any]) -> dict[str, Any] | None:
            if readers is not None and facts.get("skipped") and facts.get("readers") != readers:
                return None
            if "deep" in facts:
                return facts
            return {"deep": 0, "plain": 1, "cut": [], "remarks": []} | facts if are_read_as_ever() else None

        found = load_or_build(key, num_images, shape, batches, lambda: more_facts() | self.facts(), checked)
        notes += self.notes(found.facts)
        if self.scale is not None and not found.facts["deep"]:
            notes.append("dataset.value_range has no effect: all images have 8 bits.")
            return found, None
        return found, self.scale and dataclasses.replace(self.scale, with_plain=found.facts["plain"] > 0)

    def notes(self, facts: Mapping[str, Any]) -> list[str]:
        """Sentences on what was left out of images or cut off; `facts` as those kept beside decoded images."""
        rows: dict[str, list[str]] = {}
        for row, remark in facts["remarks"]:
            rows.setdefault(remark, []).append(self.names[row])
        found = [f"{_num_images(own)} {remark}: {_some(own)}." for remark, own in rows.items()]
        if self.scale is not None and facts["cut"]:
            found.append(_cut_note(self.scale, [self.names[row] for row in facts["cut"]]))
        return found


def scale_of(value_range: tuple[float, ...] | None) -> ValueRange | None:
    """The scale that the setting `value_range` asks for."""
    return None if value_range is None else ValueRange(value_range[0], value_range[1])


def is_scaled(dataset: Dataset) -> bool:
    """Whether a data set is ready for models; false of deep images, whose scale goes with a split."""
    return dataset.modality != "image" or dataset.X.dtype == np.uint8


def eight_bit(dataset: Dataset, labelled: Array, scale: ValueRange | None = None) -> Dataset:
    """The data set with its deep images brought to uint8; one without any is returned as it is.

    Arguments:
        labelled: row numbers of the images that the scale is learned from.
        scale: the one of a stored run instead.
    """
    if is_scaled(dataset):
        return dataset
    notes = list(dataset.notes)
    if scale is None:
        scale = _learned(dataset.X, labelled)
        notes.append(
            f"The images hold more than 8 bits: {scale.low:g} becomes black and {scale.high:g} white, the lowest and the highest "
            f"value of the {len(labelled):,} labelled images at the size they are read; "
            f"dataset.value_range=[{scale.low:g},{scale.high:g}] sets them."
        )
        notes += _tail_notes(dataset.X, labelled, scale)
    found = np.empty(dataset.X.shape, np.uint8)
    outside = np.zeros(len(dataset), bool)
    for start in range(0, len(dataset), _BLOCK_ROWS):
        block = dataset.X[start : start + _BLOCK_ROWS]
        found[start : start + _BLOCK_ROWS] = to_eight_bit(block, scale)
        outside[start : start + _BLOCK_ROWS] = _outside(block, scale)
    if outside.any():
        notes.append(_cut_note(scale, dataset.ids[outside].tolist()))
    return dataclasses.replace(dataset, X=found, value_range=scale, notes=tuple(notes))


def as_in_run(dataset: Dataset, stored: Mapping[str, Any] | None) -> Dataset:
    """The data set with its images scaled as a stored run scaled its own.

    Arguments:
        stored: the `value_range` that the run keeps with its inputs; None where its images have 8 bits.
    Raises DataError: 8-bit images for a run on deeper ones, or the other way round.
    """
    scale = stored_scale(stored)
    if dataset.modality != "image":
        return dataset
    if not is_scaled(dataset):
        if scale is None:
            raise DataError(
                f"The images of {dataset.name} hold more than 8 bits, and this run stores no scale for them: its own have 8, "
                "or an older version scaled each image by itself.",
                "Train again, or say which values are black and white, such as dataset.value_range=[0,4095]",
            )
        return eight_bit(dataset, np.empty(0, np.int64), scale)
    if scale is not None and not scale.with_plain and dataset.value_range is None:
        raise DataError(
            f"The images of {dataset.name} have 8 bits, but the run learned from deeper images, of values from {scale.low:g} to "
            f"{scale.high:g}.",
            "Give images like those it learned from.",
        )
    return dataset


def stored_scale(stored: Mapping[str, Any] | None) -> ValueRange | None:
    """The scale that a run stores, checked. Raises DataError where it is none."""
    if stored is None:
        return None
    try:
        scale = ValueRange(float(stored["low"]), float(stored["high"]), bool(stored["with_plain"]))
        if not -math.inf < scale.low < scale.high < math.inf:
            raise ValueError(scale)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("model.json: its value_range is damaged.", "Restore the file, or train again.") from error
    return scale


def unlike_run(is_deep: bool, scale: ValueRange | None) -> str:
    """Why an image of this depth cannot be given to a run with this scale, or nothing where it can."""
    if is_deep:
        return "" if scale is not None else "more than 8 bits, and the run stores no scale for them"
    return "" if scale is None or scale.with_plain else "8 bits, and the images that the run learned from have more"


def _learned(X: Array, labelled: Array) -> ValueRange:
    blocks = [X[labelled[start : start + _BLOCK_ROWS]] for start in range(0, len(labelled), _BLOCK_ROWS)]
    low, high = float(min(block.min() for block in blocks)), float(max(block.max() for block in blocks))
    return ValueRange(low, high if high > low else low + 1.0)


def _outside(images: Array, scale: ValueRange) -> Array:
    flat = images.reshape(len(images), -1)
    return np.asarray((flat.min(axis=1) < scale.low) | (flat.max(axis=1) > scale.high))


def _cut_note(scale: ValueRange, names: Sequence[object]) -> str:
    return f"{_num_images(names)} values outside {scale.low:g} to {scale.high:g}, which were cut off there: {_some(names)}."


def _num_images(names: Sequence[object]) -> str:
    return "1 image holds" if len(names) == 1 else f"{len(names):,} images hold"


def _some(names: Sequence[object]) -> str:
    return listed([str(name) for name in names], 5, last=", ")


def _tail_notes(X: Array, labelled: Array, scale: ValueRange) -> list[str]:
    """A sentence where a few very low or high values decide the scale, as broken pixels do."""
    step = max(1, math.ceil(len(labelled) * int(np.prod(X.shape[1:])) / _MOST_VALUES))
    low, high = np.quantile(X[labelled[::step]], [_TAIL, 1 - _TAIL])
    if not 0 < high - low < _NARROW * (scale.high - scale.low):
        return []
    return [
        f"Nearly all of these values ({1 - 2 * _TAIL:.1%}) lie from {low:g} to {high:g}: if the others are faults, set "
        f"dataset.value_range=[{low:g},{high:g}]"
    ]

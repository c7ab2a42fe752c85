"""A column of images in a set of Hugging Face's `datasets`, decoded once into the cache."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import ValueRange, digest_parts
from sdl_cli.data.images.cache import Cached, cache_key
from sdl_cli.data.images.decode import (
    NUM_CHANNELS,
    Channels,
    decode_batches,
    decode_file,
    is_read_as_ever,
    native_size,
    probed,
    reason,
    size_and_mode,
)
from sdl_cli.data.images.depth import OneDepth, scale_of
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_CHUNK = 256


def decode_column(
    source: str,
    data: Any,
    column: str,
    kept: Array,
    ids: Array,
    size: tuple[int | None, int | None],
    channels: Channels | None,
    interpolation: str,
    value_range: tuple[float, ...] | None,
    notes: list[str],
) -> tuple[Cached, ValueRange | None]:
    """Decode the images of some rows into the cache, or find them there; and how deep ones became 8 bit, where they did.

    Arguments:
        source: for messages. data: a `datasets.Dataset`.
        kept: rows `(M,)`, at least one. ids: `(M,)`, what messages call them.
        size: side of the square in pixels that is asked for, and the one that the model likes best; None if unset.
        channels: None takes grey where all images looked at are.
        value_range: the setting. notes: sentences on what was left out of images are added to them.
    Raises DataError: no column of images, an image that cannot be read, or a full disk.
    """
    from datasets import Image

    try:
        data = data.select_columns([column]).cast_column(column, Image(decode=False))
    except Exception as error:
        message = f"dataset.image: the column {shortened(column)} of {source} holds no images."
        raise DataError(message, "Name the one that does, of photos, their bytes or their paths.") from error
    size_px, chosen = _size_and_channels(source, data, column, kept, ids, size)
    chosen = channels or chosen
    shape = (NUM_CHANNELS[chosen], size_px, size_px)

    depth = OneDepth([f"image {row}" for row in ids], scale_of(value_range))

    def decode(row: int, item: Any) -> Array:
        return decode_file(_source(item), size_px, chosen, interpolation, lambda remark: depth.remarks.append((row, remark)))

    def batches() -> Iterator[Array]:
        for batch in decode_batches(_raw(data, column, kept), decode, shape):
            for row, why in batch.failures:
                raise _unreadable(source, ids[row], why)
            yield depth.images(batch)

    def are_read_as_ever() -> bool:
        return all(is_read_as_ever(_source(item)) for item in _raw(data, column, kept))

    decides: dict[str, Any] = {"size_px": size_px, "channels": chosen, "interpolation": interpolation}
    decides |= {} if value_range is None else {"value_range": value_range}
    key = cache_key(_content(data, column, kept), decides)
    return depth.cached(key, len(kept), shape, batches, are_read_as_ever, notes)


def _unreadable(source: str, row: object, why: str) -> DataError:
    return DataError(f"{source}: image {row} cannot be read: {why}.", "Remove or repair this row of the data set.")


def _raw(data: Any, column: str, kept: Array) -> Iterator[Any]:
    """Undecoded images `{"bytes", "path"}` of the rows `kept`, fetched a chunk at a time."""
    for start in range(0, len(kept), _CHUNK):
        yield from data[kept[start : start + _CHUNK].tolist()][column]


def _source(item: Any) -> Path | io.BytesIO:
    if item is None or (item["bytes"] is None and not item["path"]):
        raise ValueError("there is none")
    return Path(item["path"]) if item["bytes"] is None else io.BytesIO(item["bytes"])


def _content(data: Any, column: str, kept: Array) -> str:
    """A digest of the images as they are stored; of those that are files of their own, of path, size and time of change."""

    def parts() -> Iterator[bytes]:
        for item in _raw(data, column, kept):
            content = b"" if item is None else item["bytes"]
            if content is None:
                found = Path(item["path"]).stat() if item["path"] and Path(item["path"]).is_file() else None
                content = repr((item["path"], found and (found.st_size, found.st_mtime_ns))).encode()
            yield content

    return digest_parts(parts())


def _size_and_channels(
    source: str, data: Any, column: str, kept: Array, ids: Array, size: tuple[int | None, int | None]
) -> tuple[int, Channels]:
    modes: set[str] = set()
    sizes: set[tuple[int, int]] = set()
    for place in probed(len(kept)):
        try:
            width, height, mode = size_and_mode(_source(data[int(kept[place])][column]))
            modes.add(mode)
            sizes.add((width, height))
        except Exception as error:  # decoders raise anything on bad bytes
            raise _unreadable(source, ids[place], reason(error)) from error
    asked_px, preferred_px = size
    native_px, channels = native_size(sizes, modes, preferred_px)
    return asked_px or native_px, channels

"""Which directories of a TIFF are pictures, and how a stack divides them into frames and channels. Needs no library."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from sdl_cli.data.images.pixels import RefusedError, View, refuse_several

MAGIC = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_SUBFILE, _BITS, _DESCRIPTION, _FORMAT = 254, 258, 270, 339  # tags
_SMALL_OR_MASK = 0b101  # kinds of sub-files that are no picture of their own: a smaller copy, a mask
_MOST_PAGES = 100_000
_MOST_DESCRIPTION_BYTES = 2**20


@dataclass(frozen=True)
class Stack:
    """The pictures of a TIFF: numbers of its directories `pages`, and how they are divided.

    Arguments:
        num_channels: how many pages in a row, or `stride` apart, are channels of one picture, as OME and ImageJ say it.
    """

    pages: list[int]
    num_channels: int = 1
    stride: int = 1

    @property
    def num_frames(self) -> int:
        return max(1, len(self.pages) // self.num_channels)

    def of_frame(self, frame: int) -> list[int]:
        """Numbers of the directories that a frame consists of, one for each channel."""
        block, rest = divmod(frame, self.stride)
        first = block * self.stride * self.num_channels + rest
        places = [first + channel * self.stride for channel in range(self.num_channels)]
        if places[-1] >= max(1, len(self.pages)):
            raise RefusedError(f"no page {frame + 1} in this file")
        return [self.pages[place] if self.pages else 0 for place in places]

    def checked(self, view: View) -> Stack:
        """Itself, where the view says what to do with so many pages. Raises RefusedError otherwise."""
        if self.num_channels > 1 and not view.all_bands:
            raise RefusedError(
                f"{self.num_channels} channels in pages of their own, and nothing says which is red, green or blue: save it as "
                "RGB (or take them all by dataset.channels=all)"
            )
        refuse_several(self.num_frames, view)
        return self


def is_surely_deep(file: BinaryIO) -> bool:
    """Whether a file is a TIFF whose first page has more than 8 bits, or signed or floating values; False where unsure."""
    try:
        file.seek(0)
        start = file.read(16)
        order = MAGIC.get(start[:4])
        if order is None or start[2:4] in (b"+\0", b"\0+"):
            return False
        file.seek(struct.unpack_from(order + "I", start, 4)[0])
        (entries,) = struct.unpack(order + "H", file.read(2))
        content = file.read(min(entries, 200) * 12)
        found = {}
        for place in range(0, len(content) - 11, 12):
            tag, _, count = struct.unpack_from(order + "HHI", content, place)
            if tag in (_BITS, _FORMAT):
                if count > 2:
                    file.seek(struct.unpack_from(order + "I", content, place + 8)[0])
                (found[tag],) = struct.unpack(order + "H", content[place + 8 : place + 10] if count <= 2 else file.read(2))
    except (OSError, struct.error):
        return False
    return found.get(_BITS, 1) > 8 or found.get(_FORMAT, 1) in (2, 3)


def stack_of(file: BinaryIO) -> Stack:
    """The pictures of a TIFF; smaller copies and masks are none. One page where the chain of directories is damaged."""
    place = file.tell()
    pages: list[int] = []
    description = b""
    seen: set[int] = set()
    try:
        file.seek(0)
        start = file.read(16)
        order = MAGIC[start[:4]]
        is_big = start[2:4] in (b"+\0", b"\0+")
        size, count, offset = (20, "Q", "Q") if is_big else (12, "H", "I")
        (at,) = struct.unpack_from(order + offset, start, 8 if is_big else 4)
        while at and at not in seen and len(seen) < _MOST_PAGES:
            seen.add(at)
            file.seek(at)
            (entries,) = struct.unpack(order + count, file.read(struct.calcsize(count)))
            content = file.read(min(entries, 65_535) * size)
            following = file.read(struct.calcsize(offset))
            found = {
                struct.unpack_from(order + "H", content, start)[0]: content[start : start + size]
                for start in reversed(range(0, len(content) - size + 1, size))
            }
            value = size - (8 if is_big else 4)
            kind = struct.unpack_from(order + "I", found[_SUBFILE], value)[0] if _SUBFILE in found else 0
            if len(seen) == 1 and _DESCRIPTION in found:
                description = _text(file, found[_DESCRIPTION], order, is_big)
            if not kind & _SMALL_OR_MASK:
                pages.append(len(seen) - 1)
            (at,) = struct.unpack(order + offset, following)
    except (OSError, KeyError, struct.error):
        return _divided(pages[:1], description)
    finally:
        file.seek(place)
    return _divided(pages, description)


def _text(file: BinaryIO, entry: bytes, order: str, is_big: bool) -> bytes:
    """The value of a tag of letters."""
    (length,) = struct.unpack_from(order + ("Q" if is_big else "I"), entry, 4)
    place = 12 if is_big else 8
    if length <= len(entry) - place:
        return entry[place : place + length]
    (at,) = struct.unpack_from(order + ("Q" if is_big else "I"), entry, place)
    file.seek(at)
    return file.read(min(length, _MOST_DESCRIPTION_BYTES))


def _divided(pages: list[int], description: bytes) -> Stack:
    """The pages as OME (its Pixels) or ImageJ says that they follow each other, if all of them are there."""
    if description.startswith(b"ImageJ="):
        named = dict(re.findall(rb"^(channels|images)=(\d{1,6})\s*$", description, re.MULTILINE))
        num, channels = int(named.get(b"images", 1)), int(named.get(b"channels", 1))
        if num > 1 and len(pages) == 1:
            raise RefusedError(
                f"{num:,} pages, of which this file, as ImageJ writes large ones, has one directory: save them apart"
            )
        return Stack(pages, channels) if channels > 1 and len(pages) % channels == 0 else Stack(pages)
    pixels = re.search(rb"<(?:\w+:)?Pixels\s[^>]*>", description) if b"<" in description else None
    if pixels is None:
        return Stack(pages)
    sides = {key: int(num) for key, num in re.findall(rb'\bSize([CZT])="(\d{1,6})"', pixels[0])}
    order = re.search(rb'\bDimensionOrder="XY([CZT]{3})"', pixels[0])
    samples = re.search(rb'SamplesPerPixel="(\d{1,4})"', description)
    channels = sides.get(b"C", 1) // max(1, int(samples[1]) if samples else 1)
    if order is None or channels < 2 or channels * sides.get(b"Z", 1) * sides.get(b"T", 1) != len(pages):
        return Stack(pages)
    before = order[1][: order[1].index(b"C")]
    stride = 1
    for axis in before:
        stride *= sides.get(bytes([axis]), 1)
    return Stack(pages, channels, stride)

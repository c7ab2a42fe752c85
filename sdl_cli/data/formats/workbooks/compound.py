"""The file of files of old Office: [MS-CFB]. One stream is taken out, and put into a new one that holds nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from sdl_cli.data.formats.workbooks.container import damaged

_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_CUTOFF = 4096  # shorter streams lie in small sectors
_SECTOR = 4096
_MOST_BYTES = 400 * 2**20


def stream_of(path: Path, data: bytes, names: tuple[str, ...]) -> bytes:
    """The first stream of one of these names. Raises DataError: damaged, or none is there."""
    try:
        return _stream(path, data, names)
    except (struct.error, IndexError) as error:
        raise damaged(path) from error


def _stream(path: Path, data: bytes, names: tuple[str, ...]) -> bytes:
    shift, small_shift = struct.unpack_from("<HH", data, 30)
    if shift not in (9, 12) or small_shift != 6:
        raise damaged(path)
    size = 1 << shift
    most = len(data) // size + 1
    first_directory, _, _, first_small, _, first_more, _ = struct.unpack_from("<7I", data, 48)
    fat_sectors = [s for s in struct.unpack_from("<109I", data, 76) if s < _FAT]
    seen = 0
    while first_more < _FAT and seen < most:  # places of more of the table
        more = struct.unpack_from(f"<{size // 4}I", data, (first_more + 1) * size)
        fat_sectors += [s for s in more[:-1] if s < _FAT]
        first_more, seen = more[-1], seen + 1
    fat: list[int] = []
    for sector in fat_sectors[:most]:
        fat += struct.unpack_from(f"<{size // 4}I", data, (sector + 1) * size)

    def chain(start: int, table: list[int], limit: int) -> Iterator[int]:
        for _ in range(limit):
            if start >= _FAT:
                return
            yield start
            start = table[start]
        raise damaged(path, "a chain without end")

    def content(start: int) -> bytes:
        return b"".join(data[(s + 1) * size : (s + 2) * size] for s in chain(start, fat, most))

    directory = content(first_directory)
    entries = [directory[at : at + 128] for at in range(0, len(directory) - 127, 128)]
    wanted = {name.encode("utf-16-le") + b"\0\0" for name in names}
    found = next((e for e in entries if e[66] == 2 and e[: min(64, struct.unpack_from("<H", e, 64)[0])] in wanted), None)
    if found is None or not entries:
        raise damaged(path, "no workbook inside")
    start, length = struct.unpack_from("<II", found, 116)
    if length >= _CUTOFF:
        return _whole(path, content(start), length)
    small = content(struct.unpack_from("<I", entries[0], 116)[0])
    table_bytes = content(first_small) if first_small < _FAT else b""
    table = list(struct.unpack(f"<{len(table_bytes) // 4}I", table_bytes))
    return _whole(path, b"".join(small[s * 64 : (s + 1) * 64] for s in chain(start, table, len(table) + 1)), length)


def _whole(path: Path, stream: bytes, length: int) -> bytes:
    if len(stream) < length:
        raise damaged(path, "its end is missing")
    return stream[:length]


def only_stream(path: Path, name: str, stream: bytes) -> bytes:
    """A file of this one stream. Raises DataError: it is larger than such a file is made here."""
    if len(stream) > _MOST_BYTES:
        raise damaged(path, "larger than an .xls can be")
    stream = stream.ljust(_CUTOFF, b"\0")
    num = -(-len(stream) // _SECTOR)
    num_fat = 1
    while num_fat * (_SECTOR // 4) < num + 2 + num_fat:
        num_fat += 1
    # the stream, its directory, a place for small streams (the reader wants one), the table of sectors
    fat = [*range(1, num), _END, _END, _END, *[_FAT] * num_fat]
    fat += [_FREE] * (num_fat * (_SECTOR // 4) - len(fat))
    places = [*range(num + 2, num + 2 + num_fat), *[_FREE] * (109 - num_fat)]
    head = struct.pack("<8s16x5H6x", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 4, 0xFFFE, 12, 6)
    head += struct.pack("<9I", 1, num_fat, num, 0, _CUTOFF, _END, 0, _END, 0) + struct.pack("<109I", *places)
    directory = _entry("Root Entry", 5, 1, num + 1, 64) + _entry(name, 2, _FREE, 0, len(stream))
    directory += (_entry("", 0, _FREE, 0, 0)) * ((_SECTOR - len(directory)) // 128)
    body = stream.ljust(num * _SECTOR, b"\0") + directory + bytes(_SECTOR) + struct.pack(f"<{len(fat)}I", *fat)
    return head.ljust(_SECTOR, b"\0") + body


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    words = name.encode("utf-16-le")
    length = len(words) + 2 if name else 0
    return words.ljust(64, b"\0") + struct.pack("<HBB3I36xIQ", length, kind, 1, _FREE, _FREE, child, start, size)

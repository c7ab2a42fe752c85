"""Files that are packed as a whole: their first bytes, and all they unpack to, up to the memory that is free."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import zlib
from pathlib import Path
from typing import IO, Any, cast

from sdl_cli.errors import DataError
from sdl_cli.settings.machine import available_bytes

_BLOCK_BYTES = 2**20
_HEAD_BYTES = 64  # that are unpacked at once to look at the beginning
_XZ_MEMORY_BYTES = 2**28  # that unpacking may take for its dictionary
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)


def is_packed(head: bytes) -> bool:
    return head.startswith(_MAGIC)


def unpacked_head(path: Path, head: bytes, num_bytes: int = 4096) -> bytes:
    """The first bytes of a file, or of what is packed in it, as far as it is not damaged."""
    if not is_packed(head):
        return head
    found = b""
    with contextlib.suppress(*_DAMAGED), path.open("rb") as raw, _opened(raw, head) as file:
        while len(found) < num_bytes and (more := file.read(_HEAD_BYTES)):
            found += more
    return found


def unpacked(path: Path, most_ratio: int, what: str) -> bytes:
    """All that a file holds, unpacked where it is gzip, bzip2 or xz.

    Arguments:
        most_ratio: of the memory that it takes once read to its unpacked size: what would not fit is refused. what: its format.
    Raises DataError: damaged, or too large for the memory that is free.
    """
    free, parts, size = available_bytes(), [], 0
    try:
        with path.open("rb") as raw:
            head = raw.read(8)
            raw.seek(0)
            with _opened(raw, head) if is_packed(head) else raw as file:
                while block := file.read(_BLOCK_BYTES):
                    size += len(block)
                    if size * most_ratio > free:
                        message = f"{path}: unpacked, it takes more than the {free / 2**30:.1f} GB of memory that are free."
                        raise DataError(message, "Give fewer rows or columns.")
                    parts.append(block)
    except _DAMAGED as error:
        raise DataError(f"{path}: a damaged {what} file: it cannot be unpacked.", "Copy or save it again.") from error
    return b"".join(parts)


def _opened(raw: IO[bytes], head: bytes) -> IO[bytes]:
    if head.startswith(_MAGIC[0]):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if head.startswith(_MAGIC[1]):
        return cast(IO[bytes], bz2.BZ2File(raw))
    limited: Any = _LimitedXz(raw)
    return cast(IO[bytes], limited)


class _LimitedXz:
    """What an xz file holds, with a bound on the memory that its dictionary may take."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._unpacker = raw, lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)

    def read(self, num_bytes: int) -> bytes:
        while not self._unpacker.eof:
            more = self._raw.read(_BLOCK_BYTES) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not more:
                raise EOFError("cut short")
            if block := self._unpacker.decompress(more, num_bytes):
                return block
        return b""

    def __enter__(self) -> _LimitedXz:
        return self

    def __exit__(self, *_: object) -> None:
        return

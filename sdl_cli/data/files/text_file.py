"""Open a text file: check that it is text, detect its encoding, and unpack gzip on the fly."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import typed_path
from sdl_cli.phrases import shortened
from sdl_cli.settings.machine import available_bytes
from sdl_cli.settings.parse import suggest

_MEMORY_RATIO = 8  # of the cells of a table in memory to the same as text
_MAX_UNPACKED_BYTES = 2**29  # below this a gzip file may be packed as tightly as it likes
_MAX_UNPACKED_RATIO = 250  # real tables shrink 3 to 50 times; a zip bomb about 1000 times
_BLOCK_BYTES = 2**20
_TEXT_CONTROLS = b"\t\n\v\f\r\x1a\x1b"
_CONTROLS = bytes(set(range(1, 32)) - set(_TEXT_CONTROLS)) + b"\x7f"  # zero bytes are looked for on their own
_UNUSED_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"
SAVE_AS_TEXT = "Save the table as CSV (text, UTF-8)."
_FEWER = "Give fewer rows or columns; sdl predict takes files of any length."
_UNPACK = "Unpack it and give the path of the table inside."
_MAGIC = (  # first bytes, what they are, what to do
    (b"PK\x03\x04", "an Excel workbook or a zip archive", "Save the sheet as CSV, or unpack the archive."),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "Save the sheet as CSV."),
    (b"\x1f\x8b", "a gzip file inside a gzip file", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"Rar!", "a rar archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"PAR1", "a Parquet file", SAVE_AS_TEXT),
    (b"\x93NUMPY", "a NumPy array", "Save it with np.savez and choose dataset=npz."),
    (b"%PDF", "a PDF file", SAVE_AS_TEXT),
    (b"\x89PNG", "an image", "For a folder of photos choose dataset=image_folder."),
    (b"\xff\xd8\xff", "an image", "For a folder of photos choose dataset=image_folder."),
    (b"SQLite format 3", "a database", SAVE_AS_TEXT),
)
_BYTE_ORDER_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def existing_file(
    path: str | Path, key: str = "dataset.path", kind: str = "a table", example: str = "a text file, such as a .csv"
) -> Path:
    """The path of a regular file that can be opened.

    Arguments:
        path: as typed; a leading `~` is the home folder. key, kind, example: its setting or nothing, and what it must be.
    Raises DataError: there is no such file, it is a folder or something else, or it may not be read.
    """
    shown = f"{key}: " if key else ""
    try:
        file = typed_path(str(path))
        if file.is_dir():
            raise DataError(f"{shown}{file} is a folder, not {kind}.", f"Give the path of {example}.")
        if not file.exists():
            near = suggest(file.name, [p.name for p in file.parent.iterdir()]).strip() if file.parent.is_dir() else ""
            raise DataError(f"{shown}{file} does not exist.", near or f"Give the path of {example}.")
        if not file.is_file():
            raise DataError(f"{shown}{file} is not a regular file.", "It is read more than once: save it to a file first.")
        with file.open("rb"):
            return file
    except PermissionError as error:
        raise DataError(f"{shown}{path}: no permission to read it.") from error
    except (OSError, ValueError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ENAMETOOLONG:
            name = shortened(max(Path(path).parts, key=len))
            raise DataError(
                f"{shown}{name}: this file name is too long (at most 255 characters).", "Use a shorter one."
            ) from error
        raise DataError(f"{shown}{str(path)[:200]!r} cannot be opened.", f"Give the path of {example}.") from error


def open_bytes(path: Path) -> IO[bytes]:
    """The content of a file as a stream of bytes, unpacked where it is gzip, whatever its name.

    Raises DataError: it may not be read; while reading: it is damaged, or unpacks to a size that no table has.
    """
    try:
        raw = path.open("rb")
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    return io.BufferedReader(_Unpacked(path, raw), _BLOCK_BYTES) if packed else raw


def check_memory(path: Path, ratio: int = _MEMORY_RATIO, held_as: str = "a table", hint: str = _FEWER) -> None:
    """Raise DataError where the content of a text file, all held at once, would not fit into memory.

    What gzip unpacks to is counted first, a block at a time: the size stated in the file is not trusted.

    Arguments:
        ratio: of what is held in memory to the text. held_as, hint: what that is, and what to do, for the message.
    """
    with open_bytes(path) as file:
        plain = not isinstance(file.raw, _Unpacked)  # type: ignore[attr-defined]
        size = path.stat().st_size if plain else sum(len(block) for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
    needed, free = size * ratio, available_bytes()
    if needed > free:
        raise DataError(
            f"{path}: {'holds' if plain else 'unpacks to'} {size / 2**30:.1f} GB, which takes about {needed / 2**30:.0f} GB as "
            f"{held_as}, and {free / 2**30:.0f} GB of memory are free.",
            hint,
        )


class _Unpacked(io.RawIOBase):
    """What a gzip file holds, up to a size."""

    def __init__(self, path: Path, raw: IO[bytes]) -> None:
        self._path, self._raw, self._file = path, raw, gzip.GzipFile(fileobj=raw)
        self._num_bytes = 0
        self._limit = max(_MAX_UNPACKED_BYTES, _MAX_UNPACKED_RATIO * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self._path}: a damaged gzip file.", "Copy or pack it again.") from error
        self._num_bytes += len(data)
        if self._num_bytes > self._limit:
            raise DataError(
                f"{self._path}: this gzip file unpacks to more than {self._limit // 2**20} MiB, "
                f"over {_MAX_UNPACKED_RATIO} times its size.",
                "If that is right, unpack it first (gunzip).",
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        self._raw.close()
        super().close()


def find_encoding(path: Path, asked: str | None, key: str) -> tuple[str, tuple[str, ...]]:
    """The encoding of a text file, found by decoding all of it, and what a user should know of it.

    Arguments:
        asked: a codec's name that the user gave, or None. key: the setting that names it, for messages.
    Raises:
        ConfigError: there is no such encoding.
        DataError: not text, or not in the encoding that was asked for.
    """
    with open_bytes(path) as file:
        head = file.read(_BLOCK_BYTES)
        if not head:
            raise DataError(f"{path}: the file is empty.", "Give a file with a header and rows.")
        marked = next((name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), None)
        encoding = _known_encoding(asked, marked, key) if asked else marked or "utf-8"
        for magic, what, hint in _MAGIC:
            if head.startswith(magic):
                raise DataError(f"{path}: not a text file but {what}.", hint)
        num_controls = len(head) - len(head.translate(None, _CONTROLS))
        if num_controls > max(3, 0.01 * len(head)) and not encoding.startswith(("utf-16", "utf-32")):
            raise DataError(f"{path}: not a text file.", SAVE_AS_TEXT)
        blocks = chain([head], iter(partial(file.read, _BLOCK_BYTES), b""), [b""])  # the empty one says that it is the end
        return _decode_all(path, encoding, blocks, asked is None and marked is None, key)


def _known_encoding(asked: str, marked: str | None, key: str) -> str:
    try:
        name = codecs.lookup(asked).name
        if "escape" in name or codecs.getincrementaldecoder(name)().decode("a,1\n".encode(name), True) != "a,1\n":
            raise LookupError(name)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{key}: no text encoding is called {asked[:40]!r}.", "Try utf-8, cp1252, latin-1 or utf-16."
        ) from error
    return "utf-8-sig" if name == "utf-8" and marked == "utf-8-sig" else name


def _decode_all(path: Path, encoding: str, blocks: Iterator[bytes], detect: bool, key: str) -> tuple[str, tuple[str, ...]]:
    decoder = codecs.getincrementaldecoder(encoding)()
    num_lines, wide, western, unused = 1, False, False, False
    for block in blocks:
        if b"\0" in block and not encoding.startswith(("utf-16", "utf-32")):
            line = num_lines + _count_line_ends(block[: block.index(b"\0")])
            hint = f"If it is text in UTF-16, set {key}=utf-16-le." if detect else ""
            raise DataError(f"{path}: not a text file: line {line} holds a zero byte.", f"{SAVE_AS_TEXT} {hint}".strip())
        unused |= any(byte in block for byte in _UNUSED_IN_CP1252)
        try:
            if not western:
                wide |= not decoder.decode(block, final=not block).isascii()  # a letter cut at the end of a block is not yet one
        except UnicodeError as error:
            good = block[: getattr(error, "start", 0)]
            if not detect or wide or not good.isascii():
                line = num_lines + _count_line_ends(good)
                hint = f"Save it as UTF-8, or set {key} to the encoding it has, such as cp1252."
                raise DataError(f"{path}: line {line} is not valid {encoding}: damaged, or mixed encodings.", hint) from error
            western = True
        num_lines += _count_line_ends(block)
    if not western:
        return encoding, ()
    encoding = "latin-1" if unused else "cp1252"
    return encoding, (f"Read as {encoding} (Western European), as it is not UTF-8: set {key} if letters look wrong.",)


def _count_line_ends(block: bytes) -> int:
    return block.count(b"\n") or block.count(b"\r")

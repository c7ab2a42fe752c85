"""What a file is that may be a workbook, and its parts: sizes are compared with the free memory before they are unpacked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from sdl_cli.errors import DataError
from sdl_cli.settings.machine import available_bytes

Kind = Literal["xlsx", "xlsb", "xls", "ods", "encrypted", "page"]
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ODS = (b"application/vnd.oasis.opendocument.spreadsheet", b"application/vnd.oasis.opendocument.spreadsheet-template")
_MOST_PARTS = 20_000
_BLOCK_BYTES = 2**20
_MEMORY_RATIO = 2  # of a part while it is unpacked, checked and handed on, to its size
_READABLE = "In Excel: File > Info > Protect Workbook > Encrypt with Password, empty the password and save."


def kind_of(head: bytes, path: Path) -> Kind | None:
    """Which workbook a file is by its content, or None where it is none.

    Arguments:
        head: its first bytes, at least 8.
    """
    if head.startswith(_OLE):
        return _kind_of_ole(path)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if path.suffix.lower() == ".xls" and start.startswith((b"<html", b"<!doctype html", b"<table", b"<?xml")):
        return "page"
    if not head.startswith(_ZIP):
        return None
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
            if "mimetype" in names and file.getinfo("mimetype").file_size < 200 and file.read("mimetype").strip() in _ODS:
                return "ods"
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, NotImplementedError):
        workbook = b"[Content_Types].xml" in head or path.suffix.lower() in (".xlsx", ".xlsm", ".ods", ".xlsb")
        return "xlsx" if workbook else None  # damaged: said when it is read
    if "xl/workbook.bin" in names:
        return "xlsb"
    return "xlsx" if "xl/workbook.xml" in names or ("[Content_Types].xml" in names and _in_xl(names)) else None


def _in_xl(names: Collection[str]) -> bool:
    return any(name.lower().startswith("xl/") for name in names)


def _kind_of_ole(path: Path) -> Kind | None:
    """An old workbook, an encrypted one, or another of Office's files, by the names of the streams inside."""
    try:
        with path.open("rb") as file:
            found = _streams(file.read(2**28))
    except OSError:
        return None
    if "EncryptedPackage" in found:
        return "encrypted"
    return "xls" if found & {"Workbook", "WORKBOOK", "Book", "BOOK"} else None


def _streams(data: bytes) -> set[str]:
    """Names of streams that may stand in the directory: searched for, since a damaged one cannot be followed."""
    names = ("EncryptedPackage", "Workbook", "WORKBOOK", "Book", "BOOK")
    return {name for name in names if f"{name}\0".encode("utf-16-le") in data}


class Parts:
    """The parts of a zipped workbook; each is unpacked to at most the size that was compared with the free memory.

    Raises DataError (on opening): damaged, encrypted, a name twice, more than memory holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = zipfile.ZipFile(path)  # noqa: SIM115  closed by `__exit__`
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise damaged(path) from error
        infos = self._file.infolist()
        self.names = {info.filename for info in infos}
        if len(self.names) < len(infos) or len(infos) > _MOST_PARTS:
            raise damaged(path, "parts that cannot be told apart")
        if any(info.flag_bits & 1 for info in infos):
            raise encrypted(path)

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def read(self, name: str, most: int | None = None) -> bytes:
        """A part, unpacked.

        Arguments:
            most: bytes that it may have; None compares it with the free memory.
        Raises DataError: no such part, damaged, or too large.
        """
        try:
            info = self._file.getinfo(name)
            free = available_bytes()
            if _MEMORY_RATIO * info.file_size > free or (most is not None and info.file_size > most):
                raise too_large(self.path, f"its part {name} unpacks to {info.file_size / 2**30:.1f} GB", free)
            blocks, size = [], 0
            with self._file.open(info) as part:
                while block := part.read(_BLOCK_BYTES):
                    size += len(block)
                    if size > info.file_size:
                        raise damaged(self.path, f"the part {name} is larger than it says")
                    blocks.append(block)
        except (
            OSError,
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            KeyError,
            RuntimeError,
            ValueError,
            NotImplementedError,
        ) as error:
            raise damaged(self.path, f"the part {name}") from error
        return b"".join(blocks)


def damaged(path: Path, what: str = "") -> DataError:
    return DataError(
        f"{path}: this workbook is damaged{f' ({what})' if what else ''}.", "Open it, save it again, or export it as CSV."
    )


def encrypted(path: Path) -> DataError:
    return DataError(f"{path}: this workbook is encrypted.", f"{_READABLE} Or save the sheet as CSV.")


def too_large(path: Path, what: str, free: int) -> DataError:
    message = f"{path}: {what}, more than the {free / 2**30:.1f} GB of memory that are free can hold."
    return DataError(message, "Delete rows and columns that are not needed, or save the sheet as CSV.")

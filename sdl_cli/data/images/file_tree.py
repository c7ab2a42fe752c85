"""Image files below a folder or in a zip archive, by their names, each read only up to the size that a drawing may have."""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.errors import DataError
from sdl_cli.files import read_guarded

_MOST_BYTES = 2**24  # of one file, unpacked
_MOST_FILES = 200_000
_SYSTEM = ("__MACOSX", ".")  # how names begin that an operating system has left there


@dataclass(frozen=True)
class FileTree:
    """Names of files, with / between folders, and how to read one of them.

    Arguments:
        where: the folder or archive, for messages.
        names: sorted.
        read: gives the bytes of a name. Raises DataError: a file that is damaged, or too large for a drawing.
    """

    where: Path
    names: tuple[str, ...]
    read: Callable[[str], bytes]


@contextlib.contextmanager
def open_tree(path: Path) -> Iterator[FileTree]:
    """The files below a folder, or in a `.zip` archive, which is never unpacked to disk.

    Raises DataError: no such file or folder, a damaged archive, or more files than a data set of drawings has.
    """
    if path.is_dir():
        yield _checked(FileTree(path, tuple(sorted(_walk(path))), lambda name: read_guarded(path / name, _MOST_BYTES)))
        return
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist.", "Give the folder or the zip archive as it was published.") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: neither a folder nor a zip archive that can be read.") from error
    with archive:
        yield _checked(FileTree(path, tuple(sorted(filter(_is_own, archive.namelist()))), lambda name: _unpacked(archive, name)))


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(_SYSTEM)]
        yield from (name for file in files if _is_own(name := Path(here, file).relative_to(folder).as_posix()))


def _is_own(name: str) -> bool:
    return not name.endswith("/") and not any(part.startswith(_SYSTEM) for part in name.split("/"))


def _checked(tree: FileTree) -> FileTree:
    if len(tree.names) > _MOST_FILES:
        raise DataError(f"{tree.where}: {len(tree.names):,} files, more than the {_MOST_FILES:,} that are read at most.")
    return tree


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of an archive; what it says of its size is compared before memory is taken, and then held to."""
    where = f"{archive.filename}: {name}"
    try:
        if archive.getinfo(name).file_size > _MOST_BYTES:
            raise DataError(f"{where} has more than the {_MOST_BYTES / 2**20:.0f} MB that are read of one file.")
        with archive.open(name) as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{where} is damaged, or packed in a way that cannot be read.", "Download the archive again.") from error
    if len(content) > _MOST_BYTES:
        raise DataError(f"{where} has more than the {_MOST_BYTES / 2**20:.0f} MB that are read of one file.")
    return content

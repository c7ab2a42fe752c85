"""Writing files so that a reader sees all of one or none, and where the caches live."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sdl_cli.errors import DataError, StorageError


def write_atomic(path: Path, write: bytes | str | Callable[[IO[bytes]], object]) -> None:
    """Write `path` under a temporary name, fsync it and rename it into place.

    Arguments:
        path: the final name; its folder must exist.
        write: the content, or a function that writes it to an open binary file.
    Raises:
        DataError: the disk is full or the folder cannot be written to; nothing is left behind.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            if callable(write):
                write(file)
            else:
                # surrogateescape: a file name that is not valid text is written as the bytes it is
                file.write(write.encode("utf-8", "surrogateescape") if isinstance(write, str) else write)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def typed_path(text: str) -> Path:
    """A path as typed: a leading `~` is the home folder, unless something here has that very name."""
    path = Path(text)
    if not text.startswith("~"):
        return path
    if path.exists():
        return path.absolute()
    try:
        return path.expanduser()
    except RuntimeError:  # no such user: it is a plain name
        return path.absolute()


def make_folder(path: Path) -> None:
    """Make `path` and its parents; a DataError says why it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> DataError:
    """The user's version of an OSError met while writing `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{path}: the disk is full.", "Free some space, or write elsewhere: hydra.run.dir=/other/disk/run")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DataError(f"{path}: no permission to write here.", "Write elsewhere: hydra.run.dir=~/sdl_runs/my_run")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return DataError(f"{path}: a file stands where a folder is needed.", "Move it away, or choose another folder.")
    return DataError(f"{path}: cannot be written: {error.strerror or error}.")


def cache_folder(name: str) -> Path:
    """The folder for cache `name`, made if needed: under $SDL_CACHE, else $XDG_CACHE_HOME/sdl, else ~/.cache/sdl."""
    if "SDL_CACHE" in os.environ:
        root = Path(os.environ["SDL_CACHE"]).expanduser()
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sdl"
    folder = root / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: the cache folder cannot be made: {error.strerror or error}.",
            "Set SDL_CACHE to a folder that can be written to.",
        ) from error
    return folder


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Writing files so that a reader sees all of one or none, and where the caches live."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import tempfile
from collections.abc import Callable, Sequence
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


def write_new(path: Path, text: str) -> bool:
    """Write `path` whole, unless something has that name already; whether it was written.

    A reader never sees a part of it, and of several that write at once one alone succeeds.

    Raises:
        DataError: as `write_atomic`.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                Path(temporary).replace(path)
        finally:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
    except FileExistsError:
        return False
    except OSError as error:
        raise unwritable(path, error) from error
    return True


def sweep_temporary(folder: Path, patterns: Sequence[str]) -> int:
    """Remove what was left below a folder where writing a file of these names was killed; how many files that were.

    Arguments:
        folder: nothing else may be writing there.
        patterns: of final names; links are not followed.
    """
    count = 0
    for here, _, names in os.walk(folder):
        for name in names:
            stem, _, random = name.removeprefix(".").rpartition(".")
            if name.startswith(".") and len(random) == 8 and any(fnmatch.fnmatch(stem, pattern) for pattern in patterns):
                with contextlib.suppress(OSError):
                    Path(here, name).unlink()
                    count += 1
    return count


def typed_path(text: str) -> Path:
    """A path as typed: a leading `~` is the home folder, unless something here has that very name."""
    path = Path(text)
    if not text.startswith("~"):
        return path
    try:
        return path.absolute() if path.exists() else path.expanduser()
    except (RuntimeError, OSError):  # no such user: it is a plain name
        return path.absolute()


def is_there(text: str | Path) -> bool:
    """Whether something has this path, as typed; a text that can be no path has nothing."""
    try:
        return typed_path(str(text)).exists()
    except (OSError, ValueError):
        return False


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

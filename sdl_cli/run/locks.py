"""One process at a time in a run folder: a lock that ends with its process in any case."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from sdl_cli.errors import DataError

FILE = ".lock"
_held: dict[Path, tuple[int, int]] = {}  # folder -> file descriptor, process: a fork holds nothing


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process, as `hold` does; within it, both do nothing more for the same folder."""
    is_first = not is_held(folder)
    hold(folder)
    try:
        yield
    finally:
        if is_first:
            release(folder)


def hold(folder: Path) -> None:
    """Hold a folder until `release`, or the end of this process. Raises DataError with host and id of one that holds it."""
    # a file system without locks, or a folder that cannot be written to, is used as if nobody else used it
    if is_held(folder):
        return
    try:
        import fcntl
    except ImportError:  # Windows
        return
    path = folder / FILE
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        except OSError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = os.read(descriptor, 200).decode("utf-8", "replace")
            os.close(descriptor)
            raise _taken(folder, who) from error
        except OSError:
            os.close(descriptor)
            return
        if _is_there_still(descriptor, path):
            break
        os.close(descriptor)  # its holder took it away a moment ago
    with contextlib.suppress(OSError):  # a full disk: the lock holds without the name
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {platform.node()}".encode())
    _held[folder.absolute()] = descriptor, os.getpid()


def release(folder: Path) -> None:
    """Release a folder; does nothing if this process does not hold it."""
    if not is_held(folder):
        return
    descriptor, _ = _held.pop(folder.absolute())
    with contextlib.suppress(OSError):
        (folder / FILE).unlink()
    os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether this process holds the folder."""
    return _held.get(folder.absolute(), (0, 0))[1] == os.getpid()


def _is_there_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116
    except OSError:
        return False


def _taken(folder: Path, who: str) -> DataError:
    pid, _, host = who.partition(" ")
    named = f"process {pid} on {host}" if pid.isdecimal() and host.isprintable() and host else "another process"
    return DataError(f"{folder}: {named} is at it already.", "Wait until it has ended, or end it first.")

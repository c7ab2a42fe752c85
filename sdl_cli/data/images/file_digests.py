"""One digest of many files, with a cache: a file is re-read only if its size, times or inode have changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sdl_cli.errors import DataError
from sdl_cli.files import cache_folder, write_atomic
from sdl_cli.settings.machine import available_cores

_FORMAT = 1
# A change within one tick of a file system's clock (up to 2 s) leaves the times as they are, so what was changed this
# recently is not remembered. The status-change time is what catches new content under an old modification time.
_SETTLED_NS = 3 * 10**9

Stamp = list[int]


def files_digest(files: Sequence[Path], names: Sequence[str], source: Path) -> str:
    """sha256 over the names and bytes of `files`, in order; an unreadable file counts as such.

    Arguments:
        files, names: any of them more than once, and what to call each in the digest, so that a renamed file is noticed.
        source: the folder or table that lists them; digests are remembered for each source by itself.
    """
    memory = cache_folder("digests") / f"{hashlib.sha256(os.fsencode(source)).hexdigest()}.json"
    known = _read(memory)
    started = time.time_ns()
    stamps = {path: _stamp(path) for path in dict.fromkeys(map(os.fspath, files))}
    found = {path: known[path] for path, stamp in stamps.items() if stamp is not None and known.get(path, [])[:4] == stamp}
    unknown = [path for path, stamp in stamps.items() if stamp is not None and path not in found]
    with ThreadPoolExecutor(available_cores()) as pool:
        hashed = dict(zip(unknown, pool.map(_hash, unknown), strict=True))
    contents = {path: str(entry[4]) for path, entry in found.items()} | hashed
    for path in unknown:
        stamp = stamps[path]
        if stamp is not None and max(stamp[1:3]) < started - _SETTLED_NS:
            found[path] = [*stamp, contents[path]]
    if found != known:
        with contextlib.suppress(DataError):  # nothing is lost but the time to read the files again
            write_atomic(memory, json.dumps({"format": _FORMAT, "files": found}))
    whole = hashlib.sha256()
    for path, name in zip(map(os.fspath, files), names, strict=True):
        whole.update(json.dumps([name, contents.get(path, "unreadable")]).encode())
    return whole.hexdigest()


def _stamp(path: str) -> Stamp | None:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait forever
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _hash(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        return f"unreadable {getattr(error, 'errno', None)}"


def _read(memory: Path) -> dict[str, list[int | str]]:
    """What is remembered, or nothing where there is no such file or it is damaged."""
    try:
        stored = json.loads(memory.read_text(encoding="utf-8"))
        whole = stored["format"] == _FORMAT and all(
            isinstance(entry, list) and len(entry) == 5 and isinstance(entry[4], str) for entry in stored["files"].values()
        )
        return dict(stored["files"]) if whole else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}

"""Writing files whole or not at all, reading those that a stranger may have written, and where the caches live."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sdl_cli.errors import DataError, StorageError

MOST_JSON_BYTES, MOST_YAML_BYTES = 64 << 20, 256 << 10
# brackets, commas and items: a value's size in memory is unrelated to its size in the file
MOST_JSON_VALUES, MOST_YAML_VALUES = 4_000_000, 100_000
_MOST_DEPTH = 64
_MOST_NUMBER, _YAML_NUMBERS = 400, ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# libyaml is ten times as fast but overflows the stack at tens of thousands of levels; suspicious files go to the Python loader
_SAFE_YAML_DEPTH = 8_000


def write_atomic(path: Path, write: bytes | str | Callable[[IO[bytes]], object]) -> None:
    """Write `path` under a temporary name, fsync it and rename it into place.

    A device or a pipe, such as /dev/null, is written to as it is: a file in its place would take it away from everyone.

    Arguments:
        path: the final name; its folder must exist.
        write: the content, or a function that writes it to an open binary file.
    Raises:
        DataError: the disk is full or the folder cannot be written to; nothing is left behind.
    """
    names_stream = path.is_symlink() and path.absolute().parts[1:2] in (("dev",), ("proc",))  # /dev/stdout, whatever it is
    if path.exists() and (names_stream or not path.is_file()):
        try:
            with path.open("wb") as file:
                _write(file, write)
        except OSError as error:
            raise unwritable(path, error) from error
        return
    with _written_beside(path, write) as temporary:
        temporary.replace(path)


def _write(file: IO[bytes], write: bytes | str | Callable[[IO[bytes]], object]) -> None:
    if callable(write):
        write(file)
    else:
        # surrogateescape: a file name that is not valid text is written as the bytes it is
        file.write(write.encode("utf-8", "surrogateescape") if isinstance(write, str) else write)


def write_new(path: Path, text: str) -> bool:
    """Write `path` whole, unless something has that name already; returns whether it was written.

    A reader never sees part of it, and only one of several simultaneous writers succeeds. Raises DataError as `write_atomic`.
    """
    with _written_beside(path, text) as temporary, contextlib.suppress(FileExistsError):
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            temporary.replace(path)
        return True
    return False


@contextlib.contextmanager
def _written_beside(path: Path, write: bytes | str | Callable[[IO[bytes]], object]) -> Iterator[Path]:
    """The content of `path` in a temporary file beside it, complete and synced; the file is gone afterwards unless renamed."""
    import tempfile  # it imports much, and completion only reads

    temporary = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            _write(file, write)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        yield temporary
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def read_guarded(path: str | Path, most_bytes: int, within: str | Path | None = None) -> bytes:
    """Read a regular file after checking its size.

    Arguments:
        within: the folder that the file must lie in, links followed.
    Raises:
        FileNotFoundError: there is none. DataError: it is a pipe, a device, a folder, too large, or elsewhere.
    """
    if within is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(within)):
        raise DataError(f"{path}: this is a link, and sdl does not follow links.", "Replace it with the file itself.")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise DataError(f"{path}: this is not a regular file.")
        if found.st_size > most_bytes:
            size, most = found.st_size / 2**20, most_bytes / 2**20
            raise DataError(f"{path}: is {size:,.1f} MB, but sdl reads at most {most:,.1f} MB.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(found.st_size + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    finally:
        os.close(descriptor)


def plain_json(content: bytes) -> Any:
    """Parse JSON text. Raises ValueError if it is invalid or has more values than any file of sdl."""
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MOST_JSON_VALUES:
        raise ValueError("it has too many values")
    try:
        return json.loads(content.decode("utf-8", "surrogateescape"))
    except (RecursionError, MemoryError) as error:
        raise ValueError("its values are nested too deep") from error


def plain_yaml(content: bytes) -> Any:
    """The plain values of a YAML text: no tags, no merge keys, limited in depth and number; aliases are followed.

    Raises ValueError if it is invalid, or larger than any settings.
    """
    import yaml

    # each level takes a bracket, or a column more than the one around it
    deepest = content.count(b"[") + content.count(b"{") + max(map(len, content.splitlines()), default=0)
    # it rejects lone surrogates, which stand for bytes of file names that are not text
    quick = deepest <= _SAFE_YAML_DEPTH and re.search(rb"\\u[dD][89a-fA-F]", content) is None
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if quick else yaml.SafeLoader

    class Loader(base):  # type: ignore[misc, valid-type]
        def flatten_mapping(self, node: Any) -> None:  # merges of merges grow without end
            if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
                raise yaml.YAMLError("merge keys are not allowed here")

        def construct_scalar(self, node: Any) -> Any:
            if len(node.value) > _MOST_NUMBER and node.tag in _YAML_NUMBERS:  # 1:59:59 and so on is a number too
                raise yaml.YAMLError("a number has too many digits")
            return super().construct_scalar(node)

    try:
        values = yaml.load(content.decode("utf-8", "surrogateescape"), Loader=Loader)  # noqa: S506  # a safe loader
    except (yaml.YAMLError, RecursionError, MemoryError, TypeError, AttributeError) as error:
        raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from error
    if _size(values, {}, 0) > MOST_YAML_VALUES:
        raise ValueError("it has too many values")
    return values


def _size(value: Any, known: dict[int, int], depth: int) -> int:
    """Number of values met by walking through `value`; the target of an alias counts each time."""
    if not isinstance(value, (dict, list, tuple, set)):
        return 1
    if depth > _MOST_DEPTH:
        raise ValueError("its values are nested too deep")
    if id(value) not in known:
        known[id(value)] = MOST_YAML_VALUES + 1  # a value that contains itself never ends
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(item, known, depth + 1) for item in inner)
    return known[id(value)]


def sweep_temporary(folder: Path, patterns: Sequence[str]) -> int:
    """Remove files below `folder` left by killed writers of these names (patterns); returns how many.

    Nothing else may be writing there. Links are not followed.
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
    """A path as typed: a leading `~` is the home folder, unless a file here has exactly that name."""
    path = Path(text)
    if not text.startswith("~"):
        return path
    try:
        return path.absolute() if path.exists() else path.expanduser()
    except (RuntimeError, OSError):  # no such user: it is a plain name
        return path.absolute()


def is_there(text: str | Path) -> bool:
    """Whether something has this path, as typed; text that cannot be a path names nothing."""
    try:
        return typed_path(str(text)).exists()
    except (OSError, ValueError):
        return False


def make_folder(path: Path) -> None:
    """Create `path` and its parents; raises DataError with the reason."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> DataError:
    """Turn an OSError from writing `path` into a user error."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{path}: the disk is full.", "Free some space, or write elsewhere: hydra.run.dir=/other/disk/run")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DataError(f"{path}: no permission to write here.", "Write elsewhere: hydra.run.dir=~/sdl_runs/my_run")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return DataError(f"{path}: a file is in the way of a folder.", "Move it away, or choose another folder.")
    return DataError(f"{path}: cannot be written: {error.strerror or error}.")


def cache_folder(name: str) -> Path:
    """The folder for cache `name`, created if needed: under $SDL_CACHE, or $XDG_CACHE_HOME/sdl, or ~/.cache/sdl."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "sdl")
    folder = Path(os.environ.get("SDL_CACHE", usual)).expanduser() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{folder}: the cache folder cannot be created: {error.strerror or error}."
        raise DataError(why, "Set SDL_CACHE to a writable folder.") from error
    return folder

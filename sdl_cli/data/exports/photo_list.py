"""A labelling tool's export as one list of photos: where each is said to be, its labels, and in which part it stands."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdl_cli.data.images.versions import source_of
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, printable, shortened

_EXACT = 2**53  # below this a whole number is exact as a float


@dataclass(frozen=True)
class Kind:
    """One kind of label that a tool gives.

    Arguments:
        name: what the tool or its user calls it. of: what it belongs to (`image`, `box`), said where a name is used for both.
        is_main: it can be what is predicted without being named.
        is_text: its values are names of classes, whatever they look like: 01 is not 1.
    """

    name: str
    of: str = "image"
    is_main: bool = field(default=True, compare=False)
    is_text: bool = field(default=True, compare=False)


@dataclass
class Photo:
    """One photo of an export.

    Arguments:
        path: as the tool writes it. place: where its entry stands, such as `line 3` or `image 3`, for messages.
        labels: by kind the different labels, in the order of the file. details: other facts that the tool keeps of it.
        part: train, validation or test, where the export says so.
    """

    path: str
    place: str
    labels: dict[Kind, dict[str, None]] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    part: str | None = None

    def add(self, kind: Kind, value: object) -> bool:
        """Note a label; nothing where the value is none. Returns whether it was one."""
        word = as_text(value)
        if not word:
            return False
        self.labels.setdefault(kind, {})[word] = None
        return True


@dataclass
class Export:
    """What one file of an export holds.

    Arguments:
        tool: its name. file: the file. photos: each image once. folders: below the file's folder, where the tool puts images.
        num_bare: boxes and other shapes without a label. twice: how many entries were of an image that stood there before.
        prefixed: names of images may begin with eight digits that the tool put there.
    """

    tool: str
    file: Path
    photos: list[Photo] = field(default_factory=list)
    folders: tuple[str, ...] = ("", "images")
    num_bare: int = 0
    twice: int = 0
    prefixed: bool = False
    notes: list[str] = field(default_factory=list)
    _by_path: dict[str, Photo] = field(default_factory=dict, repr=False)

    def photo(self, path: object, place: str, once: bool = True) -> Photo:
        """The photo of a path, a new one where it was not listed before.

        Arguments:
            once: each image has one entry, so that a second one is counted.
        Raises DataError: the path is no text.
        """
        if not isinstance(path, str) or not path.strip():
            raise DataError(f"{self.file} ({self.tool}), {place}: there is no path of an image.", "Export it again.")
        name = as_text(path)
        key = normal_path(name)
        known = self._by_path.get(key)
        if known is None:
            source = source_of(name)
            known = self._by_path[key] = Photo(name, place, details={} if source is None else {"source": source})
            self.photos.append(known)
        elif once:
            self.twice += 1
        return known

    def kinds(self) -> list[Kind]:
        """The kinds of labels that stand in it, in their order."""
        return list(dict.fromkeys(kind for photo in self.photos for kind in photo.labels))


def as_text(value: object) -> str:
    """A value as text in one line: whole numbers without a fraction, true and false in small letters, nothing for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    text = value if isinstance(value, str) else repr(value) if isinstance(value, (int, float)) else ""
    return printable(text.encode("utf-8", "replace").decode("utf-8").strip())  # half a letter cannot be written to a file


def normal_path(path: str) -> str:
    """A path by which two spellings of one are the same."""
    return posixpath.normpath(path.replace("\\", "/"))


def named(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """The kinds by the names they are asked for with: `box colour` where images have a colour too."""
    all_kinds = list(dict.fromkeys(kinds))
    common = Counter(kind.name for kind in all_kinds)
    return {kind.name if common[kind.name] == 1 else f"{kind.of} {kind.name}": kind for kind in all_kinds}


def damaged(file: Path, tool: str, place: str, what: str) -> DataError:
    """The error for an entry that is not as the tool writes it."""
    where = f", {place}" if place else ""
    return DataError(f"{file} ({tool}){where}: {what}.", "Export it again.")


def as_mapping(value: object, file: Path, tool: str, place: str, what: str) -> dict[str, Any]:
    """The value, which must be an object of JSON; None counts as an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise damaged(file, tool, place, f"{what} is {_shown(value)}, not an object")
    return value


def as_list(value: object, file: Path, tool: str, place: str, what: str) -> list[Any]:
    """The value, which must be a list of JSON; None counts as an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise damaged(file, tool, place, f"{what} is {_shown(value)}, not a list")
    return value


def _shown(value: object) -> str:
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(shortened(value, 30))


def bare_note(num: int) -> list[str]:
    """A sentence on shapes without a label."""
    return [f"{counted(num, 'box or other shape', 'boxes or other shapes', 'has/have')} no label."] if num else []

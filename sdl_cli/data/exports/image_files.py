"""The files that the photos of an export are, below one folder: tools write paths of their own server or of another machine."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from sdl_cli.data.exports.photo_list import Export, Photo, normal_path

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://", re.ASCII)  # two letters at least: C:// is a disk
_DISK = re.compile(r"[A-Za-z]:(?=/)")
_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")  # of a file that was uploaded to Label Studio
_SERVED = ("/data/local-files/", "/storage-data/uploaded/")  # behind ?d= or ?filepath= stands the path
_MOST_PARTS = 32  # folders of a path that are tried to be left out
_UNSAFE = re.compile(r"[^-\w.]")


@dataclass(frozen=True)
class Place:
    """Where a photo is, or why it is not found.

    Arguments:
        file: the file, or None. why: nothing where it is found. is_short: folders of the written path, or a prefix of the name,
            were left out to find it.
    """

    file: Path | None
    why: str = ""
    is_short: bool = False


@dataclass
class Finder:
    """Finds photos below a folder, and nowhere else.

    Arguments:
        root: an absolute folder.
    """

    root: Path
    _cleaned: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)

    def find(self, photo: Photo, export: Export) -> Place:
        """The file that is the photo of an export.

        Tried are, in this order: the path as it is written, without its leading folders one after another, without the prefix of
        an upload; each from the folder of the export and from `root`, and from where the tool puts images.
        """
        path = photo.path
        if path.startswith("data:"):
            return Place(None, "the image itself stands in the export, not its path")
        own = export.file.parent
        starts = [own, self.root] if _is_below(own, self.root) else [self.root]
        subset = photo.details.get("subset", "")
        below = [*export.folders, *(posixpath.join(folder, subset) for folder in export.folders if subset)]
        folders = list(dict.fromkeys(start / folder for start in starts for folder in below))
        written = list(_spellings(path))
        names = written + [name for name in map(_without_prefix, written) if export.prefixed and name]
        for name in names:
            absolute = self._inside(self.root, name) if name.startswith("/") else None
            if absolute is not None:
                return Place(absolute, "", name not in written)
            parts = [part for part in _DISK.sub("", posixpath.normpath(name)).split("/") if part]
            is_relative = not name.startswith("/") and not _ADDRESS.match(path) and name in written
            for left_out in range(min(len(parts), _MOST_PARTS)):
                tail = "/".join(parts[left_out:])
                is_upward = tail.startswith("../")  # from where the export lies, not from where a tool puts images
                for folder in folders if not is_upward else starts:
                    file = self._inside(folder, tail)
                    if file is not None:
                        return Place(file, "", left_out > 0 or not is_relative)
        cleaned = self._find_cleaned(names[-1], folders) if export.prefixed else None
        return Place(None, _why(path, written[0], export)) if cleaned is None else Place(cleaned, "", True)

    def _inside(self, folder: Path, tail: str) -> Path | None:
        """The file of a path from a folder, if it is one and lies below the root."""
        try:
            file = Path(os.path.normpath(folder / tail))
            return file if _is_below(file, self.root) and stat.S_ISREG(file.stat().st_mode) else None
        except (OSError, ValueError):  # a name too long, or with a NUL, is none either
            return None

    def _find_cleaned(self, name: str, folders: Sequence[Path]) -> Path | None:
        """The one file whose name became this one when it was uploaded: blanks as _, brackets and the like left out."""
        for folder in folders:
            if folder not in self._cleaned:
                own: dict[str, list[Path]] = {}
                for file in _files(folder):
                    own.setdefault(_cleaned(file.name), []).append(file)
                self._cleaned[folder] = own
            found = self._cleaned[folder].get(_cleaned(posixpath.basename(name)), [])
            if len(found) == 1:
                return found[0]
        return None


def _files(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.is_file()]
    except OSError:
        return []


def _cleaned(name: str) -> str:
    return _UNSAFE.sub("", name.strip().replace(" ", "_"))


def _is_below(path: Path, root: Path) -> bool:
    return root == path or root in path.parents


def _spellings(path: str) -> Iterator[str]:
    """A path as it is written, with slashes between folders, and without percent-encoding; of an address what may be a path."""
    found = [path]
    if _ADDRESS.match(path) or path.startswith(_SERVED):
        try:
            split = urlsplit(path)
            asked = parse_qs(split.query)
        except ValueError:
            return
        found = [value for key in ("d", "filepath") for value in asked.get(key, ())] or [split.path]
    for text in list(found):
        found.append(unquote(text))
    found += [text.replace("\\", "/") for text in found if "\\" in text]
    yield from dict.fromkeys(text for text in found if text)


def _without_prefix(path: str) -> str:
    """The path without the eight digits before its name; nothing where there are none."""
    folder, _, name = path.rpartition("/")
    plain = _PREFIX.sub("", name, count=1)
    return posixpath.join(folder, plain) if plain != name else ""


def _why(path: str, name: str, export: Export) -> str:
    if _ADDRESS.match(path):
        return "is a web address, and there is no file of its name"
    outside = Path(os.path.normpath(export.file.parent / normal_path(name)))
    try:
        return "lies outside of this folder" if outside.is_file() else "does not exist"
    except (OSError, ValueError):
        return "does not exist"

"""One list of labelled photos from the files of an export: what is predicted, one label for each, and where the files are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sdl_cli.data.exports.image_files import Finder, Place
from sdl_cli.data.exports.photo_list import Export, Kind, Photo, bare_note, named, normal_path
from sdl_cli.data.files.roles import find_column, which_target
from sdl_cli.data.images.photos import OnError
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened

Several = Literal["fail", "first", "drop"]
_SHOWN = 5
_PARTS_OF_ONE = ("column", "flag")  # kinds that say yes or no to one class of another kind


@dataclass(frozen=True)
class Row:
    """A photo of the list: its entry, the name of its row, and its file."""

    photo: Photo
    id: str
    file: Path


@dataclass(frozen=True)
class Files:
    """The files of one export, read.

    Arguments:
        path: the file or folder that was asked for. root: the folder that all photos must lie in.
    """

    path: Path
    root: Path
    exports: list[Export]

    @property
    def tool(self) -> str:
        return self.exports[0].tool

    @property
    def where(self) -> str:
        """The file or folder and its tool, for messages."""
        return f"{self.path} ({self.tool})"

    def photos(self) -> list[tuple[Export, Photo]]:
        return [(export, photo) for export in self.exports for photo in export.photos]


def target_of(files: Files, asked: str | None) -> tuple[str, Kind, list[str]]:
    """The name of the kind of label that is predicted, the kind, and the names of others that could be.

    Raises DataError: there is none, or several and none was named.
    """
    values: dict[Kind, set[str]] = {}
    for _, photo in files.photos():
        for kind, own in photo.labels.items():
            values.setdefault(kind, set()).update(own)
    kinds = named(values)
    names = list(kinds)
    if not names:
        raise DataError(f"{files.where}: no image has a label.", "Label some, and export again.")
    if asked is not None:
        name = names[find_column(files.where, names, asked, "dataset.target")]
        return name, kinds[name], []
    differ = [name for name in names if len(values[kinds[name]]) > 1]
    main = [name for name in differ if kinds[name].is_main]
    likely = main or differ or [name for name in names if kinds[name].is_main] or names
    if len(likely) > 1:
        raise which_target(files.where, likely)
    others = [name for name in differ if name != likely[0] and kinds[name].of not in _PARTS_OF_ONE]
    return likely[0], kinds[likely[0]], others


def labelled(
    files: Files, name: str, kind: Kind, several: Several, notes: list[str], others: Sequence[str] = ()
) -> list[tuple[Export, Photo, str]]:
    """The photos with one label of this kind, and it; notes say what was left out, and name the others that could be predicted.

    Raises DataError: images with several labels, unless one is to be taken or they are to be left out.
    """
    photos = files.photos()
    known = [(export, photo, list(photo.labels[kind])) for export, photo in photos if photo.labels.get(kind)]
    shown = shortened(name)
    also = f" (there are also: {listed([shortened(other, 30) for other in others], 8, last=', ')})" if others else ""
    images = counted(len(photos), "image")
    notes.append(f"{files.path} is read as an export of {files.tool}: {images}, the target is {shown}{also}.")
    twice = sum(export.twice for export in files.exports)
    if twice:
        entries = counted(twice, "entry", "entries", "is/are")
        notes.append(f"{entries} of an image that is listed before; the labels of both were joined.")
    notes += [note for export in files.exports for note in export.notes]
    notes += bare_note(sum(export.num_bare for export in files.exports))
    num = len(photos) - len(known)
    if num:
        verbs = ("has", "was") if num == 1 else ("have", "were")
        notes.append(f"{num:,} of {counted(len(photos), 'image')} {verbs[0]} no {shown} and {verbs[1]} left out.")
    torn = [(photo, words) for _, photo, words in known if len(words) > 1]
    if not torn:
        return [(export, photo, words[0]) for export, photo, words in known]
    shown_words = [f"{shortened(p.path, 40)} ({listed([shortened(w, 20) for w in words], 3, last=', ')})" for p, words in torn]
    have = "has" if len(torn) == 1 else "have"
    what = f"{len(torn):,} of {counted(len(known), 'labelled image')} {have} several labels of {shown}"
    if several == "fail":
        hint = "To take the first label of each: dataset.several=first; to leave these images out: dataset.several=drop"
        raise DataError(f"{files.where}: {what}: {listed(shown_words, 3, last=', ')}.", hint)
    how = "the first was taken" if several == "first" else "they were left out"
    notes.append(f"{what}; {how}: {listed(shown_words, 3, last=', ')}.")
    left = [(export, photo, words[0]) for export, photo, words in known if several == "first" or len(words) == 1]
    if not left:
        raise DataError(f"{files.where}: all labelled images have several labels of {shown}.", "Set dataset.several=first")
    return left


def located(
    files: Files, photos: Sequence[tuple[Export, Photo]], on_error: OnError, notes: list[str], key: str = "dataset.path"
) -> tuple[list[Row], list[int]]:
    """The photos that are there, and their positions; those that are missing are named, or left out and counted.

    Arguments:
        key: the setting that named the export, or nothing for a file of new photos.
    Raises DataError: photos that are missing, unless they are skipped and others are there.
    """
    finder = Finder(files.root)
    places = _apart([finder.find(photo, export) for export, photo in photos], photos)
    missing = [f"{path_end(photo.path)} {place.why}" for (_, photo), place in zip(photos, places, strict=True) if place.why]
    if missing:
        first = "; ".join(missing[:_SHOWN]) + (f"; and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else "")
        verb = "is" if len(missing) == 1 else "are"
        what = f"{len(missing):,} of {counted(len(photos), 'image')} {verb} missing: {first}"
        if on_error == "fail" or len(missing) == len(photos):
            how = "Set another folder with dataset.root=..., or leave them out with dataset.on_error=skip"
            how = how if key else "Put them there, or leave them out with --on-error skip"
            raise DataError(f"{files.where}: {what}.", f"They are looked for in {files.root} only. {how}")
        notes.append(f"{what}; they were left out.")
    short = [
        f"{path_end(photo.path)} as {path_end(place.file.relative_to(files.root).as_posix())}"
        for (_, photo), place in zip(photos, places, strict=True)
        if place.is_short and place.file is not None
    ]
    if short:
        notes.append(f"{counted(len(short), 'image was', 'images were')} found by the end of the path, such as {short[0]}.")
    kept = [i for i, place in enumerate(places) if place.file is not None]
    return [Row(photos[i][1], _row_id(*photos[i], files.root), _sure(places[i])) for i in kept], kept


def once(files: Files, rows: Sequence[Row], words: Sequence[str], notes: list[str]) -> tuple[list[Row], list[str]]:
    """The rows and their labels, each file once, where several files of an export list it.

    Raises DataError: a file with different labels.
    """
    first: dict[Path, int] = {}
    for i, row in enumerate(rows):
        known = first.setdefault(row.file, i)
        if words[known] != words[i]:
            both = f"{shortened(words[known], 30)} and {shortened(words[i], 30)}"
            raise DataError(f"{files.where}: {path_end(row.id)} is listed twice, as {both}.", "Correct one of them.")
    if len(first) < len(rows):
        num = len(rows) - len(first)
        notes.append(f"{counted(num, 'entry', 'entries', 'is/are')} of an image that stands in the export before, and left out.")
    return [rows[i] for i in first.values()], [words[i] for i in first.values()]


def _sure(place: Place) -> Path:
    assert place.file is not None
    return place.file


def _apart(places: list[Place], photos: Sequence[tuple[Export, Photo]]) -> list[Place]:
    """The places, without those that were found by the end of a path and are also the file of another photo."""
    owners: dict[Path, list[int]] = {}
    for i, place in enumerate(places):
        if place.file is not None:
            owners.setdefault(place.file, []).append(i)
    for own in owners.values():
        for i in own if len(own) > 1 else ():
            other = next((j for j in own if normal_path(photos[j][1].path) != normal_path(photos[i][1].path)), None)
            if places[i].is_short and other is not None:
                places[i] = Place(None, f"may be the same file as {path_end(photos[other][1].path)}")
    return places


def _row_id(export: Export, photo: Photo, root: Path) -> str:
    """The path as it is written, behind the folder of the export's file where that is below the root."""
    try:
        folder = export.file.parent.relative_to(root).as_posix()
    except ValueError:
        folder = "."
    return photo.path if folder == "." or photo.path.startswith("/") else f"{folder}/{photo.path}"


def path_end(path: str, most: int = 60) -> str:
    """A path for a message, without its start where it is long."""
    return shortened(path if len(path) <= most else "..." + path[3 - most :], most)


def details_of(photos: Iterable[Photo]) -> list[str]:
    """The names of other facts that the tool keeps of its photos."""
    return list(dict.fromkeys(name for photo in photos for name, value in photo.details.items() if value))

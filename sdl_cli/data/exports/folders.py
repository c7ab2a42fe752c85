"""Which files of a folder hold the annotations of a labelling tool, and the part that each belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from sdl_cli.data.images.decode import SUFFIXES
from sdl_cli.data.images.listing import PART_WORDS

_OF_ROBOFLOW = ("_annotations.coco.json", "_classes.csv")
_ENDINGS = (".json", ".xml", ".csv")
_MOST_FILES = 100_000
_MOST_TRIED = 8  # files of one folder that may be annotations
_WORDS = re.compile(r"[a-z]+")


def annotation_files(root: Path, is_known: Callable[[Path], bool]) -> list[tuple[Path, str | None]]:
    """Files of annotations in a folder, each with its part or None; none where nothing known is there.

    Looked for are those that Roboflow puts into `train`, `valid` and `test`, otherwise files that look like exports in the folder
    itself and in `annotations`, or else anywhere below it, among as many files as are looked at. COCO's files for several tasks
    beside each other (`captions`, `person_keypoints`) give way to `instances`.
    """
    named = [(folder / name, part) for part, folder in _parts(root) for name in _OF_ROBOFLOW if (folder / name).is_file()]
    if named:
        return named
    files = [file for file in [*_of_kind(root), *_of_kind(root / "annotations")] if is_known(file)]
    files = files or [file for file in _below(root) if is_known(file)]
    instances = [file for file in files if file.name.startswith("instances")]
    files = instances or files
    return [(file, part_of(file, root)) for file in files]


def part_of(file: Path, root: Path) -> str | None:
    """The part that the first folder of a file says, or a word in the name of a JSON file, as in instances_val2017.json."""
    folders = file.relative_to(root).parts[:-1]
    if folders and folders[0].lower() in PART_WORDS:
        return PART_WORDS[folders[0].lower()]
    words = [PART_WORDS[word] for word in _WORDS.findall(file.stem.lower()) if word in PART_WORDS]
    return words[0] if len(words) == 1 and file.suffix.lower() == ".json" else None


def _parts(root: Path) -> list[tuple[str | None, Path]]:
    """The folder itself and its folders called train and the like."""
    below = [(PART_WORDS[entry.name.lower()], entry) for entry in _entries(root) if entry.name.lower() in PART_WORDS]
    return [(None, root), *((part, folder) for part, folder in below if folder.is_dir())]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []


def _of_kind(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.suffix.lower() in _ENDINGS and entry.is_file()]


def holds_classes(root: Path, is_known: Callable[[Path], bool]) -> bool:
    """Whether at least two folders below it, or below its train, hold images directly, and no annotations beside them."""
    for start in (root, *(folder for part, folder in _parts(root) if part == "train")):
        folders = [entry for entry in _entries(start) if entry.is_dir() and entry.name.lower() not in (*PART_WORDS, "images")]
        if sum(_holds_images_alone(folder, is_known) for folder in folders) >= 2:
            return True
    return False


def _holds_images_alone(folder: Path, is_known: Callable[[Path], bool]) -> bool:
    has_images = any(entry.suffix.lower() in SUFFIXES for entry in _entries(folder))
    return has_images and not any(is_known(file) for file in _of_kind(folder)[:_MOST_TRIED])


def _below(root: Path) -> Iterator[Path]:
    """Files of such kinds in the folders below, links to folders not followed."""
    waiting = [root]
    seen = 0
    while waiting:
        entries = _entries(waiting.pop())
        seen += len(entries)
        if seen > _MOST_FILES:
            return
        yield from (entry for entry in entries if entry.suffix.lower() in _ENDINGS and entry.is_file())
        waiting += [entry for entry in reversed(entries) if entry.is_dir() and not entry.is_symlink()]

"""Which images are in a folder, and their classes and parts; only files without an ending are opened, which may be DICOM."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.data.images.decode import SUFFIXES, is_image_name
from sdl_cli.data.images.readers import is_nameless_scan
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted
from sdl_cli.settings.parse import suggest

PART_WORDS = {  # as tables and tools write them
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
_PART_NAMES = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
_OTHER_PICTURES = frozenset((
    ".ai", ".arw", ".cr2", ".cr3", ".dng", ".eps", ".jxl", ".nef", ".orf", ".pdf", ".psd", ".raf", ".raw", ".rw2", ".svg",
    ".xcf",
))  # fmt: skip
_SYSTEM_NAMES = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Listing:
    """What stands in a folder: one entry of `files`, `labels` and `parts` per photo, in a fixed order."""

    files: list[Path]
    labels: list[str]
    parts: list[str] | None
    notes: list[str]


def existing_folder(path: str | Path, key: str = "dataset.path") -> Path:
    """`path` with ~ expanded, if it is a folder; else a DataError that names a near one."""
    folder = Path(path).expanduser()
    label = f"{key}: " if key else ""
    if folder.is_dir():
        return folder.resolve()
    if folder.exists():
        hint = "Give the folder that holds the images."
        hint = "For an .npz file choose dataset=npz." if folder.suffix == ".npz" else hint
        raise DataError(f"{label}{folder} is a file, not a folder of images.", hint)
    parent = folder.parent
    near = suggest(folder.name, [p.name for p in parent.iterdir()]).strip() if parent.is_dir() else ""
    raise DataError(f"{label}{folder} does not exist.", near or "Give the folder that holds one sub-folder per class.")


def shown_name(file: Path, root: Path) -> str:
    """The name of `file` relative to `root`, with / between folders."""
    # A name that is not valid UTF-8 must still fit into a CSV file.
    return os.fsencode(file.relative_to(root).as_posix()).decode("utf-8", "replace")


def is_image(file: Path) -> bool:
    """Whether this is no folder and is called as images are, or is DICOM without an ending."""
    return (is_image_name(file.name) and not file.is_dir()) or is_nameless_scan(file)


def _visible(folder: Path) -> list[Path]:
    try:
        entries = [p for p in folder.iterdir() if not p.name.startswith(".") and p.name not in _SYSTEM_NAMES]
    except OSError as error:
        raise DataError(f"{folder}: this folder cannot be read: {error.strerror or error}.") from error
    return sorted(entries, key=lambda p: p.name)


def _folders(folder: Path) -> list[Path]:
    return [p for p in _visible(folder) if p.is_dir()]


def walk(folder: Path, seen: frozenset[Path] = frozenset()) -> tuple[list[Path], list[Path]]:
    """Image files and other files under `folder`, sorted; links to folders are followed, except cycles."""
    images: list[Path] = []
    others: list[Path] = []
    seen = seen | {folder.resolve()}
    for entry in _visible(folder):
        if entry.is_dir():
            if entry.resolve() not in seen:
                deeper = walk(entry, seen)
                images += deeper[0]
                others += deeper[1]
        else:
            (images if is_image(entry) else others).append(entry)
    return images, others


def left_out(others: Sequence[Path]) -> str:
    """A sentence that says how many files of which kinds are not images that can be read; nothing where there are none."""
    if not others:
        return ""
    counts = Counter(p.suffix.lower() or "no ending" for p in others)
    kinds = ", ".join(f"{num:,} {kind}" for kind, num in sorted(counts.items()))
    what = f"{counted(len(others), 'file', verbs='is not an image/are not images')} that can be read"
    pictures = sorted(kind for kind in counts if kind in _OTHER_PICTURES)
    advice = f" Save {', '.join(pictures)} as JPEG or PNG to have them predicted." if pictures else ""
    return f"{what} ({kinds}) and {'was' if len(others) == 1 else 'were'} left out.{advice}"


def list_folder(root: Path) -> Listing:
    """List the images of a folder with one sub-folder per class, or with a ready train/ val/ test/ layout of these.

    Raises DataError: no images, no class folders, one class only, or parts that do not hold the same classes.
    """
    parts = _parts(root)
    notes: list[str] = []
    others: list[Path] = []
    rows: list[tuple[Path, str, str]] = []
    for part, folder in ({"": root} if parts is None else parts).items():
        for class_folder in _folders(folder):
            images, rest = walk(class_folder)
            others += rest
            rows += [(image, class_folder.name, part) for image in images]
            if not images:
                notes.append(f"{shown_name(class_folder, root)}/ holds no images and was left out.")
        if any(map(is_image, _visible(folder))) and rows:
            notes.append(f"Images next to the class folders of {folder.name}/ were left out.")
    if not rows:
        _raise_no_classes(root)
    _check_classes(root, rows, parts)
    if others:
        kinds = ", ".join(sorted({p.suffix.lower() or "no ending" for p in others}))
        notes.append(f"{len(others)} files in the class folders are not images ({kinds}) and were left out.")
    if parts is not None and "test" in parts and "test" not in {part for _, _, part in rows}:
        notes.append("test/ holds no class folders with images and was left out.")
    return Listing([r[0] for r in rows], [r[1] for r in rows], None if parts is None else [r[2] for r in rows], notes)


def _parts(root: Path) -> dict[str, Path] | None:
    """The folders of a ready layout by part, or None where the sub-folders are the classes."""
    found: dict[str, Path] = {}
    folders = _folders(root)
    for folder in folders:
        part = _PART_NAMES.get(folder.name.lower())
        if part in found:
            raise DataError(f"{root}: both {found[part].name}/ and {folder.name}/ are there.", "Keep one of them.")
        if part is not None:
            found[part] = folder
    if not found:
        return None
    if "train" in found and any(walk(folder)[0] for folder in _folders(found["train"])):
        return {part: found[part] for part in ("train", "validation", "test") if part in found}
    if len(found) == len(folders):
        lacking = f"there is no train/ beside {folders[0].name}/"
        lacking = "train/ holds no class folders with images" if "train" in found else lacking
        raise DataError(f"{root}: {lacking}.", f"Make one sub-folder per class: {root / 'train'}/<class>/<image>")
    return None


def _raise_no_classes(root: Path) -> None:
    if any(map(is_image, _visible(root))):
        hint = "Make one sub-folder per class, as ants/1.jpg and bees/2.jpg. To label new ones: sdl predict RUN FOLDER"
        raise DataError(f"{root}: there are images, but no class folders.", hint)
    raise DataError(f"{root}: no images in this folder.", f"Images end in one of: {' '.join(sorted(SUFFIXES))}")


def _check_classes(root: Path, rows: Sequence[tuple[Path, str, str]], parts: dict[str, Path] | None) -> None:
    """Refuse a single class, and parts that do not hold the same classes."""
    classes = {label for _, label, _ in rows}
    if len(classes) < 2:
        raise DataError(f"{root}: only one class, {next(iter(classes))}.", "A classifier needs at least two class folders.")
    for part in sorted({part for _, _, part in rows}):
        lacking = sorted(classes - {label for _, label, p in rows if p == part})
        if lacking and parts is not None:
            raise DataError(
                f"{root}: {parts[part].name}/ has no images of {', '.join(lacking[:5])}, which other parts have.",
                "Each class needs a folder of the same name, with images, in every part.",
            )

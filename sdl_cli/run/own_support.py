"""Classes of the user's own when predicting: a folder with one labelled drawing of each, and drawings to be named by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.images.decode import size_and_mode
from sdl_cli.data.images.listing import existing_folder, is_image, shown_name, walk
from sdl_cli.data.images.photos import Decoding, iter_photos
from sdl_cli.data.images.pictures import pictures_in
from sdl_cli.data.images.pixels import View
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed

SUPPORT, QUERY = "support", "query"
_LAYOUT = (
    f"Give a folder with {SUPPORT}/CLASS.png (or {SUPPORT}/CLASS/drawing.png) for each class, and {QUERY}/ with drawings to name."
)


def has_support(source: Path) -> bool:
    """Whether a folder to predict brings classes of its own."""
    return (source / SUPPORT).is_dir()


def with_support(
    model: Any, inputs: Mapping[str, Any], source: Path, notice: Callable[[str], None]
) -> tuple[dict[str, Any], Path]:
    """Give the model the labelled drawings below `source`/support instead of its own.

    Arguments:
        model: fitted, of a kind with the trait `takes_support`. inputs: what its run stored of its data.
    Returns: inputs with the new classes, and the folder of drawings to name.
    Raises DataError: a class without a drawing, fewer than two classes, unreadable drawings, or nothing to name.
    """
    root = existing_folder(source / SUPPORT, key="")
    asked = source / QUERY
    if not asked.is_dir():
        raise DataError(f"{source}: there is {SUPPORT}/, but no folder {QUERY}/ beside it with the drawings to name.", _LAYOUT)
    labels, files = _labelled(root)
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise DataError(f"{root}: {counted(len(classes), 'class', 'classes')}, and at least two are needed.", _LAYOUT)
    size = int(inputs["size_px"])
    how = Decoding(size, inputs["channels"], inputs["interpolation"], "fail")
    drawn = pictures_in(files, [shown_name(file, root) for file in files], View())
    notes: list[str] = []
    images = np.concatenate([found for _, found in iter_photos(drawn, how, 256, notes)])
    model.notes_ = []
    model.keep(images, np.array([classes.index(label) for label in labels], dtype=np.int64))
    for sentence in (*_resized([*files, *walk(asked)[0]], size), *notes, *model.notes_):
        notice(sentence)
    drawings = counted(len(files), "labelled drawing")
    notice(f"The classes are those of {root} ({len(classes)}, {drawings}), not those of the run.")
    return {**inputs, "classes": classes, "decision": None}, asked


def _labelled(root: Path) -> tuple[list[str], list[Path]]:
    """Class and file of each labelled drawing: a folder's name is the class of all in it, otherwise a file's own name."""
    labels, files, empty = [], [], []
    for entry in sorted(path for path in root.iterdir() if not path.name.startswith(".")):
        if entry.is_dir():
            images = walk(entry)[0]
            labels += [entry.name] * len(images)
            files += images
            if not images:
                empty.append(f"{entry.name}/")
        elif is_image(entry):
            labels.append(entry.stem)
            files.append(entry)
    if empty:
        raise DataError(f"{root}: no drawing in {listed(empty, 5)}.", "Put one drawing of the class there, or remove the folder.")
    return labels, files


def _resized(files: list[Path], size_px: int) -> list[str]:
    """A sentence on drawings of another size than the run compares them at."""
    sizes = []
    for file in files:
        try:
            sizes.append(size_and_mode(file)[:2])
        except Exception:  # whoever decodes it says what is wrong with it
            continue
    other = [size for size in sizes if size != (size_px, size_px)]
    if not other:
        return []
    width, height = max(other, key=lambda size: size[0] * size[1])
    verb = "is" if len(other) == 1 else "are"
    of = f"{len(other):,} of {counted(len(files), 'drawing')} {verb} resized to {size_px} x {size_px} px"
    cropped = "; of those that are not square, only the middle is seen" if any(w != h for w, h in other) else ""
    return [f"{of} (the largest has {width:,} x {height:,}){cropped}."]

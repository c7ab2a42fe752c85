"""Photos with their labels from the export of a labelling tool, found by content where a table of photos is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sdl_cli.data import exports
from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.exports.labelled import Files, Row, details_of, labelled, located, once, path_end, target_of
from sdl_cli.data.exports.photo_list import Export, Photo, named
from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.files.roles import find_column
from sdl_cli.data.files.target_rows import read_target
from sdl_cli.data.images.depth import stored_scale
from sdl_cli.data.images.listing import PART_WORDS, existing_folder
from sdl_cli.data.images.patients import FIELD, patients_of
from sdl_cli.data.images.photos import Decoding, iter_photos, read_photos
from sdl_cli.data.images.pictures import pictures_in, view_notes
from sdl_cli.data.images.pixels import ONE_FILE_ONE_GROUP
from sdl_cli.data.images.versions import versions_note
from sdl_cli.data.source import Reading
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened

if TYPE_CHECKING:
    from sdl_cli.data.sources.image_table import ImageTable

_OF_TEXT = ("delimiter", "header", "header_lines", "encoding", "decimal", "thousands")  # settings of tables of text


def find(path: Path, root: str | None, image: str | None, key: str = "dataset.root") -> Files | None:
    """The export at a path; None where it is none that is known.

    Arguments:
        root: the folder that the photos lie in; None takes the folder of the file, or the folder itself.
    Raises DataError: damaged files, or no such folder.
    """
    if not path.is_dir() and not (path.exists() and exports.is_export(path)):
        return None
    found = exports.read(path.absolute(), image)
    if not found:
        return None
    start = path.absolute() if path.is_dir() else path.absolute().parent
    return Files(path, start if root is None else existing_folder(root, key), found)


def load(settings: ImageTable, files: Files, preferred_px: int | None, interpolation: str) -> Dataset:
    """The labelled photos of an export, as `image_table.load` returns those of a table."""
    notes: list[str] = []
    name, kind, others = target_of(files, settings.target)
    known = labelled(files, name, kind, settings.several, notes, others)
    rows, there = located(files, [(export, photo) for export, photo, _ in known], settings.on_error, notes)
    rows, words = once(files, rows, [known[i][2] for i in there], notes)
    cells = objects(words)
    cells = objects([None if cell in (settings.missing_values or ()) else cell for cell in cells])
    lines = np.arange(1, len(rows) + 1)
    is_text = kind.is_text and settings.task != "regression"
    kept, y, classes, task = read_target(files.where, name, cells, lines, settings, PLAIN, notes, as_text=is_text)
    rows = [rows[i] for i in kept]
    if settings.order is not None:
        message = f"dataset.order: the export of {files.tool} {files.where} has no column of times."
        raise DataError(message, "Leave it out, or list the photos in a CSV file with such a column.")
    unused = [key for key in _OF_TEXT if getattr(settings, key) is not None]
    if unused:
        notes.append(f"dataset.{listed(unused, last=' and dataset.')}: no effect on an export of {files.tool}.")
    by_patient = settings.group == FIELD
    groups = patients_of([row.file for row in rows]) if by_patient else _cells(settings.group, "group", files, rows)
    part = _parts(settings, files, rows, notes)
    ids = _cells(settings.id, "id", files, rows)
    if part is None and groups is None:
        notes += versions_note([row.photo.path for row in rows], "dataset.group=source")

    how = settings.decoding(preferred_px, interpolation)
    photos = read_photos([row.file for row in rows], _shown(rows), how, files.path)
    group_name = shortened(settings.group or "")
    if groups is not None:
        groups = photos.pictures.together(groups, [row.file for row in rows])
    elif photos.pictures.are_expanded:
        groups, group_name = objects([str(row.file) for row in rows]), "file"
        notes.append(ONE_FILE_ONE_GROUP)
    return Reading(
        where=files.where,
        name=files.path.name.removesuffix(".gz").rpartition(".")[0] or files.path.name,
        task=task,
        modality="image",
        X=photos.images,
        y=y[photos.kept],
        classes=classes,
        groups=None if groups is None else groups[photos.kept],
        group_name=group_name,
        part=None if part is None else part[photos.kept],
        ids=photos.pictures.named([row.id for row in rows] if ids is None else list(ids)),
        x_digest=photos.digest,
        notes=[*notes, *view_notes([row.file for row in rows], settings.view()), *photos.notes],
        source=_described(settings, files, name, how),
        value_range=photos.value_range,
    ).finish()


def list_files(settings: ImageTable, files: Files) -> tuple[list[Path], list[str]]:
    """The labelled photos that are there, and their names in messages; no photo is opened."""
    _, kind, _ = target_of(files, settings.target)
    rows, _ = located(files, [(e, p) for e, p in files.photos() if p.labels.get(kind)], "skip", [])
    return [row.file for row in rows], _shown(rows)


def iter_export(
    files: Files, inputs: Mapping[str, Any], how: Decoding, chunk: int, own_root: bool, notes: list[str]
) -> Iterator[tuple[Array, Array]]:
    """All photos of an export, labelled or not, a chunk at a time for prediction: ids `(n,)` and images `uint8 (n, C, S, S)`.

    Arguments:
        inputs: as for `iter_image_table`. own_root: the user named the folder of the photos.
    """
    every: Sequence[tuple[Export, Photo]] = files.photos()
    notes.append(f"{files.path} is read as an export of {files.tool}: {len(every):,} images.")
    trained = inputs.get("root")
    if not own_root and trained is not None and Path(trained).is_dir() and not _are_there(files, every):
        files = Files(files.path, Path(trained), files.exports)  # as in training, where the photos do not lie beside this file
    rows, _ = located(files, every, how.on_error, notes, "")
    named_by = inputs.get("id")
    own = [row.photo.details.get(named_by) or row.id if isinstance(named_by, str) else row.id for row in rows]
    pictures = pictures_in([row.file for row in rows], _shown(rows), how.view)
    ids = pictures.named(own)
    scale = stored_scale(inputs.get("value_range"))
    for kept, images in iter_photos(pictures, how, chunk, notes, scale):
        yield np.array([ids[row] for row in kept], dtype=object), images


def _are_there(files: Files, photos: Sequence[tuple[Export, Photo]]) -> bool:
    """Whether any of the photos lies below the folder of the export."""
    try:
        return bool(located(files, photos, "skip", [])[0])
    except DataError:
        return False


def _shown(rows: Sequence[Row]) -> list[str]:
    return [path_end(row.id) for row in rows]


def _cells(asked: str | None, role: str, files: Files, rows: Sequence[Row]) -> Array | None:
    """What stands in a field of the tool, or in its other labels where an image has one; None where nothing is asked for."""
    if asked is None:
        return None
    photos = [row.photo for row in rows]
    kinds = named(kind for export in files.exports for kind in export.kinds())
    names = list(dict.fromkeys([*details_of(photos), *kinds]))
    name = names[find_column(files.where, names, asked, f"dataset.{role}")]

    def cell(photo: Photo) -> str | None:
        own = list(photo.labels.get(kinds[name], ())) if name in kinds else []
        return photo.details.get(name) or (own[0] if len(own) == 1 else None)

    return objects([cell(photo) for photo in photos])


def _parts(settings: ImageTable, files: Files, rows: Sequence[Row], notes: list[str]) -> Array | None:
    """The part of each row as the export has it, or as the user's field says."""
    if settings.part is not None:
        cells = _cells(settings.part, "part", files, rows)
        assert cells is not None
        found = [PART_WORDS.get((cell or "").lower()) for cell in cells]
        bad = next((i for i, part in enumerate(found) if part is None), None)
        if bad is not None:
            what = f"{shortened(cells[bad] or '', 30)!r} of {shortened(rows[bad].id)} is not a part."
            raise DataError(f"dataset.part: {files.where}: {what}", "Each image needs one of train, val and test.")
        return np.array(found, dtype=str)
    found = [row.photo.part or PART_WORDS.get(row.photo.details.get("subset", "").lower()) for row in rows]
    counts = Counter(part for part in found if part is not None)
    if len(counts) < 2 and (None in found or not counts or "train" in counts):
        return None
    shown = listed([f"{part} {counts[part]:,}" for part in ("train", "validation", "test") if part in counts])
    if None in found or "train" not in counts:
        none = counted(sum(part is None for part in found), "image", verbs="has/have")
        lacking = f"{none} none" if None in found else "there is no train"
        notes.append(f"The parts of the export ({shown}) are not used: {lacking}.")
        return None
    notes.append(f"The parts are those of the export: {shown}.")
    return np.array(found, dtype=str)


def _described(settings: ImageTable, files: Files, target: str, how: Decoding) -> dict[str, Any]:
    """What `iter_image_table` must know to read new photos as these were, in JSON-ready values."""
    return {
        "kind": "image_table",
        "export": files.tool,
        "target": target,
        "names": [],
        "header": True,
        "image": settings.image,
        "id": settings.id,
        "root": None if settings.root is None else str(files.root),
        "asked": settings.written(),
        "size_px": how.size_px,
        "channels": how.channels,
        "interpolation": how.interpolation,
        **how.view.source(),
    }

"""Photos listed in a CSV file: a column of paths, and a column of classes or numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.exports.labelled import Files, Several
from sdl_cli.data.files.delimited import read
from sdl_cli.data.files.missing import missing_words, without
from sdl_cli.data.files.order_column import InTimeOrder, order_of
from sdl_cli.data.files.roles import WrittenRoles, find_column, listed, which_target, without_doubt_of_header
from sdl_cli.data.files.sniffing import Asked, Format, sniff
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.files.target_rows import drop_missing_targets, read_target
from sdl_cli.data.images.decode import SUFFIXES, is_image_name
from sdl_cli.data.images.depth import stored_scale
from sdl_cli.data.images.listing import PART_WORDS, existing_folder
from sdl_cli.data.images.patients import FIELD, patient_notes, patients_of
from sdl_cli.data.images.photo_paths import contradictions, locate
from sdl_cli.data.images.photos import Decoding, OnError, iter_photos, read_photos
from sdl_cli.data.images.pictures import pictures_in, view_notes
from sdl_cli.data.images.pixels import ONE_FILE_ONE_GROUP, View
from sdl_cli.data.images.settings import PhotoSettings
from sdl_cli.data.source import Reading
from sdl_cli.data.sources import exported_images
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_MAY_SHARE = (("id", "image"), ("id", "group"), ("order", "id"))  # roles of one column


@dataclass(frozen=True, kw_only=True)
class ImageTable(WrittenRoles, PhotoSettings, InTimeOrder):
    """Photos listed in a CSV file; a column is given by its name, or by its position from 0 (or -1 for the last).

    Arguments:
        image: the column of paths; None takes the one whose cells look like image files.
        target: the column to predict; None takes the only one that is left.
        part: a column that says train, val or test for each row; None draws test rows.
        root: the folder that the paths start from; None takes the folder of the CSV file.
        several: what to do about images of a labelling tool's export that have several labels: fail, take the first of each, or
            drop these images.

    The path may also be the export of a labelling tool (`data/exports`): `target` then names one of its kinds of labels.
    The other arguments are those of `WrittenRoles`, `PhotoSettings` and `InTimeOrder`; without `id` the paths name the rows.
    """

    name: str = "image_table"
    image: str | None = None
    part: str | None = None
    root: str | None = None
    several: Several = "fail"

    def __post_init__(self) -> None:
        PhotoSettings.__post_init__(self)
        InTimeOrder.__post_init__(self)


@dataclass(frozen=True)
class _Rows:
    """Rows of the table that are used: cells of each role, objects `(N,)` of str or None, and the line each starts on."""

    cells: dict[str, Array]
    lines: Array

    def take(self, kept: Array | list[int]) -> _Rows:
        return _Rows({role: own[kept] for role, own in self.cells.items()}, self.lines[kept])


def load(settings: ImageTable, preferred_px: int | None = None, interpolation: str = "bilinear") -> Dataset:
    """Read a table of photos: `X (N, C, S, S)` is a read-only memory map of the decoded cache, see `Photos`.

    Raises DataError: a file, columns, targets or photos that cannot be used; lines of the file are named.
    """
    export = _export(settings)
    if export is not None:
        return exported_images.load(settings, export, preferred_px, interpolation)
    path, form, columns, lines, root = _read_own(settings)
    notes = without_doubt_of_header(form.notes, form.names, [settings.image, settings.target])
    by_patient = settings.group == FIELD and FIELD not in form.names
    places = _places(replace(settings, group=None) if by_patient else settings, path, form, columns)
    words = missing_words(settings.missing_values)
    rows = _Rows(
        {role: columns[place] if role == "id" else without(columns[place], words) for role, place in places.items()}, lines
    )
    target = form.names[places["target"]]
    notes += [
        f"Column {shortened(name)} holds words such as train and test; to use them as parts: dataset.part={shortened(name)}"
        for i, name in enumerate(form.names)
        if "part" not in places and i not in places.values() and {(cell or "").lower() for cell in columns[i]} <= set(PART_WORDS)
    ]
    if settings.several != "fail":
        notes.append("dataset.several has no effect on a table: it is for exports of labelling tools.")
    missing_target = settings.missing_target
    written = columns[places["target"]]
    rows = rows.take(drop_missing_targets(path, target, rows.cells["target"], rows.lines, missing_target, notes, written))
    files, found = locate(rows.cells["image"], rows.lines, root, path, settings.on_error, notes)
    rows = rows.take(found)
    kept, y, classes, task = read_target(path, target, rows.cells["target"], rows.lines, settings, form.marks, notes)
    files, rows = [files[i] for i in kept], rows.take(kept)
    notes += contradictions(files, rows.cells["target"], rows.lines)
    part = _part(path, rows) if "part" in places else None

    how = settings.decoding(preferred_px, interpolation)
    names = rows.cells["id" if "id" in places else "image"]
    photos = read_photos(files, _shown(rows), how, path)
    rows, groups, group_name = rows.take(photos.kept), None, FIELD
    if by_patient:
        groups = photos.pictures.together(patients_of(files), files)[photos.kept]
    elif "group" in places:
        own_files = [files[row] for row in photos.kept]
        groups = photos.pictures.together(rows.cells["group"], own_files)
        group_name = shortened(form.names[places["group"]])
    else:
        notes += patient_notes(files)
        if photos.pictures.are_expanded:
            groups = np.array([str(files[row]) for row in photos.kept])
            notes.append(ONE_FILE_ONE_GROUP)
    order = None
    if "order" in places:
        own = Cells(str(path), (form.names[places["order"]],), [rows.cells["order"]], rows.lines, form.marks)
        order = order_of(own, 0, settings.gap, notes)
    return Reading(
        where=str(path),
        name=path.name.removesuffix(".gz").rpartition(".")[0] or path.name,
        task=task,
        modality="image",
        X=photos.images,
        y=y[photos.kept],
        classes=classes,
        groups=groups,
        group_name=group_name,
        part=None if part is None else part[photos.kept],
        ids=photos.pictures.named(list(names)),
        x_digest=photos.digest,
        notes=[*notes, *view_notes(files, settings.view()), *photos.notes],
        source=describe(settings, form, places, how),
        value_range=photos.value_range,
        order=order,
    ).finish()


def list_photos(settings: ImageTable) -> tuple[list[Path], list[str]]:
    """The photos that a table lists and that are there, and their names in messages; no photo is opened."""
    export = _export(settings)
    if export is not None:
        return exported_images.list_files(settings, export)
    path, form, columns, lines, root = _read_own(settings)
    rows = _Rows({"image": columns[_places(settings, path, form, columns)["image"]]}, lines)
    files, kept = locate(rows.cells["image"], rows.lines, root, path, "skip", [])
    return files, _shown(rows.take(kept))


def _export(settings: ImageTable) -> Files | None:
    """The export of a labelling tool that the settings name, or None."""
    return exported_images.find(Path(settings.path).expanduser(), settings.root, settings.image)


def describe(settings: ImageTable, form: Format, places: Mapping[str, int], how: Decoding) -> dict[str, Any]:
    """What `iter_image_table` must know to read new rows as these were, in JSON-ready values."""
    return {
        "kind": "image_table",
        "names": list(form.names),
        "header": form.header,
        "image": form.names[places["image"]],
        "id": form.names[places["id"]] if "id" in places else None,
        "root": None if settings.root is None else str(_root(Path(settings.path), settings.root)),
        "asked": settings.written(),
        "size_px": how.size_px,
        "channels": how.channels,
        "interpolation": how.interpolation,
        **how.view.source(),
    }


def iter_image_table(
    path: str | Path,
    inputs: Mapping[str, Any],
    chunk: int = 256,
    root: str | Path | None = None,
    on_error: OnError = "fail",
    notes: list[str] | None = None,
) -> Iterator[tuple[Array, Array]]:
    """Read the photos that a new CSV file lists a chunk at a time, for prediction: no cache, little memory.

    Arguments:
        path: the CSV file, which needs a column of paths only, or the export of a labelling tool.
        inputs: `size_px`, `channels`, `interpolation` and where there is one `value_range`, and where the run was trained on a
            table of photos, what `describe` says of it.
        root: the folder that the paths start from; None takes the folder of the CSV file.
        notes: at the end, sentences about skipped photos and the like are added to this list.
    Yields: ids `(n,)` (the id column where the run has one and the file too, otherwise paths as written) and images
        `uint8 (n, C, S, S)`, in the order of the file.
    Raises DataError: no column of paths, or photos that are missing or unreadable, with their lines.
    """
    file = Path(path).expanduser()
    export = exported_images.find(file, None if root is None else str(root), inputs.get("image"), "")
    view, bands = View.of_source(inputs), inputs.get("num_bands")
    how = Decoding(int(inputs["size_px"]), inputs["channels"], str(inputs["interpolation"]), on_error, None, view, bands)
    if export is not None:
        yield from exported_images.iter_export(export, inputs, how, chunk, root is not None, [] if notes is None else notes)
        return
    asked = replace(Asked(**dict(inputs.get("asked", {}))), decimal=".", thousands="none", header_lines=None)  # no numbers here
    form, columns, lines = _read(file, asked, "INPUT")
    places = _new_places(file, form, columns, inputs)
    rows = _Rows({role: columns[place] for role, place in places.items()}, lines)
    own_notes: list[str] = []
    start = _root(file, None if root is None else str(root), "")
    trained = inputs.get("root")
    if root is None and trained is not None and Path(trained).is_dir() and not _is_there(rows.cells["image"], start):
        start = Path(trained)  # as in training, where the paths do not start beside this file
    files, found = locate(rows.cells["image"], rows.lines, start, file, on_error, own_notes, "")
    rows = rows.take(found)
    pictures = pictures_in(files, _shown(rows), view)
    ids = pictures.named(list(rows.cells.get("id", rows.cells["image"])))
    scale = stored_scale(inputs.get("value_range"))
    for kept, images in iter_photos(pictures, how, chunk, own_notes, scale):
        yield np.array(["" if ids[row] is None else ids[row] for row in kept], dtype=object), images
    if notes is not None:
        notes.extend(own_notes)


def _is_there(cells: Array, root: Path) -> bool:
    """Whether the first path of a column leads to something from `root`."""
    first = next((cell for cell in cells if cell is not None), None)
    return first is not None and (root / first).exists()


def looks_like_paths(cells: Sequence[str | None]) -> bool:
    """Whether most of these cells, of those that are not missing, end as image files do."""
    known = [cell for cell in cells if cell is not None]
    return sum(map(is_image_name, known)) > len(known) / 2


def _read(path: Path, asked: Asked, key: str) -> tuple[Format, list[Array], Array]:
    """How the file is written, its cells by column, and the line of each row."""
    form = sniff(path, asked, key)
    if asked.header is None and form.header and any(looks_like_paths([name]) for name in form.names):
        form = sniff(path, replace(asked, header=False), key)  # the path of an image is no name of a column
    columns, lines = read(path, form)
    if not len(lines):
        raise DataError(f"{key}: {path} has column names but no rows.", "Add one row for each image.")
    return form, columns, lines


def _read_own(settings: ImageTable) -> tuple[Path, Format, list[Array], Array, Path]:
    """The file of the settings, what `_read` finds in it, and the folder that its paths start from."""
    path = Path(settings.path).expanduser()
    asked = settings.asked(settings.image, settings.target, settings.group, settings.id, settings.part, settings.order)
    return path, *_read(path, asked, "dataset.path"), _root(path, settings.root)


def _root(path: Path, root: str | None, key: str = "dataset.root") -> Path:
    return path.absolute().parent if root is None else existing_folder(root, key)


def _shown(rows: _Rows) -> list[str]:
    """What messages call each row: its line, and the path as written."""
    return [
        f"line {line}: {'no path' if cell is None else shortened(cell)}"
        for line, cell in zip(rows.lines, rows.cells["image"], strict=True)
    ]


def _places(settings: ImageTable, path: Path, form: Format, columns: Sequence[Array]) -> dict[str, int]:
    """The position of the column of each role; a column has one role, except those of `_MAY_SHARE`."""
    roles = ("image", "target", "group", "id", "part", "order")
    asked = {role: getattr(settings, role) for role in roles if getattr(settings, role) is not None}
    places = {role: find_column(path, form.names, name, f"dataset.{role}") for role, name in asked.items()}
    if "image" not in places:
        free = [i for i in range(len(form.names)) if i not in places.values()]
        places["image"] = _find_images(path, form.names, {i: columns[i] for i in free}, "dataset.image")
    if "target" not in places:
        left = [form.names[i] for i in range(len(form.names)) if i not in places.values()]
        if len(left) > 1:
            raise which_target(path, left)
        if not left:
            raise DataError(f"dataset.target: {path}: no column is left to predict.", "Add a column of classes or numbers.")
        places["target"] = form.names.index(left[0])
    for role in roles:
        for other in roles[: roles.index(role)]:
            if places.get(role, -1) == places.get(other, -2) and (role, other) not in _MAY_SHARE:
                name = shortened(form.names[places[role]])
                raise DataError(f"dataset.{other} and dataset.{role} are both the column {name}.", "Give each its own column.")
    return places


def _find_images(path: Path, names: Sequence[str], columns: Mapping[int, Array], key: str) -> int:
    """The position of the one column whose cells look like image files."""
    found = [i for i, cells in columns.items() if looks_like_paths(cells.tolist())]
    if len(found) == 1:
        return found[0]
    label, hint = (f"{key}: ", f"Name it: {key}=COLUMN. There are: {listed(names)}.") if key else ("", "")
    if found:
        raise DataError(f"{label}{path}: several columns hold paths of images: {listed([names[i] for i in found])}.", hint)
    few = " ".join(sorted(SUFFIXES)[:6])
    raise DataError(f"{label}{path}: no column holds paths of images (ending in {few} ...).", hint or "Add a column of paths.")


def _new_places(path: Path, form: Format, columns: Sequence[Array], inputs: Mapping[str, Any]) -> dict[str, int]:
    """The position of the column of paths, and of the one of ids if there is one, in a file of new rows."""
    named = {role: inputs.get(role) for role in ("image", "id")} if inputs.get("header", True) else {}
    places = {role: form.names.index(name) for role, name in named.items() if name in form.names}
    if "image" not in places and len(columns) == 1:
        places["image"] = 0
    elif "image" not in places:
        places["image"] = _find_images(path, form.names, dict(enumerate(columns)), "")
    return places


def _part(path: Path, rows: _Rows) -> Array:
    """The part of each row."""
    cells = rows.cells["part"]
    found = [PART_WORDS.get((cell or "").strip().lower()) for cell in cells]
    bad = [i for i, part in enumerate(found) if part is None]
    if bad:
        shown = "nothing" if cells[bad[0]] is None else repr(shortened(cells[bad[0]], 30))
        what = f"{shown} is not a part, as in {len(bad):,} of {len(cells):,} rows."
        raise DataError(f"dataset.part: {path}, line {rows.lines[bad[0]]}: {what}", "Each row needs one of train, val and test.")
    return np.array(found, dtype=str)

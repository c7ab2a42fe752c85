"""Label Studio: tasks with their annotations (JSON), or a flat record of each annotation (JSON-MIN and CSV)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sdl_cli.data.exports.photo_list import Export, Kind, Photo, as_list, as_mapping, as_text
from sdl_cli.data.images.decode import SUFFIXES
from sdl_cli.errors import DataError
from sdl_cli.phrases import listed, shortened

TOOL = "Label Studio"
OWN_COLUMNS = frozenset({"annotation_id", "annotator", "lead_time"})  # by which its CSV is known
_OWN = OWN_COLUMNS | {"id", "created_at", "updated_at", "agreement", "history"}
_NOT_CLASSES = ("rating", "number", "text", "datetime")  # in what a result holds: they may be numbers


def matches(data: object) -> bool:
    first = data[0] if isinstance(data, list) and data else data
    if not isinstance(first, dict):
        return False
    is_task = isinstance(first.get("data"), dict) and ("annotations" in first or "completions" in first or "predictions" in first)
    return is_task or (isinstance(data, list) and {"annotation_id", "annotator"} <= set(first))


def read(data: Any, path: Path, image: str | None = None) -> Export:
    """The photos of a file.

    Arguments:
        image: which of a task's data names its image; None takes the one that looks so.
    Raises DataError: what is not as the tool writes it, or tasks without an image.
    """
    found = Export(TOOL, path, prefixed=True)
    tasks = [
        as_mapping(task, path, TOOL, f"task {number}", "the entry")
        for number, task in enumerate(data if isinstance(data, list) else [data], 1)
    ]
    if any("data" in task and "annotator" not in task for task in tasks[:1]):
        _read_tasks(found, tasks, image)
    else:
        add_records(found, [(f"record {number}", task) for number, task in enumerate(tasks, 1)], image)
    return found


def _read_tasks(found: Export, tasks: list[dict[str, Any]], image: str | None) -> None:
    path = found.file
    details = [as_mapping(t.get("data"), path, TOOL, f"task {n}", "data") for n, t in enumerate(tasks, 1)]
    image = _image_key(found, details, image)
    for number, (task, data) in enumerate(zip(tasks, details, strict=True), 1):
        place = f"task {number}"
        photo = found.photo(data.get(image), place)
        photo.details |= {key: as_text(value) for key, value in data.items() if key != image}
        photo.details.setdefault("id", as_text(task.get("id")))
        written = as_list(task.get("annotations", task.get("completions")), path, TOOL, place, "annotations")
        annotations = [as_mapping(annotation, path, TOOL, place, "an annotation") for annotation in written]
        for annotation in sorted(annotations, key=_age):
            if not (annotation.get("was_cancelled") or annotation.get("skipped")):
                results = as_list(annotation.get("result"), path, TOOL, place, "result")
                _add_results(found, photo, results, place)


def _add_results(found: Export, photo: Photo, results: list[Any], place: str) -> None:
    shapes: set[str] = set()
    labelled: set[str] = set()  # a shape's label may be a result of its own with the same id
    for result in results:
        result = as_mapping(result, found.file, TOOL, place, "a result")
        value = as_mapping(result.get("value"), found.file, TOOL, place, "a value")
        name, key = as_text(result.get("from_name")), as_text(result.get("id"))
        words = list(_words(value))
        if name:
            noted = [photo.add(Kind(name, is_text=is_text), word) for word, is_text in words]
            labelled |= {key} if any(noted) else set()
        shapes |= {key} if _is_region(value) else set()
    found.num_bare += len(shapes - labelled)


def _is_region(value: object) -> bool:
    return isinstance(value, dict) and bool({"x", "points", "rle"} & set(value))


def _words(value: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The labels in a value, and whether each is the name of a class: choices, labels of boxes, paths of a taxonomy, numbers."""
    for key, own in value.items():
        if key == "choices" or key == "labels" or key.endswith("labels"):
            for word in own if isinstance(own, list) else [own]:
                yield as_text(word), True
        elif key == "taxonomy":
            for way in own if isinstance(own, list) else [own]:
                yield " / ".join(map(as_text, way)) if isinstance(way, list) else as_text(way), True
        elif key in _NOT_CLASSES:
            for word in own if isinstance(own, list) else [own]:
                yield as_text(word), False


def add_records(found: Export, records: list[tuple[str, dict[str, Any]]], image: str | None, of_csv: bool = False) -> None:
    """Note flat records, one for each annotation.

    Arguments:
        records: each with its place. image: as for `read`. of_csv: they are cells of text, of which some hold JSON.
    """
    image = _image_key(found, [record for _, record in records], image)
    seen: dict[str, str] = {}
    photos = [found.photo(record.get(image), place, once=False) for place, record in records]
    pairs = zip(photos, (record for _, record in records), strict=True)
    for photo, record in sorted(pairs, key=lambda pair: _age(pair[1])):  # the newest comes first in the file
        task = as_text(record.get("id"))
        found.twice += seen.setdefault(photo.path, task) != task  # several records of one task are several annotations
        for key, value in record.items():
            if key in _OWN or key == image or value is None:
                if key == "id":
                    photo.details.setdefault(key, task)
                continue
            value = _from_cell(value) if of_csv else value
            if isinstance(value, (dict, list)):
                for part in value if isinstance(value, list) else [value]:
                    found.num_bare += not _add_value(photo, key, part)
            else:
                photo.details.setdefault(key, as_text(value))
                photo.add(Kind(key, is_text=False), value)


def _age(annotation: Mapping[str, Any]) -> str:
    """When an annotation was made, as text that sorts so."""
    return as_text(annotation.get("created_at"))


def _add_value(photo: Photo, name: str, value: object) -> bool:
    """Note one of several results of a control, bare or as an object; false where it is a shape without a label."""
    if not isinstance(value, dict):
        return photo.add(Kind(name, is_text=False), value)
    words = [photo.add(Kind(name, is_text=False), word) for word, _ in _words(value)]
    return any(words) or not _is_region(value)


def _from_cell(cell: str) -> Any:
    """What a cell of the CSV holds: a choice as it is, or JSON where there are several, or shapes."""
    if cell[:1] in ("{", "["):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell


def _image_key(found: Export, details: list[dict[str, Any]], asked: str | None) -> str:
    """Which of a task's data names its image. Raises DataError: none does, or several do."""
    counts = Counter(key for data in details for key, value in data.items() if isinstance(value, str) and _is_path(value))
    likely = [key for key, count in counts.items() if count > len(details) / 2]
    there = {key for data in details for key in data}
    if asked in there:
        return str(asked)
    if len(likely) == 1:
        return likely[0]
    names = listed([shortened(key, 30) for key in (likely or sorted(there))], 8)
    what = f"several fields hold paths of images: {names}" if likely else f"no field holds paths of images, of {names}"
    raise DataError(f"{found.file} ({TOOL}): {what}.", "Name it: dataset.image=FIELD")


def _is_path(value: str) -> bool:
    plain = value if "?d=" in value or "filepath=" in value else value.partition("?")[0]
    return f".{plain.rpartition('.')[2].lower()}" in SUFFIXES

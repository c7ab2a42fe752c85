"""CSV files of labelling tools, recognised by the names of their columns: VIA, Label Studio, and Roboflow's `_classes.csv`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sdl_cli.data.exports import label_studio, via
from sdl_cli.data.exports.json_files import parsed
from sdl_cli.data.exports.photo_list import Export, Kind, Photo, as_list, damaged
from sdl_cli.data.files.delimiter import open_lines
from sdl_cli.data.files.records import records
from sdl_cli.data.files.text_file import check_memory, find_encoding
from sdl_cli.data.images.decode import SUFFIXES
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

ROBOFLOW = "Roboflow"
_CLASS = Kind("class")
_VIA_3 = "# CSV_HEADER = "
_FIRST_LINES = 64  # of VIA 3, that begin with # and stand above its rows
_YES = {"1": True, "0": False, "1.0": True, "0.0": False}


def kind_of(head: bytes, path: Path) -> str:
    """Which tool writes a text file that begins so, or an empty word."""
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace").lstrip("\ufeff")
    if text.startswith("#") and ("VGG Image Annotator" in text or _VIA_3 in text):
        return "via 3"
    first = text.partition("\n")[0].rstrip("\r")
    cells = [cell.strip().strip('"') for cell in first.lstrip("#").split(_delimiter(first))]
    if set(cells) >= via.COLUMNS:
        return "via"
    if set(cells) >= label_studio.OWN_COLUMNS:
        return "label studio" if any(ending in text.lower() for ending in SUFFIXES) else ""  # it may be of texts
    if cells[0] == "filename" and len(cells) > 1:
        return "roboflow" if path.name.lower() == "_classes.csv" or _flags_classes(text.splitlines()[:_FIRST_LINES]) else ""
    return ""


def _flags_classes(lines: Sequence[str]) -> bool:
    """Whether the first lines name several classes behind blanks, and hold 0 and 1 below; with one such column it is a table."""
    names, rows = lines[0].split(",")[1:], [line.split(",")[1:] for line in lines[1:-1] or lines[1:]]
    behind_blanks = len(names) > 1 and all(name.startswith(" ") and name.strip() for name in names)
    return behind_blanks and bool(rows) and all(cell.strip() in _YES for row in rows for cell in row)


def _delimiter(first: str) -> str:
    """What separates the names in the first line: a comma, or what a spreadsheet put there."""
    return max(",;\t", key=first.count)


def read(path: Path, head: bytes, image: str | None = None) -> Export | None:
    """The export in a text file; None where it is none that is known.

    Arguments:
        head: how it begins. image: which column names the image, where the tool leaves that open.
    Raises DataError: damaged, or too large.
    """
    kind = kind_of(head, path)
    if not kind:
        return None
    check_memory(path, hint="Export fewer images at once.")
    found = _read(path, kind, image)
    found.notes += find_encoding(path, None, "dataset.encoding")[1]
    return found


def _read(path: Path, kind: str, image: str | None) -> Export:
    if kind == "via 3":
        return _read_via_3(path)
    if kind == "label studio":
        found = Export(label_studio.TOOL, path, prefixed=True)
        rows = [(place, dict(zip(names, cells, strict=True))) for place, names, cells in _rows(path)]
        if not rows:
            raise damaged(path, found.tool, "", "there are no rows below the names of the columns")
        label_studio.add_records(found, rows, image, of_csv=True)
        return found
    if kind == "roboflow":
        return _read_roboflow(path)
    found = Export(via.TOOL, path)
    for place, names, cells in _rows(path):
        row = {name.lstrip("#").strip(): cell for name, cell in zip(names, cells, strict=True)}
        via.add_row(found, row, place, lambda text, where: parsed(text, f"{path}, {where}"))
    return found


def _rows(path: Path, skip: int = 0, names: Sequence[str] = ()) -> Iterator[tuple[str, Sequence[str], list[str]]]:
    """The place of each row, the names of the columns, and its cells.

    Arguments:
        skip: lines above the names. names: of the columns, where the file has no line of them.
    """
    encoding, _ = find_encoding(path, None, "dataset.encoding")
    lines = open_lines(path, encoding, ",")
    for _ in range(skip):
        next(lines)
    delimiter = _delimiter("" if skip else "".join(lines.peek(1, 1)))
    for line, cells in records(lines, delimiter):
        if not names:
            names = [cell.strip() for cell in cells]
            if len(set(names)) < len(names):
                raise DataError(f"{path}, line {line}: two columns have one name.", "Export it again.")
        elif len(cells) != len(names):
            what = f"{len(cells)} cells, but there are {len(names)} columns"
            raise DataError(f"{path}, line {line}: {what}.", "Export it again; quotes in it may have been changed.")
        else:
            yield f"line {line}", names, cells


def _read_roboflow(path: Path) -> Export:
    """One row for each image and one column for each class, with 1 where the image is of it."""
    found = Export(ROBOFLOW, path)
    for place, names, cells in _rows(path):
        photo = found.photo(cells[0], place)
        for name, cell in zip(names[1:], cells[1:], strict=True):
            is_of_it = _YES.get(cell.strip())
            if is_of_it is None:
                raise damaged(path, ROBOFLOW, place, f"{shortened(cell, 20)!r} in the column {shortened(name, 30)} is not 0 or 1")
            _note_class(photo, name, is_of_it, len(names) == 2)
    return found


def _note_class(photo: Photo, name: str, is_of_it: bool, is_alone: bool) -> None:
    photo.add(Kind(name, "column", is_main=is_alone), int(is_of_it))
    if is_of_it and not is_alone:
        photo.add(_CLASS, name)


def _read_via_3(path: Path) -> Export:
    """Rows of metadata below lines that begin with #, one of which explains the attributes."""
    found = Export(via.TOOL, path)
    attributes: dict[str, Any] = {}
    encoding, _ = find_encoding(path, None, "dataset.encoding")
    above: list[str] = []
    for line in open_lines(path, encoding, ","):
        if not line.startswith("#") or len(above) >= _FIRST_LINES:
            break
        above.append(line)
        name, _, rest = line.lstrip("# ").partition("=")
        if name.strip() in ("ATTRIBUTE", "ATTRIBUTES"):
            attributes = parsed(rest.strip(), f"{path}, line {len(above)}")
    if not isinstance(attributes, dict):
        raise damaged(path, via.TOOL, "", "the line of attributes is not an object")
    for place, _, cells in _rows(path, len(above), via.COLUMNS_3):
        key, files, _, times, shape, values = cells
        names = as_list(parsed(files, f"{path}, {place}"), path, via.TOOL, place, "file_list")
        if len(names) != 1:
            raise damaged(path, via.TOOL, place, f"{shortened(key, 30)} is of {len(names)} files at once; a photo is needed")
        photo = found.photo(names[0], place, once=False)
        at, region, own = (parsed(cell, f"{path}, {place}") for cell in (times, shape, values))
        via.add_metadata(found, photo, at, region, own, attributes, place)
    return found

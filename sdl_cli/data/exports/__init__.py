"""Exports of labelling tools, recognised by their content: files in JSON, XML and CSV, and folders of these.

Every tool is a module that reads its files into an `Export`, a list of photos with their labels; `json_files`, `csv_files` and
`cvat` recognise them. Nothing is downloaded, whatever a file names.
"""

from __future__ import annotations

from pathlib import Path

from sdl_cli.data.exports import cvat, json_files
from sdl_cli.data.exports.csv_files import kind_of
from sdl_cli.data.exports.csv_files import read as read_csv
from sdl_cli.data.exports.folders import annotation_files, holds_classes
from sdl_cli.data.exports.photo_list import Export
from sdl_cli.data.files.text_file import open_bytes
from sdl_cli.errors import DataError

_HEAD_BYTES = 2**16
_WORDS = (  # keys of JSON, of which every tool writes one at the start
    *(b'"_via_', b'"regions"', b'"vid_list"', b'"shapes"', b'"imagePath"', b'"images"', b'"annotations"', b'"categories"'),
    *(b'"annotation_id"', b'"annotator"'),
)
KNOWN = "VIA, LabelMe, COCO, Label Studio, Roboflow and CVAT for images"


def is_export(path: Path) -> bool:
    """Whether a file begins as a labelling tool's export does; or whether a folder holds such files and no folders of classes."""
    if path.is_dir():
        return not holds_classes(path, _is_known) and bool(annotation_files(path, _is_known))
    head = _head(path)
    return json_files.starts_json(head) or _starts_xml(head) or bool(kind_of(head, path))


def _is_known(file: Path) -> bool:
    """Whether words of a tool stand at the start of a file."""
    head = _head(file)
    if json_files.starts_json(head):
        return any(word in head for word in _WORDS)
    return b"<annotations" in head if _starts_xml(head) else bool(kind_of(head, file))


def read(path: Path, image: str | None = None) -> list[Export]:
    """The exports in a file or a folder, one for each file of annotations; none where it is something else.

    Arguments:
        image: the field or column that names the image, where the tool leaves that open.
    Raises DataError: damaged files, files too large, and JSON or XML of another kind.
    """
    if path.is_dir():
        found = [(file, part, _read_file(file, image)) for file, part in annotation_files(path, _is_known)]
        exports = [export for _, _, export in found if export is not None]
        for _, part, export in found:
            for photo in export.photos if export is not None and part is not None else ():
                photo.part = part
        tools = sorted({export.tool for export in exports})
        if len(tools) > 1:
            names = ", ".join(f"{tool} ({next(e.file.name for e in exports if e.tool == tool)})" for tool in tools)
            raise DataError(f"{path}: exports of several tools: {names}.", "Give the file of one of them as dataset.path.")
        return exports
    head = _head(path)
    if json_files.starts_json(head) or _starts_xml(head):
        export = _read_file(path, image)
        if export is None:
            kind = "XML" if _starts_xml(head) else "JSON"
            raise DataError(f"{path}: this {kind} is no export that is known.", f"Those of {KNOWN} are read; or give a CSV file.")
        return [export]
    export = read_csv(path, head, image)
    return [] if export is None else [export]


def _read_file(path: Path, image: str | None) -> Export | None:
    head = _head(path)
    if json_files.starts_json(head):
        return json_files.read(path, image)
    return cvat.read(path) if _starts_xml(head) else read_csv(path, head, image)


def _starts_xml(head: bytes) -> bool:
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith((b"<?xml", b"<!", b"<annotation", b"<html"))  # a column may be called <id>


def _head(path: Path) -> bytes:
    """How a file begins, unpacked; nothing where it cannot be read."""
    try:
        if not path.is_file():
            return b""
        with open_bytes(path) as file:
            return file.read(_HEAD_BYTES)
    except (DataError, OSError):
        return b""

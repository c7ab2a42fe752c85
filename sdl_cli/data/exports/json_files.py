"""JSON files of labelling tools, read whole if memory suffices, and recognised by their keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sdl_cli.data.exports import coco, label_studio, labelme, via
from sdl_cli.data.exports.photo_list import Export
from sdl_cli.data.files.text_file import check_memory, open_bytes
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_START = re.compile(rb'\s*(?:\{\s*(?:["}]|\Z)|\[\s*(?:[{\[\]]|\Z))')
_MEMORY_RATIO = 16  # of objects of Python to the text that they stand in


def starts_json(head: bytes) -> bool:
    """Whether a file that begins so can be JSON of a tool."""
    return _START.match(head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")) is not None


def read(path: Path, image: str | None = None) -> Export | None:
    """The export in a JSON file; None where it is none that is known.

    Arguments:
        image: which of a task's data names its image, where the tool leaves that open.
    Raises DataError: damaged, or too large.
    """
    data = load(path)
    if label_studio.matches(data):
        return label_studio.read(data, path, image)
    module = next((tool for tool in (via, labelme, coco) if tool.matches(data)), None)
    return None if module is None else module.read(data, path)


def load(path: Path) -> Any:
    """What a JSON file holds. Raises DataError: it cannot be read, is no JSON, or is larger than memory."""
    check_memory(path, _MEMORY_RATIO, "objects of JSON", "Export fewer images at once.")
    with open_bytes(path) as file:
        content = file.read()
    return parsed(content, str(path))


def parsed(content: str | bytes, where: str) -> Any:
    """JSON text as objects; `where` is the file and the place, for messages."""
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, letter {error.colno}"
        ends = error.pos >= len(error.doc.rstrip())
        what = f"the JSON ends in the middle ({place})" if ends else f"the JSON is damaged at {place}: {shortened(error.msg)}"
        raise DataError(f"{where}: {what}.", "Export or copy it again.") from error
    except RecursionError as error:
        raise DataError(f"{where}: the JSON is nested too deeply.", "Export it again.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: the JSON is not valid UTF-8 at byte {error.start:,}.", "Save it as UTF-8.") from error
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{where}: the JSON cannot be read: {shortened(error)}.", "Export it again.") from error

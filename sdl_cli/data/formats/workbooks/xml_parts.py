"""Reading the XML inside workbooks: no document types, so no entities; names without their prefixes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from xml.parsers import expat

from sdl_cli.data.formats.workbooks.container import damaged

Attributes = Mapping[str, str]


class _NotAllowedError(Exception):
    """A document type: it could define entities that grow without end, or that name other files."""


def walk(
    path: Path,
    data: bytes,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Call these functions for every element, its end and its text; names come without their prefix.

    Raises DataError: no well-formed XML, or one with a document type.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*args: object) -> None:
        raise _NotAllowedError

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _NotAllowedError, UnicodeError, LookupError, ValueError) as error:
        raise damaged(path, "its XML") from error


def local(attributes: Attributes, name: str) -> str | None:
    """An attribute by its name without a prefix."""
    if name in attributes:
        return attributes[name]
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name), None)

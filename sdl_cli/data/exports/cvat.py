"""CVAT for images: XML that is read as it comes; a file that declares a document type or entities is refused."""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from sdl_cli.data.exports.photo_list import Export, Kind, Photo, damaged
from sdl_cli.data.files.text_file import check_memory, open_bytes
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

TOOL = "CVAT"
_BLOCK_BYTES = 2**20
_TAG = Kind("tag")
_SHAPE = Kind("label", "shape")
_SHAPES = frozenset({"box", "polygon", "polyline", "points", "cuboid", "mask", "ellipse", "skeleton"})
_MOST_LETTERS = 10_000  # of an attribute's text


def read(path: Path) -> Export | None:
    """The photos of an XML file; None where it is none of CVAT.

    Raises DataError: damaged, too large, with a document type, or of a film.
    """
    check_memory(path, held_as="a list of photos", hint="Export fewer images at once.")
    parser = expat.ParserCreate()
    reader = _Reader(path, parser)
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    try:
        with open_bytes(path) as file:
            while reader.is_known and (block := file.read(_BLOCK_BYTES)):
                parser.Parse(block, False)
        if reader.is_known:
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        what = expat.errors.messages[error.code]
        if reader.root is None:
            raise DataError(f"{path}: this XML cannot be read (line {error.lineno}: {what}).", "Export it again.") from error
        raise DataError(f"{path}: the XML is damaged or cut off at line {error.lineno}: {what}.", "Export it again.") from error
    except (LookupError, ValueError) as error:  # an encoding that is not known, or declared wrongly
        raise DataError(f"{path}: the XML cannot be read: {shortened(error)}.", "Save it as UTF-8.") from error
    return reader.found if reader.is_known else None


class _Reader:
    """What stands in the file so far."""

    def __init__(self, path: Path, parser: expat.XMLParserType) -> None:
        self.parser = parser
        self.found = Export(TOOL, path)
        self.root: str | None = None
        self.is_known = True
        self.photo: Photo | None = None
        self.shape = ""  # the element that attributes belong to
        self.attribute: Kind | None = None
        self.letters: list[str] = []
        self.num_letters = 0

    def place(self) -> str:
        return f"line {self.parser.CurrentLineNumber}"

    def refuse(self, name: str, *_: object) -> None:
        message = f"{self.found.file}, {self.place()}: this XML declares a document type or entities ({shortened(name, 30)})."
        raise DataError(message, "CVAT writes none: export it again.")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self.root = name
            self.is_known = name == "annotations"
        elif name == "track":
            raise damaged(self.found.file, TOOL, self.place(), "it holds tracks of a film; export as CVAT for images")
        elif name == "image":
            self.photo = self.found.photo(attributes.get("name"), self.place())
            self.photo.details["subset"] = attributes.get("subset", "").strip()
        elif self.photo is not None and not self.shape and (name == "tag" or name in _SHAPES):
            self.shape = name
            is_labelled = self.photo.add(_TAG if name == "tag" else _SHAPE, attributes.get("label"))
            self.found.num_bare += not is_labelled
        elif self.photo is not None and self.shape and name == "attribute" and attributes.get("name", "").strip():
            of = "tag" if self.shape == "tag" else "shape"
            self.attribute = Kind(attributes["name"].strip(), of, is_main=False, is_text=False)
            self.letters, self.num_letters = [], 0

    def text(self, letters: str) -> None:
        if self.attribute is not None and self.num_letters < _MOST_LETTERS:
            self.letters.append(letters)
            self.num_letters += len(letters)

    def end(self, name: str) -> None:
        if name == "image":
            self.photo = None
        elif name == self.shape:
            self.shape = ""
        elif name == "attribute" and self.attribute is not None and self.photo is not None:
            self.photo.add(self.attribute, "".join(self.letters))
            self.attribute = None

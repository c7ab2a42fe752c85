"""LabelMe: a JSON file beside each image, with flags of the image and labelled shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdl_cli.data.exports.photo_list import Export, Kind, as_list, as_mapping

TOOL = "LabelMe"
_FLAGS = Kind("flags")
_SHAPES = Kind("label", "shape")


def matches(data: object) -> bool:
    return isinstance(data, dict) and "imagePath" in data and "shapes" in data


def read(data: dict[str, Any], path: Path) -> Export:
    """The one photo of a file. Raises DataError: what is not as the tool writes it."""
    found = Export(TOOL, path)
    photo = found.photo(data.get("imagePath"), path.name)
    for name, is_set in as_mapping(data.get("flags"), path, TOOL, "", "flags").items():
        if is_set is True:
            photo.add(_FLAGS, name)
        if isinstance(is_set, bool) and name.strip():
            photo.add(Kind(name.strip(), "flag", is_main=False), is_set)
    for shape in as_list(data.get("shapes"), path, TOOL, "", "shapes"):
        shape = as_mapping(shape, path, TOOL, "", "a shape")
        found.num_bare += not photo.add(_SHAPES, shape.get("label"))
    return found

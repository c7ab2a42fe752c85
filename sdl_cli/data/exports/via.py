"""The VGG Image Annotator: annotations and projects of versions 1 to 3, in JSON and in CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdl_cli.data.exports.photo_list import Export, Kind, Photo, as_list, as_mapping, as_text, damaged

TOOL = "VIA"
COLUMNS = frozenset({"filename", "file_attributes", "region_shape_attributes", "region_attributes"})  # of its CSV
COLUMNS_3 = ("metadata_id", "file_list", "flags", "temporal_coordinates", "spatial_coordinates", "metadata")
_CHECKBOX, _TEXT = 2, 1  # types of attributes in version 3
Parse = Callable[[str, str], Any]  # of a cell of JSON and its place


def matches(data: object) -> bool:
    if not isinstance(data, dict):
        return False
    if "_via_img_metadata" in data or {"project", "attribute", "file", "metadata", "view"} <= set(data):
        return True
    first = next(iter(data.values()), None)
    return isinstance(first, dict) and "filename" in first and "regions" in first


def read(data: dict[str, Any], path: Path) -> Export:
    """The photos of an annotation or project file. Raises DataError: entries that are not as the tool writes them."""
    if "view" in data and "_via_img_metadata" not in data:
        return _read_3(data, path)
    found = Export(TOOL, path, folders=("", "images", *_default_folder(data)))
    entries = as_mapping(data.get("_via_img_metadata", data), path, TOOL, "", "_via_img_metadata")
    choices = _choices(data.get("_via_attributes"))
    for number, entry in enumerate(entries.values(), 1):
        place = f"image {number}"
        entry = as_mapping(entry, path, TOOL, place, "the entry")
        photo = found.photo(entry.get("filename"), place)
        _note(photo, entry.get("file_attributes"), "image", path, place, choices)
        regions = entry.get("regions")  # a list since version 2, an object before
        regions = regions.values() if isinstance(regions, dict) else as_list(regions, path, TOOL, place, "regions")
        for region in regions:
            region = as_mapping(region, path, TOOL, place, "a region")
            found.num_bare += not _note(photo, region.get("region_attributes"), "region", path, place, choices)
    return found


def _default_folder(data: dict[str, Any]) -> list[str]:
    """The folder that a project says its images lie in."""
    settings = data.get("_via_settings")
    core = settings.get("core") if isinstance(settings, dict) else None
    folder = core.get("default_filepath") if isinstance(core, dict) else None
    return [folder.replace("\\", "/")] if isinstance(folder, str) and folder else []


def _choices(attributes: object) -> frozenset[tuple[str, str]]:
    """Attributes of a project, `image` or `region` and the name, that are chosen from a list and so name classes."""
    found = set()
    for key, of in (("file", "image"), ("region", "region")):
        own = attributes.get(key) if isinstance(attributes, dict) else None
        for name, about in own.items() if isinstance(own, dict) else ():
            if isinstance(about, dict) and about.get("type") in ("dropdown", "radio", "checkbox", "image"):
                found.add((of, as_text(name)))
    return frozenset(found)


def add_row(found: Export, cells: Mapping[str, str], place: str, parse: Parse) -> None:
    """Note a row of the CSV file of version 1 or 2: one for each region, or one for an image without any."""
    photo = found.photo(cells.get("filename"), place, once=False)
    _note(photo, parse(cells.get("file_attributes") or "{}", f"{place}, file_attributes"), "image", found.file, place)
    shape = parse(cells.get("region_shape_attributes") or "{}", f"{place}, region_shape_attributes")
    if shape:
        own = parse(cells.get("region_attributes") or "{}", f"{place}, region_attributes")
        found.num_bare += not _note(photo, own, "region", found.file, place)


def _note(
    photo: Photo, attributes: object, of: str, file: Path, place: str, choices: frozenset[tuple[str, str]] = frozenset()
) -> bool:
    """Note attributes of an image or a region: text, a choice, or an object that says which boxes are ticked."""
    noted = False
    for name, value in as_mapping(attributes, file, TOOL, place, "the attributes").items():
        shown = as_text(name) or "attribute"
        kind = Kind(shown, of, is_text=isinstance(value, dict) or (of, shown) in choices)
        ticked = [word for word, on in value.items() if on is True] if isinstance(value, dict) else [value]
        for word in ticked:
            noted |= photo.add(kind, word)
    return noted


def _read_3(data: dict[str, Any], path: Path) -> Export:
    """A project of version 3, where views show files, and metadata say what is seen in a view."""
    found = Export(TOOL, path)
    attributes, files, views, metadata = (
        as_mapping(data.get(key), path, TOOL, "", key) for key in ("attribute", "file", "view", "metadata")
    )
    photos: dict[str, Photo] = {}
    for vid, view in views.items():
        place = f"view {vid}"
        fids = as_list(as_mapping(view, path, TOOL, place, "the entry").get("fid_list"), path, TOOL, place, "fid_list")
        if len(fids) != 1:
            raise damaged(path, TOOL, place, f"it shows {len(fids)} files at once; a photo is needed")
        file = as_mapping(files.get(str(fids[0])), path, TOOL, place, "its file")
        photos[str(vid)] = found.photo(file.get("fname") or file.get("src"), place)
    for key, entry in metadata.items():
        place = f"metadata {key}"
        entry = as_mapping(entry, path, TOOL, place, "the entry")
        photo = photos.get(str(entry.get("vid")))
        if photo is None:
            raise damaged(path, TOOL, place, "it belongs to no view")
        add_metadata(found, photo, entry.get("z"), entry.get("xy"), entry.get("av"), attributes, place)
    return found


def add_metadata(
    found: Export, photo: Photo, times: object, shape: object, values: object, attributes: Mapping[str, Any], place: str
) -> None:
    """Note what version 3 says of an image, or of a shape in it; options are given by their numbers."""
    if times:
        raise damaged(found.file, TOOL, place, "it belongs to a moment of a film; photos are needed")
    of = "region" if shape else "image"
    noted = False
    for aid, value in as_mapping(values, found.file, TOOL, place, "the values").items():
        attribute = attributes.get(aid)
        attribute = attribute if isinstance(attribute, dict) else {"aname": attribute or aid}
        options = attribute.get("options")
        is_choice = isinstance(options, dict) and attribute.get("type") != _TEXT and bool(options)
        kind = Kind(as_text(attribute.get("aname")) or aid, of, is_text=is_choice)
        parts = as_text(value).split(",") if attribute.get("type") == _CHECKBOX else [as_text(value)]
        for part in parts:
            noted |= photo.add(kind, options.get(part, part) if is_choice and isinstance(options, dict) else part)
    found.num_bare += bool(shape) and not noted

"""COCO's JSON: images, categories, and annotations that join them, with a box or without."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sdl_cli.data.exports.photo_list import Export, Kind, Photo, as_list, as_mapping, as_text, damaged
from sdl_cli.phrases import listed, shortened

TOOL = "COCO"
_CATEGORY = Kind("category")


def matches(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("images"), list) and isinstance(data.get("annotations"), list)


def read(data: dict[str, Any], path: Path) -> Export:
    """The photos of a file. Raises DataError: images or categories that annotations name and that are not there."""
    tail = path.stem.rpartition("_")[2]  # the images of instances_train2017.json lie in train2017
    info = data.get("info")
    prefixed = isinstance(info, dict) and info.get("contributor") == "Label Studio"
    found = Export(TOOL, path, folders=("", "images", tail, f"images/{tail}"), prefixed=prefixed)
    names = _categories(data, path, found)
    photos: dict[str, Photo] = {}
    for number, image in enumerate(data["images"], 1):
        place = f"image {number}"
        image = as_mapping(image, path, TOOL, place, "the entry")
        key = as_text(image.get("id"))
        if not key or key in photos:
            raise damaged(path, TOOL, place, f"its id {shortened(key)} stands there before" if key else "it has no id")
        photos[key] = found.photo(image.get("file_name"), place)
    for number, annotation in enumerate(data["annotations"], 1):
        place = f"annotation {number}"
        annotation = as_mapping(annotation, path, TOOL, place, "the entry")
        photo = photos.get(as_text(annotation.get("image_id")))
        if photo is None:
            raise damaged(path, TOOL, place, f"there is no image {shortened(as_text(annotation.get('image_id')))!r}")
        category = as_text(annotation.get("category_id"))
        if not category:
            found.num_bare += 1
        elif category not in names:
            raise damaged(path, TOOL, place, f"there is no category {shortened(category)}")
        else:
            photo.add(_CATEGORY, names[category])
    return found


def _categories(data: dict[str, Any], path: Path, found: Export) -> dict[str, str]:
    """The names of categories by their ids."""
    names: dict[str, str] = {}
    for number, category in enumerate(as_list(data.get("categories"), path, TOOL, "", "categories"), 1):
        category = as_mapping(category, path, TOOL, f"category {number}", "the entry")
        key, name = as_text(category.get("id")), as_text(category.get("name"))
        if not key or not name or names.get(key, name) != name:
            raise damaged(path, TOOL, f"category {number}", "its id stands there before" if key in names else "no id or no name")
        names[key] = name
    doubled = [name for name, count in Counter(names.values()).items() if count > 1]
    if doubled:
        shown = listed([shortened(name, 30) for name in doubled], 5)
        found.notes.append(f"Several categories have one name, and are one class: {shown}.")
    return names

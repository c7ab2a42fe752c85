"""Exports as the tools document them, made for tests: photos whose red value tells them apart, and files of labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from sdl_cli.data import load
from sdl_cli.data.sources.image_table import ImageTable

LABELS = ["cat", "dog"] * 3


def photos(folder: Path, num: int = 6, names: Sequence[str] = ()) -> list[str]:
    """Photos 0.png, 1.png and so on, whose red value is 40 times their number; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    found = list(names) or [f"{i}.png" for i in range(num)]
    for i, name in enumerate(found):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 8), (40 * i, 0, 0)).save(folder / name)
    return found


def written(path: Path, content: Any) -> Path:
    """JSON, or text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def table(rows: Sequence[Sequence[object]], quote_all: bool = False) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL).writerows(rows)
    return out.getvalue()


def read(path: Path, **settings: Any) -> Any:
    return load(ImageTable(path=str(path), **({"size_px": 8} | settings)))


def labels(data: Any) -> list[str]:
    return [data.classes[i] for i in data.y]


def reds(data: Any) -> list[int]:
    """Which photos they are."""
    return [int(value) // 40 for value in data.X[:, 0, 0, 0]]


def region(name: str, value: object) -> dict[str, Any]:
    return {"shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 4, "height": 3}, "region_attributes": {name: value}}


def via(names: Sequence[str], attributes: Sequence[dict[str, Any]], regions: Sequence[list[Any]] | None = None) -> dict[str, Any]:
    """The annotations of VIA 2."""
    all_regions = regions or [[] for _ in names]
    entries = zip(names, attributes, all_regions, strict=True)
    return {f"{n}77": {"filename": n, "size": 77, "regions": r, "file_attributes": a} for n, a, r in entries}


def coco(names: Sequence[str], categories: Sequence[Sequence[str]], boxes: bool = True, **more: Any) -> dict[str, Any]:
    words = list(dict.fromkeys(word for own in categories for word in own))
    pairs = [(i, word) for i, own in enumerate(categories) for word in own]
    box = {"bbox": [1.0, 1.0, 4.0, 3.0], "area": 12.0, "iscrowd": 0, "segmentation": []} if boxes else {}
    return {
        "info": {"version": "1.0"},
        "licenses": [],
        "images": [{"id": i + 1, "file_name": n, "width": 10, "height": 8, "license": 0} for i, n in enumerate(names)],
        "annotations": [{"id": k, "image_id": i + 1, "category_id": words.index(w) + 1, **box} for k, (i, w) in enumerate(pairs)],
        "categories": [{"id": i + 1, "name": word, "supercategory": "none"} for i, word in enumerate(words)],
    } | more


def choice(word: str | list[str], name: str = "choice") -> dict[str, Any]:
    words = [word] if isinstance(word, str) else word
    return {"id": "Dx_aB91ISN", "from_name": name, "to_name": "image", "type": "choices", "value": {"choices": words}}


def task(number: int, image: str, *annotations: list[dict[str, Any]], **data: Any) -> dict[str, Any]:
    """A task of Label Studio with the results of each of its annotations."""
    own = [{"id": 7, "completed_by": 1, "was_cancelled": False, "ground_truth": False, "result": r} for r in annotations]
    return {"id": number, "annotations": own, "drafts": [], "predictions": [], "data": {"image": image} | data, "meta": {}}


def cvat(entries: Sequence[tuple[str, str]], meta: str = "<task><mode>annotation</mode></task>", more: str = "") -> str:
    """CVAT for images 1.1: for each image its attributes, and the elements in it."""
    images = "\n".join(
        f'  <image id="{i}" {attributes} width="10" height="8">{inside}</image>' for i, (attributes, inside) in enumerate(entries)
    )
    start = '<?xml version="1.0" encoding="utf-8"?>\n'
    return f"{start}{more}<annotations>\n  <version>1.1</version>\n  <meta>{meta}</meta>\n{images}\n</annotations>\n"


def labelme(image: str, shapes: Sequence[str] = (), flags: dict[str, bool] | None = None) -> dict[str, Any]:
    own = [
        {"label": s, "points": [[1, 1], [4, 4]], "group_id": None, "description": "", "shape_type": "rectangle", "flags": {}}
        for s in shapes
    ]
    head = {"version": "5.5.0", "flags": flags or {}, "shapes": own, "imagePath": image, "imageData": None}
    return head | {"imageHeight": 8, "imageWidth": 10}

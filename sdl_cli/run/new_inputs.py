"""How a data set was read, and more inputs read alike: rows to predict, and rows without targets to learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.decode import is_image_name
from sdl_cli.data.images.pixels import View
from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
Chunks = Iterator[tuple[Array, Array]]
Notice = Callable[[str], None]
_LISTS = (".csv", ".tsv", ".txt", ".gz", ".json", ".xml")  # of photos: tables, and exports of labelling tools


def as_read(dataset: Dataset, interpolation: str = "bilinear") -> dict[str, Any]:
    """What a run stores of its data, by which other inputs are read as it was; images are already brought to 8 bits."""
    found: dict[str, Any] = {
        "modality": dataset.modality,
        "shape": list(dataset.X.shape[1:]),
        "classes": list(dataset.classes),
        "features": list(dataset.feature_names),
        "columns": [asdict(column) for column in dataset.columns],
        "source": dict(dataset.source),
    }
    if dataset.modality == "image":
        takes_all = View.of_source(dataset.source).all_bands
        channels = "all" if takes_all else "grey" if dataset.X.shape[1] == 1 else "rgb"
        found |= {"size_px": int(dataset.X.shape[2]), "channels": channels}
        found["interpolation"] = interpolation
    if dataset.class_sets is not None:
        found["class_sets"] = dataset.class_sets.tolist()
    if dataset.value_range is not None:
        found["value_range"] = asdict(dataset.value_range)
    return found


def iter_inputs(source: Path, inputs: Mapping[str, Any], notice: Notice, on_error: str = "fail") -> Chunks:
    """Ids `(n,)` and X `(n, ...)` of new inputs a chunk at a time; `inputs` is what the run stored of its data."""
    notes: list[str] = []
    if inputs["modality"] == "series":
        from sdl_cli.data.sources.series import iter_series

        yield from iter_series(source, inputs, notes)
    elif source.suffix.lower() == ".npz" and not inputs.get("columns") and inputs["modality"] != "text":
        from sdl_cli.data.sources.npz import read_inputs

        if inputs.get("value_range") is not None:
            message = f"{source}: this run learned from images deeper than 8 bits, but an npz file does not say how it is scaled."
            raise DataError(message, "Give a folder of images, an image, or a table of their paths.")
        yield read_inputs(source)
    elif inputs["modality"] == "image":
        yield from _iter_images(source, inputs, notes, on_error)
    elif inputs["modality"] == "text":
        from sdl_cli.data.sources.new_texts import iter_texts

        yield from iter_texts(source, inputs["source"], notes=notes)
    elif inputs.get("columns"):
        from sdl_cli.data.sources.new_rows import iter_rows

        yield from iter_rows(source, inputs, notes=notes)
    else:
        raise DataError(f"{source}: this run is for tables; an npz file needs X with shape (rows, {inputs['shape'][0]}).")
    for sentence in notes:
        notice(sentence)


def _iter_images(source: Path, inputs: Mapping[str, Any], notes: list[str], on_error: str) -> Chunks:
    how = {key: inputs[key] for key in ("size_px", "channels", "interpolation")}
    is_list = source.suffix.lower() in _LISTS and not is_image_name(source.name)
    if source.is_file() and is_list:
        from sdl_cli.data.sources.image_table import iter_image_table

        found = {**inputs.get("source", {}), **how, "value_range": inputs.get("value_range"), "num_bands": inputs["shape"][0]}
        yield from iter_image_table(source, found, on_error=on_error, notes=notes)  # type: ignore[arg-type]
    else:
        from sdl_cli.data.images.depth import stored_scale
        from sdl_cli.data.sources.image_folder import iter_images

        more = {"scale": stored_scale(inputs.get("value_range")), "view": View.of_source(inputs.get("source", {}))}
        bands = inputs["shape"][0]
        yield from iter_images(source, **how, **more, on_error=on_error, notes=notes, num_bands=bands)  # type: ignore[arg-type]

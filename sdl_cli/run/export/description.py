"""What a program must do before calling an exported graph, without needing sdl."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli import __version__
from sdl_cli.learning.models import traits
from sdl_cli.run import run_folder
from sdl_cli.run.export.series_steps import ENCODER_STEPS, series_steps

FORMAT = 1
_COLOURS = {
    "rgb": "laid on white where they are transparent, scaled to 8 bits and converted to mode RGB (red, green, blue)",
    "grey": "laid on white where they are transparent, scaled to 8 bits and converted to mode L "
    "(grey: 0.299 red + 0.587 green + 0.114 blue)",
    "all": "scaled to 8 bits, with every band of the file in its order",
}


def describe(stored: run_folder.StoredRun, model: Any, values: dict[str, Any], out: Path) -> dict[str, Any]:
    """JSON-ready description of a run's model and of what goes into its graph.

    `classes` name the columns of the graph's output. `decision_weights`, if the run has them, multiply the probabilities before
    the largest names the class. With a `target_scale` of log the model learned logarithms, whose exponentials the graph gives.
    The `kind` of `preprocessing` is image, table, text or series, and its `steps` are to be done in order.
    """
    inputs = values["inputs"]
    names, decision = list(inputs["classes"]), inputs.get("decision")
    inner = getattr(model, "model_", model) if hasattr(model, "encoder_") else model
    columns = [int(k) for k in inner.classes_] if values["task"] == "classification" else []
    return {
        "format": FORMAT,
        "written_by": f"sdl {__version__}",
        "file": out.name,
        "model": values["model"],
        "dataset": stored.config["dataset"]["name"],
        "task": values["task"],
        "classes": [names[k] for k in columns],
        "decision_weights": None if decision is None else [decision[k] for k in columns],
        "target_scale": getattr(model, "target_scale", "none"),
        "preprocessing": _preprocessing(model, inner, values),
    }


def _preprocessing(model: Any, inner: Any, values: dict[str, Any]) -> dict[str, Any]:
    """What is to be done with a row before the graph; the steps of a reduction come last."""
    found = _before_reduction(model, inner, values)
    reduction = getattr(model, "reduction_", None)
    if reduction is None:
        return found
    arrays, state = reduction.get_state()
    reduced = {"method": state["method"], **{name: array.tolist() for name, array in arrays.items()}}
    if "features" in found and "kept" in arrays:
        reduced["kept_features"] = [found["features"][j] for j in arrays["kept"]]
    return found | {"reduction": reduced, "steps": [*found["steps"], _REDUCTION_STEPS[reduction.method]]}


_REDUCTION_STEPS = {
    "pca": "With `reduction`, make the row x into x' with one number for each row c of `components`: the sum over j of "
    "c[j] * (x[j] - mean[j]). The graph takes x'.",
    "select": "Of the row, keep the numbers at the places in `kept` of `reduction`, counted from 0, in this order. The graph "
    "takes these.",
}


def _before_reduction(model: Any, inner: Any, values: dict[str, Any]) -> dict[str, Any]:
    inputs = values["inputs"]
    if inputs["modality"] == "image":
        return _images(inputs, None if traits(values["model"]).is_network else inner.max_px)
    encoder = getattr(model, "encoder_", None)
    if encoder is None and inputs["modality"] == "series":
        return {"kind": "series", "source": inputs.get("source", {}), "shape": inputs["shape"], "steps": series_steps(inputs)}
    if encoder is None:
        return {
            "kind": "table",
            "features": list(inputs["features"]),
            "steps": ["Put the numbers of `features` into one row, in this order and as they are; none may be missing."],
        }
    arrays, state = encoder.get_state()
    state = {**state, **{name: np.asarray(array).tolist() for name, array in arrays.items()}}
    found = {"kind": inputs["modality"], "source": inputs.get("source", {}), "encoder": {"name": type(encoder).__name__, **state}}
    if inputs["modality"] == "text":
        return found | {"steps": _text_steps(state["row_length"])}
    if inputs["modality"] == "series":
        return found | {"features": encoder.names(), "steps": [*series_steps(inputs), *ENCODER_STEPS[state["kind"]]]}
    columns = inputs["columns"]
    return found | {
        "columns": columns,
        "columns_as_numbers": list(inputs["features"]),
        "features": encoder.names(inputs["features"], _levels(columns)),
        "steps": _TABLE_STEPS,
    }


def _levels(columns: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Levels of each of the F numbers that the columns become, empty for all but categories."""
    return [
        list(column["levels"]) if column["kind"] == "category" else []
        for column in columns
        for _ in (column["parts"] if column["kind"] == "date" else [None])
    ]


_TABLE_STEPS = [
    "Turn the cells of `columns` into numbers, in the order of `columns_as_numbers`: a number stays as it is; a category becomes "
    "the index of its cell in `levels` (a level that is not there: the number of levels); a boolean becomes 0 for the first of "
    "its `levels` and 1 for the second; a date becomes the numbers that `parts` names. A missing cell becomes NaN.",
    "With `encoder`: let the numbers be the columns whose `num_levels` is 0 and the categories the others, both in their order. "
    "The i-th output column is (number i - medians[i]) / scales[i], or 0 where it is NaN.",
    "Then comes one column for each number whose `indicated` is true: 1 where the number is NaN, else 0.",
    "All other columns, up to `num_outputs`, are 0, but for each category c one is 1: column targets[c][index of the level], "
    "where targets[c] has after all levels a place for an unseen level and, last, one for NaN; -1 stands for no column.",
]


def _text_steps(row_length: float) -> list[str]:
    from sdl_cli.learning.models import text_features

    return [
        f"Cut a text after {text_features.MAX_TEXT_CHARACTERS} characters and take the rest in lower case.",
        "Its `words` terms: all matches of the regular expression \\w+|[^\\w\\s]; each pair of neighbours, joined by a space, "
        "where the character U+0002 stands before the first match; and, if there are two matches or more, U+0002 and the first "
        "two, joined by spaces.",
        "Its `pieces` terms: of each stretch between white space, with one space put before and after it, all runs of 2 to 5 "
        "characters (a stretch that is shorter than a run counts once, whole), as scikit-learn's analyzer char_wb makes them.",
        "For words and then pieces, let term i of `encoder.terms` that occurs n > 0 times have the value (1 + ln n) * idf[i] "
        "(from `encoder`, idf.words or idf.pieces), and 0 if it does not occur; divide them by the root of the sum of their "
        "squares.",
        "Put the values of pieces behind those of words, and multiply all by "
        f"{row_length:g} / sqrt(how many of the two have any terms).",
    ]


def _images(inputs: dict[str, Any], max_px: int | None) -> dict[str, Any]:
    """How a photo becomes pixels, and for scikit-learn how these become the features of a row."""
    channels, height, width = (int(n) for n in inputs["shape"])
    found: dict[str, Any] = {
        "kind": "image",
        "channels": inputs["channels"],
        "height_px": height,
        "width_px": width,
        "interpolation": inputs["interpolation"],
        "range": [0, 255],
    }
    steps = [
        "Images that are arrays already (an npz file) are used as they are. Photos are opened with Pillow, turned as their EXIF "
        f"orientation says, {_COLOURS[inputs['channels']]}.",
        f"Resize so that the shorter side has {height} pixels and the longer one int({height} * longer / shorter), with Pillow's "
        f"{inputs['interpolation']} (which smooths where it shrinks).",
        f"Crop the {height} x {height} pixels that start at left = round((width - {height}) / 2) and "
        f"top = round((height - {height}) / 2), halves to the even number.",
        f"Put the pixels, 0 to 255, into (channel, row, column) = ({channels}, {height}, {width}).",
    ]
    if height != width:  # no photo has this shape: it came as arrays
        steps = [f"Put the pixels, 0 to 255, into (channel, row, column) = ({channels}, {height}, {width})."]
    if max_px is None:
        return found | {"steps": steps}
    rows, columns = min(height, max_px), min(width, max_px)
    steps.append(
        f"Reduce each channel to {rows} x {columns} by area means, in float32: new row i is the mean of the old rows from "
        f"i * {height} / {rows} to (i + 1) * {height} / {rows}, where a row that lies partly inside counts by that part; columns "
        "alike."
    )
    steps.append("Flatten it in the order channel, row, column; the values stay within 0 and 255.")
    return found | {"reduced_height_px": rows, "reduced_width_px": columns, "steps": steps}

"""A fitted model as files that run no code when they are read: JSON, safetensors, and skops for the rest of scikit-learn."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import MOST_JSON_BYTES, plain_json, read_guarded, write_atomic
from sdl_cli.learning.models.foreign import check_files, files_of, name_of, own_words, words_of
from sdl_cli.learning.models.kind import HOLDS_ROWS
from sdl_cli.learning.models.settings import MODELS, traits
from sdl_cli.phrases import first_line, listed, shortened
from sdl_cli.settings.contents import INPUTS, checked
from sdl_cli.settings.experiment import plain
from sdl_cli.settings.machine import available_bytes
from sdl_cli.settings.parse import parse_group
from sdl_cli.settings.parts.importing import OwnCodeError
from sdl_cli.settings.parts.own import TARGET

FORMAT = 1
PREPARATION = "preparation.safetensors"  # arrays of what goes before the model; the rest of it is in model.json
ARRAYS = "model.safetensors"


def save_model(
    model: Any, name: str, task: str, folder: Path, inputs: dict[str, Any], notice: Callable[[str], None] | None = None
) -> list[str]:
    """Write a fitted model into `folder` and return the names of its files.

    Arguments:
        name: the model's name in MODELS.
        inputs: what prediction must know of the data (classes, columns, image size), JSON-ready.
        notice: called with a sentence if the model holds its labelled rows, or can only be loaded with --trust.
    """
    values: dict[str, Any] = {"format": FORMAT, "model": name, "task": task, "inputs": inputs}
    files = []
    if hasattr(model, "encoder_"):
        if model.target_scale != "none":
            values["target_scale"] = model.target_scale
        arrays: dict[str, Any] = {}
        values["preparation"] = {"kind": "none"}
        if model.encoder_ is not None:
            arrays, values["preparation"] = model.encoder_.get_state()
        if model.reduction_ is not None:
            more_arrays, values["reduction"] = model.reduction_.get_state()
            arrays = arrays | {f"reduction.{key}": array for key, array in more_arrays.items()}
        if arrays:
            write_atomic(folder / PREPARATION, packed(arrays))
            files.append(PREPARATION)
        model = model.model_
    file = ARRAYS
    if traits(name).holds_rows and notice is not None:
        notice(HOLDS_ROWS)
    if traits(name).is_network:
        from safetensors.torch import save

        tensors, more = model.get_state()
        content = save(tensors)
    elif _is_forest(model):
        from sdl_cli.learning.models.trees import forest_to_arrays

        content, more = packed(forest_to_arrays(model.model_)), _flat_values(model)
    else:
        from sdl_cli.learning.models.skops_io import import_skops
        from sdl_cli.learning.models.stored_types import check_file

        hint = "Leave the model out (sdl curve and sdl compare keep numbers alone), or use another estimator."
        with own_words(model, hint, "cannot be stored"):
            file, content, more = "model.skops", import_skops().dumps(model.model_), _flat_values(model)
        if name_of(model) is not None:
            more["files"] = files_of(model.params or {})

        try:
            check_file(content)
        except DataError as error:
            if notice is not None:
                notice(f"Anyone who uses this run must add --trust. {error.message}")
    write_atomic(folder / file, content)
    write_atomic(folder / "model.json", json.dumps(values | more, indent=1, allow_nan=False) + "\n")
    return ["model.json", file, *files]


def _is_forest(model: Any) -> bool:
    return getattr(model, "kind", None) in ("forest", "extra_trees")


def packed(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Arrays of any shape as a file of safetensors.

    safetensors copies memory as it lies, so that of a transposed array the numbers would come back in other places
    (`findings/safetensors_keeps_numpy_arrays_as_they_lie.sh`); here every array is laid out row by row first.
    """
    from safetensors.numpy import save

    return bytes(save({name: np.asarray(array, order="C") for name, array in arrays.items()}))


def load_model(folder: Path, trust: bool = False) -> tuple[Any, dict[str, Any]]:
    """The fitted model in a run folder and the values stored with it.

    Arguments:
        trust: allow estimators outside scikit-learn to be imported.
    Raises:
        DataError: files that are missing, damaged, do not belong together, or would import code that is not trusted.
    """
    try:
        values: dict[str, Any] = plain_json(read_guarded(folder / "model.json", MOST_JSON_BYTES, within=folder))
        name, task, inputs = values["model"], values["task"], values["inputs"]
        is_known = name in MODELS or _names_own(values["params"])
        if values["format"] != FORMAT or not is_known or task not in ("classification", "regression"):
            raise DataError(f"{folder / 'model.json'}: this version of sdl cannot read this model.")
        checked(inputs, INPUTS, folder / "model.json")
        check_settings(name, values["params"])
        model = _load(folder, values, trust)
        return (_behind_preparation(model, folder, values) if "preparation" in values else model), values
    except (DataError, OwnCodeError):  # the latter in its words, not as if the folder were damaged
        raise
    except FileNotFoundError as error:
        missing = next((n for n in ("model.json", ARRAYS) if not (folder / n).is_file()), "model.skops")
        raise DataError(f"{folder}: no model is stored here ({missing} is missing).") from error
    except (Exception, SystemExit) as error:  # a damaged or crafted file can raise nearly anything
        why = f"{type(error).__name__}: {first_line(error, 200)}"
        raise DataError(f"{folder}: the stored model cannot be read ({why}).") from error


def check_settings(name: str, params: Any) -> None:
    """Raise DataError for stored settings of a model that its YAML could not have, before anything is built from them."""
    if not isinstance(params, dict):
        raise DataError("The stored model has no settings.")
    if name not in MODELS:
        _check_own(params["own"])
        return
    defaults = plain(MODELS[name]())
    given = {key: value for key, value in params.items() if key in defaults and value is not None}
    try:
        parse_group("model", MODELS, {**defaults, **given, "name": name})
    except ConfigError as error:
        raise DataError(f"The stored model has unknown settings: {error.message}") from error


def _names_own(params: Any) -> bool:
    """Whether stored arguments are those of a network of the user's own."""
    own = params.get("own") if isinstance(params, dict) else None
    return isinstance(own, dict) and isinstance(own.get(TARGET), str)


def _check_own(values: Any) -> None:
    """Raise DataError for settings of a network of the user's own that cannot be such."""
    try:
        parse_group("model", MODELS, values)
    except ConfigError as error:
        raise DataError(f"The stored model has unknown settings: {error.message}", error.hint) from error


def _behind_preparation(model: Any, folder: Path, values: dict[str, Any]) -> Any:
    """The model behind its stored preparation. Raises DataError where one part gives what the next does not take."""
    from safetensors.numpy import load as load_arrays

    from sdl_cli.learning.models.prepared import Prepared
    from sdl_cli.learning.models.reduction import FlatImages, Reduction

    arrays = load_arrays(_read_arrays(folder / PREPARATION)) if (folder / PREPARATION).exists() else {}
    scale = values.get("target_scale", "none")
    if scale not in ("none", "log") or (scale == "log" and values["task"] != "regression"):
        raise DataError("The stored model is damaged: its target has no such scale.")
    whole, how = Prepared(None, model, target_scale=scale), values["preparation"]
    whole.model_, whole.encoder_, whole.reduction_ = model, None, None
    if how["kind"] == "text":
        from sdl_cli.learning.models.text_features import TextEncoder

        whole.encoder_ = TextEncoder.from_state(arrays, how)
    elif how["kind"] == "image":
        whole.encoder_ = FlatImages.from_state(arrays, how)
    elif how["kind"] == "series":
        from sdl_cli.learning.models.series_features import SeriesFeatures

        whole.encoder_ = SeriesFeatures.from_state(arrays, how)
    elif how["kind"] == "rocket":
        from sdl_cli.learning.models.rocket import RocketKernels

        whole.encoder_ = RocketKernels.from_state(arrays, how)
    elif how["kind"] != "none":
        from sdl_cli.learning.models.encoding import TableEncoder

        whole.encoder_ = TableEncoder.from_state(arrays, how)
    if "reduction" in values:
        own = {name.removeprefix("reduction."): array for name, array in arrays.items() if name.startswith("reduction.")}
        whole.reduction_ = Reduction.from_state(own, values["reduction"])
        if whole.reduction_.num_outputs != model.n_features_in_:
            raise DataError("The stored reduction is damaged: it gives other columns than the model takes.")
    return whole


def _load(folder: Path, values: dict[str, Any], trust: bool) -> Any:
    kind = traits(values["model"]).estimator_class(values["task"])
    if traits(values["model"]).is_network:
        from safetensors.torch import load

        return kind.from_state(load(_read_arrays(folder / ARRAYS)), values)
    fitted = values["fitted"]
    model = kind(**values["params"])
    model.n_features_in_ = int(fitted["num_features"])
    classes = np.asarray(fitted["classes"]) if values["task"] == "classification" else None
    if classes is not None:
        model.classes_ = classes
    if _is_forest(model):
        from safetensors.numpy import load as load_arrays

        from sdl_cli.learning.models.trees import forest_from_arrays

        arrays = load_arrays(_read_arrays(folder / ARRAYS))
        model.model_ = forest_from_arrays(arrays, model.kind, classes, model.n_features_in_)
    else:
        model.model_ = _load_skops(folder / "model.skops", values, model.n_features_in_, trust)
    return model


def _load_skops(file: Path, values: dict[str, Any], num_features: int, trust: bool) -> Any:
    from sdl_cli.learning.models.open_door import check_trusted, import_estimator
    from sdl_cli.learning.models.skops_io import import_skops
    from sdl_cli.learning.models.stored_arrays import check_model
    from sdl_cli.learning.models.stored_types import check_file

    skops_io = import_skops()
    content = _read_arrays(file)
    if trust:
        content = _with_modules_of_today(content)
        trusted = skops_io.get_untrusted_types(data=content)
        if not traits(values["model"]).is_foreign:
            return skops_io.loads(content, trusted=trusted)
        if values["model"] == "sklearn":
            import_estimator(str(values["params"]["estimator"]))  # from the working folder, where it lies there
        return _load_foreign(values, lambda: skops_io.loads(content, trusted=trusted))
    if values["model"] == "sklearn":
        check_trusted(str(values["params"]["estimator"]))
    model = skops_io.loads(content, trusted=check_file(content))
    check_model(model, num_features)
    return model


def _load_foreign(values: dict[str, Any], load: Callable[[], Any]) -> Any:
    """An estimator of others, once the files that it reads are seen to be here. Raises DataError that names it."""
    params = values["params"]
    estimator, own = str(params["estimator"]), dict(params.get("params") or {})
    check_files(estimator, own, values.get("files") or {})
    try:
        return load()
    except (Exception, SystemExit) as error:
        message = f"This run uses {estimator}, which cannot be loaded again: {words_of(error)}"
        given = f" (model.params: {shortened(listed(list(own), last=', '), 200)})" if own else ""
        hint = f"Bring back what it needs{given}: a package, a file, or weights that it fetches from a network."
        raise DataError(message, hint) from error


def _with_modules_of_today(content: bytes) -> bytes:
    """The same skops file, with today's names of modules of this package that have moved since."""
    from sdl_cli.learning.models.open_door import MOVED

    with zipfile.ZipFile(io.BytesIO(content)) as stored:
        schema = changed = stored.read("schema.json")
        for old, new in MOVED.items():
            changed = changed.replace(f'"{old}'.encode(), f'"{new}'.encode())
        if changed == schema:
            return content
        found = io.BytesIO()
        with zipfile.ZipFile(found, "w") as written:
            for name in stored.namelist():
                written.writestr(name, changed if name == "schema.json" else stored.read(name))
    return found.getvalue()


def _read_arrays(file: Path) -> bytes:
    return read_guarded(file, available_bytes() // 4, within=file.parent)


def _flat_values(model: Any) -> dict[str, Any]:
    fitted: dict[str, Any] = {"num_features": int(model.n_features_in_)}
    if hasattr(model, "classes_"):
        fitted["classes"] = model.classes_.tolist()
    return {"params": model.get_params(deep=False), "fitted": fitted}

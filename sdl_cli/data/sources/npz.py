"""Arrays in a NumPy .npz file: images or a table, with or without ready-made parts."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.text_file import existing_file
from sdl_cli.data.source import Reading, row_names
from sdl_cli.data.targets import FILL_HINT, encode_targets
from sdl_cli.errors import DataError
from sdl_cli.settings.experiment import DataSettings
from sdl_cli.settings.machine import available_bytes

_PARTS = {"train": "train", "val": "validation", "test": "test"}
_KIND = ("an .npz file", "an .npz file; for a folder of photos choose dataset=image_folder")
_KEYS_HINT = "Save it with np.savez(path, X=..., y=...) or x_train=, y_train=, x_test=, y_test=."


@dataclass(frozen=True, kw_only=True)
class Npz(DataSettings):
    """Arrays in an .npz file.

    Keys: `X` and `y`, or `x_train`, `y_train`, `x_test`, `y_test` and optionally `x_val`, `y_val`; optionally `classes`
    (the names, indexed by label) and `groups` (or `groups_train`, ...). Other keys are ignored.

    Arguments:
        path: the file.
        task: classification or regression; auto takes whole numbers, text and true/false as classes, otherwise regression.
    """

    name: str = "npz"
    path: str
    task: Literal["auto", "classification", "regression"] = "auto"


def load(settings: Npz) -> Dataset:
    """Read an .npz file: images `uint8 (N, C, H, W)` or a table `float64 (N, F)`.

    Raises DataError: not an .npz file, missing keys, lengths that differ, NaN, pickled arrays, one class only.
    """
    path = existing_file(settings.path, "dataset.path", *_KIND)
    notes: list[str] = []
    arrays = _read(path)
    blocks = _blocks(path, arrays)
    X = as_inputs(path, [x for _, x, _ in blocks], notes)
    part = None if len(blocks) == 1 else np.repeat([name for name, _, _ in blocks], [len(x) for _, x, _ in blocks])
    y, classes, task = encode_targets(path, [t for _, _, t in blocks], arrays.get("classes"), settings.task, notes)
    image = X.ndim == 4
    return Reading(
        where=str(path),
        name=path.stem,
        task=task,
        modality="image" if image else "table",
        X=X,
        y=y,
        classes=classes,
        feature_names=() if image else tuple(f"x{i}" for i in range(X.shape[1])),
        groups=_groups(path, arrays, len(y)),
        part=part,
        ids=row_names([i for _, x, _ in blocks for i in range(len(x))], part),
        notes=notes,
    ).finish()


def read_inputs(path: str | Path, part: str = "x_test", notes: list[str] | None = None) -> tuple[Array, Array]:
    """Read rows without targets from an .npz file that may lack y.

    Arguments:
        part: the key that is read where there is no X. notes: sentences about how they were read are added.
    Returns: ids `(N,)` (row numbers) and X: `uint8 (N, C, H, W)` or `float64 (N, F)`.
    Raises DataError: as `load`.
    """
    file = existing_file(path, "", *_KIND)
    arrays = _read(file)
    key = next((k for k in ("x", part) if k in arrays), None)
    if key is None:
        message = f"{file}: neither X nor {part} is there; it has {_listed(arrays)}."
        raise DataError(message, "Save it with np.savez(path, X=...).")
    X = as_inputs(file, [arrays[key]], [] if notes is None else notes)
    return np.array([str(i) for i in range(len(X))]), X


def _read(path: Path) -> dict[str, Array]:
    """The arrays by lower-case key; only those that matter are read."""
    wanted = {"x", "y", "classes", "groups"} | {f"{k}_{part}" for k in ("x", "y", "groups") for part in _PARTS}
    arrays: dict[str, Array] = {}
    try:
        with path.open("rb") as raw:
            if raw.read(6) == b"\x93NUMPY":
                raise DataError(f"{path}: this is a single array, not an .npz file of named arrays.", _KEYS_HINT)
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            _check_memory(path, file.zip, wanted)
            for key in file.files:
                name = key.lower()
                if name in wanted and name in arrays:
                    raise DataError(f"{path}: there are two keys {name!r} that differ in case only.", "Keep one of them.")
                arrays[name] = _read_one(path, file, key) if name in wanted else np.empty(0)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        if isinstance(error, PermissionError):
            raise DataError(f"{path}: no permission to read it.") from error
        raise DataError(f"{path}: not an .npz file, or a damaged one.", _KEYS_HINT) from error
    return arrays


def _check_memory(path: Path, archive: zipfile.ZipFile, wanted: set[str]) -> None:
    """Raise DataError where the arrays that are read, unpacked and as they are used, would not fit into memory."""
    needed = 0
    for info in archive.infolist():
        if info.filename.removesuffix(".npy").lower() not in wanted:
            continue
        with archive.open(info) as raw:
            try:
                shape, dtype, start = array_header(raw)
            except ValueError:
                needed += info.file_size  # no array, or one of objects: whoever reads it says so
                continue
        if math.prod(shape) * dtype.itemsize != info.file_size - start:
            raise DataError(f"{path}: {info.filename} is damaged: it is not as large as it says.", "Save the file again.")
        # a table becomes float64, and images are copied once on their way to 8 bit
        needed += math.prod(shape) * (dtype.itemsize + (8 if len(shape) < 3 else dtype.itemsize))
    free = available_bytes()
    if needed > free:
        raise DataError(
            f"{path}: unpacked, its arrays take about {needed / 2**30:.1f} GB, and {free / 2**30:.1f} GB of memory are free.",
            "Take fewer rows, or smaller images.",
        )


def array_header(raw: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape and type that a .npy file says it holds, and where its values begin.

    Raises ValueError: no such file, of an unknown version, or of Python objects, which would be pickled.
    """
    version = npy.read_magic(raw)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of format version {version}")
    shape, _, dtype = read(raw)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    return tuple(int(n) for n in shape), dtype, raw.tell()


def _read_one(path: Path, file: Mapping[str, Any], key: str) -> Array:
    try:
        array = np.asarray(file[key])
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise DataError(f"{path}: {key} is damaged: {error}.", "Save the file again.") from error
        raise DataError(
            f"{path}: {key} is an array of Python objects (pickled), which is refused: loading it could run any code.",
            "Save numbers or fixed-length text: np.asarray(a, dtype=float) or np.asarray(names, dtype=str).",
        ) from error
    except MemoryError as error:
        raise DataError(f"{path}: {key} does not fit into memory.", "Take fewer rows, or smaller images.") from error
    if array.ndim == 0:
        raise DataError(f"{path}: {key} is a single value, not an array of rows.", _KEYS_HINT)
    return array


def _blocks(path: Path, arrays: Mapping[str, Array]) -> list[tuple[str, Array, Array]]:
    """(part, X, y) of each part in the file, or one block if it has no parts."""
    names = [("train", "")] if "x_train" not in arrays else [(part, f"_{key}") for key, part in _PARTS.items()]
    blocks = []
    for part, suffix in names:
        x_key, y_key = ("X" if not suffix else f"x{suffix}"), f"y{suffix}"
        x, y = arrays.get(x_key.lower()), arrays.get(y_key)
        if x is None and y is None and part != "train":
            continue
        if x is None or y is None:
            missing = x_key if x is None else y_key
            raise DataError(f"{path}: {missing} is missing; it has {_listed(arrays)}.", _KEYS_HINT)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1:
            message = f"{path}: {y_key} has shape {y.shape}; it needs one target per row."
            raise DataError(message, "Save labels, not one-hot rows.")
        if len(x) != len(y):
            raise DataError(f"{path}: {x_key} has {len(x)} rows and {y_key} has {len(y)}.", "They must be equally long.")
        if not x.size:
            raise DataError(f"{path}: {x_key} is empty.", "Save at least a few rows.")
        blocks.append((part, x, y))
    return blocks


def _listed(arrays: Mapping[str, Array]) -> str:
    return ", ".join(sorted(arrays)) if arrays else "no arrays"


def as_inputs(path: object, xs: Sequence[Array], notes: list[str]) -> Array:
    """One array of all rows: `uint8 (N, C, H, W)` or `float64 (N, F)`."""
    shapes = {x.shape[1:] for x in xs}
    if len(shapes) > 1:
        raise DataError(f"{path}: the parts have rows of different shapes: {', '.join(map(str, sorted(shapes)))}.")
    X = np.concatenate(xs) if len(xs) > 1 else xs[0]
    if X.dtype.kind not in "biuf":
        raise DataError(f"{path}: the inputs are of type {X.dtype}, not numbers.", "Turn categories and text into numbers first.")
    if not X.size:
        raise DataError(f"{path}: the inputs are empty.", "Save at least a few rows.")
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        bad = np.flatnonzero(~np.isfinite(X.reshape(len(X), -1)).all(axis=1))
        raise DataError(f"{path}: NaN or infinity in {len(bad)} rows of the inputs; the first is row {bad[0]}.", FILL_HINT)
    if X.ndim == 2:
        return np.ascontiguousarray(X, dtype=np.float64)
    if X.ndim not in (3, 4):
        raise DataError(f"{path}: inputs of shape {X.shape} are neither images nor a table.", _SHAPES_HINT)
    return as_images(path, X, notes)


_SHAPES_HINT = "Images are NHWC, NCHW (1 or 3 channels) or NHW; a table is N x F."


def as_images(where: object, X: Array, notes: list[str]) -> Array:
    """Images `(N, H, W)`, `(N, H, W, C)` or `(N, C, H, W)` as `uint8 (N, C, H, W)`; `where` names them in messages."""
    return _channels_first(where, _to_uint8(where, X, notes), notes)


def _channels_first(path: object, X: Array, notes: list[str]) -> Array:
    if X.ndim == 3:
        return np.ascontiguousarray(X[:, None])
    if X.shape[3] in (1, 3, 4):
        if X.shape[3] == 4:
            notes.append("The fourth channel (transparency) was dropped.")
        return np.ascontiguousarray(X[..., : min(3, X.shape[3])].transpose(0, 3, 1, 2))
    if X.shape[1] in (1, 3):
        return np.ascontiguousarray(X)
    raise DataError(f"{path}: images of shape {X.shape} have no axis of 1 or 3 channels.", _SHAPES_HINT)


def _to_uint8(path: object, X: Array, notes: list[str]) -> Array:
    if X.dtype == np.uint8:
        return X
    low, high = float(X.min()), float(X.max())
    if X.dtype == np.bool_ or (X.dtype.kind == "f" and low >= 0 and high <= 1):
        scale, shown = 255.0, "0..1"
    elif low >= 0 and high <= 255:
        scale, shown = 1.0, "0..255"
    elif X.dtype == np.uint16:
        scale, shown = 255 / 65535, "0..65535"
    else:
        raise DataError(
            f"{path}: image values from {low:g} to {high:g}; they must lie in 0..1 or 0..255.",
            "Save the images before normalising them, best as uint8.",
        )
    notes.append(f"Images of type {X.dtype} in {shown} were brought to 8 bit (0..255).")
    result = np.empty(X.shape, np.uint8)
    for start in range(0, len(X), 1024):  # in blocks: float64 copies of everything could be 8 times the data
        result[start : start + 1024] = np.rint(X[start : start + 1024] * scale)
    return result


def _groups(path: Path, arrays: Mapping[str, Array], num: int) -> Array | None:
    keys = [k for k in ("groups", *(f"groups_{part}" for part in _PARTS)) if k in arrays]
    if not keys:
        return None
    groups = np.concatenate([arrays[k] for k in keys])
    if groups.shape != (num,):
        raise DataError(f"{path}: {', '.join(keys)} have {len(groups)} rows, the inputs {num}.", "Give one group per row.")
    return groups

"""Data sources that a user wrote: a class whose `load()` gives rows and targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.dataset import Dataset, Modality, digest_parts
from sdl_cli.data.files.missing import MISSING
from sdl_cli.data.files.roles import listed
from sdl_cli.data.files.table_cells import from_frame
from sdl_cli.data.source import Reading, row_names
from sdl_cli.data.sources.npz import as_inputs
from sdl_cli.data.sources.table import TableRoles, assemble
from sdl_cli.data.targets import encode_targets
from sdl_cli.errors import DataError, SdlError
from sdl_cli.settings.experiment import DataSettings
from sdl_cli.settings.parse import suggest
from sdl_cli.settings.parts.own import Own, wrong_in

KEYS = ("X", "y", "task", "classes", "feature_names", "groups", "part", "ids", "modality", "notes")
_PARTS = ("train", "validation", "test")
_EXAMPLE = 'For example: return {"X": frame, "y": "outcome"}'


@dataclass(frozen=True, kw_only=True)
class OwnData(Own, DataSettings):
    """A data source that a user wrote: a class with `load()`, which gives a dictionary with `X` and `y`, or just `(X, y)`.

    `X` is a pandas DataFrame, of which `y` and `groups` may name columns; a table `(N, F)` of numbers; images `(N, C, H, W)` or
    `(N, H, W, C)`; series `(N, C, L)` with `"modality": "series"`; or N texts. Beside them there may be `task`, `classes`,
    `feature_names`, `groups`, `part` (train, validation or test of each row), `ids` and `notes`, all as of `Reading`.
    """

    name: str = ""

    needs: ClassVar[tuple[str, ...]] = ("load",)


def load(settings: OwnData, like: Mapping[str, Any] | None = None) -> Dataset:
    """Run the user's `load()` and make a data set of what it gives.

    Arguments:
        like: the stored `inputs` of a run: the columns of a table are read as the run reads them.
    Raises DataError: the code fails, in its own words, or gives what is no data set; what is missing or wrong is named.
    """
    source = settings.made
    try:
        given = source.load()
    except SdlError:
        raise
    except Exception as error:
        raise DataError(*wrong_in(settings, "in load()", error)) from error
    found = _Given(settings, _as_dictionary(settings, given))
    try:
        reading = found.frame(like) if hasattr(found.rows, "iloc") and hasattr(found.rows, "columns") else found.arrays()
    except DataError as error:
        raise DataError(_in_its_words(error.message), _in_its_words(error.hint)) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(*wrong_in(settings, "to give usable data", error)) from error
    return replace(reading, notes=(*reading.notes, *map(str, found.get("notes", ())))).finish()


def _in_its_words(text: str) -> str:
    """A message of the readers of files, with what `load()` gives in the place of settings that there are not."""
    text = re.sub(r"dataset\.task=(\w+)", r'"task": "\1" in what load() gives', text)
    for setting, key in (("target", "y"), ("group", "groups"), ("id", "ids")):
        text = re.sub(rf"dataset\.{setting}\b", f'"{key}"', text)
    return text


def _as_dictionary(settings: OwnData, given: Any) -> Mapping[str, Any]:
    if isinstance(given, tuple) and len(given) == 2:
        given = {"X": given[0], "y": given[1]}
    if not isinstance(given, Mapping):
        _refuse(settings, f"load() gave {type(given).__name__}, and must give a dictionary with X and y")
    missing = [key for key in ("X", "y") if given.get(key) is None]
    if missing:
        _refuse(settings, f"load() gave no {listed(missing)}")
    unknown = [str(key) for key in given if key not in KEYS]
    if unknown:
        _refuse(settings, f"load() gave {unknown[0]}, which is none of {', '.join(KEYS)}.{suggest(unknown[0], KEYS)}")
    return given


def _refuse(settings: OwnData, what: str) -> NoReturn:
    part = type(settings).part
    raise DataError(f"{part.choice}: {part.place.said}: {what.rstrip('.')}.", _EXAMPLE)


@dataclass(frozen=True)
class _Given:
    """What `load()` gave."""

    settings: OwnData
    values: Mapping[str, Any]

    @property
    def rows(self) -> Any:
        return self.values["X"]

    @property
    def where(self) -> str:
        return f"dataset={self.settings.name}"

    def get(self, key: str, default: Any = None) -> Any:
        found = self.values.get(key)
        return default if found is None else found

    def frame(self, like: Mapping[str, Any] | None) -> Reading:
        """A DataFrame: the kinds of its columns are found as in a file, so that new rows may come from one."""
        frame = self.rows.reset_index(drop=True)
        names: dict[str, Any] = {}
        for key, own in (("y", "target"), ("groups", "group")):
            given = self.get(key)
            if isinstance(given, str):
                names[own] = given
            elif given is not None:
                names[own] = own
                if own in frame.columns:
                    _refuse(self.settings, f"X has a column {own}, and {key} is given beside it: name the column instead")
                self._require_rows(key, given, len(frame))
                frame = frame.assign(**{own: list(given)})
        task = self.get("task", "regression" if self._has_fractions() else "auto")
        roles = TableRoles(**names, task=task, **self._shared())
        nominal = [str(name) for name, dtype in frame.dtypes.items() if str(dtype) == "category" and name != names["target"]]
        cells = from_frame(frame, self.where)
        found = assemble(cells, replace(roles, categorical=tuple(nominal)), self.settings.name, self._part(len(frame)), like)
        if "ids" in self.values and len(found.y) == len(frame):
            found = replace(found, ids=self._ids(len(frame)))
        return found

    def _has_fractions(self) -> bool:
        y = np.asarray(self.get("y"))
        return y.dtype.kind == "f" and bool((y != np.rint(y)).any())

    def arrays(self) -> Reading:
        """Arrays or texts."""
        notes: list[str] = []
        y = np.asarray(self.get("y"))
        X, modality = self._inputs(notes)
        self._require_rows("y", y, len(X))
        y = y.astype(str) if y.dtype == object else y
        names = self.get("classes")
        numbers, classes, task = encode_targets(
            self.where, [y], None if names is None else np.asarray(names, dtype=str), self.get("task", "auto"), notes
        )
        groups, part = self.get("groups"), self._part(len(X))
        if groups is not None:
            self._require_rows("groups", groups, len(X))
        more: dict[str, Any] = {}
        if modality == "text":
            more = {"x_digest": digest_parts(t.encode("utf-8", "surrogatepass") for t in X), "source": _OF_TEXTS}
        return Reading(
            where=self.where,
            name=self.settings.name,
            task=task,
            modality=modality,
            X=X,
            y=numbers,
            classes=classes,
            feature_names=self._features(X) if modality == "table" else (),
            groups=None if groups is None else np.asarray(groups).astype(str),
            part=part,
            ids=self._ids(len(X)) if "ids" in self.values else row_names(range(len(X)), part),
            notes=notes,
            **more,
        )

    def _inputs(self, notes: list[str]) -> tuple[Array, Modality]:
        X, asked = self.rows, self.get("modality")
        if isinstance(X, list | tuple) and X and all(isinstance(text, str) for text in X):
            return objects(list(X)), "text"
        X = np.asarray(X)
        if X.ndim == 1 and X.dtype.kind in "OUS":
            return objects([str(text) for text in X]), "text"
        if asked == "series":
            if X.ndim != 3 or X.dtype.kind not in "biuf" or not X.size:
                _refuse(self.settings, f"series must be numbers (rows, channels, steps), not {X.dtype} {X.shape}")
            series = np.ascontiguousarray(X, dtype=np.float64)
            if not np.isfinite(series).all():
                _refuse(self.settings, "series must not hold NaN or infinity")
            return series, "series"
        if X.ndim == 3 and asked is None:
            _refuse(self.settings, f'X of shape {X.shape} may be images or series: give "modality", "image" or "series"')
        found = as_inputs(self.where, [X], notes)
        return found, "image" if found.ndim == 4 else "table"

    def _features(self, X: Array) -> tuple[str, ...]:
        names = self.get("feature_names", [f"x{i}" for i in range(X.shape[1])])
        if len(names) != X.shape[1]:
            _refuse(self.settings, f"feature_names has {len(names)} names for {X.shape[1]} columns")
        return tuple(map(str, names))

    def _part(self, num_rows: int) -> Array | None:
        part = self.get("part")
        if part is None:
            return None
        self._require_rows("part", part, num_rows)
        found = np.asarray(part).astype(str)
        strange = sorted(set(found) - set(_PARTS))
        if strange:
            _refuse(self.settings, f"part holds {strange[0]}, and must hold {', '.join(_PARTS)}")
        return found

    def _ids(self, num_rows: int) -> Sequence[object]:
        self._require_rows("ids", self.get("ids", ()), num_rows)
        return list(self.get("ids"))

    def _shared(self) -> dict[str, Any]:
        keys = ("test_fraction", "validation_fraction", "num_per_class", "num_train", "seed", "unlabeled")
        return {key: getattr(self.settings, key) for key in keys}

    def _require_rows(self, key: str, given: Any, num_rows: int) -> None:
        if len(given) != num_rows:
            _refuse(self.settings, f"{key} has {len(given):,} rows and X has {num_rows:,}")


_OF_TEXTS: dict[str, Any] = {  # how a file of new texts is read: a table with a column `text`, or one text a line
    "kind": "text",
    "layout": "table",
    "missing": sorted(MISSING),
    "asked": {"delimiter": None, "header": None, "encoding": None},
    "decimal": ".",
    "thousands": "",
    "header_lines": 1,
    "text": "text",
    "target": "target",
    "id": None,
}

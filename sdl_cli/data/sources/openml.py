"""Tables from OpenML (Vanschoren et al. 2013, https://www.openml.org) by name or number, fetched once by scikit-learn."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.roles import find_column, which_target
from sdl_cli.data.files.table_cells import from_frame
from sdl_cli.data.sources.table import TableRoles, assemble
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened
from sdl_cli.settings.experiment import Count

_TIMEOUT_SECONDS = 30.0  # of silence; scikit-learn itself waits forever
_MAX_DENSE_CELLS = 5_000_000  # of a table that OpenML stores sparsely; each cell takes some 60 bytes while it is read
_UNREACHED = (URLError, TimeoutError, ConnectionError, HTTPException, ssl.SSLError)
_SAID = ("Multiple active versions", "Version ", "OpenML ")  # starts of the warnings of scikit-learn that tell of the data


@dataclass(frozen=True, kw_only=True)
class OpenML(TableRoles):
    """A table of OpenML, in scikit-learn's data home (SCIKIT_LEARN_DATA) once downloaded.

    Arguments:
        dataset: its name there, or its number.
        version: which of the tables of that name; None takes the oldest active one.
        data_id: its number there; None finds it by `dataset` and `version`. A run's own settings hold it, so that they mean the
            same table forever.

    The other arguments are those of `TableRoles`, with three differences: a target of None takes the one that OpenML names,
    columns that OpenML calls row identifiers or to be ignored are left out, and its nominal columns are categories.
    """

    name: str = "openml"
    dataset: str
    version: Count | None = None
    data_id: Count | None = None


def load(settings: OpenML, like: Mapping[str, Any] | None = None) -> Dataset:
    """Read a table of OpenML: X `float64 (N, F)`, see `data/files/columns.py`.

    Its `source` holds `settings`, the version and number that were found.

    Raises DataError: no such table, OpenML out of reach and the table not fetched before, columns that cannot be used.
    """
    notes: list[str] = []
    bunch = _fetch(settings, notes)
    name, version, data_id = str(bunch.details["name"]), int(bunch.details["version"]), int(bunch.details["id"])
    _check_identity(settings, name, version)
    source = f"OpenML's {shortened(name)} (number {data_id})"
    frame = _dense_frame(bunch, source) if bunch.frame is None else bunch.frame
    cells = from_frame(frame, source)
    nominal = [cells.names[i] for i, dtype in enumerate(frame.dtypes) if str(dtype) == "category"]
    target = _target(settings.target, bunch.details, source, cells.names, notes)
    task = "classification" if settings.task == "auto" and target in nominal else settings.task
    roles = dataclasses.replace(settings, target=target, task=task, categorical=(*settings.categorical, *nominal))
    reading = assemble(dataclasses.replace(cells, notes=tuple(notes)), roles, name, like=like)
    own = {"version": version, "data_id": data_id}
    return dataclasses.replace(reading, source={**reading.source, "settings": own}).finish()


def _fetch(settings: OpenML, notes: list[str]) -> Any:
    """The table as read by scikit-learn, as a frame if not sparse; its warnings become notes."""
    from sklearn.datasets import fetch_openml, get_data_home

    number = settings.data_id or (int(settings.dataset) if settings.dataset.isascii() and settings.dataset.isdigit() else None)
    shown = shortened(settings.dataset)
    if number == 0 or not settings.dataset.strip(". "):
        message = f"dataset.dataset={shown}: this is not the name or number of a table."
        raise DataError(message, "For example: dataset.dataset=iris")
    # the name becomes a part of an address and of a path in the cache
    which: dict[str, Any] = {"data_id": number} if number else {"name": quote(settings.dataset, safe="(),")}
    if settings.version is not None and not number:
        which["version"] = settings.version
    try:
        folder = Path(get_data_home()) / "openml"
        with warnings.catch_warnings(record=True) as caught, _timeout():
            warnings.simplefilter("always")
            # All columns as data: scikit-learn refuses a target with missing cells, and of a sparse table loses target cells.
            # Its quicker parser reads nominal columns of numbers as numbers, and with pandas 3 fails on them.
            bunch = fetch_openml(**which, target_column=None, as_frame="auto", parser="liac-arff", n_retries=1)
    except _UNREACHED as error:
        raise DataError(
            f"{shown} is not in {folder}, and OpenML cannot be reached: {_reason(error)}.",
            "Go online once: from then on the table is read from that folder.",
        ) from error
    except OSError as error:
        hint = "Set SCIKIT_LEARN_DATA to a folder that can be written to."
        raise DataError(f"{error.filename or 'the folder of data'}: {error.strerror or error}.", hint) from error
    except Exception as error:  # of its answer and of parsers there are many kinds
        if type(error).__name__ == "OpenMLError":
            version = f" in version {settings.version}" if "version" in which else ""
            hint = "See https://www.openml.org/search?type=data; names are those there, or give the number of the table."
            raise DataError(f"dataset.dataset={shown}: OpenML has no such table{version}: {_reason(error)}.", hint) from error
        hint = f"Remove {folder} to fetch it again, or choose another version with dataset.version=N."
        raise DataError(f"{shown}: what OpenML sent cannot be read: {_reason(error)}.", hint) from error
    notes += [_as_note(str(w.message), bunch.details) for w in caught if str(w.message).startswith(_SAID)]
    return bunch


@contextlib.contextmanager
def _timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _reason(error: BaseException) -> str:
    inner = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    words = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return shortened(str(words).partition("\n")[0].rstrip(".: "), 120)


def _as_note(warning: str, details: Mapping[str, Any]) -> str:
    if warning.startswith(_SAID[0]):
        name, version = shortened(str(details["name"])), details["version"]
        return f"OpenML has several active versions of {name}: version {version} was taken (for another: dataset.version=N)."
    return shortened(warning.partition(" Try using")[0], 200).rstrip(". ") + "."


def _check_identity(settings: OpenML, name: str, version: int) -> None:
    """Refuse a number that is not that of the name or version given with it."""
    asked = settings.dataset
    if settings.data_id is not None and asked not in (str(settings.data_id), name) and asked.lower() != name.lower():
        message = f"dataset.data_id={settings.data_id} is {shortened(name)}, and dataset.dataset={shortened(asked)} is another."
        raise DataError(message, "Leave one of them out: dataset.data_id=null")
    if settings.version not in (None, version):
        raise DataError(
            f"dataset.version={settings.version}: {shortened(name)} of this number is version {version}.",
            "Leave it out, or set dataset.data_id=null",
        )


def _target(asked: str | None, details: Mapping[str, Any], source: str, names: tuple[str, ...], notes: list[str]) -> str:
    """The column to predict: the one asked for, or the one that OpenML names, if it names one and not several."""
    named = str(details.get("default_target_attribute") or "").strip()
    if asked is not None:
        if named not in names and "," in named:
            notes.append(f"OpenML names several targets ({shortened(named)}): leave the others out with dataset.drop=[...]")
        return names[find_column(source, names, asked, "dataset.target")]
    if named not in names:
        raise which_target(source, names)
    return named


def _dense_frame(bunch: Any, source: str) -> Any:
    """A table that is stored sparsely as a frame; its nominal columns come as indices and get their words back."""
    import pandas as pd

    rows, width = bunch.data.shape
    if rows * width > _MAX_DENSE_CELLS:
        message = f"{source} is stored sparsely: its {rows:,} rows of {width:,} columns would take too much memory."
        raise DataError(message, f"Sparse tables can be read with up to {_MAX_DENSE_CELLS:,} cells; choose a smaller one.")
    X = bunch.data.toarray()
    columns = {}
    for i, name in enumerate(bunch.feature_names):
        words = bunch.categories.get(name)
        columns[name] = X[:, i] if words is None else pd.Categorical.from_codes(_codes(X[:, i], len(words)), categories=words)
    return pd.DataFrame(columns)


def _codes(values: np.ndarray[Any, Any], num_words: int) -> np.ndarray[Any, Any]:
    known = np.isfinite(values) & (values >= 0) & (values < num_words)
    return np.where(known, values, -1).astype(np.int64)

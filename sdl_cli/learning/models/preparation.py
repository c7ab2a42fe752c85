"""A DataFrame as the numbers that a model takes, learned as `sdl train` learns it, for pipelines of scikit-learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sdl_cli.data.files.columns import LeftOut, feature_names, infer, level_counts
from sdl_cli.data.files.table_cells import encode_columns, from_frame, require_columns
from sdl_cli.data.sources.new_in_memory import FRAME, is_frame
from sdl_cli.errors import DataError
from sdl_cli.learning.models.encoding import TableEncoder
from sdl_cli.phrases import shortened

Array = np.ndarray[Any, Any]


class Preparation(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The columns of a DataFrame as plain numbers without missing ones, by what the rows that it is fitted on say.

    A number is centred and scaled by its median and interquartile range, and a missing one gets the median and a column that
    marks it; each frequent level of a category gets a column of 0 and 1; a date becomes several numbers. Columns of numbers are
    numbers, unless `categorical` names them or their type is `category`; text, yes or no and dates are found by their cells.

    Arguments:
        categorical: names of columns of categories, whatever their cells look like.
        min_level_rows: rows that a level needs for a column of its own; None takes 1 % of all, at least 2 and at most 10.
        max_levels: the most frequent levels of a column that get a column of their own, at least 1.

    Learned state: `columns_`, how each column is read; `left_out_`, name and reason of each that is not learned from;
    `encoder_`; `n_features_in_`, `feature_names_in_`.
    """

    def __init__(self, categorical: Sequence[str] = (), min_level_rows: int | None = None, max_levels: int = 100) -> None:
        self.categorical = categorical
        self.min_level_rows = min_level_rows
        self.max_levels = max_levels

    def fit(self, X: Any, y: Any = None) -> Preparation:
        """Learn from the rows of a DataFrame, or an array `(N, F)`.

        Raises DataError: no rows, a column in `categorical` that is not there, or no column that can be learned from.
        """
        frame = _as_frame(X)
        if not len(frame):
            raise DataError(f"{FRAME} has no rows.", "Give at least a few.")
        cells = from_frame(frame, FRAME)
        require_columns(FRAME, cells.names, list(self.categorical))
        columns, self.left_out_ = [], {}
        for place, (name, own) in enumerate(zip(cells.names, cells.columns, strict=True)):
            of_type = str(frame.dtypes.iloc[place]) == "category"
            found = infer(name, own, category=name in self.categorical or of_type, chosen=False)
            if isinstance(found, LeftOut):
                self.left_out_[found.name] = found.reason
            else:
                columns.append(found)
        if not columns:
            name, reason = next(iter(self.left_out_.items()))
            raise DataError(f"{FRAME}: no column is left to learn from ({shortened(name)} {reason}).", "Give other columns.")
        self.columns_ = tuple(columns)
        self.feature_names_in_ = np.array(cells.names, dtype=object)
        self.n_features_in_ = len(cells.names)
        self.encoder_ = TableEncoder(level_counts(columns), self.min_level_rows, self.max_levels)
        self.encoder_.fit(encode_columns(cells, columns))
        return self

    def transform(self, X: Any) -> Array:
        """Rows with the same columns, in any order, as `float64 (N, num_outputs)`. Raises DataError: one is missing."""
        check_is_fitted(self, "encoder_")
        frame = _as_frame(X)
        needed = [column.name for column in self.columns_]
        if not is_frame(X):
            frame = frame.set_axis(self.feature_names_in_, axis=1) if frame.shape[1] == self.n_features_in_ else frame
        require_columns(FRAME, [str(name) for name in frame.columns], needed)
        cells = from_frame(frame.rename(columns=str)[needed], FRAME)
        return self.encoder_.transform(encode_columns(dataclasses.replace(cells, unit="row"), self.columns_))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """What each number of a row is: `age`, `age is missing`, `ward=north`."""
        check_is_fitted(self, "encoder_")
        levels = [column.levels if column.kind == "category" else () for column in self.columns_ for _ in column.parts or [""]]
        return np.array(self.encoder_.names(feature_names(self.columns_), levels), dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def make_preparation(categorical: Sequence[str] = (), min_level_rows: int | None = None, max_levels: int = 100) -> Preparation:
    """What makes plain numbers of a DataFrame with numbers, categories, yes or no, dates and missing cells.

    Put it before a model: `make_pipeline(sdl.make_preparation(), sdl.DeepNet())`. It learns from the rows that it is fitted on
    alone, so that nothing leaks in cross-validation.

    Arguments:
        categorical, min_level_rows, max_levels: as of `Preparation`, which is returned, not yet fitted.
    """
    return Preparation(categorical, min_level_rows, max_levels)


def _as_frame(X: Any) -> Any:
    import pandas as pd

    if is_frame(X):
        return X
    rows = np.asarray(X)
    if rows.ndim != 2:
        raise ValueError(f"a table (N, F) is needed, not an array of shape {rows.shape}")
    return pd.DataFrame(rows).infer_objects().add_prefix("x")

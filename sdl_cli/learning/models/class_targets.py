"""Targets that are classes, of which a data set may have as many as it has rows."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from sklearn.utils.multiclass import check_classification_targets


@contextlib.contextmanager
def few_rows_per_class() -> Iterator[None]:
    """Within it scikit-learn does not warn that classes with few rows each could be numbers: the task is known to be classes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        yield


def check_classes(y: Any) -> None:
    """Raise ValueError unless `y (N,)` can be classes."""
    with few_rows_per_class():
        check_classification_targets(y)

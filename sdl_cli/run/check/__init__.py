"""The check before training: what in the data or its split spoils a result or is worth knowing.

Every check is a function that gives problems with numbers in them; it is judged on honest data as much as on broken data,
since an alarm that is wrong once is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.run.check import columns, duplicates, giveaway, images, missing_codes, rows, time_order, unnamed_groups
from sdl_cli.run.check.files import inspect_files
from sdl_cli.run.check.problem import Problem, is_fatal, worst_first
from sdl_cli.run.check.summary import summary

__all__ = ["Problem", "inspect", "inspect_files", "is_fatal", "summary", "worst_first"]

_CHECKS: tuple[Callable[[Dataset, Split, bool], Iterator[Problem]], ...] = (
    rows.crossing_groups,
    duplicates.find,
    images.near_duplicates,
    giveaway.find,
    unnamed_groups.find,
    time_order.find,
    rows.classes,
    rows.targets,
    rows.skewed,
    columns.find,
    missing_codes.find,
    rows.sizes,
)


def inspect(dataset: Dataset, parts: Split, brief: bool = False) -> list[Problem]:
    """Check a data set and its split.

    Features are compared with the targets of all rows, test rows among them: what is found says whether the data can be
    used, and no choice of a model is made from it.

    Arguments:
        brief: only what is quick (under about 0.3 seconds for 100,000 rows), for before every training.
    Returns: what was found, the worst first.
    """
    return worst_first(problem for check in _CHECKS for problem in check(dataset, parts, brief))

"""`sdl check`: the data of an experiment, looked at before anything is trained."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.depth import eight_bit
from sdl_cli.data.split import Split, split
from sdl_cli.errors import DataError
from sdl_cli.run import check as checking
from sdl_cli.run import prepare
from sdl_cli.run.request import parse_experiment
from sdl_cli.run.unlabelled import unlabelled_rows
from sdl_cli.settings.experiment import Experiment

Values = dict[str, Any]


def check(values: Values) -> tuple[list[checking.Problem], Values]:
    """Look at the data of an experiment before training.

    Returns: the problems, the worst first, and what the data set is.
    """
    found = parse_experiment(values)
    problems = [*checking.inspect_files(found.dataset)]
    refuses = getattr(found.dataset, "on_error", "skip") != "skip"
    if hasattr(found.dataset, "on_error"):  # unreadable files are a finding here, not the end
        found = dataclasses.replace(found, dataset=dataclasses.replace(found.dataset, on_error="skip"))
    dataset, found, _ = prepare.load_dataset(found)
    hint = "Repair them, or leave them out with dataset.on_error=skip: otherwise training will be refused." if refuses else ""
    skipped = [note for note in dataset.notes if "were skipped" in note or "have no image" in note]
    problems += [checking.Problem("refusal" if refuses else "warning", note, "", hint) for note in skipped]
    try:
        parts = split(dataset, found.dataset, found.seed)
    except DataError as error:  # training would be refused; report everything else anyway
        problems.append(checking.Problem("refusal", f"Training will be refused. {error.message}", "", error.hint))
        parts = Split(np.arange(len(dataset)), None, np.array([], dtype=np.int64))
    dataset = eight_bit(dataset, parts.labelled)
    problems += _of_unlabelled(found, dataset, parts)
    problems = checking.worst_first([*problems, *checking.inspect(dataset, parts)])
    return problems, checking.summary(dataset, parts)


def _of_unlabelled(found: Experiment, dataset: Dataset, parts: Split) -> list[checking.Problem]:
    """What reading the unlabelled rows says, where any are given."""
    try:
        more = unlabelled_rows(found, dataset, parts.test)
    except DataError as error:
        return [checking.Problem("refusal", f"Training will be refused. {error.message}", "", error.hint)]
    return [] if more is None else [checking.Problem("note", note, "", "") for note in more[1]]

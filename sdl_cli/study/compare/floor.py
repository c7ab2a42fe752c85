"""Ignoring the inputs, on the test rows that all repeats of a comparison share."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdl_cli.data.split import split
from sdl_cli.measure import baseline
from sdl_cli.run.fit_and_score import row_contributions
from sdl_cli.study.compare.plan import Plan, first_experiment

Array = np.ndarray[Any, Any]


def floor_rows(plan: Plan) -> Array:
    """What each test row adds to the score of the class shares (the mean) of the labelled rows: `(T,)`, mean over repeats."""
    found, dataset = [], plan.dataset
    for repeat in range(plan.num_repeats):
        experiment = plan.shifted(first_experiment(plan.arms), repeat)
        parts = split(dataset, experiment.dataset, experiment.seed)
        labelled, test = parts.parts(dataset)
        rows = row_contributions(plan.metric, test, baseline.majority_outputs(labelled, len(test)))
        assert rows is not None, "the plan refuses other metrics on a test part of the source"
        found.append(rows)
    return np.asarray(np.mean(found, axis=0))

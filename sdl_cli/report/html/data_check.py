"""What a look at a run's data finds today: the same checks as `sdl check`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from sdl_cli.data.images.depth import eight_bit
from sdl_cli.data.split import split
from sdl_cli.errors import SdlError
from sdl_cli.phrases import counted
from sdl_cli.report.check_words import target_range, verdict
from sdl_cli.report.html.section import Section, escape, table
from sdl_cli.report.words import MANY, class_counts
from sdl_cli.run import check, prepare
from sdl_cli.run.check import Problem
from sdl_cli.run.request import TABLES
from sdl_cli.settings.experiment import Experiment
from sdl_cli.settings.parse import parse

Values = dict[str, Any]
_MOST_CLASSES = 30
_MOST_PROBLEMS = 20


def experiment_of(config: Values) -> Experiment:
    """The experiment in a stored configuration, without the settings of a whole curve or comparison.

    A comparison names no model of its own: its data is read as for the quick baseline.
    """
    names = {field.name for field in dataclasses.fields(Experiment)}
    missing: Values = {"model": {"name": "baseline"}, "loss": {"name": "auto"}, "augment": {"name": "none"}, "training": {}}
    found: Experiment = parse(TABLES, missing | {key: value for key, value in config.items() if key in names})
    return found


def data_section(config: Values, fingerprint: str | None, notice: Callable[[str], None]) -> Section:
    """The data set, and what is wrong with it or worth knowing; one sentence, also to `notice`, if it is gone or has changed.

    Arguments:
        config, fingerprint: of the run and of the data that it learned from, as stored.
    """
    try:
        experiment = experiment_of(config)
        dataset, experiment, _ = prepare.load_dataset(experiment)
        if fingerprint is not None and dataset.fingerprint != fingerprint:
            return _without("The data has changed since this run, so it is not checked here.", notice)
        parts = split(dataset, experiment.dataset, experiment.seed)
        dataset = eight_bit(dataset, parts.labelled)
        problems = check.worst_first([*check.inspect_files(experiment.dataset), *check.inspect(dataset, parts)])
        summary = check.summary(dataset, parts)
    except SdlError as error:
        return _without(f"The data could not be read again: {error.message}", notice)
    return Section("data", "Data check", _facts(summary) + _findings(problems), " ".join(verdict(problems)))


def _without(sentence: str, notice: Callable[[str], None]) -> Section:
    notice(sentence)
    return Section("data", "Data check", f"<p>{escape(sentence)}</p>")


def _facts(summary: Values) -> str:
    parts, shape = summary["parts"], " x ".join(f"{size:,}" for size in summary["shape"])
    modality, missing, counts = summary["modality"], summary["missing"], summary["classes"]
    rows = [[MANY[modality], f"{summary['rows']:,}"]]
    rows += [[name, f"{parts[name]:,}"] for name in ("labelled", "test")]
    rows += [["not used", f"{parts['unused']:,}"]] if parts["unused"] else []
    size = {"image": "size of one image", "table": "features", "series": "channels x steps"}
    rows += [] if modality == "text" else [[size[modality], shape]]
    rows += [["groups", f"{summary['groups']:,}"]] if summary["groups"] is not None else []
    if missing["cells"]:
        rows.append(["missing values", f"{missing['cells']:,} in {counted(missing['columns'], 'column')}"])
    if counts:
        rows.append([counted(len(counts), "class"), class_counts(counts, _MOST_CLASSES)])
    elif summary["target"]:
        rows.append(["target", target_range(summary["target"])])
    rows += [["read", note] for note in summary["notes"]]
    return table(["what", "count or values"], rows)


def _findings(problems: Sequence[Problem]) -> str:
    items = []
    for problem in problems[:_MOST_PROBLEMS]:
        where = f' <span class="muted">({escape(problem.where)})</span>' if problem.where else ""
        advice = f'<p class="muted">{escape(problem.advice)}</p>' if problem.advice else ""
        items.append(
            f'<li class="{problem.severity}"><b>{problem.severity.capitalize()}.</b> {escape(problem.what)}{where}{advice}</li>'
        )
    more = len(problems) - _MOST_PROBLEMS
    ending = f'<p class="muted">And {more} more: sdl check lists them all.</p>' if more > 0 else ""
    return f'<ul class="findings">{"".join(items)}</ul>{ending}' if items else ""

"""How a network learned: its loss and its validation score after each epoch."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sdl_cli.errors import DataError
from sdl_cli.files import read_guarded
from sdl_cli.measure import wording
from sdl_cli.phrases import duration
from sdl_cli.report.html.drawing import MUTED, SERIES, Drawing, new_figure
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.section import Section, plain

Row = dict[str, float]
_MOST_BYTES = 32 << 20
_LOG_FROM = 30.0  # largest over smallest loss, from which on a linear scale would hide the end of training
_DASHED = (0, (4, 2))
_METRICS = ("accuracy", "rmse")


def read_history(folder: Path) -> dict[str, list[Row]]:
    """The rows of `history.csv` by phase, in order; empty if there are none. Cells that are not numbers are left out."""
    phases: dict[str, list[Row]] = {}
    try:
        text = read_guarded(folder / "history.csv", _MOST_BYTES, within=folder).decode("utf-8", "replace")
    except (OSError, DataError):
        return {}
    for line in csv.DictReader(text.splitlines()):
        row = {key: number for key, value in line.items() if isinstance(key, str) and (number := _number(value)) is not None}
        if "epoch" in row:
            phases.setdefault(str(line.get("phase")), []).append(row)
    return phases


def history_section(folder: Path, of: str = "") -> Section | None:
    """The section on a run's training, `of` whom if the report has several runs; None for methods that train no network."""
    phases = read_history(folder)
    rows = [row for phase in phases.values() for row in phase]
    if not any("train_loss" in row for row in rows):
        return None
    metric = next((name for name in _METRICS if any(f"validation_{name}" in row for row in rows)), None)
    has_validation = any("validation_loss" in row for row in rows)
    last = {name: rows[-1] for name, rows in phases.items()}
    epochs = ", ".join(
        f"{row['epoch']:.0f}{f' ({plain(name, 30)})' if len(last) > 1 else ''}" for name, row in list(last.items())[:8]
    )
    took = duration(sum(row.get("seconds", 0.0) for row in rows), exact=True)
    lead = f"{of}{' learned' if of else 'Learned'} for {epochs} epoch{'' if epochs == '1' else 's'} in {took}."
    caption = "Training minimises the loss; if it still falls steeply at the end, more epochs may help."
    if has_validation:
        caption += " If validation loss rises while training loss falls, the network is memorising its rows."
    elif metric is None:
        caption += " No validation rows were set aside: the network learned from all labelled rows, and its last epoch is used."

    def draw(width_in: float) -> Figure:
        return _drawn(phases, metric, has_validation, width_in)

    drawing = Drawing("history", "Loss and validation score per epoch", draw, caption)
    return Section("history", "Training history", shown(drawing), lead, (drawing,))


def _drawn(phases: dict[str, list[Row]], metric: str | None, has_validation: bool, width_in: float) -> Figure:
    with new_figure(width_in, 4.4 if metric else 2.7) as made:
        panels = made.subplots(2 if metric else 1, 1, sharex=True, squeeze=False)[:, 0]
        _losses(panels[0], phases, has_validation)
        if metric:
            _scores(panels[1], phases, metric)
        panels[-1].set_xlabel("epoch")
        panels[-1].xaxis.set_major_locator(MaxNLocator(7, integer=True))
    return made


def _losses(axes: Axes, phases: dict[str, list[Row]], has_validation: bool) -> None:
    values = _lines(axes, phases, "train_loss", "training", "-", SERIES[0])
    values += _lines(axes, phases, "validation_loss", "validation", _DASHED, SERIES[1])
    is_log = min(values) > 0 and max(values) / min(values) > _LOG_FROM
    if is_log:
        axes.set_yscale("log")
    axes.set_title("loss (log scale)" if is_log else "loss")
    if len(phases) > 1 and len(phases) <= 6 or has_validation and len(phases) == 1:
        axes.legend(ncols=2 if len(phases) > 1 else 1)


def _scores(axes: Axes, phases: dict[str, list[Row]], metric: str) -> None:
    scale = 100 if metric in wording.PERCENT else 1
    _lines(axes, phases, f"validation_{metric}", "", _DASHED if len(phases) > 1 else "-", SERIES[1], scale)
    axes.set_title(f"validation {wording.axis_label(metric)}")
    axes.axhline(axes.get_ylim()[0], color=MUTED, linewidth=0)


def _lines(
    axes: Axes, phases: dict[str, list[Row]], key: str, what: str, style: Any, colour: str, scale: float = 1.0
) -> list[float]:
    """A line for each phase, in colours of their own where there are several. Returns the values that were drawn."""
    values: list[float] = []
    for number, (name, rows) in enumerate(phases.items()):
        found = [(row["epoch"], scale * row[key]) for row in rows if key in row]
        if found:
            label, own = (what, colour) if len(phases) == 1 else (f"{plain(name, 18)}, {what}", SERIES[number % 6])
            marker = "o" if len(found) == 1 else None
            axes.plot(*zip(*found, strict=True), color=own, linestyle=style, marker=marker, label=label)
            values += [value for _, value in found]
    axes.grid(axis="y")
    return values


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None

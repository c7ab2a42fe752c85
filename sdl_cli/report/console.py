"""Results as text: what runs, how far it is, and what came out. With no terminal, plain lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from sdl_cli.metrics import HIGHER_IS_BETTER, MAIN
from sdl_cli.results import quoted

Values = dict[str, Any]
PERCENT = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "roc_auc"})


class Display:
    """Where a verb prints. With `json`, everything goes to stderr and stdout is left to the one object."""

    def __init__(self, json: bool = False) -> None:
        self.out = Console(stderr=json, highlight=False, soft_wrap=True)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._task: Any = None
        self._phase = ""
        self._printed = 0.0

    def start(self, overview: Values) -> None:
        """What is about to run."""
        rows = overview["rows"]
        parts = ", ".join(f"{count:,} {name}" for name, count in rows.items() if count)
        shape = " x ".join(map(str, overview["shape"]))
        unit = "images of" if overview["modality"] == "image" else "rows of"
        self.out.print(f"[bold]data[/]    {escape(overview['dataset'])}: {parts} ({unit} {shape})")
        for name, counts in overview["per_class"].items():
            if counts:
                self.out.print(f"        {name} per class: {escape(_class_counts(counts))}")
        extras = f", loss {overview['loss']}, augmentation {overview['augment']}" if overview["network"] else ""
        self.out.print(f"[bold]model[/]   {overview['model']}{extras}")

    def runtime(self, values: Values | None) -> None:
        """What it ran on."""
        if values is None:
            self.out.print("[bold]device[/]  cpu (scikit-learn)")
            return
        layout = "" if values["memory_format"] == "contiguous" else f", {values['memory_format']}"
        self.out.print(
            f"[bold]device[/]  {values['device']}, {values['precision']}{layout}, {values['num_threads']} threads "
            f"[dim]({escape(values['reason'])})[/]"
        )

    def epoch(self, row: Values) -> None:
        """One epoch is over."""
        text = _epoch_text(row)
        if not self.err.is_terminal:
            due = time.monotonic() - self._printed > 10
            if row["epoch"] == row["epochs"] or due:
                self._printed = time.monotonic()
                self.err.print(f"{row['phase']}: epoch {row['epoch']}/{row['epochs']}  {text}")
            return
        if self._progress is None or self._phase != row["phase"]:
            self.stop()
            columns = (
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[text]}"),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self.err, transient=True)
            self._progress.start()
            self._phase = row["phase"]
            self._task = self._progress.add_task(row["phase"], total=row["epochs"], text="")
        self._progress.update(self._task, completed=row["epoch"], text=text)
        if row["epoch"] == row["epochs"]:
            self.stop()

    def stop(self) -> None:
        """Take the progress bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def notice(self, sentence: str) -> None:
        self.stop()
        self.err.print(f"[yellow]note[/]    {escape(sentence)}")

    def result(self, values: Values) -> None:
        """The test metrics beside the baseline's, the lift, and where the run is."""
        self.stop()
        self.runtime(values["runtime"])
        test, baseline, majority = values["metrics"]["test"], values["baseline"], values["majority"]["test"]
        self.out.print(_score_table(values, test, baseline, majority))
        self.out.print(_lift_sentence(values))
        self.out.print(f"[dim]{_seconds(values['seconds'])}[/]")
        self.out.print(f"[bold]run[/]     {escape(values['folder'])}")

    def evaluation(self, values: Values) -> None:
        """What `sdl evaluate` found."""
        where = "its own test part" if values["data"]["same_test_part"] else "all rows given"
        self.out.print(f"[bold]data[/]    {escape(values['data']['name'])}, {where}: {values['data']['rows']:,} rows")
        table = _table("", "test")
        for name, value in values["metrics"]["test"].items():
            table.add_row(_label(name), _measured(name, value))
        self.out.print(table)
        if values["reproduced"] is not None:
            self.out.print(
                "The stored metrics are reproduced exactly." if values["reproduced"] else "[yellow]The stored metrics differ.[/]"
            )

    def sweep(self, values: Values) -> None:
        """One line per job of a sweep."""
        table = _table("job", "overrides", "test", "baseline", "status")
        for number, job in enumerate(values["jobs"]):
            test, other = "", ""
            if job["metrics"]:
                name = "accuracy" if "accuracy" in job["metrics"]["test"] else "rmse"
                test = f"{_label(name)} {_measured(name, job['metrics']['test'][name])}"
                found = job.get("baseline")
                other = _value(name, found["test"][name]["value"]) if found else ""
            status = job["status"] if job["status"] == "done" else f"{job['status']}: {job.get('reason', '')}"
            table.add_row(str(number), escape(" ".join(job["overrides"])), test, other, escape(status))
        self.out.print(table)
        self.out.print(f"[bold]sweep[/]   {escape(values['folder'])}")


def error_lines(message: str, hint: str) -> None:
    """One to three plain lines on stderr."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error[/]   {escape(message)}")
    if hint:
        console.print(f"        {escape(hint)}")


def _score_table(values: Values, test: Values, baseline: Values | None, majority: Values) -> Table:
    unit = "repeats" if values["repeats"] > 1 else "test rows"
    n = next(iter(test.values()))["n"]
    model = values["config"]["model"]
    title = f"{model['name']}" + (f" ({model['kind']})" if model["name"] == "baseline" else "")
    columns = [f"{title}, n = {n:,} {unit}, 95 % interval"]
    columns += [f"{baseline['name']} (quick baseline)"] if baseline else []
    table = _table("test", *columns, "majority" if "accuracy" in test else "mean")
    for name, value in test.items():
        row = [_label(name), _measured(name, value)]
        row += [_measured(name, baseline["test"][name])] if baseline else []
        table.add_row(*row, _value(name, majority[name]["value"]))
    return table


def _lift_sentence(values: Values) -> str:
    lift = values["lift"]
    if lift is None:
        name = MAIN["classification" if "accuracy" in values["metrics"]["test"] else "regression"]
        value, floor = values["metrics"]["test"][name]["value"], values["majority"]["test"][name]["value"]
        better = (value > floor) == HIGHER_IS_BETTER[name] and value != floor
        return "[bold]lift[/]    this is the baseline itself" + (
            "" if better else "; [yellow]it is no better than ignoring the inputs[/]"
        )
    metric = lift["metric"]
    if metric in PERCENT:
        size = f"{100 * lift['value']:+.1f} points of {_label(metric)}"
        interval = f"{100 * lift['low']:+.1f} to {100 * lift['high']:+.1f}"
    else:
        size, interval = (
            f"{lift['value']:+.3g} of {_label(metric)} (positive is better)",
            f"{lift['low']:+.3g} to {lift['high']:+.3g}",
        )
    verdict = "[green]measurable[/]" if lift["measurable"] else "[yellow]no measurable difference[/]"
    if lift["measurable"] and lift["value"] < 0:
        verdict = "[red]measurably worse than the baseline[/]"
    return f"[bold]lift[/]    {size} over the baseline, 95 % interval {interval}: {verdict}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column == "job")
    return table


def _measured(name: str, value: Values) -> str:
    if value["value"] is None:
        return "undefined"
    text = _value(name, value["value"])
    if value["low"] is None or value["high"] is None:
        return text
    return f"{text} ({_value(name, value['low'], unit=False)} to {_value(name, value['high'], unit=False)})"


def _value(name: str, value: float | None, unit: bool = True) -> str:
    if value is None:
        return "undefined"
    if name in PERCENT:
        return f"{100 * value:.1f}" + (" %" if unit else "")
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def _label(name: str) -> str:
    names = {"roc_auc": "ROC AUC", "macro_f1": "macro F1", "rmse": "RMSE", "mae": "MAE", "r2": "R2"}
    return names.get(name, name.replace("_", " "))


def _class_counts(counts: dict[str, int], most: int = 10) -> str:
    if len(set(counts.values())) == 1 and len(counts) > 2:
        return f"{next(iter(counts.values()))} of each of {len(counts)}"
    shown = [f"{name} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", ... ({len(counts)} classes)" if len(counts) > most else "")


def _epoch_text(row: Values) -> str:
    text = f"loss {row['train_loss']:.4f}"
    for name in ("accuracy", "rmse"):
        if f"validation_{name}" in row:
            text += f"  validation {name} {_value(name, row[f'validation_{name}'])}"
    return text


def _seconds(seconds: Values) -> str:
    parts = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if name != "total" and value >= 0.05)
    return f"{seconds['total']:.1f} seconds" + (f" ({parts})" if parts else "")


def resume_command(folder: object) -> str:
    """The command that goes on with a stopped run."""
    return f"sdl train --resume {quoted(str(folder))}"


def catalogue(items: Sequence[Values]) -> Table:
    """Names and what they are, as `sdl list` shows them."""
    table = _table("", "")
    table.show_header = False
    for item in items:
        table.add_row(f"[bold]{escape(item['name'])}[/]", escape(item["summary"]))
    return table

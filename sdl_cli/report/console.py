"""Results as text: what runs, how far it is, and what came out. With no terminal, plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from sdl_cli.errors import OutOfTimeError, StorageError
from sdl_cli.measure import wording
from sdl_cli.phrases import counted
from sdl_cli.report import compare_words, curve_words, layout, words
from sdl_cli.run.run_folder import quoted, resume_verb

Values = dict[str, Any]
PLAIN_SECONDS = 10.0  # least time between two lines of progress where there is no terminal


class Display:
    """Where a verb prints. With `json`, everything goes to stderr and stdout is left to the one object."""

    def __init__(self, json: bool = False) -> None:
        self.out: TextIO = sys.stderr if json else sys.stdout
        self.err: TextIO = sys.stderr
        self._progress: Any = None
        self._task: Any = None
        self._phase = ""
        self._last_line = -PLAIN_SECONDS
        self._shown: tuple[Values, Values | None] | None = None
        self._noted: list[str] = []
        self._said: set[str] = set()

    def start(self, overview: Values) -> None:
        """What is about to run; only what is new of it, where much like it ran before."""
        self.stop()
        if self._shown is not None and _alike(self._shown[0], overview):
            return
        self._shown = (overview, None)
        parts = ", ".join(f"{count:,} {name}" for name, count in overview["rows"].items() if count)
        size = " x ".join(map(str, overview["shape"]))
        shape = {"image": f"images of {size}", "table": f"rows of {size}", "text": "texts"}[overview["modality"]]
        self._field("data", f"{overview['dataset']}: {parts} ({shape})")
        for name, counts in overview["per_class"].items():
            if counts:
                self._field("", f"{name} per class: {words.class_counts(counts)}")
        extras = f", loss {overview['loss']}, augmentation {overview['augment']}" if overview["network"] else ""
        variant = f" ({overview['variant']})" if overview["variant"] not in ("", "auto") else ""
        self._field("model", f"{overview['model']}{variant}{extras}")

    def runtime(self, values: Values | None) -> None:
        """What it runs on: None is scikit-learn on the CPU."""
        self.stop()
        if self._shown is not None:
            if self._shown[1] == (values or {}):
                return
            self._shown = (self._shown[0], values or {})
        if values is None:
            self._field("device", "cpu (scikit-learn)")
            return
        form = "" if values["memory_format"] == "contiguous" else f", {values['memory_format']}"
        threads = counted(values["num_threads"], "thread")
        self._field("device", f"{values['device']}, {values['precision']}{form}, {threads} ({values['reason']})")

    def epoch(self, row: Values) -> None:
        """One epoch is over."""
        text = words.epoch_text(row)
        if not self.err.isatty():
            due = time.monotonic() - self._last_line >= PLAIN_SECONDS
            if row["epoch"] == row["epochs"] or due:
                self._last_line = time.monotonic()
                layout.say(f"{row['phase']}: epoch {row['epoch']}/{row['epochs']}  {text}", self.err, flush=True)
            return
        if self._progress is None or self._phase != row["phase"]:
            self.stop()
            self._progress, self._phase = _progress_bar(self.err), row["phase"]
            self._progress.start()
            self._task = self._progress.add_task(row["phase"], total=row["epochs"], text="")
        self._progress.update(self._task, completed=row["epoch"], text=layout.shown(text))
        if row["epoch"] == row["epochs"]:
            self.stop()

    def stop(self) -> None:
        """Take the progress bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def notice(self, sentence: str) -> None:
        """A sentence that is no result and no error; it is said once, however many splits or jobs it holds for."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._field("note", sentence, "33", self.err)

    def repeat(self, number: int, total: int, values: Values) -> None:
        """One of `num_repeats` splits is done."""
        self._field("repeat", f"{number} of {total}: {words.one_line(values)}")

    def job(self, number: int, total: int | None, overrides: Sequence[str]) -> None:
        """The next job of a sweep begins."""
        self._field("job", f"{number + 1}{f' of {total}' if total else ''}: {' '.join(overrides)}")

    def job_done(self, values: Values) -> None:
        """A job of a sweep is done."""
        self._field("result", values["verdict"] if "verdict" in values else words.one_line(values))
        for sentence in values.get("warnings", []):
            self._field("warning", sentence, "33")

    def failure(self, number: int, message: str) -> None:
        """A job of a sweep has failed."""
        for line in layout.error_lines(f"job {number + 1}: {message}", ""):
            layout.say(line, self.err, flush=True)

    def ended(self, number: int, overrides: Sequence[str], state: str) -> None:
        """A job of a sweep that another launcher runs has ended: so many have by now."""
        self._field("ended", f"{number}: {' '.join(overrides)}: {state}", stream=self.err)

    def result(self, values: Values) -> None:
        """The test metrics beside the baseline's, the lift, and where the run is."""
        if self._shown is None or self._shown[1] != (values["runtime"] or {}):
            self.runtime(values["runtime"])
        self.stop()
        layout.say(stream=self.out)
        for line in words.score_lines(values):
            layout.say(line, self.out)
        layout.say(stream=self.out)
        sentence, verdict, colour = words.lift_words(values)
        self._field("lift", sentence)
        if verdict:
            self._field("", verdict, colour)
        self._field("time", words.time_taken(values["seconds"]))
        self._path("run", values["folder"])

    def evaluation(self, values: Values) -> None:
        """What `sdl evaluate` found."""
        self.stop()
        where = (
            "its own test part"
            if values["data"]["same_test_part"]
            else "all rows given (rows that it was trained on would flatter it)"
        )
        self._field("data", f"{values['data']['name']}, {where}: {counted(values['data']['rows'], 'row')}")
        test = values["metrics"]["test"]
        n = next(iter(test.values()))["n"]
        of_rows = n == values["data"]["rows"]
        what = "95 % interval" if of_rows else "95 % t interval of their mean (not of the rows)"
        layout.say(f"\nn = {counted(n, 'row' if of_rows else 'repeat')}, {what}", self.out)
        for line in layout.table([(wording.label(name), wording.measured(name, value)) for name, value in test.items()]):
            layout.say(line, self.out)
        if values["reproduced"] is not None:
            same = values["reproduced"]
            text = "The stored metrics are reproduced exactly." if same else "The stored metrics differ."
            layout.say(f"\n{_styled(text, '' if same else '33', self.out)}", self.out)

    def sweep(self, values: Values) -> None:
        """One line per job of a sweep."""
        self.stop()
        layout.say(stream=self.out)
        self.lines([*words.sweep_lines(values["jobs"]), *words.seed_lines(values["jobs"])])
        done = [(number, job) for number, job in enumerate(values["jobs"], 1) if job["metrics"] and job.get("rows")]
        if said := wording.unequal_rows([(f"job {number}", job["rows"]) for number, job in done]):
            self._field("note", said, "33")
        if best := words.best_of_search(values["jobs"]):
            self._field("best", best)
        self._failed_jobs(values["jobs"])
        layout.say(stream=self.out)
        self._path("sweep", values["folder"])
        if "results" in values:
            self._path("", values["results"])

    def curve_start(self, overview: Values) -> None:
        """What a curve will measure, and how long that may take."""
        self.stop()
        for name, text in curve_words.plan_lines(overview):
            self._field(name, text)
        self._noted = list(overview["notes"])
        for sentence in self._noted:
            self.notice(sentence)
        if self.err.isatty():  # the first cell may take a while
            self._cells(overview["done"], overview["cells"], "")

    def curve_progress(self, progress: Any) -> None:
        """A cell of a curve is done, was done before, or failed."""
        outcome, done, total = progress.outcome, progress.done, progress.total
        if outcome.error is not None and not isinstance(outcome.error, StorageError):
            self.notice(f"{progress.size:,} labels, repeat {progress.repeat + 1} failed: {str(outcome.error).splitlines()[0]}")
        left = f"about {curve_words.duration(progress.seconds_left)} left" if done < total else ""
        if not self.err.isatty():
            if done < total and time.monotonic() - self._last_line >= PLAIN_SECONDS and not outcome.was_done:
                self._last_line = time.monotonic()
                layout.say(f"{done} of {total} cells, {left}", self.err, flush=True)
            return
        self._cells(done, total, left)
        if done == total:
            self.stop()

    def compare_start(self, overview: Values) -> None:
        """What will be compared."""
        self.stop()
        for name, text in compare_words.plan_lines(overview):
            self._field(name, text)
        self._noted = list(overview["notes"])
        for sentence in self._noted:
            self.notice(sentence)
        if self.err.isatty():
            self._cells(overview["done"], overview["cells"], "")

    def compare_progress(self, progress: Any) -> None:
        """A cell of a comparison is done, was done before, or failed."""
        outcome, done, total = progress.outcome, progress.done, progress.total
        if isinstance(outcome.error, OutOfTimeError):  # it is said at the end, once for each arm
            return
        if outcome.error is not None and not isinstance(outcome.error, StorageError):
            self.notice(f"{progress.arm}, split {progress.repeat + 1} failed: {str(outcome.error).splitlines()[0]}")
        left = "" if progress.seconds_left is None else f"about {curve_words.duration(progress.seconds_left)} left"
        text = ", ".join(filter(None, (f"{progress.arm} split {progress.repeat + 1}", left if done < total else "")))
        if not self.err.isatty():
            if done < total and time.monotonic() - self._last_line >= PLAIN_SECONDS and not outcome.was_done:
                self._last_line = time.monotonic()
                layout.say(f"{done} of {total} fits: {text}", self.err, flush=True)
            return
        self._cells(done, total, text)
        if done >= total:
            self.stop()

    def comparison(self, values: Values) -> None:
        """The ranking of a comparison, and what it comes to."""
        for sentence in values["notes"]:
            if sentence not in self._noted:
                self.notice(sentence)
        self.stop()
        layout.say(stream=self.out)
        self.lines([*compare_words.table_lines(values), ""])
        for key, label, colour in (("given_up", "gave up", "33"), ("failed", "failed", "31")):
            for reason, names in compare_words.by_reason(values[key]):
                self._field(label, f"{names}: {reason}", colour)
        self._field("verdict", values["verdict"])
        if values["more_labels"] is not None:
            self._field("labels", values["more_labels"]["sentence"])
        self._field("time", f"{values['seconds']['total']:.1f} seconds")
        self._path("run", values["folder"])
        for key in ("recommended", "best"):
            if (Path(values["folder"]) / key / "metrics.json").is_file():
                self._path("model" if key == "recommended" else "best", str(Path(values["folder"]) / key))
        if values["recommended"] == values["best"]:
            self._field("", "It has the best mean too, so that no second model is kept in best/.")

    def _cells(self, done: int, total: int, text: str) -> None:
        if self._progress is None:
            self._progress, self._phase = _progress_bar(self.err, time_left=False), "cells"
            self._progress.start()
            self._task = self._progress.add_task("cells", total=total, text="")
        self._progress.update(self._task, completed=done, text=text)

    def curve(self, values: Values) -> None:
        """A curve: its points, its forecast, a chart, and what they mean."""
        for sentence in values["notes"]:
            if sentence not in self._noted:
                self.notice(sentence)
        self.forecast(values)
        reasons = [item["reason"] for item in values["failed"]]
        for reason in dict.fromkeys(reasons):
            many = reasons.count(reason)
            self._field("failed", f"{many} cell{'s' if many > 1 else ''}: {reason}", "31")
            self._path("", values["failed"][reasons.index(reason)]["folder"])
        self._field("time", f"{values['seconds']:.1f} seconds")
        self._path("run", values["folder"])
        self._path("", str(Path(values["folder"]) / "curve.png"))

    def forecast(self, values: Values) -> None:
        """The points and the forecast of a curve, measured here or elsewhere."""
        self.stop()
        layout.say(stream=self.out)
        self.lines([*curve_words.table_lines(values), "", *curve_words.chart_lines(values), ""])
        for sentence in values["warnings"]:
            self._field("warning", sentence, "33")
        self._field("verdict", values["verdict"])

    def curves(self, values: Values) -> None:
        """One line per curve of a sweep, and where they cross."""
        self.stop()
        layout.say(stream=self.out)
        self.lines([*curve_words.sweep_lines(values["jobs"]), ""])
        for sentence in values["sentences"]:
            self._field("", sentence)
        self._failed_jobs(values["jobs"])
        self._path("sweep", values["folder"])
        for file in (*values["pictures"], *([values["results"]] if "results" in values else [])):
            self._path("", file)

    def comparisons(self, values: Values) -> None:
        """One line per comparison of a sweep."""
        self.stop()
        layout.say(stream=self.out)
        self.lines([*compare_words.sweep_lines(values["jobs"]), ""])
        self._failed_jobs(values["jobs"])
        self._path("sweep", values["folder"])
        self._path("", values["results"])

    def exported(self, values: Values) -> None:
        """What `sdl export` wrote, and how near it is to the run's own predictions."""
        self.stop()
        self._path("model", values["out"])
        self._path("inputs", values["preprocessing"])
        rows, far = values["rows_checked"], values["largest_difference"]
        self._field("parity", f"largest difference {far:.2g} over {rows:,} rows ({values['checked_on']}); allowed is 0.0001")

    def lines(self, lines: Sequence[str]) -> None:
        """Lines that are laid out already."""
        for line in lines:
            layout.say(line, self.out)

    def _failed_jobs(self, jobs: Sequence[Values]) -> None:
        waiting = sum(job["status"] == "not run" for job in jobs)
        for number, job in enumerate(jobs):
            if job["status"] not in ("done", "not run"):
                reason = job.get("reason") or "it has not ended, and may be running yet"
                self._field("failed", f"job {number + 1}: {reason}", "31")
                self._path("", job["folder"])
        if waiting:
            self._field("waiting", f"{waiting} job{'s were' if waiting > 1 else ' was'} not run", "33")

    def _field(self, label: str, text: str, colour: str = "", stream: TextIO | None = None) -> None:
        self.stop()
        stream = stream or self.out
        first, *more = layout.labelled(label, text)
        if label:
            first = _styled(label, colour or "1", stream) + first[len(label) :]
        elif colour:
            first, more = _styled(first, colour, stream), [_styled(line, colour, stream) for line in more]
        layout.say("\n".join([first, *more]), stream, flush=True)

    def _path(self, label: str, path: str) -> None:
        layout.say(f"{_styled(label, '1', self.out)}{' ' * (layout.INDENT - len(label))}{path}", self.out, flush=True)


def resume_command(folder: object) -> str:
    """The command that goes on with a stopped run, curve or sweep."""
    return f"sdl {resume_verb(Path(str(folder)))} --resume {quoted(str(folder))}"


def _progress_bar(stream: TextIO, time_left: bool = True) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[text]}"),
        *([TimeRemainingColumn()] if time_left else []),
    )
    return Progress(*columns, console=Console(file=stream, highlight=False), transient=True)


def _styled(text: str, colour: str, stream: TextIO) -> str:
    return layout.styled(text, colour, stream) if colour and text else text


def _alike(one: Values, other: Values) -> bool:
    """The same data, parts and model, so that a new split of them is not news."""
    return all(one[key] == other[key] for key in one if key != "per_class")

"""Results as text: what runs, how far it is, and what came out. With no terminal, plain lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from sdl_cli.errors import OutOfTimeError, StorageError
from sdl_cli.many.sweep_result import JobResult
from sdl_cli.measure import wording
from sdl_cli.phrases import counted, duration, first_line
from sdl_cli.report import claims_words, compare_words, curve_words, layout, words
from sdl_cli.report.progress import Progress
from sdl_cli.run.result import RunResult
from sdl_cli.run.run_folder import names_code, quoted, resume_verb
from sdl_cli.study.claims.jobs import Job
from sdl_cli.study.claims.result import FAILS, HOLDS, ClaimResult, ClaimsResult
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve.result import CurveResult

Values = dict[str, Any]
GOOD, BAD, DOUBTFUL = "32", "31", "33"  # colours of `layout.styled`


class Display:
    """Where a verb prints. With `json`, everything goes to stderr and stdout is left to the one object."""

    def __init__(self, json: bool = False) -> None:
        self.out: TextIO = sys.stderr if json else sys.stdout
        self.err: TextIO = sys.stderr
        self.progress = Progress()
        self._shown: tuple[Values, Values | None] | None = None
        self._said: set[str] = set()

    def start(self, overview: Values) -> None:
        """What is about to run; only what is new of it, where much like it ran before."""
        self.stop()
        before = {} if self._shown is None else self._shown[0]
        if before and all(before[key] == overview[key] for key in before if key != "per_class"):
            return  # a new split of the same data, parts and model is not news
        self._shown = (overview, None)
        parts = ", ".join(f"{count:,} {name}" for name, count in overview["rows"].items() if count)
        data = words.examples(overview["modality"], overview["shape"])
        self._field("data", f"{overview['dataset']}: {parts} ({data})")
        for name, counts in overview["per_class"].items():
            if counts:
                self._field("", f"{name} per class: {words.class_counts(counts)}")
        extras = f", loss {overview['loss']}, augmentation {overview['augment']}" if overview["network"] else ""
        strategy = f", strategy {overview['strategy']}" if overview.get("strategy") else ""
        self._field("model", f"{overview['model']}{strategy}{extras}")

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
        text, phase, done, total = words.epoch_text(row), row["phase"], row["epoch"], row["epochs"]
        if self.progress.moves(self.err):
            self.progress.show(self.err, phase, done, total, text, time_left=True)
        else:
            self.progress.line(
                self.err, f"{phase}: {row.get('unit', 'epoch')} {done}/{total}  {text}".rstrip(), at_once=done == total
            )

    def stop(self) -> None:
        """Take the progress bar away."""
        self.progress.stop()

    def notice(self, sentence: str) -> None:
        """A sentence that is no result and no error; it is said once, however many splits or jobs it holds for."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._field("note", sentence, DOUBTFUL, self.err)

    def detail(self, label: str, text: str) -> None:
        """What only -v shows."""

    def folder(self, folder: Path) -> None:
        """The folder of a run that begins, which only -v shows so early."""

    def repeat(self, number: int, total: int, values: Values) -> None:
        """One of `num_repeats` splits is done."""
        self._field("repeat", f"{number} of {total}: {words.one_line(RunResult.from_json(values))}")

    def job(self, number: int, total: int | None, overrides: Sequence[str]) -> None:
        """The next job of a sweep begins."""
        self._field("job", f"{number + 1}{f' of {total}' if total else ''}: {' '.join(overrides)}")

    def job_done(self, values: Values) -> None:
        """A job of a sweep is done."""
        self._field("result", values["verdict"] if "verdict" in values else words.one_line(RunResult.from_json(values)))
        for sentence in values.get("warnings", ()):
            self._field("warning", sentence, DOUBTFUL)

    def failure(self, number: int, message: str) -> None:
        """A job of a sweep has failed."""
        for line in layout.error_lines(f"job {number + 1}: {message}", ""):
            layout.say(line, self.err, flush=True)

    def ended(self, number: int, overrides: Sequence[str], state: str) -> None:
        """A job of a sweep that another launcher runs has ended: so many have by now."""
        self._field("ended", f"{number}: {' '.join(overrides)}: {state}", stream=self.err)

    def result(self, values: Values) -> None:
        """The test metrics beside the baseline's, the lift, and where the run is."""
        found = RunResult.from_json(values)
        if self._shown is None or self._shown[1] != (found.runtime or {}):
            self.runtime(found.runtime)
        self._block([*words.score_lines(found), ""])
        sentence, verdict, colour = words.lift_words(found)
        self._field("lift", sentence)
        if verdict:
            self._field("", verdict, colour)
        self._field("time", words.time_taken(found.seconds))
        self._path("run", str(found.folder))

    def evaluation(self, values: Values) -> None:
        """What `sdl evaluate` found."""
        self.stop()
        data, found = values["data"], RunResult.from_json(values)
        test = found.test
        where = words.scored_part(data["same_test_part"])
        self._field("data", f"{data['name']}, {where}: {counted(data['rows'], 'row')}")
        n = next(iter(test.values())).n
        what = f"{counted(n, 'row')}, 95 % interval"
        if n != data["rows"]:
            of = "repeats and rows" if found.same_test_rows else "splits, not over rows"
            what = f"{counted(n, 'repeat')}, 95 % {'' if found.same_test_rows else 't '}interval of their mean over {of}"
        rows = [(wording.label(name), wording.measured(name, value)) for name, value in test.items()]
        self._block([f"n = {what}", *layout.table(rows)])
        if values["reproduced"] is not None:
            text, colour = ("are reproduced exactly", "") if values["reproduced"] else ("differ", DOUBTFUL)
            layout.say("\n" + _styled(f"The stored metrics {text}.", colour, self.out), self.out)

    def sweep(self, values: Values) -> None:
        """One line per job of a sweep."""
        jobs = _jobs(values)
        self._block([*words.sweep_lines(jobs), *words.seed_lines(jobs)])
        if said := wording.unequal_rows([(f"job {number}", job.run.rows) for number, job in enumerate(jobs, 1) if job.run]):
            self._field("note", said, DOUBTFUL)
        if best := words.best_of_search(jobs):
            self._field("best", best)
        self._failed_jobs(jobs)
        layout.say(stream=self.out)
        self._path("sweep", values["folder"], *([values["results"]] if "results" in values else []))

    def curve_start(self, overview: Values) -> None:
        """What a curve will measure, and how long that may take."""
        self._plan(overview, curve_words.plan_lines)

    def curve_progress(self, progress: Any) -> None:
        """A cell of a curve is done, was done before, or failed."""
        self._cell(progress, f"{progress.part:,} labels, repeat {progress.repeat + 1}", "", "cells")

    def compare_start(self, overview: Values) -> None:
        """What will be compared."""
        self._plan(overview, compare_words.plan_lines)

    def compare_progress(self, progress: Any) -> None:
        """A cell of a comparison is done, was done before, or failed."""
        if not isinstance(progress.outcome.error, OutOfTimeError):  # it is said at the end, once for each arm
            name = f"{progress.part} split {progress.repeat + 1}"
            self._cell(progress, f"{progress.part}, split {progress.repeat + 1}", name, "fits")

    def comparison(self, values: Values) -> None:
        """The ranking of a comparison, and what it comes to."""
        found = ComparisonResult.from_json(values)
        for sentence in found.notes:
            self.notice(sentence)
        self._block([*compare_words.table_lines(found), ""])
        for arms, label, colour in ((found.given_up, "dropped", DOUBTFUL), (found.failed, "failed", BAD)):
            for reason, names in compare_words.by_reason(arms):
                self._field(label, f"{names}: {reason}", colour)
        self._field("verdict", found.verdict)
        if found.more_labels is not None:
            self._field("labels", found.more_labels.sentence)
        self._field("time", duration(values["seconds"]["total"], exact=True))
        self._path("run", str(found.folder))
        for key, label in (("recommended", "model"), ("best", "best")):
            if (found.folder / key / "metrics.json").is_file():
                self._path(label, str(found.folder / key))
        if found.recommended == found.best:
            self._field("", "It also has the best mean, so best/ holds no second model.")

    def curve(self, values: Values) -> None:
        """A curve: its points, its forecast, a chart, and what they mean."""
        curve = CurveResult.from_json(values)
        for sentence in curve.notes:
            self.notice(sentence)
        self.forecast(values)
        reasons = [item.reason for item in curve.failed]
        for reason in dict.fromkeys(reasons):
            self._field("failed", f"{counted(reasons.count(reason), 'cell')}: {reason}", BAD)
            self._path("", str(curve.failed[reasons.index(reason)].folder))
        self._field("time", duration(curve.seconds, exact=True))
        self._path("run", values["folder"], str(Path(values["folder"]) / "curve.png"))

    def forecast(self, values: Values) -> None:
        """The points and the forecast of a curve, measured here or elsewhere."""
        curve = CurveResult.from_json(values)
        self._block([*curve_words.table_lines(curve), "", *curve_words.chart_lines(curve), ""])
        for sentence in curve.warnings:
            self._field("warning", sentence, DOUBTFUL)
        self._field("verdict", curve.verdict)

    def curves(self, values: Values) -> None:
        """One line per curve of a sweep, and where they cross."""
        jobs = _jobs(values)
        self._block([*curve_words.sweep_lines(jobs), ""])
        for sentence in values["sentences"]:
            self._field("", sentence)
        self._failed_jobs(jobs)
        self._path("sweep", values["folder"], *values["pictures"], *filter(None, [values.get("results")]))

    def comparisons(self, values: Values) -> None:
        """One line per comparison of a sweep."""
        jobs = _jobs(values)
        self._block([*compare_words.sweep_lines(jobs), ""])
        self._failed_jobs(jobs)
        self._path("sweep", values["folder"], values["results"])

    def claims_start(self, overview: Values) -> None:
        """Which claims are about to be put to the test, and how long it takes."""
        self._plan({**overview, "notes": (), "cells": overview["studies"]}, claims_words.plan_lines)

    def claims_job(self, name: str, job: Job, number: int, total: int) -> None:
        """The next study of a claim begins."""
        sized = "" if job.size is None else f", {job.size} per class"
        text = f"{name}: {job.study} on {job.member}{sized}"
        if self.err.isatty():
            self.progress.show(self.err, "studies", number - 1, total, text)
        else:
            self.progress.line(self.err, f"study {number} of {total}, {text}", at_once=True)

    def claims_progress(self, progress: Any) -> None:
        """A cell of a study ended; one that failed is said."""
        if progress.outcome.error is not None and not isinstance(progress.outcome.error, StorageError):
            self.notice(f"{progress.part}, repeat {progress.repeat + 1} failed: {first_line(progress.outcome.error)}")

    def claim(self, result: ClaimResult) -> None:
        """A claim is judged."""
        colour = {HOLDS: GOOD, FAILS: BAD}.get(result.verdict, DOUBTFUL)
        self._field("claim", f"{result.name}: {result.summary}")
        self._field("", result.verdict, colour)

    def claims(self, values: Values, report: str) -> None:
        """All claims with their verdicts and the numbers that decide them."""
        found = ClaimsResult.from_json(values)
        self._block([*claims_words.table_lines(found), *layout.wrap(claims_words.meaning(), layout.width()), ""])
        self._field("time", duration(found.seconds, exact=True))
        self._path("claims", str(found.folder), report)

    def exported(self, values: Values) -> None:
        """What `sdl export` wrote, and how near it is to the run's own predictions."""
        self.stop()
        self._path("model", values["out"])
        self._path("inputs", values["preprocessing"])
        rows, far = values["rows_checked"], values["largest_difference"]
        most, own = values["allowed_difference"], values["checked_on"]
        self._field("parity", f"largest difference {far:.2g} over {rows:,} rows ({own}); at most {most:.2g} is allowed")

    def lines(self, lines: Sequence[str]) -> None:
        """Lines that are laid out already."""
        for line in lines:
            layout.say(line, self.out)

    def _block(self, lines: Sequence[str]) -> None:
        self.stop()
        self.lines(["", *lines])

    def _plan(self, overview: Values, plan_lines: Callable[[Values], list[tuple[str, str]]]) -> None:
        self.stop()
        for name, text in plan_lines(overview):
            self._field(name, text)
        for sentence in overview["notes"]:
            self.notice(sentence)
        if self.progress.moves(self.err):  # the first cell may take a while
            self.progress.show(self.err, "cells", overview["done"], overview["cells"], "")

    def _cell(self, progress: Any, named: str, running: str, unit: str) -> None:
        """A cell of a study is `named` so if it failed, and `running` so next to the time left; cells are called `unit`."""
        outcome, done, total = progress.outcome, progress.done, progress.total
        if outcome.error is not None and not isinstance(outcome.error, StorageError):
            self.notice(f"{named} failed: {first_line(outcome.error)}")
        is_over = done >= total or progress.seconds_left is None
        text = ", ".join(filter(None, (running, "" if is_over else f"about {duration(progress.seconds_left)} left")))
        if self.progress.moves(self.err):
            self.progress.show(self.err, "cells", done, total, text)
        elif done < total and not outcome.was_done:
            self.progress.line(self.err, ", ".join(filter(None, (f"{done} of {total} {unit}", text))))

    def _failed_jobs(self, jobs: Sequence[JobResult]) -> None:
        waiting = sum(job.status == "not run" for job in jobs)
        for number, job in enumerate(jobs, 1):
            if job.status not in ("done", "not run"):
                self._field("failed", f"job {number}: {job.reason or 'it has not ended; it may still be running'}", BAD)
                self._path("", str(job.folder))
        if waiting:
            self._field("waiting", f"{counted(waiting, 'job', verbs='was/were')} not run", DOUBTFUL)

    def _field(self, label: str, text: str, colour: str = "", stream: TextIO | None = None) -> None:
        self.stop()
        stream = stream or self.out
        first, *more = layout.labelled(label, text)
        if label:
            first = _styled(label, colour or "1", stream) + first[len(label) :]
        elif colour:
            first, more = _styled(first, colour, stream), [_styled(line, colour, stream) for line in more]
        layout.say("\n".join([first, *more]), stream, flush=True)

    def _path(self, label: str, *paths: str) -> None:
        """Paths below each other, the first one after the label; never wrapped."""
        for path in paths:
            layout.say(f"{_styled(label, '1', self.out)}{' ' * (layout.INDENT - len(label))}{path}", self.out, flush=True)
            label = ""


def resume_command(folder: object) -> str:
    """The command that resumes a stopped run, curve or sweep."""
    trust = " --trust" if names_code(Path(str(folder))) else ""
    return f"sdl {resume_verb(Path(str(folder)))} --resume {quoted(str(folder))}{trust}"


def _jobs(values: Values) -> list[JobResult]:
    return [JobResult.from_json(job) for job in values["jobs"]]


def _styled(text: str, colour: str, stream: TextIO) -> str:
    return layout.styled(text, colour, stream) if colour and text else text

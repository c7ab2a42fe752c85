"""What a report is of: a run, its repeats, a sweep, a curve or a comparison, read from its folder into the first sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError
from sdl_cli.measure.wording import model_name
from sdl_cli.phrases import counted, duration, listed
from sdl_cli.report.html import verdict
from sdl_cli.report.html.history import history_section
from sdl_cli.report.html.leaderboard import comparison_section, sweep_section
from sdl_cli.report.html.learning_curve import curve_section, curves_section
from sdl_cli.report.html.opened import read_predictions
from sdl_cli.report.html.page import Head
from sdl_cli.report.html.reliability import error_by_chance
from sdl_cli.report.html.scores import scores_section
from sdl_cli.report.html.section import Section, plain, table
from sdl_cli.report.html.sweep import Sweep, failed_table, read_sweep
from sdl_cli.report.methods.account import Outcome, arms_of
from sdl_cli.run import run_folder
from sdl_cli.run.result import RunResult
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve import overlay
from sdl_cli.study.curve.result import CurveResult

Values = dict[str, Any]
_MOST_LETTERS = 60  # of a name in a title


@dataclass(frozen=True)
class Subject:
    """The head, what comes before the look at the data, and where the rest is read from.

    Arguments:
        config, environment: of the run whose data and settings are described.
        inside: a finished single run to look into, or None; `inside_is` says which it is.
        comparison: of which it is the recommended run, so that predictions are taken from all splits; else None.
        outcome: the result itself, for the words on methods; arms: of a comparison, the settings of each on the first split.
    """

    head: Head
    sections: Sequence[Section]
    config: Values
    environment: Values
    seconds: Mapping[str, float] | None = None
    notes: Sequence[str] = ()
    inside: Path | None = None
    inside_is: str = ""
    comparison: ComparisonResult | None = None
    outcome: Outcome | None = None
    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def unfinished(folder: Path, what: str, verb: str) -> DataError:
    """The error for a study that has no result yet."""
    hint = f"Resume it: sdl {verb} --resume {run_folder.quoted(folder)}"
    return DataError(f"{folder}: this {what} is not finished (it is {run_folder.read_state(folder)}).", hint)


def _run(folder: Path) -> Subject:
    """A run of one split, or of several, of which the first is looked into."""
    stored = run_folder.read_run(folder)
    singles = [run_folder.read_run(path) for path in stored.repeats]
    result, one = RunResult.from_json(stored.metrics), singles[0] if singles else stored
    rows = result.rows
    facts = [(f"{rows['labelled']:,}", "labelled rows"), (f"{rows['test']:,}", "test rows"), _time(result.seconds["total"])]
    facts += [(str(len(singles)), "splits")] if singles else []
    kicker, seen = ("Report of a repeated run", "the first split") if singles else ("Report of a run", "")
    said = verdict.run_verdict(result, _error_by_chance(one.folder))
    head = Head(f"{_data(result)}: {plain(model_name(result.config['model']), _MOST_LETTERS)}", kicker, said, facts)
    repeats = [RunResult.from_json(single.metrics) for single in singles]
    sections = [scores_section(result, repeats), *_history(one.folder, "The first split" if singles else "")]
    more: Values = {"inside": one.folder, "inside_is": seen, "outcome": result}
    return Subject(head, sections, one.config, one.environment, result.seconds, result.notes, **more)


def _sweep(folder: Path) -> Subject:
    sweep = read_sweep(folder)
    if sweep.verb == "curve":
        return _sweep_of_curves(sweep)
    if sweep.verb == "compare":
        return _sweep_of_comparisons(sweep)
    done = [job.result for job in sweep.done]
    title = f"{listed(list(dict.fromkeys(map(_data, done))), 3)}: {counted(len(done), 'job')}"
    number, unit = _time(sum(result.seconds["total"] for result in done))
    facts = [(str(len(done)), "jobs done"), *([(str(len(sweep.failed)), "not finished")] if sweep.failed else [])]
    head = Head(title, "Report of a sweep", verdict.sweep_verdict(sweep), [*facts, (number, f"{unit} in all jobs")])
    notes = list(dict.fromkeys(note for result in done for note in result.notes))
    chosen = sweep.best.jobs[0] if sweep.best else None
    described = run_folder.read_run((chosen or sweep.done[0]).folder)
    if chosen is None:
        return Subject(head, [sweep_section(sweep)], described.config, described.environment, notes=notes, outcome=sweep)
    sections = [sweep_section(sweep), *_history(chosen.folder, f"Job {chosen.label}")]
    more: Values = {"inside": chosen.folder, "inside_is": f"job {chosen.label}", "outcome": sweep}
    return Subject(head, sections, described.config, described.environment, None, notes, **more)


def _sweep_of_curves(sweep: Sweep) -> Subject:
    """All curves in one picture if they have the same data and metric, otherwise one by one."""
    found = [CurveResult.from_json(job.values or {}) for job in sweep.done]
    said = verdict.curve_verdict(found[0])
    if len(found) > 1 and overlay.comparable(found):
        curves = overlay.named(found, [job.overrides for job in sweep.done])
        said, sections = overlay.sentences(curves, overlay.crossings(curves)), [curves_section(curves)]
    else:
        said = said if len(found) == 1 else ["These curves have different data or metrics, so they are shown one by one."]
        sections = [
            replace(curve_section(curve), id=f"curve-{n}", title=_named(curve.dataset, curve.name), lead=curve.verdict)
            for n, curve in enumerate(found, 1)
        ]
    return _sweep_of_studies(sweep, "learning curve", "curve", said, sections)


def _sweep_of_comparisons(sweep: Sweep) -> Subject:
    """Each comparison's verdict and leaderboard; its own report has the rest."""
    said, sections = [f"{counted(len(sweep.done), 'comparison')}, each with its own verdict."], []
    for number, job in enumerate(sweep.done, 1):
        result = ComparisonResult.from_json(job.values or {})
        part, title = comparison_section(result), plain(" ".join(job.overrides) or job.label, 120)
        told = verdict.comparison_verdict(result)
        said.append(f"{title}: {told[0]}")
        sections.append(Section(f"leaderboard-{number}", title, part.body, f"{' '.join(told)} {part.lead}", part.drawings))
    return _sweep_of_studies(sweep, "comparison", "comparison", said, sections)


def _sweep_of_studies(sweep: Sweep, what: str, short: str, said: list[str], sections: list[Section]) -> Subject:
    done = len(sweep.done)
    if sweep.failed:
        sections = [*sections, Section("failed", "Not finished", failed_table(sweep))]
        said = [*said, verdict.not_finished(len(sweep.failed), done, short)]
    first = run_folder.read_run(sweep.done[0].folder, finished=False)
    names = list(dict.fromkeys(plain(job.values["dataset"], _MOST_LETTERS) for job in sweep.done if job.values))
    head = Head(f"{listed(names)}: {counted(done, what)}", "Report of a sweep", said, [(str(done), f"{short}s")])
    arms = arms_of(first.config)
    return Subject(head, sections, first.config, first.environment, outcome=sweep, arms=arms)


def _curve(folder: Path) -> Subject:
    if not (folder / "curve.json").is_file():
        raise unfinished(folder, "learning curve", "curve")
    stored = run_folder.read_run(folder, finished=False)
    curve = CurveResult.from_json(run_folder.read_json(folder / "curve.json"))
    facts = [(f"{len(curve.points)}", "sizes"), (f"{max(point.repeats for point in curve.points)}", "repeats of each")]
    facts += [(f"{curve.test_rows:,}", "test rows")] if curve.test_rows else []
    kicker = f"Report of a learning curve: {plain(curve.name, _MOST_LETTERS)}"
    head = Head(_named(curve.dataset, "would more labels help?"), kicker, verdict.curve_verdict(curve), facts)
    section = curve_section(curve)
    if curve.failed:
        rows = [[str(item.folder), item.reason] for item in curve.failed[:20]]
        section = replace(section, body=f"{section.body}<h3>Failed</h3>{table(['cell', 'reason'], rows)}")
    seconds = {"total": curve.seconds}
    return Subject(head, [section], stored.config, stored.environment, seconds, curve.notes, outcome=curve)


def _comparison(folder: Path) -> Subject:
    result = ComparisonResult.from_json(run_folder.read_json(folder / "comparison.json"))
    if not result.arms:
        raise DataError(f"{folder}: no method of this comparison could be scored.", "Its failures are named in comparison.json.")
    own = folder / "recommended"
    inside = own if run_folder.read_state(own) == "done" else None
    whole = run_folder.read_run(folder, finished=False)
    stored = run_folder.read_run(inside) if inside else whole
    config = stored.config | {key: whole.config[key] for key in ("compare", "parallel") if key in whole.config}
    environment = {**stored.environment, **whole.environment, "data_fingerprint": stored.environment.get("data_fingerprint")}
    sections = [comparison_section(result)]
    sections += [curve_section(result.curve, result.more_labels)] if result.curve else []
    sections += _history(own, f"The recommended method, {result.recommended}, on the first split") if inside else []
    seconds = result.seconds or {}
    facts = [(f"{result.labelled_rows:,}", "labelled rows"), (f"{result.test_rows:,}", "test rows")]
    facts += [(str(len(result.arms)), "methods"), (str(result.repeats), "splits"), _time(seconds["total"])]
    title = _named(result.dataset, "which method works best")
    head = Head(title, "Report of a comparison", verdict.comparison_verdict(result), facts)
    more: Values = {"inside": inside, "inside_is": "the recommended method on the first split", "comparison": result}
    more |= {"outcome": result, "arms": arms_of(whole.config, result.modality)}
    return Subject(head, sections, config, environment, seconds, result.notes, **more)


READERS: dict[str, Callable[[Path], Subject]] = {
    "run": _run,
    "repeats": _run,
    "sweep": _sweep,
    "curve": _curve,
    "comparison": _comparison,
}


def _error_by_chance(folder: Path) -> float:
    """See `reliability.error_by_chance`; 0 for numbers and for predictions that cannot be read."""
    try:
        predicted = read_predictions(folder / "predictions.csv")
    except DataError:
        return 0.0
    return error_by_chance(predicted.outputs.max(axis=1)) if predicted.classes else 0.0


def _history(folder: Path, of: str) -> list[Section]:
    found = history_section(folder, of)
    return [found] if found else []


def _named(dataset: str, text: str) -> str:
    return f"{plain(dataset, _MOST_LETTERS)}: {plain(text, _MOST_LETTERS)}"


def _time(seconds: float) -> tuple[str, str]:
    """A number of seconds, minutes or hours, and which of them."""
    number, _, unit = duration(seconds).partition(" ")
    return number, unit


def _data(result: RunResult) -> str:
    """The data set of a run: its name, or the file or folder it was read from."""
    dataset = result.config["dataset"]
    return plain(Path(str(dataset["path"])).name if dataset.get("path") else dataset["name"], _MOST_LETTERS)

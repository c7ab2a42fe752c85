"""`sdl report`: read what a folder holds, put its report together, and write it as one file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError
from sdl_cli.files import write_atomic
from sdl_cli.phrases import counted
from sdl_cli.report.curve_words import duration
from sdl_cli.report.html import setup, verdict
from sdl_cli.report.html.data_check import data_section
from sdl_cli.report.html.history import history_section
from sdl_cli.report.html.leaderboard import comparison_section, sweep_section
from sdl_cli.report.html.learning_curve import curve_section, curves_section
from sdl_cli.report.html.page import Head, page
from sdl_cli.report.html.scores import model_name, scores_section
from sdl_cli.report.html.section import Section, plain, table
from sdl_cli.report.html.sweep import Sweep, read_sweep
from sdl_cli.run import run_folder
from sdl_cli.study.curve import overlay

Values = dict[str, Any]
Notice = Callable[[str], None]


@dataclass(frozen=True)
class _Report:
    """The head, what comes before the look at the data, and where the rest is read from.

    Arguments:
        config, environment: of the run whose data and settings are described.
        inside: a finished single run to look into, or None.
        comparison: of which it is the recommended run, so that predictions are taken from all splits; else None.
    """

    head: Head
    sections: list[Section]
    config: Values
    environment: Values
    seconds: Values | None
    notes: list[str]
    inside: Path | None = None
    inside_is: str = ""
    comparison: Values | None = None


def write_report(folder: Path, out: Path | None, trust: bool = False, on_notice: Notice | None = None) -> Values:
    """Write the report of a run, of one over repeats, of a sweep, a curve or a comparison.

    Arguments:
        folder: what a verb of sdl wrote.
        out: the file to write, replaced where it exists; None is `report.html` in the folder.
        trust: allow a stored model to import code outside scikit-learn, as for `evaluate`.
        on_notice: called with a sentence for each part that could not be made.
    Returns:
        `{"folder", "out", "kind", "sections", "bytes"}`, the object of `sdl report --json`.
    Raises:
        DataError: no such folder, an unfinished run, files that were changed since, or a file that cannot be written.
    """
    notice = on_notice or (lambda sentence: None)
    kind = kind_of(folder)
    out = out or folder / "report.html"
    if out.is_dir():
        raise DataError(f"{out}: this is a folder.", f"Name a file: -o {run_folder.quoted(out / 'report.html')}")
    found = _READERS[kind](folder)
    sections = list(found.sections)
    if found.inside is not None:
        sections += _inside(found, folder, trust, notice)
    sections.append(data_section(found.config, found.environment.get("data_fingerprint"), notice))
    sections += [
        setup.configuration_section(found.config, found.environment.get("command_line") or []),
        setup.machine_section(found.environment, found.seconds),
    ]
    sections.append(setup.reproduce_section(found.environment, str(folder), kind))
    notes = setup.notes_section(found.notes)
    sections += [notes] if notes else []
    text = page(found.head, sections)
    write_atomic(out, text)
    ids = [section.id for section in sections]
    return {"folder": str(folder), "out": str(out), "kind": kind, "sections": ids, "bytes": len(text.encode())}


def kind_of(folder: Path) -> str:
    """run, repeats, sweep, curve or comparison; a DataError where it is none of them."""
    if (folder / "sweep.json").is_file():
        return "sweep"
    if run_folder.kind_of(folder) == "curve":
        return "curve"
    if (folder / "comparison.json").is_file():
        return "comparison"
    run_folder.require_run_folder(folder)
    stored = run_folder.read_run(folder, finished=False)
    if stored.state == "done" and "metrics" not in run_folder.read_json(folder / "metrics.json"):
        whole = next((p for p in folder.absolute().parents if run_folder.kind_of(p) in ("curve", "comparison")), folder.parent)
        hint = f"Report the whole: sdl report {run_folder.quoted(whole)}"
        raise DataError(f"{folder}: this is a part of a curve or a comparison, which keeps numbers alone.", hint)
    if "compare" in stored.config:
        raise _unfinished(folder, "comparison", "compare")
    return "repeats" if stored.repeats else "run"


def _unfinished(folder: Path, what: str, verb: str) -> DataError:
    state = run_folder.read_state(folder)
    hint = f"Resume it: sdl {verb} --resume {run_folder.quoted(folder)}"
    return DataError(f"{folder}: this {what} is not finished (it is {state}).", hint)


def _run(folder: Path) -> _Report:
    stored = run_folder.read_run(folder)
    values = stored.metrics
    head = Head(
        f"{_name(values)}: {plain(model_name(values), 60)}", "Report of a run", verdict.run_verdict(values), _facts(values)
    )
    history = history_section(folder)
    sections = [scores_section(values, []), *([history] if history else [])]
    notes = values.get("notes", [])
    return _Report(head, sections, stored.config, stored.environment, values["seconds"], notes, folder)


def _repeats(folder: Path) -> _Report:
    stored = run_folder.read_run(folder)
    singles = [run_folder.read_run(path) for path in stored.repeats]
    values = stored.metrics
    title = f"{_name(values)}: {plain(model_name(values), 60)}"
    facts = [*_facts(values), (f"{len(singles)}", "splits")]
    head = Head(title, "Report of a repeated run", verdict.run_verdict(values), facts)
    first = singles[0]
    history = history_section(first.folder, "The first split")
    sections = [scores_section(values, [single.metrics for single in singles]), *([history] if history else [])]
    notes = values.get("notes", [])
    return _Report(head, sections, first.config, first.environment, values["seconds"], notes, first.folder, "the first split")


def _sweep(folder: Path) -> _Report:
    sweep = read_sweep(folder)
    if sweep.verb == "curve":
        return _sweep_of_curves(sweep)
    if sweep.verb == "compare":
        return _sweep_of_comparisons(sweep)
    names = list(dict.fromkeys(_name(job.values) for job in sweep.done if job.values))
    title = f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}: {counted(len(sweep.done), 'job')}"
    chosen = sweep.best.jobs[0] if sweep.best else None
    described = run_folder.read_run((chosen or sweep.done[0]).folder)
    sections = [sweep_section(sweep)]
    label = f"job {chosen.label}" if chosen else ""
    if chosen:
        history = history_section(chosen.folder, f"Job {chosen.label}")
        sections += [history] if history else []
    notes = list(dict.fromkeys(note for job in sweep.done if job.values for note in job.values.get("notes", [])))
    total = sum(job.values["seconds"]["total"] for job in sweep.done if job.values)
    facts = [(str(len(sweep.done)), "jobs done"), *([(str(len(sweep.failed)), "not finished")] if sweep.failed else [])]
    number, unit = _time(total)
    facts.append((number, f"{unit} in all jobs"))
    head = Head(title, "Report of a sweep", verdict.sweep_verdict(sweep), facts)
    inside = chosen.folder if chosen else None
    return _Report(head, sections, described.config, described.environment, None, notes, inside, label)


def _sweep_of_curves(sweep: Sweep) -> _Report:
    jobs: list[Values] = [{"curve": job.values, "overrides": list(job.overrides)} for job in sweep.done]
    together = {(job["curve"]["dataset"], job["curve"]["metric"]) for job in jobs}
    if len(jobs) > 1 and len(together) == 1:
        curves = overlay.named(jobs)
        said = overlay.sentences(curves, overlay.crossings(curves))
        sections = [curves_section(curves)]
    else:
        said = ["These curves are of different data or metrics, so that they stand one by one."] if len(jobs) > 1 else []
        said = said or verdict.curve_verdict(jobs[0]["curve"])
        parts = [curve_section(job["curve"]) for job in jobs]
        sections = [
            Section(
                f"curve-{n}",
                f"{plain(job['curve']['dataset'], 60)}: {plain(job['curve']['name'], 60)}",
                p.body,
                job["curve"]["verdict"],
            )
            for n, (job, p) in enumerate(zip(jobs, parts, strict=True), 1)
        ]
    if sweep.failed:
        body = table(["job", "state", "reason"], [[job.label, job.state, job.reason] for job in sweep.failed])
        sections.append(Section("failed", "Not finished", body))
        said = [
            *said,
            f"{len(sweep.failed)} of {len(sweep.failed) + len(sweep.done)} curves did not finish; they are named below.",
        ]
    names = ", ".join(dict.fromkeys(plain(job["curve"]["dataset"], 60) for job in jobs))
    first = run_folder.read_run(sweep.done[0].folder, finished=False)
    head = Head(f"{names}: {len(jobs)} learning curves", "Report of a sweep", said, [(str(len(jobs)), "curves")])
    return _Report(head, sections, first.config, first.environment, None, [])


def _sweep_of_comparisons(sweep: Sweep) -> _Report:
    """Each comparison's verdict and leaderboard; its own report has the rest."""
    said, sections = [f"{len(sweep.done)} comparisons, each with a verdict of its own."], []
    for number, job in enumerate(sweep.done, 1):
        assert job.values is not None
        part, title = comparison_section(job.values), plain(" ".join(job.overrides) or job.label, 120)
        told = " ".join(verdict.comparison_verdict(job.values))
        said.append(f"{title}: {verdict.comparison_verdict(job.values)[0]}")
        sections.append(Section(f"leaderboard-{number}", title, part.body, f"{told} {part.lead}"))
    if sweep.failed:
        body = table(["job", "state", "reason"], [[job.label, job.state, job.reason] for job in sweep.failed])
        sections.append(Section("failed", "Not finished", body))
        said.append(f"{len(sweep.failed)} of {len(sweep.failed) + len(sweep.done)} did not finish; they are named below.")
    first = run_folder.read_run(sweep.done[0].folder, finished=False)
    names = ", ".join(dict.fromkeys(plain(job.values["dataset"], 60) for job in sweep.done if job.values))
    head = Head(f"{names}: {len(sweep.done)} comparisons", "Report of a sweep", said, [(str(len(sweep.done)), "comparisons")])
    return _Report(head, sections, first.config, first.environment, None, [])


def _curve(folder: Path) -> _Report:
    if not (folder / "curve.json").is_file():
        raise _unfinished(folder, "learning curve", "curve")
    stored, values = run_folder.read_run(folder, finished=False), run_folder.read_json(folder / "curve.json")
    title = f"{plain(values['dataset'], 60)}: would more labels help?"
    facts = [(f"{len(values['points'])}", "sizes"), (f"{max(p['repeats'] for p in values['points'])}", "repeats of each")]
    facts += [(f"{values['test_rows']:,}", "test rows")] if values["test_rows"] else []
    head = Head(title, f"Report of a learning curve: {plain(values['name'], 60)}", verdict.curve_verdict(values), facts)
    section = curve_section(values)
    if values["failed"]:
        rows = [[item["folder"], item["reason"]] for item in values["failed"][:20]]
        section = Section(
            section.id, section.title, section.body + "<h3>Failed</h3>" + table(["cell", "reason"], rows), section.lead
        )
    return _Report(head, [section], stored.config, stored.environment, {"total": values["seconds"]}, values["notes"])


def _comparison(folder: Path) -> _Report:
    values = run_folder.read_json(folder / "comparison.json")
    if not values["arms"]:
        raise DataError(f"{folder}: no method of this comparison could be scored.", "Its failures are named in comparison.json.")
    own = folder / "recommended"
    inside = own if run_folder.read_state(own) == "done" else None
    whole = run_folder.read_run(folder, finished=False)
    stored = run_folder.read_run(inside) if inside else whole
    config = stored.config | {key: whole.config[key] for key in ("compare", "parallel") if key in whole.config}
    sections = [comparison_section(values)]
    if values.get("curve"):
        sections.append(curve_section(values["curve"], values.get("more_labels")))
    history = history_section(own, f"The recommended method, {values['recommended']}, on the first split") if inside else None
    sections += [history] if history else []
    facts = [(f"{values['labelled_rows']:,}", "labelled rows"), (f"{values['test_rows']:,}", "test rows")]
    facts += [
        (str(len(values["arms"])), "methods"),
        (str(values["repeats"]), "splits"),
        _time(values["seconds"]["total"]),
    ]
    head = Head(
        f"{plain(values['dataset'], 60)}: which method works best",
        "Report of a comparison",
        verdict.comparison_verdict(values),
        facts,
    )
    environment = {**stored.environment, **whole.environment, "data_fingerprint": stored.environment.get("data_fingerprint")}
    seen = "the recommended method on the first split"
    return _Report(head, sections, config, environment, values["seconds"], values.get("notes", []), inside, seen, values)


_READERS: dict[str, Callable[[Path], _Report]] = {
    "run": _run,
    "repeats": _repeats,
    "sweep": _sweep,
    "curve": _curve,
    "comparison": _comparison,
}


def _inside(found: _Report, folder: Path, trust: bool, notice: Notice) -> list[Section]:
    """The sections that look into one run; their leads say which, where there are several."""
    assert found.inside is not None
    try:
        from sdl_cli.report.html import inspect
    except ImportError:
        return []
    whole, told = None, ""
    if found.comparison is not None:
        with contextlib.suppress(DataError):  # an older comparison keeps no predictions: its first split has to do
            from sdl_cli.report.html.pooled import PooledRun

            whole = PooledRun(folder, found.comparison, found.inside, trust, notice)
            splits = f"all {whole.repeats} splits" if whole.repeats > 1 else "the split"
            told = f"Of the recommended method over {splits}: each row counts once for every split that tested it."
    one = f"Of {found.inside_is}." if found.inside_is else ""
    return inspect.sections(found.inside, trust, notice, whole, (one, told))


def _facts(values: Values) -> list[tuple[str, str]]:
    rows = values["rows"]
    facts = [(f"{rows['labelled']:,}", "labelled rows"), (f"{rows['test']:,}", "test rows")]
    return [*facts, _time(values["seconds"]["total"])]


def _time(seconds: float) -> tuple[str, str]:
    """A number of seconds, minutes or hours, and which of them."""
    number, _, unit = duration(seconds).partition(" ")
    return number, unit


def _name(values: Values) -> str:
    """The data set of a run: its name, and the file or folder it was read from."""
    dataset = values["config"]["dataset"]
    path = dataset.get("path")
    return plain(Path(str(path)).name, 60) if path else plain(dataset["name"], 60)

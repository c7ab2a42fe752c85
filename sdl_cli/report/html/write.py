"""`sdl report`: read what a folder holds, put its report together, and write it as one file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError
from sdl_cli.files import write_atomic
from sdl_cli.phrases import counted, typed_line
from sdl_cli.report.html import setup
from sdl_cli.report.html.data_check import data_section
from sdl_cli.report.html.page import Head, page
from sdl_cli.report.html.saved import write_figures
from sdl_cli.report.html.section import Section
from sdl_cli.report.html.subject import READERS, Subject, unfinished
from sdl_cli.report.methods.account import Account, Methods, methods
from sdl_cli.run import run_folder

METHODS = "methods.txt"
Notice = Callable[[str], None]
Parts = tuple[Head, Sequence[Section], Methods]


def write_report(
    folder: Path, out: Path | None, trust: bool = False, on_notice: Notice | None = None, figures: Path | None = None
) -> dict[str, Any]:
    """Write the report of a run, of one over repeats, of a sweep, a curve or a comparison.

    Arguments:
        folder: what a verb of sdl wrote.
        out: the file to write, replaced where it exists; None is `report.html` in the folder.
        trust: allow a stored model to import code outside scikit-learn, as for `evaluate`.
        on_notice: called with a sentence for each part that could not be made.
        figures: a folder for every figure as files of its own and for the words on methods, or None.
    Returns:
        `{"folder", "out", "kind", "sections", "bytes"}`, the object of `sdl report --json`; with `figures` also
        `"figures": {"folder", "files"}`.
    Raises:
        DataError: no such folder, an unfinished run, files that were changed since, or a file that cannot be written.
    """
    notice = on_notice or (lambda sentence: None)
    kind = kind_of(folder)
    out = out or folder / "report.html"
    if out.is_dir():
        raise DataError(f"{out}: this is a folder.", f"Name a file: -o {run_folder.quoted(out / 'report.html')}")
    if out.absolute() != (folder / "report.html").absolute():
        other = f"Choose another: -o {run_folder.quoted(out.with_name('sdl_report.html'))}"
        run_folder.require_own(out, (b'<meta name="generator" content="sdl ',), "report of sdl", other)
    head, sections, told = _claims(folder) if kind == "claims" else _parts(folder, kind, trust, notice)
    text = page(head, sections)
    write_atomic(out, text)
    ids = [section.id for section in sections]
    values = {"folder": str(folder), "out": str(out), "kind": kind, "sections": ids, "bytes": len(text.encode())}
    if figures is None:
        return values
    files = write_figures(sections, figures, notice)
    names = [file.name for file in files]
    if told.paragraphs:
        write_atomic(figures / METHODS, told.text)
        names.append(METHODS)
    return values | {"figures": {"folder": str(figures), "files": names}}


def _parts(folder: Path, kind: str, trust: bool, notice: Notice) -> Parts:
    """The head, the sections and the words on methods of the report of a run, a sweep, a curve or a comparison."""
    found = READERS[kind](folder)
    told = _methods(found, notice)
    sections = [
        *found.sections,
        *_inside(found, folder, trust, notice),
        data_section(found.config, found.environment.get("data_fingerprint"), notice),
        setup.configuration_section(found.config, found.environment.get("command_line") or []),
        setup.machine_section(found.environment, found.seconds),
        *setup.methods_section(told),
        setup.reproduce_section(found.environment, str(folder), kind),
        *setup.notes_section(found.notes),
    ]
    return found.head, sections, told


def kind_of(folder: Path) -> str:
    """run, repeats, sweep, curve, comparison or claims; a DataError where it is none of them."""
    if (folder / "sweep.json").is_file():
        return "sweep"
    if run_folder.kind_of(folder) == "curve":
        return "curve"
    if (folder / "comparison.json").is_file():
        return "comparison"
    if run_folder.kind_of(folder) == "claims":
        return "claims"
    run_folder.require_run_folder(folder)
    stored = run_folder.read_run(folder, finished=False)
    if stored.state == "done" and "metrics" not in run_folder.read_json(folder / "metrics.json"):
        whole = next((p for p in folder.absolute().parents if run_folder.kind_of(p) in ("curve", "comparison")), folder.parent)
        hint = f"Report the whole: sdl report {run_folder.quoted(whole)}"
        raise DataError(f"{folder}: this is part of a curve or comparison that keeps only numbers.", hint)
    if "compare" in stored.config:
        raise unfinished(folder, "comparison", "compare")
    return "repeats" if stored.repeats else "run"


def _claims(folder: Path) -> Parts:
    """The same of claims, which have no data set of their own."""
    from sdl_cli.report.html import claims
    from sdl_cli.study.claims.run import read

    if run_folder.read_state(folder) in ("running", "interrupted"):
        raise unfinished(folder, "run of claims", "claims")
    found = read(folder)
    environment = run_folder.read_json(folder / "environment.json")
    machine = setup.machine_section({k: v for k, v in environment.items() if k != "data_fingerprint"}, {"total": found.seconds})
    sections = [*claims.sections(found), machine, setup.reproduce_section(environment, str(folder), "claims")]
    return claims.head(found), sections, Methods((), ())


def _methods(found: Subject, notice: Notice) -> Methods:
    """The words on methods; none, with a sentence, where settings of another version or of a user's own part defy them."""
    try:
        return methods(Account(found.outcome, found.config, found.environment, found.arms))
    except Exception as error:  # a paragraph less is no reason to have no report
        notice(f"Left out of the report: words on methods. {typed_line(error, 200)}")
        return Methods((), ())


def _inside(found: Subject, folder: Path, trust: bool, notice: Notice) -> list[Section]:
    """The sections that look into one run; their leads say which, where there are several."""
    if found.inside is None:
        return []
    from sdl_cli.report.html import inspect

    whole, told = None, ""
    if found.comparison is not None:
        with contextlib.suppress(DataError):  # an older comparison keeps no predictions: its first split has to do
            from sdl_cli.report.html.pooled import PooledRun

            whole = PooledRun(folder, found.comparison, found.inside, trust, notice)
            splits = f"all {counted(whole.repeats, 'split')}" if whole.repeats > 1 else "the split"
            told = f"Of the recommended method over {splits}: each row counts once for every split that tested it."
    one = f"Of {found.inside_is}." if found.inside_is else ""
    return inspect.sections(found.inside, trust, notice, whole, (one, told))

"""The lines of `sdl runs`: one for each run, ended by its folder as it can be pasted into a shell."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sdl_cli.many.listing.query import values_of
from sdl_cli.many.listing.reading import Run
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.measure.wording import estimated, label, shown
from sdl_cli.phrases import shortened
from sdl_cli.report import layout

COLOURS = {"failed": "31", "unreadable": "31", "stopped": "33", "interrupted": "33", "running": "32"}
_SHOWN_ANYWAY = ("date", "dataset", "model", "kind", "status", "verdict", "folder", "sweep", "reason")
_MOST = 28  # letters of a cell that anyone may have written
# what a terminal that is too narrow goes without, one after the other; the folder says much of it again
_DISPENSABLE = ("interval", "when", "data", "verdict", "model")


def run_lines(runs: Sequence[Run], root: Path, sort: str | None = None, columns: int | None = None) -> list[str]:
    """A header and one line for each run.

    Arguments:
        runs: at least one.
        root: the folder that was listed, as typed.
        sort: what they are sorted by, which is then shown.
        columns: width that the lines should fit into; None is that of a terminal, and no bound elsewhere.
    """
    key = (sort or "date").removeprefix("-")
    if columns is None:
        columns = layout.width() if sys.stdout.isatty() else 10_000
    left_out: set[str] = set()
    for name in (None, *_DISPENSABLE):
        left_out |= {name} if name else set()
        rows = _rows(runs, root, key, left_out)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        if sum(widths) + layout.GAP * (len(widths) - 1) <= columns:
            break
    status = rows[0].index("status")
    lines = []
    for row in rows:
        cells = [f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True)]
        if row[status] in COLOURS:
            cells[status] = cells[status].replace(row[status], layout.styled(row[status], COLOURS[row[status]]), 1)
        lines.append((" " * layout.GAP).join(cells).rstrip())
    return [layout.styled(lines[0]), *lines[1:]]


def pasted(path: str) -> str:
    """A path as a shell takes it, in one line whatever is in it."""
    path = f"./{path}" if path.startswith("-") else path
    if path.isprintable():
        return shlex.quote(path)
    plain = frozenset(map(ord, "'\\"))
    letters = (chr(byte) if 32 <= byte < 127 and byte not in plain else f"\\x{byte:02x}" for byte in os.fsencode(path))
    return "$'" + "".join(letters) + "'"


def shown_root(root: Path) -> str:
    """A folder, relative to where one stands if it is below that."""
    path = os.path.normpath(root)
    return os.path.relpath(path) if path.startswith(f"{Path.cwd()}{os.sep}") else path


def _rows(runs: Sequence[Run], root: Path, key: str, left_out: set[str]) -> list[list[str]]:
    names = {key if key in HIGHER_IS_BETTER else run.metric for run in runs if run.metrics}
    only = next(iter(names)) if len(names) == 1 else ""
    extra = "" if key in (*_SHOWN_ANYWAY, *HIGHER_IS_BETTER) else key
    header = {name: name for name in ("when", "kind", "data", "model", "score", "verdict", "status", "extra", "folder")}
    header |= {"score": shortened(label(only), _MOST) if only else "score", "extra": shortened(extra, 40)}
    left_out = left_out if extra else {*left_out, "extra"}
    rows, before = [header], shown_root(root)
    for run in runs:
        row = {
            "when": datetime.fromtimestamp(run.begun).strftime("%Y-%m-%d %H:%M"),
            "kind": run.kind,
            "data": shortened(next(iter(run.datasets), ""), _MOST),
            "model": shortened(next(iter(run.models), ""), _MOST),
            "score": _score(run, key, bool(only), "interval" not in left_out),
            "verdict": _verdict(run),
            "status": run.status,
            "folder": pasted(os.path.normpath(f"{before}/{run.folder}")),
        }
        found = next(iter(values_of(run, extra)), "") if extra else ""
        row["extra"] = shortened(f"{found:.6g}" if isinstance(found, float) else str(found), _MOST)
        rows.append(row)
    return [[row[name] for name in header if name not in left_out] for row in rows]


def _score(run: Run, key: str, is_named: bool, interval: bool) -> str:
    name = key if key in HIGHER_IS_BETTER else run.metric
    if name not in run.metrics:
        return ""
    score = run.metrics[name]
    text = estimated(name, score["value"], score["low"], score["high"]) if interval else shown(name, score["value"])
    return text if is_named else f"{shortened(label(name), _MOST)} {text}"


def _verdict(run: Run) -> str:
    """The verdict in a few words; of a run that failed, the reason."""
    if run.kind == "sweep" and run.details.get("jobs"):
        jobs = run.details["jobs"]
        failed = f", {jobs['failed']:,} failed" if jobs["failed"] else ""
        return f"{jobs['done']:,} of {jobs['total']:,} done{failed}"
    if run.reason and run.status != "done":
        return shortened(run.reason, 40)
    if run.kind == "comparison":
        return "recommended" if run.details.get("recommended") else ""
    if run.kind == "curve":
        size, mean = run.details.get("forecast", (None, None))
        return f"{shown(run.metric, mean)} at {size:,} labels" if size is not None else ""
    return run.verdict

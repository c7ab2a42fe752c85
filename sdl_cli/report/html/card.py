"""A result as a notebook shows it: the verdict, the numbers and a picture, as a piece of HTML with a style of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sdl_cli.measure import wording
from sdl_cli.measure.metrics import Measured
from sdl_cli.report import words
from sdl_cli.report.html import verdict
from sdl_cli.report.html.leaderboard import ranking
from sdl_cli.report.html.learning_curve import curve_picture
from sdl_cli.report.html.section import escape, table
from sdl_cli.report.layout import filled
from sdl_cli.run.result import RunResult
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve.result import CurveResult

_MOST_LETTERS = 1500
# colours are the notebook's own, light or dark
_STYLE = """
.sdl-card{max-width:56rem;line-height:1.45}
.sdl-card p{margin:.35em 0}
.sdl-card .sdl-first{font-weight:600}
.sdl-card .sdl-muted{opacity:.75;font-size:90%}
.sdl-card .scroll{overflow-x:auto}
.sdl-card table{border-collapse:collapse;margin:.5em 0}
.sdl-card th,.sdl-card td{text-align:left;padding:.15em .8em .15em 0;white-space:nowrap}
.sdl-card .number{text-align:right}
.sdl-card svg{max-width:100%;height:auto;background:#fff}
"""


def run_card(result: RunResult) -> str:
    """A run: its score, what it is worth beside the quick baseline, all metrics, and where it is."""
    header = ["test", wording.model_name(result.config["model"]), words.QUICK_BASELINE]
    header.append("majority" if result.task == "classification" else "mean")
    header, *rows = filled([header, *(row[:-1] for row in words.score_rows(result))])
    n = next(iter(result.test.values())).n
    interval = "95 % t interval of their mean" if result.repeats > 1 else "95 % interval"
    of = f"n = {n:,} {'splits' if result.repeats > 1 else 'test rows'}, {interval} in brackets"
    return _card(verdict.run_verdict(result)[:2], table(header, rows), of, result.folder)


def comparison_card(result: ComparisonResult) -> str:
    """A comparison: its verdict and the ranking."""
    return _card(verdict.comparison_verdict(result), ranking(result), "", result.folder)


def curve_card(curve: CurveResult) -> str:
    """A curve: its verdict, the picture, and what to be careful of."""
    said = [*verdict.curve_verdict(curve), *(f"Careful: {sentence}" for sentence in curve.warnings)]
    return _card(said, curve_picture(curve), "", curve.folder)


def evaluation_card(data: str, rows: int, metrics: Mapping[str, Measured]) -> str:
    """A run scored again."""
    found = [[wording.label(name), wording.measured(name, value)] for name, value in metrics.items()]
    return _card([f"{data}: {rows:,} rows"], table(["metric", "value (95 % interval)"], found), "", None)


def _card(said: Sequence[str], body: str, below: str, folder: Path | None) -> str:
    first, *more = [escape(sentence, _MOST_LETTERS) for sentence in said] or [""]
    text = f'<p class="sdl-first">{first}</p>' + "".join(f"<p>{sentence}</p>" for sentence in more)
    where = f'<p class="sdl-muted">{escape(folder)}</p>' if folder is not None else ""
    note = f'<p class="sdl-muted">{escape(below)}</p>' if below else ""
    return f'<div class="sdl-card"><style>{_STYLE}</style>{text}{body}{note}{where}</div>'

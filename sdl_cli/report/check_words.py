"""What a look at the data found, on one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sdl_cli.phrases import counted, shortened
from sdl_cli.report import layout
from sdl_cli.report.words import class_counts, examples
from sdl_cli.run.check import Problem, is_fatal
from sdl_cli.run.check.problem import SEVERITIES

Values = dict[str, Any]
_COLOURS = {"refusal": "31", "leak": "31", "warning": "33", "note": "1"}
_MOST_LINES = 24
_MOST_COLUMNS = 100
_MOST_LISTED = 14  # columns


def report(problems: Sequence[Problem], summary: Values) -> list[str]:
    """What `check.summary` says of the data and its columns, and on one screen the problems of `check.inspect`, worst first.

    Refusals and leaks are always shown; the rest as far as there is room, without its advice where that is scarce.
    """
    columns = min(layout.width(), _MOST_COLUMNS)
    lines, ending = summary_lines(summary, columns), layout.labelled("check", " ".join(verdict(problems)), columns)
    lines += (listed := column_lines(summary["columns"], columns))
    room = _MOST_LINES + len(listed) - len(ending) - len(_more_lines(len(problems), columns))
    for num_shown, problem in enumerate(problems):
        long, short = (problem_lines(problem, columns, with_advice) for with_advice in (True, False))
        block = long if len(lines) + len(long) <= room or is_fatal(problem) else short
        if len(lines) + len(block) > room and not is_fatal(problem):
            lines += _more_lines(len(problems) - num_shown, columns)
            break
        lines += block
    return [*lines, *ending]


def _more_lines(num: int, columns: int) -> list[str]:
    return layout.labelled("", f"... and {num} more: use sdl check --json to see them all.", columns)


def summary_lines(summary: Values, columns: int) -> list[str]:
    """The data set in two lines, and a few notes on how it was read and divided."""
    data, parts = examples(summary["modality"], summary["shape"], summary["rows"]), summary["parts"]
    division = f"{parts['labelled']:,} labelled, {parts['test']:,} test"
    division += f", {parts['unused']:,} unused" if parts["unused"] else ""
    groups = f", {counted(summary['groups'], 'group')}" if summary["groups"] is not None else ""
    lines = layout.labelled("data", f"{shortened(summary['name'])}: {data}{groups} ({division})", columns)
    if summary["classes"]:
        lines += layout.labelled("classes", class_counts(summary["classes"]), columns)
    elif summary["target"]:
        lines += layout.labelled("target", f"a number from {target_range(summary['target'])}", columns)
    for sentence in summary["notes"]:  # each may tell of something that was left out
        lines += layout.labelled("read", sentence, columns)
    return lines


def target_range(target: Values) -> str:
    """A numeric target in few words, of its `low`, `high`, `mean` and `sd`."""
    return f"{target['low']:.6g} to {target['high']:.6g}, mean {target['mean']:.4g}, s.d. {target['sd']:.4g}"


def column_lines(found: Sequence[Values], columns: int) -> list[str]:
    """A line for each column of a table, or for the first where there are many, with how many more of which kind."""
    if not found:
        return []
    shown = found if len(found) <= _MOST_LISTED else found[: _MOST_LISTED - 2]
    labelled = any("label" in one for one in shown)
    rows = [["column", "kind", "missing", *(["label"] if labelled else []), "examples"]]
    for one in shown:
        missing = "" if one["missing"] is None else f"{one['missing']:,}"
        examples = ", ".join(shortened(example, 20) for example in one["examples"])
        label = [shortened(one.get("label", ""), 32)] if labelled else []
        rows.append([shortened(one["name"], 28), one["kind"], missing, *label, examples])
    wide = max(len(row[2]) for row in rows)
    table = layout.table([[*row[:2], row[2].rjust(wide), *row[3:]] for row in rows], columns=10_000)
    lines = [shortened(line, columns) for line in table]
    more = Counter(one["kind"] for one in found[len(shown) :])
    if more:
        kinds = ", ".join(f"{num:,} {kind}" for kind, num in more.items())
        lines += layout.labelled("", f"... and {more.total():,} more ({kinds}): use sdl check --json to see them all.", columns)
    return ["", *lines, ""]


def problem_lines(problem: Problem, columns: int, with_advice: bool = True) -> list[str]:
    """One problem: what, where and what to do."""
    what = f"{problem.what} ({problem.where})" if problem.where else problem.what
    first, *more = layout.labelled(problem.severity, what, columns)
    first = layout.styled(problem.severity, _COLOURS[problem.severity]) + first[len(problem.severity) :]
    advice = layout.labelled("", problem.advice, columns) if with_advice and problem.advice else []
    return [first, *more, *advice]


def verdict(problems: Sequence[Problem]) -> tuple[str, str]:
    """How many of each there are, and what that means for a result."""
    counts = Counter(problem.severity for problem in problems)
    if not problems:
        return "Nothing found:", "no leaks, no duplicates, nothing else worth knowing."
    meaning = "nothing that would make a result untrustworthy."
    if counts["refusal"]:
        meaning = "training will be refused until that is mended."
    elif counts["leak"]:
        meaning = "do not trust a result until the leaks are closed."
    elif counts["warning"]:
        meaning = "no certain leak, but check the warnings before you trust a result."
    return ", ".join(counted(counts[name], name) for name in SEVERITIES if counts[name]) + ":", meaning

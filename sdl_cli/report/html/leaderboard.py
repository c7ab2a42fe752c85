"""Which of many did best: the arms of a comparison or the jobs of a sweep, with intervals and what differences mean."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from sdl_cli.measure import wording
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.phrases import counted
from sdl_cli.report.compare_words import metrics_rows
from sdl_cli.report.html.drawing import Drawing
from sdl_cli.report.html.saved import shown
from sdl_cli.report.html.scores import Bar, interval_chart
from sdl_cli.report.html.section import Section, escape, figure, table
from sdl_cli.report.html.sweep import Group, Sweep, failed_table
from sdl_cli.report.layout import filled
from sdl_cli.study.compare.result import ArmResult, ComparisonResult, Gap


def comparison_section(result: ComparisonResult) -> Section:
    """The arms of a comparison, best first."""
    drawing = _chart(result)
    body = shown(drawing) + ranking(result) + _metrics(result) + _differences(result) + _about(result.arms) + _missing(result)
    kept = "the same test rows each time" if result.fixed_test else "each with its own test rows"
    lead = (
        f"{counted(len(result.arms), 'method')} on {counted(result.repeats, 'split')} of the data, {kept}: "
        f"{result.labelled_rows:,} labelled and {result.test_rows:,} test rows."
    )
    return Section("leaderboard", "Leaderboard", body, lead, (drawing,) if drawing else ())


def _chart(result: ComparisonResult) -> Drawing | None:
    metric, line = result.metric, next((arm.mean for arm in result.arms if arm.baseline), None)
    bars = []
    for arm in result.arms:
        scores = [score for score in arm.scores if score is not None]
        bars.append(Bar(arm.name, arm.mean, arm.low, arm.high, scores, not arm.measurable))
    caption = f"Dot: mean {wording.label(metric)} over {counted(result.repeats, 'split')} ({_better(metric)} is better). "
    caption += "Bar: 95 % interval of the mean. Thin lines: single splits. Grey: measurably worse than the best. "
    caption += "" if line is None else "Dashed: the quick baseline. "
    by = "test row by test row" if result.fixed_test else "split by split"
    caption += f"All methods saw the same rows, so differences are judged {by}: they can be measurable even where bars overlap."
    guess = result.majority.mean
    caption += f" Ignoring the inputs gives {wording.shown(metric, guess)}." if guess is not None else ""
    return interval_chart("leaderboard", bars, metric, f"Mean {wording.label(metric)} of each method", caption, line)


def ranking(result: ComparisonResult) -> str:
    """The table of all arms, best first, with what their differences mean."""
    metric, guessed = result.metric, any(arm.to_majority for arm in result.arms)  # older versions did not test that
    more = ["against ignoring the inputs"] if guessed else []
    score = f"{wording.label(metric)} (95 % interval)"
    header = ["method", score, "against the best", "against the quick baseline", *more, "seconds"]
    rows = [
        [
            _arm_name(arm),
            wording.estimated(metric, arm.mean, arm.low, arm.high),
            _judged(_to_best(arm)),
            _judged(arm.to_baseline),
            *([_judged(arm.to_majority)] if guessed else []),
            f"{arm.seconds:,.1f}",
        ]
        for arm in result.arms
    ]
    return table(header, rows, numeric=(len(header) - 1,))


def _metrics(result: ComparisonResult) -> str:
    rows = metrics_rows(result)
    if not rows:
        return ""
    header, *body = rows
    better = "Log loss rates the probabilities; lower is better."
    if result.task == "regression":
        better = "For RMSE and MAE, lower is better."
    note = f"Means over splits, on the same test rows for all. {better}"
    return f"<h3>All metrics</h3>{figure(table(['method', *header[1:]], body, tuple(range(1, len(header)))), note)}"


def _to_best(arm: ArmResult) -> Gap | None:
    """The difference of an arm to the best, as `to_baseline` holds that to the baseline."""
    known = (arm.difference, arm.difference_low, arm.difference_high, arm.p)
    difference, low, high, p = (math.nan if value is None else value for value in known)
    return None if arm.best else Gap(difference, low, high, p, arm.measurable)


def _differences(result: ComparisonResult) -> str:
    simultaneous = result.margin is not None
    guessed = simultaneous and any(arm.to_majority for arm in result.arms)
    rows = []
    for arm in result.arms:
        row = [arm.name, *_to(result.metric, _to_best(arm)), *_to(result.metric, arm.to_baseline)]
        rows.append(row + (_to(result.metric, arm.to_majority) if guessed else []))
    test = "the corrected paired t test over splits that overlap (Nadeau and Bengio 2003)"
    if result.fixed_test:
        test = "repeats and test rows, the same in every repeat (half-widths added as squares, Zou and Donner 2008)"
    note = (
        f"Positive means better. Intervals and p values come from {test}; p is adjusted in each column for the number of methods "
        "(Holm 1979), so that one pair can have two. A difference is measurable if the adjusted p is at most 0.05."
    )
    if simultaneous:
        note += (
            " The intervals are simultaneous: each has the level at which its difference was tested, and excludes 0 if the "
            "difference is measurable. The recommendation's margin (compare.margin) uses the plain 95 % interval, which is "
            "narrower."
        )
    header = ["method", "to the best", "p", "to the quick baseline", "p", *(["to ignoring the inputs", "p"] if guessed else [])]
    content = table(header, rows, numeric=tuple(range(2, len(header), 2)))
    return f"<h3>Differences</h3>{figure(content, note)}"


def sweep_section(sweep: Sweep) -> Section:
    """The jobs of a sweep in a table, grouped where they differ only in their seed."""
    metric, groups = sweep.metric, sweep.groups
    drawing: Drawing | None = None
    header = ["settings", "jobs", "test score"]
    if metric and groups:
        best = sweep.best
        bars = [Bar(g.name, g.test.value, g.test.low, g.test.high, g.scores, g is best or best is None) for g in groups]
        caption = f"Dot: test {wording.label(metric)} ({_better(metric)} is better). "
        caption += "Bar: its 95 % interval"
        caption += ", over seeds if there are several (thin lines)." if any(len(g.jobs) > 1 for g in groups) else "."
        caption += " Blue: the best by validation score." if best else ""
        drawing = interval_chart("leaderboard", bars, metric, f"Test {wording.label(metric)} of each job", caption)
        header = ["settings", "jobs", f"test {wording.label(metric)} (95 % interval)", "validation", "quick baseline", "seconds"]
    body = shown(drawing)
    if groups:
        header, *rows = filled([header, *(_group_row(group, metric) for group in groups)])
        body += table(header, rows, [place for place, name in enumerate(header) if name in ("jobs", "seconds")])
    if sweep.shared:
        body += f'<p class="muted">All jobs: <code>{escape(" ".join(sweep.shared))}</code></p>'
    if sweep.failed:
        body += f"<h3>Not finished</h3>{failed_table(sweep)}"
    unequal = wording.unequal_rows([(f"job {job.label}", job.result.rows) for job in sweep.done])
    lead = f"Jobs that differ only in their seed are grouped. {unequal}"
    return Section("leaderboard", "Leaderboard", body, lead.strip(), (drawing,) if drawing else ())


def _group_row(group: Group, metric: str | None) -> list[str]:
    own = metric or group.metric
    text = wording.measured(own, group.test)
    if metric is None:
        return [group.name, str(len(group.jobs)), f"{wording.label(own)} {text}"]
    held, other = ("" if score is None else wording.shown(own, score) for score in (group.validation, group.baseline))
    return [group.name, str(len(group.jobs)), text, held, other, f"{group.seconds:,.1f}"]


def _better(metric: str) -> str:
    return "higher" if HIGHER_IS_BETTER[metric] else "lower"


def _arm_name(arm: ArmResult) -> str:
    marks = {"recommended": arm.recommended, "best": arm.best, "quick baseline": arm.baseline}
    named = ", ".join(mark for mark, holds in marks.items() if holds and mark != arm.name)
    return f"{arm.name} ({named})" if named else arm.name


def _to(metric: str, gap: Gap | None) -> list[str]:
    """A difference with its interval, and its p value."""
    if gap is None:
        return ["", ""]
    p = "" if math.isnan(gap.p) else wording.p_value(gap.p, name="")
    return [wording.difference(metric, gap.difference, gap.low, gap.high), p]


def _judged(gap: Gap | None) -> str:
    return wording.judged(gap.difference, gap.measurable) if gap else ""


def _about(arms: Sequence[ArmResult]) -> str:
    rows = []
    for arm in arms:
        counts = [f"{text or 'defaults'} ({counted(n, 'split')})" for text, n in Counter(arm.chosen).most_common()]
        rows.append([arm.name, arm.summary, "; ".join(counts)])
    return f"<h3>The methods</h3>{table(['method', 'description', 'chosen on validation rows'], rows)}"


def _missing(result: ComparisonResult) -> str:
    body = ""
    for arms, title, lead in (
        (result.given_up, "Dropped", "The time limit left no time for these."),
        (result.left_out, "Left out", "These do not suit this data."),
        (result.failed, "Failed", "These ended with an error."),
    ):
        if arms:
            rows = [[arm.name, arm.reason] for arm in arms]
            body += f'<h3>{title}</h3><p class="muted">{lead}</p>{table(["method", "reason"], rows)}'
    return body

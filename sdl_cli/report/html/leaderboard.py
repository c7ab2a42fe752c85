"""Which of many did best: the arms of a comparison or the jobs of a sweep, with intervals and what differences mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdl_cli.measure import wording
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.phrases import counted
from sdl_cli.report.compare_words import metrics_rows
from sdl_cli.report.html.scores import Bar, interval_chart
from sdl_cli.report.html.section import Section, escape, figure, table
from sdl_cli.report.html.sweep import Group, Sweep, failed_table
from sdl_cli.report.layout import filled

Values = dict[str, Any]


def comparison_section(values: Values) -> Section:
    """The arms of a comparison, best first.

    Arguments:
        values: as `comparison.json` holds them.
    """
    arms, metric = values["arms"], values["metric"]
    body = (
        _chart(values)
        + _ranking(metric, arms)
        + _metrics(values)
        + _differences(metric, arms, bool(values.get("fixed_test")), values.get("margin") is not None)
        + _about(arms)
        + _missing(values)
    )
    return Section("leaderboard", "Leaderboard", body, _lead(values))


def _chart(values: Values) -> str:
    metric, known = values["metric"], [arm for arm in values["arms"] if arm["mean"] is not None]
    if not known:
        return ""
    bars = [Bar(a["name"], a["mean"], a["low"], a["high"], a["scores"], not a["measurable"]) for a in known]
    quick = next((a for a in known if a["baseline"]), None)
    better = "higher" if HIGHER_IS_BETTER[metric] else "lower"
    caption = f"Dot: mean {wording.label(metric)} over {counted(values['repeats'], 'split')} ({better} is better). "
    caption += "Bar: 95 % interval of the mean. Thin lines: single splits. Grey: measurably worse than the best. "
    caption += "Dashed: the quick baseline. " if quick else ""
    by = "test row by test row" if values.get("fixed_test") else "split by split"
    caption += f"All methods saw the same rows, so differences are judged {by}: bars may overlap although "
    caption += "a difference is measurable."
    guess = (values.get("majority") or {}).get("mean")
    caption += f" Ignoring the inputs gives {wording.shown(metric, guess)}." if guess is not None else ""
    line = ("quick baseline", quick["mean"]) if quick else None
    return figure(interval_chart(bars, metric, f"Mean {wording.label(metric)} of each method", line), caption)


def _ranking(metric: str, arms: Sequence[Values]) -> str:
    score, guessed = f"{wording.label(metric)} (95 % interval)", any("to_majority" in arm for arm in arms)
    more = ["against ignoring the inputs"] if guessed else []  # comparisons of older versions did not test that
    header = ["method", score, "against the best", "against the quick baseline", *more, "seconds"]
    rows = [
        [
            _arm_name(arm),
            wording.measured(metric, arm | {"value": arm["mean"]}),
            _judged(_to_best(arm)),
            _judged(arm["to_baseline"]),
            *([_judged(arm.get("to_majority"))] if guessed else []),
            f"{arm['seconds']:,.1f}",
        ]
        for arm in arms
    ]
    return table(header, rows, numeric=(len(header) - 1,))


def _metrics(values: Values) -> str:
    rows = metrics_rows(values)
    if not rows:
        return ""
    header, *body = rows
    note = "Means over splits, on the same test rows for all. Log loss judges the probabilities; lower is better."
    if values["task"] == "regression":
        note = "Means over splits, on the same test rows for all. Lower is better for RMSE and MAE."
    return f"<h3>All metrics</h3>{figure(table(['method', *header[1:]], body, tuple(range(1, len(header)))), note)}"


def _to_best(arm: Values) -> Values | None:
    """The difference of an arm to the best, as `to_baseline` holds that to the baseline."""
    return None if arm["best"] else {**arm, "low": arm["difference_low"], "high": arm["difference_high"]}


def _differences(metric: str, arms: Sequence[Values], fixed_test: bool, simultaneous: bool) -> str:
    guessed = simultaneous and any(arm.get("to_majority") for arm in arms)
    rows = [
        [str(arm["name"]), *_to(metric, _to_best(arm)), *_to(metric, arm["to_baseline"])]
        + (_to(metric, arm["to_majority"]) if guessed else [])
        for arm in arms
    ]
    test = (
        "a paired t test over the test rows, which are the same in every repeat"
        if fixed_test
        else "the corrected paired t test over splits that overlap (Nadeau and Bengio 2003)"
    )
    note = (
        f"Positive is better. Intervals and p values are those of {test}, p adjusted for the number of methods (Holm 1979). A "
        "difference is measurable where the adjusted p is 0.05 or less."
    )
    if simultaneous:
        note += (
            " The intervals are simultaneous: each is of the level at which its difference was tested, and excludes 0 where that "
            "is measurable. The margin of the recommendation (compare.margin) is judged by the plain 95 % interval instead, "
            "which is narrower."
        )
    header = ["method", "to the best", "p", "to the quick baseline", "p", *(["to ignoring the inputs", "p"] if guessed else [])]
    content = table(header, rows, numeric=tuple(range(2, len(header), 2)))
    return f"<h3>Differences</h3>{figure(content, note)}"


def sweep_section(sweep: Sweep) -> Section:
    """The jobs of a sweep in a table, those that differ in nothing but the seed taken together."""
    metric, groups = sweep.metric, sweep.groups
    body, header = "", ["settings", "jobs", "test score"]
    if metric and groups:
        best = sweep.best
        known = [g for g in groups if g.test["value"] is not None]
        bars = [Bar(g.name, g.test["value"], g.test["low"], g.test["high"], g.scores, g is best or best is None) for g in known]
        caption = f"Dot: test {wording.label(metric)} ({'higher' if HIGHER_IS_BETTER[metric] else 'lower'} is better). "
        caption += "Bar: its 95 % interval"
        caption += ", over seeds where there are several (thin lines)." if any(len(g.jobs) > 1 for g in groups) else "."
        caption += " Blue: the best by validation score." if best else ""
        body = figure(interval_chart(bars, metric, f"Test {wording.label(metric)} of each job"), caption) if bars else ""
        header = ["settings", "jobs", f"test {wording.label(metric)} (95 % interval)", "validation", "quick baseline", "seconds"]
    if groups:
        header, *rows = filled([header, *(_group_row(group, metric) for group in groups)])
        body += table(header, rows, [place for place, name in enumerate(header) if name in ("jobs", "seconds")])
    if sweep.shared:
        body += f'<p class="muted">All jobs: <code>{escape(" ".join(sweep.shared))}</code></p>'
    if sweep.failed:
        body += f"<h3>Not finished</h3>{failed_table(sweep)}"
    named = [(f"job {job.label}", job.values["rows"]) for job in sweep.done if job.values and "rows" in job.values]
    lead = f"Jobs that differ only in their seed are grouped. {wording.unequal_rows(named)}"
    return Section("leaderboard", "Leaderboard", body, lead.strip())


def _group_row(group: Group, metric: str | None) -> list[str]:
    own = metric or group.metric
    text = wording.measured(own, group.test)
    if metric is None:
        return [group.name, str(len(group.jobs)), f"{wording.label(own)} {text}"]
    held = "" if group.validation is None else wording.shown(own, group.validation)
    other = "" if group.baseline is None else wording.shown(own, group.baseline)
    return [group.name, str(len(group.jobs)), text, held, other, f"{group.seconds:,.1f}"]


def _arm_name(arm: Values) -> str:
    marks = [mark for key, mark in (("recommended", "recommended"), ("best", "best"), ("baseline", "quick baseline")) if arm[key]]
    marks = [mark for mark in marks if mark != arm["name"]]
    return f"{arm['name']} ({', '.join(marks)})" if marks else str(arm["name"])


def _to(metric: str, other: Values | None) -> list[str]:
    """A difference with its interval, and its p value."""
    if other is None:
        return ["", ""]
    return [wording.difference(metric, other["difference"], other["low"], other["high"]), wording.p_value(other["p"], name="")]


def _judged(difference: Values | None) -> str:
    return wording.judged(difference["difference"], difference["measurable"]) if difference else ""


def _about(arms: Sequence[Values]) -> str:
    rows = []
    for arm in arms:
        chosen = sorted(dict.fromkeys(arm["chosen"]), key=lambda text: -arm["chosen"].count(text))
        counts = [f"{text or 'as it is'} ({counted(arm['chosen'].count(text), 'split')})" for text in chosen]
        rows.append([arm["name"], arm["summary"], "; ".join(counts)])
    header = ["method", "what it is", "chosen on validation rows"]
    return f"<h3>The methods</h3>{table(header, rows)}"


def _missing(values: Values) -> str:
    body = ""
    for key, title, lead in (
        ("given_up", "Dropped", "The time limit left no time for these."),
        ("left_out", "Left out", "These do not suit this data."),
        ("failed", "Failed", "These ended with an error."),
    ):
        items = values.get(key) or []
        if items:
            rows = [[item["name"], item["reason"]] for item in items]
            body += f'<h3>{title}</h3><p class="muted">{lead}</p>{table(["method", "reason"], rows)}'
    return body


def _lead(values: Values) -> str:
    kept = "the same test rows each time" if values.get("fixed_test") else "each with test rows of its own"
    return (
        f"{counted(len(values['arms']), 'method')} on {counted(values['repeats'], 'split')} of the data, {kept}: "
        f"{values['labelled_rows']:,} labelled and {values['test_rows']:,} test rows."
    )

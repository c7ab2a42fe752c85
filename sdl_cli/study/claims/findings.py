"""The findings of a claim: each of its rows measured in its finished studies, worded and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdl_cli.study.claims import measures
from sdl_cli.study.claims.definition import Claim, Row
from sdl_cli.study.claims.measures import Done, Number
from sdl_cli.study.claims.result import UNCLEAR, Finding
from sdl_cli.study.claims.sets import in_words
from sdl_cli.study.claims.verdict import statement, verdict

Named = tuple[str, Number]  # in words, and the number


def findings(claim: Claim, done: Sequence[Done], missing: Mapping[str, str]) -> tuple[Finding, ...]:
    """All findings of a claim; a row whose studies are not there says why.

    Arguments:
        done: its finished jobs, of all studies. missing: study -> why it has none.
    """
    return tuple(finding for row in claim.rows for finding in _of_row(row, done, missing))


def _of_row(row: Row, done: Sequence[Done], missing: Mapping[str, str]) -> list[Finding]:
    if row.measure == "published":
        return [_finding(row, row.what, _unknown(row))]
    own = [one for one in done if one.job.study in row.studies and (row.sizes is None or one.job.size in row.sizes)]
    if not own:
        reason = next((missing[study] for study in row.studies if study in missing), "")
        if not reason:  # sizes that are not in this mode
            return []
        return [_finding(row, row.what, _unknown(row), note=f"not run: {reason}")]
    try:
        return [_finding(row, what, number) for what, number in _numbers(row, own)]
    except (KeyError, ValueError, TypeError, OSError) as error:  # an arm that failed, a run of several repeats
        reason = str(error.args[0]) if error.args else "a method has no result"
        reason = "its predictions are not one file" if isinstance(error, OSError) else reason
        return [_finding(row, row.what, _unknown(row), note=f"not measured: {reason}")]


def _unknown(row: Row) -> Number:
    """What a row has where nothing was measured; its unit places a published number in the picture."""
    usual = {"score": "%", "error": "%", "coverage": "%", "rank": "rank", "correlation": "correlation"}
    return Number(*measures.NOTHING, row.unit or usual.get(row.measure, "points"), "")


def _numbers(row: Row, own: Sequence[Done]) -> list[Named]:
    arm, minus = row.arm or "", row.minus or ""
    if row.measure == "mean_difference":
        return [(row.what, measures.over_sets(own, arm, minus))]
    if row.measure == "rank":
        return [(row.what, measures.rank(own, arm))]
    if row.measure == "coverage":
        return [(row.what, measures.coverage(own))]
    if row.measure in ("gain", "correlation"):
        return [(row.what, measures.of_networks(own, row.measure))]
    if row.measure == "trend":
        if len({one.job.size for one in own}) < 2:
            raise KeyError("it takes two sizes, and there is one")
        return [(row.what, _trend(own, arm, minus))]
    if row.pooled and row.measure == "score":
        return [(row.what, measures.over_sets_score(own, arm))]
    numbers = [_number(row, one) for one in own]
    if row.pooled and len(numbers) > 1:
        return [(row.what, measures.mean_of(numbers, "studies"))]
    several = len({(one.job.member, one.job.size) for one in own}) > 1
    return [(f"{row.what}{_where(one, own)}" if several else row.what, number) for one, number in zip(own, numbers, strict=True)]


def _number(row: Row, one: Done) -> Number:
    """A difference, score or error in one study."""
    if row.measure == "difference":
        return measures.difference(one, row.arm or "", row.minus or "")
    is_error = row.measure == "error"
    return measures.over_clusters(one, row.clusters, is_error) if row.clusters else measures.score(one, row.arm, is_error)


def _trend(own: Sequence[Done], arm: str, minus: str) -> Number:
    """The difference with the fewest labels less that with the most; the two are taken as independent.

    They share test rows, so that their errors are more alike than that and the interval is rather too wide.
    """
    sized = sorted(own, key=lambda one: one.job.size or 10**9)
    few, many = (measures.difference(one, arm, minus) for one in (sized[0], sized[-1]))
    value = few.value - many.value
    half = (((few.high - few.low) / 2) ** 2 + ((many.high - many.low) / 2) ** 2) ** 0.5
    notes = "; ".join(dict.fromkeys(filter(None, (few.note, many.note))))
    partial = few.is_partial or many.is_partial
    return Number(value, value - half, value + half, few.unit, "; ".join(dict.fromkeys((few.n, many.n))), notes, partial)


def _where(one: Done, own: Sequence[Done]) -> str:
    """The set and the size of a job, as far as they tell it from the others."""
    parts = [in_words(one.job.member)] if len({each.job.member for each in own}) > 1 else []
    if len({each.job.size for each in own}) > 1:
        parts.append("all rows" if one.job.size is None else f"{one.job.size} per class")
    return f", {', '.join(parts)}" if parts else ""


def _finding(row: Row, what: str, number: Number, note: str = "") -> Finding:
    value, low, high = (round(part, 10) for part in (number.value, number.low, number.high))  # 38.75 is no 38.749999
    judged = verdict(row, value, low, high)
    return Finding(
        what=what,
        value=value,
        low=low,
        high=high,
        unit=number.unit,
        n=number.n,
        published=row.published,
        reported=float("nan") if row.reported is None else row.reported,
        statement=statement(row, number.unit),
        bound=float("nan") if row.claimed is None else row.claimed,
        verdict=UNCLEAR if (note or number.is_partial) and judged else judged,
        decides=row.decides,
        control=row.control,
        note=note or number.note,
    )

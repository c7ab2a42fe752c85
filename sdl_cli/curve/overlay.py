"""Several curves on the same data: where one overtakes another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from sdl_cli.curve.verdict import rounded
from sdl_cli.report.words import label, shown

Values = dict[str, Any]


def named(jobs: Sequence[Values]) -> list[Values]:
    """The curves of a sweep's jobs, each with a name of its own: its model where that tells them apart, else its overrides."""
    curves = [job["curve"] for job in jobs]
    if len({curve["name"] for curve in curves}) == len(curves):
        return curves
    shared = set.intersection(*(set(job["overrides"]) for job in jobs))
    return [
        {**curve, "name": " ".join(o for o in job["overrides"] if o not in shared) or curve["name"]}
        for job, curve in zip(jobs, curves, strict=True)
    ]


def crossings(curves: Sequence[Values]) -> list[Values]:
    """Where fitted curves of the same metric cross.

    Arguments:
        curves: as `summary.summarise` gives them, each with a `name`.
    Returns:
        `{"first", "second", "size", "value", "forecast"}` by size: from that size on `second` is the better; `forecast` says
        that it lies beyond what was measured of either. Curves that have no line, or differ in metric, cross nowhere.
    """
    found = []
    for one, other in itertools.combinations(curves, 2):
        if not one["line"] or not other["line"] or one["metric"] != other["metric"]:
            continue
        low = max(one["line"][0]["size"], other["line"][0]["size"])
        high = min(one["line"][-1]["size"], other["line"][-1]["size"])
        if low >= high:
            continue
        grid = np.geomspace(low, high, 400)
        ahead = (_at(one, grid) - _at(other, grid)) * (1 if one["higher_is_better"] else -1)
        ahead = np.where(ahead == 0, 1e-300, ahead)  # a crossing right at a point of the grid is one too
        for k in np.flatnonzero(np.sign(ahead[:-1]) * np.sign(ahead[1:]) < 0):
            share = ahead[k] / (ahead[k] - ahead[k + 1])
            size = float(np.exp(np.log(grid[k]) + share * np.log(grid[k + 1] / grid[k])))
            first, second = (one, other) if ahead[k] > 0 else (other, one)
            measured = min(one["points"][-1]["size"], other["points"][-1]["size"])
            value = float(_at(one, np.array([size]))[0])
            found.append(
                {"first": first["name"], "second": second["name"], "size": size, "value": value, "forecast": size > measured}
            )
    return sorted(found, key=lambda crossing: float(crossing["size"]))


def crossing_sentences(curves: Sequence[Values], found: Sequence[Values]) -> list[str]:
    """The crossings in words, and which curve is ahead at the largest size that all have."""
    sentences = [
        f"{c['second']} overtakes {c['first']} at about {rounded(c['size'])} labels"
        + (" (a forecast)." if c["forecast"] else ".")
        for c in found
    ]
    if len({curve["metric"] for curve in curves}) == 1 and all(curve["points"] for curve in curves):
        size = min(curve["points"][-1]["size"] for curve in curves)
        at = {curve["name"]: next((p["mean"] for p in curve["points"] if p["size"] == size), None) for curve in curves}
        known = {name: mean for name, mean in at.items() if mean is not None}
        if len(known) > 1:
            metric, higher = curves[0]["metric"], curves[0]["higher_is_better"]
            best = (max if higher else min)(known, key=lambda name: known[name])
            sentences.append(f"With {size:,} labels {best} is ahead: {label(metric)} {shown(metric, known[best])}.")
    return sentences


def _at(curve: Values, sizes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    line = curve["line"]
    return np.asarray(np.interp(np.log(sizes), np.log([row["size"] for row in line]), [row["mean"] for row in line]))

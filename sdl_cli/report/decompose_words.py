"""The lines of `sdl decompose`: the sub-nets of a network, how much their errors have in common, and averages of them."""

from __future__ import annotations

import math
from pathlib import Path

from sdl_cli.measure.metrics import Measured
from sdl_cli.measure.wording import difference, estimated, shown, signed_interval
from sdl_cli.phrases import counted, duration, listed
from sdl_cli.report import layout
from sdl_cli.study.decompose.result import PICTURE, Decomposition


def lines(found: Decomposition) -> list[str]:
    """All that is printed; paths are never wrapped."""
    rows, test, num = found.train_accuracy.n, found.test_accuracy.n, len(found.subnets)
    said = [
        ("data", f"{found.dataset}: {rows:,} training rows, {test:,} test rows, {counted(found.classes, 'class')}"),
        ("network", f"{found.units - 1:,} last hidden units and a bias, split among {num} sub-nets"),
        ("sum", f"the outputs of the sub-nets sum to those of the network (largest difference {found.sum_error:.1g})"),
    ]
    head = [line for label, text in said for line in layout.labelled(label, text)]
    tables = ["", *layout.table(subnet_rows(found)), "", *layout.table(curve_rows(found)), ""]
    last = [*layout.labelled("verdict", verdict(found)), *layout.labelled("time", duration(found.seconds, exact=True))]
    paths = [f"{label:<{layout.INDENT}}{path}" for label, path in (("run", found.folder), ("", Path(found.folder) / PICTURE))]
    return [*head, *tables, *last, *paths]


def subnet_rows(found: Decomposition) -> list[list[str]]:
    """A header, a row for each sub-net, and one for the network."""
    table = [["", "units", "training accuracy", "test accuracy (95 % interval)"]]
    table += [
        [f"sub-net {number}", str(one.units), _share(one.train_accuracy), _measured(one.test_accuracy)]
        for number, one in enumerate(found.subnets, 1)
    ]
    return [*table, ["network", str(found.units), _share(found.train_accuracy), _measured(found.test_accuracy)]]


def curve_rows(found: Decomposition) -> list[list[str]]:
    """A header, and a row for each number of sub-nets that were averaged."""
    rows = [[str(one.num_subnets), _measured(one.accuracy)] for one in found.curve]
    return [["averaged", "test accuracy (mean over choices, 95 % interval)"], *rows]


def verdict(found: Decomposition) -> str:
    """What the parts have in common, and what averaging them gains."""
    return " ".join([correlation_sentence(found), gain_sentence(found)])


def correlation_sentence(found: Decomposition) -> str:
    """How alike the test errors of two sub-nets are."""
    common = found.correlation
    if math.isnan(common.value):
        return "No two sub-nets have test errors whose correlation could be measured."
    return (
        f"The test errors of two sub-nets have a correlation of {common.value:.2f} on average (95 % interval {common.low:.2f} to "
        f"{common.high:.2f}, n = {common.n:,} test rows; 1 is the same errors, 0 unrelated ones)."
    )


def gain_sentence(found: Decomposition) -> str:
    """One sub-net against the average of all."""
    one, whole = (found.curve[at].accuracy.value for at in (0, -1))
    gain = found.gain
    more = f"{difference('accuracy', gain.value)} (95 % interval {signed_interval('accuracy', gain.low, gain.high)})"
    return (
        f"A single sub-net is right in {shown('accuracy', one)} of the test rows on average, the average of all "
        f"{len(found.subnets)}, which is the network, in {shown('accuracy', whole)}: {more}."
    )


def correlation_cells(found: Decomposition) -> list[list[str]]:
    """A header, and a row for each sub-net with its correlations; empty where one of two never errs."""
    names = [str(number) for number in range(1, len(found.subnets) + 1)]
    rows = [["" if math.isnan(value) else f"{value:.2f}" for value in row] for row in found.correlations]
    return [["sub-net", *names], *([name, *row] for name, row in zip(names, rows, strict=True))]


def method_sentence(found: Decomposition) -> str:
    """How the sub-nets were found, and which numbers were not."""
    failed = [f"{one.num_subnets} ({one.status})" for one in found.tried[:-1]]
    return (
        "Each sub-net decides every training row as the network does, from a random half of its last hidden units; a share of a "
        f"unit's weight is at most {found.bound:g} times it, and one solution of those programs is drawn by seed {found.seed}."
        + (f" Tried before, in vain: {listed(failed)}." if failed else "")
    )


def _share(one: Measured) -> str:
    return shown("accuracy", one.value)


def _measured(one: Measured) -> str:
    return estimated("accuracy", one.value, one.low, one.high)

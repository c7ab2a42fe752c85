"""The lines of `sdl decompose`: the sub-nets of a network, how much their errors have in common, and averages of them."""

from __future__ import annotations

from collections.abc import Sequence

from sdl_cli.measure.metrics import Measured
from sdl_cli.measure.wording import estimated, shown
from sdl_cli.phrases import counted
from sdl_cli.report import layout
from sdl_cli.study.decompose.result import Decomposition


def lines(found: Decomposition) -> list[str]:
    """All that is printed but the paths."""
    rows, test = found.train_accuracy.n, found.test_accuracy.n
    head = [
        *layout.labelled("data", f"{found.dataset}: {rows:,} training rows, {test:,} test rows, {counted(found.classes, 'class')}"),
        *layout.labelled("network", f"its last hidden layer of {found.units - 1:,} units and a bias, split among {len(found.subnets)} sub-nets"),
        *layout.labelled("sum", f"the sub-nets sum to the network's outputs to {found.sum_error:.1g}"),
    ]
    return [*head, "", *layout.table(subnet_rows(found)), "", *layout.table(curve_rows(found)), "", *layout.labelled("verdict", verdict(found))]


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
    if common.value != common.value:
        return "The errors of the sub-nets have no correlation: none of two differ among test rows."
    return (
        f"The test errors of two sub-nets have a correlation of {common.value:.2f} on average (95 % interval {common.low:.2f} to "
        f"{common.high:.2f}, n = {common.n:,} test rows; 1: the same errors, 0: unrelated ones)."
    )


def gain_sentence(found: Decomposition) -> str:
    """One sub-net against the average of all."""
    one, whole = found.curve[0].accuracy, found.curve[-1].accuracy
    gain = 100 * (whole.value - one.value)
    way = "as" if abs(gain) < 0.05 else f"{abs(gain):.1f} points {'more' if gain > 0 else 'less'} than"
    return (
        f"A single sub-net is right in {shown('accuracy', one.value)} of the test rows on average, the average of all "
        f"{len(found.subnets)} in {shown('accuracy', whole.value)}, {'as many' if way == 'as' else way.removesuffix(' than')}."
    )


def numbers(found: Sequence[Sequence[float]]) -> list[list[str]]:
    """Correlations of pairs as cells; `none` where one of two never errs."""
    return [["none" if value != value else f"{value:.2f}" for value in row] for row in found]


def _share(one: Measured) -> str:
    return shown("accuracy", one.value)


def _measured(one: Measured) -> str:
    return estimated("accuracy", one.value, one.low, one.high)

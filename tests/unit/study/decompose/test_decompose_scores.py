"""What is measured of sub-nets: correlations against numpy's, averages by hand, and what is read back."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import TestPart
from sdl_cli.errors import DataError
from sdl_cli.measure import statistics
from sdl_cli.measure.metrics import Measured
from sdl_cli.report import decompose_words
from sdl_cli.settings.contents import checked
from sdl_cli.study.decompose.program import Attempt
from sdl_cli.study.decompose.result import DECOMPOSITION, Average, Decomposition, SubNet
from sdl_cli.study.decompose.run import sentences
from sdl_cli.study.decompose.scores import averages, correlation


def test_the_correlation_of_errors_is_numpys_and_a_subnet_without_errors_has_none() -> None:
    errors = (np.random.default_rng(0).random((60, 4)) < [0.2, 0.3, 0.4, 0.0]).astype(float)
    mean, each = correlation(errors)
    wanted = np.corrcoef(errors[:, :3].T)
    np.testing.assert_allclose(each[:3, :3], wanted, atol=1e-12)
    assert np.isnan(each[3, :3]).all() and np.isnan(each[:3, 3]).all()
    assert mean.value == pytest.approx(wanted[np.triu_indices(3, 1)].mean())
    assert mean.low < mean.value < mean.high
    assert mean.n == 60


def test_no_errors_at_all_have_no_correlation() -> None:
    mean, _ = correlation(np.zeros((10, 3)))
    assert math.isnan(mean.value) and mean.n == 10
    assert mean.to_json() == {"value": None, "low": None, "high": None, "n": 10}


def part(y: list[int]) -> TestPart:
    labels = np.array(y)
    dataset = Dataset(
        name="four", task="classification", modality="table", X=np.zeros((len(y), 1)), y=labels, classes=("a", "b"),
        feature_names=("x",), groups=None, part=None, ids=labels.astype(str), fingerprint="",
    )  # fmt: skip
    return TestPart(dataset, np.arange(len(y)))


def identity(outputs: np.ndarray) -> np.ndarray:
    return outputs


def test_averages_of_one_and_of_two_by_hand() -> None:
    # the first sub-net errs in row 0, the second in rows 0 and 1; together they err where the larger error is: row 1
    first = [[0.1, 0.2], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    second = [[0.1, 0.3], [0.0, 3.0], [1.0, 0.0], [0.0, 1.0]]
    outputs = np.stack([np.array(first), np.array(second)], axis=1)
    (one, both), gain = averages(part([0, 0, 0, 1]), outputs, identity, None, 0)
    assert (one.num_subnets, both.num_subnets) == (1, 2)
    assert one.accuracy.value == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert both.accuracy.value == pytest.approx(2 / 4)
    assert (both.accuracy.low, both.accuracy.high) == pytest.approx(statistics.wilson(2, 4))
    assert gain.value == pytest.approx(2 / 4 - 5 / 8)
    assert gain.n == 4


def test_an_average_is_as_large_as_the_network_and_weights_of_classes_decide() -> None:
    outputs = np.full((1, 3, 2), [0.3, 0.2])
    seen = []

    def decided(given: np.ndarray) -> np.ndarray:
        seen.append(given.tolist())
        return given

    (*_, whole), _ = averages(part([1]), outputs, decided, np.array([1.0, 2.0]), 0)
    assert whole.accuracy.value == 1.0  # 0.9 against twice 0.6
    np.testing.assert_allclose(seen, [[[0.9, 0.6]]] * 7)  # 3 + 3 + 1 choices


def test_more_choices_than_are_tried_are_drawn_by_the_seed() -> None:
    outputs = np.random.default_rng(0).normal(size=(30, 12, 2))
    labels = [0, 1] * 15
    first, again, other = (averages(part(labels), outputs, identity, None, seed)[0] for seed in (0, 0, 1))
    assert first == again != other
    assert first[0] == other[0] and first[-1] == other[-1]  # there are no more than 12 choices of one


def found(num: int = 3, **changes: object) -> Decomposition:
    share = Measured(0.75, 0.4, 0.9, 8)
    values = {
        "folder": "run", "dataset": "four", "classes": 2, "units": 9, "train_accuracy": Measured(1.0, math.nan, math.nan, 20),
        "test_accuracy": share, "subnets": tuple(SubNet(4, share, share) for _ in range(num)), "sum_error": 2e-7,
        "correlation": Measured(0.5, 0.1, 0.8, 8), "correlations": tuple((0.5,) * num for _ in range(num)),
        "curve": tuple(Average(size, share) for size in range(1, num + 1)), "gain": Measured(0.02, -0.01, 0.05, 8),
        "tried": (Attempt(5, "infeasible", 3), Attempt(4, "infeasible", 3), Attempt(num, "solved", 1)),
        "bound": 10.0, "seed": 0, "seconds": 1.5,
    }  # fmt: skip
    return dataclasses.replace(Decomposition(**values), **changes)  # type: ignore[arg-type]


def test_what_is_written_is_read_back() -> None:
    nan = math.nan
    written = found(correlations=((1.0, nan, 0.2), (nan, 1.0, nan), (0.2, nan, 1.0)), correlation=Measured(nan, nan, nan, 8))
    text = json.dumps(written.to_json(), allow_nan=False)
    values = checked(json.loads(text), DECOMPOSITION, Path("decomposition.json"))
    read = Decomposition.from_json(values)
    assert repr(read) == repr(written)
    read.check(Path("decomposition.json"))


@pytest.mark.parametrize(
    "changes",
    [{"subnets": ()}, {"curve": found().curve[:2]}, {"correlations": ((1.0,),) * 3}, {"curve": found(2).curve * 2}],
)
def test_lists_that_do_not_go_together_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(DataError, match="do not go together"):
        found(**changes).check(Path("decomposition.json"))


def test_it_says_what_was_not_found_and_what_the_parts_have_in_common() -> None:
    (said,) = sentences(found())
    assert said == "5 to 4 sub-nets: infeasible (HiGHS, 3 draws of the units each): 3 is the largest number that was found."
    late = (Attempt(10, "out of time", 1), Attempt(5, "out of time", 1), Attempt(3, "solved", 1))
    assert sentences(found(tried=late))[0].startswith("10 and 5 sub-nets: out of time (HiGHS, 1 draw of the units each)")
    assert not sentences(found(tried=(Attempt(3, "solved", 1),)))
    text = "\n".join(decompose_words.lines(found()))
    for words in (
        "8 last hidden units and a bias, split among 3",
        "largest",
        "2e-07",
        "0.50 on average",
        "+2.0",
        "(95 % interval",
    ):
        assert words in text, words
    assert "5 (infeasible) and 4 (infeasible)" in decompose_words.method_sentence(found())
    undefined = found(correlation=Measured(math.nan, math.nan, math.nan, 8))
    assert "could be measured" in decompose_words.verdict(undefined)

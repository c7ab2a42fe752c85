"""The settings of a curve: what they refuse, and the experiment of each cell."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sdl_cli.errors import ConfigError
from sdl_cli.settings.experiment import DataSettings, Experiment, Training
from sdl_cli.settings.parallel import Parallel
from sdl_cli.settings.parse import parse_group
from sdl_cli.study.curve.settings import Curve, CurveExperiment


def request(dataset: Any = None, **settings: Any) -> CurveExperiment:
    given = {
        "model": "model",
        "loss": "loss",
        "augment": "augment",
        "training": Training(),
        "curve": Curve(),
        "parallel": Parallel(),
    }
    return CurveExperiment(dataset=dataset or DataSettings(), **given | settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": (10, 20)}, r"sizes: a curve needs at least 3 sizes, not 2 \(10, 20\)\."),
        ({"sizes": ()}, "at least 3 sizes, not 0"),
        ({"sizes": (10, 40, 20)}, "sizes.* must increase, but 10, 40, 20 do not"),
        ({"sizes": (10, 20, 20)}, "sizes.* must increase, but 10, 20, 20 do not"),
        ({"sizes": (10, 20, 40), "num_sizes": 3}, r"sizes.* set.*; set one of them to null\."),
        ({"sizes": [1, 20, 40]}, r"curve\.sizes"),
        ({"sizes": [10, 20.5, 40]}, r"curve\.sizes"),
        ({"num_sizes": 2}, r"curve\.num_sizes: 2.* is out of range"),
        ({"num_sizes": 101}, r"curve\.num_sizes: 101.* is out of range"),
        ({"num_repeats": 0}, r"curve\.num_repeats: 0.* is out of range"),
        ({"metric": "acuracy"}, r"curve\.metric: .*acuracy"),
        ({"at": [0]}, r"curve\.at"),
        ({"level": 0.49}, r"curve\.level: 0\.49.* is out of range"),
        ({"level": 0.999}, r"curve\.level: 0\.999.* is out of range"),
        ({"level": 90}, r"curve\.level: 90.* is out of range"),
    ],
)
def test_curves_that_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_group("curve", Curve, settings)


def test_curves_that_are_taken() -> None:
    assert parse_group("curve", Curve, {"sizes": [2, 20, 40], "at": [100], "level": 0.99}) == Curve(
        (2, 20, 40), at=(100,), level=0.99
    )
    assert parse_group("curve", Curve, {"num_sizes": 3, "metric": "r2", "level": 0.5}) == Curve(None, 3, metric="r2", level=0.5)


def test_a_curve_repeats_by_itself_and_sets_its_own_rows() -> None:
    with pytest.raises(ConfigError, match="num_repeats=3: a curve has its own repeats") as caught:
        request(num_repeats=3)
    assert caught.value.hint == "Set curve.num_repeats=3 instead."
    with pytest.raises(ConfigError, match="dataset.num_per_class: a curve sets the number of labelled rows itself") as caught:
        request(DataSettings(num_per_class=10))
    assert "curve.sizes" in caught.value.hint


@pytest.mark.parametrize(("seed", "data_seed"), [(0, None), (7, None), (7, 100), (7, 0)])
def test_the_cell_of_a_size_and_repeat(seed: int, data_seed: int | None) -> None:
    whole = request(DataSettings(num_train=500, test_fraction=0.3, seed=data_seed), seed=seed, precision="float32", num_threads=3)
    cell = whole.cell(40, 2)
    assert type(cell) is Experiment
    assert cell.seed == seed + 2
    assert cell.dataset == DataSettings(num_train=40, test_fraction=0.3, seed=None if data_seed is None else data_seed + 2)
    same = {f.name for f in dataclasses.fields(Experiment)} - {"seed", "dataset"}
    assert {name: getattr(cell, name) for name in same} == {name: getattr(whole, name) for name in same}
    assert cell.num_repeats == 1
    # sizes of one repeat share its split and its seed, and nothing but their number differs
    assert whole.cell(80, 2) == dataclasses.replace(cell, dataset=dataclasses.replace(cell.dataset, num_train=80))
    assert whole.dataset.num_train == 500

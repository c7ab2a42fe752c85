"""How long cells take: a guess at first, scaled to what was measured, and remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data.augment.policies import AUGMENTS
from sdl_cli.data.dataset import Dataset
from sdl_cli.learning.losses import LOSSES
from sdl_cli.learning.models.settings import FOREST, OTHER, BaselineSettings, DeepNetSettings, SklearnSettings
from sdl_cli.settings.experiment import DataSettings, Experiment, Training
from sdl_cli.study.curve.estimate import CellSeconds

SIZES = (10, 20, 40, 80)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "curve_seconds"


def table(num_features: int = 5, name: str = "made") -> Dataset:
    y = np.arange(100) % 2
    features = tuple(f"x{i}" for i in range(num_features))
    ids = np.array([str(i) for i in range(100)])
    return Dataset(name, "classification", "table", np.zeros((100, num_features)), y, ("a", "b"), features, None, None, ids, "")


def seconds(model: Any = None, dataset: Dataset | None = None, sizes: tuple[int, ...] = SIZES, **settings: Any) -> CellSeconds:
    single = Experiment(
        DataSettings(),
        model or BaselineSettings(),
        LOSSES["auto"](),
        AUGMENTS["none"](),
        settings.pop("training", Training()),
        **settings,
    )
    return CellSeconds(single, dataset or table(), sizes)


def test_the_first_guess_by_hand() -> None:
    found = seconds()
    assert found.is_guess
    for size in SIZES:
        assert found.of(size) == pytest.approx(FOREST[0] + FOREST[1] * size * 5)
        assert seconds(BaselineSettings(num_trees=50)).of(size) == pytest.approx(found.of(size) / 10)
        for model in (BaselineSettings(kind="logistic", num_trees=50), SklearnSettings()):
            assert seconds(model).of(size) == pytest.approx(OTHER[0] + OTHER[1] * size * 5)


def test_the_guess_of_a_network_grows_with_rows_epochs_and_members() -> None:
    few = seconds(DeepNetSettings(), training=Training(epochs=10))
    assert all(a < b for a, b in zip([few.of(n) for n in SIZES], [few.of(n) for n in SIZES[1:]], strict=False))
    assert seconds(DeepNetSettings(), training=Training(epochs=20)).of(80) > few.of(80)
    ten = seconds(DeepNetSettings(num_members=10), training=Training(epochs=10)).of(80)
    assert ten == pytest.approx(few.of(80) + 9 * (few.of(80) - few.of(40)) * 2)  # what is not fixed, ten times
    assert seconds(DeepNetSettings(), table(50), training=Training(epochs=10)).of(80) > few.of(80)


def test_what_was_measured_goes_first_and_scales_the_rest() -> None:
    found = seconds()
    guess = {n: found.of(n) for n in SIZES}
    for each in (3.0, 100.0, 2.0):
        found.add(20, each)
    assert not found.is_guess
    assert found.of(20) == pytest.approx(3.0)  # the median
    assert found.of(80) == pytest.approx(3.0 * guess[80] / guess[20])
    assert found.of(10) == pytest.approx(3.0 * guess[10] / guess[20])
    found.add(80, 7.0)
    assert found.of(80) == pytest.approx(7.0)
    assert found.of(10) == pytest.approx(3.0 * guess[10] / guess[20])
    # 40 is as near to 20 as to 80 on a log scale: the smaller one
    assert found.of(40) == pytest.approx(3.0 * guess[40] / guess[20])


def test_it_is_remembered_for_curves_of_the_kind_alone() -> None:
    first = seconds()
    first.add(20, 3.0)
    first.add(20, 5.0)
    first.add(40, 6.25)
    assert seconds().is_guess  # not before it is told to
    first.remember()
    again = seconds(seed=5)
    assert not again.is_guess
    assert (again.of(20), again.of(40)) == pytest.approx((4.0, 6.25))
    again.add(20, 9.0)
    assert (again.of(20), again.of(40)) == pytest.approx((9.0, 6.25))
    again.remember()
    assert (seconds().of(20), seconds().of(40)) == pytest.approx((9.0, 6.25))
    for other in (
        seconds(BaselineSettings(num_trees=50)),
        seconds(dataset=table(6)),
        seconds(dataset=table(name="other")),
        seconds(DeepNetSettings()),
        seconds(sizes=(30, 60, 90)),
    ):
        assert other.is_guess


def test_nothing_measured_leaves_nothing(cache: Path) -> None:
    seconds().remember()
    assert not list(cache.glob("*"))


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b'{"20": 3.0', b"[1, 2]", b"3", b"null", b'{"20": "x"}', b'{"20": null}', b'{"x": 3}', b'{"20": [3]}', b"\xff\xfe\x00"]
    + [b'{"20": -3.0}', b'{"20": 0}', b'{"20": NaN}', b"{}"],
)  # fmt: skip
def test_a_damaged_memory_is_as_none(content: bytes, cache: Path) -> None:
    expected = {n: seconds().of(n) for n in SIZES}
    first = seconds()
    first.add(20, 3.0)
    first.remember()
    assert seconds().of(20) == pytest.approx(3.0)
    [file] = cache.iterdir()
    file.write_bytes(content)
    found = seconds()
    assert found.is_guess
    assert {n: found.of(n) for n in SIZES} == expected
    first.remember()
    assert seconds().of(20) == pytest.approx(3.0)


def test_a_cache_that_cannot_be_made_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "file"))
    found = seconds()
    found.add(20, 3.0)
    found.remember()
    assert found.of(20) == pytest.approx(3.0) and seconds().is_guess

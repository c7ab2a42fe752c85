"""At which numbers of labelled rows a curve is measured."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.study.curve.sizes import choose


@pytest.mark.parametrize(
    ("rows", "classes", "expected"),
    [
        (1000, 2, (15, 31, 62, 125, 250, 500, 1000)),
        (40, 2, (10, 20, 40)),
        (120, 3, (15, 30, 60, 120)),
        (1437, 10, (22, 44, 89, 179, 359, 718, 1437)),  # 11 would not hold 2 of each of 10 classes
        (160, 0, (10, 20, 40, 80, 160)),
        (100_000, 2, (781, 1562, 3125, 6250, 12_500, 25_000, 50_000, 100_000)),  # 8 sizes and no more
    ],
)
def test_all_rows_are_halved_down_to_10_rows_and_2_of_each_class(rows: int, classes: int, expected: tuple[int, ...]) -> None:
    assert choose(rows, classes) == expected


@pytest.mark.parametrize("classes", [0, 2, 3, 10])
def test_few_rows_give_3_sizes_or_an_error_that_says_so(classes: int) -> None:
    least = 2 * classes or 2
    for rows in range(1, least + 2):
        with pytest.raises(DataError, match=f"There are {rows} labelled rows: too few for a curve of 3 sizes") as caught:
            choose(rows, classes)
        assert caught.value.hint
    for rows in range(least + 2, 150):
        sizes = choose(rows, classes)
        assert len(sizes) >= 3 and sizes[-1] == rows and sizes[0] >= least
        assert all(a < b for a, b in itertools.pairwise(sizes))
        if rows >= 4 * max(10, least):
            assert sizes[0] >= 10
    assert choose(least + 2, classes) == (least, least + 1, least + 2)


def test_num_sizes_are_even_on_a_log_scale() -> None:
    sizes = choose(1000, 2, num_sizes=5)
    assert sizes == (10, 32, 100, 316, 1000)
    assert all(isinstance(n, int) for n in sizes)
    for num, classes in itertools.product((3, 4, 10), (0, 2, 10)):
        sizes = choose(2000, classes, num_sizes=num)
        steps = np.diff(np.log(sizes))
        assert len(sizes) == num and sizes[0] == max(10, 2 * classes) and sizes[-1] == 2000
        assert steps == pytest.approx(np.full(num - 1, steps.mean()), abs=0.06)  # whole rows


def test_num_sizes_of_few_rows_are_whole_and_different() -> None:
    sizes = choose(12, 2, num_sizes=100)
    assert sizes[0] == 4 and sizes[-1] == 12
    assert 3 <= len(sizes) <= 9 and all(a < b for a, b in itertools.pairwise(sizes))


def test_sizes_as_asked_for() -> None:
    assert choose(100, 3, sizes=[3, 50, 100]) == (3, 50, 100)
    assert choose(100, 3, sizes=(5, 6, 7)) == (5, 6, 7)


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="curve.sizes: 1,200 is more than the 1,000 labelled rows") as caught:
        choose(1000, 2, sizes=[10, 20, 1200])
    assert "up to 1000" in caught.value.hint
    with pytest.raises(ConfigError, match="curve.sizes: 4 rows cannot cover 5 classes") as caught:
        choose(1000, 5, sizes=[4, 20, 40])
    assert caught.value.hint == "Start at 10."

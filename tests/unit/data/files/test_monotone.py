"""Known directions of columns: which places of X they reach, and columns that can have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.monotone import of_columns, sentence
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import ConfigError


@pytest.fixture
def people(tmp_path: Path) -> Dataset:
    lines = ["Age,site,smoker,visit,dose,outcome"]
    for i in range(60):
        cells = [
            f"{20 + i % 50}.5",
            "abc"[i % 3],
            ("yes", "no")[i % 2],
            f"2020-{i % 12 + 1:02d}-{i % 28 + 1:02d}",
            f"{i / 7:.2f}",
        ]
        lines.append(",".join([*cells, "iw"[i % 4 > 1]]))
    (tmp_path / "people.csv").write_text("\n".join(lines), encoding="utf-8")
    return load(Table(path=str(tmp_path / "people.csv"), target="outcome"))


def test_each_column_has_the_direction_of_its_place(people: Dataset) -> None:
    signs = dict(zip(people.feature_names, of_columns({"age": 1, "dose": -1, "smoker": 1}, people), strict=True))
    assert {name for name, sign in signs.items() if sign} == {"Age", "dose", "smoker"}
    assert (signs["Age"], signs["dose"], signs["smoker"]) == (1, -1, 1)
    assert not any(of_columns({}, people))


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ("agee", "there is no column 'agee' to learn from. Did you mean Age?", "The columns to learn from: Age, site, smoker"),
        ("outcome", "there is no column 'outcome' to learn from.", "Age"),
        ("site", "site is a category, whose values have no order", "Columns that can have a direction: Age, smoker, dose."),
        ("visit", "visit is a date, which becomes several numbers", "Age, smoker, dose"),
        ("0", "there is no column '0' to learn from", "Age"),
    ],
)
def test_a_column_that_can_have_no_direction_is_named(people: Dataset, asked: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of_columns({asked: 1}, people)
    assert message in caught.value.message and hint in caught.value.hint


def test_the_user_is_told_of_which_class_the_probability_is(people: Dataset) -> None:
    said = sentence({"age": 1, "dose": -1, "smoker": 0}, people)
    assert said == "The probability of w never falls as age rises and never rises as dose rises (dataset.monotone)."

"""The report: one screen, worst first, within the width, and plain."""

from __future__ import annotations

import json

import numpy as np
import pytest
from unit.run.check.conftest import last_fifth, make_dataset

from sdl_cli.data.split import Split
from sdl_cli.report.check_words import column_lines, report
from sdl_cli.run.check import Problem, summary, worst_first

NOTE = Problem("note", "A column is constant in all of the rows that there are.", "f1, f2, f3", "Leave it out.")
LEAK = Problem("leak", "5 test rows have an equal row among the labelled rows.", "rows 1, 2", "Remove them.")
WARNING = Problem("warning", "1 class has fewer than 5 rows.", "", "Add rows.")


@pytest.fixture
def values():
    dataset = make_dataset(np.zeros((20, 3)), ["a", "b"] * 10, notes=("Read as Latin-1.",))
    return summary(dataset, last_fifth(dataset))


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")


def test_worst_first_and_stable():
    other = Problem("note", "Another.")
    assert worst_first([NOTE, WARNING, other, LEAK]) == [LEAK, WARNING, NOTE, other]


def test_json_keys():
    assert LEAK.to_json() == {"severity": "leak", "what": LEAK.what, "where": "rows 1, 2", "advice": "Remove them."}


def test_the_screen(values):
    assert report([LEAK, WARNING], values) == [
        "data    planted: 20 rows of 3 features (16 labelled, 4 test)",
        "classes a 10, b 10",
        "read    Read as Latin-1.",
        "",
        "column  kind    missing  examples",
        *[f"f{j}      number        0  0" for j in range(3)],
        "",
        "leak    5 test rows have an equal row among the labelled rows. (rows 1, 2)",
        "        Remove them.",
        "warning 1 class has fewer than 5 rows.",
        "        Add rows.",
        "check   1 leak, 1 warning: do not trust a result until the leaks are closed.",
    ]


@pytest.mark.parametrize(
    ("problems", "line"),
    [
        ([LEAK, WARNING, NOTE], "1 leak, 1 warning, 1 note: do not trust a result until the leaks are closed."),
        ([WARNING, NOTE, NOTE], "1 warning, 2 notes: no certain leak, but check the warnings before you trust a result."),
        ([NOTE], "1 note: nothing that would make a result untrustworthy."),
    ],
)
def test_the_closing_line_is_no_surer_than_what_was_found(problems, line, values, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert report(problems, values)[-1] == f"check   {line}"


def test_one_of_each_is_not_called_many():
    dataset = make_dataset(np.zeros((1, 1)), ["a"], groups=np.zeros(1))
    assert report([], summary(dataset, Split(np.arange(1), None, np.arange(0))))[0] == (
        "data    planted: 1 row of 1 feature, 1 group (1 labelled, 0 test)"
    )


def test_nothing_found(values):
    assert report([], values)[-1] == "check   Nothing found: no leaks, no duplicates, nothing else worth knowing."


@pytest.mark.parametrize("columns", ["40", "80", "250"])
def test_many_problems_fit_one_screen(values, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    lines = report([LEAK, WARNING, *[NOTE] * 30], values)
    assert len(lines) <= 24 + len(column_lines(values["columns"], 100))
    assert max(map(len, lines)) <= min(int(columns), 100)
    assert any("more: use sdl check" in line for line in lines)
    assert any(line.startswith("check   1 leak, 1 warning, 30") for line in lines)


def test_every_leak_is_shown(values):
    lines = report([LEAK] * 20, values)
    assert sum(line.startswith("leak") for line in lines) == 20


def test_summaries_of_all_kinds_have_words_and_are_json():
    number = make_dataset(np.zeros((20, 3)), np.linspace(0, 1, 20))
    text = make_dataset(np.array(["x"] * 20, dtype=object), ["a", "b"] * 10)
    image = make_dataset(np.zeros((20, 1, 8, 8), np.uint8), ["a", "b"] * 10)
    firsts = []
    for dataset in (number, text, image):
        values = summary(dataset, last_fifth(dataset))
        json.dumps(values, allow_nan=False)
        firsts.append(report([], values)[0])
    assert report([], summary(number, last_fifth(number)))[1] == "target  a number from 0 to 1, mean 0.5, s.d. 0.3035"
    assert [line.split(": ")[1] for line in firsts] == [
        "20 rows of 3 features (16 labelled, 4 test)",
        "20 texts (16 labelled, 4 test)",
        "20 images of 1 x 8 x 8 (16 labelled, 4 test)",
    ]


def test_every_note_on_how_the_data_was_read_is_shown():
    dataset = make_dataset(np.zeros((20, 3)), ["a", "b"] * 10, notes=tuple(f"Column c{j} was left out." for j in range(6)))
    lines = report([], summary(dataset, last_fifth(dataset)))
    assert [line for line in lines if line.startswith("read")] == [f"read    Column c{j} was left out." for j in range(6)]


def test_a_wide_table_lists_its_first_columns_and_counts_the_others():
    dataset = make_dataset(np.random.default_rng(0).normal(size=(20, 200)), ["a", "b"] * 10)
    lines = column_lines(summary(dataset, last_fifth(dataset))["columns"], 100)
    assert len(lines) == 16 and "... and 188 more (188 number)" in lines[-2]


def test_column_names_and_values_are_cut_and_cleaned():
    (_, _, line, _) = column_lines(
        [{"name": "a\x1b" + "n" * 80, "kind": "number", "missing": None, "examples": ["x" * 99] * 3}], 60
    )
    assert len(line) <= 60 and line.startswith("a?nn") and line.isprintable()

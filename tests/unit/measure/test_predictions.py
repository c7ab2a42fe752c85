"""Predictions as CSV: what stands in them is what was predicted, and no spreadsheet runs it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sdl_cli.measure import predictions

Array = np.ndarray[Any, Any]

CELLS: list[tuple[object, str]] = [
    ("plain", "plain"),
    ("=1+1", "'=1+1"),
    ("+SUM(A1)", "'+SUM(A1)"),
    ("-cmd", "'-cmd"),
    ("@import", "'@import"),
    ("\tx", "'\tx"),
    ("\rx", "'\rx"),
    ("-", "'-"),
    ("-5", "-5"),
    ("+1.5e3", "+1.5e3"),
    ("-1,5", "'-1,5"),
    ("a=b", "a=b"),
    ("'=1", "'=1"),
    ("", ""),
    (7, "7"),
    (-7, "-7"),
    (np.str_("=x"), "'=x"),
]


@pytest.mark.parametrize(("cell", "safe"), CELLS)
def test_a_cell_that_could_be_a_formula_gets_an_apostrophe(cell: object, safe: str) -> None:
    assert predictions.safe_cell(cell) == safe


def written(chunks: Any, classes: tuple[str, ...], **more: Any) -> tuple[int, list[list[str]]]:
    file = io.BytesIO()
    count = predictions.write(file, chunks, classes, **more)
    return count, list(csv.reader(io.StringIO(file.getvalue().decode("utf-8", "surrogateescape"), newline="")))


def ids(*names: str) -> Array:
    return np.array(names, dtype=object)


def test_classes_have_a_prediction_and_a_probability_each() -> None:
    probs = np.array([[0.1, 0.9], [0.75, 0.25]])
    count, rows = written([(ids("r1", "r2"), probs)], ("ant", "bee"))
    assert count == 2
    assert rows == [
        ["id", "prediction", "probability_ant", "probability_bee"],
        ["r1", "bee", "0.1", "0.9"],
        ["r2", "ant", "0.75", "0.25"],
    ]


def test_truth_and_decision() -> None:
    probs = np.array([[0.3, 0.7], [0.1, 0.9]])
    _, rows = written([(ids("1", "2"), probs)], ("a", "b"), truth=np.array([1, 0]), decision=np.array([3.0, 1.0]))
    assert [row[:3] for row in rows] == [["id", "truth", "prediction"], ["1", "b", "a"], ["2", "a", "b"]]


def test_numbers_come_back_exactly() -> None:
    values = np.array([0.1 + 0.2, -1e-300, 12345678.9])
    _, rows = written([(ids("a", "b", "c"), values)], (), truth=np.array([1.0, 2.5, -3.0]))
    assert rows[0] == ["id", "truth", "prediction"]
    assert [float(row[2]) for row in rows[1:]] == values.tolist() and [float(row[1]) for row in rows[1:]] == [1, 2.5, -3]


def test_ids_and_class_names_are_made_safe_and_quoted() -> None:
    names = ('=HYPERLINK("x")', 'a,b\n"c"')
    _, rows = written([(ids("@x", "\udce4\r\n,"), np.array([[1.0, 0.0], [0.0, 1.0]]))], names)
    assert rows[0] == ["id", "prediction", 'probability_=HYPERLINK("x")', 'probability_a,b\n"c"']
    assert [row[:2] for row in rows[1:]] == [["'@x", '\'=HYPERLINK("x")'], ["\udce4\r\n,", 'a,b\n"c"']]


def test_chunks_are_written_as_they_come() -> None:
    probs = np.random.default_rng(0).dirichlet([1, 1, 1], 10)
    names = ids(*map(str, range(10)))
    file = io.BytesIO()
    sizes = []

    def chunks() -> Iterator[tuple[Array, Array]]:
        for start in range(0, 10, 4):
            sizes.append(start)
            yield names[start : start + 4], probs[start : start + 4]

    assert predictions.write(file, chunks(), ("a", "b", "c")) == 10 and sizes == [0, 4, 8]
    whole = io.BytesIO()
    predictions.write(whole, [(names, probs)], ("a", "b", "c"))
    assert file.getvalue() == whole.getvalue()


def test_no_rows_are_a_header() -> None:
    assert written([], ("a", "b")) == (0, [["id", "prediction", "probability_a", "probability_b"]])


def test_codes_of_classes_stand_behind_the_prediction() -> None:
    probs = np.array([[0.1, 0.9], [0.75, 0.25]])
    _, rows = written([(ids("r1", "r2"), probs)], ("ant", "bee"), truth=np.array([0, 0]), codes=("7", ""))
    assert rows[0] == ["id", "truth", "prediction", "truth_code", "prediction_code", "probability_ant", "probability_bee"]
    assert [row[1:5] for row in rows[1:]] == [["ant", "bee", "7", ""], ["ant", "ant", "7", "7"]]

"""Judging weights: scores by hand, tables as files, and one evaluation of small weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pretraining.evaluate import evaluate, score, tempered
from pretraining.network import build_network
from pretraining.real_tables import read_tables
from pretraining.settings import Recipe
from sdl_cli.errors import DataError
from sdl_cli.learning.models.table_network import save_weights


def write_table(folder: Path, name: str, num_rows: int = 90, num_classes: int = 3) -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(num_rows) % num_classes
    rows = [f"{value:.4f},{c},{c + 5}" for value, c in zip(rng.normal(size=num_rows), classes, strict=True)]
    (folder / f"{name}.csv").write_text("a,b,class\n" + "\n".join(rows) + "\n")


def test_scores_by_hand() -> None:
    classes = np.array([0, 1, 1])
    accuracy, log_loss, area = score(classes, np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]]))
    assert accuracy == pytest.approx(2 / 3)
    assert log_loss == pytest.approx(-(math.log(0.8) + math.log(0.6) + math.log(0.1)) / 3)
    assert area == pytest.approx(1 / 2)  # of the pairs (0.6, 0.2) and (0.1, 0.2), one is in order
    sure = score(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert sure[1] == pytest.approx(-math.log(1e-4 / (1 + 1e-4)) / 2, rel=1e-3)
    # of three classes, one does not occur: the mean over the other two, each against the rest
    assert score(np.array([0, 2]), np.array([[0.5, 0.1, 0.4], [0.2, 0.2, 0.6]]))[2] == 1.0


def test_temperature_leaves_the_order_and_one_leaves_all() -> None:
    probs = np.array([[0.9, 0.1], [0.3, 0.7]])
    assert np.allclose(tempered(probs, 1.0), probs)
    assert np.allclose(tempered(probs, 0.5)[0], [0.81 / 0.82, 0.01 / 0.82])
    assert tempered(probs, 2.0)[0, 0] < 0.9


def test_tables_of_a_folder_are_divided_once_and_small_ones_left_out(tmp_path: Path) -> None:
    write_table(tmp_path, "mine")
    write_table(tmp_path, "short", num_rows=79)
    write_table(tmp_path, "many", num_rows=110, num_classes=11)
    bundled = {table.name for table in read_tables()}
    assert bundled == {"sk_breast_cancer", "sk_digits", "sk_iris", "sk_wine"}
    tables = {table.name: table for table in read_tables(tmp_path)}
    assert set(tables) == bundled | {"mine"}
    mine = tables["mine"]
    assert mine.labelled.shape == (72, 2) and mine.queries.shape == (18, 2)
    assert np.bincount(mine.query_labels).tolist() == [6, 6, 6] and mine.num_classes == 3
    assert np.allclose(mine.queries[:, 1], mine.query_labels)  # rows stay with their classes
    again = {table.name: table for table in read_tables(tmp_path)}["mine"]
    assert np.array_equal(again.queries, mine.queries)


@pytest.mark.parametrize(
    "text, said",
    [
        ("a,b\n1,x\n", "no table of numbers"),
        ("a,b\n1,2\n3\n", "no table of numbers"),
        ("a,b\n1,0.5\n2,1\n", "no whole numbers"),
        ("a,b\n1,nan\n2,1\n", "no whole numbers"),
        ("a\n1\n2\n", "only one column"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "wrong.csv").write_text(text)
    with pytest.raises(DataError, match=said) as error:
        read_tables(tmp_path)
    assert "wrong.csv" in str(error.value)


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError, match="no CSV files"):
            read_tables(folder)


def test_an_evaluation_prints_each_table_and_the_means(tmp_path: Path) -> None:
    write_table(tmp_path, "mine")
    save_weights(build_network(Recipe(preset="tiny"), "cpu"), tmp_path / "w.safetensors")
    tables = [table for table in read_tables(tmp_path) if table.name in ("mine", "sk_iris")]
    lines: list[str] = []
    found = evaluate(tmp_path / "w.safetensors", tables, members=2, device="cpu", say=lines.append)
    assert {method: values.shape for method, values in found.items()} == dict.fromkeys(("network", "forest", "logistic"), (2, 3))
    assert found["forest"][0].tolist() == pytest.approx([1.0, 0.0, 1.0], abs=0.15)  # a column gives the class away
    assert [line.split()[0] for line in lines[:4]] == ["table", "mine", "sk_iris", "mean"]
    means = [float(word) for word in lines[3].split()[4:]]
    assert means == pytest.approx([value for values in found.values() for value in values.mean(0)], abs=1e-4)
    assert sum("temperature" in line for line in lines) == 5

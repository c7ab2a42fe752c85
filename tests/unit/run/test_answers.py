"""What a run says of rows that a program holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sdl_cli.errors import DataError
from sdl_cli.run.answers import Answers, answers, class_values
from sdl_cli.run.train import Observer


@pytest.mark.parametrize(
    ("classes", "source", "values"),
    [
        (["0", "1", "10"], {}, [0, 1, 10]),
        (["-1", "1"], {"target": "y"}, [-1, 1]),
        (["01", "1"], {}, ["01", "1"]),
        (["0", "1"], {"target": "y", "text": ["y"]}, ["0", "1"]),
        (["False", "True"], {}, [False, True]),
        (["false", "true"], {}, [False, True]),
        (["no", "yes"], {}, ["no", "yes"]),
        (["1", "a"], {}, ["1", "a"]),
        ([], {}, []),
    ],
)
def test_classes_are_what_a_program_had(classes: list[str], source: dict[str, Any], values: list[Any]) -> None:
    found = class_values({"classes": classes, "source": source})
    assert found.tolist() == values and [type(value) for value in found.tolist()] == [type(value) for value in values]


def test_a_class_is_decided_as_the_run_decides() -> None:
    probs = np.array([[0.6, 0.4], [0.9, 0.1]])
    plain = Answers(np.arange(2), probs, np.array(["a", "b"]), None)
    weighed = Answers(np.arange(2), probs, np.array(["a", "b"]), np.array([1.0, 2.0]))
    assert plain.labels().tolist() == ["a", "a"] and weighed.labels().tolist() == ["b", "a"]
    numbers = Answers(np.arange(2), np.array([1.5, 2.5]), np.array([]), None)
    assert numbers.labels().tolist() == [1.5, 2.5]


class Halves:
    classes_ = np.array([0, 1])

    def predict_proba(self, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.full((len(X), 2), 0.5)


VALUES: dict[str, Any] = {
    "model": "baseline",
    "task": "classification",
    "inputs": {"modality": "table", "shape": [2], "classes": ["a", "b"], "features": ["x", "y"], "columns": [], "source": {}},
}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((0, 2)), "the rows: there are no rows."),
        (np.zeros((2, 3)), r"the array has shape \(2, 3\), but this run takes rows of 2 columns"),
        ("nowhere.csv", r"nowhere\.csv: there is no such file or folder"),
        ([["a", "b"]], "These rows hold what is no number"),
    ],
)
def test_rows_that_cannot_be_predicted(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        answers(Halves(), VALUES, data, Observer())


def test_empty_rows_are_said() -> None:
    said: list[str] = []
    values = {**VALUES, "inputs": {**VALUES["inputs"], "modality": "text", "shape": [], "source": {"text": "t"}}}
    found = answers(Halves(), values, ["word", " "], Observer(on_notice=said.append))
    assert found.outputs.tolist() == [[0.5, 0.5]] * 2
    assert said == ["1 row is empty in everything that the run learned from (id 1): there was nothing to predict from."]

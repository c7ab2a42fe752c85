"""What a user's `load()` may give, and the data set that is made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data import DATASETS, load
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.sources.own import OwnData
from sdl_cli.errors import DataError
from sdl_cli.run.new_inputs import as_read, iter_inputs
from sdl_cli.settings.parse import parse_group
from sdl_cli.settings.parts import permission
from sdl_cli.settings.parts.own import allow_named, completed
from sdl_cli.settings.parts.sources import find

Give = Callable[..., Dataset]
HEAD = "import numpy as np\nimport pandas as pd\nclass Source:\n    def __init__(self, path: str = 'a.db'): self.path = path\n"


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Give]:
    """The data set of a source whose `load` has this body."""
    monkeypatch.chdir(tmp_path)

    def made(body: str, like: dict[str, Any] | None = None, **settings: Any) -> Dataset:
        (tmp_path / "my_source.py").write_text(f"{HEAD}    def load(self):\n        {body}\n")
        permission.reset()
        values = completed("dataset", "mine", settings, find("my_source.Source", "dataset=mine"), OwnData)
        allow_named({"dataset": values})
        return load(parse_group("dataset", DATASETS, values), like=like)

    yield made
    permission.reset()
    sys.modules.pop("my_source", None)


FRAME = """frame = pd.DataFrame({'length': [1.5, 2.0, None, 4.0] * 5, 'soil': ['sand', 'clay'] * 10, 'site': [7, 8] * 10,
                              'plant': ['p' + str(i // 2) for i in range(20)], 'tree': ['elm', 'oak'] * 10})
        frame['site'] = frame['site'].astype('category')
"""


def test_a_frame_is_read_as_a_file_would_be(give: Give, tmp_path: Path) -> None:
    found = give(FRAME + "        return {'X': frame, 'y': 'tree', 'groups': 'plant', 'notes': ['By hand.']}", test_fraction=0.3)
    assert (found.name, found.task, found.modality, found.classes) == ("mine", "classification", "table", ("elm", "oak"))
    assert [(column.name, column.kind) for column in found.columns] == [
        ("length", "number"), ("soil", "category"), ("site", "category"),
    ]  # fmt: skip
    assert np.isnan(found.X[:, 0]).sum() == 5
    assert found.groups is not None and len(set(found.groups.tolist())) == 10
    assert "By hand." in found.notes
    (tmp_path / "new.csv").write_text("soil,length,site\nclay,3.5,8\n")
    ids, X = next(iter_inputs(tmp_path / "new.csv", as_read(found), lambda sentence: None))
    assert X.tolist() == [[3.5, *found.X[1, 1:]]]
    same = give(FRAME + "        return {'X': frame.iloc[:6], 'y': 'tree', 'groups': 'plant'}", like=as_read(found))
    assert np.array_equal(same.X, found.X[:6], equal_nan=True)


def test_targets_may_stand_beside_a_frame(give: Give) -> None:
    found = give(FRAME + "        return frame[['length', 'soil']], np.arange(20) + 0.5")
    assert found.task == "regression" and found.y.tolist() == [i + 0.5 for i in range(20)]


def test_arrays_are_tables_images_or_series(give: Give) -> None:
    body = (
        "return {'X': np.ones((4, 2)), 'y': [0, 1, 0, 1], 'classes': ['elm', 'oak'], 'feature_names': ['a', 'b'], 'ids': 'wxyz'}"
    )
    table = give(body)
    assert (table.modality, table.classes, table.feature_names) == ("table", ("elm", "oak"), ("a", "b"))
    assert table.ids.tolist() == ["w", "x", "y", "z"]
    images = give("return np.zeros((4, 8, 6, 3), np.uint8), ['elm', 'oak'] * 2")
    assert (images.modality, images.X.shape, images.y.tolist()) == ("image", (4, 3, 8, 6), [0, 1, 0, 1])
    series = give("return {'X': np.zeros((4, 1, 30)), 'y': [0.5, 1.5, 2.5, 3.25], 'modality': 'series'}")
    assert (series.modality, series.task, series.X.shape) == ("series", "regression", (4, 1, 30))


def test_parts_and_groups_are_kept(give: Give) -> None:
    parts = "'part': ['train', 'train', 'validation', 'test'], 'groups': [1, 1, 2, 3]"
    found = give("return {'X': np.eye(4), 'y': [0, 1, 0, 1], " + parts + "}")
    assert found.part is not None and found.part.tolist() == ["train", "train", "validation", "test"]
    assert found.groups is not None and found.groups.tolist() == ["1", "1", "2", "3"]


def test_texts_are_texts_and_new_ones_come_from_a_file(give: Give, tmp_path: Path) -> None:
    found = give("return ['a good day', 'a bad day'] * 3, ['yes', 'no'] * 3")
    assert (found.modality, found.X[0], found.classes) == ("text", "a good day", ("no", "yes"))
    assert found.fingerprint != give("return ['a good day', 'a sad day'] * 3, ['yes', 'no'] * 3").fingerprint
    (tmp_path / "new.csv").write_text("text\nanother day\n")
    (tmp_path / "new.txt").write_text("another day\n")
    for name in ("new.csv", "new.txt"):
        _, X = next(iter_inputs(tmp_path / name, as_read(found), lambda sentence: None))
        assert X.tolist() == ["another day"]


WRONG = [
    ("return 5", "load() gave int, and must give a dictionary with X and y."),
    ("return {'X': np.eye(2)}", "load() gave no y."),
    ("return {'X': np.eye(2), 'y': [0, 1], 'grups': [0, 1]}", "load() gave grups, which is none of"),
    ("return np.eye(3), [0, 1]", "y has 2 rows and X has 3."),
    ("return {'X': np.eye(2), 'y': [0, 1], 'part': ['train', 'exam']}", "part holds exam, and must hold train, validation, test."),
    ("return {'X': np.eye(2), 'y': [0, 1], 'feature_names': ['a']}", "feature_names has 1 names for 2 columns."),
    ("return {'X': np.eye(2), 'y': [0, 1], 'modality': 'series'}", "series must be numbers (rows, channels, steps), not float64 (2, 2)."),
    ("return {'X': np.full((2, 1, 9), np.nan), 'y': [0, 1], 'modality': 'series'}", "series must not hold NaN or infinity."),
    ("return open('nothing')", "failed in load(): FileNotFoundError:"),
    ("return {'X': np.eye(2), 'y': [0, 1], 'groups': 5}", "failed to give usable data: TypeError:"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), WRONG, ids=[case[1][:30] for case in WRONG])
def test_what_is_no_data_set_is_refused(body: str, message: str, give: Give) -> None:
    with pytest.raises(DataError) as error:
        give(body)
    assert error.value.message.startswith("dataset=mine: my_source.Source (my_source.py)")
    assert message in error.value.message


def test_a_missing_column_and_missing_numbers_are_named(give: Give) -> None:
    with pytest.raises(DataError, match="\"y\": dataset=mine has no column 'tre'. Did you mean tree?"):
        give(FRAME + "        return {'X': frame, 'y': 'tre'}")
    with pytest.raises(DataError, match="dataset=mine: NaN or infinity in 1 rows of the inputs"):
        give("return np.array([[1.0, np.nan], [1.0, 2.0]]), [0, 1]")
    with pytest.raises(DataError) as error:
        give("return np.eye(30), np.arange(30)")
    assert error.value.hint == 'Set "task": "regression" in what load() gives or "task": "classification" in what load() gives.'

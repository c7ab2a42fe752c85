"""What each column was taken for, and the proposals that come of it: codes as categories, a repeated id as group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.split import split
from sdl_cli.run import check
from sdl_cli.run.check.files import inspect_images
from sdl_cli.settings.parse import parse_group

HEADER = "name,patient_id,region,age,seen,smoker,note,y"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng, rows = np.random.default_rng(0), [HEADER]
    for i in range(90):
        age = "" if i % 9 == 0 else f"{rng.normal(50, 9):.1f}"
        day = np.datetime64("2020-01-01") + int(rng.integers(0, 900))
        rows.append(
            f"n{i},P{i % 30:02d},{rng.integers(1, 4)},{age},{day},{rng.choice(['yes', 'no'])},"
            f"a long text of its own that no other row has {i},{rng.choice(['u', 'v'])}"
        )
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "t.csv"


def look(path: Path, **more: Any) -> tuple[dict[str, Any], list[check.Problem]]:
    settings = parse_group("dataset", DATASETS, {"name": "table", "path": str(path), "target": "y", **more})
    dataset = data.load(settings)
    parts = split(dataset, settings, 0)
    return check.summary(dataset, parts), check.inspect(dataset, parts)


def test_columns_are_listed_in_the_order_of_the_file(table: Path) -> None:
    columns = look(table, id="name")[0]["columns"]
    assert [c["name"] for c in columns] == HEADER.split(",")
    kinds = ["id", "category", "number", "number", "date", "boolean", "not learned from", "target"]
    assert [c["kind"] for c in columns] == kinds
    assert [c["missing"] for c in columns] == [0, 0, 0, 10, 0, 0, None, 0]
    assert columns[0]["examples"] == ["n0", "n1", "n2"] and columns[7]["examples"] == ["u", "v"]
    assert columns[1]["distinct"] == 30 and sorted(columns[2]["examples"]) == ["1", "2", "3"]
    assert columns[4]["examples"][0].startswith("202") and set(columns[5]["examples"]) == {"no", "yes"}


def test_codes_are_said_to_be_numbers_with_the_setting_that_makes_them_categories(table: Path) -> None:
    (problem,) = [p for p in look(table)[1] if "whole numbers" in p.what]
    assert problem.severity == "note" and problem.where == "region (1 to 3)"
    assert problem.advice.endswith("'dataset.categorical=[region]'")
    assert not [p for p in look(table, categorical=("region",))[1] if "whole numbers" in p.what]


def test_a_repeated_id_is_proposed_as_group(table: Path) -> None:
    (problem,) = [p for p in look(table)[1] if "called an id" in p.what]
    assert "its 30 values stand in 90 rows" in problem.what and problem.advice.endswith("'dataset.group=patient_id'")
    assert [p.advice for p in look(table, id="patient_id")[1] if "called an id" in p.what] == [problem.advice]
    assert not [p for p in look(table, group="patient_id")[1] if "called an id" in p.what]


def test_files_of_one_name_and_size_are_copies_only_where_their_content_is_the_same(tmp_path: Path) -> None:
    from PIL import Image

    rng, files = np.random.default_rng(0), []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            files.append(tmp_path / folder / f"{number}.bmp")
            Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(files[-1])
    names = [str(file.relative_to(tmp_path)) for file in files]
    assert inspect_images(files, names, None) == []
    files[3].write_bytes(files[0].read_bytes())
    (problem,) = inspect_images(files, names, None)
    assert problem.severity == "warning" and problem.where == "a/0.bmp = b/0.bmp" and "same content" in problem.what

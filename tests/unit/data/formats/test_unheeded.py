"""A setting that is for one format alone is said to have no effect on files of others, text among them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sdl_cli.data.sources.table import Table, load

FRAME = pd.DataFrame({"x": range(30), "y": ["no", "yes"] * 15}).assign(x=lambda own: own["x"] / 7)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.xlsx"])
def test_settings_of_other_formats_are_named(tmp_path: Path, name: str) -> None:
    pytest.importorskip({"t.parquet": "pyarrow", "t.xlsx": "python_calamine"}.get(name, "csv"))
    path = tmp_path / name
    write = {"t.csv": FRAME.to_csv, "t.parquet": FRAME.to_parquet, "t.xlsx": FRAME.to_excel}[name]
    write(path, index=False)
    found = load(
        Table(path=str(path), target="y", variable="people", sheet="Sheet1", fill_down=(), header=True, encoding="utf-8")
    )
    others, have = {
        "t.csv": ("variable, dataset.sheet and dataset.fill_down", "have"),
        "t.xlsx": ("variable and dataset.encoding", "have"),
        "t.parquet": ("variable, dataset.sheet, dataset.fill_down, dataset.encoding and dataset.header", "have"),
    }[name]
    assert f"dataset.{others} {have} no effect on this kind of file." in found.notes
    assert not any("no effect" in note for note in load(Table(path=str(path), target="y")).notes)

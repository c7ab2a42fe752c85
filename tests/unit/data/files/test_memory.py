"""Sizes are looked at before memory is taken: small files, and a machine that pretends to have little left."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sdl_cli.data.files import delimited, text_file
from sdl_cli.data.files.sniffing import Asked, sniff
from sdl_cli.data.formats import parquet
from sdl_cli.data.sources import npz
from sdl_cli.data.sources.npz import Npz
from sdl_cli.errors import DataError


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (npz, parquet, text_file):
        monkeypatch.setattr(module, "available_bytes", lambda: 1 << 20)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_that_would_not_fit_is_refused_before_it_is_read(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    text = b"a,b\n" + b"1,2\n" * 100_000
    path.write_bytes(gzip.compress(text) if packed else text)
    with pytest.raises(DataError, match="unpacks to 0.0 GB" if packed else "holds 0.0 GB"):
        delimited.read(path, sniff(path))
    path.write_bytes(gzip.compress(text[:4000]) if packed else text[:4000])
    assert len(delimited.read(path, sniff(path))[1]) == 999


@pytest.mark.usefixtures("little_memory")
def test_packed_arrays_that_would_not_fit_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez_compressed(path, X=np.zeros((20_000, 10)), y=np.arange(20_000) % 2)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="unpacked, its arrays take about 0.0 GB"):
        npz.load(Npz(path=str(path)))
    np.savez_compressed(path, X=np.arange(4000.0).reshape(400, 10), y=np.arange(400) % 2, other=np.zeros(1_000_000))
    assert len(npz.load(Npz(path=str(path)))) == 400  # what is not read is not counted


def test_an_array_that_is_not_as_large_as_it_says_is_refused_by_its_header(tmp_path: Path) -> None:
    path, content = tmp_path / "d.npz", io.BytesIO()
    np.save(content, np.arange(4.0))
    said = content.getvalue().replace(b"(4,)", b"(9,)")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("X.npy", said)
    with pytest.raises(DataError, match="not as large as it says"):
        npz.load(Npz(path=str(path)))


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("frame", [
    pd.DataFrame({"a": np.zeros(30_000)}),  # many rows
    pd.DataFrame({"a": ["long " * 1000] * 500}),  # few rows, of one long text that is stored once
])  # fmt: skip
def test_a_parquet_file_that_unpacks_to_more_than_there_is_is_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    with pytest.raises(DataError, match="more than the 0.0 GB of memory"):
        list(parquet.iter_cells(path, Asked(), None))
    assert sum(len(cells.lines) for cells in parquet.iter_cells(path, Asked(), 100)) == len(frame)


def test_a_parquet_file_that_fits_is_read_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(20_000), "b": ["x", "y"] * 10_000})
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=3000)
    [cells] = parquet.iter_cells(tmp_path / "t.parquet", Asked(), None)
    assert cells.columns[0][[0, 9000, 19_999]].tolist() == ["0", "9000", "19999"] and len(cells.lines) == 20_000

"""Names of columns from the first lines of a file, as suggestions."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sdl_cli.cli.completion.columns import columns


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"x,y z\n1,2\n", ["x", "y z"]),
        ("a.csv", b'x;y, z;"w;v"\n1;2;3\n4;5;6\n', ["x", "y, z", "w;v"]),
        ("a.tsv", b"x\ty\n1\t2\n", ["x", "y"]),
        ("a.csv", "größe,été\n1,2\n".encode("cp1252"), ["größe", "été"]),
        ("a.csv", "größe,b\n1,2\n".encode("utf-16"), ["größe", "b"]),
        ("a.csv", "\ufeffx,y\n1,2\n".encode(), ["x", "y"]),
        ("a.csv", b"sep=;\nx;y\n1;2\n", ["x", "y"]),
        ("a.csv.gz", gzip.compress(b"x,y\n1,2\n", mtime=0), ["x", "y"]),
        ("a.arff", b"@relation r\n@attribute 'my x' numeric\n@attribute y {a,b}\n@data\n1,a\n", ["my x", "y"]),
        ("a.csv", b"1,2\n3,4\n", []),
        ("a.txt", b"x y\n1 2\n3 4\n", ["x", "y"]),
    ],
)
def test_names(name: str, content: bytes, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert list(columns(str(tmp_path / name))) == expected


def test_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["age", "blood pressure", "out & in"])
    book.active.append([61, 120, "yes"])
    book.save(tmp_path / "a.xlsx")
    assert columns(str(tmp_path / "a.xlsx")) == {"age": "61", "blood pressure": "120", "out & in": "yes"}


def test_what_is_no_file_has_none(tmp_path: Path) -> None:
    assert columns(str(tmp_path)) == columns(str(tmp_path / "missing.csv")) == columns("\0") == {}

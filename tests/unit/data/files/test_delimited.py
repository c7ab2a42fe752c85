"""Delimited text: what is found in a file, what is read from it, and what is refused with which words."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import json
import math
import re
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdl_cli.data.files import delimited, text_file
from sdl_cli.data.files.delimited import iter_numbers, read
from sdl_cli.data.files.delimiter import ONE_COLUMN
from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.files.missing import MISSING
from sdl_cli.data.files.sniffing import Asked, Format, sniff
from sdl_cli.errors import ConfigError, DataError, SdlError


def save(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def table(folder: Path, content: str | bytes, **asked: Any) -> tuple[Format, list[list[str | None]], list[int]]:
    """The format, the rows and the line of each row."""
    path = save(folder, content)
    found = sniff(path, Asked(**asked))
    columns, lines = read(path, found)
    assert all(column.dtype == object and column.shape == lines.shape for column in columns)
    assert lines.dtype == np.int64
    return found, [list(row) for row in zip(*columns, strict=True)], lines.tolist()


def numbers(folder: Path, content: str | bytes, names: list[str], texts: list[str], chunk_rows: int = 3, **asked: Any) -> Any:
    """All chunks of the numbers, the texts and the lines, joined."""
    path = save(folder, content)
    chunks = list(iter_numbers(path, sniff(path, Asked(**asked)), names, texts, chunk_rows))
    assert all(len(values) == len(lines) <= chunk_rows for values, _, lines in chunks)
    words = [[cell for _, columns, _ in chunks for cell in columns[i]] for i in range(len(texts))]
    return np.concatenate([v for v, _, _ in chunks]), words, [int(n) for _, _, lines in chunks for n in lines]


FORMATS = [  # content, delimiter, header, decimal, names
    ("a,b\n1,2\n", ",", True, ".", "a b"),
    ("a;b\n1;2\n", ";", True, ".", "a b"),
    ("a\tb\n1\t2\n", "\t", True, ".", "a b"),
    ("a|b\n1|2\n", "|", True, ".", "a b"),
    ("a   b\n 1  2.5 \n\t3 4\n", " ", True, ".", "a b"),
    ("  1.5   2\n 10.5  20\n", " ", False, ".", "x0 x1"),
    ("a;b\n1,5;2,5\n1;2\n", ";", True, ",", "a b"),
    ("1,5;2,5\n3,5;4,5\n", ";", False, ",", "x0 x1"),
    ("a b\n1,5 2\n", " ", True, ",", "a b"),
    ("n;b\nMeier, H;1,5\nKurz, A;2\n", ";", True, ",", "n b"),
    ("n,b\nx;y,5\nz;w,6\n", ",", True, ".", "n b"),
    ('n,b\n"x;y",5\n"z;w",6\n', ",", True, ".", "n b"),
    ("when,b\n2020-01-01 10:00,5\n2020-01-02 11:00,6\n", ",", True, ".", "when b"),
    ("sep=;\na;b\n1,5;2\n", ";", True, ",", "a b"),
    ("sep=,\r\na,b\r\n1,2\r\n", ",", True, ".", "a b"),
    ("x\n1\n2\n", ONE_COLUMN, True, ".", "x"),
    ("x\n17.678,49\n7.395,89\n", ONE_COLUMN, True, ",", "x"),
    ("a;b;c\n31.017,69;x;y\n14.610,35;z;y\n", ";", True, ",", "a b c"),
    ("1,234\n2,345\n", ",", False, ".", "x0 x1"),
    ("1\n2\n3\n", ONE_COLUMN, False, ".", "x0"),
    ("text\nA day, and more\nNothing\nYes, yes, yes\nOn we go\n", ONE_COLUMN, True, ".", "text"),
    ("John Smith\nJane Doe\n", ONE_COLUMN, True, ".", "John Smith"),
    # headers
    ("1,a\n2,b\n", ",", False, ".", "x0 x1"),
    ("a,x\nb,x\na,y\n", ",", False, ".", "x0 x1"),
    ("name,kind\nb,x\na,x\n", ",", True, ".", "name kind"),
    ("name,city\n", ",", True, ".", "name city"),
    ("1,2\n", ",", False, ".", "x0 x1"),
    ("day,b\n2020-01-01,x\n2020-01-02,x\n", ",", True, ".", "day b"),
    ("2020-01-01,x\n2020-01-02,y\n", ",", False, ".", "x0 x1"),
    ("?,1\n2,3\n", ",", False, ".", "x0 x1"),
    ("a,b\n?,?\nNA,\n", ",", True, ".", "a b"),
    ("0,1,2\n.5,.1,.3\n1.5,2.5,.1\n0.1,0.2,0.3\n", ",", True, ".", "0 1 2"),
    ("country,2001,2002\nA,1.5,2.5\nB,2.5,3.5\nC,1.5,0.5\n", ",", True, ".", "country 2001 2002"),
    (",0,1,2\n0,5,3,1\n1,2,7,1\n2,9,1,4\n", ",", True, ".", "x0 0 1 2"),
    ("0,1,2\n2,1,0\n1,0,2\n0,2,1\n", ",", False, ".", "x0 x1 x2"),
    ("1,2\n1.5,2.5\n", ",", False, ".", "x0 x1"),
    ("30,64,1,1\n30,62,3,1\n31,59,2,1\n31,65,4,2\n", ",", False, ".", "x0 x1 x2 x3"),
    ("age,weight,1\n5,6,7\n8,9,10\n", ",", True, ".", "age weight 1"),
    ("5,weight,1\n5,6,7\n8,9,10\n", ",", False, ".", "x0 x1 x2"),
    (",name\n0,Bo\n1,Al\n", ",", True, ".", "x0 name"),
    (",name,city\nr1,Bo,Rome\nr2,Al,Rome\n", ",", True, ".", "x0 name city"),
    ("Unnamed: 0,b\n0,1\n1,3\n", ",", True, ".", "x0 b"),
    (",x0\n0,1\n", ",", True, ".", "x0_ x0"),
    ("  a , b b \n1,2\n", ",", True, ".", "a b b"),
    ('"a\nb",c\n1,2\n', ",", True, ".", "a b c"),
    # the last delimiter
    ("a,b,\n1,2,\n3,4,\n", ",", True, ".", "a b"),
    ("a,b\n1,2,\n3,4,\n", ",", True, ".", "a b"),
    ("1;2;\n3;4;\n", ";", False, ".", "x0 x1"),
    ("a,b\n1,\n3,\n", ",", True, ".", "a b"),
    ("1,2,\n", ",", False, ".", "x0 x1 x2"),
]


@pytest.mark.parametrize(("content", "delimiter", "header", "decimal", "names"), FORMATS)
def test_what_is_found(content: str, delimiter: str, header: bool, decimal: str, names: str, tmp_path: Path) -> None:
    found, rows, _ = table(tmp_path, content)
    assert (found.delimiter, found.header, found.marks.decimal) == (delimiter, header, decimal)
    assert " ".join(found.names) == names
    assert len(rows) == len([line for line in content.splitlines() if line[:4] != "sep="]) - header - ('"a\nb"' in content)
    assert json.loads(json.dumps(dataclasses.asdict(found)))["names"] == list(found.names)


def test_real_files(shared_data: Path) -> None:
    files = sorted((shared_data / "uci121").glob("*.csv")) + sorted((shared_data / "regression").glob("*.csv"))
    raw = sorted((shared_data / "tables_raw").glob("*.csv"))
    assert len(files) > 40
    assert len(raw) == 10
    for path in files + raw:
        found = sniff(path)
        assert (found.delimiter, found.marks.decimal, found.header) == (",", ".", path in files), path
        first = path.read_text().partition("\n")[0].split(",")
        assert list(found.names) == (first if path in files else [f"x{i}" for i in range(len(first))])
        columns, lines = read(path, found)
        body = [line.split(",") for line in path.read_text().splitlines()[found.header :] if line]
        assert [list(row) for row in zip(*columns, strict=True)] == [[c.strip() or None for c in row] for row in body], path
        assert lines[0] == 1 + found.header


NOTES = [
    ("a,b\n1,2\n", []),
    ("1,2\n3,4\n", ["No header: columns are called x0 to x1."]),
    ("a;b\n1,5;2\n", ["Decimal comma"]),
    ("a;b\n1,5;2.5\n", ["others with a point: read with points (otherwise: dataset.decimal)"]),
    (
        "a,b\nx,y\nz,y\n",
        ["The first line was read as names of columns, as none of its cells recurs below (otherwise: dataset.header"],
    ),
    ("0,1,2\n.5,.1,.3\n.5,.5,.1\n.1,.2,.3\n", ["The whole numbers in the first line were read as names of columns"]),
    (",b\n0,1\n", ["Columns without a name are called x0."]),
    ('"a\x07",b\n0,1\n', ["unprintable characters in 1 column names became blanks"]),
    ("a,b,\n1,2,\n", ["Each line ends with a delimiter"]),
    ("x\n1\n", ["One column only (delimiter: none; otherwise set dataset.delimiter)"]),
    ("a,b\nM\xfcller,1\n".encode("cp1252"), ["Read as cp1252"]),
    (b"a,b\nM\x81ller,1\n", ["Read as latin-1"]),
]


@pytest.mark.parametrize(("content", "notes"), NOTES)
def test_notes(content: str | bytes, notes: list[str], tmp_path: Path) -> None:
    found = sniff(save(tmp_path, content))
    assert len(found.notes) == len(notes)
    assert all(part in note for part, note in zip(notes, found.notes, strict=True)), found.notes


def test_cells_lines_and_blank_lines(tmp_path: Path) -> None:
    content = '\n a , b \r\n\r\n1, "x, ""y""\nz" \r\n   \n 2 ,NA\r3,"" ,\n'.replace(",\n", "\n")
    found, rows, lines = table(tmp_path, content)
    assert found.names == ("a", "b")
    assert rows == [["1", 'x, "y"\nz'], ["2", "NA"], ["3", None]]
    assert lines == [4, 7, 8]
    values, words, again = numbers(tmp_path, content, ["a"], ["b"])
    assert values.tolist() == [[1], [2], [3]]
    assert (words, again) == ([[row[1] for row in rows]], lines)


def test_a_blank_line_and_an_empty_cell_differ_in_a_single_column(tmp_path: Path) -> None:
    assert table(tmp_path, 'x\n1\n\n""\n2\n')[1:] == ([["1"], [None], ["2"]], [2, 4, 5])


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_and_line_ends(ending: str, encoding: str, packed: bool, tmp_path: Path) -> None:
    text = ending.join(["größe,b", "1,é", "2,ü", ""])
    content = text.encode(encoding)
    found, rows, lines = table(tmp_path, gzip.compress(content) if packed else content)
    assert (found.names, rows, lines) == (("größe", "b"), [["1", "é"], ["2", "ü"]], [2, 3])
    assert found.encoding == encoding


def test_a_late_letter_decides_the_encoding(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,x\n" * 400_000 + "2,é\n".encode("cp1252")
    assert sniff(save(tmp_path, content)).encoding == "cp1252"
    content = b"a,b\n" + b"1,x\n" * 400_000 + "2,é\n".encode()
    assert sniff(save(tmp_path, content)).encoding == "utf-8"


ASKED = [
    ("a,b\nc,d\n", {"header": False}, ["x0", "x1"], [["a", "b"], ["c", "d"]]),
    ("1,2\n3,4\n", {"header": True}, ["1", "2"], [["3", "4"]]),
    ("a,b;c\n1,2;3\n", {"delimiter": ";"}, ["a,b", "c"], [["1,2", "3"]]),
    ("a\tb c\n1\t2 3\n", {"delimiter": "\\t"}, ["a", "b c"], [["1", "2 3"]]),
    ("a b\tc\n1 2   3\n", {"delimiter": "space"}, ["a", "b", "c"], [["1", "2", "3"]]),
    ("a:b\n1:2\n", {"delimiter": ":"}, ["a", "b"], [["1", "2"]]),
    ("a¦b\n1¦2\n", {"delimiter": "¦"}, ["a", "b"], [["1", "2"]]),
    ("a,b\n1,2\n", {"delimiter": "tab"}, ["a,b"], [["1,2"]]),
    ("ä,b\n1,2\n".encode("utf-16-le"), {"encoding": "UTF-16-LE"}, ["ä", "b"], [["1", "2"]]),
    ("дом,b\n1,2\n".encode("cp1251"), {"encoding": "windows-1251"}, ["дом", "b"], [["1", "2"]]),
    ("ä,b\n1,2\n".encode("utf-8-sig"), {"encoding": "utf8"}, ["ä", "b"], [["1", "2"]]),
]


@pytest.mark.parametrize(("content", "asked", "names", "rows"), ASKED)
def test_what_is_asked_for_is_done(content: str | bytes, asked: Any, names: list[str], rows: Any, tmp_path: Path) -> None:
    found, cells, _ = table(tmp_path, content, **asked)
    assert (list(found.names), cells) == (names, rows)


def test_numbers_in_chunks(tmp_path: Path) -> None:
    content = "id,a,b,c\n" + "".join(f"r{i},{i / 7!r},{'' if i % 3 else i},x\n" for i in range(10))
    values, words, lines = numbers(tmp_path, content, ["b", "a"], ["id"])
    assert lines == list(range(2, 12))
    assert words == [[f"r{i}" for i in range(10)]]
    np.testing.assert_array_equal(values, [[np.nan if i % 3 else i, i / 7] for i in range(10)])


NUMBERS = [
    ("a;b\n1,5;2\n-3,25E2;\n", [[1.5, 2], [-325, math.nan]]),
    ("a\tb\n 1 \t2\n3\t NA \n", [[1, 2], [3, math.nan]]),
    ("a b\n  1   2  \n\t3 4\n", [[1, 2], [3, 4]]),
    ('a,b\n"1",2\n3," 4 "\n', [[1, 2], [3, 4]]),
    ("a,b,\n1,2,\n3,4,\n", [[1, 2], [3, 4]]),
    ("a,b,\n1,2,\n3,4\n", [[1, 2], [3, 4]]),
    ("a,b\n1,2\n\n3,?\n", [[1, 2], [3, math.nan]]),
    ("a,b\n+1.,.5\n1e3,#N/A\n", [[1, 0.5], [1000, math.nan]]),
    ("a,b\n\xa01\xa0,2\n", [[1, 2]]),
    ("a,b\n0.1,123456789012345678\n", [[0.1, 123456789012345678.0]]),
    ("a,b\n1e-320,1.7976931348623157e308\n", [[1e-320, 1.7976931348623157e308]]),
]


@pytest.mark.parametrize(("content", "expected"), NUMBERS)
@pytest.mark.parametrize("wide", [0, 1000])
def test_numbers(content: str, expected: Any, wide: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_WIDE", wide)  # 0: every cell is read by us, never by pandas
    np.testing.assert_array_equal(numbers(tmp_path, content, ["a", "b"], [])[0], expected)


NO_NUMBERS = [
    "x",
    "1_0",
    "inf",
    "-Infinity",
    "nAn",
    "1e999",
    "0x10",
    "١",
    "1 2",
    "True",
    "--1",
    "1.5.2",
    "1e",
    "1d5",
    "%",
    "5%%",
    "x%",
    "z" * 99,
]


@pytest.mark.parametrize("cell", NO_NUMBERS)
@pytest.mark.parametrize("wide", [0, 1000])
def test_a_cell_that_is_no_number(cell: str, wide: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_WIDE", wide)
    with pytest.raises(DataError) as caught:
        numbers(tmp_path, "a,b\n" + "1,2\n" * 5 + f"1,{cell}\n1,2\n", ["a", "b"], [])
    shown = repr(cell) if len(cell) <= 40 else repr("z" * 40) + "..."
    assert caught.value.message == f"{tmp_path / 'a.csv'}: line 7, column 'b': {shown} is not a finite number."
    assert cell == "1e999" or not PLAIN.is_number(cell)


@pytest.mark.parametrize("word", ["True", "FALSE", "false"])
def test_a_column_of_true_and_false_holds_no_numbers(word: str, tmp_path: Path) -> None:
    content = f"a,b,c\n1,,{word}\n2,{word},x\n"
    with pytest.raises(DataError, match=f"line 3, column 'b': '{word}' is not a finite number"):
        numbers(tmp_path, content, ["a", "b"], ["c"])
    assert numbers(tmp_path, content, ["a"], ["c", "b"])[1] == [[word, "x"], [None, word]]


def test_the_wrong_decimal_mark_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 4, column 'b': '1\.5' .*\nThe decimal mark is ',' in this file"):
        numbers(tmp_path, "a;b\n1;2,5\n1;3,5\n1;1.5\n", ["b"], [], decimal=",")


RAGGED = "Quote a cell that holds the delimiter"
REFUSED = [  # content, asked, message
    (b"", {}, "a.csv: the file is empty"),
    (b"\n \n\n", {}, "blank lines only"),
    (b"PK\x03\x04abc", {}, "an Excel workbook or a zip archive.\nSave the sheet as CSV"),
    (b"\x89PNG\r\n\x1a\n\0", {}, "not a text file but an image"),
    (b"a,b\n1,\0\n", {}, "line 2 holds a zero byte"),
    ("a,b\n1,\0\n".encode("utf-16"), {}, "line 2 holds a zero byte"),
    (
        "ä,b\n1,2\n".encode("utf-16-le"),
        {},
        "not a text file: line 1 holds a zero byte.\nSave the table as CSV (text, UTF-8). If it is text in UTF-16, set dataset.encoding=utf-16-le",
    ),
    (bytes(range(1, 256)), {}, "not a text file"),
    (b"\xff\xfea", {}, "not valid utf-16"),
    (
        "é,b\n1,2\nä,5\n".encode() + b"\xe9,6\n",
        {},
        "line 4 is not valid utf-8: damaged, or mixed.*\nSave it as UTF-8, or set dataset.encoding to",
    ),
    (b"a,b\n1,\xe9\n", {"encoding": "utf-8"}, "line 2 is not valid utf-8"),
    (b"a,b\n1,2\n", {"encoding": "klingon"}, "dataset.encoding: no text encoding is called 'klingon'"),
    (b"a,b\n1,2\n", {"encoding": "hex"}, "no text encoding"),
    (b"a,b\n1,2\n", {"encoding": "a\0b"}, "no text encoding"),
    (b"a,b\n1,2\n", {"delimiter": "ab"}, "dataset.delimiter: 'ab' cannot be a delimiter"),
    (b"a,b\n1,2\n", {"delimiter": '"'}, "cannot be a delimiter"),
    (b"a,b\n1,2\n", {"delimiter": ""}, "cannot be a delimiter"),
    (b"a,b\n1,2\n", {"decimal": "'"}, 'dataset.decimal must be "." or ","'),
    (gzip.compress(b""), {}, "the file is empty"),
    (gzip.compress(b"a,b\n1,2\n" * 50)[:-9], {}, "a damaged gzip file"),
    (gzip.compress(b"a,b\n1,2\n" * 50)[:12] + b"zzz", {}, "a damaged gzip file"),
    (b"\x1f\x8b", {}, "a damaged gzip file"),
    (gzip.compress(gzip.compress(b"a,b\n1,2\n")), {}, "a gzip file inside a gzip file"),
    (b"a,b,a\n1,2,3\n", {}, "line 1: columns 1, 3 are all called 'a'.\nRename them"),
    (b"a,b,a,b\n1,2,3,4\n", {}, "(2 names occur twice)"),
    (
        b"a,b\n1,2\n3,4,5\n6,7\n8\n",
        {},
        f"line 3 has 3 fields, but the header 2; 2 of 4 records are like this (delimiter: ',').\n{RAGGED}",
    ),
    (b"1,2\n3\n4,5\n", {}, "line 2 has 1 field, but the other lines 2 (delimiter: ',')"),
    (b"a,b,c\n1,2\n", {}, "line 2 has 2 fields, but the header 3"),
    (b"a,b,\n1,2,\n3,4,5\n", {"header": True}, ""),
    (b"a,b\n1,2,\n3,4,\n5,6,\n" + b"7,8,\n" * 10_000 + b"7,8,9\n", {}, "line 10005 has 3 fields, but the header 2"),
    (b'a,b\n1,"x\ny",3\n1,2\n3,4\n', {}, "the record on lines 2 to 3 has 3 fields"),
    (b"Report of today\n\na,b,c\n1,2,3\n4,5,6\n", {}, "line 1 has 1 field, but the lines below have 3.\nRemove lines above"),
    (b'a,b\n1,2\n3,"x\n5,6\n', {}, "a quote that opens on line 3 is not closed"),
    (b'a,b\n1,"x\ny"\n3,"x\n5,6\n', {}, "a quote that opens on line 4 is not closed"),
    (b'a,b\n1,2\n3,"x"y\n5,6\n', {}, "line 3: text follows a closing quote."),
    (
        b'a\tb\nx\t"Who\nz\ty\nu\t"What\n',
        {},
        "line 4: text follows a closing quote (in a cell that may have been opened on line 2)",
    ),
    (b"a,b\n1," + b'"' * 1_000_001 + b"\n", {}, "a quote that opens on line 2 is not closed"),
    (b"a,b\n1," + b'"' * 1_000_000 + b"x\n", {}, "line 2: text follows a closing quote"),
    (b'"a"b,c\n1,2\n', {}, "line 1: text follows a closing quote"),
    (b"a,b\n1,2\n3,4\na,b\n5,6\n", {}, "line 4 repeats the header of line 1.\nRemove it"),
    (b"sep=,\n", {}, "blank lines only"),
    (b"@relation iris\n@attribute a numeric\n@data\n1\n", {}, "not a delimited table but an ARFF file"),
    (b"<!DOCTYPE html><html>\n", {}, "a web page or XML"),
    (b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', {}, "but JSON"),
    (b'[["a", 1], ["b", 2]]\n', {}, "but JSON"),
    (b"1 1:0.5 3:1\n0 2:1 4:-1e-3\n", {}, "a LIBSVM file (index:value)"),
    (b"n" * 1001 + b",b\n1,2\n", {}, "line 1: the name of column 1 has 1001 characters"),
]


@pytest.mark.parametrize(("content", "asked", "message"), REFUSED, ids=[message[:30] for _, _, message in REFUSED])
def test_what_is_refused(content: bytes, asked: Any, message: str, tmp_path: Path) -> None:
    if not message:
        assert table(tmp_path, content, **asked)[1] == [["1", "2", None], ["3", "4", "5"]]
        return
    with pytest.raises(ConfigError if "asked" in message or message.startswith("dataset.") else SdlError) as caught:
        table(tmp_path, content, **asked)
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), str(caught.value)), str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_ragged_rows_stop_chunks_too(tmp_path: Path) -> None:
    for bad in ("7", "7,8,9"):
        with pytest.raises(DataError, match=f"line 9 has {len(bad) // 2 + 1} field"):
            numbers(tmp_path, "a,b\n" + "1,2\n" * 7 + bad + "\n1,2\n", ["a"], [])


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, "a,b\n1,2\n", "iris.csv")
    cases = [
        (tmp_path / "irs.csv", "dataset.path: .*irs.csv does not exist.\nDid you mean iris.csv?"),
        (tmp_path, "is a folder, not a table"),
        (tmp_path / "no" / "a.csv", "does not exist.\nGive the path of a text file"),
        (tmp_path / ("x" * 5000), "file name is too long"),
        (tmp_path / "a\0b", "cannot be opened|does not exist"),
        (Path("/dev/null"), "is not a regular file"),
    ]
    for path, message in cases:
        with pytest.raises(DataError, match=message):
            sniff(path)
    with pytest.raises(DataError, match="^INPUT: .*irs.csv does not exist"):
        sniff(tmp_path / "irs.csv", key="INPUT")

    def refuse(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"iris\.csv: no permission to read it"):
        sniff(tmp_path / "iris.csv")


def test_a_zip_bomb_is_refused_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000))
    assert sniff(path).names == ("a", "b")
    monkeypatch.setattr(text_file, "_MAX_UNPACKED_BYTES", 2**20)
    with pytest.raises(
        DataError, match=r"unpacks to more than \d+ MiB, over 250 times its size.\nIf that is right, unpack it first"
    ):
        sniff(path)
    monkeypatch.setattr(text_file, "_MAX_UNPACKED_RATIO", 10_000)
    assert sniff(path).names == ("a", "b")


def test_long_cells_and_many_columns(tmp_path: Path) -> None:
    long = "x" * 2_000_000
    found, rows, _ = table(tmp_path, f'a,b\n1,"{long}"\n2,{long}\n')
    assert rows == [["1", long], ["2", long]]
    width = 30_000
    header, row = ",".join(f"c{i}" for i in range(width)), ",".join(map(str, range(width)))
    values, _, _ = numbers(tmp_path, f"{header}\n{row}\n{row}\n", ["c29999", "c0"], [])
    assert values.tolist() == [[29_999, 0]] * 2


def test_a_file_without_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdl_cli.data.files.records.MAX_LINE", 1000)
    with pytest.raises(DataError, match="line 2 has more than 1000 characters"):
        table(tmp_path, "a,b\n" + "1," * 1000)


def test_the_field_limit_is_raised_and_never_lowered(tmp_path: Path) -> None:
    before = csv.field_size_limit(2**30)
    try:
        table(tmp_path, "a,b\n1,2\n")
        assert csv.field_size_limit() == 2**30
    finally:
        csv.field_size_limit(max(before, 2**26))


# Fuzzing: tables that are written and read back, and files that are anything at all.

LETTERS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("\",;\t|\n'? .-")
TEXTS = st.text(LETTERS, max_size=12).map(str.strip)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FEW = settings(max_examples=150, deadline=None, database=None)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    """A header and rows: the first column always holds numbers, so that the header can be told."""
    width, num_rows = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    kinds = [FLOATS, *(draw(st.sampled_from([FLOATS, TEXTS, st.none() | FLOATS, st.none() | TEXTS])) for _ in range(width - 1))]
    rows = [[draw(kind) for kind in kinds] for _ in range(num_rows)]
    return [f"c{i}" for i in range(width)], rows


def written(rows: list[list[Any]], delimiter: str, ending: str) -> str:
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if ending == "\r" else csv.QUOTE_MINIMAL  # which leaves a line feed unquoted there
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return text.getvalue()


def expected(cell: Any) -> str | None:
    text = "" if cell is None else str(cell).strip()
    return text or None


@FEW
@given(
    tables(),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_tables_are_read_back(
    made: tuple[list[str], list[list[Any]]], delimiter: str, ending: str, encoding: str, header: bool, packed: bool, told: bool
) -> None:
    names, rows = made
    content = written([names, *rows] if header else rows, delimiter, ending).encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder), gzip.compress(content, 1) if packed else content)
        asked = Asked(delimiter=delimiter, header=header, decimal=".") if told else Asked(delimiter=delimiter, decimal=".")
        found = sniff(path, asked)
        wide = len(found.names)
        assert wide == len(names) or (found.trailing and all(expected(row[-1]) is None for row in rows))
        if header or told:
            assert found.header == header
        if header:
            assert list(found.names) == names[:wide]
        if found.header == header:
            columns, lines = read(path, found)
            assert [list(column) for column in columns] == [[expected(row[j]) for row in rows] for j in range(wide)]
            places = [j for j in range(wide) if all(isinstance(row[j], float | None) for row in rows)]
            texts = [j for j in range(wide) if j not in places]
            chunks = list(iter_numbers(path, found, [found.names[j] for j in places], [found.names[j] for j in texts], 3))
            values = np.concatenate([chunk[0] for chunk in chunks])
            np.testing.assert_array_equal(values, [[np.nan if row[j] is None else row[j] for j in places] for row in rows])
            assert [cell for chunk in chunks for column in chunk[1][:1] for cell in column] == [
                expected(row[j]) for row in rows for j in texts[:1]
            ]
            np.testing.assert_array_equal(np.concatenate([chunk[2] for chunk in chunks]), lines)


@FEW
@given(tables(), st.sampled_from(",;\t|"))
def test_a_table_of_many_numbers_needs_no_help(made: tuple[list[str], list[list[Any]]], delimiter: str) -> None:
    names = ["id", *made[0], "last"]
    rows = [[i, *(cell if isinstance(cell, float) else i / 2 for cell in row), i + 0.5] for i, row in enumerate(made[1])]
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder), written([names, *rows], delimiter, "\n"))
        found = sniff(path)
        assert (found.delimiter, found.header, found.marks.decimal, list(found.names)) == (delimiter, True, ".", names)
        path = save(Path(folder), written(rows, delimiter, "\n"))
        found = sniff(path)
        assert (found.delimiter, found.header) == (delimiter, False)


def survive(content: bytes, asked: Asked) -> None:
    """A table or a refusal, and the same one from both readers."""
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder), content)
        try:
            found = sniff(path, asked)
            assert len(set(found.names)) == len(found.names)
            columns, lines = read(path, found)
        except SdlError as error:
            assert 1 <= len(str(error).splitlines()) <= 3
            return
        assert (np.diff(lines) > 0).all()
        chunks = list(iter_numbers(path, found, (), found.names, 2))
        for j, column in enumerate(columns):
            assert [cell for chunk in chunks for cell in chunk[1][j]] == column.tolist()
        for name, column in zip(found.names, columns, strict=True):
            wanted = [
                None if c is None or c in MISSING else math.inf if (plain := found.marks.plain(c)) is None else float(plain)
                for c in column
            ]
            try:
                values = [v for chunk in iter_numbers(path, found, (name,), (), 2) for v in chunk[0][:, 0]]
            except DataError:
                assert math.inf in map(abs, (v for v in wanted if v is not None))
            else:
                np.testing.assert_array_equal(values, [math.nan if v is None else v for v in wanted])


PIECES = st.sampled_from(
    [
        '"',
        '""',
        ",",
        ";",
        "\t",
        "|",
        " ",
        "\n",
        "\r",
        "\r\n",
        "1",
        "2.5",
        "3,5",
        "1.234",
        "1,234",
        "1'234",
        "1\u202f234",
        "\u22125",
        "kg",
        "a",
        "NA",
        "nan",
        "inf",
        "-",
        "é",
        "\0",
        "\ufeff",
        "1e5",
        "sep=;\n",
        "\x1f",
        "\x85",
        "\u2028",
    ]
)
OPTIONS = st.builds(
    Asked,
    delimiter=st.sampled_from([None, None, ",", ";", "space", "tab", "x", "\x1f"]),
    header=st.sampled_from([None, True, False]),
    encoding=st.sampled_from([None, None, "utf-8", "utf-16", "latin-1", "ascii", "shift_jis", "utf-7", "punycode", "idna"]),
    decimal=st.sampled_from([None, ".", ","]),
    thousands=st.sampled_from([None, None, None, ",", ".", "space", "apostrophe", "none"]),
    header_lines=st.sampled_from([None, None, None, 1, 2, 3]),
)


@FEW
@example("\ufeff\ufeff,", "utf-8", Asked())
@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(["utf-8", "utf-8", "cp1252", "utf-16"]), OPTIONS)
def test_any_text_gives_a_table_or_a_refusal(text: str, encoding: str, asked: Asked) -> None:
    survive(text.encode(encoding, "replace"), asked)


@FEW
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b\x08", b"\xff\xfe", b"\xef\xbb\xbf"]), OPTIONS)
def test_any_bytes_give_a_table_or_a_refusal(content: bytes, start: bytes, asked: Asked) -> None:
    survive(start + content, asked)


@FEW
@given(tables(), st.booleans(), st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=2)), min_size=1, max_size=3))
def test_a_damaged_file_gives_a_table_or_a_refusal(
    made: tuple[list[str], list[list[Any]]], packed: bool, damage: list[tuple[int, bytes]]
) -> None:
    text = written([made[0], *made[1]], ",", "\n").encode()
    content = bytearray(zlib.compress(text, 1, wbits=31) if packed else text)
    for place, piece in damage:
        at = place % (len(content) + 1)
        content[at : at + 1] = piece
    survive(bytes(content), Asked())

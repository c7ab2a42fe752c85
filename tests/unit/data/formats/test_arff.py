"""ARFF: what Weka writes and liac-arff reads otherwise, each with a file made here."""

from __future__ import annotations

import builtins
import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats import format_of, iter_cells, read_cells, typed_columns
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import DataError, SdlError

library = pytest.importorskip("arff")
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(attributes: str, rows: str, name: str = "t.arff") -> Path:
        lines = [f"@attribute {line.strip()}" for line in attributes.split(";")]
        path = tmp_path / name
        path.write_text("\n".join(["@relation t", *lines, "@data", rows]) + "\n", encoding="utf-8")
        return path

    return written


def read(path: Path, **asked: Any) -> Cells:
    cells = read_cells(path, Asked(**asked))
    assert cells is not None
    return cells


def columns(cells: Cells) -> dict[str, list[str | None]]:
    return {name: own.tolist() for name, own in zip(cells.names, cells.columns, strict=True)}


def test_a_file_of_the_library_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows: list[list[Any]] = [[0.1, 7, "a b", "it's"], [None, -2, "c,d", 'say "yes" %'], [1e300, 2**40, None, "\\ back\tslash"]]
    attributes = [("x 1", "REAL"), ("n", "INTEGER"), ("kind", ["c,d", "a b"]), ("text", "STRING")]
    path = tmp_path / "t.arff"
    path.write_text(
        library.dumps({"relation": "t", "description": "on top\n@relation no", "attributes": attributes, "data": rows})
    )
    cells = read(path)
    assert columns(cells) == {
        "x 1": ["0.1", None, "1e+300"],
        "n": ["7", "-2", str(2**40)],
        "kind": ["a b", "c,d", None],
        "text": ["it's", 'say "yes" %', "\\ back\tslash"],
    }
    assert cells.levels == {"kind": ("c,d", "a b")} and cells.texts == {"kind"} and not cells.notes


def test_integer_with_decimals_keeps_them(write: Write) -> None:
    cells = read(write("n INTEGER; m integer", "1.75,1\n2,2\n-0.5,3e0"))
    assert columns(cells) == {"n": ["1.75", "2", "-0.5"], "m": ["1", "2", "3"]}
    assert list(cells.notes) == ["Column n is declared INTEGER and holds fractions, such as 1.75: they are kept as they are."]


def test_numbers_of_many_digits_keep_them(write: Write) -> None:
    long = "9" * 5000
    cells = read(write("n numeric", f"12345678901234567891\n-0012345678901234567\n{long}\n1e999\n+.5\n-0\n7.0"))
    assert columns(cells)["n"] == ["12345678901234567891", "-12345678901234567", long, "inf", "0.5", "0", "7"]


def test_a_question_mark_is_missing_and_apostrophes_stay(write: Write) -> None:
    cells = read(write(r"k {'it\'s',b,'?'}; s string; x real", r"'it\'s','don\'t',?" + '\n?,?,1\nb,"a\'b",NaN'))
    assert columns(cells) == {"k": ["it's", None, "b"], "s": ["don't", None, "a'b"], "x": [None, "1", None]}
    path = write("x real; y {a,b}", "\n".join(f"{i},{'?' if i == 3 else 'ab'[i % 2]}" for i in range(30)))
    with pytest.raises(DataError, match="the target y is missing in 1 row of 30 .line 8"):
        load(Table(path=str(path), target="y"))
    assert load(Table(path=str(path), target="y", missing_target="drop")).classes == ("a", "b")


def test_sparse_rows(write: Write) -> None:
    cells = read(write("x real; k {a,b}; s string; y {u,v}", "{0 1.5, 3 v}\n{}\n{1 b, 2 'two words', 3 u}\n7,b,s,v"))
    assert columns(cells) == {
        "x": ["1.5", "0", "0", "7"],
        "k": ["a", "a", "b", "b"],
        "s": [None, None, "two words", "s"],
        "y": ["v", "u", "u", "v"],
    }
    first = "check that this is meant, for other programs may show them as missing."
    assert list(cells.notes) == [
        f"Sparse rows leave out 2 cells of k, which stand for its first value, 'a': {first}",
        "Sparse rows leave out 2 cells of s, which is no number: they are missing.",
        f"Sparse rows leave out 1 cell of y, which stand for its first value, 'u': {first}",
    ]


def test_weights_are_said_not_to_be_used(write: Write) -> None:
    cells = read(write("x real {0.5}; k {a,b}", "1,a,{5}\n2,b\n{0 3},{0.25}\n{0 4} {2}"))
    assert columns(cells) == {"x": ["1", "2", "3", "4"], "k": ["a", "b", "a", "a"]}
    assert "Weights of rows, such as that in line 5, are not used: 3 rows have one." in cells.notes
    assert "The weight that the file gives the column x is not used." in cells.notes


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ('date "yyyy-MM-dd"', "2020-02-29", "2020-02-29"),
        ("DATE 'dd/MM/yyyy HH:mm'", '"03/04/2021 05:06"', "2021-04-03 05:06:00"),
        ("date", "2001-12-31T23:59:58", "2001-12-31 23:59:58"),
        ("date yyyy-MM-dd'T'HH:mm:ss.SSS", "2001-12-31T23:59:58.250", "2001-12-31 23:59:58.250000"),
        ("date \"yyyy-MM-dd'T'HH:mm\"", "2001-12-31T00:00", "2001-12-31"),
    ],
)
def test_dates(write: Write, form: str, cell: str, expected: str) -> None:
    assert columns(read(write(f"d {form}; x real", f"{cell},1\n?,2"))) == {"d": [expected, None], "x": ["1", "2"]}


def test_dates_of_an_unknown_form_are_text(write: Write) -> None:
    for form in ("yyyy-DDD", "yyyy-MM", "yyyy-yyyy-MM-dd", "EEE yyyy-MM-dd"):
        cells = read(write(f'd date "{form}"; x real', "2001-007,1"))
        assert columns(cells)["d"] == ["2001-007"]
        assert list(cells.notes) == [f"Dates of d are declared as {form!r}, a form that sdl does not know: read as text."]


def test_nominal_numbers_are_categories_in_their_order(write: Write) -> None:
    path = write(
        "grade {3,1,2}; ok {no,yes}; code string; y {u,v}",
        "\n".join(f"{i % 3 + 1},{'yes' if i % 2 else 'no'},0{i % 4},{'uv'[i % 2]}" for i in range(40)),
    )
    cells = read(path)
    assert cells.texts == {"grade", "code", "y"} and cells.levels["grade"] == ("3", "1", "2")
    dataset = load(Table(path=str(path), target="y"))
    kinds = {column.name: (column.kind, column.levels) for column in dataset.columns}
    assert kinds == {
        "grade": ("category", ("3", "1", "2")),
        "ok": ("boolean", ("no", "yes")),
        "code": ("category", ("00", "01", "02", "03")),
    }
    assert dataset.X[:3, 0].tolist() == [1, 2, 0]
    assert any(note.startswith("Column code holds text that looks like numbers, and is read as text") for note in dataset.notes)


def test_text_that_names_rows_is_left_out(write: Write) -> None:
    path = write("id string; x real; y {u,v}", "\n".join(f"{i:04},{i % 7},{'uv'[i % 2]}" for i in range(40)))
    dataset = load(Table(path=str(path), target="y"))
    assert dataset.feature_names == ("x",)
    assert "Column id has 40 different values in 40 rows, as identifiers do: it was left out." in dataset.notes


@pytest.mark.parametrize("start", ["% a comment\n%\n\n", "\ufeff", "  \n", "%" + "long " * 1000 + "\n"])
def test_comments_marks_tabs_and_cases_at_the_top(tmp_path: Path, start: str) -> None:
    path = tmp_path / "no_name"
    text = (
        start
        + "@RELATION\t'a b'\n@ATTRIBUTE\tx\tNumeric\n% between\n@attribute 'y 2' {u,\t'v w'}\n@DATA\n% a note\n\n1,u\r\n\t2 , 'v w'\n"
    )
    path.write_text(text, encoding="utf-8")
    cells = read(path)
    assert columns(cells) == {"x": ["1", "2"], "y 2": ["u", "v w"]}
    assert cells.place(1).endswith(f"line {text.count(chr(10))}")
    packed = tmp_path / "t.arff.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert columns(read(packed)) == columns(cells)


def test_other_encodings(tmp_path: Path) -> None:
    text = "@relation t\n@attribute k {'Zürich','Genf'}\n@attribute x real\n@data\nZürich,1\n"
    path = tmp_path / "t.arff"
    path.write_bytes(text.encode("cp1252"))
    assert columns(read(path))["k"] == ["Zürich"] and "cp1252" in read(path).notes[0]
    for start in ("", "% a comment\n" * 100):
        path.write_bytes((start + text).encode("utf-16"))
        assert columns(read(path)) == {"k": ["Zürich"], "x": ["1"]}


def test_a_second_file_may_declare_other_values(write: Write) -> None:
    first = write("k {b,a}; y {u,v}", "\n".join(f"{'ab'[i % 2]},{'uv'[i // 2 % 2]}" for i in range(40)))
    second = write("k {c,b,a}; y {u,v}", "c,u\na,v\nb,u\n" * 4, "second.arff")
    dataset = load(Table(path=str(first), test_path=str(second), target="y"))
    assert dataset.columns[0].levels == ("b", "a", "c") and dataset.X[-3:, 0].tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("attributes", "rows", "message"),
    [
        ("x real; k {a,b}", "1,a\n2,c", r"t.arff, line 6: column k holds 'c', which is not among the declared values"),
        ("x real; k {a,b}", "1,a\nten,b", "line 6: column x holds 'ten', which is not a number"),
        ("x real; k {a,b}", "1,a\n1_000,b", "line 6: column x holds '1_000', which is not a number"),
        (
            "d date yyyy-MM-dd; x real",
            "2020-13-01,1",
            "line 5: column d holds '2020-13-01', which is not a date of the declared form",
        ),
        ("x real; k {a,b}", "1,a,b", "line 5: 3 values, but the file declares 2 columns"),
        ("x real; s string", "1,New York", "line 5: this row cannot be read: '1,New York'"),
        ("x real; s string", r"1,'C:\data'", "line 5: this row cannot be read"),
        ("x real; k {a,b}", "{0 1, 7 b}", "line 5: this row cannot be read"),
        ("x real; k {a,b}", "{0 1, 0 2}", "line 5: a column stands twice in this sparse row"),
        ("x real; k {New York,b}", "1,b", "line 3: the value 'New York' holds a blank and no quotes"),
        ("x real; k {a,b", "1,b", "line 3: this list of values cannot be read from 'b' on"),
        ("x real; x real", "1,2", "several columns are called x"),
        ("b relational", "1", r"line 2: the column b holds tables \(relational\)"),
        ("x blob", "1", "line 2: the column x has the type 'blob', which ARFF does not have"),
        ("x", "1", "line 2: this @attribute cannot be read"),
        ("x real; y real", "", "the table has no rows"),
    ],
)
def test_mistakes_are_named_with_their_line(write: Write, attributes: str, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(write(attributes, rows))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@relation t\n@attribute x real\n", "ends before @data"),
        ("@relation t\n@data\n1\n", "declares no @attribute"),
        ("@relation t\n@attribute x real\nx,y\n@data\n1", "line 3: 'x,y' is no declaration"),
    ],
)
def test_a_file_that_is_cut_short(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.arff").write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "t.arff")


def test_new_rows_in_chunks_are_read_as_the_whole(write: Write) -> None:
    rows = "\n".join(f"{i % 9},{'ab'[i % 2]},2020-01-0{i % 9 + 1}T0{i % 2}:00:00,{'uv'[i % 2]}" for i in range(50))
    path = write("x real; k {b,a}; d date; y {u,v}", rows)
    dataset = load(Table(path=str(path), target="y"))
    inputs = {"columns": [vars(c) for c in dataset.columns], "source": {**dataset.source, "asked": {}}}
    for chunk_rows in (1, 7, 1000):
        parts = [X for _, X in iter_rows(path, inputs, chunk_rows)]
        np.testing.assert_array_equal(np.concatenate(parts), dataset.X)
    only = write("d date; x real; k {b,a}", "2020-01-01T00:00:00,3,a", "new.arff")
    np.testing.assert_array_equal(next(iter_rows(only, inputs))[1][0, :2], [3, 1])


def test_sizes_are_looked_at_before_sparse_rows_are_filled(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(";".join(f"x{i} real" for i in range(500)), "{}\n" * 3000)
    monkeypatch.setattr(typed_columns, "available_bytes", lambda: 1 << 24)
    with pytest.raises(DataError, match="1,000 rows of 500 columns, unpacked, take more than the 0.0 GB of memory"):
        read(path)
    chunks = iter_cells(path, Asked(), 100)
    assert chunks is not None and sum(len(cells.lines) for cells in chunks) == 3000


def test_the_missing_library_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = write("x real", "1"), builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "arff":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=re.escape("reading ARFF needs liac-arff.\npip install 'sdl-cli[arff]'")):
        read(path)


@pytest.mark.parametrize("head", [b"@relations,x\n1,2\n", b"% x,y\n1,2\n", b"x,@relation\n1,2\n", b"%" * 5000])
def test_other_text_is_not_taken_for_it(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(head)
    assert format_of(tmp_path / "t.csv") is None


def test_damaged_files_give_one_error(write: Write) -> None:
    rows = "\n".join([r"1.5,'it\'s',?,2020-01-01", '{0 2, 1 "b c",2 x}', "3,?,y,?,{5}", "{}"] * 5)
    path = write(r"n real; k {'it\'s','b c'}; s string; d date yyyy-MM-dd", rows)
    content, rng = path.read_bytes(), random.Random(7)
    read(path)
    for _ in range(200):
        own = bytearray(content)
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(12, len(own))
            own[place : place + rng.choice([0, 1, 1, 40])] = rng.choice(
                [b"'", b'"', b"{", b"}", b"\\", b",", b"\n", b"%", b"\0", b"\xff", b" " * 50, b"\\" * 9]
            )
        path.write_bytes(bytes(own[: rng.choice([len(own), rng.randrange(20, len(own))])]))
        try:
            read(path)
        except SdlError as error:
            assert error.message.isprintable() and len(error.message) < 500

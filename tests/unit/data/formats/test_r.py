"""Files of R, made by rdata's writer of objects with the attributes that R gives them."""

from __future__ import annotations

import builtins
import gzip
import random
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats import format_of, packed, r, r_altrep, read_cells
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import DataError, SdlError

rdata = pytest.importorskip("rdata")
to_r = pytest.importorskip("rdata.conversion.to_r")
_NA = -(2**31)


@dataclass
class V:
    """A vector, or a list of them, with attributes."""

    values: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)


def _built(data: V, converter: Any) -> Any:
    found = converter.convert_to_r_object(data.values)
    own = converter.convert_to_r_attributes(dict(data.attributes)) if data.attributes else None
    info = replace(found.info, attributes=own is not None, object="class" in data.attributes)
    return replace(found, info=info, attributes=own)


_CONSTRUCTORS = {**to_r.DEFAULT_CLASS_MAP, V: _built}


def words(*of: str | None) -> Any:
    return np.array(of, dtype=object)


def frame(columns: Mapping[str, Any], row_names: Any = None, kind: Any = "data.frame") -> V:
    values = [own.values if isinstance(own, V) else own for own in columns.values()]
    size = len(values[0]) if values else 0
    compact = np.ma.array([_NA, -size], mask=[True, False], fill_value=_NA)
    names = compact if row_names is None else row_names
    return V(list(columns.values()), {"names": words(*columns), "class": kind, "row.names": names})


def factor(codes: list[int], *levels: str | None, ordered: bool = False) -> V:
    kind = words("ordered", "factor") if ordered else "factor"
    return V(np.array(codes, dtype=np.int32), {"levels": words(*levels), "class": kind})


def save(path: Path, data: Any, **how: Any) -> Path:
    write = rdata.write_rda if isinstance(data, dict) else rdata.write_rds
    write(path, data, constructor_dict=_CONSTRUCTORS, **how)
    return path


def read(path: Path, **asked: Any) -> Cells:
    cells = read_cells(path, Asked(**asked))
    assert cells is not None
    return cells


def columns(cells: Cells) -> dict[str, list[str | None]]:
    return {name: own.tolist() for name, own in zip(cells.names, cells.columns, strict=True)}


PEOPLE = frame(
    {
        "age": np.ma.array([30, _NA, 50], mask=[False, True, False], fill_value=_NA).astype(np.int32),
        "dose": np.array([0.1, np.nan, -3e20]),
        "smokes": np.ma.array([True, False, True], mask=[False, False, True]),
        "town": words("Zürich", None, "Genève"),
    }
)
EXPECTED = {
    "age": ["30", None, "50"],
    "dose": ["0.1", None, "-3e+20"],
    "smokes": ["TRUE", "FALSE", None],
    "town": ["Zürich", None, "Genève"],
}


@pytest.mark.parametrize("file_format", ["xdr", "ascii", "binary"])
@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", None])
@pytest.mark.parametrize("version", [2, 3])
def test_every_form_of_a_data_frame(tmp_path: Path, file_format: str, compression: str | None, version: int) -> None:
    how = {"file_format": file_format, "compression": compression, "format_version": version}
    assert columns(read(save(tmp_path / "named_otherwise", PEOPLE, **how))) == EXPECTED
    cells = read(save(tmp_path / "t.rda", {"people": PEOPLE}, **how))
    assert columns(cells) == EXPECTED and cells.place(0) == f"{tmp_path / 't.rda'}, row 1"


def test_text_of_other_encodings(tmp_path: Path) -> None:
    assert columns(read(save(tmp_path / "t.rds", PEOPLE, encoding="cp1252")))["town"] == EXPECTED["town"]


def test_factors_keep_their_order(tmp_path: Path) -> None:
    kinds = frame(
        {
            "size": factor([1, 3, 2, 0] * 10, "small", "medium", "large", ordered=True),
            "grade": factor([2, 1] * 20, "10", "9"),
            "with_na": factor([1, 2] * 20, "a", None),
            "ok": factor([1, 2, 2, 1] * 10, "no", "yes"),
            "x": np.arange(40.0) % 7,
            "y": words(*["u", "v"] * 20),
        }
    )
    kinds.values[0].values[3::4] = _NA
    path = save(tmp_path / "t.rds", kinds)
    cells = read(path)
    assert columns(cells)["size"][:4] == ["small", "large", "medium", None]
    assert columns(cells)["with_na"][:2] == ["a", None]
    assert cells.levels["size"] == ("small", "medium", "large") and cells.levels["grade"] == ("10", "9")
    dataset = load(Table(path=str(path), target="y"))
    found = {column.name: (column.kind, column.levels) for column in dataset.columns}
    assert found["size"] == ("category", ("small", "medium", "large"))
    assert found["grade"] == ("category", ("10", "9")) and found["ok"] == ("boolean", ("no", "yes"))
    np.testing.assert_array_equal(dataset.X[:4, 0], [0, 2, 1, np.nan])
    np.testing.assert_array_equal(dataset.X[:4, 3], [0, 1, 1, 0])


@pytest.mark.parametrize("dtype", [np.int32, np.float64])
def test_dates_by_their_class(tmp_path: Path, dtype: type) -> None:
    days = np.array([0, 18321, -25567], dtype=dtype)
    seconds = np.array([0, 1_600_000_000, -1], dtype=dtype)
    utc = {"class": words("POSIXct", "POSIXt"), "tzone": "UTC"}
    data = frame({"day": V(days, {"class": "Date"}), "time": V(seconds, utc), "x": np.arange(3.0)})
    cells = read(save(tmp_path / "t.rds", data))
    assert columns(cells)["day"] == ["1970-01-01", "2020-02-29", "1900-01-01"]
    assert columns(cells)["time"] == ["1970-01-01 00:00:00", "2020-09-13 12:26:40", "1969-12-31 23:59:59"]
    assert not cells.notes


def test_missing_fractional_and_zoned_times(tmp_path: Path) -> None:
    times = V(np.array([np.nan, 0.25, 86400.0]), {"class": words("POSIXct", "POSIXt"), "tzone": "Europe/Zurich"})
    local = V(np.array([0.0, 86400.0, np.nan]), {"class": words("POSIXct", "POSIXt")})
    span = V(np.array([1.5, np.nan, 3]), {"class": "difftime", "units": "hours"})
    cells = read(save(tmp_path / "t.rds", frame({"t": times, "l": local, "s": span})))
    assert columns(cells) == {
        "t": [None, "1970-01-01 00:00:00.250000", "1970-01-02 00:00:00.000000"],
        "l": ["1970-01-01", "1970-01-02", None],
        "s": ["1.5", None, "3"],
    }
    assert list(cells.notes) == [
        "Times of t are read in UTC; their zone is Europe/Zurich.",
        "Times of l are read in UTC; the file names no zone.",
        "Column s is a length of time in hours.",
    ]
    assert cells.labels == {"s": "s (hours)"}


def test_integers_of_64_bits_are_exact_or_refused(tmp_path: Path) -> None:
    numbers = np.array([1, -1, 2**62 + 1, -(2**63), -(2**51), 0], dtype=np.int64)
    data = frame({"n": V(numbers.view(np.float64), {"class": "integer64"}), "x": np.arange(6.0)})
    for file_format in ("xdr", "binary"):
        own = columns(read(save(tmp_path / "t.rds", data, file_format=file_format)))
        assert own["n"] == ["1", "-1", str(2**62 + 1), None, str(-(2**51)), "0"]
    path = save(tmp_path / "t.rds", data, file_format="ascii")
    assert read(path).names == ("x",) and "Column n is integer64" in read(path).notes[0]
    with pytest.raises(DataError, match="the column n is integer64, whose digits R's text form of a file does not keep"):
        read(path, columns=("n",))


def test_labels_and_classes_of_packages(tmp_path: Path) -> None:
    data = frame(
        {
            "age": V(np.array([30.0, 40.0]), {"label": "Age in years", "class": words("haven_labelled", "vctrs_vctr", "double")}),
            "sex": V(
                np.array([1.0, 2.0]),
                {
                    "class": words("haven_labelled", "vctrs_vctr", "double"),
                    "labels": V(np.array([1.0, 2.0]), {"names": words("m", "f")}),
                },
            ),
        },
        kind=words("tbl_df", "tbl", "data.frame"),
    )
    cells = read(save(tmp_path / "t.rds", data))
    assert columns(cells) == {"age": ["30", "40"], "sex": ["1", "2"]} and cells.labels == {"age": "Age in years"}
    assert list(cells.notes) == [
        "Column sex has labels for some values, which are not used (haven::as_factor makes them categories)."
    ]


def test_what_is_no_column_is_left_out_or_refused(tmp_path: Path) -> None:
    data = frame(
        {
            "x": np.array([1.0, 2.0]),
            "z": np.array([1j, 2.0]),
            "list": [np.array([1.0]), words("a")],
            "when": V([np.array([1.0, 2.0])] * 3, {"class": words("POSIXlt", "POSIXt"), "names": words("sec", "min", "hour")}),
            "odd": V(np.array([1.0, 2.0]), {"class": "zoo"}),
        }
    )
    path = save(tmp_path / "t.rds", data)
    cells = read(path)
    assert cells.names == ("x",)
    assert list(cells.notes) == [
        "Column z holds complex numbers: it was left out (as.character or as.numeric makes it a plain column).",
        "Column list holds lists: it was left out (as.character or as.numeric makes it a plain column).",
        "Column when is of the class POSIXlt: it was left out (as.POSIXct makes it a column of times).",
        "Column odd is of the class zoo: it was left out (as.character or as.numeric makes it a plain column).",
    ]
    with pytest.raises(DataError, match="the column when is of the class POSIXlt, which sdl does not read.\nas.POSIXct"):
        read(path, columns=("when",))


def test_one_data_frame_by_its_name(tmp_path: Path) -> None:
    other = frame({"a": np.array([1.0])})
    path = save(tmp_path / "t.RData", {"people": PEOPLE, "other": other, "n": np.array([1.0]), "f": words("a", "b")})
    asks = (
        r"several objects could be the table: people \(data frame of 4 columns\) and other .*\nSay which: dataset.variable=people"
    )
    with pytest.raises(DataError, match=asks):
        read(path)
    assert read(path, variable="other").names == ("a",)
    with pytest.raises(
        DataError,
        match=r"no object 'peopl'. Did you mean .?people.*\nIt holds: people \(data frame of 4 columns\), other .*, n \(numbers, 1 long\)",
    ):
        read(path, variable="peopl")
    with pytest.raises(
        DataError, match=r"no data frame, list of vectors of one length, or matrix is in it. It holds n \(numbers"
    ):
        read(path, variable="n")
    path = save(tmp_path / "t.rda", {"settings": V([np.array([1.0])], {"names": words("a")}), "people": PEOPLE})
    assert read(path).names == tuple(EXPECTED)  # a data frame before a list
    listed = V([PEOPLE, other], {"names": words("train", "test")})
    assert columns(read(save(tmp_path / "l.rds", listed), variable="train")) == EXPECTED
    with pytest.raises(DataError, match="Say which: dataset.variable=train"):
        read(save(tmp_path / "l.rds", listed))


def test_lists_and_matrices_are_tables(tmp_path: Path) -> None:
    alike = V([np.array([1.0, 2.0]), words("a", "b")], {"names": words("x", "y")})
    assert columns(read(save(tmp_path / "l.rds", alike))) == {"x": ["1", "2"], "y": ["a", "b"]}
    matrix = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]])
    assert columns(read(save(tmp_path / "m.rds", matrix))) == {"x0": ["1", "4"], "x1": ["2", None], "x2": ["3", "6"]}
    named = V(matrix.ravel(order="F"), {"dim": np.array([2, 3], dtype=np.int32), "dimnames": [None, words("a", "b", None)]})
    cells = read(save(tmp_path / "m.rds", named))
    assert columns(cells) == {"a": ["1", "4"], "b": ["2", None], "x2": ["3", "6"]}
    target = factor([2, 1], "a", "b")
    beside = {"x0": ["1", "4"], "x1": ["2", None], "x2": ["3", "6"], "y": ["b", "a"]}
    square = V(matrix.ravel(order="F"), {"dim": np.array([2, 3], dtype=np.int32)})
    assert columns(read(save(tmp_path / "xy.rda", {"X": matrix, "y": target, "n": np.arange(5.0)}))) == beside
    assert columns(read(save(tmp_path / "xy.rds", V([square, target], {"names": words("x", "y")})))) == beside
    uneven = V([np.array([1.0, 2.0]), words("a")], {"names": words("x", "y")})
    with pytest.raises(DataError, match=r"no data frame, list .* It holds x \(numbers, 2 long\) and y \(text, 1 long\)"):
        read(save(tmp_path / "u.rds", uneven))


def test_names_of_rows_are_an_id_where_that_is_asked_for(tmp_path: Path) -> None:
    size = 30
    data = frame({"x": np.arange(size) % 7.0, "y": words(*["u", "v"] * 15)}, row_names=words(*(f"p{i}" for i in range(size))))
    path = save(tmp_path / "t.rds", data)
    note = "Names of rows, such as 'p0', are no column; dataset.id=row.names shows them in predictions."
    assert note in load(Table(path=str(path), target="y")).notes
    dataset = load(Table(path=str(path), target="y", id="row.names"))
    assert dataset.ids.tolist()[:2] == ["p0", "p1"] and note not in dataset.notes and dataset.feature_names == ("x",)
    inputs = {"columns": [vars(c) for c in dataset.columns], "source": dict(dataset.source)}
    assert next(iter_rows(path, inputs, 7))[0].tolist() == [f"p{i}" for i in range(7)]


def test_a_run_reads_new_rows_in_chunks(tmp_path: Path) -> None:
    size = 60
    data = frame(
        {
            "d": V(np.arange(size, dtype=float), {"class": "Date"}),
            "k": factor([i % 3 + 1 for i in range(size)], "b", "c", "a"),
            "x": np.arange(size) % 7.0,
            "y": words(*["u", "v"] * 30),
        }
    )
    path = save(tmp_path / "t.rda", {"first": data, "second": PEOPLE})
    dataset = load(Table(path=str(path), target="y", variable="first"))
    inputs = {"columns": [vars(c) for c in dataset.columns], "source": dict(dataset.source)}
    for chunk_rows in (1, 7, 1000):
        np.testing.assert_array_equal(np.concatenate([X for _, X in iter_rows(path, inputs, chunk_rows)]), dataset.X)
    alone, renamed = save(tmp_path / "new.rds", data), save(tmp_path / "new.rda", {"new": data})
    for new in (alone, renamed):  # one table needs no name
        np.testing.assert_array_equal(next(iter_rows(new, inputs))[1], dataset.X)


@dataclass
class Short:
    """A vector in a short form (ALTREP): its name and state."""

    kind: str
    state: Any


def test_new_rows_of_a_matrix_must_not_be_turned(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).integers(0, 3, (40, 3)).astype(float)
    dataset = load(Table(path=str(save(tmp_path / "m.rds", matrix)), target="-1"))
    inputs = {"columns": [vars(c) for c in dataset.columns], "source": dict(dataset.source)}
    np.testing.assert_array_equal(next(iter_rows(save(tmp_path / "new.rds", matrix[:4, :2]), inputs))[1], matrix[:4, :2])
    with pytest.raises(DataError, match="its matrix has 4 columns, and that of the run 3"):
        next(iter_rows(save(tmp_path / "turned.rds", matrix[:4, :2].T), inputs))


def _short(data: Short, converter: Any) -> Any:
    names = [converter.convert_to_r_sym(data.kind), converter.convert_to_r_sym("base"), converter.convert_to_r_object(14)]
    value = (to_r.build_r_list(names), converter.convert_to_r_object(data.state), converter.convert_to_r_object(None))
    return to_r.build_r_object(rdata.parser.RObjectType.ALTREP, value=value)


def test_short_forms_of_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_CONSTRUCTORS, Short, _short)
    falling, halves = np.array([3.0, 5, -1]), np.array([3.0, 0.5, 1])
    data = frame({"x": np.arange(3.0), "i": Short("compact_intseq", falling), "r": Short("compact_realseq", halves)})
    path = save(tmp_path / "t.rds", data)
    assert columns(read(path)) == {"x": ["0", "1", "2"], "i": ["5", "4", "3"], "r": ["0.5", "1.5", "2.5"]}
    huge = frame({"x": np.array([1.0]), "i": Short("compact_intseq", np.array([1e13, 0, 1]))})
    with pytest.raises(DataError, match="a sequence is too long"):
        read(save(tmp_path / "t.rds", huge))
    beyond = frame({"x": np.array([1.0, 2.0]), "i": Short("compact_intseq", np.array([2.0, 2**31 - 1, 1]))})
    with pytest.raises(DataError, match="beyond 32 bits"):
        read(save(tmp_path / "t.rds", beyond))

    class State:
        value = (
            type("Numbers", (), {"value": np.ma.array([1e5, 0.1 + 0.2, 7.0, 1.0], mask=[False, False, False, True])})(),
            None,
        )

    assert [word.value for word in r_altrep.constructors()[b"deferred_string"](State())[1]] == [b"100000", b"0.3", b"7", None]


def test_the_r_table_of_rdata_itself(tmp_path: Path) -> None:
    data = pd.DataFrame({"kind": pd.Categorical(["b", "a", "b"]), "x": [1, 2, 3]}, index=pd.RangeIndex(1, 4))
    assert columns(read(save(tmp_path / "t.rds", data))) == {"kind": ["b", "a", "b"], "x": ["1", "2", "3"]}


def test_what_packages_attach_to_a_table_does_no_harm(tmp_path: Path) -> None:
    data = frame({"x": np.array([1.0, 2.0]), "k": words("a", "b")}, kind=words("data.table", "data.frame"))
    path = save(tmp_path / "t.rds", V(data.values, {**data.attributes, ".internal.selfref": None}), compression=None)
    nothing, pointer = b"\0\0\0\xfe", b"\0\0\0\x16" + b"\0\0\0\xfe" * 2
    content = path.read_bytes()
    assert content.endswith(nothing * 2)  # the attribute, and the end of the list
    path.write_bytes(content[:-8] + pointer + nothing)
    assert columns(read(path)) == {"x": ["1", "2"], "k": ["a", "b"]}


def test_sizes_are_compared_before_memory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "t.rds", frame({"x": np.zeros(2_000_000)}))
    many = save(tmp_path / "many.rds", frame({"x": words(*["a"] * 20_000)}))
    assert path.stat().st_size < 100_000
    for module in (packed, r):
        monkeypatch.setattr(module, "available_bytes", lambda: 1 << 23)
    with pytest.raises(DataError, match="unpacked, it takes more than the 0.0 GB of memory"):
        read(path)
    with pytest.raises(DataError, match=r"its 20,\d+ texts take more than the memory that is free"):
        read(many)


def test_the_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = save(tmp_path / "t.rds", PEOPLE), builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("rdata"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=re.escape("reading files of R needs rdata.\npip install 'sdl-cli[r]'")):
        read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"X\n1\n2\n",
        b"A\n3\n2\n1\n",
        b"RDX\n",
        gzip.compress(b"a,b\n1,2\n", mtime=0),
        gzip.compress(b"X\n3\n", mtime=0),
        b"\x1f\x8bdamaged",
        b"BZh,x\n1,2\n",
    ],
)
def test_other_files_are_not_taken_for_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    assert format_of(tmp_path / "t") is None


@pytest.mark.parametrize("kind", ["rds", "rda", "ascii"])
def test_damaged_files_give_one_error(tmp_path: Path, kind: str) -> None:
    data = frame(
        {
            **dict(zip(EXPECTED, PEOPLE.values, strict=True)),
            "k": factor([1, 2, 1], "a", "b"),
            "d": V(np.arange(3.0), {"class": "Date"}),
        }
    )
    how = {"compression": None, "file_format": "ascii" if kind == "ascii" else "xdr"}
    path = save(tmp_path / "t", {"t": data} if kind == "rda" else data, **how)
    content, rng = path.read_bytes(), random.Random(3)
    for round_ in range(150):
        own = bytearray(content)
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(30, len(own))
            own[place] = rng.choice([0, 1, 0x7F, 0xFF, 48 + rng.randrange(10), own[place] ^ (1 << rng.randrange(8))])
        damaged = bytes(own[: len(own) if round_ % 4 else rng.randrange(40, len(own))])
        path.write_bytes(gzip.compress(damaged) if round_ % 3 == 0 else damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                read(path)
            except SdlError as error:
                assert error.message.isprintable() and len(error.message) < 600


def test_the_damaged_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "t.rds", PEOPLE)
    content = path.read_bytes()
    for own in (content[:-9], gzip.compress(gzip.decompress(content)[:-40])):
        path.write_bytes(own)
        with pytest.raises(DataError, match="damaged"):
            read(path)
    short = frame({"x": np.array([1.0, 2.0])}, row_names=np.ma.array([_NA, -3], mask=[True, False], fill_value=_NA))
    with pytest.raises(DataError, match="names 3 rows and holds 2"):
        read(save(path, short))
    with pytest.raises(DataError, match="the table has no rows"):
        read(save(path, frame({"x": np.zeros(0)})))
    with pytest.raises(DataError, match="the table has no columns"):
        read(save(path, V([], {"class": "data.frame", "row.names": np.zeros(0, dtype=np.int32)})))
    with pytest.raises(DataError, match="several columns are called x"):
        twice = frame({"x": np.zeros(2), "y": np.zeros(2)})
        read(save(path, V(twice.values, {**twice.attributes, "names": words("x", "x")})))
    with pytest.raises(DataError, match=r"no data frame.* It holds its object \(text, 1 long\)"):
        read(save(path, words("a")))

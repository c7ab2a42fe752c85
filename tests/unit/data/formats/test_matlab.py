"""MATLAB files: versions 5 to 7 as SciPy writes them, 7.3 as MATLAB does, by h5py."""

from __future__ import annotations

import builtins
import io
import random
import re
import struct
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.data.formats import format_of, matlab5, matlab73, matlab_values, read_cells
from sdl_cli.data.formats.matlab_values import Value
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import DataError, SdlError

h5py = pytest.importorskip("h5py")
_HEAD = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
_CLASSES = {"f8": "double", "f4": "single"}


def cells_of(words: list[Any]) -> Any:
    """A cell array of one column."""
    found = np.empty((len(words), 1), dtype=object)
    for i, word in enumerate(words):
        found[i, 0] = word
    return found


def save_5(path: Path, variables: Mapping[str, Any]) -> Path:
    scipy.io.savemat(path, dict(variables), do_compression=len(path.name) % 2 == 0, oned_as="column")
    return path


def save_73(path: Path, variables: Mapping[str, Any]) -> Path:
    """The same in the form of version 7.3."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            _put(file, file, name, value)
    with path.open("r+b") as raw:
        raw.write(_HEAD)
    return path


def _put(file: Any, group: Any, name: str, value: Any) -> None:
    if isinstance(value, dict):
        inner = group.create_group(name)
        inner.attrs["MATLAB_class"] = np.bytes_("struct")
        names = np.empty(len(value), dtype=object)
        names[:] = [np.array([letter.encode() for letter in field], dtype="S1") for field in value]
        inner.attrs.create("MATLAB_fields", names, dtype=h5py.vlen_dtype(np.dtype("S1")))
        for field, own in value.items():
            _put(file, inner, field, own)
        return
    if isinstance(value, str):
        units = np.frombuffer(value.encode("utf-16-le"), "<u2")
        value, kind = units.reshape(1, -1), "char"
    else:
        value = np.asarray(value)
        value = value.reshape(-1, 1) if value.ndim == 1 else value
        kind = (
            "cell"
            if value.dtype == object
            else "logical"
            if value.dtype == bool
            else _CLASSES.get(value.dtype.str[1:], value.dtype.name)
        )
    if kind == "cell":
        kept = file.require_group("#refs#")
        references = np.empty(value.shape[::-1], dtype=h5py.ref_dtype)
        for (row, column), own in np.ndenumerate(value):
            key = f"c{len(kept)}"
            _put(file, kept, key, own)
            references[column, row] = kept[key].ref
        found = group.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    elif not value.size:
        found = group.create_dataset(name, data=np.array(value.shape, dtype=np.uint64))
        found.attrs["MATLAB_empty"] = np.uint8(1)
    else:
        own = value.astype(np.uint8) if kind == "logical" else value
        found = group.create_dataset(
            name, data=own.T, **({"compression": "gzip", "chunks": own.T.shape} if own.size > 99 else {})
        )
    found.attrs["MATLAB_class"] = np.bytes_(kind)


SAVERS = pytest.mark.parametrize("save", [save_5, save_73])
Save = Callable[[Path, Mapping[str, Any]], Path]


def read(path: Path, **asked: Any) -> Cells:
    cells = read_cells(path, Asked(**asked))
    assert cells is not None
    return cells


def columns(cells: Cells) -> dict[str, list[str | None]]:
    return {name: own.tolist() for name, own in zip(cells.names, cells.columns, strict=True)}


X = np.array([[0.1, 2.0], [np.nan, -3e20], [5.0, 6.0]])


@SAVERS
@pytest.mark.parametrize("shape", [(3, 1), (1, 3)])
def test_a_matrix_and_a_vector(tmp_path: Path, save: Save, shape: tuple[int, int]) -> None:
    path = save(tmp_path / "t.mat", {"X": X, "y": np.array([0, 1, 1], dtype=np.uint8).reshape(shape)})
    expected = {"x0": ["0.1", None, "5"], "x1": ["2", "-3e+20", "6"], "y": ["0", "1", "1"]}
    assert columns(read(path, columns=("y",))) == columns(read(path)) == columns(read(path, variable="X")) == expected
    assert read(path).lines.tolist() == [1, 2, 3] and read(path).place(1) == f"{path}, row 2"


@SAVERS
def test_every_class_of_numbers_keeps_its_values(tmp_path: Path, save: Save) -> None:
    kinds = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
    limits = {kind: np.array([np.iinfo(kind).min, np.iinfo(kind).max], dtype=kind) for kind in kinds}
    path = save(tmp_path / "t.mat", {**limits, "single": np.array([0.1, 2], np.float32), "double": np.array([0.1, 2])})
    own = columns(read(path))
    for kind in kinds:
        assert own[kind] == [str(np.iinfo(kind).min), str(np.iinfo(kind).max)]
    assert own["single"] == ["0.10000000149011612", "2"] and own["double"] == ["0.1", "2"]


@SAVERS
def test_logicals_are_yes_or_no(tmp_path: Path, save: Save) -> None:
    flags = np.tile([True, False, False], 10)
    path = save(tmp_path / "t.mat", {"dose": np.arange(30) % 7 * 0.5, "ill": flags, "y": cells_of(["a", "b"] * 15)})
    assert columns(read(path))["ill"][:3] == ["true", "false", "false"]
    dataset = load(Table(path=str(path), target="y"))
    assert [column.kind for column in dataset.columns] == ["number", "boolean"]
    np.testing.assert_array_equal(dataset.X[:, 1], flags)


@SAVERS
def test_cells_of_text_and_numbers(tmp_path: Path, save: Save) -> None:
    mixed = np.empty((3, 2), dtype=object)
    mixed[:, 0] = [7.0, np.zeros((0, 0)), 0.5]
    mixed[:, 1] = ["Zürich", "naïve 𝒳", "a  "]
    path = save(tmp_path / "t.mat", {"C": mixed})
    assert columns(read(path)) == {"x0": ["7", None, "0.5"], "x1": ["Zürich", "naïve 𝒳", "a  "]}
    path = save(tmp_path / "codes.mat", {"code": cells_of(["007", "7", "", "1e5"]), "x": np.arange(4.0)})
    cells = read(path)
    assert columns(cells)["code"] == ["007", "7", None, "1e5"] and cells.texts == {"code"}
    wrong = save(tmp_path / "wrong.mat", {"C": cells_of(["a", np.ones((2, 2)), "b"])})
    with pytest.raises(DataError, match=re.escape("the cell C{2} holds 2 x 2 numbers, which is no text or single number")):
        read(wrong)


def test_char_matrices_lose_the_blanks_behind(tmp_path: Path) -> None:
    names = np.array([" ab", "c", "abcd", ""])
    path = save_5(tmp_path / "t.mat", {"kind": names, "x": np.arange(4.0)})
    assert columns(read(path)) == {"kind": [" ab", "c", "abcd", None], "x": ["0", "1", "2", "3"]}
    with h5py.File(tmp_path / "t73.mat", "w", userblock_size=512) as file:
        units = np.array([[ord(c) for c in name.ljust(4)] for name in names.tolist()], dtype=np.uint16)
        file.create_dataset("kind", data=units.T).attrs["MATLAB_class"] = np.bytes_("char")
        file.create_dataset("x", data=np.arange(4.0).reshape(1, 4)).attrs["MATLAB_class"] = np.bytes_("double")
    with (tmp_path / "t73.mat").open("r+b") as raw:
        raw.write(_HEAD)
    assert columns(read(tmp_path / "t73.mat")) == columns(read(path))


@SAVERS
def test_empty_variables_are_no_data(tmp_path: Path, save: Save) -> None:
    path = save(
        tmp_path / "t.mat",
        {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0]), "nil": np.zeros((0, 0)), "none": np.zeros((2, 0))},
    )
    cells = read(path)
    assert cells.names == ("a", "b") and "Empty variables were left out: nil and none." in cells.notes
    with pytest.raises(DataError, match="the variable none is empty"):
        read(path, variable="none")


@SAVERS
def test_a_struct_of_columns(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path / "t.mat", {"s": {"kind": cells_of(["a", "b"]), "age": np.array([30.0, 40.0]), "note": "made by hand"}})
    cells = read(path)
    assert columns(cells) == {"kind": ["a", "b"], "age": ["30", "40"]} and cells.names == ("kind", "age")
    assert list(cells.notes) == ["Variables left out, as they do not have one value for each of the 2 rows: note (1 x 12 text)."]
    path = save(tmp_path / "two.mat", {"s": {"X": X, "y": np.arange(3.0)}, "z": {"a": np.arange(2.0)}})
    assert read(path, variable="s").names == ("x0", "x1", "y")
    with pytest.raises(
        DataError, match=r"several variables could be the table: s \(1 x 1 struct\) and z .*\nSay which: dataset.variable=s"
    ):
        read(path)


def test_an_array_of_structs_has_a_row_for_each(tmp_path: Path) -> None:
    rows = np.zeros((1, 2), dtype=[("age", object), ("kind", object)])
    rows[0, 0], rows[0, 1] = (30.0, "a"), (40.5, "b")
    assert columns(read(save_5(tmp_path / "t.mat", {"s": rows}))) == {"age": ["30", "40.5"], "kind": ["a", "b"]}
    with h5py.File(tmp_path / "t73.mat", "w", userblock_size=512) as file:
        group = file.create_group("s")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for field in ("age", "kind"):
            references = np.empty((2, 1), dtype=h5py.ref_dtype)
            for i in range(2):
                _put(file, file.require_group("#refs#"), f"{field}{i}", rows[field][0, i])
                references[i, 0] = file[f"#refs#/{field}{i}"].ref
            group.create_dataset(field, data=references, dtype=h5py.ref_dtype)
    assert columns(read(tmp_path / "t73.mat")) == {"age": ["30", "40.5"], "kind": ["a", "b"]}


@SAVERS
@pytest.mark.parametrize(
    ("variables", "asked", "message"),
    [
        (
            {"A": X, "B": X},
            {},
            r"several variables could be the table: A \(3 x 2 numbers\) and B .*\nSay which: dataset.variable=A",
        ),
        (
            {"A": X, "B": X.T, "y": np.arange(2.0)},
            {"variable": "A", "columns": ("y",)},
            "A .3 x 2 numbers. and y .2 x 1 numbers. do not have as many rows",
        ),
        (
            {"X": X, "y": np.arange(2.0)},
            {"columns": ("y",)},
            r"X .3 x 2 numbers. and y .* do not have as many rows.\nSave it with one row for each value: X = X'",
        ),
        ({"X": X}, {"variable": "x"}, r"no variable 'x'.*\nIt holds: X \(3 x 2 numbers\)"),
        ({"M": X}, {"columns": ("y",)}, "there is no column 'y'. The matrix M has columns x0 to x1."),
        ({"cube": np.zeros((2, 2, 2))}, {}, r"no variable holds a table. It holds cube \(2 x 2 x 2 numbers\)"),
        ({}, {}, "no variable holds a table"),
    ],
)
def test_what_is_not_clear_is_asked(
    tmp_path: Path, save: Save, variables: dict[str, Any], asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(save(tmp_path / "t.mat", variables), **asked)


@SAVERS
def test_the_matrix_that_fits_the_target_is_taken(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path / "t.mat", {"X": X, "other": np.zeros((5, 2)), "y": np.arange(3.0), "names": cells_of(["a", "b"])})
    cells = read(path, columns=("y",))
    assert cells.names == ("x0", "x1", "y")
    assert "Variables left out, as they do not have one value for each of the 3 rows" in cells.notes[0]
    with pytest.raises(DataError, match="several variables could be the table"):
        read(path)


def _opaque(name: str, kind: str) -> bytes:
    """An object of a modern class as version 7 writes it: no size, but a name, MCOS, its class, and a number of its own."""

    def part(code: int, content: bytes) -> bytes:
        return struct.pack("<II", code, len(content)) + content + b"\0" * (-len(content) % 8)

    own = struct.pack("<II", 13, 0)
    ids = part(
        14,
        part(6, own) + part(5, struct.pack("<2i", 6, 1)) + part(1, b"") + part(6, struct.pack("<6I", 0xDD000000, 2, 1, 1, 1, 1)),
    )
    return part(14, part(6, struct.pack("<II", 17, 0)) + part(1, name.encode()) + part(1, b"MCOS") + part(1, kind.encode()) + ids)


@pytest.mark.parametrize(
    ("kind", "way_out"),
    [
        ("table", "s = table2struct(t, 'ToScalar', true); save('new.mat', '-struct', 's')"),
        ("string", "t = cellstr(t)"),
        ("categorical", "t = cellstr(t)"),
        ("datetime", "t = cellstr(t"),
        ("containers.Map", "a struct with a field for each column"),
    ],
)
def test_modern_objects_are_named_with_the_way_out(tmp_path: Path, kind: str, way_out: str) -> None:
    path = save_5(tmp_path / "tt.mat", {"X": X})
    path.write_bytes(path.read_bytes() + _opaque("t", kind) + _opaque("u", "string"))
    assert {name: value.what for name, value in matlab5.variables(path).items()} == {"X": "", "t": kind, "u": "string"}
    assert any(
        f"t is a MATLAB {kind}, which sdl does not read. It was left out." in note and way_out in note
        for note in read(path).notes
    )
    for asked in ({"variable": "t"}, {"columns": ("t",)}):
        with pytest.raises(DataError, match=re.escape(f"t is a MATLAB {kind}, which sdl does not read.")) as error:
            read(path, **asked)
        assert way_out in error.value.hint
    path.write_bytes(path.read_bytes()[:128] + _opaque("t", kind))
    with pytest.raises(DataError, match=f"t is a MATLAB {re.escape(kind)}"):
        read(path)
    with h5py.File(tmp_path / "o.mat", "w", userblock_size=512) as file:
        found = file.create_dataset("t", data=np.zeros((1, 6), dtype=np.uint32))
        found.attrs["MATLAB_class"], found.attrs["MATLAB_object_decode"] = np.bytes_(kind), np.int32(3)
    with pytest.raises(DataError, match=f"t is a MATLAB {re.escape(kind)}"):
        read(tmp_path / "o.mat")


def test_sparse_and_complex_matrices_are_named(tmp_path: Path) -> None:
    import scipy.sparse

    path = save_5(tmp_path / "t.mat", {"S": scipy.sparse.csc_matrix(X)})
    with pytest.raises(DataError, match=r"S is a sparse matrix, which sdl does not read.\nIn MATLAB: S = full\(S\)"):
        read(path)
    for save in (save_5, save_73):
        with pytest.raises(DataError, match="Z is complex numbers"):
            read(save(tmp_path / "z.mat", {"Z": X * 1j}))


@SAVERS
def test_a_run_reads_new_rows_of_it(tmp_path: Path, save: Save) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    path = save(tmp_path / "t.mat", {"X": X, "y": cells_of(["a", "b"] * 30)})
    dataset = load(Table(path=str(path), target="y"))
    inputs = {"columns": [vars(c) for c in dataset.columns], "source": dict(dataset.source)}
    for chunk_rows in (1, 7, 1000):
        np.testing.assert_array_equal(np.concatenate([x for _, x in iter_rows(path, inputs, chunk_rows)]), X)
    single = save(tmp_path / "single.mat", {"new": X[:1], "more": np.arange(60.0)})
    np.testing.assert_array_equal(next(iter_rows(single, inputs))[1], X[:1])
    with pytest.raises(DataError, match="its matrix has 5 columns, and that of the run 3"):
        next(iter_rows(save(tmp_path / "turned.mat", {"X": X[:5].T}), inputs))
    with pytest.raises(DataError, match="3 columns that the run needs are missing"):
        next(iter_rows(save(tmp_path / "other.mat", {"X": X[:, 0]}), inputs))
    vectors = load(Table(path=str(save(tmp_path / "v.mat", {"a": X[:, 0], "y": cells_of(["a", "b"] * 30)})), target="y"))
    inputs = {"columns": [vars(c) for c in vectors.columns], "source": dict(vectors.source)}
    np.testing.assert_array_equal(next(iter_rows(save(tmp_path / "row.mat", {"a": X[None, :5, 0]}), inputs))[1], X[:5, :1])
    np.testing.assert_array_equal(next(iter_rows(save(tmp_path / "one.mat", {"a": X[:1, :1]}), inputs))[1], X[:1, :1])


@pytest.mark.parametrize("shape", [(60, 1), (1, 60)])
def test_vectors_may_be_called_like_columns_of_a_matrix(tmp_path: Path, shape: tuple[int, int]) -> None:
    own = {"x1": np.arange(60.0).reshape(shape) % 7, "x2": np.arange(60.0).reshape(shape) % 5}
    path = save_5(tmp_path / "t.mat", {**own, "y": cells_of(["a", "b"] * 30)})
    dataset = load(Table(path=str(path), target="y", features=("x1", "x2")))
    assert dataset.feature_names == ("x1", "x2")
    inputs = {"columns": [vars(c) for c in dataset.columns], "source": dict(dataset.source)}
    np.testing.assert_array_equal(next(iter_rows(save_5(tmp_path / "new.mat", own), inputs))[1], dataset.X)


def test_the_variable_of_a_run_is_kept(tmp_path: Path) -> None:
    path = save_5(tmp_path / "t.mat", {"A": np.arange(80.0).reshape(40, 2), "B": np.ones((40, 2)), "y": np.arange(40) % 2})
    dataset = load(Table(path=str(path), target="y", variable="A"))
    assert dataset.source["asked"]["variable"] == "A"
    inputs = {"columns": [vars(c) for c in dataset.columns], "source": dict(dataset.source)}
    np.testing.assert_array_equal(next(iter_rows(path, inputs))[1], dataset.X)
    renamed = save_5(tmp_path / "new.mat", {"C": dataset.X[:5]})
    np.testing.assert_array_equal(next(iter_rows(renamed, inputs))[1], dataset.X[:5])
    table = tmp_path / "t.csv"
    table.write_text("x,y\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(20)))
    assert any("dataset.variable has no effect" in note for note in load(Table(path=str(table), target="y", variable="A")).notes)


def test_files_of_matlab_itself_are_read_as_scipy_reads_them() -> None:
    folder = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"
    files = [path for path in folder.glob("test*_[67].*.mat") if not re.search("sparse|complex|func|object|hdf5", path.name)]
    if not files:
        pytest.skip("SciPy was installed without its test data")
    for path in files:
        known = scipy.io.loadmat(path)
        for name, value in matlab5.variables(path).items():
            _same(value, known[name])
    with pytest.raises(DataError, match="damaged or cut short"):
        matlab5.variables(folder / "corrupted_zlib_data.mat")["datagrid"].read()


def _same(value: Value, known: Any) -> None:
    if value.kind == "other":
        assert np.iscomplexobj(known)
    elif value.kind == "cell":
        for own, other in zip(value.read(), known.ravel(order="F").tolist(), strict=True):
            _same(own, other)
    elif value.kind == "struct":
        for field, values in value.read().items():
            for own, other in zip(values, known[field].ravel(order="F").tolist(), strict=True):
                _same(own, other)
    elif value.kind == "char":
        assert value.read() == [str(row).rstrip() for row in known.tolist()]
    else:
        np.testing.assert_array_equal(value.read(), known)
        assert value.dims == known.shape


def test_what_is_no_matlab_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "old.mat"
    scipy.io.savemat(path, {"X": X}, format="4")
    with pytest.raises(DataError, match="not a MATLAB file of version 5 to 7.3"):
        read(path)
    path.write_text("1 2\n3 4\n")  # what `save -ascii` writes
    assert format_of(path) is None


def test_links_to_elsewhere_are_not_followed(tmp_path: Path) -> None:
    other = save_73(tmp_path / "other.mat", {"X": X})
    path = tmp_path / "t.mat"
    with h5py.File(path, "w") as file:
        file["X"] = h5py.ExternalLink(str(other), "/X")
        file["soft"] = h5py.SoftLink("/gone")
    with pytest.raises(DataError, match="X is a MATLAB link to elsewhere"):
        read(path)
    raw = tmp_path / "raw"
    raw.write_bytes(b"\0" * 800)
    with h5py.File(path, "w") as file:
        file.create_dataset("X", shape=(10, 10), dtype="f8", external=[(str(raw), 0, 800)])
    with pytest.raises(DataError, match="lies in another file, which is not read"):
        read(path)
    layout = h5py.VirtualLayout(shape=(2, 3), dtype="f8")
    layout[:] = h5py.VirtualSource(str(other), "X", shape=(2, 3))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("X", layout)
    with pytest.raises(DataError, match="lies in another file, which is not read"):
        read(path)


def test_sizes_are_compared_before_memory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = {"X": np.zeros((4000, 300)), "y": np.zeros(4000), "small": np.ones((2, 2))}
    scipy.io.savemat(tmp_path / "5.mat", zeros, do_compression=True)
    save_73(tmp_path / "73.mat", zeros)
    assert (tmp_path / "5.mat").stat().st_size < 100_000
    monkeypatch.setattr(matlab_values, "available_bytes", lambda: 1 << 23)
    for path in (tmp_path / "5.mat", tmp_path / "73.mat"):
        with pytest.raises(DataError, match="its arrays, unpacked, take 0.0 GB, and 0.0 GB of memory are free"):
            read(path, variable="X")
        assert len(read(path, variable="small").lines) == 2  # what is not read is not counted
    with h5py.File(tmp_path / "claim.mat", "w") as file:
        file.create_dataset("X", shape=(10**7, 10**5), dtype="f8", chunks=(1000, 1000), compression="gzip")
    with pytest.raises(DataError, match=r"take 14,90\d.\d GB"):
        read(tmp_path / "claim.mat")


def test_the_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = save_73(tmp_path / "t.mat", {"X": X}), builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=re.escape("needs h5py.\npip install 'sdl-cli[matlab]', or save it with '-v7'")):
        read(path)
    assert len(read(save_5(tmp_path / "5.mat", {"X": X})).lines) == 3


@pytest.mark.parametrize("compressed", [False, True])
def test_deep_nesting_ends(tmp_path: Path, compressed: bool) -> None:
    deep: Any = "a"
    for _ in range(60):
        deep = cells_of([deep, deep][:1])
    file = io.BytesIO()
    scipy.io.savemat(file, {"C": deep, "D": cells_of(["a", "b"])}, do_compression=compressed)
    (tmp_path / "t.mat").write_bytes(file.getvalue())
    with pytest.raises(DataError, match="more than 20 deep in one another"):
        read(tmp_path / "t.mat", variable="C")


@SAVERS
def test_damaged_files_give_one_error(tmp_path: Path, save: Save) -> None:
    rng = random.Random(5)
    original = save(
        tmp_path / "whole.mat", {"X": X, "kind": cells_of(["a", "b", 3.0]), "s": {"a": X[:, 0], "t": "text"}, "b": X > 2}
    )
    content, path = original.read_bytes(), tmp_path / "t.mat"
    for round_ in range(150):
        own = bytearray(content)
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(130 if save is save_5 else 512, len(own))
            own[place] = rng.choice([0, 1, 7, 0x7F, 0xFF, own[place] ^ (1 << rng.randrange(8))])
        path.write_bytes(bytes(own[: len(own) if round_ % 4 else rng.randrange(140, len(own))]))
        for variable in ("X", "kind", "s", None):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    read(path, variable=variable)
                except SdlError as error:
                    assert len(error.message) < 600


def test_the_damaged_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.mat"
    path.write_bytes(_HEAD.ljust(512, b"\0") + matlab73.HDF5)
    with pytest.raises(DataError, match="this MATLAB file cannot be read"):
        read(path)
    whole = save_5(tmp_path / "5.mat", {"X": X}).read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(DataError, match="this MATLAB file is damaged or cut short"):
        read(path)
    path.write_bytes(whole[:128])
    with pytest.raises(DataError, match="no variable holds a table"):
        read(path)
    path.write_bytes(whole + whole[128:])
    with pytest.raises(DataError, match="two variables are called X"):
        read(path)

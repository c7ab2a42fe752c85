"""Survey files that are damaged, cut off, empty, huge by claim or of another kind, and large ones in chunks."""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from unit.data.formats.survey_made import ENDINGS, cells_of, column, inputs, new_rows, read, write

from sdl_cli.data.formats import format_of, survey, survey_file
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.errors import ConfigError, DataError, SdlError

pytest.importorskip("pyreadstat")

N = 40
COLUMNS = {
    "N": [i / 4 for i in range(N)],
    "S": ["x", "", "words", "y"] * 10,
    "L": [1.0, 2.0, 1.0, 2.0] * 10,
    "Y": ["aa", "bb"] * 20,
}
MUTATED = 110  # files of each format


def made(path: Path, **how: Any) -> Path:
    labels = {"L": {1: "one", 2: "two"}}
    if path.suffix in (".sav", ".zsav", ".dta"):
        how["variable_value_labels"] = labels
    columns = COLUMNS | {"L": [int(code) for code in COLUMNS["L"]]} if path.suffix == ".dta" else COLUMNS
    return write(path, columns, **how)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_kind_is_known_by_its_content(tmp_path: Path, ending: str) -> None:
    path = made(tmp_path / f"t.{ending}")
    other = path.rename(tmp_path / "t.dat")
    assert format_of(other) is survey
    assert column(cells_of(other), "N")[:3] == ["0", "0.25", "0.5"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", bytes(5000), b"\xff" * 700])
def test_what_is_no_such_file_is_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    (tmp_path / f"t.{ending}").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.\w+: this (SPSS|Stata|SAS).* file cannot be read"):
        cells_of(tmp_path / f"t.{ending}")


def test_columns_that_are_not_there_are_refused_before_they_are_counted(tmp_path: Path) -> None:
    path = made(tmp_path / "t.dta")
    content = path.read_bytes()
    at = content.index(b"<K>") + 6
    path.write_bytes(content[:at] + b"\x7f" + content[at + 1 :])  # 2,130,706,436 of them
    with pytest.raises(DataError, match="a part of it is missing"):
        cells_of(path)


def test_an_encrypted_file_is_refused_with_the_word(tmp_path: Path) -> None:
    (tmp_path / "t.sav").write_bytes(b"\x1c" + bytes(7) + b"ENCRYPTEDSAV" + bytes(16) + bytes(range(256)) * 4)
    with pytest.raises(DataError, match="this SPSS file is encrypted"):
        cells_of(tmp_path / "t.sav")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, ending: str) -> None:
    content = made(tmp_path / f"t.{ending}").read_bytes()
    for share in (0.1, 0.4, 0.8, 0.94 if ending == "por" else 0.97):
        (tmp_path / f"cut.{ending}").write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError, match="cut"):
            cells_of(tmp_path / f"cut.{ending}")


def test_without_the_library_its_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "t.sav")
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(DataError, match=r"pip install 'sdl-cli\[survey\]'"):
        cells_of(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_without_rows_is_refused(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"t.{ending}", {"A": pd.Series([], dtype=float), "B": pd.Series([], dtype=float)})
    with pytest.raises(DataError, match="the table has no rows"):
        cells_of(path)


@pytest.mark.parametrize("ending", ["sav", "dta"])
def test_rows_that_do_not_fit_into_memory_are_refused_before_they_are_read(tmp_path: Path, ending: str) -> None:
    path = made(tmp_path / f"t.{ending}")
    content = bytearray(path.read_bytes())
    if ending == "sav":
        at = content.index(struct.pack("<iiii", 7, 16, 8, 2)) + 24  # the count of 64 bits
        struct.pack_into("<i", content, 80, 10**9)
        struct.pack_into("<q", content, at, 10**9)
    else:
        at = content.index(b"<N>") + 3
        struct.pack_into("<Q", content, at, 10**9)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1,000,000,000 rows of 4 columns, unpacked, take more than the"):
        cells_of(path)


@pytest.mark.parametrize("ending", ["zsav", "por", "xpt"])
def test_memory_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    path = made(tmp_path / f"t.{ending}")
    monkeypatch.setattr(survey, "available_bytes", lambda: 5000)
    with pytest.raises(DataError, match="take more than the 0.0 GB of memory that are free"):
        cells_of(path)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("chunk_rows", [7, 40, 100])
def test_rows_in_chunks_and_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, chunk_rows: int) -> None:
    path = made(tmp_path / f"t.{ending}")
    dataset = read(path, "Y")
    monkeypatch.setattr(survey, "_BLOCK_CELLS", 50)  # 12 rows
    assert read(path, "Y").fingerprint == dataset.fingerprint
    ids, X, notes = new_rows(path, dataset, chunk_rows)
    np.testing.assert_array_equal(X, dataset.X)
    assert ids == [str(i + 1) for i in range(N)] and not notes


def test_only_the_columns_that_a_run_needs_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "t.sav")
    dataset = read(path, "Y", features=("N",))
    asked = []
    blocks = survey_file.SurveyFile.blocks
    monkeypatch.setattr(
        survey_file.SurveyFile, "blocks", lambda self, names, rows: asked.append(names) or blocks(self, names, rows)
    )
    new_rows(path, dataset)
    assert asked == [["N"]]
    without = write(tmp_path / "o.sav", {"M": [1.0]})
    with pytest.raises(DataError, match="a column that the run needs is missing: N"):
        list(iter_rows(without, inputs(dataset)))


def test_rows_of_blanks_at_the_end_of_a_transport_file(tmp_path: Path) -> None:
    for num in (1, 20, 41):
        path = write(tmp_path / "t.xpt", {"S": ["word", *[""] * num, "last", ""]}, file_format_version=5)
        assert [cell for cell in column(cells_of(path), "S") if cell] == ["word", "last"]
    columns = {"S": ["", "", ""], "A": [1.0, 2.0, np.nan]}
    assert column(cells_of(write(tmp_path / "n.xpt", columns)), "A") == ["1", "2", None]


def test_several_tables_in_a_transport_file_are_refused(tmp_path: Path) -> None:
    content = made(tmp_path / "t.xpt", file_format_version=5).read_bytes()
    (tmp_path / "two.xpt").write_bytes(content + content[content.index(b"HEADER RECORD*******MEMBER") :])
    with pytest.raises(DataError, match=r"two\.xpt: it holds several tables"):
        cells_of(tmp_path / "two.xpt")


def test_texts_in_another_encoding(tmp_path: Path) -> None:
    frame = pd.DataFrame({"s": ["größe", "x"], "n": [1, 2]})
    frame.to_stata(tmp_path / "t.dta", version=114, write_index=False)  # latin-1
    assert column(cells_of(tmp_path / "t.dta"), "s") == ["größe", "x"]
    path = write(tmp_path / "t.sav", {"s": ["größe", "x"]})
    content = path.read_bytes().replace("größe".encode(), "größe  ".encode("latin-1"))
    path.write_bytes(content)
    with pytest.raises(DataError, match="dataset.encoding=windows-1252"):
        cells_of(path)
    assert column(cells_of(path, encoding="windows-1252"), "s") == ["größe", "x"]
    path = write(tmp_path / "l.sav", {"s": ["ä", "x"]}, variable_value_labels={"s": {"ä": "one", "x": "two"}})
    path.write_bytes(path.read_bytes().replace("ä".encode(), "ä ".encode("latin-1")))
    with pytest.raises(DataError, match="dataset.encoding=windows-1252"):
        cells_of(path)
    assert column(cells_of(path, encoding="windows-1252"), "s") == ["one", "two"]
    with pytest.raises(ConfigError, match="dataset.encoding: nonsense is not known"):
        cells_of(path, encoding="nonsense")


def test_a_column_that_has_the_name_of_reasons(tmp_path: Path) -> None:
    path = write(tmp_path / "t.sav", {"a": [1.0, 9.0], "a.missing": [1.0, 2.0]}, missing_ranges={"a": [9]})
    assert column(cells_of(path), "a.missing") == ["1", "2"]
    with pytest.raises(DataError, match=r"there is a column a\.missing already"):
        cells_of(path, missing_reasons="column")


@pytest.mark.parametrize("number", range(7))
def test_damaged_files_are_refused_or_read(tmp_path: Path, number: int) -> None:
    """Never anything else, whatever bytes are changed or lost; the dictionary of SPSS and the headers most of all."""
    ending, how = [
        ("sav", {}), ("sav", {"row_compress": True}), ("zsav", {}), ("dta", {}), ("xpt", {"file_format_version": 5}), ("por", {}), ("sas7bdat", {}),
    ][number]  # fmt: skip
    content = made(tmp_path / f"t.{ending}", **how).read_bytes()
    chance, refused = random.Random(number), 0
    path = tmp_path / f"damaged.{ending}"
    for _ in range(MUTATED):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(changed) if chance.random() < 0.4 else min(len(changed), 800))
            if chance.random() < 0.15:
                del changed[at : at + chance.randint(1, 40)]
            else:
                changed[at] = chance.choice([0, 1, 2, 4, 127, 128, 255, chance.randrange(256)])
        path.write_bytes(changed)
        try:
            cells_of(path, missing_reasons="column")
        except SdlError as error:
            refused += 1
            assert str(path) in error.message
    assert 0 < refused < MUTATED

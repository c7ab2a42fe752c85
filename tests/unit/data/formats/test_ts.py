"""`.ts` files of the UCR and UEA archives: what stands there is what is read, and nothing damaged passes for a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdl_cli.data import formats
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.files.table_cells import Cells
from sdl_cli.errors import DataError, SdlError

HEAD = "@problemName made\n@timeStamps false\n@missing false\n@univariate true\n@equalLength true\n@classLabel true A a\n@data\n"
TWO = HEAD.replace("@univariate true", "@univariate false\n@dimensions 2")


def read(path: Path, text: str) -> Cells:
    path.write_text(text, encoding="utf-8")
    found = formats.read_cells(path, Asked())
    assert found is not None
    return found


def test_values_and_labels_are_read_as_written(tmp_path: Path) -> None:
    cells = read(tmp_path / "a.ts", "# a comment\n% another\n" + HEAD + "1,2.50,-3e-1:A\n\n4, 5 ,6:a\n")
    assert cells.names == ("t1", "t2", "t3", "class")
    assert [list(own) for own in cells.columns] == [["1", "4"], ["2.50", "5"], ["-3e-1", "6"], ["A", "a"]]
    assert cells.series_shape == (1, 3)
    assert list(cells.lines) == [10, 12]
    assert cells.texts == {"class"}
    assert not cells.notes


def test_dimensions_come_one_after_the_other(tmp_path: Path) -> None:
    cells = read(tmp_path / "a.ts", TWO + "1,2,3:4,5,6:A\n7,8,9:10,11,12:a\n")
    assert cells.series_shape == (2, 3)
    assert cells.names == ("d1.t1", "d1.t2", "d1.t3", "d2.t1", "d2.t2", "d2.t3", "class")
    assert [own[1] for own in cells.columns] == ["7", "8", "9", "10", "11", "12", "a"]


def test_floats_come_back_bit_for_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(20, 12)) * 10.0 ** np.arange(-150, 150, 25)
    rows = "".join(",".join(map(repr, row.tolist())) + ":A\n" for row in values)
    cells = read(tmp_path / "a.ts", HEAD + rows)
    assert np.array_equal(np.array([own.astype(float) for own in cells.columns[:-1]]).T, values)


def test_a_number_as_target_is_called_target(tmp_path: Path) -> None:
    head = HEAD.replace("@classLabel true A a", "@targetlabel true")
    cells = read(tmp_path / "a.ts", head + "1,2:0.5\n3,4:?\n")
    assert cells.names[-1] == "target"
    assert list(cells.columns[-1]) == ["0.5", None]
    assert not cells.texts
    bare = read(tmp_path / "b.ts", HEAD.replace("@classLabel true A a", "@classLabel false") + "1,2\n3,4\n")
    assert bare.names == ("t1", "t2")


def test_missing_values_are_missing_cells(tmp_path: Path) -> None:
    cells = read(tmp_path / "a.ts", HEAD + "1,?,NaN,4:A\n1,,3,nan:a\n")
    assert [list(own) for own in cells.columns[:-1]] == [["1", "1"], [None, None], [None, "3"], ["4", None]]


def test_a_label_that_the_header_does_not_list_is_said(tmp_path: Path) -> None:
    cells = read(tmp_path / "a.ts", HEAD + "1,2:A\n3,4:B\n")
    assert cells.notes == ("a.ts: labels that its header does not list: 'B'. Capital and small letters are told apart.",)


def test_chunks_are_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    whole = read(path, HEAD + "".join(f"{i},{i + 1}:A\n" for i in range(10)))
    parts = list(formats.iter_cells(path, Asked(), 4) or ())
    assert [len(part.lines) for part in parts] == [4, 4, 2]
    assert all(list(np.concatenate([p.columns[j] for p in parts])) == list(whole.columns[j]) for j in range(3))
    assert [part.lines.tolist() for part in parts] == [[8, 9, 10, 11], [12, 13, 14, 15], [16, 17]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "1,2,3:A\n1,2:a\n", "line 9: series of unequal length, 3 and 2 steps"),
        (TWO + "1,2,3:4,5:A\n", "line 9: series of unequal length, 3 and 2 steps"),
        (HEAD.replace("@equalLength true", "@equalLength false") + "1,2:A\n", "unequal length (@equalLength false)"),
        (HEAD.replace("@timeStamps false", "@timeStamps true") + "(0,1),(1,2):A\n", "time stamps"),
        (HEAD + "(0,1),(1,2):A\n", "line 8: values in brackets, as with time stamps"),
        (TWO + "1,2:3,4:A\n1,2:A\n", "line 10: the series has 1 dimension, but the others have 2"),
        (TWO + "1,2:A\n", "line 9: the header says 2 dimensions, but the series has 1"),
        (HEAD + "1,2:3,4:A\n", "line 8: the header says 1 dimension, but the series has 2"),
        (HEAD + "1,2\n", "line 8: the class is missing"),
        (HEAD, "there is no series after @data"),
        (HEAD.replace("@data\n", ""), "there is no line @data"),
        ("@problemName x\n1,2:A\n@data\n", "line 2: a series stands before @data"),
    ],
)
def test_what_is_no_equal_series_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path / "bad.ts", text)
    assert told in error.value.message
    assert error.value.message.startswith(str(tmp_path / "bad.ts"))
    assert error.value.hint


def test_a_header_decides_and_not_the_name_alone(tmp_path: Path) -> None:
    assert formats.format_of(_written(tmp_path / "a.txt", HEAD + "1,2:A\n")) is not None
    assert formats.format_of(_written(tmp_path / "b.ts", "a,b\n1,2\n")) is None  # a table of that name
    assert formats.format_of(_written(tmp_path / "c.csv", "# x\na,b\n1,2\n")) is None
    assert formats.format_of(_written(tmp_path / "video.ts", "G@\0\x10 packets")) is None


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_changed_bytes_give_cells_or_one_error(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    content = (TWO + "".join(f"{i},2.5,-3:4,5e3,6:{'Aa'[i % 2]}\n" for i in range(6))).encode()
    path = tmp_path / "a.ts"
    for _ in range(200):
        changed = bytearray(content)
        for _ in range(random.integers(1, 6)):
            place = int(random.integers(len(changed)))
            kind = random.integers(3)
            if kind == 0:
                changed[place] = random.integers(256)
            elif kind == 1:
                del changed[place : place + int(random.integers(1, 30))]
            else:
                changed[place:place] = random.choice([b":", b",", b"\n", b"(", b"@data\n", b"\xff", b"\0", b"?"])
        path.write_bytes(bytes(changed))
        try:
            cells = formats.read_cells(path, Asked())
        except SdlError as error:
            assert error.message
            continue
        if cells is not None:
            assert {len(own) for own in cells.columns} == {len(cells.lines)}

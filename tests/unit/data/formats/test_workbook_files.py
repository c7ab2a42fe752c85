"""Workbooks that are damaged, encrypted, far too large or written oddly; their macros and links do nothing."""

from __future__ import annotations

import builtins
import io
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table as OdsTable
from odf.table import TableCell, TableRow
from odf.text import P

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.formats import workbook
from sdl_cli.data.formats.workbooks import container, excel, ods, pieces, xlsx_scan
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import DataError, SdlError

Cell = Any
LINES: list[list[Cell]] = [["a", "b", "y"], *([i / 4, "uv"[i % 2], ("ill", "well")[i % 2]] for i in range(8))]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def write_xlsx(path: Path) -> Path:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Data")
    for i, line in enumerate(LINES):
        sheet.write_row(i, 0, line)
    book.close()
    return path


def write_ods(path: Path) -> Path:
    document = OpenDocumentSpreadsheet()
    table = OdsTable(name="Data")
    for line in LINES:
        row = TableRow()
        for value in line:
            cell = TableCell(valuetype="string") if isinstance(value, str) else TableCell(valuetype="float", value=value)
            cell.addElement(P(text=str(value)))
            row.addElement(cell)
        table.addElement(row)
    document.spreadsheet.addElement(table)
    document.save(str(path))
    return path


def write_xls(path: Path) -> Path:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    for i, line in enumerate(LINES):
        for j, value in enumerate(line):
            sheet.write(i, j, value)
    book.save(str(path))
    return path


def record(kind: int, body: bytes = b"") -> bytes:
    """A record of a binary part: [MS-XLSB] 2.1.4."""
    number = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    return number + bytes([len(body) & 0x7F | 0x80, len(body) >> 7] if len(body) > 127 else [len(body)]) + body


def words(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def write_xlsb(path: Path, lines: list[list[Cell]] | None = None, far: int = 0) -> Path:
    """No library writes this format: sheets Data and Old (hidden), byte by byte; an int stands for an error's number."""
    lines = lines or LINES
    body = record(129) + record(148, struct.pack("<4I", 0, max(len(lines) - 1, far), 0, 2)) + record(145)
    for i, line in enumerate(lines):
        row = i + far * (i == len(lines) - 1)
        body += record(0, struct.pack("<IIHHBI", row, 0, 300, 0, 0, 0))
        for j, value in enumerate(line):
            head = struct.pack("<II", j, 0)
            if isinstance(value, str):
                body += record(6, head + words(value))
            elif isinstance(value, bool):
                body += record(4, head + bytes([value]))
            elif isinstance(value, int):
                body += record(3, head + bytes([value]))
            else:
                body += record(5, head + struct.pack("<d", value))
    body += record(146) + record(130)
    bundles = b"".join(
        record(156, struct.pack("<II", hidden, k) + words(f"rId{k}") + words(n))
        for k, (n, hidden) in enumerate([("Data", 0), ("Old", 1)], 1)
    )
    book = record(131) + record(153, struct.pack("<III", 0, 0, 0)) + record(143) + bundles + record(144) + record(132)
    types = "".join(
        f'<Override PartName="/xl/{p}" ContentType="application/vnd.ms-excel.{k}"/>'
        for p, k in [
            ("workbook.bin", "sheet.binary.macroEnabled.main"),
            ("worksheets/sheet1.bin", "worksheet"),
            ("worksheets/sheet2.bin", "worksheet"),
        ]
    )
    sheets = "".join(f'<Relationship Id="rId{k}" Type="{LINKS}/worksheet" Target="worksheets/sheet{k}.bin"/>' for k in (1, 2))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml", f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{types}</Types>'
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{LINKS}/officeDocument" Target="xl/workbook.bin"/></Relationships>',
        )
        file.writestr("xl/workbook.bin", book)
        file.writestr("xl/_rels/workbook.bin.rels", f'<Relationships xmlns="{PACKAGE}">{sheets}</Relationships>')
        file.writestr("xl/worksheets/sheet1.bin", body)
        file.writestr("xl/worksheets/sheet2.bin", record(129) + record(145) + record(146) + record(130))
    return path


WRITERS = {"xlsx": write_xlsx, "ods": write_ods, "xls": write_xls, "xlsb": write_xlsb}


def table(path: Path, **settings: Any) -> Any:
    return load(Table(path=str(path), **{"target": "y", **settings}))


def changed(path: Path, **parts: Any) -> Path:
    """A zipped workbook with some parts written anew: a function of the old content, or the content."""
    with zipfile.ZipFile(path) as file:
        content = {info.filename: file.read(info) for info in file.infolist()}
    for name, new in parts.pop("parts").items():
        content[name] = new(content[name]) if callable(new) else new
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_an_xlsb_is_read_and_its_errors_are_counted(tmp_path: Path) -> None:
    lines = [*LINES[:3], [7, "u", "ill"], *LINES[4:]]
    dataset = table(write_xlsb(tmp_path / "t.xlsb", lines))
    np.testing.assert_array_equal(dataset.X[:, 0], [0, 0.25, np.nan, 0.75, 1, 1.25, 1.5, 1.75])
    notes = " ".join(dataset.notes)
    assert "Column a: 1 error cell read as missing, #DIV/0! (1): A4." in notes and "Hidden sheet not read: Old" in notes
    assert "Of an .xlsb, formulas without a result" in notes
    with pytest.raises(DataError, match="damaged"):
        table(write_xlsb(tmp_path / "u.xlsb", far=2**30))


def test_macros_are_not_run_and_links_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsm"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Data")
    for i, line in enumerate(LINES):
        sheet.write_row(i, 0, line)
    for i in range(8):
        sheet.write_formula(i + 1, 0, "='http://127.0.0.1:9/[other.xlsx]Sheet1'!A1", None, i + 0.5)  # a link to another file
    book.add_vba_project(io.BytesIO(b"no code at all"), is_stream=True)
    book.close()
    assert "xl/vbaProject.bin" in zipfile.ZipFile(path).namelist()
    assert table(path).X[:, 0].tolist() == [i + 0.5 for i in range(8)]  # its stored results


def compound(*names: str) -> bytes:
    """The start and the directory of a file of old Office, with streams of these names."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    return bytes(head) + b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in names).ljust(1024, b"\0")


def test_encrypted_workbooks_are_called_encrypted(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(compound("Root Entry", "EncryptedPackage", "EncryptionInfo"))
    write_ods(tmp_path / "t.ods")
    manifest = b'<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:encryption-data/></m:manifest>'
    changed(tmp_path / "t.ods", parts={"META-INF/manifest.xml": manifest})
    data = bytearray(write_xls(tmp_path / "t.xls").read_bytes())
    start = data.index(b"\x09\x08\x10\x00")  # BOF of the workbook, behind which the record FILEPASS tells of encryption
    data[start + 20 : start + 26] = struct.pack("<HHH", 0x2F, 2, 1)
    (tmp_path / "t.xls").write_bytes(data)
    for name in ("t.xlsx", "t.ods", "t.xls"):
        with pytest.raises(DataError, match="this workbook is encrypted"):
            table(tmp_path / name)


def test_other_files_of_office_and_zip_archives_are_no_workbooks(tmp_path: Path) -> None:
    (tmp_path / "t.doc").write_bytes(compound("Root Entry", "WordDocument"))
    with pytest.raises(DataError, match="an old Excel or Word file"):
        table(tmp_path / "t.doc")
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as file:
        file.writestr("t.csv", "a,y\n1,2\n")
    with pytest.raises(DataError, match="a zip archive"):
        table(tmp_path / "t.zip")
    (tmp_path / "t.xls").write_text("<html><table><tr><td>1</td></tr></table></html>")
    with pytest.raises(DataError, match="a web page or XML, in spite of its name"):
        table(tmp_path / "t.xls")
    (tmp_path / "u.xls").write_text("a\ty\n1\till\n2\twell\n3\till\n")  # text that is called so
    assert len(table(tmp_path / "u.xls")) == 3


def test_the_missing_library_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = builtins.__import__

    def refuse(name: str, *args: Any, **more: Any) -> Any:
        if name == "python_calamine":
            raise ImportError(name)
        return known(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match="needs python-calamine") as caught:
        table(write_xlsx(tmp_path / "t.xlsx"))
    assert caught.value.hint == "pip install 'sdl-cli[excel]'"
    assert len(table(write_ods(tmp_path / "t.ods"))) == 8  # which needs none


@pytest.mark.parametrize("kind", ["xlsx", "xls", "xlsb", "ods"])
def test_empty_and_truncated_files(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / f"t.{kind}")
    data = path.read_bytes()
    for size in (600, len(data) // 2, *([len(data) - 30] if kind != "xls" else [])):
        path.write_bytes(data[:size])
        with pytest.raises(DataError):
            table(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        table(path)


def test_workbooks_without_a_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match="has no cells"):
        table(tmp_path / "t.xlsx")
    book.active.append(["a", "y"])
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match="has no rows below its names"):
        table(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match="no cells in D1:E9. It reaches from A1 to B1"):
        table(tmp_path / "t.xlsx", range="D1:E9")
    with pytest.raises(SdlError, match="no range of cells"):
        table(tmp_path / "t.xlsx", range="A1")


def little(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    for module in (container, excel, ods):
        monkeypatch.setattr(module, "available_bytes", lambda: free)


def test_a_lone_cell_far_away_is_refused_before_the_grid_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    little(monkeypatch, 2**30)
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    path = changed(write_xlsx(tmp_path / "t.xlsx"), parts={SHEET: lambda data: data.replace(b"</sheetData>", far)})
    with pytest.raises(DataError, match="reaches to row 1,048,576 and column 16,384, more than the 1.0 GB"):
        table(path)
    # the same in disorder, and where the usual search does not find it
    early = b'<sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    for sheet in (early, early.replace(b"<c r=", b"<c s='0' r=")):
        path = changed(write_xlsx(tmp_path / "t.xlsx"), parts={SHEET: lambda data, new=sheet: data.replace(b"<sheetData>", new)})
        with pytest.raises(DataError, match="reaches to row 1,048,576"):
            table(path)
    outside = b'<row r="9999999"><c r="A9999999"><v>1</v></c></row></sheetData>'
    path = changed(write_xlsx(tmp_path / "t.xlsx"), parts={SHEET: lambda data: data.replace(b"</sheetData>", outside)})
    with pytest.raises(DataError, match="a cell in row 9,999,999"):
        table(path)


def test_parts_that_unpack_to_more_than_there_is_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    little(monkeypatch, 2**20)
    path = changed(write_xlsx(tmp_path / "t.xlsx"), parts={SHEET: lambda data: data + b" " * 2**22})
    assert path.stat().st_size < 2**16
    with pytest.raises(DataError, match="unpacks to 0.0 GB"):
        table(path)
    path = changed(write_ods(tmp_path / "t.ods"), parts={"content.xml": lambda data: data + b" " * 2**22})
    with pytest.raises(DataError, match="unpacks to 0.0 GB"):
        table(path)


def test_a_part_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    path = changed(write_xlsx(tmp_path / "t.xlsx"), parts={SHEET: lambda data: data + b" " * 5000})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        size = file.getinfo(SHEET).file_size
    for at in [i for i in range(len(data) - 4) if data[i : i + 4] == struct.pack("<I", size)]:
        data[at : at + 4] = struct.pack("<I", size - 5000)
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        table(path)


def test_repeated_cells_of_ods_are_counted_before_they_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    little(monkeypatch, 2**27)

    def repeated(rows: int, columns: int) -> Any:
        more = f'<table:table-row table:number-rows-repeated="{rows}"><table:table-cell table:number-columns-repeated="{columns}" office:value-type="float" office:value="1"/></table:table-row></table:table>'
        return lambda data: data.replace(b"</table:table>", more.encode())

    path = changed(write_ods(tmp_path / "t.ods"), parts={"content.xml": repeated(1_000_000, 16_000)})
    with pytest.raises(DataError, match="it repeats cells"):
        table(path)
    path = changed(write_ods(tmp_path / "t.ods"), parts={"content.xml": repeated(2_000_000, 1)})
    with pytest.raises(DataError, match="outside of the sheet"):
        table(path)
    blank = b'<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
    path = changed(write_ods(tmp_path / "t.ods"), parts={"content.xml": lambda data: data.replace(b"</table:table>", blank)})
    assert len(table(path)) == 8


def test_document_types_and_so_entities_are_refused(tmp_path: Path) -> None:
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'

    def with_entity(data: bytes) -> bytes:
        return entity + data.partition(b"?>")[2]

    for part in (SHEET, "xl/workbook.xml"):
        path = changed(write_xlsx(tmp_path / "t.xlsx"), parts={part: with_entity})
        with pytest.raises(DataError, match="damaged"):
            table(path)
    path = changed(write_ods(tmp_path / "t.ods"), parts={"content.xml": with_entity})
    with pytest.raises(DataError, match="damaged"):
        table(path)


def test_sheets_that_are_written_oddly_are_looked_through_as_well(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet, percent = book.add_worksheet("Data"), book.add_format({"num_format": "0.0%"})
    for i, line in enumerate(LINES):
        sheet.write_row(i, 0, line)
    sheet.write_number(3, 0, 0.5, percent)
    sheet.write_formula(4, 0, "=1/0", None, "#DIV/0!")
    sheet.write_formula(5, 0, "=SUM(A2:A3)", None, 0.25)
    sheet.write_blank(20, 0, None, percent)
    book.close()
    with zipfile.ZipFile(path) as file:
        data = file.read(SHEET)
    found = xlsx_scan.look(data, {"1"})
    assert xlsx_scan.num_usual_cells(data) == 28 and found.errors == {(4, 0): "#DIV/0!"} and found.totals == {(5, 0)}
    assert found.percents == {0: 1} and found.formulas == {(5, 0)}
    rewritten = data.replace(b"<c r=", b"<c  r=").replace(b' t="e"', b" t='e'")
    walked = xlsx_scan.walk_through(path, rewritten, {"1"})
    assert not xlsx_scan.num_usual_cells(rewritten) and (walked.rows, walked.columns) == (21, 3)
    walked.rows = walked.columns = 0
    assert walked == found
    first = table(path)
    changed(path, parts={SHEET: rewritten})
    again = table(path)
    assert again.notes == first.notes and np.array_equal(again.X, first.X, equal_nan=True)


def test_a_sheet_read_in_pieces_is_the_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Data")
    for i in range(300):
        if i % 50 != 7:
            for j in range(i % 3, 6 - i // 290):
                sheet.write(i + 4, j + 2, f"r{i}" if j % 2 else i / 8)
    sheet.merge_range("K9:K10", "m")
    book.close()
    tab = excel.ExcelFile(path, "xlsx").tabs[0]
    whole = excel.ExcelFile(path, "xlsx").sheet(tab)
    monkeypatch.setattr(pieces, "_PIECE_BYTES", 2**10)
    for num in (2, 3, 4):
        monkeypatch.setattr(pieces, "available_cores", lambda num=num: num)
        with zipfile.ZipFile(path) as file:
            assert len(pieces.split(file.read(SHEET))) == num
        parted = excel.ExcelFile(path, "xlsx").sheet(tab)
        assert (parted.rows, parted.top, parted.left, parted.merged) == (whole.rows, whole.top, whole.left, whole.merged)
    last = b'<row r="4"><c r="C4"><v>5</v></c></row></sheetData>'  # in disorder
    changed(path, parts={SHEET: lambda data: data.replace(b"</sheetData>", last)})
    assert excel.ExcelFile(path, "xlsx").sheet(tab).rows[0][0] == 5


@pytest.mark.parametrize("kind", ["xlsx", "xls", "xlsb", "ods"])
def test_damaged_files_give_one_error_of_ours(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / f"t.{kind}")
    whole = path.read_bytes()
    draw = random.Random(7)
    parts: dict[str, bytes] = {}
    if kind != "xls":
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name) for name in file.namelist()}
    read = 0
    for turn in range(150):
        if parts and turn % 3:  # inside of a part, which stays whole as an archive
            name = draw.choice(sorted(parts))
            with zipfile.ZipFile(path, "w") as file:
                for own, data in parts.items():
                    file.writestr(own, mutated(data, draw) if own == name else data)
        else:
            path.write_bytes(mutated(whole, draw))
        try:
            cells = (
                list(workbook.iter_cells(path, Asked(columns=("y",)), None))
                if workbook.matches(path.read_bytes()[:512], path)
                else []
            )
            read += bool(cells)
        except SdlError as error:
            assert error.message and "\n" not in error.message
    assert read  # some changes do no harm


def mutated(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 3, 20])):
        at = draw.randrange(len(changed)) if changed else 0
        what = draw.randrange(4)
        if what == 0:
            changed[at : at + 1] = bytes([draw.randrange(256)])
        elif what == 1:
            del changed[at : at + draw.choice([1, 8, 200])]
        elif what == 2:
            changed[at:at] = changed[at : at + draw.choice([1, 8, 200])]
        else:
            changed[at : at + 4] = draw.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"9999", b"</c>"])
    return bytes(changed)

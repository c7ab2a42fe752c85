"""Workbooks become tables by the types of their cells: what libraries hide or guess is said, refused or asked."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import CoveredTableCell, TableCell, TableRow
from odf.table import Table as OdsTable
from odf.text import P

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.formats.workbooks.typed_columns import number_text, number_texts
from sdl_cli.data.sources.new_rows import iter_rows
from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import DataError

Fill = Callable[[Any, Any], None]
CLASSES = ["ill", "well", "ill", "well"]
nan = float("nan")


def xlsx(path: Path, fill: Fill, **options: Any) -> str:
    """A workbook by XlsxWriter with one sheet, Data, which `fill(sheet, book)` writes."""
    book = xlsxwriter.Workbook(str(path), options)
    fill(book.add_worksheet("Data"), book)
    book.close()
    return str(path)


def rows(*lines: list[Any]) -> Fill:
    """Plain rows from A1 on; text is never turned into numbers."""

    def fill(sheet: Any, book: Any) -> None:
        for i, line in enumerate(lines):
            for j, value in enumerate(line):
                if value is not None:
                    (sheet.write_string if isinstance(value, str) else sheet.write)(i, j, value)

    return fill


def xls(path: Path, lines: list[list[Any]]) -> str:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    for i, line in enumerate(lines):
        for j, value in enumerate(line):
            if value is not None:
                sheet.write(i, j, *(value if isinstance(value, tuple) else (value,)))
    book.save(str(path))
    return str(path)


def ods_cell(value: Any, kind: str = "", text: str = "", **more: Any) -> TableCell:
    """A cell of an .ods: `kind` is its type, by default that of the value; "" is an empty one."""
    if value is None and not kind:
        return TableCell(**more)
    names = {bool: "boolean", float: "float", int: "float", str: "string", dt.date: "date"}
    kind = kind or names[type(value)]
    key = {"percentage": "value", "float": "value", "boolean": "booleanvalue", "date": "datevalue", "time": "timevalue"}.get(kind)
    own = {} if key is None else {key: str(value).lower() if kind == "boolean" else str(value)}
    cell = TableCell(valuetype=kind, **own, **more)
    cell.addElement(P(text=text or str(value)))
    return cell


def ods(path: Path, lines: list[list[Any]], hidden: bool = False) -> str:
    document = OpenDocumentSpreadsheet()
    if hidden:
        style = Style(name="gone", family="table")
        style.addElement(TableProperties(display="false"))
        document.automaticstyles.addElement(style)
        document.spreadsheet.addElement(_ods_table("Old", [["x"]], stylename=style))
    document.spreadsheet.addElement(_ods_table("Data", lines))
    document.save(str(path))
    return str(path)


def _ods_table(name: str, lines: list[list[Any]], **more: Any) -> OdsTable:
    table = OdsTable(name=name, **more)
    for line in lines:
        row = TableRow()
        for value in line:
            row.addElement(value if not isinstance(value, (str, float, int, bool, dt.date, type(None))) else ods_cell(value))
        table.addElement(row)
    return table


def table(path: str, **settings: Any) -> Dataset:
    return load(Table(path=path, **{"target": "y", **settings}))


def said(dataset: Dataset, *words: str) -> str:
    """The one note that holds these words."""
    [note] = [note for note in dataset.notes if all(word in note for word in words)]
    return note


def kinds(dataset: Dataset) -> dict[str, str]:
    return {column.name: column.kind for column in dataset.columns}


def inputs(dataset: Dataset) -> dict[str, Any]:
    found = {
        "columns": [asdict(column) for column in dataset.columns],
        "source": dict(dataset.source),
        "classes": dataset.classes,
    }
    stored: dict[str, Any] = json.loads(json.dumps(found))
    return stored


CODES = [["code", "n", "y"], ["00123", 1.5, "ill"], ["1E5", 2, "well"], ["inf", 3.25, "ill"], ["00123", 4, "well"]]


@pytest.mark.parametrize("name", ["t.xlsx", "t.ods", "t.xls"])
def test_text_cells_that_look_like_numbers_stay_text(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write = {"t.xlsx": lambda: xlsx(path, rows(*CODES)), "t.ods": lambda: ods(path, CODES), "t.xls": lambda: xls(path, CODES)}
    dataset = table(write[name]())
    assert kinds(dataset) == {"code": "category", "n": "number"}
    assert dataset.columns[0].levels == ("00123", "1E5", "inf")
    assert dataset.X.tolist() == [[0, 1.5], [1, 2], [2, 3.25], [0, 4]]
    assert "4 cells (A2, A3, A4 and 1 more) hold text" in said(dataset, "Column code")
    assert table(str(path), target="code").classes == ("00123", "1E5", "inf")


def test_numbers_in_text_cells_are_read_as_such_where_that_is_clear(tmp_path: Path) -> None:
    lines = [
        ["a", "b", "c", "y"],
        [1, "1", "1,5", "ill"],
        ["2", "2", "2,25", "well"],
        [3, "3", "3", "ill"],
        [4, "n.a.", "4", "well"],
    ]
    path = xlsx(tmp_path / "t.xlsx", rows(*lines))
    dataset = table(path)
    assert kinds(dataset) == {"a": "number", "b": "category", "c": "category"}
    assert "hold a number as text, such as '2' in A3: read as numbers" in said(dataset, "Column a")
    dataset = table(path, decimal=",", text=("b",))
    assert kinds(dataset) == {"a": "number", "b": "category", "c": "number"}
    assert dataset.X[:, 2].tolist() == [1.5, 2.25, 3, 4] and said(dataset, "Column c", "were read as numbers")
    assert kinds(table(path, text=("a",)))["a"] == "category"


def test_a_target_of_many_numbers_in_text_cells_is_asked_for(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "t.xlsx", rows(["a", "y"], *([i % 7, f"{i / 8:.3f}"] for i in range(40))))
    with pytest.raises(
        DataError, match="the target y is text that looks like numbers, such as '0.000', with 40 different"
    ) as caught:
        table(path)
    assert "dataset.decimal=." in caught.value.hint and "dataset.text=[y]" in caught.value.hint
    assert table(path, decimal=".").y[3] == table(path, task="regression").y[3] == 0.375
    assert len(table(path, text=("y",)).classes) == 40


def test_identifiers_in_text_cells_are_no_category(tmp_path: Path) -> None:
    lines = [[f"{i:04d}", i % 7 / 4, CLASSES[i % 4]] for i in range(40)]
    dataset = table(xlsx(tmp_path / "t.xlsx", rows(["id", "a", "y"], *lines)))
    assert kinds(dataset) == {"a": "number"} and said(dataset, "Column id has 40 different values", "left out")


@pytest.mark.parametrize("name", ["t.xlsx", "t.ods", "t.xls"])
def test_logical_cells_with_a_blank_are_a_yes_or_no_column(name: str, tmp_path: Path) -> None:
    lines = [["ok", "odd", "y"], [True, True, "ill"], [None, False, "well"], [False, 2, "ill"], [True, True, "well"]]
    path = tmp_path / name
    write = {"t.xlsx": lambda: xlsx(path, rows(*lines)), "t.ods": lambda: ods(path, lines), "t.xls": lambda: xls(path, lines)}
    dataset = table(write[name]())
    assert kinds(dataset) == {"ok": "boolean", "odd": "category"}
    np.testing.assert_array_equal(dataset.X[:, 0], [1, nan, 0, 1])
    assert dataset.columns[1].levels == ("2", "False", "True")
    assert "holds 1 number (B4) among its 3 logical cells" in said(dataset, "Column odd")


def test_error_cells_are_missing_and_counted_apart(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        rows(["a", "b", "y"], *([None if i == 4 else i / 4, "u", CLASSES[i % 4]] for i in range(8)))(sheet, book)
        sheet.write_formula(2, 0, "=1/0", None, "#DIV/0!")
        sheet.write_formula(3, 0, "=NA()", None, "#N/A")
        sheet.write_formula(4, 0, "=A4", None, "#N/A")

    dataset = table(xlsx(tmp_path / "t.xlsx", fill))
    np.testing.assert_array_equal(dataset.X[:, 0], [0, nan, nan, nan, nan, 1.25, 1.5, 1.75])
    assert (
        said(dataset, "Column a", "3 error cells")
        == "Column a: 3 error cells read as missing, #N/A (2), #DIV/0! (1): A3, A4, A5."
    )


def test_error_cells_of_other_formats(tmp_path: Path) -> None:
    lines: list[list[Any]] = [["a", "y"], [0.5, "ill"], ["#DIV/0!", "well"], ["Err:502", "ill"], [1.5, "well"]]
    dataset = table(ods(tmp_path / "t.ods", lines))
    np.testing.assert_array_equal(dataset.X[:, 0], [0.5, nan, nan, 1.5])
    assert "2 error cells read as missing, #DIV/0! (1), Err:502 (1): A3, A4" in said(dataset, "Column a")
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    for i, line in enumerate(lines):
        for j, value in enumerate(line):
            if str(value)[0] in "#E":
                sheet.row(i).set_cell_error(j, "#DIV/0!")
            else:
                sheet.write(i, j, value)
    book.save(str(tmp_path / "t.xls"))
    dataset = table(str(tmp_path / "t.xls"))
    np.testing.assert_array_equal(dataset.X[:, 0], [0.5, nan, nan, 1.5])
    assert said(dataset, "Column a: 2 error cells read as missing, #DIV/0! (2): A3, A4")


def by_openpyxl(path: Path) -> str:
    book = openpyxl.Workbook()
    for line in [["a", "b", "y"], [1, "=A2*2", "ill"], [2, "=A3*2", "well"], [3, "=A4*2", "ill"]]:
        book.active.append(line)
    book.save(path)
    return str(path)


def by_xlsxwriter(path: Path) -> str:
    def fill(sheet: Any, book: Any) -> None:
        rows(["a", "b", "y"], [1, None, "ill"], [2, None, "well"], [3, None, "ill"])(sheet, book)
        for i in (1, 2, 3):
            sheet.write_formula(i, 1, f"=A{i + 1}*2")

    return xlsx(path, fill)


def by_odfpy(path: Path) -> str:
    lines = [[i, TableCell(formula=f"of:=[.A{i + 1}]*2"), CLASSES[i]] for i in (1, 2, 3)]
    return ods(path, [["a", "b", "y"], *lines])


def by_xlwt(path: Path) -> str:
    return xls(path, [["a", "b", "y"], *([i, xlwt.Formula(f"A{i + 1}*2"), CLASSES[i]] for i in (1, 2, 3))])


@pytest.mark.parametrize("write", [by_openpyxl, by_xlsxwriter, by_odfpy, by_xlwt])
def test_formulas_that_were_never_calculated_are_refused(write: Callable[[Path], str], tmp_path: Path) -> None:
    path = write(tmp_path / f"t.{ {by_odfpy: 'ods', by_xlwt: 'xls'}.get(write, 'xlsx') }")
    with pytest.raises(DataError, match=r"3 formulas have no result in the sheet \w+ \(B2, B3 and B4\)") as caught:
        table(path)
    assert "Open and save it in Excel first" in caught.value.hint


def test_formulas_with_results_are_numbers_also_where_some_are_zero(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        rows(["a", "b", "word", "y"], *([i, None, None, CLASSES[i]] for i in range(4)))(sheet, book)
        for i in range(4):
            sheet.write_formula(i + 1, 1, f"=A{i + 2}*2", None, 2 * i)
            sheet.write_formula(i + 1, 2, '=IF(A1>1,"u","v")', None, "uv"[i % 2])

    dataset = table(xlsx(tmp_path / "t.xlsx", fill))
    assert dataset.X.tolist() == [[0, 0, 0], [1, 2, 1], [2, 4, 0], [3, 6, 1]]


def test_uncalculated_formulas_outside_the_range_do_no_harm(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        rows(["a", "y", "sum"], *([i, CLASSES[i], None] for i in range(4)))(sheet, book)
        sheet.write_formula(2, 2, "=A3")

    path = xlsx(tmp_path / "t.xlsx", fill)
    with pytest.raises(DataError, match="1 formula has no result"):
        table(path)
    assert table(path, range="A1:B5").X.tolist() == [[0], [1], [2], [3]]


HOURS = [0.5, 1.25, 30 / 24, 61.5, 60.0]  # days


def test_clock_cells_of_a_day_and_more_are_seconds(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        clock, span = book.add_format({"num_format": "hh:mm:ss"}), book.add_format({"num_format": "[h]:mm:ss"})
        rows(["clock", "span", "y"], *([None, None, CLASSES[i % 4]] for i in range(5)))(sheet, book)
        for i, days in enumerate(HOURS, 1):
            sheet.write_number(i, 0, days, clock)
            sheet.write_number(i, 1, days, span)

    dataset = table(xlsx(tmp_path / "t.xlsx", fill))
    seconds = [days * 86400 for days in HOURS]
    assert dataset.X.tolist() == [[s, s] for s in seconds] and said(dataset, "Column clock holds times", "seconds")
    styles = xlwt.easyxf(num_format_str="hh:mm"), xlwt.easyxf(num_format_str="[h]:mm")
    cells = [[(days, styles[0]), (days, styles[1]), CLASSES[i % 4]] for i, days in enumerate(HOURS)]
    dataset = table(xls(tmp_path / "t.xls", [["clock", "span", "y"], *cells]))
    np.testing.assert_array_equal(dataset.X, [*([s, s] for s in seconds[:4]), [nan, seconds[4]]])
    assert "59 or 60 days cannot be told apart" in said(dataset, "Column clock", "missing (A6)")


def test_negative_times_of_a_workbook_that_counts_from_1904(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        clock = book.add_format({"num_format": "hh:mm"})
        rows(["t", "y"], *([None, CLASSES[i]] for i in range(4)))(sheet, book)
        for i, days in enumerate([0.25, -0.5, 0.0, 1.5], 1):
            sheet.write_number(i, 0, days, clock)

    dataset = table(xlsx(tmp_path / "t.xlsx", fill, date_1904=True))
    assert dataset.X[:, 0].tolist() == [21600, -43200, 0, 129600]


def test_durations_of_ods_are_the_stored_ones_not_the_shown_text(tmp_path: Path) -> None:
    spans = [
        ("PT00H01M30S", "01:30", 90),
        ("PT26H03M00S", "26:03", 93780),
        ("-PT1H", "-1:00", -3600),
        ("P2DT0.5S", "x", 172800.5),
    ]
    lines = [[ods_cell(value, "time", text), CLASSES[i]] for i, (value, text, _) in enumerate(spans)]
    dataset = table(ods(tmp_path / "t.ods", [["t", "y"], *lines]))
    assert dataset.X[:, 0].tolist() == [seconds for _, _, seconds in spans]


def tabs(path: Path, *names: str, hidden: tuple[str, ...] = ()) -> str:
    """A workbook with a chart in front, and these sheets of one table each, of which the numbers tell the sheet."""
    book = xlsxwriter.Workbook(str(path))
    book.add_chartsheet("Plot")
    for k, name in enumerate(names):
        sheet = book.add_worksheet(name)
        rows(["a", "y"], *([10 * k + i, CLASSES[i]] for i in range(4)))(sheet, book)
        if name in hidden:
            sheet.hide()
    book.close()
    return str(path)


def test_sheets_are_chosen_by_name_and_hidden_ones_are_named(tmp_path: Path) -> None:
    path = tabs(tmp_path / "t.xlsx", "Old", "Data", hidden=("Old",))
    dataset = table(path)
    assert dataset.X[:, 0].tolist() == [10, 11, 12, 13]
    assert said(dataset, "Hidden sheet not read: Old") and said(dataset, "Sheet Data: names in row 1, 4 rows (2 to 5) of A to B")
    assert table(path, sheet="old").X[0, 0] == 0
    with pytest.raises(DataError, match="chart or macro sheet"):
        table(path, sheet="Plot")
    with pytest.raises(DataError, match="no sheet '1'") as caught:
        table(path, sheet="1")
    assert caught.value.hint == "Its sheets, by name: Old and Data."


def test_several_sheets_with_cells_are_asked_for(tmp_path: Path) -> None:
    path = tabs(tmp_path / "t.xlsx", "North", "South")
    with pytest.raises(DataError, match="2 sheets have cells: North and South") as caught:
        table(path)
    assert caught.value.hint == "Say which one: dataset.sheet=North; with sdl predict use --sheet."
    assert table(path, sheet="South").X[0, 0] == 10
    with pytest.raises(DataError, match="only hidden sheets have cells: A"):
        book = openpyxl.Workbook()
        book.create_sheet("A").append(["a", "y"])
        book["A"].sheet_state = "veryHidden"
        book.save(tmp_path / "h.xlsx")
        table(str(tmp_path / "h.xlsx"))
    dataset = table(ods(tmp_path / "t.ods", [["a", "y"], [1, "ill"], [2, "well"]], hidden=True))
    assert said(dataset, "Hidden sheet not read: Old")


def test_a_table_that_starts_at_c4_with_blank_and_phantom_rows(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        sheet.write(0, 2, "Results of March")
        for j, name in enumerate(["a", "b", "y"]):
            sheet.write(3, 2 + j, name)
        for i in range(4):
            row = 4 + i + (i > 1)  # row 7 is blank
            for j, value in enumerate([i, i / 4, CLASSES[i]]):
                sheet.write(row, 2 + j, value)
        sheet.write_blank(5000, 40, None, book.add_format({"bold": True}))
        sheet.write(10, 2, "Source: ward 3")

    dataset = table(xlsx(tmp_path / "t.xlsx", fill))
    assert dataset.X.tolist() == [[0, 0], [1, 0.25], [2, 0.5], [3, 0.75]]
    assert dataset.ids.tolist() == ["5", "6", "8", "9"]
    assert said(dataset, "names in row 4, 4 rows (5 to 9) of C to E") and said(dataset, "Row 1 was left out", "Results of March")
    assert said(dataset, "Row 7 was skipped: blank.") and said(dataset, "Row 11 was left out below", "Source: ward 3")
    dataset = table(str(tmp_path / "t.xlsx"), range="C4:E8")
    assert dataset.X[:, 0].tolist() == [0, 1, 2] and said(dataset, "dataset.range ends above row 9")


def test_a_legend_above_the_names_is_no_row_of_names(tmp_path: Path) -> None:
    legend = [["y", "the outcome"], ["a", "mg"], []]
    body = [["a", "b", "c", "d", "y"], *([i, i / 2, i / 4, i / 8, CLASSES[i]] for i in range(4))]
    dataset = table(xlsx(tmp_path / "t.xlsx", rows(*legend, *body)))
    assert dataset.feature_names == ("a", "b", "c", "d") and said(dataset, "Rows 1 and 2 were left out above the names")


def test_another_table_below_or_beside_is_asked_for(tmp_path: Path) -> None:
    top = [["a", "b", "y"], *([i, i / 4, CLASSES[i]] for i in range(4))]
    path = xlsx(tmp_path / "below.xlsx", rows(*top, [], ["name", "mean", "n"], ["a", 1.5, 4]))
    with pytest.raises(DataError, match="another table seems to begin in row 7") as caught:
        table(path)
    assert caught.value.hint.endswith("dataset.range=A1:C5") and len(table(path, range="A1:C5")) == 4
    beside = [[*line, None, *more] for line, more in zip(top, [["k"], [1], [], [], []], strict=True)]
    with pytest.raises(DataError, match="E stands beside the table") as caught:
        table(xlsx(tmp_path / "beside.xlsx", rows(*beside)))
    assert caught.value.hint.endswith("dataset.range=A1:C5")
    spaced = [[*line, None, more] for line, more in zip(top, ["k", 1, 2, 3, 4], strict=True)]
    dataset = table(xlsx(tmp_path / "spaced.xlsx", rows(*spaced)))
    assert kinds(dataset) == {"a": "number", "b": "number", "k": "number"} and said(dataset, "1 blank column was skipped: D")


def two_rows_of_names(sheet: Any, book: Any) -> None:
    sheet.merge_range("A1:A2", "id")
    sheet.merge_range("B1:C1", "day 1")
    sheet.merge_range("D1:E1", "day 2")
    for j, name in enumerate(["t", "p", "t", "p"], 1):
        sheet.write(1, j, name)
    sheet.merge_range("F1:F2", "y")
    for i in range(4):
        for j, value in enumerate([f"p{i}", i, i / 2, i / 4, i / 8, CLASSES[i]]):
            sheet.write(2 + i, j, value)


def test_two_rows_of_names_and_rows_of_units(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "names.xlsx", two_rows_of_names)
    with pytest.raises(DataError, match=r"row 2 \(t, p, t, p\) looks like units or a second row of names") as caught:
        table(path)
    assert "dataset.header_lines=2" in caught.value.hint
    dataset = table(path, header_lines=2, id="id")
    assert dataset.feature_names == ("day 1 t", "day 1 p", "day 2 t", "day 2 p")
    assert dataset.X[3].tolist() == [3, 1.5, 0.75, 0.375] and said(dataset, "names of rows 1 to 2 were joined")
    units = [["dose", "time", "y"], ["mg", "min", None], [1, 5, "ill"], [2, 6, "well"], [3, 7, "ill"]]
    path = xlsx(tmp_path / "units.xlsx", rows(*units))
    with pytest.raises(DataError, match=r"row 2 \(mg, min\)"):
        table(path)
    dataset = table(path, header_lines=2)
    assert dataset.X.tolist() == [[1, 5], [2, 6], [3, 7]] and said(dataset, "Row 2 (mg, min) below the names was left out")
    new = xlsx(tmp_path / "new.xlsx", rows(["dose", "time"], [8, 9], [10, 11]))  # without the row of units
    assert np.concatenate([X for _, X in iter_rows(Path(new), inputs(dataset))]).tolist() == [[8, 9], [10, 11]]


def test_names_above_the_row_with_the_target(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        sheet.merge_range("A1:D1", "Study A")
        sheet.merge_range("B2:C2", "day 1")
        for i, line in enumerate([["id", "t", "p", "y"], *([f"p{i}", i, i / 2, CLASSES[i]] for i in range(4))]):
            sheet.write_row(2 + i, 0, line)

    path = xlsx(tmp_path / "t.xlsx", fill)
    with pytest.raises(DataError, match=r"row 3 \(id, t, p, y\) looks like units or a second row of names"):
        table(path)
    assert table(path, header_lines=2, id="id").feature_names == ("day 1 t", "day 1 p")
    assert table(path, header_lines=1, id="id").feature_names == ("t", "p")
    titled = rows(["Study", "A"], ["a", "b", "y"], ["mg", "min", None], *([i, i / 2, CLASSES[i]] for i in range(4)))
    assert table(xlsx(tmp_path / "u.xlsx", titled), header_lines=2).feature_names == ("a", "b")


def test_a_row_that_sums_up_is_left_out_and_a_doubtful_one_asked_for(tmp_path: Path) -> None:
    body = [["site", "a", "b", "y"], *([f"s{i % 2}", i, i / 4, i / 3] for i in range(6))]
    dataset = table(xlsx(tmp_path / "t.xlsx", rows(*body, ["Total", 15, 3.75, 5.0])))
    assert len(dataset) == 6 and said(dataset, "Row 8 (Total) was left out: it sums up the rows above")
    dataset = table(xlsx(tmp_path / "m.xlsx", rows(*body, [], ["Mean:", 2.5, 0.625, 5 / 6], ["SD", 1.9, 0.5, 0.6])))
    assert len(dataset) == 6 and said(dataset, "Rows 9 to 10 (Mean:) were left out")
    path = xlsx(tmp_path / "d.xlsx", rows(*body, ["Total", 99, 98, 97.5]))
    with pytest.raises(DataError, match=r"row 8 \('Total'\) may be a total") as caught:
        table(path)
    assert "dataset.range=A1:D7" in caught.value.hint and len(table(path, range="A1:D7")) == 6
    dataset = table(path, range="A1:D8")
    assert len(dataset) == 7 and said(dataset, "looks like a total; it was kept")
    dataset = table(xlsx(tmp_path / "n.xlsx", rows(*body, [None, 15, 3.75, 5.0])))
    assert len(dataset) == 6


def test_a_total_by_a_formula_without_a_result_is_left_out(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for line in [["site", "a", "y"], *([f"s{i % 2}", i, i / 3] for i in range(6)), ["Total", "=SUM(B2:B7)", "=SUM(C2:C7)"]]:
        book.active.append(line)
    book.save(tmp_path / "t.xlsx")
    assert len(table(str(tmp_path / "t.xlsx"))) == 6


def merged_sites(sheet: Any, book: Any) -> None:
    rows(["site", "a", "y"], *([None, i, CLASSES[i]] for i in range(4)))(sheet, book)
    sheet.merge_range("A2:A3", "north")
    sheet.merge_range("A4:A5", "south")


def test_merged_cells_over_several_rows_are_asked_for(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "t.xlsx", merged_sites)
    with pytest.raises(DataError, match=r"merged cells stand for several rows in site, such as A2:A3") as caught:
        table(path)
    assert "'dataset.fill_down=[site]'" in caught.value.hint
    dataset = table(path, fill_down=("site",))
    assert dataset.X[:, 0].tolist() == [0, 0, 1, 1] and said(dataset, "2 blank cells took the value above")
    dataset = table(path, fill_down=())
    np.testing.assert_array_equal(dataset.X[:, 0], [0, nan, 1, nan])
    assert said(dataset, "2 merged cells hold a value in the first row only")
    covered = [[ods_cell("north", numberrowsspanned=2), 1, "ill"], [CoveredTableCell(), 2, "well"], ["south", 3, "ill"]]
    path = ods(tmp_path / "t.ods", [["site", "a", "y"], *covered])
    with pytest.raises(DataError, match="merged cells stand for several rows in site, such as A2:A3"):
        table(path)
    assert table(path, fill_down=("site",)).X[:, 0].tolist() == [0, 0, 1]


def test_a_column_of_words_above_blanks_gets_the_offer(tmp_path: Path) -> None:
    lines = [["north" if i == 0 else "south" if i == 4 else None, i, CLASSES[i % 4]] for i in range(8)]
    dataset = table(xlsx(tmp_path / "t.xlsx", rows(["site", "a", "y"], *lines)))
    assert "'dataset.fill_down=[site]'" in said(dataset, "Column site is blank below")


def test_per_cent_is_kept_and_said(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        percent = book.add_format({"num_format": "0%"})
        rows(["a", "b", "y"], *([None, None, CLASSES[i]] for i in range(4)))(sheet, book)
        for i in range(4):
            sheet.write(i + 1, 0, 0.35, percent)
            sheet.write(i + 1, 1, 0.35 if i else 35, percent if i else None)

    dataset = table(xlsx(tmp_path / "t.xlsx", fill))
    assert dataset.X.tolist() == [[0.35, 35], *[[0.35, 0.35]] * 3]
    assert said(dataset, "Column a is shown in per cent and was read as stored: 35 % is 0.35")
    assert said(dataset, "Column b: 3 of its 4 numbers are shown in per cent and the others are not")
    lines = [[ods_cell(0.35, "percentage", "35%"), CLASSES[i]] for i in range(4)]
    assert said(table(ods(tmp_path / "t.ods", [["a", "y"], *lines])), "35 % is 0.35")


@pytest.mark.parametrize("is_1904", [False, True])
def test_dates_of_both_calendars(is_1904: bool, tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        rows(["d", "t", "y"], *([None, None, CLASSES[i]] for i in range(4)))(sheet, book)
        for i in range(4):
            sheet.write_datetime(i + 1, 0, dt.datetime(2020, 1, 28 + i), book.add_format({"num_format": "dd.mm.yyyy"}))
            sheet.write_datetime(i + 1, 1, dt.datetime(2020, 1, 28 + i, 6, 30), book.add_format({"num_format": "d/m/yy hh:mm"}))

    dataset = table(xlsx(tmp_path / "t.xlsx", fill, date_1904=is_1904))
    assert kinds(dataset) == {"d": "date", "t": "date"}
    assert dataset.X[:, 0].tolist() == [18289, 18290, 18291, 18292] and dataset.X[0, dataset.feature_names.index("t.hour")] == 6.5


def test_dates_beyond_9999_numbers_and_texts_among_dates(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        rows(["d", "y"], *([None, CLASSES[i % 4]] for i in range(7)))(sheet, book)
        for i in range(3):
            sheet.write_datetime(i + 1, 0, dt.datetime(2020, 1, 1 + i), day)
        sheet.write_number(4, 0, 3_000_000, day)
        sheet.write_number(5, 0, 43861)
        sheet.write_string(6, 0, "31.01.2020")
        sheet.write_string(7, 0, "1/31/2020")

    dataset = table(xlsx(tmp_path / "t.xlsx", fill))
    np.testing.assert_array_equal(dataset.X[:, 0], [18262, 18263, 18264, nan, nan, 18292, 18292])
    assert said(dataset, "1 cell beyond the year 9999 read as missing (A5)") and said(
        dataset, "plain number, such as 43861 in A6"
    )
    assert said(dataset, "2 text cells among the dates, such as '31.01.2020' in A7, read as 2020-01-31")


def test_a_text_date_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    def fill(sheet: Any, book: Any) -> None:
        rows(["d", "y"], *([None, CLASSES[i]] for i in range(3)))(sheet, book)
        sheet.write_datetime(1, 0, dt.datetime(2020, 1, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_string(2, 0, "03/04/2020")

    with pytest.raises(DataError, match="Data!A3: the text '03/04/2020' among the dates of column d can be read in two ways"):
        table(xlsx(tmp_path / "t.xlsx", fill))


MIXED = [
    ["id", "visit", "dose", "count", "site", "ok", "y"],
    *(
        [f"p{i}", dt.date(2020, 1, 1 + i), None if i == 3 else round(0.1 * i, 1), 7 * i, "ns"[i % 2], i % 3 == 0, i / 8]
        for i in range(12)
    ),
]  # fmt: skip


def written_as(name: str, path: Path) -> str:
    if name == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(MIXED)
    elif name == "ods":
        ods(path, MIXED)
    elif name == "xls":
        day = xlwt.easyxf(num_format_str="yyyy-mm-dd")
        xls(path, [[(v, day) if isinstance(v, dt.date) else v for v in line] for line in MIXED])
    elif name == "openpyxl.xlsx":
        book = openpyxl.Workbook()
        for line in MIXED:
            book.active.append(line)
        book.save(path)
    else:
        xlsx(path, rows(*MIXED), default_date_format="yyyy-mm-dd")
    return str(path)


def test_every_format_gives_the_numbers_of_the_same_csv(tmp_path: Path) -> None:
    first = table(written_as("csv", tmp_path / "t.csv"), id="id")
    for name in ("xlsx", "openpyxl.xlsx", "ods", "xls"):
        path = written_as(name, tmp_path / f"t.{name}")
        found = table(path, id="id")
        assert (found.columns, found.ids.tolist(), found.fingerprint) == (first.columns, first.ids.tolist(), first.fingerprint)
        for chunk in (5, 1000):
            parts = list(iter_rows(Path(path), inputs(first), chunk))
            np.testing.assert_array_equal(np.concatenate([X for _, X in parts]), first.X)
            assert [i for ids, _ in parts for i in ids] == first.ids.tolist()
        np.testing.assert_array_equal(np.concatenate([X for _, X in iter_rows(tmp_path / "t.csv", inputs(found))]), first.X)


def test_new_rows_are_found_in_another_sheet_and_below_the_range(tmp_path: Path) -> None:
    path = tabs(tmp_path / "t.xlsx", "North", "South")
    run = inputs(table(path, sheet="North", range="A1:B4"))
    notes: list[str] = []
    new = xlsx(tmp_path / "new.xlsx", rows(["y", "a"], *(["ill", i] for i in range(6))))
    X = np.concatenate([X for _, X in iter_rows(Path(new), run, notes=notes)])
    assert X[:, 0].tolist() == [0, 1, 2, 3, 4, 5] and any("There is no sheet North: Data was read" in note for note in notes)
    with pytest.raises(DataError, match="no sheet 'North', and 2 sheets have cells: A and B") as caught:
        list(iter_rows(Path(tabs(tmp_path / "ab.xlsx", "A", "B")), run))
    assert caught.value.hint == "Say which one: dataset.sheet=A; with sdl predict use --sheet."
    run = inputs(table(tabs(tmp_path / "one.xlsx", "South")))
    assert np.concatenate([X for _, X in iter_rows(Path(path), run)])[0, 0] == 10  # the sheet of the run's name


def test_a_second_file_brings_the_test_rows(tmp_path: Path) -> None:
    first, second = tabs(tmp_path / "t.xlsx", "Train"), tabs(tmp_path / "u.xlsx", "Test")
    dataset = table(first, test_path=second)
    assert dataset.part is not None and dataset.part.tolist() == ["train"] * 4 + ["test"] * 4 and len(dataset) == 8


def test_messages_name_the_row_of_the_sheet(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "t.xlsx", rows(["a", "a", "y"], [1, 2, "ill"], [3, 4, "well"]))
    with pytest.raises(DataError, match="row 1: columns 1, 2 are all called 'a'"):
        table(path)
    with pytest.raises(DataError, match=r"the target y is missing in 1 row of 3 \(row 4\)"):
        table(xlsx(tmp_path / "m.xlsx", rows(["a", "y"], [1, "ill"], [3, "well"], [2, None])))
    dataset = table(xlsx(tmp_path / "u.xlsx", rows(["a", "y"], *([i, CLASSES[i]] for i in range(4)))))
    new = xlsx(tmp_path / "v.xlsx", rows(["a"], [1], ["much"], [2]))
    with pytest.raises(DataError, match="row 3: column a holds 'much', which is not a finite number"):
        list(iter_rows(Path(new), inputs(dataset)))


def test_many_numbers_are_written_as_few_are() -> None:
    random = np.random.default_rng(5)
    numbers = np.concatenate(
        [
            random.normal(size=9000),
            random.normal(size=2000) * 10.0 ** random.integers(-30, 30, 2000),
            np.arange(5000) / 8,
            np.round(random.random(5000), 3),
        ]
    )
    texts = number_texts(numbers.tolist()).tolist()
    assert len(texts) > 20_000 and texts == [number_text(value) for value in numbers]
    assert [float(text) for text in texts] == numbers.tolist()

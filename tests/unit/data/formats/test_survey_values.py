"""What values of survey files mean: declared missing, labelled, ordered, dates and times, blanks, zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from unit.data.formats.survey_made import ENDINGS, cells_of, column, inputs, new_rows, read, said, write

from sdl_cli.data.sources.table import Table, load
from sdl_cli.errors import DataError

pytest.importorskip("pyreadstat")

N = 24
Y = [1.0, 2.0] * (N // 2)
AGE = [20.0 + i for i in range(N - 4)] + [99.0, 99.0, 98.0, np.nan]
INF = float("inf")


def test_declared_missing_values_are_missing_and_their_reasons_counted(tmp_path: Path) -> None:
    labels = {"age": {99: "refused", 98: "don't know"}}
    path = write(tmp_path / "t.sav", {"age": AGE, "y": Y}, variable_value_labels=labels, missing_ranges={"age": [98, 99]})
    dataset = read(path)
    np.testing.assert_array_equal(dataset.X[:, 0], AGE[:-4] + [np.nan] * 4)
    assert said(dataset, "age: refused in 2 rows, don't know in 1 row", "dataset.missing_reasons=column")


def test_reasons_can_be_a_column_beside(tmp_path: Path) -> None:
    labels = {"age": {99: "refused"}}
    path = write(tmp_path / "t.sav", {"age": AGE, "y": Y}, variable_value_labels=labels, missing_ranges={"age": [98, 99]})
    dataset = read(path, missing_reasons="column")
    assert dataset.feature_names == ("age", "age.missing")
    reasons = dataset.columns[1]
    assert reasons.kind == "category" and set(reasons.levels) == {"answered", "refused", "98"}
    told = [reasons.levels[int(i)] if i == i else None for i in dataset.X[:, 1]]
    assert told == ["answered"] * (N - 4) + ["refused", "refused", "98", None]
    few = write(tmp_path / "few.sav", {"age": [30.0, 99.0]}, variable_value_labels=labels, missing_ranges={"age": [98, 99]})
    assert read(path, "age", missing_reasons="column", missing_target="drop", task="regression").feature_names == ("y",)
    _, X, _ = new_rows(few, dataset)  # new rows have the column too, whatever stands in them
    assert [reasons.levels[int(i)] for i in X[:, 1]] == ["answered", "refused"] and np.isnan(X[1, 0])
    plain = write(tmp_path / "plain.sav", {"age": [30.0, 31.0]})
    assert new_rows(plain, dataset)[1][:, 1].tolist() == [reasons.levels.index("answered")] * 2


@pytest.mark.parametrize("chunk_rows", [1, 5, 100])
def test_new_rows_in_chunks_are_the_same(tmp_path: Path, chunk_rows: int) -> None:
    labels = {"age": {99: "refused"}, "sex": {1: "man", 2: "woman"}}
    columns = {"age": AGE, "sex": [1.0, 2.0, 2.0] * (N // 3), "y": Y, "t": ["a", "b"] * (N // 2)}
    path = write(tmp_path / "t.sav", columns, variable_value_labels=labels, missing_ranges={"age": [98, 99]})
    dataset = read(path, missing_reasons="column")
    ids, X, _ = new_rows(path, dataset, chunk_rows)
    np.testing.assert_array_equal(X, dataset.X)
    assert ids == dataset.ids.tolist() == [str(i + 1) for i in range(N)]


def test_ranges_without_an_end(tmp_path: Path) -> None:
    columns = {"low": [-5.0, -1.0, 0.0, 3.0, 99.0], "high": [1.0, 2.0, 97.0, 98.0, 1e9]}
    ranges: dict[str, list[Any]] = {"low": [{"lo": -INF, "hi": -1}, 99], "high": [{"lo": 97, "hi": INF}]}
    cells = cells_of(write(tmp_path / "t.sav", columns, missing_ranges=ranges))
    assert column(cells, "low") == [None, None, "0", "3", None] and column(cells, "high") == ["1", "2", None, None, None]


def test_text_that_is_declared_missing(tmp_path: Path) -> None:
    columns = {"s": ["a", "zz", "", "  ", "b"]}
    cells = cells_of(write(tmp_path / "t.sav", columns, missing_ranges={"s": ["zz"]}))
    assert column(cells, "s") == ["a", None, None, None, "b"] and "zz in 1 row" in " ".join(cells.notes)


def test_missing_letters_of_stata_and_the_ordinary_missing_value(tmp_path: Path) -> None:
    columns = {"u": pd.Series(["a", None, 0, 2, "b"], dtype=object), "v": [1, 2, 3, 4, 5]}
    path = write(
        tmp_path / "t.dta", columns, missing_user_values={"u": ["a", "b"]}, variable_value_labels={"u": {"a": "refused"}}
    )
    cells = cells_of(path, missing_reasons="column")
    assert column(cells, "u") == [None, None, "0", "2", None]
    assert column(cells, "u.missing") == ["refused", None, "answered", "answered", ".b"]


def test_a_label_on_some_values_leaves_numbers(tmp_path: Path) -> None:
    labels = {"age": {99: "refused"}, "scale": {1: "not at all", 10: "very"}}
    columns = {"age": AGE, "scale": [float(i % 10 + 1) for i in range(N)], "y": Y}
    path = write(tmp_path / "t.sav", columns, variable_value_labels=labels)
    dataset = read(path)
    assert [c.kind for c in dataset.columns] == ["number", "number"]
    np.testing.assert_array_equal(dataset.X[:, 0], AGE)
    assert said(dataset, "age was read as numbers", "99 = refused in 2 rows", "dataset.missing_values=[refused]")
    assert said(dataset, "scale was read as numbers", "1 = not at all in 3 rows", "10 = very in 2 rows")
    for word in ("refused", "99"):
        dataset = read(path, missing_values=(word,))
        assert np.isnan(dataset.X[-4:, 0]).tolist() == [True, True, False, True]
        np.testing.assert_array_equal(new_rows(path, dataset)[1], dataset.X)
    categorical = read(path, categorical=("scale",)).columns[1]
    assert categorical.levels[-2:] == ("not at all", "very") and "2" in categorical.levels


def test_order_by_code_where_the_measure_is_ordinal(tmp_path: Path) -> None:
    words = {1: "low", 2: "middle", 3: "high"}
    columns = {name: [1.0, 2.0, 3.0] * (N // 3) for name in ("o", "n", "y")}
    labels = dict.fromkeys(columns, words)
    path = write(
        tmp_path / "t.sav",
        columns,
        variable_value_labels=labels,
        variable_measure={"o": "ordinal", "n": "nominal", "y": "ordinal"},
    )
    dataset = read(path)
    assert dataset.columns[0].levels == dataset.classes == ("low", "middle", "high")
    assert dataset.columns[1].levels == ("high", "low", "middle")
    assert dataset.y.tolist() == [0, 1, 2] * (N // 3) and dataset.X[:3].tolist() == [[0, 1], [1, 2], [2, 0]]
    assert read(path, "n").classes == ("high", "low", "middle")


def test_codes_instead_of_words(tmp_path: Path) -> None:
    columns = {"o": [1.0, 2.0, 3.0, np.nan] * (N // 4), "y": Y}
    path = write(tmp_path / "t.sav", columns, variable_value_labels={"o": {1: "low", 2: "middle", 3: "high"}})
    dataset = read(path, codes=("o",))
    np.testing.assert_array_equal(dataset.X[:, 0], columns["o"])
    np.testing.assert_array_equal(new_rows(path, dataset)[1], dataset.X)
    assert not said(dataset, "was read as numbers")
    with pytest.raises(DataError, match=r"dataset\.codes: .* has no column 'q'"):
        read(path, codes=("q",))


def test_codes_with_one_label_are_kept_apart(tmp_path: Path) -> None:
    columns = {"region": [10.0, 20.0, 30.0] * (N // 3), "y": Y}
    path = write(tmp_path / "t.sav", columns, variable_value_labels={"region": {10: "North", 20: "North", 30: "South"}})
    dataset = read(path)
    assert dataset.columns[0].levels == ("North (10)", "North (20)", "South")
    assert said(dataset, "region", "kept apart", "North (10) and North (20)")


def test_a_nominal_value_without_a_label_is_a_category_of_its_own(tmp_path: Path) -> None:
    columns = {"region": [1.0, 2.0, 3.0] * (N // 3), "y": Y}
    how: dict[str, Any] = {"variable_value_labels": {"region": {1: "North", 2: "South"}}}
    dataset = read(write(tmp_path / "t.sav", columns, variable_measure={"region": "nominal"}, **how))
    assert dataset.columns[0].levels == ("3", "North", "South") and said(dataset, "region", "3 in 8 rows")
    assert read(write(tmp_path / "u.sav", columns, **how)).columns[0].kind == "number"


def test_labels_are_class_names_and_columns_are_called_by_theirs(tmp_path: Path) -> None:
    columns = {"q1": [float(i % 7) for i in range(N)], "y": Y}
    path = write(
        tmp_path / "t.sav",
        columns,
        column_labels={"q1": "Age in years", "y": None},
        variable_value_labels={"y": {1: "well", 2: "ill"}},
    )
    dataset = read(path)
    assert dataset.classes == ("ill", "well") and dataset.y.tolist() == [1, 0] * (N // 2)
    assert dataset.source["codes"] == {"y": {"well": "1", "ill": "2"}} and dataset.source["labels"] == {"q1": "Age in years"}
    assert dataset.called("q1") == "Age in years (q1)" and dataset.called("y") == "y"
    assert dataset.called("q1", 20) == "Age in years (q1)" and dataset.called("q1", 17) == "Age in years (q1)"


def test_another_file_is_read_as_the_run_read_its_own(tmp_path: Path) -> None:
    labels = {"region": {1: "North", 2: "South"}, "y": {1: "well", 2: "ill"}}
    path = write(tmp_path / "t.sav", {"region": [1.0, 2.0] * 12, "y": Y}, variable_value_labels=labels)
    dataset = read(path)
    # a value without a label would make this column numbers, were it not known
    other = write(tmp_path / "o.sav", {"region": [2.0, 3.0, 1.0], "y": [2.0, 2.0, 1.0]}, variable_value_labels=labels)
    ids, X, notes = new_rows(other, dataset)
    assert X[:, 0].tolist() == [1, 2, 0] and any("'3'" in note for note in notes)
    again = load(Table(path=str(other), target="y"), like=inputs(dataset))
    assert again.classes == ("ill", "well") and again.y.tolist() == [0, 0, 1] and again.X[:, 0].tolist() == [1, 2, 0]
    (tmp_path / "words.csv").write_text("region\nSouth\nNorth\n")
    assert new_rows(tmp_path / "words.csv", dataset)[1][:, 0].tolist() == [1, 0]


def test_a_second_file_is_read_as_the_first(tmp_path: Path) -> None:
    labels = {"region": {1: "North", 2: "South"}, "y": {1: "well", 2: "ill"}}
    first = write(tmp_path / "t.sav", {"region": [1.0, 2.0] * 12, "y": Y}, variable_value_labels=labels)
    second = write(tmp_path / "o.sav", {"region": [2.0, 3.0, 1.0, 1.0], "y": [2.0, 2.0, 1.0, 1.0]}, variable_value_labels=labels)
    dataset = read(first, test_path=str(second))
    assert dataset.columns[0].levels == ("3", "North", "South") and dataset.X[-4:, 0].tolist() == [2, 0, 1, 1]
    (tmp_path / "t.csv").write_text("region,y\n" + "North,well\nSouth,ill\n" * 12)
    dataset = read(tmp_path / "t.csv", test_path=str(second))
    assert dataset.columns[0].levels == ("3", "North", "South") and dataset.classes == ("ill", "well")


SECONDS = 13_797_302_400.0  # 2 January 2020 of SPSS


def test_dates_and_times_of_spss(tmp_path: Path) -> None:
    columns = {"d": [SECONDS, SECONDS + 86400.0], "m": [SECONDS, SECONDS], "q": [SECONDS, SECONDS], "w": [SECONDS, SECONDS]}
    columns |= {"t": [30 * 3600.0, 0.5], "dt": [3 * 86400.0 + 60, -60.0], "stamp": [SECONDS + 1, SECONDS + 3600]}
    formats = {"d": "DATE11", "m": "MOYR8", "q": "QYR8", "w": "WKYR10", "t": "TIME8", "dt": "DTIME12", "stamp": "DATETIME20"}
    cells = cells_of(write(tmp_path / "t.sav", columns, variable_format=formats))
    assert column(cells, "d") == ["2020-01-02", "2020-01-03"]
    assert all(column(cells, name) == ["2020-01-02"] * 2 for name in "mqw")
    assert column(cells, "t") == ["108000", "0.5"] and column(cells, "dt") == ["259260", "-60"]
    assert column(cells, "stamp") == ["2020-01-02 00:00:01", "2020-01-02 01:00:00"]
    assert "Times were read as seconds: t, dt." in cells.notes


def test_dates_and_times_of_stata(tmp_path: Path) -> None:
    values = {"td": 21916.0, "tm": 601.0, "tq": 201.0, "th": 101.0, "tw": 2600.0, "ty": 2020.0, "tc": 1893553445000.0}
    formats = {name: f"%{name}" for name in values} | {"clock": "%tcHH:MM:SS", "leap": "%tC"}
    values |= {"clock": 30 * 3_600_000.0, "leap": 1893553445000.0 + 27_000}
    cells = cells_of(write(tmp_path / "t.dta", {name: [value] for name, value in values.items()}, variable_format=formats))
    found = {name: column(cells, name)[0] for name in cells.names}
    assert found == {
        "td": "2020-01-02",
        "tm": "2010-02-01",
        "tq": "2010-04-01",
        "th": "2010-07-01",
        "tw": "2010-01-01",
        "ty": "2020",
        "tc": "2020-01-02 03:04:05",
        "clock": "108000",
        "leap": "2020-01-02 03:04:05",
    }


@pytest.mark.parametrize("ending", ["xpt", "sas7bdat"])
def test_dates_and_times_of_sas(tmp_path: Path, ending: str) -> None:
    columns = {"D": [21916.0, 21917.0], "M": [21916.0, 21916.0], "T": [90000.0, 1.0], "S": [1.9e9, 1.9e9 + 1]}
    formats = {"D": "DATE9", "M": "MONYY7", "T": "TIME8", "S": "DATETIME20"}
    if ending == "sas7bdat":
        formats = {name: written.rstrip("0123456789") for name, written in formats.items()}
    cells = cells_of(write(tmp_path / f"t.{ending}", columns, variable_format=formats))
    assert column(cells, "D") == ["2020-01-02", "2020-01-03"] and column(cells, "M") == ["2020-01-02"] * 2
    assert column(cells, "T") == ["90000", "1"] and column(cells, "S") == ["2020-03-16 17:46:40", "2020-03-16 17:46:41"]


@pytest.mark.parametrize(("ending", "good", "bad"), [("sav", SECONDS, 1e15), ("dta", 21916.0, 1e9), ("xpt", 21916.0, 1e9)])
def test_a_date_out_of_range_is_missing_and_the_others_stay(tmp_path: Path, ending: str, good: float, bad: float) -> None:
    columns = {"d": [good, bad, good] * 8, "y": Y}
    form = {"sav": "DATE11", "dta": "%td", "xpt": "DATE9"}[ending]
    path = write(tmp_path / f"t.{ending}", columns, variable_format={"d": form})
    dataset = read(path)
    assert np.isnan(dataset.X[:, 0]).tolist() == [False, True, False] * 8 and dataset.X[0, 1] == 2020
    assert said(dataset, "no date", "d (8 rows, such as 10000")
    ids, X, notes = new_rows(path, dataset, 5)
    np.testing.assert_array_equal(X, dataset.X)
    assert notes.count("d: values that are no date are missing.") == 1


def test_a_code_among_dates_is_missing(tmp_path: Path) -> None:
    columns = {"d": [SECONDS, 99.0, SECONDS], "e": [21916.0, 99.0, 21916.0]}
    cells = cells_of(write(tmp_path / "t.sav", {"d": columns["d"]}, variable_format={"d": "DATE11"}))
    assert column(cells, "d") == ["2020-01-02", None, "2020-01-02"] and "such as 99" in " ".join(cells.notes)
    labels = {"e": {99: "unknown"}}
    cells = cells_of(write(tmp_path / "t.dta", {"e": columns["e"]}, variable_format={"e": "%td"}, variable_value_labels=labels))
    assert column(cells, "e") == ["2020-01-02", None, "2020-01-02"] and "unknown in 1 row" in " ".join(cells.notes)


@pytest.mark.parametrize("ending", ENDINGS)
def test_blanks_zeros_and_whole_numbers(tmp_path: Path, ending: str) -> None:
    columns = {"S": ["", "  ", "word", "NA"], "Z": [0.0, 0.0, 1.5, -1e-300], "W": [1.0, np.nan, 3.0, 2.0**52]}
    if ending == "xpt":
        columns["Z"][3] = -1e-70  # its numbers reach to 5.4e-79
    cells = cells_of(write(tmp_path / f"t.{ending}", columns))
    assert column(cells, "S") == [None, None, "word", "NA"]
    small = [float(cell or "nan") for cell in column(cells, "Z")]
    assert small[:3] == [0, 0, 1.5] and small[3] == pytest.approx(columns["Z"][3], rel=1e-14)
    assert column(cells, "Z")[:3] == ["0", "0", "1.5"] and column(cells, "W") == ["1", None, "3", "4503599627370496"]


def test_long_text_of_stata(tmp_path: Path) -> None:
    frame = pd.DataFrame({"s": ["x" * 3000, "", None, "y"], "n": [1, 2, 3, 4], "c": pd.Categorical(["lo", "hi", "lo", None])})
    frame.to_stata(tmp_path / "t.dta", version=118, convert_strl=["s"], write_index=False)
    cells = cells_of(tmp_path / "t.dta")
    assert column(cells, "s") == ["x" * 3000, None, None, "y"]
    assert column(cells, "n") == ["1", "2", "3", "4"] and column(cells, "c") == ["lo", "hi", "lo", None]


def test_text_of_digits(tmp_path: Path) -> None:
    columns = {"code": [f"00{i % 5}" for i in range(N)], "typed": [f"{i / 2}" for i in range(N)], "y": Y}
    dataset = read(write(tmp_path / "t.sav", columns))
    assert [c.kind for c in dataset.columns] == ["category", "number"] and dataset.columns[0].levels[1] == "001"
    assert said(dataset, "Text in the file that holds numbers alone was read as numbers: typed", "dataset.categorical=[typed]")


def test_labels_of_text_codes(tmp_path: Path) -> None:
    columns = {"land": ["de", "fr", "xx"] * (N // 3), "y": Y}
    dataset = read(write(tmp_path / "t.sav", columns, variable_value_labels={"land": {"de": "Germany", "fr": "France"}}))
    assert dataset.columns[0].levels == ("France", "Germany", "xx")


def test_missing_letters_of_sas(tmp_path: Path) -> None:
    path = write(tmp_path / "t.sas7bdat", {"a": [1.0, "A", None, "_", 0.0]}, column_labels={"a": "Age"})
    cells = cells_of(path, missing_reasons="column")
    assert column(cells, "a") == ["1", None, None, None, "0"] and cells.labels["a"] == "Age"
    assert column(cells, "a.missing") == ["answered", ".A", None, "._", "answered"]


def test_missing_letters_of_a_transport_file(tmp_path: Path) -> None:
    path = write(tmp_path / "t.xpt", {"A": [1.0, 2.0, 3.0]}, file_format_version=5)
    content = bytearray(path.read_bytes())
    at = content.rindex(bytes([0x41, 0x20, 0, 0, 0, 0, 0, 0]))  # 2 in IBM's numbers
    content[at : at + 8] = b"A" + bytes(7)  # the letter, and zeros
    path.write_bytes(content)
    assert column(cells_of(path), "A") == ["1", None, "3"]


def test_declared_missing_values_and_labels_of_a_portable_file(tmp_path: Path) -> None:
    path = write(tmp_path / "t.por", {"AGE": [34.0, 99.0, 51.0], "SEX": [1.0, 2.0, 1.0]}, column_labels={"AGE": "Age"})
    text = path.read_bytes().decode("latin-1").replace("\r\n", "")
    text = text.replace("C3/Age", "839/C3/Age")  # 99 is missing: 39 to the base of 30
    at = text.index("F", text.index("SEX"))
    text = text[:at] + "D1/3/SEX2/1/3/man2/5/woman" + text[at:]
    path.write_bytes("\r\n".join(text[i : i + 80] for i in range(0, len(text), 80)).encode("latin-1") + b"\r\n")
    cells = cells_of(path)
    assert column(cells, "AGE") == ["34", None, "51"] and column(cells, "SEX") == ["man", "woman", "man"]
    assert cells.labels == {"AGE": "Age"}


def test_words_are_no_numbers_to_predict(tmp_path: Path) -> None:
    columns = {"x": [float(i % 5) for i in range(N)], "o": [1.0, 2.0, 3.0] * (N // 3)}
    path = write(tmp_path / "t.sav", columns, variable_value_labels={"o": {1: "low", 2: "middle", 3: "high"}})
    with pytest.raises(DataError, match=r"dataset\.codes=\[o\]"):
        read(path, "o", task="regression")
    dataset = read(path, "o", task="regression", codes=("o",))
    assert dataset.task == "regression" and dataset.y.tolist() == columns["o"] and "codes" not in dataset.source


def test_settings_for_words_have_no_effect_on_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "1,a\n2,b\n" * 9)
    dataset = read(tmp_path / "t.csv", codes=("x",), missing_reasons="column")
    assert said(dataset, "dataset.codes and dataset.missing_reasons: no effect")


def test_rows_without_a_target_are_named_by_their_number(tmp_path: Path) -> None:
    path = write(tmp_path / "t.sav", {"x": [1.0] * N, "y": [np.nan, *Y[1:]]})
    with pytest.raises(DataError, match=r"missing in 1 row of 24 \(row 1\)"):
        read(path)

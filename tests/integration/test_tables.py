"""From a table to a result and to predictions on new rows, on the command line; and every table that cannot be used is named."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from integration.conftest import BASELINE, Outcome, Sdl, run_here, tree

from sdl_cli.data.sources import new_rows

QUICK = f"{BASELINE} model.kind=logistic"
NET = "model=deep_net model.depth=1 model.width=8 training.epochs=2"


def people(num: int = 60, seed: int = 0) -> str:
    """A mixed table with missing cells, whose class is nearly told by age and kind; ids and classes begin like formulas."""
    rng = np.random.default_rng(seed)
    lines = ["case,age,kind,smoker,visit,clinic,outcome,cost"]
    for i in range(num):
        cells = [
            f"=P{i}",
            f"{30 + 20 * (i % 2) + rng.normal():.3f}",
            "uvw"[(i + int(rng.random() < 0.1)) % 3],
            "yes" if rng.random() < 0.5 else "no",
            f"2020-{i % 12 + 1:02d}-{i % 28 + 1:02d}",
            f"c{i // 4}",
            "+ill" if i % 2 else "well",
            f"{100 + 10 * (i % 2) + rng.normal():.4f}",
        ]
        for j in (1, 2, 3, 4):
            if rng.random() < 0.05:
                cells[j] = rng.choice(["", "NA", "?"])
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def columns_of(text: str, names: list[str]) -> str:
    """Some columns of a table, in this order."""
    rows = list(csv.DictReader(text.splitlines()))
    return "\n".join([",".join(names), *(",".join(row[name] for name in names) for row in rows)]) + "\n"


def read(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def probabilities(rows: list[dict[str, str]]) -> np.ndarray[Any, Any]:
    return np.array([[float(v) for k, v in row.items() if k.startswith("probability_")] for row in rows])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and finished runs on it: of classes, of numbers, and of the table without a header."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "people.csv").write_text(people())
    (folder / "bare.csv").write_text(people().partition("\n")[2])
    shared = f"train dataset=table {BASELINE} dataset.path={folder}"
    run_here(f"{shared}/people.csv dataset.target=outcome dataset.drop=[cost] dataset.id=case hydra.run.dir={folder}/run")
    run_here(f"{shared}/people.csv dataset.target=cost dataset.drop=[outcome] dataset.id=case hydra.run.dir={folder}/numbers")
    run_here(f"{shared}/bare.csv dataset.target=6 dataset.drop=[-1,0] hydra.run.dir={folder}/bare")
    return folder


# Bad tables: file name, content, settings -> fragments of the message

FEW = "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n"
COUNTED = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(30))
BAD: list[tuple[str, bytes | str, str, list[str]]] = [
    # files
    ("t.csv", "", "dataset.target=y", ["t.csv", "empty"]),
    ("t.csv", "\n\n \n", "dataset.target=y", ["t.csv", "blank lines only"]),
    ("t.csv", "x,y\n", "dataset.target=y", ["t.csv: the table has no rows"]),
    ("t.csv", b"PK\x03\x04" + b"\0" * 50, "dataset.target=y", ["t.csv", "Excel", "CSV"]),
    ("t.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "dataset.target=y", ["t.csv", "an image"]),
    ("t.csv", b"x,y\n1,a\0\n", "dataset.target=y", ["t.csv", "line 2", "zero byte"]),
    ("t.csv", bytes(range(1, 32)) * 40, "dataset.target=y", ["t.csv", "not a text file"]),
    ("t.csv.gz", gzip.compress(FEW.encode())[:-12], "dataset.target=y", ["t.csv.gz", "damaged gzip"]),
    ("t.csv", "größe,y\n".encode() * 3 + b"\xff,a\n", "dataset.target=y dataset.encoding=utf-8", ["line 4", "not valid utf-8"]),
    ("t.csv", FEW, "dataset.target=y dataset.encoding=latin-9999", ["dataset.encoding", "latin-9999"]),
    ("t.csv", FEW, "dataset.target=y dataset.delimiter=ab", ["dataset.delimiter", "'ab'"]),
    ("t.csv", FEW, "dataset.target=y dataset.decimal=:", ["dataset.decimal"]),
    ("t.csv", FEW.replace("3,a", "3,a,9"), "dataset.target=y", ["line 4 has 3 fields, but the header 2"]),
    ("t.csv", FEW.replace("3,a", "3"), "dataset.target=y", ["line 4 has 1 field"]),
    ("t.csv", FEW.replace("3,a", '3,"a'), "dataset.target=y", ["quote that opens on line 4 is not closed"]),
    # names
    ("t.csv", FEW.replace("x,y", "y,y"), "dataset.target=y", ["columns 1, 2 are all called 'y'"]),
    ("t.csv", FEW, "", ["dataset.target: which column", "x, y", "Add dataset.target=y"]),
    ("t.csv", FEW, "dataset.target=z", ["dataset.target:", "no column 'z'", "x, y"]),
    ("t.csv", FEW, "dataset.target=5", ["dataset.target=5", "2 columns"]),
    ("t.csv", FEW, "dataset.target=y dataset.group=patient", ["dataset.group:", "no column 'patient'"]),
    ("t.csv", FEW, "dataset.target=y dataset.id=y", ["dataset.id and dataset.target are both the column y"]),
    ("t.csv", FEW, "dataset.target=y dataset.drop=[q]", ["dataset.drop:", "no column 'q'"]),
    ("t.csv", FEW, "dataset.target=y dataset.features=[y]", ["dataset.features: y is the target"]),
    ("t.csv", FEW, "dataset.target=y dataset.test_path=none.csv", ["none.csv does not exist"]),
    ("t.csv", FEW, "dataset.target=y dataset.min_class_rows=1", ["dataset.min_class_rows"]),
    ("t.csv", FEW, "dataset.target=y dataset.min_class_rows=50", ["dataset.min_class_rows=50", "no value of y"]),
    ("t.csv", FEW, "dataset.target=y dataset.task=regresion", ["dataset.task", "Did you mean regression?"]),
    # targets
    ("t.csv", FEW.replace("3,a", "3,"), "dataset.target=y", ["y is missing in 1 row of 8 (line 4)", "missing_target=drop"]),
    ("t.csv", FEW.replace("a", "").replace("b", ""), "dataset.target=y", ["y is missing in every row"]),
    ("t.csv", FEW.replace("b", "a"), "dataset.target=y", ["one value only, 'a'"]),
    ("t.csv", FEW, "dataset.target=y dataset.task=regression", ["holds text in 8 rows"]),
    ("t.csv", FEW + "9,c\n", "dataset.target=y", ["a class needs 2 rows", "c (1)", "min_class_rows"]),
    ("t.csv", "y,x\n" + COUNTED, "dataset.target=y", ["y has 30 different values in 30 rows", "name the rows"]),
    ("t.csv", "y,x\n" + "".join(f"n{i},1.{i}\n" for i in range(30)), "dataset.target=y", ["it seems to name the rows"]),
    ("t.csv", FEW.replace("a", "a" * 10_000), "dataset.target=y", ["class name of 10,000 characters"]),
    ("t.csv", FEW.replace("a", "inf").replace("b", "1.5"), "dataset.target=y", ["infinite numbers"]),
    ("t.csv", FEW.replace("a", "NA"), "dataset.target=y", ["it holds 'NA' in 4 of them", "a value here: dataset.text=[y]"]),
    ("t.csv", "x,y\n" + "".join(f"{i % 7},${i}\n" for i in range(20)) * 2, "dataset.target=y", ["a unit, such as $0", "dataset.text=[y]"]),
    # marks and lines that can be read in two ways
    ("t.csv", "x;y\n" + "1,234;a\n5,678;b\n" * 9, "dataset.target=y", ["is that 1234 or 1.234?", "dataset.thousands=none"]),
    ("t.csv", FEW, "dataset.target=y dataset.decimal=, dataset.thousands=,", ["dataset.decimal and dataset.thousands are both"]),
    ("t.csv", "x,y\nkPa,-\n" + "1,a\n2,b\n" * 9, "dataset.target=y", ["line 2 (kPa, -) looks like units", "header_lines=2"]),
    # features
    ("t.csv", "x,y\n" + COUNTED, "dataset.target=y", ["no column is left to learn from", "x counts the rows"]),
    ("t.csv", "y\na\nb\na\nb\n", "dataset.target=y", ["no column is left to learn from"]),
    ("t.csv", FEW.replace("3,a", "-inf,a"), "dataset.target=y", ["line 4: column x holds '-inf'"]),
    # splits and thresholds
    ("t.csv", "x,g,y\n" + "1,k,a\n2,k,b\n" * 5, "dataset.target=y dataset.group=g", ["1 groups cannot be divided"]),
    ("t.csv", FEW + "9,c\n10,c\n" * 3, "dataset.target=y threshold=0.3", ["threshold=0.3", "two classes, but there are 3"]),
    ("t.csv", FEW, "dataset.target=y threshold=1.5", ["threshold:", "between 0 and 1"]),
    ("t.csv", FEW, "dataset.target=y dataset.num_train=500", ["dataset.num_train=500"]),
]  # fmt: skip


def refused(found: Outcome, fragments: list[str]) -> None:
    assert found.code == 2, found.err
    assert "Traceback" not in found.err
    lines = found.err[found.err.index("error   ") :].splitlines()
    assert 1 <= len(lines) <= 3, found.err
    assert all(line.isprintable() for line in lines), found.err
    whole = " ".join(" ".join(lines).split())
    for fragment in fragments:
        assert fragment in whole, f"{fragment!r} is not in:\n{found.err}"


@pytest.mark.parametrize(("name", "content", "settings", "fragments"), BAD, ids=[f"{b[2]} {b[3]}" for b in BAD])
def test_a_table_that_cannot_be_used_is_named(
    sdl: Sdl, tmp_path: Path, name: str, content: bytes | str, settings: str, fragments: list[str]
) -> None:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    refused(sdl(f"train dataset=table dataset.path={name} {settings} {QUICK}"), fragments)
    assert tree(tmp_path) == {name}, "something was left behind"


def test_a_folder_and_a_missing_file_are_named(sdl: Sdl, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "patients.csv").write_text(FEW)
    refused(sdl(f"train dataset=table dataset.path=folder dataset.target=y {QUICK}"), ["dataset.path:", "is a folder"])
    refused(
        sdl(f"train dataset=table dataset.path=patient.csv dataset.target=y {QUICK}"),
        ["patient.csv", "Did you mean patients.csv?"],
    )
    refused(sdl(f"train dataset=table dataset.target=y {QUICK}"), ["dataset.path:", "must be given"])
    assert tree(tmp_path) == {"folder", "patients.csv"}


ODD: list[tuple[str, str, list[str]]] = [
    # tables that look bad and are not -> part of a note
    ("d,y\n" + "".join(f"2020-01-{i + 1:02d},{'ab'[i % 2]}\n" for i in range(28)), "", []),
    ("c,y\n" + "u,a\nv,b\n" * 10, "", []),
    ("x,y\n" + "5,a\n5,b\n" * 10, "", []),
    ("x,y\n" + "1,0\n2,1\n" * 10, "", ["has two different numbers: read as classes (otherwise: dataset.task=regression)"]),
    ("x,y\n" + "1,0.5\n2,1.5\n" * 10, "", ["has two different numbers"]),
    ("\ufeffx,y\n" + "1,a\n2,b\n" * 10, "", []),
    ("x,y\n" + '1,"a\nb"\n2,"c"\n' * 10, "", []),
    ("x,y\n" + f'1,a\n"{"long " * 2000}",b\n' * 10, "", []),
    ("x,y\n" + "1,\x1b[31mred\n2,blue\n" * 10, "", []),
    ("x,y\n" + "1,a\n2,b\n" * 10 + "3,\n", "dataset.missing_target=drop", ["1 of 21 rows have no target"]),
    ("x,y\n" + "1,a\n2,b\n" * 10 + "3,c\n", "dataset.min_class_rows=2", ["c (1)"]),
    ("x,y\n" + "1,01\n2,1\n3,2\n" * 10, "", ["separate classes of y: 01 and 1"]),
    ("x,y\n" + "1,NA\n2,EU\n" * 10, "dataset.missing_values=[]", []),
    ("x,y\n" + "1,NA\n2,EU\n" * 10, "dataset.text=[y]", []),
    ("x,y\n" + "1,a;b\n2,b;a\n" * 10, "", ["several labels in 20 of 20 cells"]),
    ("x,y\n" + "1,0\n2,1\n3,yes\n4,no\n" * 5, "", ["0 (5), 1 (5), no (5), yes (5)"]),
    ("x;y\n" + "1,234;a\n5,678;b\n" * 9, "dataset.thousands=,", []),
    ("x;y\n" + "750;a\n1.150;b\n" * 9, "", ["1.150 is read as 1150 (if it is 1.15: dataset.thousands=none)"]),
    ("x,y\nkPa,-\n" + "1,a\n2,b\n" * 9, "dataset.header_lines=2", ["Line 2 (kPa, -) below the names was left out"]),
    ("x,y\n" + "1,1\n2,2\n" * 10 + "3,x\n4,x\n", "", ["and numbers elsewhere: all are classes"]),
]


@pytest.mark.parametrize(("content", "settings", "fragments"), ODD, ids=[repr(odd[0][:12] + odd[1]) for odd in ODD])
def test_an_odd_table_trains(sdl: Sdl, tmp_path: Path, content: str, settings: str, fragments: list[str]) -> None:
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    found = sdl(f"train dataset=table dataset.path=t.csv dataset.target=y {settings} {QUICK}")
    assert found.code == 0, found.err
    assert "\x1b[31mred" not in found.out + found.err
    whole = " ".join(found.err.split())
    for fragment in fragments:
        assert fragment in whole, found.err


CASES: list[tuple[str, str, str]] = [
    # file, target, the hint that its first reading gives
    ("two", "site", ""),
    ("eu_rent", "rent", ""),
    ("german", "preis", ""),
    ("target_repeated", "price", ""),
    ("multi", "tags", ""),
    ("units", "state", "dataset.header_lines=2"),
    ("two_line_header", "label", "dataset.header_lines=2"),
]


@pytest.mark.parametrize(("name", "target", "hint"), CASES)
def test_a_real_case_is_read_as_a_person_reads_it(
    sdl: Sdl, tmp_path: Path, shared_data: Path, name: str, target: str, hint: str
) -> None:
    file = shared_data / "cases" / f"{name}.csv"
    if hint:
        refused(sdl(f"check dataset=table dataset.path={file} dataset.target={target}"), [hint])
    found = sdl(
        f"train dataset=table dataset.path={file} dataset.target={target} {hint} {QUICK} hydra.run.dir=run".replace(
            "model.kind=logistic", "model.kind=" + ("ridge" if name in ("eu_rent", "german", "target_repeated") else "logistic")
        )
    )
    assert found.code == 0, found.err
    lines = file.read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join(lines[:5]) + "\n")
    assert sdl("predict run few.csv -o few_out.csv").code == 0
    assert sdl(f"predict run {file} -o all_out.csv").code == 0
    few, whole = read(tmp_path / "few_out.csv"), read(tmp_path / "all_out.csv")
    assert few == whole[: len(few)], "a few rows are read as they are among all"


def test_a_test_file_with_other_marks_is_read_with_its_own(sdl: Sdl, tmp_path: Path) -> None:
    rows = "".join(f"{i * i % 17}.5,{'ab'[i * i % 17 > 8]}\n" for i in range(40))
    (tmp_path / "train.csv").write_text("x,y\n" + rows)
    (tmp_path / "test.csv").write_text(("x,y\n" + rows).replace(",", ";").replace(".", ","))
    found = sdl(
        f"train dataset=table dataset.path=train.csv dataset.test_path=test.csv dataset.target=y {QUICK} hydra.run.dir=run"
    )
    assert found.code == 0 and "test.csv: Decimal comma" in found.err, found.err
    for name in ("train", "test"):
        assert sdl(f"predict run {name}.csv -o {name}_out.csv").code == 0
    assert read(tmp_path / "train_out.csv") == read(tmp_path / "test_out.csv")
    scores = [
        json.loads(sdl(f"evaluate run dataset.path={n}.csv dataset.test_path=null --json").out)["metrics"]
        for n in ("train", "test")
    ]
    assert scores[0] == scores[1]
    (tmp_path / "test.csv").write_text("x;y\n1,5;a\noops;b\n2,5;a\n1,25;b\n3,75;a\n4,5;b\n")
    refused(sdl("predict run test.csv -o out.csv"), ["test.csv: line 3, column 'x': 'oops'"])


# predictions


def test_new_rows_are_predicted_as_in_the_run_itself(sdl: Sdl, tables: Path) -> None:
    found = sdl(f"predict {tables}/run {tables}/people.csv -o p.csv --json")
    assert found.code == 0 and found.json["rows"] == 60
    predicted = {row["id"]: row for row in read("p.csv")}
    own = read(tables / "run/predictions.csv")
    assert len(predicted) == 60 and len(own) == 12
    for row in own:
        truth = row.pop("truth")
        assert truth in ("'+ill", "well") and row == predicted[row["id"]]
    assert all(i.startswith("'=P") for i in predicted) and {row["prediction"] for row in own} == {"'+ill", "well"}
    assert [*own[0]] == ["id", "prediction", "probability_+ill", "probability_well"]


def test_the_order_of_columns_and_further_ones_do_not_matter(sdl: Sdl, tables: Path) -> None:
    text = people()
    Path("shuffled.csv").write_text(columns_of(text, ["cost", "visit", "smoker", "case", "kind", "clinic", "age"]))
    Path("needed.csv").write_text(columns_of(text, ["clinic", "age", "kind", "smoker", "visit", "case"]))
    for name in ("shuffled", "needed"):
        assert sdl(f"predict {tables}/run {name}.csv -o {name}.out").code == 0
    assert sdl(f"predict {tables}/run {tables}/people.csv -o p.csv").code == 0
    assert Path("shuffled.out").read_bytes() == Path("needed.out").read_bytes() == Path("p.csv").read_bytes()


@pytest.mark.parametrize("how", ["gzip", "tab", "semicolon", "parquet"])
def test_the_way_a_table_is_written_does_not_matter(sdl: Sdl, tables: Path, how: str) -> None:
    text = people()
    if how == "gzip":
        Path("new").write_bytes(gzip.compress(text.encode()))
    elif how == "parquet":
        pytest.importorskip("pyarrow")
        import pandas as pd

        pd.read_csv(tables / "people.csv", na_values="?").to_parquet("new")
    else:
        Path("new").write_text(text.replace(",", "\t" if how == "tab" else ";"))
    assert sdl(f"predict {tables}/run new -o new.out").code == 0
    assert sdl(f"predict {tables}/run {tables}/people.csv -o p.csv").code == 0
    assert Path("new.out").read_bytes() == Path("p.csv").read_bytes()


def test_unseen_categories_and_missing_cells_are_predicted(sdl: Sdl, tables: Path) -> None:
    Path("new.csv").write_text("case,age,kind,smoker,visit,clinic\na,,,,,\nb,40,never seen,NA,2031-01-01,c999\n,51,u,yes,,c1\n")
    assert sdl(f"predict {tables}/run new.csv -o p.csv").code == 0
    rows = read("p.csv")
    assert [row["id"] for row in rows] == ["a", "b", "line 4"]
    np.testing.assert_allclose(probabilities(rows).sum(axis=1), 1)


def test_rows_without_an_id_column_are_named_by_their_line(sdl: Sdl, tables: Path) -> None:
    Path("new.csv").write_text('age,kind,smoker,visit,clinic\n40,"u\nu",yes,2020-01-01,c1\n\n50,v,no,2020-01-01,c2\n')
    assert sdl(f"predict {tables}/run new.csv -o p.csv").code == 0
    assert [row["id"] for row in read("p.csv")] == ["2", "5"]


def test_chunks_make_no_difference(sdl: Sdl, tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sdl(f"predict {tables}/run {tables}/people.csv -o whole.csv").code == 0
    real, sizes = new_rows.iter_rows, []

    def small(path: Path, inputs: Any, notes: Any) -> Any:
        for ids, X in real(path, inputs, 25):
            sizes.append(len(ids))
            yield ids, X

    monkeypatch.setattr(new_rows, "iter_rows", small)
    assert sdl(f"predict {tables}/run {tables}/people.csv -o chunks.csv").code == 0
    assert sizes == [25, 25, 10] and Path("chunks.csv").read_bytes() == Path("whole.csv").read_bytes()


@pytest.mark.parametrize("out", [None, "id,prediction\n"])
def test_a_bad_cell_in_the_last_chunk_leaves_no_file(
    sdl: Sdl, tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch, out: str | None
) -> None:
    lines = people().splitlines()
    lines[-1] = lines[-1].replace(",", ",x", 1)
    Path("new.csv").write_text("\n".join(lines))
    if out is not None:
        Path("p.csv").write_text(out)
    real = new_rows.iter_rows
    monkeypatch.setattr(new_rows, "iter_rows", lambda path, inputs, notes: real(path, inputs, 20, notes))
    before = tree(tmp_path)
    refused(sdl(f"predict {tables}/run new.csv -o p.csv"), ["new.csv", "line 61", "age"])
    assert tree(tmp_path) == before and (out is None or Path("p.csv").read_text() == out)


BAD_NEW: list[tuple[str, list[str]]] = [
    ("", ["new.csv", "empty"]),
    ("age,kind,smoker,visit,clinic\n", ["new.csv: the table has no rows"]),
    ("age,kind,smoker\n1,u,yes\n", ["2 columns that the run needs are missing: visit, clinic", "age, kind, smoker"]),
    ("40,u,yes,2020-01-01,c1\n", ["5 columns that the run needs are missing"]),
    ("age,kind,smoker,visit,clinic\n40,u,perhaps,,\n", ["line 2: column smoker holds 'perhaps'", "no, yes"]),
    ("age,kind,smoker,visit,clinic\n40,u,yes,31.12.2020,\n", ["line 2: column visit holds '31.12.2020'", "YYYY-MM-DD"]),
    ("age,kind,smoker,visit,clinic\ninf,u,yes,,\n", ["line 2", "'inf'"]),
    ("age,kind,smoker,visit,clinic\n1,u,yes\n", ["line 2"]),
    ("age,kind,smoker,visit,visit,clinic\n1,u,yes,,,\n", ["visit"]),
]


@pytest.mark.parametrize(("text", "fragments"), BAD_NEW)
def test_new_rows_that_cannot_be_predicted_are_named(
    sdl: Sdl, tmp_path: Path, tables: Path, text: str, fragments: list[str]
) -> None:
    (tmp_path / "new.csv").write_text(text)
    refused(sdl(f"predict {tables}/run new.csv -o p.csv"), fragments)
    assert tree(tmp_path) == {"new.csv"}


@pytest.mark.parametrize(
    ("command", "fragments"),
    [
        ("predict {tables}/run nothing.csv", ["nothing.csv", "not found"]),
        ("predict {tables}/run . -o p.csv", ["folder"]),
        ("predict {tables}/run {tables}/people.csv -o {tables}/people.csv", ["this is the input itself"]),
        ("predict {tables}/run {tables}/people.csv -o {tables}", ["this is a folder"]),
        ("predict {tables}/run {tables}/people.csv -o no/p.csv", ["there is no folder"]),
    ],
)
def test_places_that_cannot_be_read_or_written_are_named(
    sdl: Sdl, tmp_path: Path, tables: Path, command: str, fragments: list[str]
) -> None:
    before = tree(tables)
    refused(sdl(command.format(tables=tables)), fragments)
    assert not tree(tmp_path) and tree(tables) == before


def test_a_run_without_a_header_takes_rows_without_one(sdl: Sdl, tables: Path) -> None:
    assert sdl(f"predict {tables}/bare {tables}/bare.csv -o p.csv").code == 0
    own, predicted = read(tables / "bare/predictions.csv"), {row["id"]: row for row in read("p.csv")}
    assert len(predicted) == 60
    for row in own:
        del row["truth"]
        assert row == predicted[row["id"]]


def test_numbers_are_predicted_too(sdl: Sdl, tables: Path) -> None:
    assert sdl(f"predict {tables}/numbers {tables}/people.csv -o p.csv").code == 0
    predicted = {row["id"]: row["prediction"] for row in read("p.csv")}
    own = read(tables / "numbers/predictions.csv")
    assert [*own[0]] == ["id", "truth", "prediction"]
    assert all(predicted[row["id"]] == row["prediction"] for row in own)


def test_a_run_that_was_moved_predicts_without_its_data(sdl: Sdl, tmp_path: Path, tables: Path) -> None:
    shutil.copytree(tables / "run", tmp_path / "elsewhere")
    config = (tmp_path / "elsewhere/config.yaml").read_text()
    (tmp_path / "mine.csv").write_text(people())
    assert (
        sdl(f"train dataset=table dataset.path=mine.csv dataset.target=outcome dataset.drop=[cost] {QUICK} hydra.run.dir=r").code
        == 0
    )
    (tmp_path / "mine.csv").unlink()
    (tmp_path / "r").rename(tmp_path / "moved")
    (tmp_path / "new.csv").write_text(people(10, seed=1))
    assert "people.csv" in config
    for run in ("elsewhere", "moved"):
        found = sdl(f"predict {run} new.csv -o {run}.csv --json")
        assert found.code == 0 and found.json["rows"] == 10


MODELS = [
    "model=pretrained_table model.num_members=1 precision=float32",
    "model=blend model.num_members=1 model.num_trees=5 precision=float32",
    *(f"{BASELINE} model.kind={kind}" for kind in ("forest", "extra_trees", "logistic", "svm", "gradient_boosting")),
    "model=sklearn model.estimator=sklearn.neighbors.KNeighborsClassifier",
    NET,
    "model=autoencoder model.widths=[4] training.epochs=2",
]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_predicts_through_its_stored_preparation(sdl: Sdl, tables: Path, model: str) -> None:
    settings = f"dataset=table dataset.path={tables}/people.csv dataset.target=outcome dataset.drop=[cost] dataset.id=case"
    found = sdl(f"train {settings} {model} hydra.run.dir=run --json")
    assert found.code == 0, found.err
    assert json.loads(Path("run/model.json").read_text())["preparation"]["kind"] == "table"
    assert sdl(f"predict run {tables}/people.csv -o p.csv").code == 0
    own, predicted = read("run/predictions.csv"), {row["id"]: row for row in read("p.csv")}
    again = [predicted[row["id"]] for row in own]
    np.testing.assert_allclose(probabilities(again), probabilities(own), rtol=1e-5, atol=1e-6)
    assert [row["prediction"] for row in again] == [row["prediction"] for row in own]
    if "model=baseline" in model or "sklearn" in model:
        np.testing.assert_array_equal(probabilities(again), probabilities(own))
    assert sdl("evaluate run --json").json["reproduced"] is True


def test_a_threshold_goes_with_the_run(sdl: Sdl, tables: Path) -> None:
    settings = (
        f"dataset=table dataset.path={tables}/people.csv dataset.target=outcome dataset.features=[kind,smoker] dataset.id=case"
    )
    found = sdl(f"train {settings} {BASELINE} threshold=0.2 hydra.run.dir=run")
    assert found.code == 0 and "if its probability is at least 0.2" in " ".join(found.err.split())
    assert sdl(f"predict run {tables}/people.csv -o p.csv").code == 0
    for rows in (read("p.csv"), read("run/predictions.csv")):
        named = np.array([row["prediction"] == "well" for row in rows])  # of two classes as frequent the second
        np.testing.assert_array_equal(named, probabilities(rows)[:, 1] >= 0.2 - 1e-9)


def test_groups_stay_together_in_ten_runs(sdl: Sdl, tmp_path: Path) -> None:
    lines = people().splitlines()
    lines += lines[1:5] * 5  # one clinic is duplicated
    (tmp_path / "t.csv").write_text("\n".join(lines))
    clinics = {i: line.split(",")[5] for i, line in enumerate(lines, 1)}
    settings = f"dataset=table dataset.path=t.csv dataset.target=outcome dataset.group=clinic {QUICK}"
    found = sdl(f"train {settings} num_repeats=10 hydra.run.dir=run --json")
    assert found.code == 0, found.err
    repeats = sorted((tmp_path / "run/repeats").iterdir())
    assert len(repeats) == 10
    for repeat in repeats:
        tested = [int(row["id"]) for row in read(repeat / "predictions.csv")]
        of_test = {clinics[line] for line in tested}
        assert len(tested) == sum(clinic in of_test for line, clinic in clinics.items() if line > 1), "whole groups are tested"


def test_a_zip_bomb_is_refused(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdl_cli.data.files import text_file

    monkeypatch.setattr(text_file, "_MAX_UNPACKED_BYTES", 10**5)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"x,y\n" + b"0,a\n" * 10**6))
    refused(sdl(f"train dataset=table dataset.path=t.csv.gz dataset.target=y {QUICK}"), ["unpacks to more than"])
    assert tree(tmp_path) == {"t.csv.gz"}


def test_the_sheet_that_is_meant_can_be_named_for_other_files(sdl: Sdl, tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.random((60, 2)).round(6), columns=["x", "z"]).assign(
        y=lambda own: np.where(own.x > 0.5, "high", "low")
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pd.ExcelWriter(tmp_path / "t.xlsx", engine="openpyxl") as book:
        frame.head(7).to_excel(book, sheet_name="Notes", index=False)
        frame.to_excel(book, sheet_name="Data", index=False)
    assert (
        sdl("train dataset=table dataset.path=t.csv dataset.target=y model=baseline model.num_trees=5 hydra.run.dir=r").code == 0
    )
    refused = sdl("predict r t.xlsx")
    assert refused.code == 2 and "use --sheet" in " ".join(refused.err.split())
    assert sdl("predict r t.xlsx --sheet Data -o sheet.out").code == 0 and sdl("predict r t.csv -o text.out").code == 0
    probabilities = [[row.split(",")[1:] for row in (tmp_path / f).read_text().splitlines()] for f in ("sheet.out", "text.out")]
    assert probabilities[0] == probabilities[1] and len(probabilities[0]) == 61
    found = sdl("evaluate r dataset.path=t.xlsx dataset.sheet=Data --json")
    assert found.code == 0 and found.json["reproduced"] is True, found.err


def test_per_cent_with_another_decimal_mark_in_the_second_file(sdl: Sdl, tmp_path: Path) -> None:
    rows = [(f"{n * 7 % 30}.{n % 10}%", "ab"[n % 2]) for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["p,y", *(",".join(row) for row in rows[:40])]) + "\n")
    (tmp_path / "u.csv").write_text("\n".join(["p;y", *(";".join(row).replace(".", ",") for row in rows[40:])]) + "\n")
    assert (
        sdl(f"train dataset=table dataset.path=t.csv dataset.test_path=u.csv dataset.target=y {QUICK} hydra.run.dir=r").code == 0
    )
    ranges = json.loads((tmp_path / "r" / "model.json").read_text())["inputs"]["columns"]
    assert [(column["name"], column["kind"]) for column in ranges] == [("p", "number")]


def test_evaluating_on_another_table_predicts_what_the_run_does(sdl: Sdl, tmp_path: Path) -> None:
    rows = [f"{n * 7 % 30},{n % 5},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["u,v,y", *rows]) + "\n")
    (tmp_path / "u.csv").write_text(
        "\n".join(["v,y,u", *(",".join(row.split(",")[k] for k in (1, 2, 0)) for row in rows[:20])]) + "\n"
    )
    assert sdl(f"train dataset=table dataset.path=t.csv dataset.target=y {QUICK} hydra.run.dir=r").code == 0
    found = sdl("evaluate r dataset=table dataset.path=u.csv --json")
    assert found.code == 0 and found.json["data"] == {"name": "u", "rows": 20, "same_test_part": False}

"""One table of 300 rows gives the same values, metrics and predictions from every format of tables that can be written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io
from integration.conftest import Sdl
from unit.data.formats.survey_made import write

from sdl_cli.data.sources.table import Table, load

arff = pytest.importorskip("arff")
h5py = pytest.importorskip("h5py")
rdata = pytest.importorskip("rdata")
to_r = pytest.importorskip("rdata.conversion.to_r")

xlwt = pytest.importorskip("xlwt")
pytest.importorskip("pyreadstat")
SURVEYS = {"sav": "DATE11", "zsav": "DATE11", "dta": "%td", "xpt": "DATE9", "sas7bdat": "DATE"}
FORMATS = ("arff", "mat", "v73.mat", "rds", "rda", "parquet", "xlsx", "xls", "ods", *SURVEYS)
N = 300


def table() -> pd.DataFrame:
    """Numbers whole and not, yes/no, categories, dates, missing cells; a class and a number to predict."""
    rng = np.random.default_rng(0)
    ill = rng.random(N) < 0.5
    frame = pd.DataFrame(
        {
            "case": [f"p{i:03}" for i in range(N)],
            "age": rng.integers(20, 80, N),
            "dose": np.round(rng.normal(size=N) + ill, 4),
            "tiny": [float(f"{v:.12e}") for v in rng.random(N) * 1e-12],  # writers of workbooks keep 15 or 16 digits
            "smokes": rng.choice(["no", "yes"], N),
            "site": rng.choice(["Basel", "New York", "Zürich"], N),
            "visit": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, N), unit="D"),
            "cost": np.round(100 + 10 * rng.normal(size=N) + 30 * ill, 2),
            "outcome": np.where(ill, "ill", "well"),
        }
    )
    frame.loc[5, "dose"] = frame.loc[7, "tiny"] = np.nan
    frame.loc[9, "site"] = frame.loc[11, "smokes"] = None
    return frame


def write_arff(frame: pd.DataFrame, path: Path) -> None:
    kinds = {"age": "INTEGER", "dose": "REAL", "tiny": "NUMERIC", "cost": "REAL", "case": "STRING", "visit": "STRING"}
    attributes = [(name, kinds.get(name) or sorted(set(frame[name].dropna()))) for name in frame]
    rows = [[None if pd.isna(v) else v for v in row] for row in as_text(frame).astype(object).to_numpy().tolist()]
    text = arff.dumps({"relation": "people", "attributes": attributes, "data": rows})
    path.write_text(text.replace("@ATTRIBUTE visit STRING", '@ATTRIBUTE visit DATE "yyyy-MM-dd"'), encoding="utf-8")


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(visit=frame["visit"].dt.strftime("%Y-%m-%d"))


def write_mat(frame: pd.DataFrame, path: Path) -> None:
    """Numbers as vectors, text and dates as cells."""
    scipy.io.savemat(path, {name: in_matlab(own) for name, own in as_text(frame).items()}, do_compression=True, oned_as="row")


def in_matlab(own: pd.Series) -> np.ndarray[Any, Any]:
    if own.dtype.kind in "if":
        return np.asarray(own.to_numpy())
    cells = np.empty((N, 1), dtype=object)
    cells[:, 0] = ["" if pd.isna(value) else value for value in own]
    return cells


def write_mat73(frame: pd.DataFrame, path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, own in as_text(frame).items():
            values = in_matlab(own).reshape(1, N)
            if values.dtype != object:
                file.create_dataset(name, data=values).attrs["MATLAB_class"] = np.bytes_(
                    {"f": "double", "i": "int64"}[values.dtype.kind]
                )
                continue
            references = np.empty((1, N), dtype=h5py.ref_dtype)
            for i, word in enumerate(values[0]):
                units = np.frombuffer(word.encode("utf-16-le"), "<u2")
                cell = file.create_dataset(
                    f"#refs#/{name}{i}", data=units.reshape(-1, 1) if len(units) else np.zeros(2, dtype=np.uint64)
                )
                cell.attrs["MATLAB_class"] = np.bytes_("char")
                if not len(units):
                    cell.attrs["MATLAB_empty"] = np.uint8(1)
                references[0, i] = cell.ref
            file.create_dataset(name, data=references, dtype=h5py.ref_dtype).attrs["MATLAB_class"] = np.bytes_("cell")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def write_xls(frame: pd.DataFrame, path: Path) -> None:
    book, style = xlwt.Workbook(), xlwt.easyxf(num_format_str="YYYY-MM-DD")
    sheet = book.add_sheet("people")
    for j, name in enumerate(frame):
        sheet.write(0, j, name)
        for i, value in enumerate(frame[name]):
            if not pd.isna(value):
                cell = (value.to_pydatetime(), style) if name == "visit" else (value if isinstance(value, str) else float(value),)
                sheet.write(i + 1, j, *cell)
    book.save(str(path))


class Date:
    """Days as R keeps a Date."""

    def __init__(self, days: np.ndarray[Any, Any]) -> None:
        self.days = days


def in_r(frame: pd.DataFrame) -> Any:
    def date(data: Date, converter: Any) -> Any:
        own = converter.convert_to_r_attributes({"class": "Date"})
        return to_r.build_r_object(rdata.parser.RObjectType.REAL, value=data.days, is_object=True, attributes=own)

    def people(data: pd.DataFrame, converter: Any) -> Any:
        columns = {}
        for name, own in data.items():
            if name == "visit":
                columns[name] = Date(((own - pd.Timestamp(0)).dt.days).to_numpy(dtype=float))
            elif name == "site":
                columns[name] = pd.Categorical(own)
            else:
                columns[name] = own.to_numpy(
                    dtype=np.int32 if own.dtype.kind == "i" else own.dtype if own.dtype.kind == "f" else object
                )
        names = np.ma.array([-(2**31), -N], mask=[True, False], fill_value=-(2**31))
        kinds = {"names": np.array(list(columns), dtype=object), "class": "data.frame", "row.names": names}
        values = [converter.convert_to_r_object(own) for own in columns.values()]
        own = converter.convert_to_r_attributes(kinds)
        return to_r.build_r_object(rdata.parser.RObjectType.VEC, value=values, is_object=True, attributes=own)

    return {**to_r.DEFAULT_CLASS_MAP, Date: date, pd.DataFrame: people}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder, frame = tmp_path_factory.mktemp("people"), table()
    frame.to_csv(folder / "t.csv", index=False)
    write_arff(frame, folder / "t.arff")
    write_mat(frame, folder / "t.mat")
    write_mat73(frame, folder / "t.v73.mat")
    rdata.write_rds(folder / "t.rds", frame, constructor_dict=in_r(frame))
    rdata.write_rda(folder / "t.rda", {"people": frame, "note": "made here"}, constructor_dict=in_r(frame))
    frame.to_parquet(folder / "t.parquet", index=False)
    for name, engine in (("xlsx", "openpyxl"), ("ods", "odf")):
        dates = frame.assign(visit=frame["visit"].dt.date)
        dates.to_excel(folder / f"t.{name}", sheet_name="people", index=False, engine=engine)
    write_xls(frame, folder / "t.xls")
    for name, day in SURVEYS.items():
        blank = frame.fillna({"site": "", "smokes": ""})  # as these formats keep missing text
        write(folder / f"t.{name}", {**blank, "visit": frame["visit"].dt.date}, variable_format={"visit": day})
    yield folder


@pytest.mark.parametrize("target", ["outcome", "cost"])
def test_values_and_targets_are_the_same(people: Path, target: str) -> None:
    known = load(Table(path=str(people / "t.csv"), target=target, id="case"))
    assert {column.kind for column in known.columns} == {"number", "boolean", "category", "date"}
    for name in FORMATS:
        found = load(Table(path=str(people / f"t.{name}"), target=target, id="case"))
        assert found.columns == known.columns and found.classes == known.classes and found.task == known.task, name
        np.testing.assert_array_equal(found.X, known.X)
        np.testing.assert_array_equal(found.y, known.y)
        assert found.ids.tolist() == known.ids.tolist()


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize(("target", "formats"), [("outcome", FORMATS), ("cost", ("arff", "v73.mat", "rda", "xlsx", "sav"))])
def test_metrics_and_predictions_are_the_same(sdl: Sdl, people: Path, target: str, formats: tuple[str, ...]) -> None:
    train = f"train dataset=table dataset.target={target} dataset.id=case model=baseline model.num_trees=5"
    assert sdl(f"{train} hydra.run.dir=csv", f"dataset.path={people / 't.csv'}").code == 0
    assert sdl(f"predict csv {people / 't.csv'} -o csv.out").code == 0
    metrics, predictions = json.loads(Path("csv/metrics.json").read_text()), rows_of(Path("csv/predictions.csv"))
    for name in formats:
        done = sdl(f"{train} hydra.run.dir={name}", f"dataset.path={people / f't.{name}'}")
        assert done.code == 0, done.err
        own = json.loads(Path(name, "metrics.json").read_text())
        assert own["metrics"] == metrics["metrics"] and own["baseline"] == metrics["baseline"]
        assert rows_of(Path(name, "predictions.csv")) == predictions
        # a run reads new rows of any format
        run, new = ("csv", f"t.{name}") if target == "outcome" else (name, "t.csv")
        assert sdl(f"predict {run} {people / new} -o {name}.out").code == 0
        assert rows_of(Path(f"{name}.out")) == rows_of(Path("csv.out"))

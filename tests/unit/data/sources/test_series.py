"""Series from tables and `.ts` files: one array however they are written, and refusals of what is no series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdl_cli.data.sources.series import Series, iter_series, load
from sdl_cli.errors import DataError
from sdl_cli.run.new_inputs import as_read

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(24, 2, 10)).round(5)
LABELS = np.array(["A", "a", "B"])[np.arange(24) % 3]


def ts(path: Path, values: Any = X, labels: Any = LABELS) -> Path:
    channels = values.shape[1]
    head = f"@problemName made\n@univariate {str(channels == 1).lower()}\n@dimensions {channels}\n@classLabel true A a B\n@data\n"
    rows = [
        ":".join([",".join(map(repr, own.tolist())) for own in row] + [str(y)]) for row, y in zip(values, labels, strict=True)
    ]
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def frame(values: Any = X, labels: Any = LABELS) -> pd.DataFrame:
    channels, length = values.shape[1:]
    names = [f"d{c + 1}.t{i + 1}" for c in range(channels) for i in range(length)]
    return pd.DataFrame(values.reshape(len(values), -1), columns=names).assign(**{"class": labels})


def test_the_same_series_in_every_format(tmp_path: Path) -> None:
    table = frame()
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    table.to_csv(tmp_path / "a.txt", index=False, sep=";", decimal=",")
    table.to_parquet(tmp_path / "a.parquet")
    tables = [Series(path=str(tmp_path / f"a.{kind}"), target="class", channels=2) for kind in ("csv", "tsv", "txt", "parquet")]
    found = [load(settings) for settings in [Series(path=str(ts(tmp_path / "a.ts"))), *tables]]
    for dataset in found:
        assert np.array_equal(dataset.X, X)
        assert [dataset.classes[k] for k in dataset.y] == LABELS.tolist()
        assert (dataset.modality, dataset.task, dataset.row_shape) == ("series", "classification", [2, 10])
    assert len({dataset.fingerprint for dataset in found}) == 1


def test_a_test_file_is_the_test_part(tmp_path: Path) -> None:
    settings = Series(path=str(ts(tmp_path / "X_TRAIN.ts")), test_path=str(ts(tmp_path / "X_TEST.ts", X[:6] + 1, LABELS[:6])))
    dataset = load(settings)
    assert dataset.part is not None
    assert dataset.part.tolist() == ["train"] * 24 + ["test"] * 6
    assert np.array_equal(dataset.X[24:], X[:6] + 1)


def test_a_test_file_of_another_length_is_refused(tmp_path: Path) -> None:
    longer = np.concatenate([X, X[:, :, :2]], axis=2)
    for path in (ts(tmp_path / "long.ts", longer), ts(tmp_path / "one.ts", X[:, :1])):
        with pytest.raises(DataError, match="dimensions x steps"):
            load(Series(path=str(ts(tmp_path / "a.ts")), test_path=str(path)))


def test_the_archive_of_2018_without_a_header(tmp_path: Path) -> None:
    table = frame(X[:, :1])
    table[["class", *table.columns[:-1]]].replace({"class": {"A": 1, "a": 2, "B": 3}}).to_csv(
        tmp_path / "a.tsv", sep="\t", header=False, index=False
    )
    dataset = load(Series(path=str(tmp_path / "a.tsv"), target="0", header=False, task="classification"))
    assert np.array_equal(dataset.X, X[:, :1])
    assert dataset.classes == ("1", "2", "3")


def test_roles_are_no_steps(tmp_path: Path) -> None:
    table = frame(X[:, :1]).assign(patient=[f"p{i // 4}" for i in range(24)], name=[f"r{i}" for i in range(24)], batch=1.0)
    table.to_csv(tmp_path / "a.csv", index=False)
    settings = {"path": str(tmp_path / "a.csv"), "target": "class"}
    with pytest.raises(DataError, match=r"hold no numbers, and so are no steps of a series: patient, name\."):
        load(Series(**settings))  # type: ignore[arg-type]
    dataset = load(Series(**settings, group="patient", id="name", drop=("batch",)))  # type: ignore[arg-type]
    assert np.array_equal(dataset.X, X[:, :1])
    assert dataset.groups is not None
    assert len(np.unique(dataset.groups)) == 6
    assert dataset.ids[3] == "r3"


def test_a_column_that_counts_the_rows_is_refused(tmp_path: Path) -> None:
    frame(X[:, :1]).to_csv(tmp_path / "a.csv")  # with pandas' own index
    with pytest.raises(DataError, match="counts the rows: it is no step of a series") as error:
        load(Series(path=str(tmp_path / "a.csv"), target="class"))
    assert "dataset.drop" in error.value.hint


def test_a_word_among_the_steps_is_refused_with_its_line(tmp_path: Path) -> None:
    table = frame(X[:, :1]).astype(object)
    table.iloc[5, 3] = "broken"
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=r"a.csv, line 7: column d1.t4 holds 'broken', which is not a finite number"):
        load(Series(path=str(tmp_path / "a.csv"), target="class"))


def test_columns_must_divide_among_channels(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match="has 20 columns of numbers, which cannot be divided so"):
        load(Series(path=str(tmp_path / "a.csv"), target="class", channels=3))
    with pytest.raises(DataError, match="5 steps are too few for a series"):
        load(Series(path=str(tmp_path / "a.csv"), target="class", channels=4))
    with pytest.raises(DataError, match=r"dataset.channels=3: .*a.ts has 2"):
        load(Series(path=str(ts(tmp_path / "a.ts")), channels=3))


def test_missing_steps_fail_or_are_filled(tmp_path: Path) -> None:
    values = np.tile(np.arange(10.0), (6, 1, 1)) + np.arange(6)[:, None, None]
    broken = values.copy()
    broken[1, 0, [3, 4]], broken[2, 0, 0] = np.nan, np.nan
    path = str(ts(tmp_path / "a.ts", broken, LABELS[:6]))
    with pytest.raises(DataError, match=r"3 values are missing in 2 of 6 series \(id 7, 8\)\.") as error:
        load(Series(path=path))
    assert "dataset.fill=linear" in error.value.hint
    dataset = load(Series(path=path, fill="linear"))
    wanted = values.copy()
    wanted[2, 0, 0] = 3  # the nearest value
    assert np.array_equal(dataset.X, wanted)
    assert "3 values were missing in 2 of 6 series" in " ".join(dataset.notes)


def test_series_that_end_early_are_called_unequal(tmp_path: Path) -> None:
    broken = X[:6].copy()
    broken[2, :, 7:] = np.nan
    with pytest.raises(DataError, match="missing at the end, as in series of unequal length"):
        load(Series(path=str(ts(tmp_path / "a.ts", broken, LABELS[:6]))))
    broken[3, 1] = np.nan
    with pytest.raises(DataError, match="the series 9 has a channel without any value"):
        load(Series(path=str(ts(tmp_path / "a.ts", broken, LABELS[:6])), fill="linear"))


def test_numbers_as_target(tmp_path: Path) -> None:
    y = RANDOM.normal(size=24)
    path = ts(tmp_path / "a.ts", X, y.tolist())
    path.write_text(path.read_text().replace("@classLabel true A a B", "@targetLabel true"))
    dataset = load(Series(path=str(path)))
    assert dataset.task == "regression"
    assert np.array_equal(dataset.y, y)


def test_a_file_without_a_label_has_nothing_to_predict(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_text("@problemName x\n@classLabel false\n@data\n" + "1,2,3,4,5,6,7,8\n" * 4)
    with pytest.raises(DataError, match="there is nothing to predict"):
        load(Series(path=str(path)))
    frame().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match="which column of"):
        load(Series(path=str(tmp_path / "a.csv")))


def test_new_rows_are_read_as_the_run_reads_them(tmp_path: Path) -> None:
    inputs = as_read(load(Series(path=str(ts(tmp_path / "a.ts")))))
    shuffled = frame(X[:5], LABELS[:5]).drop(columns="class")[sorted(frame().columns[:-1], reverse=True)]
    shuffled.to_csv(tmp_path / "new.csv", index=False)
    [(ids, rows)] = iter_series(tmp_path / "new.csv", inputs)
    assert np.array_equal(rows, X[:5])
    assert ids.tolist() == ["2", "3", "4", "5", "6"]
    [(_, rows)] = iter_series(ts(tmp_path / "b.ts", X[3:], LABELS[3:]), inputs)
    assert np.array_equal(rows, X[3:])
    with pytest.raises(DataError, match="2 dimensions of 12 steps, but this run takes 2 dimensions of 10 steps"):
        next(iter_series(ts(tmp_path / "c.ts", np.concatenate([X, X[:, :, :2]], axis=2)), inputs))
    with pytest.raises(DataError, match="a column that the run needs is missing: d2.t10"):
        frame(X[:5], LABELS[:5]).drop(columns="d2.t10").to_csv(tmp_path / "less.csv", index=False)
        next(iter_series(tmp_path / "less.csv", inputs))


def test_a_ts_file_has_the_steps_of_a_run_by_place(tmp_path: Path) -> None:
    """Whatever the columns of the run's own table were called."""
    table = frame()
    table.columns = [*(f"s{i}" for i in range(20)), "class"]
    table.to_csv(tmp_path / "a.csv", index=False)
    inputs = as_read(load(Series(path=str(tmp_path / "a.csv"), target="class", channels=2)))
    path = ts(tmp_path / "a.ts")
    again = load(Series(path=str(path), target="20"), inputs)  # as the run's own settings say it
    assert np.array_equal(again.X, X)
    assert [again.classes[k] for k in again.y] == LABELS.tolist()
    [(_, rows)] = iter_series(path, inputs)
    assert np.array_equal(rows, X)
    with pytest.raises(DataError, match="20 columns that the run needs are missing"):
        frame().to_csv(tmp_path / "b.csv", index=False)
        load(Series(path=str(tmp_path / "b.csv"), target="class", channels=2), inputs)
    with pytest.raises(DataError, match="2 dimensions of 9 steps, but this run takes 2 dimensions of 10 steps"):
        load(Series(path=str(ts(tmp_path / "c.ts", X[:, :, :9]))), inputs)

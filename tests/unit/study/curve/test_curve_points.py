"""Measured points: their means and standard errors by hand, and the CSV files they are read from and written to."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from sdl_cli.errors import DataError
from sdl_cli.study.curve.points import Points, read_csv

GOOD = "size,score\n10,0.5\n20,0.6\n40,0.7\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my points.csv"


def read(file: Path, content: str | bytes, metric: str = "accuracy") -> Points:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(file, metric)


def test_means_and_standard_errors_by_hand() -> None:
    points = Points("accuracy", {10: {"0": 0.5, "1": 0.7}, 20: {"0": 0.8}, 40: {"0": 0.8, "1": 0.9, "2": 1.0}})
    assert points.sizes == [10, 20, 40]
    assert points.repeats == [2, 1, 3]
    assert points.means == pytest.approx([0.6, 0.8, 0.9])
    one, two, three = points.standard_errors
    # sd 0.2 / sqrt(2), over sqrt(2); sd 0.1, over sqrt(3)
    assert (one, three) == pytest.approx((0.1, 0.1 / math.sqrt(3)))
    assert two is None


def test_a_difference_is_paired_over_the_repeats_that_both_have() -> None:
    early, late = {"0": 0.5, "1": 0.9, "2": 0.1}, {"1": 0.92, "0": 0.5, "3": 0.0}
    change, error = Points("accuracy", {10: early, 20: late}).difference(10, 20)
    # repeats 0 and 1 alone: 0 and 0.02
    assert (change, error) == pytest.approx((0.01, 0.01))
    change, error = Points("accuracy", {10: early, 20: late}).difference(20, 10)
    assert (change, error) == pytest.approx((-0.01, 0.01))


def test_a_difference_without_pairs_adds_the_squares() -> None:
    points = Points("rmse", {10: {"a": 1.0, "b": 3.0}, 20: {"c": 5.0, "d": 11.0}, 40: {"e": 9.0}})
    # means 2 and 8, standard errors 1 and 3
    assert points.difference(10, 20) == pytest.approx((6.0, math.sqrt(10)))
    assert points.difference(10, 40) == (7.0, None)


def test_written_points_are_read_back(file: Path) -> None:
    points = Points("r2", {10: {"0": -0.1, "1": 1 / 3}, 200: {"0": 0.1 + 0.2}, 3000: {"0": 1.0, "1": 1e-17}})
    text = points.to_csv()
    assert text.splitlines()[:2] == ["size,score,repeat", "10,-0.1,0"] and text.endswith("\n")
    assert read(file, text, "r2") == points


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        "\n" + GOOD,
        "\ufeff" + GOOD,
        "\ufeff" + GOOD.replace(",", ";"),
        "Size , SCORE\n 10 , 0.5\n20,.6\n4e1,7e-1",
        "name,score,size\nx,0.5,10\ny,0.6,20\n,0.7,40\n",
        "size,score,repeat\n40,0.7,a\n10,0.5,a\n20,0.6,a\n",  # with repeats in any order
    ],
    ids=[
        "commas",
        "semicolons",
        "tabs",
        "crlf",
        "empty lines",
        "empty first line",
        "bom",
        "bom semicolons",
        "spaces",
        "more columns",
        "order",
    ],
)
def test_files_that_are_read(file: Path, content: str) -> None:
    points = read(file, content)
    assert points.metric == "accuracy"
    assert points.sizes == [10, 20, 40]
    assert points.means == [0.5, 0.6, 0.7]
    assert points.repeats == [1, 1, 1]


def test_repeats_are_told_apart(file: Path) -> None:
    points = read(file, "repeat,size,score\n0,10,.5\n1,10,.6\n0,20,.6\n1,20,.7\n0,5,.4\n")
    assert points.scores == {5: {"0": 0.4}, 10: {"0": 0.5, "1": 0.6}, 20: {"0": 0.6, "1": 0.7}}
    assert list(points.scores) == [5, 10, 20]


@pytest.mark.parametrize(
    ("content", "metric", "message"),
    [
        ("size,accuracy\n10,.5\n", "accuracy", r"no column score; the first line has size, accuracy\."),
        ("sizes,score\n10,.5\n", "accuracy", r"no column size; the first line has sizes, score\. Did you mean sizes\?"),
        ("size\n10\n", "accuracy", "no column score; the first line has size"),
        ("10,0.5\n20,0.6\n40,0.7\n", "accuracy", r"no column size; the first line has 10, 0\.5\."),
        ("", "accuracy", "no column size; the first line has nothing"),
        ("\n\n", "accuracy", "no column size; the first line has nothing"),
        ("size,score\n10,.5\n40,.6\n20,.7\n", "accuracy", "line 4: size 20 comes after 40; sizes must increase"),
        ("size,score\n10,.5\n10,.6\n20,.7\n", "accuracy", "line 3: size 10 comes after 10; sizes must increase"),
        ("size,score,repeat\n10,.5,a\n20,.5,a\n10,.5,a\n", "accuracy", "line 4: size 10 has repeat a twice"),
        ("size,score\n10,.5\n20,nan\n40,.7\n", "accuracy", "line 3: score 'nan' is not a finite number"),
        ("size,score\n10,.5\n20,inf\n40,.7\n", "rmse", "line 3: score 'inf' is not a finite number"),
        ("size,score\n10,.5\n\n20,good\n40,.7\n", "accuracy", "line 4: score 'good' is not a finite number"),
        ("size,score\n10,.5\n20,\n40,.7\n", "accuracy", "line 3: score '' is not a finite number"),
        ("size,score\nten,.5\n", "accuracy", "line 2: size 'ten' is not a whole number of rows"),
        ("size,score\n10.5,.5\n", "accuracy", "line 2: size '10.5' is not a whole number of rows"),
        ("size,score\n0,.5\n", "accuracy", "line 2: size '0' is not a whole number of rows"),
        ("size,score\n-10,.5\n", "accuracy", "line 2: size '-10' is not a whole number of rows"),
        ("size,score\nnan,.5\n", "accuracy", "line 2: size 'nan' is not a whole number of rows"),
        ("size,score\ninf,.5\n", "accuracy", "line 2: size 'inf' is not a whole number of rows"),
        ("size,score\n10,97\n", "accuracy", r"line 2: 97 is not a valid accuracy, which is from 0 to 1\. Divide percentages by 100"),
        ("size,score\n10,-.1\n", "accuracy", r"line 2: -0\.1 is not a valid accuracy, which is from 0 to 1\.\n"),
        ("size,score\n10,101\n", "roc_auc", r"line 2: 101 is not a valid roc_auc, which is from 0 to 1\.\n"),
        ("size,score\n10,-1\n", "rmse", "line 2: -1 is not a valid rmse, which is at least 0"),
        ("size,score\n10,2\n", "r2", "line 2: 2 is not a valid r2, which is at most 1"),
        ("size,score\n10,.5\n20,.6\n", "accuracy", "a forecast needs at least 3 sizes, and there are 2"),
        ("size,score\n", "accuracy", "a forecast needs at least 3 sizes, and there are 0"),
        ("size,score,repeat\n10,.5,0\n10,.6,1\n10,.7,2\n", "accuracy", "a forecast needs at least 3 sizes, and there are 1"),
        ("size,score\n10,.5,1\n", "accuracy", "line 2: 3 values, but the first line names 2 columns"),
        ("size,score\n10\n", "accuracy", "line 2: 1 values, but the first line names 2 columns"),
    ],
)  # fmt: skip
def test_files_that_are_refused(file: Path, content: str, metric: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(file, content, metric)
    assert str(file) in caught.value.message


def test_files_that_are_no_csv(file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file") as caught:
        read_csv(tmp_path / "other.csv", "accuracy")
    assert "size, score" in caught.value.hint
    with pytest.raises(DataError, match="this is a folder"):
        read_csv(tmp_path, "accuracy")
    with pytest.raises(DataError, match=r"cannot be read as text \(UnicodeDecodeError\)"):
        read(file, bytes(range(256)))
    with pytest.raises(DataError, match="cannot be read as text"):
        read(file, GOOD.encode("utf-16"))
    with pytest.raises(
        DataError, match=r"line 2: score '1{37}\.\.\.' is not a finite number|is not a CSV"
    ):  # csv's limit may have been raised
        read(file, "size,score\n10," + "1" * 200_000)


def test_a_negative_r2_and_a_large_rmse_are_scores(file: Path) -> None:
    assert read(file, "size,score\n10,-2\n20,0\n40,1\n", "r2").means == [-2, 0, 1]
    assert read(file, "size,score\n10,1e6\n20,97\n40,0\n", "rmse").means == [1e6, 97, 0]

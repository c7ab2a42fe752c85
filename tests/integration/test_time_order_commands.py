"""Rows in the order of time on the command line: a random walk is found, and scored as honestly as it can be predicted."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.conftest import BASELINE, Sdl, run_here

WALK = "dataset=table dataset.path={}/walk.csv dataset.target=level"
TREES = "model=baseline model.num_trees=30"


def stored(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random walk of 400 days, its rows in no order, and a run on it by time."""
    where = tmp_path_factory.mktemp("walk")
    rng = np.random.default_rng(0)
    level, x, days = np.cumsum(rng.normal(size=400)), rng.normal(size=400), np.datetime64("2023-01-01") + np.arange(400)
    rows = "".join(f"{days[i]},{x[i]:.4f},{level[i]:.4f}\n" for i in rng.permutation(400))
    (where / "walk.csv").write_text("date,x,level\n" + rows)
    run_here(f"train {WALK.format(where)} dataset.order=date {TREES} hydra.run.dir={where}/run")
    return where


def test_a_random_walk_is_found_and_its_score_in_time_is_low(sdl: Sdl, folder: Path) -> None:
    found = sdl(f"train {WALK.format(folder)} {TREES} hydra.run.dir=shuffled")
    said = " ".join(found.err.split())
    assert found.code == 0 and "In the order of date neighbouring rows resemble each other" in said
    assert "to test on the latest rows: dataset.order=date" in said
    random, honest = stored(Path("shuffled"))["metrics"]["test"], stored(folder / "run")["metrics"]["test"]
    assert random["r2"]["value"] > 0.9 and honest["r2"]["value"] < 0
    assert not any("neighbouring rows" in note for note in stored(folder / "run")["notes"])
    assert any("Split along date: 320 labelled rows up to 2023-11-16, 80 test rows" in n for n in stored(folder / "run")["notes"])
    check = sdl(f"check {WALK.format(folder)} --json")
    assert any("dataset.order=date" in problem["advice"] for problem in check.json["problems"])
    assert not [p for p in sdl(f"check {WALK.format(folder)} dataset.order=date --json").json["problems"] if "order" in p["what"]]


def test_the_run_is_evaluated_reported_and_predicts(sdl: Sdl, folder: Path) -> None:
    assert sdl(f"evaluate {folder}/run --json").json["reproduced"] is True
    tested = {row["id"]: row["prediction"] for row in rows(folder / "run/predictions.csv")}
    dates = {str(i + 2): line.split(",")[0] for i, line in enumerate((folder / "walk.csv").read_text().splitlines()[1:])}
    assert {dates[i] for i in tested} == {str(day) for day in np.datetime64("2023-01-01") + np.arange(320, 400)}
    assert sdl(f"predict {folder}/run {folder}/walk.csv -o p.csv").code == 0
    predicted = {row["id"]: row["prediction"] for row in rows(Path("p.csv"))}
    assert {i: predicted[i] for i in tested} == tested
    assert sdl(f"report {folder}/run -o report.html").code == 0 and "Split along date" in Path("report.html").read_text()


def test_new_rows_need_no_order_where_it_was_not_learned_from(sdl: Sdl, folder: Path) -> None:
    found = sdl(f"train {WALK.format(folder)} dataset.order=date dataset.drop=[date] {BASELINE} hydra.run.dir=run")
    assert found.code == 0, found.err
    Path("new.csv").write_text("x,level\n0.5,1\n-0.25,2\n1,0\n")
    assert sdl("predict run new.csv -o p.csv").code == 0 and len(Path("p.csv").read_text().splitlines()) == 4
    assert sdl("evaluate run dataset.path=new.csv --json").json["data"]["rows"] == 3


def test_a_column_may_be_given_by_its_place(sdl: Sdl, folder: Path) -> None:
    found = sdl(f"train {WALK.format(folder)} dataset.order=0 dataset.drop=[date] {BASELINE} hydra.run.dir=run")
    assert found.code == 0, found.err
    assert sdl("evaluate run --json").json["reproduced"] is True, "divided along the same column again"


def test_repeats_are_rolling_origins_and_resume(sdl: Sdl, folder: Path) -> None:
    command = f"train {WALK.format(folder)} dataset.order=date {BASELINE} num_repeats=3 hydra.run.dir=run"
    assert sdl(command).code == 0
    whole, parts = stored(Path("run")), []
    for repeat in range(3):
        config = json.loads((Path("run/repeats") / str(repeat) / "metrics.json").read_text())["config"]["dataset"]
        assert (config["origins"], config["origin"]) == (3, repeat)
        parts.append([row["id"] for row in rows(Path(f"run/repeats/{repeat}/predictions.csv"))])
    assert not set(parts[0]) & set(parts[1]) and not set(parts[1]) & set(parts[2])
    assert sdl("evaluate run --json").json["reproduced"] is True
    for place in ("run", "run/repeats/2"):
        status = Path(place) / "status.json"
        status.write_text(json.dumps(json.loads(status.read_text()) | {"state": "interrupted", "status": "interrupted"}))
    assert sdl("train --resume run").code == 0
    assert stored(Path("run"))["metrics"] == whole["metrics"]


def test_a_curve_grows_backwards_from_the_split(sdl: Sdl, folder: Path) -> None:
    sizes = "curve.sizes=[20,60,180] curve.num_repeats=3 parallel.num_jobs=1 curve.keep_models=true"
    found = sdl(f"curve {WALK.format(folder)} dataset.order=date {BASELINE} {sizes} hydra.run.dir=curve")
    assert found.code == 0, found.err
    assert "Splits follow date: 3 test parts" in " ".join(found.err.split())
    assert [point["size"] for point in json.loads(Path("curve/curve.json").read_text())["points"]] == [20, 60, 180]
    notes = stored(Path("curve/cells/size-020_repeat-2"))["notes"]
    full = stored(Path("curve/cells/size-180_repeat-2"))["notes"]
    assert any("(3 of 3, the first is the latest)" in note for note in notes) and set(notes) & set(full)


def test_a_comparison_is_paired_over_the_same_origins(sdl: Sdl, folder: Path) -> None:
    arms = "'compare.arms=[ridge,svm]' compare.baseline=null compare.num_repeats=3 compare.num_candidates=2 parallel.num_jobs=1"
    found = sdl(f"compare {WALK.format(folder)} dataset.order=date {arms} hydra.run.dir=cmp")
    assert found.code == 0, found.err
    said = " ".join((found.err + found.out).split())
    assert "labelled and 67 test rows in the latest of 3 splits, earlier ones have fewer labelled rows" in said
    assert "Intervals and tests are those for random splits" in said
    splits = [
        {json.loads((Path("cmp/arms") / arm / str(repeat) / "metrics.json").read_text())["split"] for arm in ("ridge", "svm")}
        for repeat in range(3)
    ]
    assert all(len(each) == 1 for each in splits) and len(set.union(*splits)) == 3
    assert json.loads(Path("cmp/comparison.json").read_text())["curve"] is not None, "measured on what all origins have"


@pytest.mark.parametrize(("more", "message"), [
    ("dataset.order=day", "has no column 'day'"),
    ("dataset.gap=3", "dataset.gap: only rows in the order of time have one"),
    ("dataset.order=date dataset.gap=1000", "dataset.gap=1000 leaves no labelled row"),
])  # fmt: skip
def test_what_cannot_be_divided_is_refused_before_anything_is_written(sdl: Sdl, folder: Path, more: str, message: str) -> None:
    found = sdl(f"train {WALK.format(folder)} {more} {BASELINE} hydra.run.dir=run")
    assert found.code == 2 and message in " ".join(found.err.split()) and not Path("run").exists()


def test_photos_in_a_list_are_ordered_too(sdl: Sdl, tmp_path: Path) -> None:
    from PIL import Image

    rng, lines = np.random.default_rng(0), ["file,day,label"]
    for i in range(40):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,2024-01-{(i * 7) % 31 + 1:02d},{'ab'[i % 2]}")
    (tmp_path / "photos.csv").write_text("\n".join(lines) + "\n")
    found = sdl(
        f"train dataset=image_table dataset.path=photos.csv dataset.target=label dataset.order=day {BASELINE} hydra.run.dir=run"
    )
    assert found.code == 0, found.err
    assert "Split along day" in " ".join(found.err.split()) and sdl("evaluate run --json").json["reproduced"] is True
    (tmp_path / "new.csv").write_text("file\n3.png\n4.png\n")
    assert sdl("predict run new.csv -o p.csv").code == 0


def test_an_order_that_was_edited_since_is_found(sdl: Sdl, tmp_path: Path) -> None:
    """The column is not learned from, so that all that the model sees is the same; but the test part is another one."""
    rng = np.random.default_rng(0)
    rows = [[day, *rng.random(2).round(4), int(rng.random() > 0.5)] for day in range(60)]

    def write(order: list[int]) -> None:
        lines = [",".join(map(str, [order[i], *row[1:]])) for i, row in enumerate(rows)]
        (tmp_path / "t.csv").write_text("day,a,b,y\n" + "\n".join(lines) + "\n")

    write(list(range(60)))
    train = "train dataset=table dataset.path=t.csv dataset.target=y dataset.order=day dataset.drop=[day] model=baseline"
    assert sdl(f"{train} model.num_trees=5 hydra.run.dir=r").code == 0
    assert sdl("evaluate r --json").json["reproduced"] is True
    write(list(range(60))[::-1])
    found = sdl("evaluate r")
    assert found.code == 2 and "its test part has other rows now" in " ".join(found.err.split())

"""Series on the command line: from a file to a result, to predictions, a report, an exported graph and a comparison."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from integration.conftest import Sdl

NET = "model=deep_net model.width=8 training.epochs=4"
DATA = "dataset=series dataset.path=W_TRAIN.ts"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """W_TRAIN.ts, W_TEST.ts, and the training series without labels as new.csv and with them as all.csv: sines of two lengths."""
    for name, num, seed in (("TRAIN", 40, 0), ("TEST", 20, 1)):
        random = np.random.default_rng(seed)
        y, phase = np.arange(num) % 2, random.uniform(0, 6.28, (num, 1))
        X = np.sin(2 * np.pi * np.array([2, 5])[y][:, None] * np.arange(40) / 40 + phase) + random.normal(0, 0.3, (num, 40))
        rows = [",".join(map(repr, row)) for row in X.tolist()]
        head = "@problemName waves\n@timeStamps false\n@univariate true\n@equalLength true\n@classLabel true Slow fast\n@data\n"
        lines = [f"{row}:{('Slow', 'fast')[k]}\n" for row, k in zip(rows, y, strict=True)]
        (tmp_path / f"W_{name}.ts").write_text(head + "".join(lines))
        if name == "TRAIN":
            names = ",".join(f"t{i + 1}" for i in range(40))
            (tmp_path / "new.csv").write_text("\n".join([names, *rows]) + "\n")
            cells = [f"{row},{('Slow', 'fast')[k]}" for row, k in zip(rows, y, strict=True)]
            (tmp_path / "all.csv").write_text("\n".join([f"{names},class", *cells]) + "\n")
    return tmp_path


def predicted(path: Path) -> list[list[str]]:
    """Predictions and probabilities, without the ids."""
    with path.open(newline="") as file:
        return [row[1:] for row in csv.reader(file)]


@pytest.mark.parametrize("model", ["model=baseline model.num_trees=20", "model=rocket model.num_features=840", NET])
def test_from_a_file_to_predictions(sdl: Sdl, files: Path, model: str) -> None:
    trained = sdl(f"train {DATA} dataset.test_path=W_TEST.ts {model} hydra.run.dir=run")
    assert trained.code == 0, trained.err
    assert "40 train" in trained.out
    assert "series of 40 steps" in trained.out
    metrics = json.loads((files / "run" / "metrics.json").read_text())
    assert metrics["metrics"]["test"]["accuracy"]["n"] == 20
    assert "reproduced exactly" in sdl("evaluate run").out
    for source, out in (("W_TRAIN.ts", "a.csv"), ("all.csv", "b.csv"), ("new.csv", "c.csv")):
        assert sdl(f"predict run {source} -o {out}").code == 0
    assert predicted(files / "a.csv") == predicted(files / "b.csv") == predicted(files / "c.csv")
    assert sdl("report run").code == 0
    assert "channels x steps" in (files / "run" / "report.html").read_text()


def test_a_table_and_the_archives_format_give_the_same_run(sdl: Sdl, files: Path) -> None:
    for name, data in (("ts", DATA), ("csv", "dataset=series dataset.path=all.csv dataset.target=class")):
        assert sdl(f"train {data} model=baseline model.num_trees=20 hydra.run.dir={name}").code == 0
    assert predicted(files / "ts" / "predictions.csv") == predicted(files / "csv" / "predictions.csv")


def test_a_bare_path_shows_what_it_is(sdl: Sdl, files: Path) -> None:
    found = sdl("train W_TRAIN.ts model=baseline model.num_trees=20 hydra.run.dir=run")
    assert found.code == 0, found.err
    assert "W_TRAIN.ts is read as series (dataset=series)." in found.out + found.err


def test_new_series_of_another_length_are_refused(sdl: Sdl, files: Path) -> None:
    assert sdl(f"train {DATA} model=baseline model.num_trees=20 hydra.run.dir=run").code == 0
    text = (files / "W_TEST.ts").read_text().replace(":", ",0.5:")
    (files / "long.ts").write_text(text)
    found = sdl("predict run long.ts -o p.csv")
    assert found.code == 2
    assert "41 steps, but this run takes 1 dimension of 40 steps" in " ".join(found.err.split())
    assert not (files / "p.csv").exists()


def test_the_report_draws_what_augmentation_does(sdl: Sdl, files: Path) -> None:
    trained = sdl(f"train {DATA} {NET} augment=series hydra.run.dir=run")
    assert trained.code == 0, trained.err
    assert sdl("report run").code == 0
    page = (files / "run" / "report.html").read_text()
    assert "Augmented training rows (series)" in page
    assert page.count("<polyline") > 10


def test_what_does_not_fit_series_is_said(sdl: Sdl, files: Path) -> None:
    for settings, told in (
        ("model=rocket dataset=wine", "model: rocket takes series, but the data set wine is a table."),
        (
            f"{DATA} model=finetuned_cnn model.weights=none",
            "model: finetuned_cnn takes images, but the data set W_TRAIN is made of series.",
        ),
        (f"{DATA} {NET} reduce=pca", "model=deep_net reads series as they are, with every step in its place."),
        (f"{DATA} {NET} augment=noise", "augment: noise works on tables, and this data set is made of series."),
        (f"{DATA} model=autoencoder augment=series", "augment: series works on series, and this data set is a table."),
    ):
        found = sdl(f"train {settings} hydra.run.dir=run")
        assert found.code == 2, found.out
        assert told in " ".join(found.err.split())


def test_checks_name_series_that_recur(sdl: Sdl, files: Path) -> None:
    lines = (files / "W_TRAIN.ts").read_text().splitlines()
    (files / "twice.ts").write_text("\n".join([*lines, lines[-1], ",".join(["3"] * 40) + ":Slow"]) + "\n")
    found = " ".join(sdl("check dataset=series dataset.path=twice.ts").out.split())
    assert "42 series of 40 steps" in found
    assert "1 series is of one value all along" in found
    assert "1 series repeats an earlier one exactly" in found or "an equal series" in found


def test_a_comparison_has_the_arms_for_series(sdl: Sdl, files: Path) -> None:
    settings = "compare.num_repeats=2 compare.num_candidates=1 compare.curve=false training.epochs=3 parallel.num_jobs=1"
    found = sdl(f"compare {DATA} {settings} hydra.run.dir=cmp --json")
    assert found.code == 0, found.err
    assert {arm["name"] for arm in json.loads(found.out)["arms"]} == {"logistic", "forest", "rocket", "deep_net", "augmented"}


@pytest.mark.parametrize("model", ["model=baseline model.num_trees=10", "model=rocket model.num_features=168", NET])
def test_exported_graphs_predict_the_same(sdl: Sdl, files: Path, model: str) -> None:
    pytest.importorskip("onnxruntime")
    assert sdl(f"train {DATA} {model} hydra.run.dir=run").code == 0
    found = sdl("export run m.onnx --json")
    assert found.code == 0, found.err
    assert json.loads(found.out)["largest_difference"] <= 1e-4
    described = json.loads((files / "m.preprocessing.json").read_text())["preprocessing"]
    assert described["kind"] == "series"
    assert described["steps"]

"""The logarithm of a positive target on the command line: learned from, and nowhere shown as if it were the target."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.conftest import Sdl, run_here

PRICES = "dataset=table dataset.path={}/prices.csv dataset.target=price"
RIDGE = "model=baseline model.kind=ridge"
LOG = "dataset.target_scale=log"
SAID = "dataset.target_scale=log: models learn the logarithm of the target. Predictions, RMSE, MAE and R2 are in its own unit"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def stored(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("prices")
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2))
    price = np.exp(6 + 1.2 * X[:, 0] + 0.3 * rng.normal(size=200))
    lines = "".join(f"{a:.4f},{b:.4f},{p:.2f}\n" for (a, b), p in zip(X, price, strict=True))
    (where / "prices.csv").write_text("a,b,price\n" + lines)
    run_here(f"train {PRICES.format(where)} {RIDGE} {LOG} hydra.run.dir={where}/run")
    return where


def test_a_skewed_target_is_noted_and_the_logarithm_scored_in_its_own_unit(sdl: Sdl, folder: Path) -> None:
    found = sdl(f"train {PRICES.format(folder)} {RIDGE} hydra.run.dir=plain")
    said = " ".join(found.err.split())
    assert found.code == 0 and "The target is positive and skewed" in said and "try dataset.target_scale=log" in said
    plain, logs = stored(Path("plain")), stored(folder / "run")
    assert any(SAID in note for note in logs["notes"]) and not any("positive and skewed" in note for note in logs["notes"])
    assert logs["metrics"]["test"]["mae"]["value"] < 0.7 * plain["metrics"]["test"]["mae"]["value"]
    told = rows(folder / "run/predictions.csv")
    errors = [float(row["truth"]) - float(row["prediction"]) for row in told]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(logs["metrics"]["test"]["rmse"]["value"])
    assert logs["majority"] == plain["majority"] and logs["baseline"] != plain["baseline"], "the forest learns it, too"


def test_the_run_is_evaluated_predicts_and_is_reported(sdl: Sdl, folder: Path) -> None:
    assert sdl(f"evaluate {folder}/run --json").json["reproduced"] is True
    assert sdl(f"predict {folder}/run {folder}/prices.csv -o p.csv").code == 0
    predicted = {row["id"]: row["prediction"] for row in rows(Path("p.csv"))}
    assert all(predicted[row["id"]] == row["prediction"] for row in rows(folder / "run/predictions.csv"))
    assert sdl(f"report {folder}/run -o r.html").code == 0
    assert "models learn the logarithm of the target" in Path("r.html").read_text()
    Path("zero.csv").write_text("a,b,price\n0,0,0\n1,1,-2\n0.5,0,9\n")
    assert sdl("evaluate", f"{folder}/run", "dataset.path=zero.csv", "--json").code == 0, "scored, though not to be learned from"


@pytest.mark.parametrize("model", [RIDGE, "model=baseline model.num_trees=5", "model=deep_net model.depth=2 training.epochs=3"])
def test_the_exported_file_gives_the_number(sdl: Sdl, folder: Path, model: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxscript")
    assert sdl(f"train {PRICES.format(folder)} {model} {LOG} hydra.run.dir=run").code == 0
    assert sdl("export run m.onnx").code == 0
    described = json.loads(Path("m.preprocessing.json").read_text())
    assert described["target_scale"] == "log"
    session = onnxruntime.InferenceSession("m.onnx")
    [source] = session.get_inputs()
    encoder = described["preprocessing"]["encoder"]
    table = np.array([[float(row["a"]), float(row["b"])] for row in rows(folder / "prices.csv")[:5]])
    scaled = ((table - encoder["medians"]) / encoder["scales"]).astype(np.float32 if "float)" in source.type else np.float64)
    assert sdl(f"predict run {folder}/prices.csv -o p.csv").code == 0
    expected = [float(row["prediction"]) for row in rows(Path("p.csv"))[:5]]
    assert session.run(None, {source.name: scaled})[0] == pytest.approx(expected, rel=1e-4)
    if "deep_net" in model:
        assert sdl("export run program.pt2").code == 0


def test_an_export_is_checked_where_the_data_is_gone(sdl: Sdl, folder: Path) -> None:
    pytest.importorskip("skl2onnx")
    Path("prices.csv").write_text((folder / "prices.csv").read_text())
    assert sdl(f"train {PRICES.format('.')} {RIDGE} {LOG} hydra.run.dir=run").code == 0
    Path("prices.csv").unlink()
    assert sdl("export run m.onnx").code == 0


def test_repeats_curves_and_comparisons_learn_it(sdl: Sdl, folder: Path) -> None:
    assert sdl(f"train {PRICES.format(folder)} {RIDGE} {LOG} num_repeats=2 hydra.run.dir=run").code == 0
    assert any(SAID in note for note in stored(Path("run"))["notes"])
    assert sdl("evaluate run --json").json["reproduced"] is True
    arms = "'compare.arms=[ridge,svm]' compare.baseline=null compare.num_repeats=2 compare.curve=false parallel.num_jobs=1"
    found = sdl(f"compare {PRICES.format(folder)} {LOG} {arms} hydra.run.dir=cmp")
    assert found.code == 0 and SAID in " ".join(found.err.split()), found.err
    sizes = "curve.sizes=[20,60,150] curve.num_repeats=2 parallel.num_jobs=1"
    assert sdl(f"curve {PRICES.format(folder)} {LOG} {RIDGE} {sizes} hydra.run.dir=curve").code == 0


@pytest.mark.parametrize(("cells", "more", "message"), [
    (["0", "1.5", "2.5"], "", "dataset.target_scale=log: 14 targets are not positive, such as 0 (id 2)"),
    (["-1.5", "1.5", "2.5"], "", "targets are not positive, such as -1.5"),
    (["a", "b", "c"], "", "dataset.target_scale=log: the target of t is 3 classes, not a number"),
    (["1.5", "2.5", "3.5"], "dataset.target_scale=sqrt", "dataset.target_scale: 'sqrt' is not one of none, log"),
])  # fmt: skip
def test_targets_without_a_logarithm_are_refused(sdl: Sdl, cells: list[str], more: str, message: str) -> None:
    Path("t.csv").write_text("x,y\n" + "".join(f"{i * i % 7},{cells[i % 3]}\n" for i in range(40)))
    found = sdl(f"train dataset=table dataset.path=t.csv dataset.target=y {RIDGE} {more or LOG} hydra.run.dir=run")
    assert found.code == 2 and message in " ".join(found.err.split()), found.err
    assert not Path("run").exists()


def test_photos_with_a_positive_number(sdl: Sdl, tmp_path: Path) -> None:
    from PIL import Image

    rng, lines = np.random.default_rng(0), ["file,dose"]
    for i in range(40):
        Image.fromarray(np.clip(rng.normal(40 + 4 * i, 9, (8, 8, 3)), 0, 255).astype(np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{np.exp(i / 8):.3f}")
    (tmp_path / "photos.csv").write_text("\n".join(lines) + "\n")
    data = f"dataset=image_table dataset.path=photos.csv dataset.target=dose dataset.size_px=8 {LOG}"
    net = "model=deep_net model.depth=1 model.width=4 training.epochs=2"
    found = sdl(f"train {data} {net} augment=flip_crop augment.flip_target=negate augment.shift_target=0 hydra.run.dir=no")
    assert found.code == 2 and "augment.flip_target changes the number itself" in " ".join(found.err.split()), found.err
    for model in (net, RIDGE):
        run = f"run_{model[6:8]}"
        found = sdl(f"train {data} {model} hydra.run.dir={run}")
        assert found.code == 0, found.err
        assert sdl(f"evaluate {run} --json").json["reproduced"] is True
        assert sdl(f"predict {run} photos.csv -o {run}.csv").code == 0
        assert all(float(row["prediction"]) > 0 for row in rows(Path(f"{run}.csv")))
        assert sdl(f"report {run} -o {run}.html").code == 0

"""Exported runs: the file alone gives the run's own predictions, its description gives the file's input, and nothing is left of a failure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes, load_wine

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.images.area_means import reduce_images
from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning.losses import Cosine
from sdl_cli.learning.models.adversarial.estimator import AdversarialNet
from sdl_cli.learning.models.autoencoder import AutoencoderNet, AutoencoderNetRegressor
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
from sdl_cli.learning.models.encoding import TableEncoder
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN, FinetunedCNNRegressor
from sdl_cli.learning.models.open_door import SklearnModel, SklearnModelRegressor
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.learning.models.text_features import TextEncoder
from sdl_cli.run import writing
from sdl_cli.run.export import export, parity
from sdl_cli.run.run_folder import StoredRun
from sdl_cli.run.train import Observer
from sdl_cli.settings.experiment import Training
from sdl_cli.settings.parse import parse_group

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the packages of the extra onnx")
onnx = pytest.importorskip("onnx", reason="needs the packages of the extra onnx")
pytest.importorskip("onnxscript", reason="needs the packages of the extra onnx")
pytest.importorskip("skl2onnx", reason="needs the packages of the extra onnx")

QUICK = Training(steps=4)
FAST = {"training": QUICK, "precision": "float32", "memory_format": "contiguous", "num_threads": 1}
CNN = {"weights": "none", "image_size_px": 32, **FAST}
WINE = load_wine(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
_rng = np.random.default_rng(0)
_bright = np.arange(24) % 3
IMAGES = ((_rng.integers(0, 90, (24, 3, 20, 20)) + 60 * _bright[:, None, None, None]).astype(np.uint8), _bright)
GREY = (IMAGES[0][:, :1], IMAGES[0].mean((1, 2, 3)) * 1000 + 1e6)  # a target whose mean hides its spread in float32
SMALL, HUGE = (DIABETES[0], DIABETES[1] * 1e-11), (DIABETES[0], DIABETES[1] * 1e10)
FAR_VALUES = (DIABETES[0], DIABETES[1] + 1e7)
FAR = (WINE[0] + 1e6, WINE[1])  # columns whose mean does


def run_of(
    model: Any, name: str, X: Any, y: Any, folder: Path, dataset: dict[str, Any] | None = None, **inputs: Any
) -> StoredRun:
    """A run folder's model, fitted on these rows, as `read_run` would give it; its data is gone unless `dataset` names it."""
    folder.mkdir(exist_ok=True)
    model.fit(X, y)
    task = "classification" if hasattr(model, "classes_") else "regression"
    values: dict[str, Any] = {
        "modality": "image" if X.ndim == 4 else "table",
        "shape": list(X.shape[1:]),
        "classes": [f"class {k}" for k in range(int(max(y)) + 1)] if task == "classification" else [],
        "features": [f"x{i}" for i in range(X.shape[1])] if X.ndim == 2 else [],
        "columns": [],
    }
    if X.ndim == 4:
        values |= {"size_px": X.shape[2], "channels": "grey" if X.shape[1] == 1 else "rgb", "interpolation": "bilinear"}
    save_model(model, name, task, folder, values | inputs)
    environment: dict[str, Any] = {"data_fingerprint": "gone", "runtime": None}
    if dataset is not None:
        environment["data_fingerprint"] = data.load(parse_group("dataset", DATASETS, dataset)).fingerprint
    config = {"model": {"name": name}, "dataset": dataset or {"name": "npz", "path": "/gone.npz"}, "seed": 0}
    return StoredRun(folder, config, {}, environment, "done")


def outputs(file: Path, inputs: np.ndarray) -> np.ndarray:
    """What the file gives for these inputs, by the runtime it is for."""
    if file.suffix == ".pt2":
        with torch.no_grad():
            return torch.export.load(file).module()(torch.from_numpy(inputs)).numpy()
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    [source], [target] = session.get_inputs(), session.get_outputs()
    assert source.shape[1:] == list(inputs.shape[1:])
    return session.run([target.name], {source.name: inputs})[0]


def predictions(model: Any, X: Any) -> np.ndarray:
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


NETWORKS: list[tuple[str, str, Any, tuple[Any, Any]]] = [
    (".onnx", "deep_net", DeepNet(depth=2, width=8, num_members=3, training=QUICK), WINE),
    (".pt2", "deep_net", DeepNet(depth=2, width=8, num_members=3, training=QUICK), WINE),
    (".onnx", "deep_net", DeepNet(depth=2, width=8, loss=Cosine(), training=QUICK), FAR),
    (".onnx", "deep_net", DeepNet(depth=2, width=8, loss=Cosine(xent_weight=0.1), training=QUICK), WINE),
    (".onnx", "deep_net", DeepNetRegressor(depth=2, width=8, num_members=2, training=QUICK), FAR_VALUES),
    (".onnx", "deep_net", DeepNetRegressor(depth=2, width=8, num_members=2, training=QUICK), SMALL),
    (".pt2", "deep_net", DeepNetRegressor(depth=2, width=8, num_members=2, training=QUICK), FAR_VALUES),
    (".onnx", "deep_net", DeepNet(width=4, **FAST), IMAGES),
    (".pt2", "deep_net", DeepNetRegressor(architecture="plain", depth=2, width=4, **FAST), GREY),
    (".onnx", "autoencoder", AutoencoderNet(widths=(8, 4), pretrain_epochs=1, sparsity_weight=0.1, **FAST), IMAGES),
    (".onnx", "autoencoder", AutoencoderNetRegressor(widths=(8, 4), pretrain_epochs=1, training=QUICK), DIABETES),
    (".onnx", "adversarial", AdversarialNet(width=4, generator_width=2, **FAST), IMAGES),
    (".onnx", "finetuned_cnn", FinetunedCNN(strategy="finetune", **CNN), IMAGES),
    (".onnx", "finetuned_cnn", FinetunedCNNRegressor(strategy="probe", feature_scaling="unit", **CNN), GREY),
    (".pt2", "finetuned_cnn", FinetunedCNN(("squeezenet1_1", "squeezenet1_0"), strategy="probe", **CNN), IMAGES),
]


@pytest.mark.parametrize(
    ("ending", "name", "model", "rows"), NETWORKS, ids=lambda v: str(v)[:60] if not isinstance(v, tuple) else ""
)
def test_the_file_of_a_network_predicts_what_the_run_does(ending: str, name: str, model: Any, rows: Any, tmp_path: Path) -> None:
    X, y = rows
    run, out = run_of(model, name, X, y, tmp_path / "run"), tmp_path / f"model{ending}"
    notices: list[str] = []
    found = export(run, out, Observer(on_notice=notices.append))
    assert found == found | {"format": "onnx" if ending == ".onnx" else "torch", "opset": 18 if ending == ".onnx" else None}
    assert found["rows_checked"] == 256 and found["checked_on"] == "generated rows"
    assert 0 <= found["largest_difference"] <= found["allowed_difference"] < 1e-3
    assert found["allowed_difference"] == 1e-4 or isinstance(model, FinetunedCNNRegressor)  # whose features vary little
    assert len(notices) == 1 and "generated" in notices[0]
    expected = predictions(load_model(run.folder)[0], X)
    scale = 1.0 if hasattr(model, "classes_") else np.std(y)
    for some in (X[:1], X[:7], X):
        given = outputs(out, some if X.ndim == 4 else some.astype(np.float64))
        assert given.shape == expected[: len(some)].shape
        assert np.abs(given - expected[: len(some)]).max() / scale <= found["allowed_difference"]
    assert np.ptp(expected, axis=0).max() > 1e-6 * scale  # the rows do tell something
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([out.name, "model.preprocessing.json", "run"])


SCIKIT: list[tuple[str, Any, tuple[Any, Any]]] = [
    ("baseline", Baseline(num_trees=30), WINE),
    ("baseline", Baseline(kind="extra_trees", num_trees=30), IMAGES),
    ("baseline", Baseline(kind="gradient_boosting"), (WINE[0], WINE[1] == 1)),
    ("baseline", Baseline(kind="logistic"), WINE),
    ("baseline", Baseline(kind="logistic"), FAR),
    ("baseline", Baseline(kind="svm"), WINE),
    ("baseline", BaselineRegressor(num_trees=30), DIABETES),
    ("baseline", BaselineRegressor(kind="extra_trees", num_trees=30), DIABETES),
    ("baseline", BaselineRegressor(kind="gradient_boosting"), DIABETES),
    ("baseline", BaselineRegressor(kind="ridge"), DIABETES),
    ("baseline", BaselineRegressor(kind="svm"), DIABETES),
    ("baseline", BaselineRegressor(num_trees=10), SMALL),
    ("baseline", BaselineRegressor(kind="gradient_boosting"), HUGE),
    ("sklearn", SklearnModelRegressor(estimator="sklearn.tree.DecisionTreeRegressor"), SMALL),
    ("sklearn", SklearnModel(), WINE),
    ("sklearn", SklearnModel(estimator="sklearn.linear_model.RidgeClassifier"), WINE),
    ("sklearn", SklearnModelRegressor(estimator="sklearn.linear_model.Lasso", standardize=False), DIABETES),
]


@pytest.mark.parametrize(("name", "model", "rows"), SCIKIT, ids=lambda v: str(v)[:60] if not isinstance(v, tuple) else "")
def test_the_file_of_a_scikit_learn_model_predicts_what_the_run_does(name: str, model: Any, rows: Any, tmp_path: Path) -> None:
    X, y = rows
    run, out = run_of(model, name, X, y, tmp_path / "run"), tmp_path / "model.onnx"
    export(run, out, Observer())
    described = json.loads((tmp_path / "model.preprocessing.json").read_text())
    features = reduce_images(X, model.max_px).reshape(len(X), -1) if X.ndim == 4 else X
    given = outputs(out, features.astype(described["input"]["dtype"]))
    expected = predictions(load_model(run.folder)[0], X)
    assert given.shape == expected.shape
    assert np.abs(given - expected).max() / (1.0 if hasattr(model, "classes_") else np.std(y)) < 1e-4
    assert described["input"]["dtype"] == ("float64" if rows is FAR else "float32")


def test_a_value_on_the_threshold_of_a_tree_goes_the_same_way(tmp_path: Path) -> None:
    """Thresholds are float64 means of neighbouring float32 values: rounded to float32 they fall on one of the two."""
    neighbours = np.float32(16.0) + np.arange(3, dtype=np.float32) * np.spacing(np.float32(16.0))
    X = np.tile(neighbours, 10).astype(np.float64)[:, None]
    y = (np.arange(30) % 3).astype(np.int64)
    run, out = run_of(Baseline(num_trees=20), "baseline", X, y, tmp_path / "run"), tmp_path / "model.onnx"
    export(run, out, Observer())
    expected = load_model(run.folder)[0].predict_proba(X)
    assert expected.max() > 0.9
    assert np.abs(outputs(out, X.astype(np.float32)) - expected).max() < 1e-5


def test_it_is_checked_on_the_run_s_own_test_rows_where_they_are_there(tmp_path: Path) -> None:
    settings = {"name": "wine"}
    run = run_of(DeepNet(depth=1, width=8, training=QUICK), "deep_net", *WINE, tmp_path / "run", dataset=settings)
    notices: list[str] = []
    found = export(run, tmp_path / "a.onnx", Observer(on_notice=notices.append))
    assert found["checked_on"] == "test rows of wine" and found["rows_checked"] == 36 and not notices
    changed = StoredRun(run.folder, run.config, {}, {**run.environment, "data_fingerprint": "other"}, "done")
    assert export(changed, tmp_path / "b.pt2", Observer())["checked_on"] == "generated rows"


def test_metadata_and_description_say_what_the_file_takes_and_gives(tmp_path: Path) -> None:
    names = ["=ä", "two words", "no text: \udcff"]  # a folder's name need not be valid text
    run = run_of(DeepNet(width=4, **FAST), "deep_net", *IMAGES, tmp_path / "run", decision=[1.0, 2.0, 0.5], classes=names)
    export(run, tmp_path / "my model.onnx", Observer())
    described = json.loads((tmp_path / "my model.preprocessing.json").read_text(encoding="utf-8", errors="surrogateescape"))
    assert described["classes"] == names and described["decision_weights"] == [1.0, 2.0, 0.5]
    assert described["input"] == described["input"] | {"name": "images", "shape": ["batch", 3, 20, 20], "dtype": "uint8"}
    assert described["output"]["shape"] == ["batch", 3] and described["preprocessing"]["kind"] == "image"
    model = onnx.load(tmp_path / "my model.onnx")
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["classes"]) == described["classes"] and facts["task"] == "classification"
    assert facts["written_by"].startswith("sdl ")
    assert not any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer)


def test_the_description_is_inside_a_program_too(tmp_path: Path) -> None:
    run = run_of(DeepNet(depth=1, width=4, training=QUICK), "deep_net", *WINE, tmp_path / "run")
    export(run, tmp_path / "program.pt2", Observer())
    with pytest.raises(DataError, match="program.onnx: program.preprocessing.json beside it belongs to program.pt2"):
        export(run, tmp_path / "program.onnx", Observer())
    extra = {"sdl.json": ""}
    torch.export.load(tmp_path / "program.pt2", extra_files=extra)
    described = json.loads((tmp_path / "program.preprocessing.json").read_text())
    assert {k: json.loads(extra["sdl.json"])[k] for k in ("classes", "input", "preprocessing")} == {
        k: described[k] for k in ("classes", "input", "preprocessing")
    }


def test_classes_that_were_never_seen_are_no_columns_of_the_graph(tmp_path: Path) -> None:
    X, y = WINE
    run = run_of(Baseline(num_trees=5), "baseline", X[y != 1], y[y != 1], tmp_path / "run")
    export(run, tmp_path / "model.onnx", Observer())
    described = json.loads((tmp_path / "model.preprocessing.json").read_text())
    assert described["classes"] == ["class 0", "class 2"] and described["output"]["shape"] == ["batch", 2]


def mixed(n: int = 60) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """A number with gaps, a category of three levels (one of them rare) with gaps, and a date of two parts."""
    rng = np.random.default_rng(1)
    X = np.stack([rng.normal(50, 9, n), rng.choice([0.0, 1.0], n), rng.integers(2000, 2020, n), rng.integers(1, 13, n)], axis=1)
    X[3, 1] = 2
    X[rng.random(n) < 0.2, 0] = np.nan
    X[rng.random(n) < 0.2, 1] = np.nan
    columns = [
        {"name": "age", "kind": "number", "levels": [], "parts": [], "format": ""},
        {"name": "town", "kind": "category", "levels": ["Bonn", "Köln", "Ulm"], "parts": [], "format": ""},
        {"name": "born", "kind": "date", "levels": [], "parts": ["year", "month"], "format": "%Y-%m-%d"},
    ]
    return X, (np.nan_to_num(X[:, 0], nan=60) > 50).astype(np.int64), columns


@pytest.mark.parametrize("model", [Baseline(num_trees=10), DeepNet(depth=1, width=8, training=QUICK)])
def test_a_mixed_table_is_encoded_from_the_description_alone(model: Any, tmp_path: Path) -> None:
    X, y, columns = mixed()
    name = "baseline" if isinstance(model, Baseline) else "deep_net"
    names = ["age", "town", "born.year", "born.month"]
    whole = Prepared(TableEncoder((0, 3, 0, 0)), model)
    run = run_of(whole, name, X, y, tmp_path / "run", columns=columns, features=names, source={})
    export(run, tmp_path / "model.onnx", Observer())
    described = json.loads((tmp_path / "model.preprocessing.json").read_text())
    assert described["preprocessing"]["columns_as_numbers"] == names
    encoded = np.array([encode(row, described["preprocessing"]) for row in X])
    assert len(described["preprocessing"]["features"]) == encoded.shape[1] == described["input"]["shape"][1]
    given = outputs(tmp_path / "model.onnx", encoded.astype(described["input"]["dtype"]))
    assert np.abs(given - whole.predict_proba(X)).max() < 1e-4


def encode(row: np.ndarray, described: dict[str, Any]) -> list[float]:
    """One row, as the sentences in `steps` say."""
    encoder = described["encoder"]
    numbers = [v for v, n in zip(row, encoder["num_levels"], strict=True) if n == 0]
    categories = [(v, n) for v, n in zip(row, encoder["num_levels"], strict=True) if n > 0]
    out = [0.0 if np.isnan(v) else (v - m) / s for v, m, s in zip(numbers, encoder["medians"], encoder["scales"], strict=True)]
    out += [float(np.isnan(v)) for v, told in zip(numbers, encoder["indicated"], strict=True) if told]
    out += [0.0] * (encoder["num_outputs"] - len(out))
    for (value, num_levels), targets in zip(categories, encoder["targets"], strict=True):
        place = targets[-1] if np.isnan(value) else targets[min(int(value), num_levels)]
        if place >= 0:
            out[place] = 1.0
    return out


def test_a_text_is_encoded_from_the_description_alone(tmp_path: Path) -> None:
    texts = np.array(
        ["Where is Köln?", "who was here, who?", "How far is it", "Who is it?", "a", "where WAS it ..."] * 5, dtype=object
    )
    y = np.array([0, 1, 2, 1, 2, 0] * 5)
    whole = Prepared(TextEncoder(max_features=40), Baseline(kind="logistic"))
    run = run_of(whole, "baseline", texts, y, tmp_path / "run", modality="text", features=[], source={"text": "question"})
    export(run, tmp_path / "model.onnx", Observer())
    described = json.loads((tmp_path / "model.preprocessing.json").read_text())
    assert described["preprocessing"]["kind"] == "text" and described["preprocessing"]["source"] == {"text": "question"}
    some = np.array([*texts[:6], "It is who?  Who who", "nothing known: xyz", ""], dtype=object)
    encoded = np.array([encode_text(text, described["preprocessing"]) for text in some])
    assert np.abs(encoded - whole.encoder_.transform(some)).max() < 1e-5
    given = outputs(tmp_path / "model.onnx", encoded.astype(described["input"]["dtype"]))
    assert np.abs(given - whole.predict_proba(some)).max() < 1e-4


def encode_text(text: str, described: dict[str, Any]) -> np.ndarray:
    """One text, as the sentences in `steps` say."""
    encoder, steps = described["encoder"], described["steps"]
    [length] = re.findall(r"multiply all by (\S+) / sqrt", steps[-1])
    text = text[: int(re.findall(r"after (\d+) characters", steps[0])[0])].lower()
    words = re.findall(r"\w+|[^\w\s]", text)
    marked = ["\x02", *words]
    terms = {"words": [*words, *(" ".join(pair) for pair in zip(marked, words, strict=False))]}
    if len(words) >= 2:
        terms["words"].append(" ".join(marked[:3]))
    terms["pieces"] = []
    for stretch in (f" {part} " for part in text.split()):
        for n in range(2, 6):
            if len(stretch) <= n:
                terms["pieces"].append(stretch)
                break
            terms["pieces"] += [stretch[i : i + n] for i in range(len(stretch) - n + 1)]
    blocks = []
    for block in ("words", "pieces"):
        counts = [terms[block].count(term) for term in encoder["terms"][block]]
        values = np.array([(1 + np.log(n)) * w if n else 0.0 for n, w in zip(counts, encoder[f"idf.{block}"], strict=True)])
        blocks.append(values / (np.sqrt((values**2).sum()) or 1.0))
    return np.concatenate(blocks) * float(length) / np.sqrt(sum(len(encoder["terms"][b]) > 0 for b in ("words", "pieces")))


def test_pixels_are_reduced_as_the_description_says(tmp_path: Path) -> None:
    X, y = IMAGES
    run = run_of(Baseline(num_trees=10, max_px=8), "baseline", X, y, tmp_path / "run")
    export(run, tmp_path / "model.onnx", Observer())
    described = json.loads((tmp_path / "model.preprocessing.json").read_text())["preprocessing"]
    assert (described["reduced_height_px"], described["reduced_width_px"]) == (8, 8)
    edges = np.arange(9) * 20 / 8
    weights = np.array([[max(0.0, min(b, p + 1) - max(a, p)) for p in range(20)] for a, b in zip(edges, edges[1:], strict=False)])
    weights /= weights.sum(1, keepdims=True)
    reduced = (weights @ X.astype(np.float64) @ weights.T).reshape(len(X), -1)
    given = outputs(tmp_path / "model.onnx", reduced.astype(np.float32))
    assert np.abs(given - load_model(run.folder)[0].predict_proba(X)).mean() < 0.01  # in other arithmetic a tree may tip over


def test_a_run_in_other_arithmetic_is_compared_in_float32_and_told_so(tmp_path: Path) -> None:
    model = DeepNet(depth=2, width=8, training=QUICK, precision="bfloat16", num_threads=1)
    run = run_of(model, "deep_net", *WINE, tmp_path / "run")
    run.environment["runtime"] = model.runtime_.to_plain()
    notices: list[str] = []
    assert export(run, tmp_path / "model.onnx", Observer(on_notice=notices.append))["largest_difference"] < 1e-4
    assert "bfloat16" in notices[0] and "float32" in notices[0]


def test_a_graph_that_predicts_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdl_cli.run.export import network

    run = run_of(DeepNet(depth=1, width=8, training=QUICK), "deep_net", *WINE, tmp_path / "run")
    whole = network.Predictor.forward
    monkeypatch.setattr(network.Predictor, "forward", lambda self, x: whole(self, x) + 0.001)
    with pytest.raises(RunError, match=r"differ by up to 0\.001, more than 0\.0001"):
        export(run, tmp_path / "model.onnx", Observer())
    monkeypatch.setattr(network.Predictor, "forward", lambda self, x: whole(self, x) * float("nan"))
    with pytest.raises(RunError, match="differ by up to nan"):
        export(run, tmp_path / "model.pt2", Observer())
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


class Rounding(RegressorMixin, BaseEstimator):
    """Doubles its rows; of a row alone the answer is off by `off`."""

    def __init__(self, off: float = 0.0) -> None:
        self.off = off

    def predict(self, X: np.ndarray) -> np.ndarray:
        return 2 * X[:, 0] + self.off * (len(X) == 1)


@pytest.mark.parametrize(
    ("off", "graph_off", "allowed"),
    [(0.0, 5e-5, 1e-4), (1e-4, 3e-4, 4e-4), (1e-4, 5e-4, None), (0.0, 2e-4, None), (0.1, 0.02, None)],
    ids=["1e-4", "its rounding", "more", "no rounding", "more than rounding is"],
)
def test_a_graph_may_differ_by_the_runs_own_rounding(tmp_path: Path, off: float, graph_off: float, allowed: float | None) -> None:
    X = np.arange(100.0)[:, None]
    graph: Any = SimpleNamespace(run=lambda part: 2 * part[:, 0] + graph_off, input=SimpleNamespace(dtype=np.float64))
    rows = parity.Rows(Rounding(off), X, 2 * X[:, 0], 1.0, "rows")
    if allowed is None:
        with pytest.raises(RunError, match="not written"):
            parity.first_equal([graph], rows, tmp_path / "m.onnx")
    else:
        found, difference, limit = parity.first_equal([graph], rows, tmp_path / "m.onnx")
        assert found is graph and difference == pytest.approx(graph_off) and limit == pytest.approx(allowed)


def test_what_cannot_be_exported_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forest = run_of(Baseline(num_trees=3), "baseline", *WINE, tmp_path / "forest")
    (tmp_path / "folder.onnx").mkdir()
    cases = [
        (forest, "model.pkl", ConfigError, "the file name must show the format", ".onnx"),
        (forest, "model", ConfigError, "the file name must show the format", ".onnx"),
        (forest, "model.pt2", ConfigError, "model=baseline is not a network", ".onnx"),
        (forest, "folder.onnx", DataError, "this is a folder", "model.onnx"),
        (forest, "none/model.onnx", DataError, "there is no folder", "Create it first"),
    ]
    spreading = SklearnModel(estimator="sklearn.semi_supervised.LabelSpreading")
    other = run_of(spreading, "sklearn", *WINE, tmp_path / "other")
    cases.append((other, "model.onnx", ConfigError, "LabelSpreading cannot be written as ONNX", "sdl predict"))
    weighted = SklearnModel(estimator="sklearn.neighbors.KNeighborsClassifier", params={"weights": "distance"})
    nearest = run_of(weighted, "sklearn", *WINE, tmp_path / "nearest")
    cases.append(
        (nearest, "model.onnx", RunError, "does not predict the same as the run", "converts KNeighborsClassifier, leaves out")
    )
    before = sorted(tmp_path.iterdir())
    for run, name, kind, message, hint in cases:
        with pytest.raises(kind) as caught:
            export(run, tmp_path / name, Observer())
        assert message in caught.value.message and hint in caught.value.hint, name
        assert len(str(caught.value).splitlines()) <= 3
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match="needs onnx, skl2onnx, onnxruntime, which are not installed") as caught:
        export(forest, tmp_path / "model.onnx", Observer())
    assert "pip install 'sdl-cli[onnx]'" in caught.value.hint
    assert sorted(tmp_path.iterdir()) == before


def test_of_repeats_the_first_is_exported(tmp_path: Path) -> None:
    whole = tmp_path / "run"
    (whole / "repeats").mkdir(parents=True)
    for number in range(2):
        one = run_of(Baseline(num_trees=3, random_state=number), "baseline", *WINE, whole / "repeats" / str(number))
        writing.write_config(one.folder, one.config)
        for name in ("metrics.json", "environment.json"):
            writing.write_json(one.folder, name, {})
        writing.write_status(one.folder, "done")
    notices: list[str] = []
    export(StoredRun(whole, one.config, {}, {}, "done"), tmp_path / "model.onnx", Observer(on_notice=notices.append))
    assert "2 repeats" in notices[0]
    first = load_model(whole / "repeats" / "0")[0].predict_proba(WINE[0])
    assert np.abs(outputs(tmp_path / "model.onnx", WINE[0].astype(np.float32)) - first).max() < 1e-5

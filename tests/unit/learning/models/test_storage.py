"""Saving and loading: every kind of model predicts the same to the last bit, and crafted files are refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load, load_file, save_file
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor

from sdl_cli.data.augment.policies import Noise
from sdl_cli.errors import DataError
from sdl_cli.learning.losses import Cosine
from sdl_cli.learning.models.autoencoder import AutoencoderNet
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.learning.models.open_door import SklearnModel
from sdl_cli.learning.models.storage import load_model, packed, save_model
from sdl_cli.learning.models.trees import check_arrays, forest_from_arrays, forest_to_arrays
from sdl_cli.settings.experiment import Training

INPUTS: dict[str, Any] = {"modality": "table", "shape": [4], "classes": []}
QUICK = Training(epochs=2)
IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
rng = np.random.default_rng(0)
IMAGES = (rng.integers(0, 255, (20, 3, 40, 40)).astype(np.uint8), np.arange(20) % 3)

CASES: list[tuple[str, Any, tuple[np.ndarray, np.ndarray]]] = [
    ("baseline", Baseline(num_trees=20), IRIS),
    ("baseline", Baseline(kind="extra_trees", num_trees=20), IRIS),
    ("baseline", Baseline(kind="logistic"), IRIS),
    ("baseline", Baseline(kind="svm"), IRIS),
    ("baseline", Baseline(kind="gradient_boosting"), IRIS),
    ("baseline", BaselineRegressor(num_trees=20), DIABETES),
    ("baseline", BaselineRegressor(kind="ridge"), DIABETES),
    ("baseline", BaselineRegressor(kind="gradient_boosting"), DIABETES),
    ("baseline", Baseline(num_trees=20), IMAGES),
    ("sklearn", SklearnModel(estimator="sklearn.tree.DecisionTreeClassifier"), IRIS),
    ("deep_net", DeepNet(depth=2, width=8, num_members=2, augment=Noise(), training=QUICK), IRIS),
    ("deep_net", DeepNet(depth=2, width=8, loss=Cosine(), training=QUICK), IRIS),
    ("deep_net", DeepNetRegressor(depth=2, width=8, training=QUICK), DIABETES),
    ("deep_net", DeepNet(width=4, loss=Cosine(xent_weight=0.1), training=QUICK, precision="float32"), IMAGES),
    ("autoencoder", AutoencoderNet(widths=(8, 4), pretrain_epochs=1, training=QUICK), IRIS),
    ("finetuned_cnn", FinetunedCNN(weights="none", image_size_px=32, training=QUICK, precision="float32"), IMAGES),
]


def task_of(model: Any) -> str:
    return "regression" if type(model).__name__.endswith("Regressor") else "classification"


@pytest.mark.parametrize(("name", "model", "data"), CASES, ids=lambda v: str(v)[:40] if not isinstance(v, tuple) else "")
def test_a_loaded_model_predicts_the_same_to_the_last_bit(name: str, model: Any, data: Any, tmp_path: Path) -> None:
    X, y = data
    fitted = model.fit(X, y)
    files = save_model(fitted, name, task_of(model), tmp_path, INPUTS | {"shape": list(X.shape[1:])})
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(files)
    loaded, values = load_model(tmp_path)
    assert values["model"] == name
    method = "predict" if task_of(model) == "regression" else "predict_proba"
    assert np.array_equal(getattr(loaded, method)(X), getattr(fitted, method)(X))
    assert b"pickle" not in (tmp_path / files[1]).read_bytes()[:200]


def test_arrays_keep_their_places_however_they_lie_in_memory() -> None:
    numbers = np.arange(12.0).reshape(3, 4)
    lying = {
        "rows": numbers,
        "columns": np.asfortranarray(numbers),
        "turned": numbers.T,
        "part": numbers[:, ::2],
        "one": np.array(7.0),
    }
    found = load(packed(lying))
    for name, array in lying.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("forest", [
    RandomForestClassifier(15, random_state=0), ExtraTreesClassifier(15, random_state=0), RandomForestRegressor(15, random_state=0),
])  # fmt: skip
def test_a_forest_of_arrays_is_scikit_learns_forest(forest: Any) -> None:
    X, y = DIABETES if isinstance(forest, RandomForestRegressor) else IRIS
    forest.fit(X, y)
    classes = getattr(forest, "classes_", None)
    kind = "extra_trees" if isinstance(forest, ExtraTreesClassifier) else "forest"
    again = forest_from_arrays(forest_to_arrays(forest), kind, classes, X.shape[1])
    method = "predict" if classes is None else "predict_proba"
    assert np.array_equal(getattr(again, method)(X), getattr(forest, method)(X))


BROKEN = [
    ("left", 0, 10**6), ("left", 0, -5), ("left", 0, 0), ("right", 0, 10**6), ("right", 0, 0), ("feature", 0, 99), ("feature", 0, -2),
    ("threshold", 0, np.nan), ("offset", 1, 10**7), ("offset", 0, 3),
]  # fmt: skip


@pytest.mark.parametrize(("key", "at", "value"), BROKEN)
def test_a_crafted_forest_is_refused_before_compiled_code_follows_it(key: str, at: int, value: float, tmp_path: Path) -> None:
    X, y = IRIS
    save_model(Baseline(num_trees=3).fit(X, y), "baseline", "classification", tmp_path, INPUTS)
    arrays = {k: v.copy() for k, v in load_file(tmp_path / "model.safetensors").items()}
    arrays[key][at] = value
    save_file(arrays, tmp_path / "model.safetensors")
    with pytest.raises(DataError):
        load_model(tmp_path)


def is_tree(tree: Any) -> bool:
    """Whether every way down from the root ends at a leaf, over features that are there; each node once at most in a way."""
    waiting = [(0, frozenset[int]())]
    while waiting:
        node, above = waiting.pop()
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left == right == -1:
            continue
        if node in above or not all(0 <= child < tree.node_count for child in (left, right)) or not 0 <= tree.feature[node] < 4:
            return False
        waiting += [(left, above | {node}), (right, above | {node})]
    return True


def test_random_arrays_never_pass_as_a_forest_unless_they_are_one() -> None:
    forest = RandomForestClassifier(2, max_depth=3, random_state=0).fit(*IRIS)
    good = forest_to_arrays(forest)
    check_arrays(good, 4, 3)
    local = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        arrays = {k: v.copy() for k, v in good.items()}
        key = local.choice(["left", "right", "feature"])
        arrays[key][local.integers(len(arrays[key]))] = local.integers(-3, 30)
        try:
            made = forest_from_arrays(arrays, "forest", np.arange(3), 4)
        except DataError:
            refused += 1
        else:
            assert all(is_tree(member.tree_) for member in made.estimators_)  # what passes can be followed
    assert refused > 150
    for key in good:
        with pytest.raises(DataError):
            check_arrays({k: v for k, v in good.items() if k != key}, 4, 3)


def test_a_skops_file_that_names_other_code_is_refused(tmp_path: Path) -> None:
    X, y = IRIS
    save_model(Baseline(kind="logistic").fit(X, y), "baseline", "classification", tmp_path, INPUTS)
    with zipfile.ZipFile(tmp_path / "model.skops") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    schema = parts["schema.json"].replace(b'"StandardScaler"', b'"system"').replace(b"sklearn.preprocessing._data", b"os")
    assert b'"os"' in schema
    parts["schema.json"] = schema
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(DataError, match="--trust"):
        load_model(tmp_path)


def test_an_estimator_outside_scikit_learn_needs_trust(tmp_path: Path) -> None:
    X, y = IRIS
    save_model(SklearnModel().fit(X, y), "sklearn", "classification", tmp_path, INPUTS)
    values = json.loads((tmp_path / "model.json").read_text())
    values["params"]["estimator"] = "antigravity.Classifier"
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="--trust"):
        load_model(tmp_path)


@pytest.mark.parametrize("change", [
    {"format": 99}, {"model": "evil"}, {"task": "other"}, {"inputs": 3}, {"fitted": {}}, {"params": {"depth": -1, "unknown": 2}},
])  # fmt: skip
def test_a_changed_model_json_is_a_plain_error(change: dict[str, Any], tmp_path: Path) -> None:
    X, y = IRIS
    save_model(DeepNet(depth=2, width=8, training=QUICK).fit(X, y), "deep_net", "classification", tmp_path, INPUTS)
    values = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(values | change))
    with pytest.raises(DataError):
        load_model(tmp_path)


def test_missing_truncated_and_foreign_weights_are_plain_errors(tmp_path: Path) -> None:
    X, y = IRIS
    save_model(DeepNet(depth=2, width=8, training=QUICK).fit(X, y), "deep_net", "classification", tmp_path, INPUTS)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        load_model(tmp_path)
    save_file({"0.head.weight": np.zeros((3, 3), np.float32)}, weights)
    with pytest.raises(DataError):
        load_model(tmp_path)
    weights.unlink()
    with pytest.raises(DataError, match=r"model\.safetensors is missing|cannot be read"):
        load_model(tmp_path)


def test_a_run_of_an_absent_gpu_predicts_on_the_cpu(tmp_path: Path) -> None:
    X, y = IRIS
    model = DeepNet(depth=2, width=8, training=QUICK).fit(X, y)
    save_model(model, "deep_net", "classification", tmp_path, INPUTS)
    values = json.loads((tmp_path / "model.json").read_text())
    values["fitted"]["runtime"]["device"] = "cuda:7"
    (tmp_path / "model.json").write_text(json.dumps(values))
    loaded, _ = load_model(tmp_path)
    if not torch.cuda.is_available() or torch.cuda.device_count() < 8:
        assert loaded.runtime_.device == "cpu"
    assert np.allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"depth": 10**9}, "model.depth"),
        ({"depth": 200, "width": 4096}, "missing or has another shape"),
        ({"width": 10**9}, "model.width"),
        ({"num_members": 10**6}, "model.num_members"),
        ({"architecture": "enormous"}, "model.architecture"),
        ([1], "no settings"),
    ],
)
def test_stored_sizes_are_compared_with_the_tensors_before_layers_are_built(
    params: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = IRIS
    save_model(DeepNet(depth=2, width=8, training=QUICK).fit(X, y), "deep_net", "classification", tmp_path, INPUTS)
    built: list[torch.device] = []
    build = DeepNet.build_network
    monkeypatch.setattr(DeepNet, "build_network", lambda *a: built.append(torch.get_default_device()) or build(*a))
    values = json.loads((tmp_path / "model.json").read_text())
    values["params"] = values["params"] | params if isinstance(params, dict) else params
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match=words):
        load_model(tmp_path)
    assert all(device.type == "meta" for device in built)


@pytest.mark.parametrize("fitted", [
    {"input_shape": [10**9]}, {"input_shape": [10**12]}, {"input_shape": [0]}, {"input_shape": [1, 2]}, {"input_shape": [4, 4, 4]},
    {"num_networks": 10**9}, {"classes": list(range(100))}, {"runtime": {"device": "cpu"}},
])  # fmt: skip
def test_stored_shapes_that_no_tensor_bears_out_are_refused(fitted: dict[str, Any], tmp_path: Path) -> None:
    X, y = IRIS
    save_model(DeepNet(depth=2, width=8, training=QUICK).fit(X, y), "deep_net", "classification", tmp_path, INPUTS)
    values = json.loads((tmp_path / "model.json").read_text())
    values["fitted"] |= fitted
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(DataError):
        load_model(tmp_path)


def test_a_builder_that_cannot_be_built_without_memory_is_measured_by_its_records(tmp_path: Path) -> None:
    X, y = IMAGES
    model = FinetunedCNN(weights="none", image_size_px=32, training=QUICK, precision="float32").fit(X, y)
    save_model(model, "finetuned_cnn", "classification", tmp_path, INPUTS)
    values = json.loads((tmp_path / "model.json").read_text())
    values["params"]["architecture"] = "regnet_y_128gf"  # 645 million weights
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="regnet_y_128gf has more"):
        load_model(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    X, y = IRIS
    folder = tmp_path / "run"
    folder.mkdir()
    save_model(DeepNet(depth=2, width=8, training=QUICK).fit(X, y), "deep_net", "classification", folder, INPUTS)
    for name in ("model.safetensors", "model.json"):
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
        with pytest.raises(DataError, match="this is a link"):
            load_model(folder)
        (folder / name).unlink()
        (tmp_path / name).rename(folder / name)
    load_model(folder)


def test_a_stored_class_of_ours_is_found_where_it_is_today(tmp_path: Path) -> None:
    X, y = IRIS
    model = SklearnModel("sdl_cli.learning.models.baseline.Baseline", {"kind": "logistic"}).fit(X, y)
    save_model(model, "sklearn", "classification", tmp_path, INPUTS)
    with zipfile.ZipFile(tmp_path / "model.skops") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    of_today, before = b'"sdl_cli.learning.models.baseline"', b'"sdl_cli.models.baseline"'
    assert of_today in parts["schema.json"]
    parts["schema.json"] = parts["schema.json"].replace(of_today, before)
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(DataError, match=r"sdl_cli\.models\.baseline\.Baseline"):
        load_model(tmp_path)
    assert np.array_equal(load_model(tmp_path, trust=True)[0].predict_proba(X), model.predict_proba(X))


def test_a_model_that_will_need_trust_says_so_when_it_is_stored(tmp_path: Path) -> None:
    X, y = IRIS
    params = {"categorical_features": [0]}
    model = SklearnModel("sklearn.ensemble.HistGradientBoostingClassifier", params, standardize=False).fit(np.round(X), y)
    said: list[str] = []
    save_model(model, "sklearn", "classification", tmp_path, INPUTS, said.append)
    assert "--trust" in said[0] and "functools.partial" in said[0]
    with pytest.raises(DataError, match=r"functools\.partial"):
        load_model(tmp_path)
    assert np.array_equal(load_model(tmp_path, trust=True)[0].predict(np.round(X)), model.predict(np.round(X)))

"""tabicl and tabpfn with random weights of their own architectures: answers, what is stored, and what is refused."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from integration import tiny_checkpoints
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils.estimator_checks import check_estimator

from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning.models import hub_weights
from sdl_cli.learning.models.kind import HOLDS_ROWS
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.learning.models.tabular_foundation import libraries, weights
from sdl_cli.learning.models.tabular_foundation.estimator import TabularFoundation, TabularFoundationRegressor
from sdl_cli.learning.models.tabular_foundation.settings import TabularFoundationSettings

IRIS, DIABETES = ((X[::3], y[::3]) for X, y in (load_iris(return_X_y=True), load_diabetes(return_X_y=True)))
TASKS: dict[str, tuple[Any, Any]] = {
    "classification": (TabularFoundation, IRIS),
    "regression": (TabularFoundationRegressor, DIABETES),
}
KINDS = ["tabicl", "tabpfn"]
INPUTS = {"modality": "table", "shape": [4], "classes": ["a", "b", "c"], "features": list("wxyz"), "columns": [], "source": {}}


def answers(model: Any, X: Any) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def fit(folder: Path, kind: str, task: str = "classification", file: Path | None = None, **more: Any) -> tuple[Any, Any]:
    """A fitted model and the rows that it was fitted to."""
    estimator, (X, y) = TASKS[task]
    file = file or tiny_checkpoints.write(folder, kind, task)
    return estimator(kind=kind, weights=str(file), num_members=2, num_threads=1, **more).fit(X, y), X


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_as_its_package_does_and_again_when_loaded(folder: Path, tmp_path: Path, kind: str, task: str) -> None:
    model, X = fit(folder, kind, task)
    file, own = tiny_checkpoints.write(folder, kind, task), __import__(kind)
    name = {"tabicl": "TabICL", "tabpfn": "TabPFN"}[kind] + ("Classifier" if task == "classification" else "Regressor")
    more = {"inference_precision": torch.float32} if kind == "tabpfn" else {}
    theirs = getattr(own, name)(n_estimators=2, model_path=str(file), random_state=0, device="cpu", **more)
    with libraries.own_words(kind):
        theirs.fit(X, TASKS[task][1][1])
        np.testing.assert_allclose(answers(model, X[:7]), answers(theirs, X[:7]), rtol=1e-4)
    np.testing.assert_allclose(answers(model, X[:1]), answers(model, X[:7])[:1], rtol=1e-4)  # each row for itself
    said: list[str] = []
    save_model(model, "tabular_foundation", task, tmp_path, INPUTS, said.append)
    again, values = load_model(tmp_path)
    np.testing.assert_array_equal(answers(again, X), answers(model, X))
    assert model.pretrained_ == [{"architecture": kind, "weights": str(file), "digest": hub_weights.digest_of(file)}]
    assert said == [HOLDS_ROWS] and values["fitted"]["weights_digest"] == hub_weights.digest_of(file)
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "model.safetensors"}
    assert model.notes_ == (
        [f"{weights.ATTRIBUTION}: the licence of these weights wants that shown beside results."] if kind == "tabpfn" else []
    )
    assert [os.environ[name] for name in ("TABPFN_NO_BROWSER", "TABPFN_DISABLE_TELEMETRY")] == ["1", "1"]


@pytest.mark.parametrize("task", TASKS)
def test_scikit_learn_checks(folder: Path, task: str) -> None:
    file = str(tiny_checkpoints.write(folder, "tabicl", task))
    untrained = dict.fromkeys(("check_classifiers_train", "check_regressors_train"), "random weights predict nothing")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks feed degenerate data on purpose
        check_estimator(
            TASKS[task][0](weights=file, num_members=1, num_threads=1), expected_failed_checks=untrained, on_skip=None
        )


def test_cells_may_be_missing_and_degenerate_tables_are_answered(folder: Path) -> None:
    model, X = fit(folder, "tabicl")
    holed = X.copy()
    holed[::5, 1] = np.nan
    assert np.isfinite(answers(model.fit(holed, IRIS[1]), holed)).all()
    assert model.fit(X, np.zeros(len(X))).predict_proba(X[:2]).tolist() == [[1.0], [1.0]]
    assert model.fit(np.ones((4, 2)), [0, 0, 0, 1]).predict_proba(np.ones((1, 2))).tolist() == [[0.75, 0.25]]
    numbers = TabularFoundationRegressor(weights=str(tiny_checkpoints.write(folder, "tabicl", "regression")))
    assert numbers.fit(np.ones((4, 2)), [1, 2, 3, 6]).predict([[5.0, np.nan]]).tolist() == [3.0]
    tensors, values = numbers.get_state()
    assert TabularFoundationRegressor.from_state(tensors, values).predict([[5.0, 1.0]]).tolist() == [3.0]


def test_a_checkpoint_in_safetensors_answers_alike(folder: Path) -> None:
    from safetensors.torch import save_file

    model, X = fit(folder, "tabicl")
    found = tiny_checkpoints.content("tabicl", "classification")
    file = folder / "tabicl.safetensors"
    save_file(found["state_dict"], file, {"config": json.dumps(found["config"]), "architecture_name": '"tabicl"'})
    np.testing.assert_array_equal(answers(fit(folder, "tabicl", file=file)[0], X), answers(model, X))


def test_a_stored_run_wants_the_same_checkpoint(folder: Path, tmp_path: Path) -> None:
    file = tiny_checkpoints.write(tmp_path, "tabicl")
    model, _ = fit(folder, "tabicl", file=file)
    tensors, values = model.get_state()
    for name, changed in (("context.rows", tensors["context.rows"][:, :2]), ("context.targets", tensors["context.targets"][:-1])):
        with pytest.raises(DataError, match="damaged"):
            TabularFoundation.from_state(tensors | {name: changed}, values)
    torch.save(tiny_checkpoints.content("tabicl", "classification") | {"more": 1}, file)
    with pytest.raises(DataError, match=r"another file than the one .* \(its sha256 differs\)"):
        TabularFoundation.from_state(tensors, values)
    file.unlink()
    with pytest.raises(DataError, match=f"model.kind=tabicl answers with {file}, and there is no such file"):
        TabularFoundation.from_state(tensors, values)


def test_a_stored_run_whose_package_is_gone_or_fails_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = fit(folder, "tabicl")[0].get_state()
    for error in (ConfigError("model.kind=tabicl needs the package tabicl.", "pip install"), RunError("tabicl failed", "")):

        def fails(kind: str, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(libraries, "imported", fails)
        with pytest.raises(DataError, match=r"^This run answers with tabicl \d[\d.]+\. (model.kind=tabicl needs|tabicl failed)"):
            TabularFoundation.from_state(*state)


def spoiled(kind: str, folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no checkpoint of `kind`, and what is said of each."""
    found = tiny_checkpoints.content(kind, "classification")
    state, config = found["state_dict"], found["config"]
    depth = "icl_num_blocks" if kind == "tabicl" else "nlayers"
    width = "embed_dim" if kind == "tabicl" else "emsize"
    contents: dict[str, tuple[Any, str]] = {
        "object": ({**found, "hook": Path("x")}, "more than tensors and settings"),
        "bare": (state, "no settings"),
        "deep": ({**found, "config": {**config, depth: 10**9}}, f"{depth} is 1000000000"),
        "wide": ({**found, "config": {**config, width: 32}}, "do not match"),
        "short": ({**found, "state_dict": dict(list(state.items())[:-1])}, "do not match"),
        "other": (tiny_checkpoints.content(next(k for k in KINDS if k != kind), "classification"), "of another network"),
    }
    files = {}
    for name, (value, message) in contents.items():
        files[name] = (folder / f"{kind}-{name}.ckpt", message)
        torch.save(value, files[name][0])
    text = folder / "text.ckpt"
    text.write_text("no weights")
    with zipfile.ZipFile(folder / "packed.ckpt", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("archive/data.pkl", b"0" * 1000)
    return files | {"text": (text, "is damaged"), "packed": (folder / "packed.ckpt", "compressed")}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_checkpoint_is_refused_before_the_package_reads_it(kind: str, tmp_path: Path) -> None:
    for file, message in spoiled(kind, tmp_path).values():
        with pytest.raises(DataError, match=message) as found:
            weights.examined(kind, file)
        assert str(found.value).startswith(f"model.weights: {file} is no checkpoint of {kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_for_the_other_task_is_named(folder: Path, kind: str) -> None:
    with pytest.raises(DataError, match="predicts numbers, and this data set needs classes"):
        fit(folder, kind, file=tiny_checkpoints.write(folder, kind, "regression"))
    with pytest.raises(DataError, match="predicts classes, and this data set needs numbers"):
        fit(folder, kind, "regression", tiny_checkpoints.write(folder, kind))


def test_weights_that_are_not_for_commercial_use_need_consent(tmp_path: Path) -> None:
    pytest.importorskip("tabpfn")
    asked = TabularFoundationSettings(kind="tabpfn", version="v3.5")
    with pytest.raises(ConfigError, match="non-commercial use only.*Prior-Labs/tabpfn_3_5") as found:
        asked.check()
    assert "model.accept_license=true" in found.value.hint
    TabularFoundationSettings(kind="tabpfn", version="v3.5", accept_license=True).check()
    TabularFoundationSettings(kind="tabpfn").check()
    with pytest.raises(ConfigError, match="tabicl has no weights v3 here"):
        TabularFoundationSettings(version="v3").check()
    names = (None, "tabpfn_v2", "base", "tabpfn_v2_6", "tabpfn_v3_5")
    assert [weights.Checkpoint(name, {}, {}).version for name in names] == ["v2", "v2", "v2.5", "v2.6", "v3.5"]
    from tabpfn.architectures import ARCHITECTURES

    later = ARCHITECTURES["tabpfn_v2_6"]
    config = {"emsize": 16, "nlayers": 1, "nhead": 2, "max_num_classes": 10, "num_buckets": 5}
    network = later.get_architecture(later.parse_config(config)[0])
    file = tmp_path / "renamed.ckpt"
    torch.save({"config": config, "state_dict": network.state_dict(), "architecture_name": "tabpfn_v2_6"}, file)
    with pytest.raises(ConfigError, match="model.version=v2.6: these weights of tabpfn have a licence"):
        TabularFoundation(kind="tabpfn", weights=str(file)).fit(*IRIS)


def test_without_a_network_one_error_names_file_size_licence_and_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    pytest.importorskip("tabicl")

    def no_network(*args: object, **kwargs: object) -> None:
        raise ConnectionError("[Errno -2] Name or service not known")

    monkeypatch.setattr(hub.HfApi, "model_info", no_network)
    monkeypatch.setattr(hub, "snapshot_download", no_network)
    with pytest.raises(DataError) as found:
        TabularFoundation().fit(*IRIS)
    assert found.value.message == (
        "model.weights: the weights jingang/TabICL, 111 MB, licence BSD-3-Clause are not on this machine and could not be "
        "fetched (Name or service not known)."
    )
    assert found.value.hint == (
        "Where there is a network: hf download jingang/TabICL tabicl-classifier-v2-20260212.ckpt --local-dir TabICL; copy that "
        "file here and set model.weights=FILE."
    )
    with pytest.raises(DataError, match="^This run answers with tabicl. model.weights: the weights jingang/TabICL") as found:
        weights.located("tabicl", "v2", "regression", "default", stored=True)
    assert "hf download jingang/TabICL tabicl-regressor-v2-20260212.ckpt;" in found.value.hint


@pytest.mark.parametrize(("kind", "version", "size", "message"), [
    ("tabpfn", "v2", (10_001, 4, 2), "10,001 labelled rows, and model.kind=tabpfn .model.version=v2. was trained for 10,000"),
    ("tabpfn", "v2", (100, 501, 2), "501 columns"),
    ("tabpfn", "v2.5", (100, 501, 11), "11 classes"),
])  # fmt: skip
def test_more_than_a_package_takes_is_refused(kind: str, version: str, size: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        libraries.outside(kind, version, *size, on_cpu=False)


def test_more_than_a_network_was_trained_for_is_said() -> None:
    assert libraries.outside("tabicl", "v2", 5000, 2000, 10, on_cpu=True) == []
    found = libraries.outside("tabicl", "v2", 100_001, 2001, 11, on_cpu=True)
    assert [sentence.partition(",")[0] for sentence in found[:3]] == [
        "This table has 100",
        "This table has 2",
        "This table has 11 classes",
    ]
    assert found[3].endswith("takes long without a GPU.")
    assert len(libraries.outside("tabpfn", "v2", 1001, 4, 2, on_cpu=True)) == 1
    assert libraries.outside("tabpfn", "v3", 10**6, 10**4, 100, on_cpu=False) == []


def test_what_a_package_raises_is_its_own_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, X = fit(folder, "tabicl")

    def fails(rows: Any) -> None:
        raise ValueError("first line\nsecond line")

    monkeypatch.setattr(model.library_, "predict_proba", fails)
    with pytest.raises(RunError, match=r"model.kind=tabicl: tabicl \d.* failed: ValueError: first line second line\n"):
        model.predict_proba(X)


def test_what_is_remembered_of_the_rows_is_counted() -> None:
    assert libraries.remembered_bytes("tabicl", tiny_checkpoints.ICL, 100, 7) == 2 * 2 * 100 * (16 * 2) * 4
    assert libraries.remembered_bytes("tabpfn", tiny_checkpoints.PFN, 100, 7) == 2 * 2 * 100 * (4 + 1) * 16 * 4
    assert libraries.remembered_bytes("tabpfn", {}, 100, 7) is None

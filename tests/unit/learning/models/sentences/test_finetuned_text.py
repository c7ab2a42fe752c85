"""The estimators of texts: probes against their formulas, fine-tuning, and what is stored of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from integration.tiny_sentences import WIDTH, save_weights, texts
from sklearn.base import clone

from sdl_cli.errors import DataError
from sdl_cli.learning import loop
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.learning.models.sentences.estimator import FinetunedText, FinetunedTextRegressor
from sdl_cli.learning.models.sentences.weights import look_through
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.learning.models.text_features import TextEncoder
from sdl_cli.report.html.setup import machine_section
from sdl_cli.settings.experiment import Training

pytest.importorskip("transformers")
INPUTS: dict[str, Any] = {
    "modality": "text",
    "shape": [],
    "classes": ["bad", "good"],
    "features": [],
    "columns": [],
    "source": {},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_weights(tmp_path_factory.mktemp("weights") / "tiny"))


def softmax(outputs: Any) -> Any:
    shares = np.exp(outputs - outputs.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def test_a_probe_is_a_logistic_head_on_embeddings(folder: str) -> None:
    X, y = texts(60)
    X_new, y_new = texts(40, seed=1)
    model = FinetunedText(weights=folder, strategy="probe").fit(X, np.array(["bad", "good"])[1 - y])
    weight, bias = model.head_
    rows = model.embeddings(X_new).rows.astype(np.float64)
    np.testing.assert_allclose(model.predict_proba(X_new), softmax(rows @ weight.T + bias), rtol=1e-9)
    assert (model.predict(X_new) == np.array(["bad", "good"])[1 - y_new]).mean() > 0.65
    assert model.networks_ == [] and model.words_ is None
    assert clone(model).get_params() == model.get_params()


def test_a_run_that_is_kept_says_which_weights_it_needs(folder: str, tmp_path: Path) -> None:
    X, y = texts(20)

    def said(**around: Any) -> list[str]:
        with loop.context(loop.Context(**around)):
            return [note for note in FinetunedText(weights=folder, strategy="probe").fit(X, y).notes_ if "needs the same" in note]

    digest = look_through(Path(folder)).digest[:16]
    sentence = f"The run keeps the head alone: whoever predicts with it needs the same weights ({folder}, digest {digest}...)."
    assert said(folder=tmp_path, on_epoch=lambda _: None) == [sentence]
    assert said(folder=tmp_path) == [], "a cell of a curve"
    assert said(on_epoch=lambda _: None) == [], "a trial of a comparison"


@pytest.mark.parametrize("num_classes", [2, 3])
def test_with_words_it_is_the_mean_with_todays_logistic(folder: str, num_classes: int) -> None:
    X, y = texts(60)
    y = np.arange(60) % 3 if num_classes == 3 else y
    both = FinetunedText(weights=folder).fit(X, y)
    alone = FinetunedText(weights=folder, strategy="probe").fit(X, y)
    words = Prepared(TextEncoder(random_state=0), Baseline(kind="logistic", random_state=0)).fit(X, y)
    X_new = texts(10, seed=1)[0]
    wanted = (alone.predict_proba(X_new) + words.predict_proba(X_new)) / 2
    np.testing.assert_allclose(both.predict_proba(X_new), wanted, rtol=1e-5)


def test_numbers_are_predicted_in_their_own_unit(folder: str) -> None:
    X, y = texts(60)
    numbers = 1000.0 + 50.0 * y
    X_new, y_new = texts(30, seed=1)
    for strategy in ("probe", "probe_with_words", "finetune"):
        training = Training(epochs=1)
        model = FinetunedTextRegressor(weights=folder, strategy=strategy, training=training).fit(X, numbers)
        found = model.predict(X_new)
        assert found.shape == (30,) and found.min() > 950 and found.max() < 1100
        assert np.corrcoef(found, y_new)[0, 1] > 0.3


def test_a_number_that_hardly_differs_gets_hardly_any_weight(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = texts(40)
    model = FinetunedText(weights=folder, strategy="probe")
    whole = FinetunedText.embeddings

    def with_a_dead_number(self: Any, X: Any, predicting: bool = False) -> Any:
        found = whole(self, X, predicting)
        found.rows[:, 3] = 0.1 + 1e-8 * np.arange(len(X))
        return found

    monkeypatch.setattr(FinetunedText, "embeddings", with_a_dead_number)
    weight, _ = model.fit(X, y).head_
    assert np.abs(weight[:, 3]).max() < 1e-3 * np.abs(weight[:, :3]).max()


@pytest.mark.parametrize("strategy", ["probe_with_words", "finetune"])
def test_it_says_which_weights_it_began_with(folder: str, strategy: str, tmp_path: Path) -> None:
    model = FinetunedText(weights=folder, strategy=strategy, training=Training(epochs=1)).fit(*texts(20))
    digest = look_through(Path(folder)).digest
    [record] = model.pretrained_
    assert {key: record[key] for key in ("architecture", "weights", "digest")} == {
        "architecture": "bert",
        "weights": folder,
        "digest": digest,
    }
    assert digest in machine_section({"pretrained": model.pretrained_}, None).body, "the report of a run shows it"
    save_model(model, "finetuned_text", "classification", tmp_path, INPUTS)
    assert load_model(tmp_path)[0].pretrained_ == [record]
    values = json.loads((tmp_path / "model.json").read_text())
    del values["fitted"]["pretrained"]  # as runs of before
    (tmp_path / "model.json").write_text(json.dumps(values))
    assert load_model(tmp_path)[0].pretrained_ == []
    values["fitted"]["pretrained"] = [{"architecture": "bert"}]
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(DataError):
        load_model(tmp_path)


@pytest.mark.parametrize("strategy", ["probe", "probe_with_words", "finetune"])
def test_it_predicts_the_same_from_its_files(folder: str, strategy: str, tmp_path: Path) -> None:
    X, y = texts(40)
    model = FinetunedText(weights=folder, strategy=strategy, training=Training(epochs=2, learning_rate=0.01)).fit(X, y)
    X_new = np.array([*texts(10, seed=1)[0], "", "good " * 500], dtype=object)
    files = save_model(model, "finetuned_text", "classification", tmp_path, INPUTS)
    assert set(files) == {"model.json", "model.safetensors"}
    loaded, _ = load_model(tmp_path)
    said: list[str] = []
    with loop.context(loop.Context(on_notice=said.append)):
        np.testing.assert_array_equal(loaded.predict_proba(X_new), model.predict_proba(X_new))
    assert "longer than the 16 word pieces" in said[0]
    size = (tmp_path / "model.safetensors").stat().st_size
    assert size < 20_000 if strategy != "finetune" else size > 10_000  # a head, or the network with its tokenizer


def test_a_finetuned_run_needs_its_weights_no_more(tmp_path: Path) -> None:
    X, y = texts(40)
    weights = save_weights(tmp_path / "w")
    training = Training(epochs=4, learning_rate=0.01)
    model = FinetunedText(weights=str(weights), strategy="finetune", training=training, backbone_rate_factor=1.0).fit(X, y)
    probe = FinetunedText(weights=str(weights), strategy="probe").fit(X, y)
    before = dict(zip(("weight", "bias"), probe.head_, strict=True))
    after = model.networks_[0].head.state_dict()
    assert np.abs(after["weight"].numpy() - before["weight"]).max() > 1e-4  # it has moved from where the probe is
    save_model(model, "finetuned_text", "classification", tmp_path, INPUTS)
    wanted = model.predict_proba(X)
    weights.rename(tmp_path / "gone")
    np.testing.assert_array_equal(load_model(tmp_path)[0].predict_proba(X), wanted)


def test_all_of_start_fraction_but_a_little_is_nearly_the_probe(folder: str) -> None:
    X, y = texts(40)
    options: dict[str, Any] = {"weights": folder, "training": Training(epochs=2, learning_rate=0.01)}
    options["precision"] = "float32"  # bfloat16, where it is chosen, is off by as much
    probe = FinetunedText(strategy="probe", **options).fit(X, y)
    near = FinetunedText(strategy="finetune", start_fraction=0.999, **options).fit(X, y)
    far = FinetunedText(strategy="finetune", **options).fit(X, y)
    wanted = probe.predict_proba(X)
    assert np.abs(near.predict_proba(X) - wanted).max() < 0.01 < np.abs(far.predict_proba(X) - wanted).max()


def test_files_that_were_changed_are_refused(folder: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    X, y = texts(40)
    for strategy, key, names in (
        ("probe_with_words", "digest", ["probe.weight", "probe.bias", "words.weight", "words.idf.words"]),
        ("finetune", "recipe", ["0.body.transformer.encoder.layer.0.output.dense.weight", "file.tokenizer"]),
    ):
        place = tmp_path / strategy
        place.mkdir()
        model = FinetunedText(weights=folder, strategy=strategy, training=Training(epochs=1)).fit(X, y)
        save_model(model, "finetuned_text", "classification", place, INPUTS)
        tensors, values = load_file(place / "model.safetensors"), json.loads((place / "model.json").read_text())
        for name in names:
            for wrong in ({**tensors, name: torch.zeros(3)}, {own: each for own, each in tensors.items() if own != name}):
                save_file(wrong, place / "model.safetensors")
                with pytest.raises(DataError):
                    load_model(place)
        save_file(tensors, place / "model.safetensors")
        fitted = {k: v for k, v in values["fitted"].items() if k != key}
        for wrong in (fitted, fitted | {key: "x"}, values["fitted"] | {"num_networks": 7}):
            (place / "model.json").write_text(json.dumps(values | {"fitted": wrong}))
            with pytest.raises(DataError):
                load_model(place)
        (place / "model.json").write_text(json.dumps(values))
        load_model(place)
    fitted = values["fitted"] | {"recipe": values["fitted"]["recipe"] | {"config": {"vocab_size": 10**12}}}
    (place / "model.json").write_text(json.dumps(values | {"fitted": fitted}))
    with pytest.raises(DataError, match="vocab_size is 1000000000000"):
        load_model(place)


def test_what_it_cannot_learn_from(folder: str) -> None:
    model = FinetunedText(weights=folder)
    with pytest.raises(DataError, match="All training texts are empty"):
        model.fit(["", " "], [0, 1])
    with pytest.raises(ValueError, match="texts must be"):
        model.fit(np.zeros((4, 2)), [0, 1, 0, 1])
    alike = model.fit(["good film", "a film"], [1, 1])
    assert alike.predict_proba(["bad"]).tolist() == [[1.0]]
    assert model.embeddings(["good"]).rows.shape == (1, WIDTH)

"""The estimator: nearest labelled drawing, among all classes or some, stored, and taught from a background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from unit.data.sources.test_omniglot import make_background
from unit.learning.models.one_shot.test_strokes import lines

from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning import loop
from sdl_cli.learning.models.one_shot.estimator import OneShot
from sdl_cli.learning.models.one_shot.settings import OneShotSettings
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.settings.experiment import Training

SHAPES = [((20, 50, 80, 50), (50, 20, 50, 80)), ((20, 30, 80, 30), (80, 30, 80, 70)), ((20, 30, 80, 30), (20, 30, 20, 70))]
QUICK = Training(epochs=2, batch_size=4, checkpoint_seconds=0)


def drawings(off: int = 0) -> np.ndarray:
    """A cross, a hook and an angle, dark on light, moved by so many pixels."""
    mask = np.concatenate([lines(*(tuple(place + off for place in ends) for ends in shape)) for shape in SHAPES])
    return np.where(mask, 20, 230).astype(np.uint8)[:, None]


def heard(model: OneShot, X: np.ndarray) -> tuple[np.ndarray, list[str]]:
    said: list[str] = []
    with loop.context(loop.Context(on_notice=said.append)):
        return model.predict_proba(X), said


@pytest.mark.parametrize("kind", ["hausdorff", "pixels", "alignment"])
def test_the_nearest_labelled_drawing_names_a_drawing(kind: str) -> None:
    model = clone(OneShot(kind=kind)).fit(drawings(), np.array(["cross", "hook", "angle"]))
    assert list(model.classes_) == ["angle", "cross", "hook"]
    near = drawings(1)
    probs = model.predict_proba(near)
    np.testing.assert_allclose(probs.sum(1), 1)
    assert list(model.predict(near)) == ["cross", "hook", "angle"]
    allowed = np.array([[True, False, True]] * 3)
    among = model.predict_among(near, allowed)
    assert not among[:, 1].any()
    np.testing.assert_allclose(among, probs * allowed / (probs * allowed).sum(1, keepdims=True), rtol=1e-5)


def test_of_several_drawings_of_a_class_the_nearest_counts_and_that_is_said() -> None:
    X = np.concatenate([drawings(), drawings(8)[:1]])
    model = OneShot(kind="pixels").fit(X, np.array([0, 1, 2, 0]))
    assert model.notes_ == ["1 class of 3 with more than one labelled drawing: the nearest of them counts."]
    assert model.predict_proba(drawings(8)).argmax(1)[0] == 0


def test_light_ink_is_turned_and_said() -> None:
    model = OneShot(kind="pixels").fit(255 - drawings(), np.arange(3))
    assert "3 of 3 labelled drawings are taken as light ink on dark paper" in model.notes_[0]
    probs, said = heard(model, np.concatenate([drawings(), 255 - drawings()[:1]]))
    assert list(probs.argmax(1)) == [0, 1, 2, 0]
    assert len(said) == 1 and said[0].startswith("1 of 4 drawings is taken as light ink")


def test_where_nothing_is_drawn_all_classes_are_alike_and_labelled_drawings_must_have_ink() -> None:
    model = OneShot(kind="hausdorff").fit(drawings(), np.arange(3))
    probs, said = heard(model, np.full((1, 1, 105, 105), 255, np.uint8))
    np.testing.assert_allclose(probs, 1 / 3)
    assert "1 drawing of 1 of one colour" in said[0]
    X = drawings()
    X[1] = 0
    with pytest.raises(DataError, match=r"1 labelled drawing of one colour.*class 1"):
        OneShot().fit(X, np.arange(3))


@pytest.mark.parametrize("bad", [np.zeros((2, 105, 105), np.uint8), np.zeros((2, 1, 9, 9)), np.zeros((2, 5))])
def test_what_is_no_drawing_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        OneShot().fit(bad, np.arange(2))
    model = OneShot(kind="pixels").fit(drawings(), np.arange(3))
    with pytest.raises(ValueError, match="9"):
        model.predict(np.zeros((1, 1, 9, 9), np.uint8))


def test_settings_that_cannot_work_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none are given"):
        OneShotSettings(kind="metric_net").check()
    with pytest.raises(ConfigError, match="no file or folder"):
        OneShotSettings(kind="metric_net", background=str(tmp_path / "nothing")).check()
    with pytest.raises(ConfigError, match="a number"):
        OneShotSettings().check_task("regression")


def taught(tmp_path: Path, folder: Path | None = None, epochs: int = 2, **more: Any) -> OneShot:
    background = make_background(tmp_path / "background")
    training = Training(epochs=epochs, batch_size=4, checkpoint_seconds=0)
    settings: dict[str, Any] = {"kind": "metric_net", "width": 4, "embedding_size": 8, "training": training, **more}
    model = OneShot(background=str(background), **settings)
    with loop.context(loop.Context(folder=folder)):
        return model.fit(drawings(), np.arange(3))


def test_metric_net_learns_from_the_background_and_says_from_which(tmp_path: Path) -> None:
    model = taught(tmp_path)
    assert "learned from 12 background drawings of 4 characters (2 alphabets: Elvish, Runes)" in model.notes_[0]
    assert model.network_ is not None and len(model.network_.characters) == 16
    assert list(model.predict(drawings())) == [0, 1, 2]
    probs = taught(tmp_path).predict_proba(drawings(2))
    np.testing.assert_array_equal(probs, model.predict_proba(drawings(2)))


def test_metric_net_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = taught(tmp_path)
    (tmp_path / "run").mkdir()
    epochs = loop._launch_epoch

    def stopped(run: Any, *more: Any) -> Any:
        if run.epoch == 1:
            raise KeyboardInterrupt
        return epochs(run, *more)

    monkeypatch.setattr(loop, "_launch_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        taught(tmp_path, tmp_path / "run")
    monkeypatch.setattr(loop, "_launch_epoch", epochs)
    again = taught(tmp_path, tmp_path / "run")
    assert whole.network_ is not None and again.network_ is not None
    for name, tensor in whole.network_.state_dict().items():
        assert torch.equal(tensor, again.network_.state_dict()[name]), name


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    diverging = Training(epochs=3, batch_size=4, learning_rate=1e30, optimizer="sgd", clip_norm=0.0)
    with pytest.raises(RunError, match="NaN or infinite"):
        taught(tmp_path, training=diverging)


def test_a_background_that_holds_a_labelled_drawing_is_refused(tmp_path: Path) -> None:
    background = make_background(tmp_path / "background")
    from PIL import Image

    known = np.asarray(Image.open(next(background.rglob("*.png"))).convert("L"))[None, None]
    with pytest.raises(DataError, match="to be told apart"):
        OneShot(kind="metric_net", background=str(background), training=QUICK).fit(
            np.concatenate([drawings(), known]), np.arange(4)
        )


@pytest.mark.parametrize("kind", ["hausdorff", "alignment", "metric_net"])
def test_stored_and_loaded_it_predicts_the_same(tmp_path: Path, kind: str) -> None:
    model = taught(tmp_path) if kind == "metric_net" else OneShot(kind=kind).fit(drawings(), np.arange(3))
    inputs = {"modality": "image", "shape": [1, 105, 105], "classes": ["a", "b", "c"], "size_px": 105, "channels": "grey"}
    said: list[str] = []
    assert save_model(model, "one_shot", "classification", tmp_path, inputs, said.append) == ["model.json", "model.safetensors"]
    assert "labelled rows" in said[0]
    again, _ = load_model(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(drawings(2)), model.predict_proba(drawings(2)))


@pytest.mark.parametrize("damage", ["labels", "ink", "weights", "number"])
def test_damaged_files_are_refused(tmp_path: Path, damage: str) -> None:
    tensors, values = taught(tmp_path).get_state()
    if damage == "labels":
        tensors["support.labels"] = torch.tensor([0, 1, 9])
    elif damage == "ink":
        tensors["support.ink"] = tensors["support.ink"].float()
    elif damage == "weights":
        tensors["network.characters"] = tensors["network.characters"][:5]
    else:
        values["fitted"]["num_characters"] = 10**9
    with pytest.raises(DataError, match="damaged|do not match"):
        OneShot.from_state(tensors, values)

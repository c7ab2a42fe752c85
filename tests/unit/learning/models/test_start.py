"""Training that starts from the layers of another run: the right ones, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.learning.models.start import start
from sdl_cli.learning.models.storage import save_model
from sdl_cli.settings.experiment import Training

ONE = Training(epochs=1)


def saved(model: DeepNet, folder: Path) -> Path:
    folder.mkdir()
    save_model(model, "deep_net", "classification", folder, {}, lambda sentence: None)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    X, y = load_iris(return_X_y=True)
    return saved(DeepNet(depth=2, width=8, dropout=0.0, training=Training(epochs=20), random_state=3).fit(X, y), tmp_path / "run")


def test_a_body_gets_the_layers_of_the_run(run: Path) -> None:
    X, y = load_iris(return_X_y=True)
    kept = y > 0
    still = Training(epochs=1, learning_rate=1e-12, schedule="constant")
    model = DeepNet(depth=2, width=8, dropout=0.0, start_from=str(run), training=still).fit(X[kept], y[kept])
    source = DeepNet(depth=2, width=8, dropout=0.0, training=Training(epochs=20), random_state=3).fit(X, y)
    for (name, one), other in zip(
        model.networks_[0].body.state_dict().items(), source.networks_[0].body.parameters(), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-6), name
    assert model.networks_[0].head.out_features == 2
    [record] = model.pretrained_
    assert record["architecture"] == "deep_net" and record["weights"] == str(run) and len(record["digest"]) == 64
    again = DeepNet.from_state(*model.get_state())  # the other run is not needed any more
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("other", [{"width": 9}, {"depth": 3}])
def test_other_layers_are_refused_with_the_settings_of_the_run(run: Path, other: dict[str, int]) -> None:
    X, y = load_iris(return_X_y=True)
    settings = {"depth": 2, "width": 8, "dropout": 0.0} | other
    with pytest.raises(DataError, match=r"has other layers than this network") as caught:
        DeepNet(**settings, start_from=str(run), training=ONE).fit(X, y)
    assert "depth=2, width=8" in caught.value.hint
    with pytest.raises(DataError, match="has other layers"):
        DeepNet(depth=2, width=8, dropout=0.0, start_from=str(run), training=ONE).fit(X[:, :3], y)


def test_what_is_no_run_of_such_a_network_is_refused(run: Path, tmp_path: Path) -> None:
    body = DeepNet(depth=2, width=8, dropout=0.0).build_body((4,))[0]
    with pytest.raises(DataError, match="is not a finished run with a model"):
        start(body, str(tmp_path / "nothing"))
    (run / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(DataError, match="cannot be read"):
        start(body, str(run))
    values = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**values, "model": "autoencoder"}))
    with pytest.raises(ConfigError, match="is a run of model=autoencoder"):
        start(body, str(run))

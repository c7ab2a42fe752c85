"""The pretrained network for tables as an estimator: what it keeps, what it stores, and fine-tuning."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.model_selection import cross_val_score

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning import loop
from sdl_cli.learning.models.kind import HOLDS_ROWS
from sdl_cli.learning.models.pretrained_table import PretrainedTable
from sdl_cli.learning.models.settings import MODELS, PretrainedTableSettings
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.learning.models.table_network import PRESETS, TableNetwork, save_weights
from sdl_cli.settings.experiment import Training

FEW = {"num_members": 1, "precision": "float32"}
IRIS = load_iris(return_X_y=True)
INPUTS = {"modality": "table", "shape": [4], "classes": ["a", "b", "c"], "features": list("wxyz"), "columns": [], "source": {}}


def test_it_works_at_once_on_a_small_table() -> None:
    X, y = load_wine(return_X_y=True)
    model = PretrainedTable(**FEW).fit(X[::2], y[::2])
    assert (model.predict(X[1::2]) == y[1::2]).mean() > 0.95 and model.notes_ == []
    scores = cross_val_score(PretrainedTable(**FEW), *IRIS, cv=3)
    assert scores.mean() > 0.93


def test_classes_may_have_any_names_and_cells_may_be_missing() -> None:
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    holed = X.copy()
    holed[::7, 1] = np.nan
    model = PretrainedTable(**FEW).fit(holed[::2], names[::2])
    assert set(model.predict(holed[1::2])) <= set(names) and (model.predict(holed[1::2]) == names[1::2]).mean() > 0.9


def test_what_is_kept_are_the_labelled_rows_standardised() -> None:
    X = np.array([[1.0, 5.0, np.nan, 2.0], [3.0, 5.0, np.nan, np.nan], [5.0, 5.0, np.nan, 2.0]])
    model = PretrainedTable(**FEW).fit(X, [0, 1, 1])
    assert model.columns_.tolist() == [0, 3], "constant and all-missing columns are not read; one that is partly missing is"
    np.testing.assert_allclose(model.context_[:, 0], [-math.sqrt(1.5), 0.0, math.sqrt(1.5)], rtol=1e-6)
    assert np.isnan(model.context_[1, 1]) and model.labels_.tolist() == [0, 1, 1]
    assert np.isfinite(model.predict_proba([[1e308, 0, 0, np.nan]])).all()


def test_degenerate_tables_are_answered() -> None:
    one = PretrainedTable(**FEW).fit(np.ones((5, 2)), np.zeros(5))
    assert one.predict_proba(np.ones((3, 2))).tolist() == [[1.0]] * 3
    flat = PretrainedTable(**FEW).fit(np.ones((6, 2)), [0, 1] * 3).predict_proba([[1.0, np.nan]])
    assert np.isfinite(flat).all() and flat.sum() == pytest.approx(1)
    gone = PretrainedTable(**FEW).fit(np.full((4, 2), np.nan), [0, 1] * 2).predict_proba([[np.nan, 1.0]])
    assert np.isfinite(gone).all()
    with pytest.raises(ValueError, match="infinity"):
        PretrainedTable().fit([[1.0], [math.inf]], [0, 1])


@pytest.mark.parametrize("strategy", ["in_context", "finetune"])
def test_a_stored_model_answers_to_the_bit(tmp_path: Path, strategy: str, tiny: str) -> None:
    X, y = IRIS
    weights = tiny if strategy == "finetune" else "shipped"
    model = PretrainedTable(**FEW, weights=weights, strategy=strategy, training=Training(epochs=1)).fit(X[::2], y[::2])
    said: list[str] = []
    save_model(model, "pretrained_table", "classification", tmp_path, INPUTS, said.append)
    again, values = load_model(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert said == [HOLDS_ROWS] and values["model"] == "pretrained_table"
    assert clone(again).get_params()["strategy"] == strategy


DAMAGE: list[tuple[str, Any]] = [
    ("context.labels", lambda t: t * 0),
    ("context.labels", lambda t: t[:-1]),
    ("context.rows", lambda t: t[:, :2]),
    ("context.rows", lambda t: t * math.inf),
    ("table.columns", lambda t: t + 2),
    ("table.columns", lambda t: t - 1),
    ("table.scale", lambda t: -t),
    ("table.mean", lambda t: t * math.nan),
    ("network.think", lambda t: t[:3]),
]


@pytest.mark.parametrize(("name", "change"), DAMAGE)
def test_damaged_parts_are_refused(name: str, change: Any) -> None:
    X, y = IRIS
    tensors, values = PretrainedTable(**FEW).fit(X[::10], y[::10]).get_state()
    values = json.loads(json.dumps(values))
    PretrainedTable.from_state(tensors, values)
    with pytest.raises(DataError):
        PretrainedTable.from_state(tensors | {name: change(tensors[name])}, values)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights that know nothing, of a network that takes little time."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(TableNetwork(**PRESETS["tiny"]), file)
    return str(file)


def test_finetuning_keeps_what_is_better_on_validation_rows_and_reads_all_rows_afterwards(tiny: str) -> None:
    X, y = IRIS
    few = FEW | {"weights": tiny}
    rows: list[dict[str, Any]] = []
    model = PretrainedTable(**few, strategy="finetune", training=Training(epochs=2, learning_rate=1e-3))
    with loop.context(loop.Context(on_epoch=rows.append)):
        model.fit(X[::3], y[::3])
    assert [row["epoch"] for row in rows] == [1, 2] and all(np.isfinite(row["train_loss"]) for row in rows)
    assert len(model.context_) == len(X[::3]), "validation rows are read like all others in the end"
    assert len(model.notes_) == 1 and "lowered the validation loss" in model.notes_[0]
    wild = PretrainedTable(**few, strategy="finetune", training=Training(epochs=1, learning_rate=1.0)).fit(X[::3], y[::3])
    assert "did not lower" in wild.notes_[0]
    plain = PretrainedTable(**few).fit(X[::3], y[::3])
    np.testing.assert_array_equal(wild.predict_proba(X), plain.predict_proba(X))


def test_what_is_judged_after_finetuning_are_the_weights_that_are_kept(tiny: str) -> None:
    X, y = IRIS
    rows: list[dict[str, Any]] = []
    training = Training(epochs=2, learning_rate=1e-3, select="last", batch_size=500)
    model = PretrainedTable(**FEW | {"weights": tiny}, strategy="finetune", training=training)
    with loop.context(loop.Context(on_epoch=rows.append)):
        model.fit(X[::3], y[::3])
    assert model.notes_[0] == "training.batch_size=500 is taken as 20: half of the rows are left to read."
    assert f"{rows[-1]['validation_loss']:.4f}" in model.notes_[1] and "(10 rows)" in model.notes_[1]


def test_weights_that_are_written_anew_are_read_anew(tmp_path: Path) -> None:
    X, y = IRIS
    file = tmp_path / "own.safetensors"
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_weights(TableNetwork(**PRESETS["tiny"]), file)
        found.append(PretrainedTable(**FEW | {"weights": str(file)}).fit(X[::3], y[::3]).predict_proba(X[:5]))
    assert not np.allclose(found[0], found[1])


def test_what_does_not_fit_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from sdl_cli.learning.models import in_context

    monkeypatch.setattr(in_context, "available_bytes", lambda: 1_000_000)
    with pytest.raises(ConfigError, match="Reading 150 rows of 4 columns takes") as caught:
        PretrainedTable(**FEW).fit(*IRIS).predict_proba(IRIS[0])
    assert "model.max_rows" in str(caught.value.hint)


def test_finetuning_is_refused_for_more_classes_than_fit() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 12
    with pytest.raises(ConfigError, match="finetune takes 2 to 10 classes"):
        PretrainedTable(**FEW, strategy="finetune").fit(X, y)


def test_rows_asked_about_in_training_are_not_read() -> None:
    from sdl_cli.learning.models.pretrained_table import _Tuned

    class Spy(torch.nn.Module):
        def forward(self, table: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            read, asked = table[0, : labels.shape[1]], table[0, labels.shape[1] :]
            assert not (set(read.flatten().tolist()) & set(asked.flatten().tolist()))
            assert len(read) == 7 and len(asked) == 3
            return torch.zeros(1, 3, 10)

    tuned = _Tuned(Spy(), np.arange(10, dtype=np.float32)[:, None], np.arange(10) % 2, 1000, 48).train()  # type: ignore[arg-type]
    assert tuned(torch.tensor([2, 5, 9])).shape == (3, 2)


def test_its_settings() -> None:
    assert MODELS["pretrained_table"] is PretrainedTableSettings and PretrainedTableSettings.holds_rows
    with pytest.raises(ConfigError, match="predicts classes"):
        PretrainedTableSettings().check_task("regression")
    with pytest.raises(ConfigError, match="there is no file"):
        PretrainedTableSettings(weights="/nowhere").check()
    assert not PretrainedTableSettings().trains_in_epochs and PretrainedTableSettings(strategy="finetune").trains_in_epochs
    assert PretrainedTableSettings().seconds(800, 30, "table", 0) > 10 * PretrainedTableSettings().seconds(100, 10, "table", 0)

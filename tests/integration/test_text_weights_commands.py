"""A pretrained sentence network on the command line, with tiny weights in a folder: from texts to predictions and a comparison."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from integration.conftest import Sdl
from integration.tiny_sentences import save_weights, texts

from sdl_cli.learning import loop
from sdl_cli.learning.models.hub_weights import HubWeights
from sdl_cli.learning.models.sentences import network, weights
from sdl_cli.study.compare import arms

pytest.importorskip("transformers")
DATA = "dataset=text dataset.path=all.csv"
MODEL = "model=finetuned_text model.weights=tiny"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def files(saved: Path, tmp_path: Path) -> Path:
    """all.csv with texts and classes, numbers.csv with numbers, new.csv with a text alone, and the folder tiny."""
    shutil.copytree(saved, tmp_path / "tiny")
    X, y = texts(80)
    for name, column, values in (
        ("all", "label", [("bad", "fine")[k] for k in y]),
        ("numbers", "stars", [1.5 + 2.25 * k for k in y]),
    ):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["text", column], *zip(X, values, strict=True)])
    (tmp_path / "new.csv").write_text(
        "text\n" + "\n".join([*texts(10, seed=1)[0], '"' + "good " * 10_000 + '"', "\U0001f600"]) + "\n"
    )
    return tmp_path


@pytest.mark.parametrize("strategy", ["probe_with_words", "finetune training.epochs=2"])
def test_from_texts_to_predictions(sdl: Sdl, files: Path, strategy: str) -> None:
    trained = sdl(f"train {DATA} {MODEL} model.strategy={strategy} hydra.run.dir=run")
    assert trained.code == 0, trained.err
    keeps = "The run keeps the head alone" in " ".join(trained.err.split())
    assert keeps == strategy.startswith("probe")
    assert "reproduced exactly" in sdl("evaluate run").out
    predicted = sdl("predict run new.csv -o out.csv")
    assert predicted.code == 0, predicted.err
    assert "longer than the 16 word pieces" in " ".join(predicted.err.split())
    assert len((files / "out.csv").read_text().splitlines()) == 13
    assert sdl("report run").code == 0
    exported = sdl("export run model.onnx")
    assert exported.code == 2 and "tokenizer in front of its network" in " ".join(exported.err.split())


def test_a_run_says_which_weights_it_lacks(sdl: Sdl, files: Path) -> None:
    assert sdl(f"train {DATA} {MODEL} hydra.run.dir=run").code == 0
    config = files / "tiny" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_dropout_prob": 0.3}))
    changed = sdl("predict run new.csv -o out.csv")
    assert changed.code == 2 and "not the weights that this run was fitted on" in " ".join(changed.err.split())
    (files / "tiny").rename(files / "elsewhere")
    gone = sdl("predict run new.csv -o out.csv")
    assert gone.code == 2 and "keeps a head alone" in " ".join(gone.err.split()) and not (files / "out.csv").exists()


def test_numbers_repeats_and_changed_copies(sdl: Sdl, files: Path) -> None:
    found = sdl(
        f"train dataset=text dataset.path=numbers.csv dataset.task=regression {MODEL} dataset.target_scale=log num_repeats=2 --json"
    )
    assert found.code == 0, found.err
    assert found.json["metrics"]["test"]["rmse"]["value"] < 1.5
    copies = sdl(f"train {DATA} {MODEL} augment=text augment.synonym_fraction=0 --json")
    assert copies.code == 0, copies.err


def test_what_is_fetched_is_said_first(sdl: Sdl, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(named: HubWeights) -> Path:
        fetched.append(named.repository)
        loop.current_context().notice(f"Fetching {named.repository}.")
        return files / "tiny"

    monkeypatch.setattr(weights, "fetch", fetch)
    found = sdl(f"train {DATA} model=finetuned_text --json")
    assert found.code == 0 and "Fetching sentence-transformers/all-MiniLM-L6-v2." in " ".join(found.err.split())
    assert set(fetched) == {"sentence-transformers/all-MiniLM-L6-v2"}
    checked = len(fetched)
    assert sdl(f"check {DATA} --json").code in (0, 1) and len(fetched) == checked


def test_settings_that_cannot_be(sdl: Sdl, files: Path) -> None:
    for more, words in (
        ("model.weights=./nowhere", "there is no folder"),
        ("model.max_tokens=2", "max_tokens"),
        ("reduce=pca", "reads texts as they are"),
    ):
        refused = sdl(f"train {DATA} {MODEL} {more}")
        assert refused.code == 2 and words in " ".join(refused.err.split()), refused.err
    table = sdl("train dataset=wine model=finetuned_text model.weights=tiny")
    assert table.code == 2 and "takes texts, but the data set wine is a table" in " ".join(table.err.split())


def test_the_ladder_fetches_nothing_and_says_what_it_leaves_out(sdl: Sdl, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "kept", lambda _: None)  # as where they were never fetched
    monkeypatch.setattr(weights, "fetch", lambda _: pytest.fail("the ladder has fetched weights"))
    monkeypatch.setattr(arms, "ladder", lambda _: ["logistic", "text_probe"])
    common = "compare.num_repeats=1 compare.num_candidates=1 compare.curve=false compare.baseline=logistic parallel.num_jobs=1"
    found = sdl(f"compare {DATA} {common}", 'compare.arms=[ladder,"text_probe model.weights=tiny"]')
    assert found.code == 0, found.err
    said = " ".join(found.out.split())
    assert (
        "without text_probe: model.weights: the weights sentence-transformers/all-MiniLM-L6-v2, 91 MB, licence Apache-2.0" in said
    )
    assert "sdl train with model=finetuned_text fetches them once" in said
    assert "arms logistic, text_probe model.weights=tiny without" in said


def test_a_curve_embeds_each_text_once(sdl: Sdl, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    whole = network.passed

    def counted(net: Any, pieces: Any, ids: Any, runtime: Any) -> Any:
        counts.append(len(ids))
        return whole(net, pieces, ids, runtime)

    monkeypatch.setattr(network, "passed", counted)
    monkeypatch.setenv("SDL_CACHE", str(files / "cache"))
    precise = "precision=float32"  # auto times a few texts first, where bfloat16 may be faster
    found = sdl(f"curve {DATA} {MODEL} {precise} curve.sizes=[10,20,40] curve.num_repeats=2 parallel.num_jobs=1 --json")
    assert found.code == 0, found.err
    assert [point["size"] for point in found.json["points"]] == [10, 20, 40]
    assert counts == [len(set(texts(80)[0]))]

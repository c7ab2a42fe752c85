"""Words on methods: what they say is what the stored run says, and every number in brackets has its work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from unit.report import made

from sdl_cli.report.html.subject import READERS
from sdl_cli.report.html.write import write_report
from sdl_cli.report.methods.account import Account, Methods, methods
from sdl_cli.report.methods.models import model_sentences
from sdl_cli.report.methods.references import REFERENCES, cite, numbered
from sdl_cli.report.methods.training import training_sentences
from sdl_cli.run.request import TABLES, parse_experiment
from sdl_cli.settings.experiment import plain

Values = dict[str, Any]
TOLD = {
    "task": "classification",
    "modality": "table",
    "rows": 178,
    "classes": 3,
    "columns": 13,
    "is_mixed": False,
    "has_dates": False,
}


def told_of(folder: Path, kind: str, **changes: Any) -> Methods:
    found = READERS[kind](folder)
    return methods(Account(found.outcome, found.config | changes, found.environment, found.arms))


def one_line(found: Methods) -> str:
    return " ".join(found.paragraphs)


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "wine"
    made.train(folder, {"name": "wine"}, model={"name": "baseline", "kind": "logistic", "c": 0.5})
    return folder


def test_a_run_is_told_with_its_numbers(wine: Path) -> None:
    told = one_line(told_of(wine, "run"))
    metrics = made.read(wine / "metrics.json")
    environment = made.read(wine / "environment.json")
    assert environment["data"] == TOLD | {"division": "classes"}
    assert "The data set was wine (a table, 178 rows, 3 classes, 13 columns)" in told
    assert environment["data_fingerprint"][:16] in told
    assert "divided at random, stratified by class, with a share of 20 % for the test part (seed 0)" in told
    rows = metrics["rows"]
    assert f"There were {rows['labelled']} labelled rows and {rows['test']} test rows." in told
    assert "logistic regression with an L2 penalty of scikit-learn [1] (C = 0.5), on standardised features" in told
    accuracy = metrics["metrics"]["test"]["accuracy"]
    shown = f"accuracy {100 * accuracy['value']:.1f} % ({100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f})"
    assert shown in told
    versions = environment["versions"]
    assert f"sdl {versions['sdl']} (Python {versions['python']}, NumPy {versions['numpy']}" in told
    assert "PyTorch" not in told, "no network ran"
    assert "a quick baseline, a random forest" in told and "Newcombe's interval" in told


def test_numbers_in_brackets_are_those_of_the_list(wine: Path) -> None:
    found = told_of(wine, "run")
    numbers = [int(n) for group in re.findall(r"\[([\d, ]+)\]", one_line(found)) for n in group.split(", ")]
    assert sorted(set(numbers)) == list(range(1, len(found.works) + 1))
    assert numbers[0] == 1 and found.works[0] == REFERENCES["sklearn"]
    assert list(dict.fromkeys(numbers)) == sorted(set(numbers)), "numbered in the order of the text"
    assert found.text.endswith(f"{found.works[-1].split()[-1]}\n") and "References\n\n1. " in found.text
    assert max(map(len, found.text.splitlines())) <= 100


def test_works_are_written_alike() -> None:
    for key, work in REFERENCES.items():
        assert re.fullmatch(r"[a-z_]+", key) and re.search(r"\((19|20)\d\d\)[.,]", work) and work.endswith("."), key
        assert "http" not in work and "  " not in work, key


def test_a_work_that_is_cited_twice_has_one_number() -> None:
    told, works = numbered([f"a{cite('holm')} b{cite('wilson', 'holm')}", f"c{cite('wilson')}"])
    assert told == ["a [1] b [2, 1]", "c [2]"]
    assert works == [REFERENCES["holm"], REFERENCES["wilson"]]


@pytest.mark.parametrize(
    ("division", "settings", "words"),
    [
        ("source", {}, "The test part was the one that the data set itself brings."),
        ("time", {"order": "day", "gap": 30.0}, "The latest rows, by day, about 20 % of them, were the test part"),
        ("groups", {"group": "patient"}, "Whole groups (by patient) were divided at random"),
        ("random", {}, "Rows were divided at random, with a share of 20 % for the test part (seed 0)."),
        (None, {}, "There were 142 labelled rows"),
    ],
)
def test_how_rows_were_divided(wine: Path, division: str | None, settings: Values, words: str) -> None:
    found = READERS["run"](wine)
    config = {**found.config, "dataset": {"name": "table", "path": "a/b.csv", "target": "y", **settings}}
    environment = {**found.environment, "data": TOLD | {"division": division}}
    told = one_line(methods(Account(found.outcome, config, environment)))
    assert words in told and "The data set was b.csv" in told
    assert ("at random" in told) is (division in ("groups", "random"))


def test_an_older_run_says_less_and_nothing_wrong(wine: Path) -> None:
    found = READERS["run"](wine)
    environment = {key: value for key, value in found.environment.items() if key != "data"}
    told = one_line(methods(Account(found.outcome, found.config, environment)))
    assert "The data set was wine; the SHA-256" in told and "stratified" not in told


def test_repeats_of_a_run(tmp_path: Path) -> None:
    made.train(tmp_path / "run", {"name": "wine", "num_train": 60}, num_repeats=3)
    told = one_line(told_of(tmp_path / "run", "repeats"))
    assert "repeated over 3 such splits (seeds 0 to 2)" in told and "95 % Student t intervals" in told
    assert "The labelled rows are a subset" in told and "There were 60 labelled rows" in told


def test_a_comparison_is_told_with_its_tests() -> None:
    from sdl_cli.study.compare.result import ComparisonResult

    result = ComparisonResult.from_json({**made.comparison(), "num_candidates": 3})
    config = {"dataset": {"name": "digits"}, "seed": 7, "compare": {"tuning_fraction": 0.25}}
    arms = {"baseline": parse({"name": "baseline", "kind": "forest"}), "deep_net": parse({"name": "deep_net"})}
    told = one_line(methods(Account(result, config, {}, arms)))
    assert "5 methods were compared on the same splits: deep_net (A network trained from nothing" in told
    assert "corrected for splits that overlap [" in told and "adjusted for the number of methods [" in told
    for arm in result.arms:
        assert f"{arm.name} {100 * (arm.mean or 0):.1f} %" in told
    assert "repeated over 10 such splits (seeds 7 to 16)" in told and "at random" not in told, (
        "how they were divided is not known"
    )
    assert "Begun but not complete, and not ranked: finetuned_cnn" in told
    assert "the method recommended is nearest" in told


def parse(model: Values, **more: Any) -> Values:
    return parse_experiment(
        {
            "dataset": {"name": "digits"},
            "loss": {"name": "auto"},
            "augment": {"name": "none"},
            "training": {},
            "model": model,
            **more,
        }
    ).to_plain()


@pytest.mark.parametrize("name", sorted(TABLES["model"]))
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("modality", ["table", "image", "text", "series", ""])
def test_every_model_has_its_words(name: str, task: str, modality: str) -> None:
    config: Values = {
        "model": plain(TABLES["model"][name]()),
        "loss": {"name": "auto"},
        "augment": {"name": "none"},
        "reduce": {},
    }
    config |= {"training": FILLED, "dataset": {"name": "digits"}, "reduce": {"name": "none"}}
    told = " ".join(model_sentences(config, modality, task, is_mixed=True))
    dated = " ".join(model_sentences(config, modality, task, is_mixed=True, has_dates=True))
    assert ("days since 1970" in dated) == ("columns of 0 and 1" in told) and "days since 1970" not in told
    assert "None" not in told and "{" not in told and "  " not in told
    assert told.count(".") >= 1 and re.search(r"(The model was|Each drawing was given)", told)


FILLED = {
    "epochs": 5, "steps": None, "batch_size": 32, "optimizer": "adamw", "learning_rate": 0.001, "schedule": "one_cycle",
    "warmup_fraction": 0.1, "num_restarts": 3, "weight_decay": 0.05, "clip_norm": 1.0, "ema_decay": 0.99, "select": "best",
    "patience": 3, "checkpoint_seconds": 30.0,
}  # fmt: skip


def test_training_is_told_as_it_is_set() -> None:
    loss = {"name": "cross_entropy", "label_smoothing": 0.1, "class_weight": "balanced"}
    augment = plain(TABLES["augment"]["strong"]())
    config = {"model": plain(TABLES["model"]["deep_net"]()), "loss": loss, "augment": augment, "training": FILLED}
    told = numbered([" ".join(training_sentences(config, "image", "classification"))])[0][0]
    assert "trained for 5 epochs on batches of 32 rows with AdamW [1], the one-cycle schedule [2] (peak 0.001)" in told
    assert "weights averaged with decay 0.99" in told and "best on validation rows; training stopped after 3 epochs" in told
    assert "cross-entropy, with labels smoothed by 0.1 [3], every class with the same total weight." in told
    assert "erased [4] with probability 0.25, and were mixed [5, 6] with probability 0.5" in told


@pytest.mark.parametrize("name", sorted(TABLES["augment"]))
def test_every_augmentation_has_its_words(name: str) -> None:
    config = {"model": plain(TABLES["model"]["deep_net"]()), "loss": {"name": "auto"}, "training": FILLED}
    told = training_sentences({**config, "augment": plain(TABLES["augment"][name]())}, "image", "classification")
    assert len(told) == (2 if name in ("none", "text") else 3)
    assert f"augmentation {name}" not in " ".join(told)


def test_a_part_of_the_users_own_is_named(wine: Path) -> None:
    found = READERS["run"](wine)
    config = {**found.config, "model": {"name": "my_net", "size": 3}, "augment": {"name": "rain"}}
    assert "no part of sdl" not in one_line(methods(Account(found.outcome, found.config, found.environment)))
    told = one_line(methods(Account(found.outcome, config, found.environment)))
    assert "The model was my_net, which is no part of sdl itself." in told


def test_text_of_the_data_cannot_pass_for_a_citation(wine: Path) -> None:
    found = READERS["run"](wine)
    config = {**found.config, "dataset": {"name": "table", "path": "\x0eholm\x0f.csv", "target": "y"}}
    told = methods(Account(found.outcome, config, found.environment))
    assert "\u240eholm\u240f.csv" in one_line(told) and REFERENCES["holm"] not in told.works


def test_the_page_has_them_and_a_failure_costs_only_them(wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report.html"
    found = write_report(wine, out, figures=tmp_path / "figures")
    assert "methods" in found["sections"]
    text = (tmp_path / "figures" / "methods.txt").read_text(encoding="utf-8")
    assert text.startswith("The data set was wine") and "References" in text
    monkeypatch.setattr("sdl_cli.report.html.write.methods", lambda account: {}["kind"])
    said: list[str] = []
    shutil.rmtree(tmp_path / "figures")
    found = write_report(wine, out, on_notice=said.append, figures=tmp_path / "figures")
    assert "methods" not in found["sections"] and said == ["Left out of the report: words on methods. KeyError: 'kind'"]
    assert "methods.txt" not in found["figures"]["files"]

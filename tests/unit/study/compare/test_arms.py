"""Arms: every file can be read and composed, settings on top go first, and mistakes are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.settings import MODELS
from sdl_cli.run import hydra as bridge
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.yaml_files import conf_dir, options
from sdl_cli.study.compare import arms
from sdl_cli.study.compare.composing import with_arms
from sdl_cli.study.compare.settings import Arm, Compare, Comparison, parse_comparison, parse_shared

NAMES = sorted(options("arm"))
ON_THE_LADDER = [
    "logistic", "ridge", "forest", "probe", "rocket", "text_probe", "finetune", "pretrained_table", "blend", "deep_net", "augmented", "cosine_loss",
    "autoencoder",
]  # fmt: skip


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    return bridge.compose_checked("train", overrides, parse_experiment)


def composed(
    names: list[str], *shared: str, compose: arms.Compose = compose, read: arms.Read = bridge.read_choice, **changes: Any
) -> tuple[Arm, ...]:
    compare = Compare(arms=tuple(names), **changes)
    return arms.compose_arms(compare, list(shared), compose, bridge.parse_assignments, read, parse_experiment)


def test_the_ladder_is_the_articles() -> None:
    assert arms.ladder() == ON_THE_LADDER
    assert len(NAMES) >= 14 and set(ON_THE_LADDER) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_arm_composes_with_all_of_its_candidates(name: str) -> None:
    method, by_kind, summary = arms.read_method(name)
    assert summary and set(method.modalities) <= set(by_kind)
    [arm] = composed([name], "dataset=wine", baseline=None)
    assert arm.summary == summary and set(arm.candidates) == set(method.modalities)
    for kind, candidates in arm.candidates.items():
        assert len({str(c.experiment.to_plain()) for c in candidates}) == len(candidates), "no candidate comes twice"
        assert {c.experiment.model.name for c in candidates} <= set(MODELS)
        assert candidates[0].label == "" or name in ("augmented", "small_net"), "the first is the method as it is"
        if method.ladder:
            few = {"pretrained_table": 1, "blend": 2, "text_probe": 2}.get(name, 6)  # they have no more to choose
            assert len(candidates) == few, f"{kind}: every rung has the same budget"


def test_an_arm_survives_being_written_down() -> None:
    typed = ["dataset=wine", "compare.arms=[ladder,svm]", "training.epochs=3"]
    request = parse_comparison(with_arms(bridge.compose_checked("compare", typed, parse_shared), typed))
    plain = yaml.safe_load(yaml.safe_dump(request.to_plain()))
    shared = parse_shared({key: value for key, value in plain.items() if key != "arms"})
    assert Comparison(shared, tuple(Arm.from_plain(arm, parse_experiment) for arm in plain["arms"])) == request


@pytest.mark.parametrize(
    ("names", "shared"),
    [
        (["augmented", "cosine_loss", "finetune", "ensemble"], []),
        (
            ["cosine_loss", "augmented augment=noise augment.std=0.4", "deep_net loss=cosine"],
            ["loss.class_weight=balanced", "seed=7"],
        ),
        (["forest model.min_leaf_rows=2", "deep_net seed=100", "deep_net augment=noise"], ["experiment=wine_deep_net"]),
    ],
)
def test_a_choice_read_from_its_file_is_the_one_that_hydra_composes(names: list[str], shared: list[str]) -> None:
    found = composed(names, "dataset=wine", *shared, baseline=None)
    assert found == composed(names, "dataset=wine", *shared, read=lambda group, name: None, baseline=None)


@pytest.mark.parametrize(
    ("overrides", "depth", "width"),
    [
        ("[experiment=mine, model=deep_net]", 3, None),
        ('[model=deep_net, model.depth=3, "model.width=${model.depth}"]', 3, 3),
        ("[model=deep_net, model.depth=4]", 4, None),
    ],
)
def test_settings_of_an_arm_that_depend_on_others_are_composed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: str, depth: int, width: int | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for group in ("arm", "experiment"):
        (tmp_path / "sdl_conf" / group).mkdir(parents=True)
    (tmp_path / "sdl_conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nmodel:\n  depth: 3\n")
    text = (conf_dir() / "arm" / "svm.yaml").read_text()
    lines = [f"overrides: {overrides}" if line.startswith("overrides") else line for line in text.splitlines()]
    mine = "\n".join(lines)
    (tmp_path / "sdl_conf" / "arm" / "mine.yaml").write_text(mine[: mine.index("candidates")] + "candidates: [[]]\n")
    [arm] = composed(["mine"], "dataset=wine", baseline=None)
    assert {(c.experiment.model.depth, c.experiment.model.width) for c in arm.candidates["table"]} == {(depth, width)}


def test_the_arms_of_the_ladder_are_composed_at_once() -> None:
    asked = []
    composed(["ladder"], "dataset=wine", compose=lambda overrides: asked.append(overrides) or compose(overrides))
    assert asked == [("dataset=wine",)]


def test_a_choice_of_the_users_own_that_depends_on_others_is_composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sdl_conf" / "augment").mkdir(parents=True)
    text = "defaults: [noise, _self_]\nstd: 0.7\n"
    (tmp_path / "sdl_conf" / "augment" / "loud.yaml").write_text(text)
    assert bridge.read_choice("augment", "loud") is None and bridge.read_choice("augment", "nowhere") is None
    [arm] = composed(["deep_net augment=loud"], "dataset=wine", baseline=None)
    assert {c.experiment.augment.std for c in arm.candidates["table"]} == {0.7}
    assert (bridge.read_choice("augment", "noise") or {})["std"] == 0.1


def test_arms_come_in_the_ladders_order_whatever_the_user_wrote() -> None:
    found = composed(["autoencoder", "logistic", "deep_net model.depth=3", "deep_net"], "dataset=wine")
    assert [arm.name for arm in found] == ["logistic", "forest", "deep_net", "deep_net model.depth=3", "autoencoder"]
    assert found[3].asked and "model.depth=3" in found[3].summary


def test_what_the_user_sets_goes_before_what_an_arm_tries() -> None:
    [arm] = composed(["deep_net training.learning_rate=0.5"], "dataset=wine", "training.epochs=7", baseline=None)
    assert {c.experiment.training.learning_rate for c in arm.candidates["table"]} == {0.5}
    assert {c.experiment.training.epochs for c in arm.candidates["table"]} == {7}
    [arm] = composed(["augmented augment=noise augment.std=0.7"], "dataset=wine", baseline=None)
    assert {c.experiment.augment.std for c in arm.candidates["table"]} == {0.7}


def test_another_seed_is_another_arm_on_the_same_splits() -> None:
    one, other = composed(["forest", "forest seed=1000"], "dataset=wine")
    assert one.candidates["table"][0].experiment.seed == 0 and other.candidates["table"][0].experiment.seed == 1000


def test_an_arm_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "sdl_conf" / "arm"
    own.mkdir(parents=True)
    text = (conf_dir() / "arm" / "svm.yaml").read_text().replace("ladder: false", "ladder: true ").replace("rung: 3", "rung: 2.5")
    (own / "mine.yaml").write_text(text)
    assert arms.ladder().index("mine") == ON_THE_LADDER.index("forest") + 1
    assert [arm.name for arm in composed(["mine"], "dataset=wine")] == ["forest", "mine"]
    (own / "mine.yaml").write_text("rung: high\n")
    with pytest.raises(ConfigError, match="this arm cannot be read"):
        arms.read_method("mine")
    (own / "mine.yaml").write_text(text.replace("rung: 2.5", "rung: high"))
    with pytest.raises(ConfigError, match="arm.rung"):
        arms.read_method("mine")
    (own / "mine.yaml").write_text(text[: text.index("candidates")] + "candidates: {sound: [[]]}\n")
    with pytest.raises(ConfigError, match="candidates must be"):
        arms.read_method("mine")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["deep_nut"], ["no arm called deep_nut", "Did you mean deep_net?", "logistic"]),
        (["deep_net", "deep_net"], ["appears twice", "seed=1000"]),
        (["model=deep_net"], ["does not start with an arm"]),
        ([""], ["an empty text"]),
        (["deep_net model.depht=3"], ["model.depht", "no such setting"]),
        (["deep_net model.depth=0"], ["model.depth", "out of range"]),
        (["deep_net 'unclosed"], ["'unclosed"]),
    ],
)
def test_arms_that_cannot_be(names: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as stop:
        composed(names, "dataset=wine")
    assert all(word in str(stop.value) for word in words), str(stop.value)


@pytest.mark.parametrize("override", ["model=deep_net", "model.depth=3", "loss=cosine", "augment=noise", "num_repeats=3"])
def test_what_an_arm_decides_is_not_shared(override: str) -> None:
    with pytest.raises(ConfigError) as stop:
        arms.shared_overrides(["dataset=wine", override])
    assert stop.value.hint and override in str(stop.value)


def test_what_is_shared() -> None:
    given = [
        "dataset=wine",
        "loss.class_weight=balanced",
        "training.epochs=3",
        "seed=4",
        "compare.minutes=2",
        "parallel.num_jobs=1",
        "hydra.run.dir=x",
    ]
    assert arms.shared_overrides(given) == given[:4]


@pytest.mark.parametrize("name", ["deep_net", "deep_net model.depth=3"])
def test_an_arms_folder_is_its_name(name: str) -> None:
    assert arms.folder_name(name) == name.replace(" ", "_")


def test_no_two_arms_share_a_folder_and_none_leaves_its_place() -> None:
    names = [
        "../x",
        "..",
        ".",
        "a/b",
        "a\\b",
        "a:b",
        "a b",
        "ü" * 200,
        "é" * 200,
        "x" * 90 + "1",
        "x" * 90 + "2",
        "arm",
        "\udcff",
    ]
    folders = [arms.folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(folder.isascii() and "/" not in folder and folder.strip(".") and len(folder) <= 80 for folder in folders)


@pytest.mark.parametrize(
    "setting", ["dataset.num_per_class=10", "dataset=digits", "dataset.test_fraction=0.5", "num_repeats=5", "hydra.run.dir=x"]
)
def test_all_arms_see_the_same_rows(setting: str) -> None:
    with pytest.raises(ConfigError, match="must be the same for every arm"):
        composed([f"logistic {setting}"], "dataset=wine")


@pytest.mark.parametrize("candidates", ["[[modle.c=1]]", "[[model.kind.x=7]]", "[[], model.c=1]", "{table: [model.c=1]}"])
def test_candidates_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, candidates: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sdl_conf" / "arm").mkdir(parents=True)
    text = (conf_dir() / "arm" / "svm.yaml").read_text()
    (tmp_path / "sdl_conf" / "arm" / "mine.yaml").write_text(text[: text.index("candidates")] + f"candidates: {candidates}\n")
    with pytest.raises(ConfigError):
        composed(["mine"], "dataset=wine")

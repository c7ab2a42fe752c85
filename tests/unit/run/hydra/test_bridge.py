"""What was typed reaches hydra as it was meant: paths whole, sweeps as sweeps, everything else untouched or quoted."""

from __future__ import annotations

import functools
import os
import pickle
import random
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from sdl_cli.cli.verbs import VERBS
from sdl_cli.errors import ConfigError
from sdl_cli.many import sweep_job
from sdl_cli.run import hydra as bridge
from sdl_cli.run.hydra.overrides import first_choice
from sdl_cli.run.request import parse_experiment


def read_back(text: str, multirun: bool = False) -> Any:
    """The value that hydra and OmegaConf make of an override as typed."""
    parsed = OverridesParser.create().parse_override(bridge.quote_override(text, multirun))
    assert not parsed.is_sweep_override()
    return OmegaConf.to_container(OmegaConf.create({"v": parsed.value()}), resolve=True)["v"]  # type: ignore[index, call-overload]


def choices(text: str) -> list[str]:
    """The values that a sweep override as typed runs over."""
    parsed = OverridesParser.create().parse_override(bridge.quote_override(text, multirun=True))
    if not parsed.is_sweep_override():
        return [str(parsed.value())]
    values = OverridesParser.create().parse_overrides([f"x={value}" for value in parsed.sweep_string_iterator()])
    return [str(value.value()) for value in values]


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("dataset=wine", "dataset=wine"),
        ("model.depth=3", "model.depth=3"),
        ("model.dropout=null", "model.dropout=null"),
        ("training.learning_rate=1e-3", "training.learning_rate=1e-3"),
        ("model.widths=[1, 2]", "model.widths=[1, 2]"),
        ("model.params={C: 1}", "++model.params={C: 1}"),
        ("model.params.C=10", "++model.params.C=10"),
        ("dataset.monotone={patient age: 1, dose: -1}", "++dataset.monotone={patient age: 1, dose: -1}"),
        ("+model.params.C=10", "+model.params.C=10"),
        ("++a.b=1", "++a.b=1"),
        ("dataset.path=a.npz", "dataset.path='a.npz'"),
        ("dataset.path='a.npz'", "dataset.path='a.npz'"),
        ('dataset.path="a.npz"', 'dataset.path="a.npz"'),
        ("dataset.path=a,b", "dataset.path='a,b'"),
        ("model.weights=default", "model.weights=default"),
        ("model.weights=none", "model.weights=none"),
        ("model.weights=[default, a b.pth]", "model.weights=['default','a b.pth']"),
        ("model.weights=['a (1).pth',none]", "model.weights=['a (1).pth','none']"),
        ("model.architecture=[squeezenet1_1,timm/vit_tiny.a-b]", "model.architecture=[squeezenet1_1,timm/vit_tiny.a-b]"),
        ("model.unlabeled=null", "model.unlabeled=null"),
        ("hydra.run.dir=runs/${now:%H}", "hydra.run.dir='runs/${now:%H}'"),
        ("model.estimator=a b&c", "model.estimator='a b&c'"),
        ("~hydra.callbacks.x", "~hydra.callbacks.x"),
    ],
)
def test_an_override_as_hydra_sees_it(typed: str, quoted: str) -> None:
    assert bridge.quote_override(typed) == quoted


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("seed", "not key=value"),
        ("=3", "not key=value"),
        ("a b=3", "not key=value"),
        ("schlüssel=3", "not key=value"),
        ("seed=0,1", "makes a sweep"),
        ("seed=range(3)", "makes a sweep"),
        ("model=choice(a,b)", "makes a sweep"),
        ("~model", "cannot be removed"),
        ("~model.depth", "cannot be removed"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_advice(typed: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        bridge.quote_override(typed)
    assert caught.value.hint


@pytest.mark.parametrize(
    "value",
    ["with space", "ü", "(1)", "a,b", "a=b", "#1", "~x", "it's", 'a"so"', "back\\slash", "$x", "100%", "[x]", "{x}", "a&b"]
    + ["`x`", "a\tb", "a|b", ";", "<>", "^"]
    + ["'", '"', "\\", "\\'", "a\\", "\\\\'x", "null x", " lead", "trail ", "a:b", "*?", "!"],
)  # fmt: skip
def test_a_path_means_what_was_typed(value: str) -> None:
    expected = str(Path(value).absolute()) if value.startswith("~") else value
    for key in ("dataset.path", "dataset.root", "model.weights", "model.unlabeled", "hydra.run.dir"):
        is_list = key == "model.weights" and value[:1] == "[" and value[-1:] == "]"  # of weights of several networks
        assert read_back(f"{key}={value}") == ([value[1:-1]] if is_list else expected)


def test_quotes_that_belong_to_the_name_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_back("dataset.path='a b'") == "a b"
    (tmp_path / "'a b'").mkdir()
    assert read_back("dataset.path='a b'") == "'a b'"


def test_a_home_folder_is_expanded_in_a_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_back("dataset.path=~/a b") == str(tmp_path / "a b")
    assert choices("dataset.path=~/a,~/b") == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_a_real_name_that_looks_like_an_interpolation_is_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("${x}", "a${oc.env:HOME}", "\\${x}", "${"):
        (tmp_path / name).write_text("")
        assert read_back(f"dataset.path={name}") == name
    monkeypatch.setenv("WHERE", "here")
    assert read_back("dataset.path=${oc.env:WHERE}/x") == "here/x"


def test_random_text_survives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    draw = random.Random(0)
    alphabet = "ab1 .,=#~'\"\\$%[]{}()&:;*?!|<>^`@+-/\tüß\u65e5\U0001f600"
    for _ in range(1500):
        value = "".join(draw.choice(alphabet) for _ in range(draw.randint(1, 12)))
        is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        if is_quoted or "${" in value or value.startswith("~") or value == "???":
            continue
        assert read_back(f"dataset.path={value}") == value
        once = bridge.quote_override(f"dataset.path={value}")
        assert bridge.quote_override(once) == once, "quoting what is quoted changes nothing"


def test_random_text_elsewhere_is_hydras_or_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    draw = random.Random(1)
    parser = OverridesParser.create()
    num_quoted = 0
    for _ in range(1500):
        value = "".join(draw.choice("ab1 .,=#'\"\\%[]{}()&:ü/-") for _ in range(draw.randint(1, 8)))
        try:
            quoted = bridge.quote_override(f"model.estimator={value}")
        except ConfigError as error:
            assert "sweep" in error.message
            continue
        found = parser.parse_override(quoted).value()
        if quoted != f"model.estimator={value}":
            num_quoted += 1
            assert found == value
    assert num_quoted > 300


def test_a_sweep_over_paths_keeps_names_with_commas_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a,b", "c (1)", "ü", "d,e,f", "it's"):
        (tmp_path / name).mkdir()
    assert choices("dataset.path=a,b,c (1),ü,d,e,f") == ["a,b", "c (1)", "ü", "d,e,f"]
    assert choices("dataset.path=a,b") == ["a,b"]
    assert choices("dataset.path=x,it's,y") == ["x", "it's", "y"]
    assert choices("dataset.path=x,y") == ["x", "y"]
    assert choices("dataset.path=choice(x,y)") == ["x", "y"]
    assert choices("seed=range(3)") == ["0", "1", "2"]
    assert choices("model=baseline,deep_net") == ["baseline", "deep_net"]


def test_assignments_are_read_without_composing() -> None:
    found = bridge.parse_assignments(["dataset.test_fraction=0.5", "device=cpu", "dataset.path=a b,ü", "x=[1, null]"])
    assert found == {"dataset.test_fraction": 0.5, "device": "cpu", "dataset.path": "a b,ü", "x": [1, None]}
    for text in ("seed=1,2", "~seed", "seed"):
        with pytest.raises(ConfigError):
            bridge.parse_assignments([text])


def test_a_composed_configuration_is_plain_and_whole() -> None:
    values = bridge.compose_checked("train", ["dataset=wine", "model=baseline"], parse_experiment)
    assert values["dataset"]["name"] == "wine" and values["model"]["kind"] == "forest" and values["num_threads"] is None
    assert "hydra" not in values and "experiment" not in values
    assert type(values["dataset"]) is dict


def test_own_yaml_is_found_and_may_have_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "my conf, ü (1)"
    for root, name, depth in ((mine, "tiny", 2), (tmp_path / "sdl_conf", "wee", 1)):
        (root / "model").mkdir(parents=True)
        (root / "model" / f"{name}.yaml").write_text(f"# {name}\ndefaults: [deep_net, _self_]\ndepth: {depth}\n")
    for name, depth in (("tiny", 2), ("wee", 1)):
        values = bridge.compose_checked("train", [f"model={name}"], parse_experiment, str(mine))
        assert (values["model"]["name"], values["model"]["depth"]) == ("deep_net", depth)


def run_jobs(overrides: list[str], **more: Any) -> list[tuple[dict[str, Any], Path, list[str]]]:
    with bridge.composed("train", overrides, parse_experiment, **more) as one:
        return [(one.values, one.folder, one.overrides)]


def sweep_jobs(overrides: list[str], ours: bool = True, **more: Any) -> tuple[bridge.Sweep, list[bridge.Composed]]:
    """A sweep, and its jobs as our launcher (or one of hydra's) hands them on."""
    begun: list[bridge.Sweep] = []
    seen: list[bridge.Composed] = []

    def launch(composed: list[bridge.Composed]) -> list[float | None]:
        seen.extend(composed)
        return [None] * len(composed)

    def one(values: dict[str, Any], folder: Path, chosen: list[str]) -> None:
        seen.append(bridge.Composed(len(seen), values, folder, chosen))

    def begin(found: bridge.Sweep) -> bridge.Task:
        assert not seen and found.is_ours is ours
        begun.append(found)
        return bridge.Task(one, launch if found.is_ours else None)

    with bridge.swept("train", overrides, begin, parse_experiment, **more) as composed:
        assert not composed or (ours and not seen), "hydra runs the jobs of a search and those of other launchers"
    return begun[0], composed or seen


def test_one_job_gets_plain_values_and_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    [(values, folder, chosen)] = run_jobs(["dataset=wine", "model=baseline", "hydra.run.dir=out/a b"])
    assert type(values) is dict and values["seed"] == 0
    assert folder == tmp_path / "out" / "a b" and folder.is_dir() and not list(folder.iterdir())
    assert chosen == ["dataset=wine", "model=baseline"]


@pytest.mark.parametrize("launcher", ["sdl", "basic"])
def test_a_sweep_is_told_of_its_jobs_before_the_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, launcher: str) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ["dataset=wine", "model=baseline", "seed=3,4", f"hydra/launcher={launcher}"]
    sweep, seen = sweep_jobs(overrides, ours=launcher == "sdl")
    assert sweep.jobs is not None and sweep.search is None
    assert [job["overrides"] for job in sweep.jobs] == [one.overrides for one in seen]
    assert [one.overrides[-1] for one in seen] == ["seed=3", "seed=4"]
    assert [job["config"] for job in sweep.jobs] == [one.values for one in seen] and sweep.example == seen[0].values
    assert [one.folder for one in seen] == [sweep.folder / "0", sweep.folder / "1"]
    assert [one.number for one in seen] == [0, 1]


def test_a_sweep_may_stand_in_a_yaml_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "sdl_conf" / "experiment" / "grid.yaml"
    mine.parent.mkdir(parents=True)
    text = "# @package _global_\n# a grid\nmodel: {num_trees: 3}\nhydra: {sweeper: {params: {seed: '1,2'}}, sweep: {subdir: 's_${seed}'}}\n"
    mine.write_text(text)
    sweep, seen = sweep_jobs(["dataset=wine", "model=baseline", "experiment=grid"])
    assert sweep.jobs is None, "their folders have names of their own"
    assert [(one.folder.name, one.values["seed"], one.values["model"]["num_trees"]) for one in seen] == [
        ("s_1", 1, 3),
        ("s_2", 2, 3),
    ]


def test_two_sweeps_of_one_name_do_not_share_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [one.folder.parent for _ in range(2) for one in sweep_jobs(["dataset=wine", "seed=0,1", "hydra.sweep.dir=s"])[1]]
    assert [folder.name for folder in folders] == ["s", "s", "s-2", "s-2"]


def test_what_a_launcher_sends_away_can_be_pickled() -> None:
    for verb in (build() for build in VERBS.values()):
        alone = functools.partial(sweep_job.run_alone, work=verb.work, direction=None, is_search=False)
        again = pickle.loads(pickle.dumps(bridge.Task(alone)))  # noqa: S301
        assert again.job.func is sweep_job.run_alone and again.job.keywords == alone.keywords and again.launch is None


@pytest.mark.parametrize(("group", "name", "extra"), [("launcher", "submitit_slurm", "slurm"), ("sweeper", "optuna", "optuna")])
def test_a_plugin_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, group: str, name: str, extra: str
) -> None:
    bridge.register()  # makes the package of plugins where none is installed
    if find_spec(f"hydra_plugins.hydra_{'submitit' if group == 'launcher' else name}_{group}") is not None:
        pytest.skip("it is installed here")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="not installed") as caught:
        sweep_jobs(["dataset=wine", "seed=0,1", f"hydra/{group}={name}"])
    assert f"sdl-cli[{extra}]" in caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("typed", "first"),
    [("seed=3", "seed=3"), ("seed=4,5", "seed=4"), ("x=interval(1,8)", "x=1.0"), ("x=tag(log,interval(0.1,2))", "x=0.1"), ("m=range(2,4)", "m=2")],
)  # fmt: skip
def test_the_first_choice_of_a_sweep(typed: str, first: str) -> None:
    assert first_choice(typed) == first


def test_a_job_that_raises_is_heard_and_leaves_no_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()

    for more in ([], ["hydra.run.dir=a/b/c"], ["hydra.run.dir=mine/x"]):
        with pytest.raises(OSError, match="disk on fire"), bridge.composed("train", ["dataset=wine", *more], parse_experiment):
            raise OSError("disk on fire")
        assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


@pytest.mark.parametrize("launcher", ["", "basic", "sdl"])
def test_variables_that_hydra_sets_for_jobs_are_there_while_they_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, launcher: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SDL_TEST", raising=False)
    found: list[str | None] = []
    overrides = ["dataset=wine", "+hydra.job.env_set.SDL_TEST=x y"]

    def one(*_: Any) -> None:
        found.append(os.environ.get("SDL_TEST"))

    if not launcher:
        with bridge.composed("train", overrides, parse_experiment):
            one()
    else:
        overrides += ["seed=0,1", f"hydra/launcher={launcher}"]
        with bridge.swept("train", overrides, lambda found: bridge.Task(one), parse_experiment) as jobs:
            for _ in jobs:
                one()
    assert found == ["x y"] * (2 if launcher else 1) and "SDL_TEST" not in os.environ


def test_hydras_traces_are_not_left_in_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    before = list(sys.argv)
    run_jobs(["dataset=wine"])
    assert sys.argv == before and "HYDRA_FULL_ERROR" not in os.environ and Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["dataset=openml", "dataset.name=blood"], ["dataset=openml", "dataset.dataset=blood"]),
        (["dataset.name=wine", "dataset=openml"], ["dataset.dataset=wine", "dataset=openml"]),
        (["dataset=openml", "dataset.name=a,b"], ["dataset=openml", "dataset.dataset=a,b"]),
        (["dataset=openml", "dataset.name=openml"], ["dataset=openml", "dataset.name=openml"]),
        (["dataset=wine", "dataset.name=iris"], ["dataset=wine", "dataset.name=iris"]),
        (["dataset=openml,wine", "dataset.name=iris"], ["dataset=openml,wine", "dataset.name=iris"]),
    ],
)
def test_the_name_of_a_set_beside_its_kind(typed: list[str], meant: list[str]) -> None:
    assert bridge.name_the_set(typed) == meant


def test_a_list_of_columns_may_hold_any_letters() -> None:
    for typed, meant in [
        ("[Wert (mg/l)]", ["Wert (mg/l)"]),
        ("[<10,n.b.]", ["<10", "n.b."]),
        ("['a, b',c]", ["a, b", "c"]),
        ("[-999]", ["-999"]),
    ]:
        settings = ["dataset=table", "dataset.path=x.csv", f"dataset.missing_values={typed}"]
        found = bridge.compose_checked("train", settings, parse_experiment)
        assert parse_experiment(found).dataset.missing_values == tuple(meant), typed

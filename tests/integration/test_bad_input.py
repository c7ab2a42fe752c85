"""Every mistake gets one to three plain lines that name it and say what to do, exit code 2, and leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.conftest import BASELINE, NET, Sdl, tree

from sdl_cli.errors import DataError
from sdl_cli.run import run_folder, writing

# command -> fragments that its message must have; {data} and {runs} are the folders of good and bad examples
MISTAKES: list[tuple[str, list[str]]] = [
    # keys, groups and values that are misspelt
    ("train model=baselin", ["model=baselin", "Did you mean baseline?", "deep_net"]),
    ("train dataset=wien", ["dataset=wien", "Did you mean wine?"]),
    ("train loss=cosin", ["loss=cosin", "Did you mean cosine?"]),
    ("train experiment=nothing", ["experiment=nothing", "there is no such experiment"]),
    ("train modle=baseline", ["modle:", "Did you mean model?"]),
    ("train model.depht=3", ["model.depht:", "Did you mean model.depth?", "sdl show model"]),
    ("train depth=3", ["depth:", "Did you mean model.depth?"]),
    ("train trainig.epochs=3", ["trainig:", "Did you mean training?"]),
    ("train +model.typo=1", ["model.typo:", "no such setting", "depth"]),
    ("train ++model.typo=1", ["model.typo:", "no such setting", "depth"]),
    ("train hydra.mode=MULTIRUN", ["hydra.mode=MULTIRUN", "Use -m for a sweep"]),
    ("train -m seed=0,1 +hydra.mode=RUN", ["hydra.mode=RUN", "leave it out for one run"]),
    ("train +model=baseline", ["+model=baseline", "Write model=baseline"]),
    ("train +foo.bar=1", ["foo:", "no such setting"]),
    ("train model=baseline model.depth=3", ["model.depth:", "no such setting", "model=deep_net"]),
    ("train hydra.run.dri=x", ["hydra.run.dri:", "--cfg all"]),
    ("train hydra/launcher=nothing", ["hydra/launcher=nothing", "basic"]),
    ("train precision=float8", ["precision:", "'float8'", "Did you mean float32?"]),
    ("train model=baseline model.kind=forst", ["model.kind:", "Did you mean forest?"]),
    ("train seed", ["seed:", "key=value"]),
    ("train seed=1,2", ["seed=1,2", "Add -m"]),
    ("train ~model", ["~model", "cannot be removed"]),
    ("train --resolve", ["--resolve:", "--cfg", "sdl train --cfg job --resolve"]),
    ("train --package model", ["--package:", "--cfg", "sdl train --cfg job --package model"]),
    ("curve --cfg job --info all", ["--cfg and --info"]),
    ("train loss=1e400", ["loss=1e400", "by name", "cosine"]),
    ("train augment=null", ["augment=null", "by name", "none"]),
    ("train model=true", ["model=true", "by name", "deep_net"]),
    ("train loss=[1]", ["loss=[1]", "by name"]),
    ("train training=nan", ["training=nan", "by name"]),
    ("train hydra/launcher=null", ["hydra/launcher=null", "by name"]),
    (f"train {'a' * 300}", ["aaa...: this is not key=value"]),
    (f"train dataset={'a' * 300}", ["there is no such dataset"]),
    (f"train {'a' * 300}.csv target=b", ["there is no such file or folder", "sdl train patients.csv target=outcome"]),
    (f"train dataset=npz dataset.path={'a' * 300}", ["aaaa", "file name is too long"]),
    (f"evaluate {'a' * 300}", ["aaaa", "file name is too long"]),
    (f"predict {{runs}}/table {'a' * 300}.npz", ["aaaa", "file name is too long"]),
    (f"train hydra.run.dir={'a' * 300} dataset=wine", ["aaaa", "file name is too long"]),
    (f"list {'a' * 300}", ["there is no group"]),
    ("train dataset={runs}/table", ["table: a folder is not written so.", "Put it first, by itself: sdl train"]),
    ("train dataset=no/where.csv", ["dataset=no/where.csv: there is no such dataset", "breast_cancer"]),
    ("train model=no/where", ["model=no/where: there is no such model", "deep_net"]),
    ("train --target outcome", ["No such option: --target", "A setting has no dashes: target=VALUE"]),
    ("train nowhere.csv", ["nowhere.csv: there is no such file or folder"]),
    ("train {data}/good.npz outcome", ["outcome: this is not key=value", "To predict a column of this name: target=outcome"]),
    ("train {data}/good.npz {data}/photos", ["only one file or folder can be the data", "dataset.test_path"]),
    # the same in a sweep, before its first job
    ("train -m seed=interval(0,3)", ["seed=interval(0,3)", "seed=0.0,3.0", "hydra/sweeper=optuna"]),
    ("train -m seed=range(0,1000000000)", ["1,000,000,000 jobs", "at most 10,000"]),
    ("curve -m seed=range(0,1000) dataset.seed=range(0,1000) model=baseline,deep_net", ["2,000,000 jobs", "at most 10,000"]),
    ("compare -m seed=range(0,1e300)", ["at most 10,000"]),
    ("train -m seed=range(3,3)", ["no job"]),
    ("train -m seed=range(0,3,0)", ["seed=range(0,3,0)", "never ends"]),
    ("train -m model=glob(*)", ["model=glob(*)", "List the values"]),
    ("train -m model=baseline,deepnet", ["model=deepnet", "Did you mean deep_net?", "No job of the sweep was started."]),
    ("train -m model=baseline,deep_net model.typo=1,2", ["model.typo:", "No job of the sweep was started."]),
    ("train -m seed=0,1 training.epocs=3", ["training.epocs:", "Did you mean training.epochs?", "No job"]),
    ("train -m seed=0,-1", ["seed:", "out of range", "No job"]),
    ("train -m +model.typo=1 seed=0,1", ["model.typo:", "No job"]),
    ("train -m dataset=wine,npz", ["dataset.path:", "must be given", "No job"]),
    # out of range, or of another type
    ("train model.depth=0", ["model.depth:", "0 is out of range", "from 1 to 200"]),
    ("train model.depth=deep", ["model.depth:", "'deep' is not a whole number"]),
    ("train model.depth=1.5", ["model.depth:", "1.5 is not a whole number"]),
    ("train dataset.test_fraction=1", ["dataset.test_fraction:", "out of range"]),
    ("train training.learning_rate=nan", ["training.learning_rate:", "not a finite number"]),
    ("train seed=-1", ["seed:", "from 0 to 2147483647"]),
    ("train num_repeats=0", ["num_repeats:", "at least 1"]),
    ("train model=autoencoder model.widths=[3,-1]", ["model.widths[1]:", "out of range"]),
    ("train 'model.depth=[1'", ["model.depth:", "not a whole number"]),
    ("train dataset=npz", ["dataset.path:", "must be given"]),
    ("train --cfg jobs", ["--cfg:", "job, hydra, all"]),
    ("train --resum x", ["No such option: --resum", "sdl train --help"]),
    ("trian", ["trian", "Did you mean", "sdl --help"]),
    ("evaluate", ["Missing argument 'RUN'", "sdl evaluate --help"]),
    # data that is not there
    ("train dataset=npz dataset.path={data}/god.npz", ["dataset.path:", "god.npz", "Did you mean good.npz?"]),
    ("train dataset=npz dataset.path={data}/photos", ["dataset.path:", "is a folder", "dataset=image_folder"]),
    ("train dataset=image_folder dataset.path={data}/potos", ["dataset.path:", "potos does not exist"]),
    ("train dataset=image_folder dataset.path={data}/good.npz", ["good.npz"]),
    ("train dataset=image_folder dataset.path={data}/no_photos", ["no_photos: no images", ".jpg"]),
    ("train dataset=image_folder dataset.path={data}/one_photo_class", ["one_photo_class: only one class, ant"]),
    ("train dataset=image_folder dataset.path={data}/few_photos", ["a class needs 2 rows", "bee (1)"]),
    ("train dataset=torchvision dataset.dataset=CIFAR11", ["dataset.dataset=CIFAR11", "Did you mean CIFAR10?"]),
    (
        "train dataset=torchvision dataset.dataset=CIFAR10 dataset.download=false dataset.root={data}/no_photos",
        ["CIFAR10", "dataset.root=", "cifar-10-batches-py", "dataset.download=true"],
    ),
    # data that is broken
    (
        "train dataset=image_folder dataset.path={data}/bad_photos",
        ["3 of 15 images cannot be read", "ant/cut.png", "ant/nothing.png", "bee/noise.jpg", "dataset.on_error=skip"],
    ),
    ("train dataset=npz dataset.path={data}/nan_X.npz", ["nan_X.npz", "NaN or infinity", "row 3"]),
    ("train dataset=npz dataset.path={data}/inf_X.npz", ["inf_X.npz", "NaN or infinity", "row 3"]),
    ("train dataset=npz dataset.path={data}/nan_y.npz", ["nan_y.npz", "NaN or infinity", "y"]),
    ("train dataset=npz dataset.path={data}/inf_y.npz", ["inf_y.npz", "NaN or infinity", "y"]),
    ("train dataset=npz dataset.path={data}/short_y.npz", ["short_y.npz", "X has 40 rows and y has 30"]),
    ("train dataset=npz dataset.path={data}/pickled.npz", ["pickled.npz", "pickled", "refused"]),
    ("train dataset=npz dataset.path={data}/one_class.npz", ["one_class.npz", "one class only"]),
    ("train dataset=npz dataset.path={data}/one_row.npz", ["a class needs 2 rows", "1 (1)"]),
    ("train dataset=npz dataset.path={data}/no_y.npz", ["no_y.npz", "y is missing"]),
    ("train dataset=npz dataset.path={data}/text.npz", ["text.npz", "not numbers"]),
    ("train dataset=npz dataset.path={data}/single.npy", ["single.npy", "single array"]),
    ("train dataset=npz dataset.path={data}/empty.npz", ["empty.npz", "not an .npz file, or a damaged one"]),
    ("train dataset=npz dataset.path={data}/words.npz", ["words.npz", "not an .npz file, or a damaged one"]),
    ("train dataset=npz dataset.path={data}/half.npz", ["half.npz", "not an .npz file, or a damaged one"]),
    ("train dataset=wine dataset.num_train=5000", ["dataset.num_train=5000", "142"]),
    ("train dataset=wine dataset.num_train=2", ["dataset.num_train=2", "3 classes"]),
    ("train dataset=diabetes dataset.num_per_class=3", ["dataset.num_per_class", "dataset.num_train"]),
    # parts that do not go together
    ("train dataset=diabetes loss=cosine", ["loss:", "cosine needs classes", "huber"]),
    ("train dataset=wine loss=mse", ["loss:", "mse needs numbers", "cross_entropy"]),
    ("train dataset=wine augment=flip_crop", ["augment:", "flip_crop works on images", "noise"]),
    ("train dataset=digits augment=noise", ["augment:", "noise works on tables", "shift"]),
    ("train dataset=wine model=finetuned_cnn model.weights=none", ["model:", "takes images", "deep_net"]),
    ("train dataset=wine model=baseline model.kind=ridge", ["model.kind:", "ridge", "logistic"]),
    ("train dataset=diabetes model=baseline model.kind=logistic", ["model.kind:", "logistic", "ridge"]),
    ("train dataset=wine model.architecture=resnet", ["model.architecture:", "resnet is for images"]),
    ("train model.max_frequency=2", ["model.max_frequency:", "standard convolutions", "model.convolution=harmonic"]),
    ("train dataset=wine model.convolution=harmonic", ["model.convolution: harmonic is for images"]),
    ("train model=finetuned_cnn model.architecture=resnet81", ["model.architecture:", "resnet81", "Did you mean resnet18"]),
    # the open door
    ("train dataset=wine model=sklearn model.estimator=sklearn.svm.SVCC", ["model.estimator:", "SVCC"]),
    ("train dataset=wine model=sklearn model.estimator=nowhere.Thing", ["model.estimator:", "nowhere"]),
    ("train dataset=wine model=sklearn model.estimator=os.system", ["model.estimator:", "not an estimator class"]),
    ("train dataset=wine model=sklearn model.estimator=sklearn.svm.SVR", ["model.estimator:", "does not predict classes"]),
    ("train dataset=wine model=sklearn model.params.n_neighbor=3", ["model.params.n_neighbor:", "Did you mean n_neighbors?"]),
    ("train dataset=wine model=sklearn model.params.n_neighbors=-3", ["model.params:", "n_neighbors", "-3"]),
    # weights
    ("train dataset.num_per_class=3 model=finetuned_cnn model.weights={data}/no.pth", ["model.weights:", "no.pth"]),
    (
        "train dataset.num_per_class=3 model=finetuned_cnn model.weights={data}/words.npz",
        ["model.weights:", "words.npz", "cannot be read"],
    ),
    ("train dataset.num_per_class=3 model=finetuned_cnn model.weights={runs}/wine", ["model.weights:", "model=baseline"]),
    # devices
    ("train device=gpu", ["device:", "'gpu'", "cuda:N"]),
    ("train device=cuda:99", ["device:", "cuda:99", "device=cpu"]),
    ("device tpu", ["device:", "'tpu'"]),
    # run folders
    ("evaluate {runs}/nowhere", ["nowhere: there is no such run folder"]),
    ("predict {runs}/nowhere x", ["nowhere: there is no such run folder"]),
    ("train --resume {runs}/nowhere", ["nowhere: there is no such run folder"]),
    ("train --resume {runs}/wine seed=1", ["--resume takes no settings"]),
    ("train --resume {data}/no_photos", ["no_photos: nothing was begun here"]),
    ("curve --resume {data}/no_photos", ["no_photos: nothing was begun here"]),
    ("compare --resume {data}/no_photos", ["no_photos: nothing was begun here"]),
    ("evaluate {runs}", ["not a run folder", "It contains runs"]),
    ("evaluate {data}", ["not a run folder"]),
    ("evaluate {runs}/wine seed=1", ["seed:", "dataset and device settings only"]),
    ("evaluate {runs}/wine dataset.test_fractoin=0.3", ["dataset.test_fractoin:", "Did you mean dataset.test_fraction?"]),
    ("evaluate {runs}/net device=cuda:99", ["device:", "cuda:99"]),
    ("evaluate {runs}/wine dataset=iris", ["(13,)", "iris", "(4,)"]),
    ("evaluate {runs}/wine dataset=digits", ["table", "image"]),
    ("evaluate {runs}/wine dataset=diabetes", ["classification", "regression"]),
    ("evaluate {runs}/wine dataset=npz dataset.pth=x", ["dataset.pth:", "Did you mean dataset.path?"]),
    ("evaluate {runs}/table dataset=npz dataset.path={data}/four_columns.npz", ["(3,)", "(4,)"]),
    ("evaluate {runs}/table dataset=npz dataset.path={data}/third_class.npz", ["the class '2'", "not trained on"]),
    ("evaluate {runs}/photos dataset=npz dataset.path={data}/good.npz", ["image", "table"]),
    ("decompose {runs}/wine", ["model=baseline (forest)", "not a network", "model=deep_net on a table with classes"]),
    ("decompose {runs}/net --subnets 1", ["--subnets: 1 is out of range: from 2 to 32"]),
    ("decompose {runs}/net --bound 0.5", ["--bound: 0.5 is out of range: from 1 to 1000000"]),
    ("decompose {runs}/net --seconds 0", ["--seconds: 0 is out of range"]),
    ("decompose {runs}/nowhere", ["nowhere: there is no such run folder"]),
    ("predict {runs}/table {data}/four_columns.npz", ["four_columns.npz", "(4,)", "(3,)"]),
    ("predict {runs}/table {data}/photos", ["photos", "this run is for tables"]),
    ("predict {runs}/photos {data}/good.npz", ["good.npz", "(3,)"]),
    ("predict {runs}/photos {data}/no_photos", ["no images"]),
    ("predict {runs}/photos {data}/bad_photos", ["3 of 15 images cannot be read", "ant/cut.png"]),
    ("predict {runs}/photos {data}/photos --on-error=never", ["--on-error:", "fail, skip"]),
    ("predict {runs}/table {data}/good.npz -o nowhere/p.csv", ["nowhere/p.csv", "-o"]),
    ("list modle", ["modle:", "Did you mean model?"]),
    ("show model=deepnet", ["model=deepnet", "Did you mean deep_net?"]),
    ("train --config-dir {data}/nowhere", ["--config-dir:", "nowhere"]),
]  # fmt: skip


def check_lines(text: str, fragments: list[str]) -> None:
    """One to three plain lines with all of these in them."""
    assert "Traceback" not in text and "hydra.errors" not in text and "Error executing job" not in text
    lines = text[text.index("error   ") :].splitlines()
    assert 1 <= len(lines) <= 3, text
    for fragment in fragments:
        assert fragment in text, f"{fragment!r} is not in:\n{text}"


@pytest.mark.parametrize(("command", "fragments"), MISTAKES, ids=[command[:80] for command, _ in MISTAKES])
def test_a_mistake_is_named_and_leaves_nothing(
    sdl: Sdl, tmp_path: Path, data: Path, runs: Path, command: str, fragments: list[str]
) -> None:
    before = tree(runs) | tree(data)
    found = sdl(command.format(data=data, runs=runs))
    assert found.code == 2, found.err
    check_lines(found.err, fragments)
    assert not tree(tmp_path), "something was left behind"
    assert tree(runs) | tree(data) == before


@pytest.mark.parametrize("command", ["train model=baselin", "evaluate nowhere", "train --nonsense", "show modle", "device tpu"])
def test_with_json_the_mistake_is_the_one_object(sdl: Sdl, command: str) -> None:
    found = sdl(command, "--json")
    assert found.code == 2 and found.json["exit_code"] == 2
    assert found.json["error"]["kind"] in ("config", "data", "device")
    assert found.json["error"]["message"] in found.err.replace("\n        ", "\n")


@pytest.mark.parametrize(
    ("command", "fragment"),
    [("train model.typo=1", "model.typo:"), ("evaluate nowhere", "nowhere:"), ("train -m seed=0,x", "No job of the sweep")],
)
def test_the_program_itself_says_the_same(
    sdl_process: Callable[..., subprocess.Popen[str]], tmp_path: Path, command: str, fragment: str
) -> None:
    process = sdl_process(command)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and out == "" and not tree(tmp_path)
    check_lines(err, [fragment])
    assert err.startswith("error   "), "nothing else is printed"


def test_debug_shows_where_it_happened(sdl: Sdl) -> None:
    found = sdl("train model=baselin --debug")
    assert found.code == 2 and "Traceback" in found.err and "Did you mean baseline?" in found.err


def test_weights_that_do_not_fit_the_architecture_are_refused(sdl: Sdl, tmp_path: Path) -> None:
    import torch

    torch.save({"features.0.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    found = sdl("train dataset.num_per_class=3 model=finetuned_cnn model.weights=other.pth")
    assert found.code == 2
    check_lines(found.err, ["model.weights:", "other.pth", "does not fit squeezenet1_1"])
    assert tree(tmp_path) == {"other.pth"}


def test_weights_that_are_not_here_and_cannot_be_fetched(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.error

    import torch

    def no_network(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    found = sdl("train dataset.num_per_class=3 model=finetuned_cnn")
    assert found.code == 2
    check_lines(found.err, ["model.weights:", "could not be downloaded", "squeezenet1_1", "TORCH_HOME"])
    assert not (tmp_path / "runs").exists()


def test_images_of_every_mode_are_read(sdl: Sdl, data: Path) -> None:
    deep_beside_plain = f"train dataset=image_folder dataset.path={data}/modes dataset.size_px=8 {BASELINE}"
    found = sdl(deep_beside_plain)
    assert found.code == 2
    check_lines(found.err, ["ant/I16.png", "no common scale", "dataset.value_range=[0,65535]"])
    found = sdl(f"{deep_beside_plain} dataset.value_range=[0,65535]")
    assert found.code == 0, found.err


def test_broken_images_are_skipped_and_counted_on_request(sdl: Sdl, data: Path) -> None:
    folder = f"dataset=image_folder dataset.path={data}/bad_photos dataset.size_px=8"
    found = sdl(f"train {folder} dataset.on_error=skip {BASELINE} --json")
    assert found.code == 0 and "3 of 15 images could not be read and were skipped" in found.err
    assert any("3 of 15 images" in note for note in found.json["notes"])
    predicted = sdl(f"predict {found.json['folder']} {data}/bad_photos --on-error=skip --json")
    assert predicted.json["rows"] == 12


@pytest.mark.parametrize("settings", ["loss=cosine", "augment=noise", "training.epochs=3", "precision=float32"])
def test_a_setting_without_effect_is_said_aloud(sdl: Sdl, settings: str) -> None:
    found = sdl(f"train dataset=wine {BASELINE} {settings}")
    assert found.code == 0 and "no effect" in found.err and settings.partition("=")[0] in found.err


def test_the_open_door_takes_parameters_without_a_plus(sdl: Sdl) -> None:
    found = sdl("train dataset=wine model=sklearn model.estimator=sklearn.svm.SVC model.params.C=10 --json")
    assert found.code == 0 and found.json["config"]["model"]["params"] == {"C": 10}
    again = sdl(f"evaluate {found.json['folder']} --json")
    assert again.json["reproduced"] is True


# run folders that were tampered with

CHANGES: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "metrics lost": (lambda run: (run / "metrics.json").unlink(), ["metrics.json is missing", "incomplete"]),
    "model lost": (lambda run: (run / "model.json").unlink(), ["model.json is missing", "incomplete"]),
    "config lost": (lambda run: (run / "config.yaml").unlink(), ["config.yaml is missing", "incomplete"]),
    "status lost": (lambda run: (run / "status.json").unlink(), ["not a run folder"]),
    "predictions edited": (lambda run: (run / "predictions.csv").write_text("id\n"), ["predictions.csv", "changed after"]),
    "config edited": (lambda run: (run / "config.yaml").write_text("seed: 3\n"), ["config.yaml", "changed after"]),
    "status damaged": (lambda run: (run / "status.json").write_text("{"), ["status.json", "JSON"]),
    "stopped": (lambda run: writing.write_status(run, "running"), ["not finished", "sdl train --resume"]),
    "failed": (lambda run: writing.write_status(run, "failed", "nan"), ["not finished", "failed: nan"]),
}


@pytest.mark.parametrize("verb", ["evaluate RUN", "predict RUN {data}/good.npz"], ids=["evaluate", "predict"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_folder_that_is_not_as_it_was_left(
    sdl: Sdl, tmp_path: Path, runs: Path, data: Path, change: str, verb: str
) -> None:
    shutil.copytree(runs / "table", tmp_path / "run")
    alter, fragments = CHANGES[change]
    alter(tmp_path / "run")
    before = tree(tmp_path)
    found = sdl(verb.format(data=data).replace("RUN", "run"))
    assert found.code == 2
    check_lines(found.err, fragments)
    assert tree(tmp_path) == before


def test_data_that_changed_since_the_run_is_noticed(sdl: Sdl, tmp_path: Path, data: Path) -> None:
    shutil.copy(data / "good.npz", tmp_path / "mine.npz")
    run = sdl(f"train dataset=npz dataset.path=mine.npz {BASELINE} --json").json["folder"]
    shutil.copy(data / "third_class.npz", tmp_path / "mine.npz")
    found = sdl(f"evaluate {run}")
    assert found.code == 2
    check_lines(found.err, ["the data set has changed since this run"])


def test_a_strangers_run_imports_nothing_that_is_not_allowed(sdl: Sdl, tmp_path: Path) -> None:
    run = Path(sdl("train dataset=wine model=sklearn hydra.run.dir=run --json").json["folder"])
    (tmp_path / "evil.py").write_text("open('it ran', 'w').close()\nclass Thing: fit = predict = None\n")
    for file in ("model.json", "config.yaml"):
        (run / file).write_text((run / file).read_text().replace("sklearn.neighbors.KNeighborsClassifier", "evil.Thing"))
    status = json.loads((run / "status.json").read_text())
    writing.write_status(run, "done", files=list(status["files"]))
    found = sdl("evaluate run")
    assert found.code == 2 and not (tmp_path / "it ran").exists()
    check_lines(found.err, [])


# values of another kind than sdl writes, in files whose sums are right

KINDS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "metrics without a test part": ("metrics.json", lambda values: values["metrics"].pop("test")),
    "a lift that is a list": ("metrics.json", lambda values: values.update(lift=[1])),
    "seconds that are text": ("metrics.json", lambda values: values.update(seconds="long")),
    "metrics that are a number": ("metrics.json", lambda values: values.update(metrics=3)),
    "a baseline without a name": ("metrics.json", lambda values: values.update(baseline={"test": 1})),
}


@pytest.mark.parametrize("command", ["report run", "train --resume run"])
@pytest.mark.parametrize("change", KINDS)
def test_values_of_another_kind_are_a_damaged_folder(sdl: Sdl, tmp_path: Path, runs: Path, change: str, command: str) -> None:
    shutil.copytree(runs / "wine", tmp_path / "run")
    file, alter = KINDS[change]
    values = json.loads((tmp_path / "run" / file).read_text())
    alter(values)
    (tmp_path / "run" / file).write_text(json.dumps(values))
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    writing.write_status(tmp_path / "run", "done", files=list(status["files"]))
    found = sdl(command)
    assert "should not happen" not in found.err
    if found.code:
        assert found.code == 2
        check_lines(found.err, ["run: its files contain values that sdl never writes there"])


def test_a_file_that_cannot_be_read_is_named(sdl: Sdl, tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refuse(self: Path, *arguments: Any, **named: Any) -> Any:
        if self.name == "rows.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return real(self, *arguments, **named)

    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(Path, "open", refuse)
    found = sdl("train dataset=table dataset.path=rows.csv dataset.target=b")
    assert found.code == 2
    check_lines(found.err, ["rows.csv"])


def test_an_estimator_that_refuses_the_data_is_named_with_its_own_words(sdl: Sdl) -> None:
    estimator = "sklearn.naive_bayes.MultinomialNB"
    found = sdl(f"train dataset=wine model=sklearn model.estimator={estimator} model.standardize=true")
    assert found.code == 1
    check_lines(found.err, [estimator, "ValueError: Negative values in data"])
    assert "should not happen" not in found.err


def test_deep_values_are_refused_and_not_called_a_fault(sdl: Sdl, tmp_path: Path) -> None:
    deep = "[" * 5000 + "]" * 5000
    found = sdl(f"train dataset=wine {BASELINE}", f"model.params.x={deep}")
    assert found.code == 2 and "should not happen" not in found.err
    (tmp_path / "sdl_conf" / "model").mkdir(parents=True)
    (tmp_path / "sdl_conf" / "model" / "mine.yaml").write_text(f"name: {deep}\n")
    found = sdl("train dataset=wine model=mine")
    assert found.code == 2 and "should not happen" not in found.err


# disks


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "command", [f"train dataset=wine {BASELINE}", f"train {NET}", f"train dataset=wine {BASELINE} num_repeats=2"]
)
def test_a_full_disk_is_said_and_leaves_nothing(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(os, "fsync", full)
    found = sdl(command)
    assert found.code == 2
    check_lines(found.err, ["the disk is full", "hydra.run.dir="])
    assert not tree(tmp_path)


@pytest.mark.parametrize(
    "file", ["config.yaml", "environment.json", "predictions.csv", "model.json", "metrics.json", "status.json"]
)
def test_a_disk_that_fills_up_during_a_run_leaves_nothing(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    real = os.fsync
    seen: list[int] = []

    def fills_up(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if f".{file}." in name:
            seen.append(1)
            if file != "status.json" or len(seen) > 1:  # the first one says that it is running
                full()
        real(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to tell which file is written")
    monkeypatch.setattr(os, "fsync", fills_up)
    found = sdl(f"train dataset=wine {BASELINE}")
    assert seen and found.code == 2
    check_lines(found.err, [file, "the disk is full"])
    assert not tree(tmp_path)


def test_a_disk_with_no_room_for_the_result_is_said_before_training(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 1000))  # type: ignore[attr-defined]
    found = sdl(f"train dataset=wine {BASELINE}")
    assert found.code == 2
    check_lines(found.err, ["the disk is full"])
    assert not tree(tmp_path)


@pytest.mark.parametrize("command", [f"train dataset=wine {BASELINE}", f"train -m dataset=wine {BASELINE} seed=0,1"])
def test_a_file_in_the_place_of_runs_is_named(sdl: Sdl, tmp_path: Path, command: str) -> None:
    (tmp_path / "runs").write_text("mine")
    found = sdl(command)
    assert found.code == 2
    check_lines(found.err, ["runs", "a file is in the way of a folder"])
    assert tree(tmp_path) == {"runs"} and (tmp_path / "runs").read_text() == "mine"


@pytest.mark.parametrize("command", [f"train dataset=wine {BASELINE}", f"train -m dataset=wine {BASELINE} seed=0,1"])
def test_a_runs_folder_that_cannot_be_written_to_is_named(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    real = Path.mkdir

    def refuse(self: Path, *arguments: Any, **named: Any) -> None:
        if "runs" in self.parts and tmp_path in self.absolute().parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        real(self, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", refuse)
    found = sdl(command)
    assert found.code == 2
    check_lines(found.err, ["runs", "no permission to write here", "hydra.run.dir="])
    assert not tree(tmp_path)


def test_predictions_that_cannot_be_written_leave_the_old_file(
    sdl: Sdl, tmp_path: Path, runs: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.csv").write_text("id,prediction\n")
    monkeypatch.setattr(os, "fsync", full)
    found = sdl(f"predict {runs}/table {data}/good.npz -o p.csv")
    assert found.code == 2 and tree(tmp_path) == {"p.csv"} and (tmp_path / "p.csv").read_text() == "id,prediction\n"
    check_lines(found.err, ["p.csv", "the disk is full"])


def test_a_cache_that_cannot_be_written_stops_nothing_that_can_do_without(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "file"))
    assert sdl(f"train {NET}").code == 0
    with pytest.raises(DataError, match="SDL_CACHE"):
        from sdl_cli.files import cache_folder

        cache_folder("x")


def test_a_fault_of_ours_is_said_to_be_one(sdl: Sdl, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdl_cli.measure import baseline

    def broken(*_: Any) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(baseline, "majority_outputs", broken)
    found = sdl(f"train dataset=wine {BASELINE} hydra.run.dir=run --json")
    assert found.code == 1 and found.json["error"]["kind"] == "run"
    assert "KeyError" in found.err and "run.log" in found.err
    assert "oops" in Path("run/run.log").read_text() and run_folder.read_state(Path("run")) == "failed"

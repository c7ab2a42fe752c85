"""Parts that a user wrote, from the command line: what is refused and how, and what is never imported."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from integration.conftest import Sdl

PARTS = '''
from pathlib import Path

from torch import nn

Path("was_imported").touch()

class Focal:
    """Focal loss (Lin et al. 2017)."""

    def __init__(self, gamma: float = 2.0, mode: str = "plain"):
        self.gamma = gamma
        if mode == "odd":
            raise ValueError("mode must not be odd")

    def rows(self, outputs, targets):
        log_probs = outputs.log_softmax(1)
        return -(targets * (1 - log_probs.exp()) ** self.gamma * log_probs).sum(1)

class NoRows: ...

class Scalar(Focal):
    def rows(self, outputs, targets):
        return outputs.sum()

class Fails(Focal):
    def rows(self, outputs, targets):
        return outputs @ targets

class Named(Focal):
    def __init__(self, name: str): ...

class Needs(Focal):
    def __init__(self, gamma: float): ...

class Thin(nn.Module):
    """One layer."""

    modalities = ("table",)

    def __init__(self, input_shape, width: int = 4):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], width)

    def forward(self, x):
        return self.layer(x).relu()

class Shapeless(nn.Module):
    def __init__(self, width: int = 4): ...
    def forward(self, x): ...

class Flat(Thin):
    def forward(self, x):
        return self.layer(x).sum(1)

class Shift:
    """Moves all numbers."""

    def __call__(self, inputs, targets, generator):
        return inputs[:-1], targets

class Leaves:
    """Leaves of two trees."""

    def __init__(self, how: str = "frame"):
        self.how = how

    def load(self):
        import numpy as np
        import pandas as pd

        y = np.arange(60) % 2
        X = np.stack([y + np.sin(np.arange(60)), np.cos(np.arange(60))], axis=1)
        if self.how == "frame":
            soil = pd.Series(["sand", "clay", "loam"] * 20, dtype="category")
            frame = pd.DataFrame({"length": X[:, 0], "soil": soil, "tree": np.array(["elm", "oak"])[y]})
            return {"X": frame, "y": "tree", "notes": ["Measured by hand."]}
        if self.how == "fails":
            raise KeyError("leaves")
        return {"pair": (X, y), "short": (X, y[:5]), "none": None, "key": {"X": X, "y": y, "clases": ["elm", "oak"]},
                "no_y": {"X": X}, "3d": (X[:, :, None], y)}[self.how]
'''
CHOICES = {
    "loss": {"focal": "Focal", "norows": "NoRows", "scalar": "Scalar", "fails": "Fails", "named": "Named", "needs": "Needs",
             "gone": "Focl", "cosine": "Focal"},
    "model": {"thin": "Thin", "shapeless": "Shapeless", "flat": "Flat", "noclass": "Focal"},
    "augment": {"cut": "Shift"},
    "dataset": {"leaves": "Leaves"},
}  # fmt: skip
NET = "train dataset=wine model=deep_net model.depth=1 model.width=8 training.epochs=1 "
OWN = "train dataset=leaves model=thin loss=focal training.epochs=2 "


@pytest.fixture
def work(sdl: Sdl, tmp_path: Path) -> Path:
    (tmp_path / "my_parts.py").write_text(PARTS)
    (tmp_path / "raises.py").write_text("class Focal: ...\nraise OSError('no camera')\n")
    (tmp_path / "broken.py").write_text("class Focal(:\n")
    (tmp_path / "random.py").write_text("class Focal: ...\n")
    targets = {(g, name): f"my_parts.{kind}" for g, own in CHOICES.items() for name, kind in own.items()}
    for name, target in {"nomodule": "nowhere.Focal", "raises": "raises.Focal", "broken": "broken.Focal", "std": "random.Focal",
                         "bare": "Focal"}.items():  # fmt: skip
        targets["loss", name] = target
    for (group, name), target in targets.items():
        (tmp_path / "sdl_conf" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "sdl_conf" / group / f"{name}.yaml").write_text(f"_target_: {target}\n")
    (tmp_path / "sdl_conf" / "loss" / "notarget.yaml").write_text("gamma: 2\n")
    sys.modules.pop("my_parts", None)
    return tmp_path


# command -> message, exit code
MISTAKES: list[tuple[str, str, int]] = [
    (NET + "loss=nomodule", "loss=nomodule: there is no module nowhere in the working folder or sdl_conf, and none is installed.", 2),
    (NET + "loss=gone", "loss=gone: there is no class Focl in {work}/my_parts.py. Did you mean Focal?", 2),
    (NET + "loss=focl", "loss=focl: there is no such loss. Did you mean focal?", 2),
    (NET + "loss=focal loss.gama=1", "loss.gama: no such setting. Did you mean loss.gamma?", 2),
    (NET + "loss=focal +loss.beta=1", "loss.beta: no such setting. Here there are: name, gamma, mode.", 2),
    (NET + "loss=focal loss.gamma=high", "loss.gamma: 'high' is not a number.", 2),
    (NET + "loss=focal loss.mode=odd", "loss=focal: my_parts.Focal (my_parts.py) cannot be built with these settings: ValueError: "
     "mode must not be odd", 2),
    (NET + "loss=needs", "loss.gamma: must be given, for example loss.gamma=...", 2),
    (NET + "loss=named", "loss=named: my_parts.Named (my_parts.py) has an argument called name, and sdl uses that name itself.", 2),
    (NET + "loss=raises", "loss=raises: importing raises.Focal (raises.py) failed: OSError: no camera", 2),
    (NET + "loss=broken", "loss=broken: {work}/broken.py, line 1: this cannot be read as Python: invalid syntax.", 2),
    (NET + "loss=cosine", "loss=cosine: {work}/sdl_conf/loss/cosine.yaml has the name of a choice of sdl's own, which would be taken "
     "instead.", 2),
    (NET + "loss=std", "loss=std: random.py has the name of an installed module, random.", 2),
    (NET + "loss=bare", "loss=bare: _target_: 'Focal' does not name a class in a module.", 2),
    (NET + "loss=notarget", "loss: the choice names neither a loss of sdl's own (name: auto) nor a class of yours (_target_: "
     "my_parts.MyClass).", 2),
    (NET + "loss=norows", "loss=norows: my_parts.NoRows (my_parts.py) has no method rows, which a loss needs.", 2),
    (NET + "loss=scalar", "loss=scalar: rows gave () for (29, 3) outputs, and must give (29,): one number for each row.", 1),
    (NET + "loss=fails", "loss=fails: my_parts.Fails (my_parts.py) failed on a batch: RuntimeError: ", 1),
    (NET + "augment=cut", "augment=cut: it made (28, 13) inputs and (29, 3) targets of (29, 13) and (29, 3).", 1),
    ("train dataset=diabetes model=deep_net loss=focal", "loss: focal does not say that it fits regression.", 2),
    ("train dataset=diabetes model=deep_net augment=cut", "augment: cut does not say that it works on regression.", 2),
    ("train dataset=digits model=thin", "model: thin takes tables, but the data set digits is made of images.", 2),
    ("train dataset=wine model=shapeless", "model=shapeless: the __init__ of my_parts.Shapeless (my_parts.py) takes no input_shape.", 2),
    ("train dataset=wine model=noclass", "model=noclass: the __init__ of my_parts.Focal (my_parts.py) takes no input_shape.", 2),
    ("train dataset=wine model=flat", "model=flat: my_parts.Flat (my_parts.py) made (2,) of (2, 13); it must embed each row, (2, D).", 1),
    ("train dataset=leaves dataset.how=fails", "dataset=leaves: my_parts.Leaves (my_parts.py) failed in load(): KeyError: 'leaves'", 2),
    ("train dataset=leaves dataset.how=none", "dataset=leaves: my_parts.Leaves (my_parts.py): load() gave NoneType, and must give a "
     "dictionary with X and y.", 2),
    ("train dataset=leaves dataset.how=short", "dataset=leaves: my_parts.Leaves (my_parts.py): y has 5 rows and X has 60.", 2),
    ("train dataset=leaves dataset.how=key", "dataset=leaves: my_parts.Leaves (my_parts.py): load() gave clases, which is none of X, y,", 2),
    ("train dataset=leaves dataset.how=no_y", "dataset=leaves: my_parts.Leaves (my_parts.py): load() gave no y.", 2),
    ("train dataset=leaves dataset.how=3d", 'dataset=leaves: my_parts.Leaves (my_parts.py): X of shape (60, 2, 1) may be images or '
     'series: give "modality", "image" or "series".', 2),
    (NET + "loss=focal --trust", "--trust only works with --resume: what this command names itself is imported.", 2),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message", "code"), MISTAKES, ids=[" ".join(case[0].split()[1:])[-50:] for case in MISTAKES])
def test_a_mistake_is_named_with_its_exit_code(command: str, message: str, code: int, sdl: Sdl, work: Path) -> None:
    found = sdl(command)
    lines = [line for line in found.err.splitlines() if line.startswith("error")]
    assert lines and lines[0].removeprefix("error   ").startswith(message.format(work=work)), found.err
    assert found.code == code


def test_nothing_is_imported_that_the_command_does_not_name(sdl: Sdl, work: Path) -> None:
    for command in ("list", "show loss=focal", "show loss", "train dataset=wine model=baseline", "check dataset=wine", "runs"):
        assert sdl(command).code == 0, command
    assert "my_parts" not in sys.modules and not (work / "was_imported").exists()


def test_a_stored_run_names_its_parts_and_imports_none_without_trust(sdl: Sdl, work: Path) -> None:
    done = sdl(OWN + "augment=none hydra.run.dir=run")
    assert done.code == 0, done.err
    told = " ".join(done.err.split())
    for choice in ("dataset=leaves is my_parts.Leaves", "model=thin is my_parts.Thin", "loss=focal is my_parts.Focal"):
        assert told.count(f"note Code that is not part of sdl is imported: {choice} (my_parts.py).") == 1
    parts = json.loads((work / "run" / "environment.json").read_text())["parts"]
    assert [(part["group"], part["target"], len(part["digest"])) for part in parts] == [
        ("dataset", "my_parts.Leaves", 64), ("model", "my_parts.Thin", 64), ("loss", "my_parts.Focal", 64),
    ]  # fmt: skip
    (work / "was_imported").unlink()
    sys.modules.pop("my_parts")
    (work / "new.csv").write_text("length,soil\n0.5,sand\n1.5,clay\n")
    for command in ("evaluate run", "predict run new.csv", "export run net.onnx"):
        refused = sdl(command)
        assert refused.code == 2, command
        assert refused.err.splitlines()[-2:] == [
            "error   This run uses my_parts.Thin (my_parts.py) (model=thin), and loading it would import that code.",
            "        If you trust the source of the run, add --trust.",
        ]
    report = sdl("report run")
    assert report.code == 0 and "loading it would import that code" in " ".join(report.err.split())
    assert sdl("runs").code == 0
    assert "my_parts" not in sys.modules and not (work / "was_imported").exists()
    assert sdl("predict run new.csv --trust").code == 0
    again = sdl("evaluate run --trust --json").json
    assert again["reproduced"] is True
    (work / "my_parts.py").write_text(PARTS + "\n# another comment\n")
    changed = sdl("evaluate run --trust")
    assert changed.code == 0
    assert "my_parts.py has changed since this run was made" in " ".join(changed.err.split())


def test_a_loss_and_an_augmentation_are_not_needed_after_training(sdl: Sdl, work: Path) -> None:
    assert sdl(NET + "loss=focal hydra.run.dir=run").code == 0
    (work / "my_parts.py").unlink()
    assert sdl("evaluate run --json").json["reproduced"] is True


def test_a_stopped_run_is_resumed_with_trust_alone(sdl: Sdl, work: Path) -> None:
    assert sdl(OWN + "hydra.run.dir=run").code == 0
    for name in ("status.json", "metrics.json"):
        (work / "run" / name).unlink()
    (work / "run" / "status.json").write_text('{"state": "interrupted", "kind": "run"}')
    refused = sdl("train --resume run")
    assert refused.code == 2 and "add --trust" in refused.err
    resumed = sdl("train --resume run --trust")
    assert resumed.code == 0, resumed.err


def test_a_strangers_folder_runs_nothing_of_its_own(sdl: Sdl, work: Path) -> None:
    """A run folder that names code beside it, as a stranger may send one: no command but with --trust imports it."""
    assert sdl(OWN + "hydra.run.dir=run").code == 0
    config = (work / "run" / "config.yaml").read_text()
    (work / "was_imported").unlink()
    sys.modules.pop("my_parts")
    for marks in ("_digest_: ", "_file_: "):  # without marks it is no better trusted
        text = "\n".join(line for line in config.splitlines() if not line.strip().startswith(marks)) + "\n"
        (work / "run" / "config.yaml").write_text(text)
        for command in ("evaluate run", "predict run my_parts.py", "report run", "train --resume run", "runs", "decompose run"):
            sdl(command)
    assert "my_parts" not in sys.modules and not (work / "was_imported").exists()


def test_sweeps_and_worker_processes_run_them_too(sdl: Sdl, work: Path) -> None:
    found = sdl("train -m" + NET.removeprefix("train") + "loss=focal loss.gamma=1,2 parallel.num_jobs=2 --json")
    assert found.code == 0, found.err
    assert [job["status"] for job in found.json["jobs"]] == ["done", "done"]


def test_a_changed_source_is_another_job_of_a_sweep(sdl: Sdl, work: Path) -> None:
    (work / "run").mkdir()
    first = sdl(NET + "loss=focal --cfg job --package loss").out
    (work / "my_parts.py").write_text(PARTS + "\n# another comment\n")
    second = sdl(NET + "loss=focal --cfg job --package loss").out
    assert [line for line in first.splitlines() if line not in second.splitlines()] == [
        next(line for line in first.splitlines() if "_digest_" in line)
    ]
    assert shlex.split(first.splitlines()[1])[0] == "name:"


# files of a folder that someone else made, and a command typed in it that names none of their code
STRANGERS: list[tuple[dict[str, str], str]] = [
    ({"sdl.yaml": 'dataset: wine\ncompare:\n  arms: [majority, "deep_net loss=focal"]\n'}, "compare compare.num_repeats=1"),
    (
        {"sdl.yaml": "dataset: wine\nloss: nice\n", "sdl_conf/loss/nice.yaml": '# nice\n"\\x5ftarget_": my_parts.Focal\n'},
        "train model=deep_net model.depth=1 training.epochs=1",
    ),
    (
        {"sdl.yaml": "dataset: wine\nloss: kind\n", "sdl_conf/loss/kind.yaml": "# kind\ndefaults: [focal]\n"},
        "train model=deep_net model.depth=1 training.epochs=1",
    ),
    (
        {
            "sdl_conf/arm/better.yaml": "# better\nrung: 1\nladder: true\ntasks: [classification]\nmodalities: [table]\nmin_px: null\n"
            "overrides: [model=deep_net, loss=focal, training.epochs=1]\ncandidates:\n  - []\n"
        },
        "compare dataset=wine compare.num_repeats=1 compare.minutes=0.2 compare.curve=false compare.num_candidates=1",
    ),
]


@pytest.mark.parametrize(("files", "command"), STRANGERS, ids=["arms", "escaped", "defaults", "ladder"])
def test_a_folder_of_a_stranger_names_no_code_for_a_command(
    sdl: Sdl, tmp_path: Path, files: dict[str, str], command: str
) -> None:
    for name, text in {"my_parts.py": PARTS, "sdl_conf/loss/focal.yaml": "# focal\n_target_: my_parts.Focal\n", **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = sdl(command)
    assert not (tmp_path / "was_imported").exists(), found.out + found.err


THEIR_CLAIM = """# theirs
order: 0
source: x
published: x
learned: x
studies:
  a: {verb: train, data: wine, settings: [model=deep_net, model.depth=1, loss=focal, training.epochs=1], quick: {}, full: {}}
rows:
  - {what: x, measure: score, studies: [a], more_than: 0, decides: true}
"""


def test_a_claim_of_a_stranger_runs_code_only_where_it_is_named(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"my_parts.py": PARTS, "loss/focal.yaml": "# focal\n_target_: my_parts.Focal\n", "claim/theirs.yaml": THEIR_CLAIM}
    for name, text in files.items():
        place = tmp_path / name if name.endswith(".py") else tmp_path / "sdl_conf" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    theirs = {"theirs": tmp_path / "sdl_conf" / "claim" / "theirs.yaml"}
    monkeypatch.setattr("sdl_cli.study.claims.settings.claims", lambda: theirs)  # as if there were no others
    found = sdl("claims --quick")
    said = " ".join(found.err.split())
    assert found.code == 2 and "this command does not name it" in said and "name the claim: sdl claims theirs" in said, found.err
    assert not (tmp_path / "was_imported").exists()
    assert sdl("claims theirs --quick").code == 0
    assert (tmp_path / "was_imported").exists()


def test_python_trusts_as_the_command_line_does(sdl: Sdl, work: Path) -> None:
    import sdl_cli
    from sdl_cli.settings.parts import permission

    run = sdl_cli.train("wine", model="thin", training={"epochs": 1}, verbose=False)
    assert not permission.carried()["named"] and not permission.carried()["trusts_all"]
    stored = sdl_cli.load(run.folder)
    with pytest.raises(sdl_cli.DataError, match="would import that code"):
        stored.model  # noqa: B018
    assert sdl_cli.load(run.folder, trust=True).model is not None
    assert not permission.carried()["trusts_all"]


def test_what_the_command_names_itself_is_imported_wherever_it_is_named(sdl: Sdl, tmp_path: Path) -> None:
    for name, text in {"my_parts.py": PARTS, "sdl_conf/loss/focal.yaml": "# focal\n_target_: my_parts.Focal\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    small = "model.depth=1 model.width=4 training.epochs=1"
    found = sdl(
        f'compare dataset=wine compare.num_repeats=1 compare.curve=false compare.arms=[majority,"deep_net loss=focal {small}"]'
    )
    assert found.code == 0, found.err
    assert (tmp_path / "was_imported").exists()

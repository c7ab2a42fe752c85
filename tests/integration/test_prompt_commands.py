"""At the prompt: what is set here, a file of settings, less and more said, stdin and stdout, and a log of good runs."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import BASELINE, Sdl

TREES = "model=baseline model.num_trees=5"


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A table with patients in several rows, in the way of a German spreadsheet."""
    rng = np.random.default_rng(0)
    rows = ["patient;besuch;alter;dosis;plz;befund"]
    for i in range(120):
        age = int(rng.integers(20, 90))
        row = (f"p{i // 3}", f"{i % 28 + 1:02d}.{i % 12 + 1:02d}.2023", f"{age}", f"{rng.uniform(1, 9):.2f}".replace(".", ","))
        rows.append(";".join([*row, str(10_000 * (1 + i % 3)), "krank" if age > 60 else "gesund"]))
    (tmp_path / "clinic.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "clinic.csv"


def test_init_writes_what_the_other_verbs_use(sdl: Sdl, clinic: Path) -> None:
    found = sdl("init clinic.csv target=befund")
    assert found.code == 0 and found.out.startswith("sdl.yaml written for clinic.csv: 120 rows of 5 features.")
    text = Path("sdl.yaml").read_text()
    for line in (
        "dataset: table\n",
        "dataset.path: clinic.csv\n",
        "dataset.target: befund             # what to predict: 2 classes, gesund (",
    ):
        assert f"\n{line}" in text
    assert re.search(r'^# dataset.delimiter: ";" +# what separates cells', text, re.MULTILINE)
    assert re.search(r'^# dataset.decimal: "," +# decimal mark', text, re.MULTILINE)
    assert re.search(r"^# dataset.group: patient", text, re.MULTILINE)
    assert re.search(r"^# dataset.order: besuch +# column of dates", text, re.MULTILINE)
    assert re.search(r"^model: baseline +# a quick scikit-learn model", text, re.MULTILINE)
    assert re.search(r"^# compare.minutes: 15 +# time limit", text, re.MULTILINE)
    uncommented = re.sub(r"^# (?=[a-z_]+(\.\w+)?: \S)(?!warning|note|model|sdl)", "", text, flags=re.MULTILINE)
    Path("sdl.yaml").write_text(uncommented)  # every setting that it offers is one
    for verb in ("train", "curve", "compare", "check"):
        assert sdl(f"config {verb} threshold=most_probable dataset.id=null").code == 0, verb
    Path("sdl.yaml").write_text(text)
    checked = sdl("check")
    assert checked.code == 0 and "note    sdl.yaml sets dataset=table, dataset.path=clinic.csv" in checked.err
    trained = sdl(f"train {TREES} --json")
    assert trained.json["config"]["dataset"]["target"] == "befund" and trained.json["config"]["model"]["num_trees"] == 5
    compared = sdl(
        "compare compare.arms=[forest,logistic] compare.num_repeats=2 compare.num_candidates=1 compare.curve=false --json"
    )
    assert compared.code == 0 and len(compared.json["arms"]) == 2
    other = sdl(f"train dataset=wine {TREES} --json")
    assert other.json["config"]["dataset"]["name"] == "wine"
    alone = sdl(f"train --no-sdl-yaml dataset=wine {BASELINE}")
    assert alone.code == 0 and "sdl.yaml" not in alone.err


def test_init_replaces_nothing_unasked_and_guesses_nothing_unclear(sdl: Sdl, clinic: Path) -> None:
    refused = sdl("init clinic.csv")
    assert refused.code == 2 and "which column of" in refused.err and "Add target= and its name." in refused.err
    assert not Path("sdl.yaml").exists()
    Path("sdl.yaml").write_text("# mine\n")
    kept = sdl("init clinic.csv target=befund")
    assert kept.code == 2 and "sdl.yaml: this file is there already." in kept.err and Path("sdl.yaml").read_text() == "# mine\n"
    assert sdl("init clinic.csv target=befund dataset.group=patient seed=4 curve.target=0.9 --force").code == 0
    text = Path("sdl.yaml").read_text()
    assert re.search(r"^dataset.group: patient", text, re.MULTILINE) and re.search(r"^seed: 4", text, re.MULTILINE)
    assert re.search(r"^curve.target: 0.9", text, re.MULTILINE)


def test_init_takes_a_name_that_says_so(sdl: Sdl, tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_text(
        "x,my (y),outcome\n" + "".join(f"{i},{i % 7},{'no' if i % 2 else 'yes'}\n" for i in range(40))
    )
    found = sdl("init", "a b.csv")
    assert found.code == 0 and "outcome is taken to be what to predict, by its name" in found.out
    assert 'dataset.path: "a b.csv"\n' in Path("sdl.yaml").read_text()
    assert sdl(f"train {TREES} -q").code == 0
    assert sdl("init a.csv").code == 2 and sdl("init").code == 2


def test_init_for_photos_and_texts(sdl: Sdl, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(np.full((9, 9, 3), i * 20 + (name == "cat"), np.uint8)).save(tmp_path / "photos" / name / f"{i}.png")
    assert sdl("init photos").code == 0
    assert "\ndataset: image_folder\ndataset.path: photos\n" in Path("sdl.yaml").read_text()
    assert "\nmodel: finetuned_cnn " in Path("sdl.yaml").read_text()
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"some words of a text {i},{'ab'[i % 2]}\n" for i in range(30)))
    assert sdl("init t.csv --force").code == 0
    assert "\ndataset: text\n" in Path("sdl.yaml").read_text() and sdl("config").code == 0


@pytest.mark.parametrize(
    ("text", "command", "words"),
    [
        ("model: baseline\nmodel.num_trees: 0", "train dataset=wine", "must be at least 1. (sdl.yaml, line 2)"),
        ("modle: baseline", "train dataset=wine", "sdl.yaml, line 1: modle: no such setting. Did you mean model?"),
        ("dataset: table\ndataset.path: no.csv\ndataset.target: y", "check", "(sdl.yaml, line 2)"),
        ("seed: [", "compare dataset=wine", "sdl.yaml: cannot be read as settings"),
        ("model: sklearn\nmodel.estimator: os.system", "train dataset=wine", "would be imported, which this file may not do"),
        ("seed: 1", "train -q -v dataset=wine", "-q and -v: use one of them, not both."),
        ("seed: 1", "config modle", "VERB: 'modle' is not one of train, curve, compare, check."),
    ],
)
def test_a_wrong_file_is_refused(text: str, command: str, words: str, sdl: Sdl) -> None:
    Path("sdl.yaml").write_text(text + "\n")
    found = sdl(command)
    assert found.code == 2 and words in found.err and "Traceback" not in found.err


def test_config_says_where_each_value_comes_from(sdl: Sdl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_SERVE_TOKEN", "a-secret-token-of-letters")
    assert "Every setting is sdl's own. To see them: sdl config --all" in sdl("config").out
    Path("sdl.yaml").write_text("dataset: wine\nmodel: mine\nnum_repeats: 3\n")
    Path("sdl_conf/model").mkdir(parents=True)
    Path("sdl_conf/model/mine.yaml").write_text("# mine\ndefaults:\n  - baseline\n\nnum_trees: 7\n")
    found = sdl("config seed=5 --json").json
    where = {item["key"]: (item["value"], item["source"], item["where"]) for item in found["items"]}
    assert where["seed"] == (5, "command line", "the command line")
    assert where["dataset"] == ("wine", "sdl.yaml", "sdl.yaml, line 1")
    assert where["model"] == ("mine", "sdl.yaml", "sdl.yaml, line 2")
    assert where["num_repeats"] == (3, "sdl.yaml", "sdl.yaml, line 3")
    assert where["model.num_trees"] == (7, "sdl_conf", "sdl_conf/model/mine.yaml, line 5")
    assert where["model.kind"] == ("forest", "sdl", "conf/model/baseline.yaml, line 3")
    assert where["device"][1:] == ("sdl", "conf/train.yaml, line 18") or where["device"][2].startswith("conf/train.yaml, line ")
    assert found["environment"]["SDL_SERVE_TOKEN"] == "(set)" and found["files"]["sdl.yaml"] == "3 of its settings used"
    shown = sdl("config seed=5")
    assert "a-secret-token" not in shown.out and "model.kind" not in shown.out and "sdl_conf/model/mine.yaml, line 5" in shown.out
    assert "model.kind" in sdl("config --all").out
    repeated = sdl("config --no-sdl-yaml experiment=digits_forest --json").json["items"]
    own = {item["key"]: item["where"] for item in repeated}
    assert own["num_repeats"].startswith("conf/experiment/digits_forest.yaml, line ") and own["experiment"] == "the command line"


def test_quiet_and_verbose_and_the_log_of_a_good_run(sdl: Sdl) -> None:
    quiet = sdl(f"train -q dataset=wine {BASELINE} hydra.run.dir=runs/q")
    assert quiet.code == 0 and quiet.err == "" and quiet.out.startswith("\nn = 36 test rows") and "data    " not in quiet.out
    Path("sdl.yaml").write_text("dataset: wine\n")
    loud = sdl("train --verbose model=deep_net model.depth=1 training.epochs=3 hydra.run.dir=runs/v")
    assert "setting dataset=wine (sdl.yaml, line 1)" in loud.err and "setting model=deep_net (the command line)" in loud.err
    assert all(f"epoch {k}/3" in loud.err for k in (1, 2, 3)) and "begins in" in loud.err
    log = Path("runs/v/run.log").read_text().splitlines()
    assert log[1] == "command sdl train --verbose model=deep_net model.depth=1 training.epochs=3 hydra.run.dir=runs/v"
    labels = [line.split()[1] for line in log[2:]]
    assert {"note", "data", "model", "device", "test", "seconds", "status"} <= set(labels) and log[-1].endswith("status  done")
    assert any("sdl.yaml sets dataset=wine" in line for line in log)
    curve = sdl(f"curve -v {BASELINE} curve.sizes=[20,40,80] curve.num_repeats=2 parallel.num_jobs=1 hydra.run.dir=runs/c")
    assert "6 of 6 cells" in curve.err and "verdict" in Path("runs/c/run.log").read_text()
    repeats = sdl(f"train -q {BASELINE} num_repeats=2 hydra.run.dir=runs/r")
    assert repeats.code == 0 and "2 done" in Path("runs/r/run.log").read_text() and Path("runs/r/repeats/1/run.log").is_file()


def stdin_of(content: bytes, is_terminal: bool = False) -> SimpleNamespace:
    return SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: is_terminal)


def test_predict_reads_stdin_and_writes_stdout(sdl: Sdl, clinic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sdl(f"train clinic.csv target=befund {TREES} -q hydra.run.dir=runs/a").code == 0
    assert sdl("predict runs/a clinic.csv").code == 0
    content = clinic.read_bytes()
    monkeypatch.setattr(sys, "stdin", stdin_of(content))
    sdl("predict runs/a - -o piped.csv")
    assert Path("piped.csv").read_text() == Path("predictions.csv").read_text()
    for stdin, command, words in (
        (b"", "predict runs/a -", "stdin: nothing came."),
        (b"x;y\n1;2\n", "predict runs/a -", "stdin: 5 columns that the run needs are missing"),
        (content.replace(b"10000", b"zehn"), "predict runs/a -", "stdin: line 2, column 'plz': 'zehn' is not a finite number."),
        (content, "predict runs/a - --json", "The predictions and --json both write to stdout."),
        (content, "predict runs/a - -o - --json", "-o - and --json both write to stdout."),
    ):
        monkeypatch.setattr(sys, "stdin", stdin_of(stdin))
        found = sdl(command)
        assert found.code == 2 and (words in found.err), (words, found.err)


def test_texts_from_stdin(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{'a fine day' if i % 2 else 'bad rain today'} {i},{'good' if i % 2 else 'bad'}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(f"text,label\n{rows}")
    assert sdl("train t.csv dataset=text target=label model=baseline model.kind=logistic -q hydra.run.dir=runs/t").code == 0
    for content in (b"a fine day\nbad rain\n", b"text\na fine day\nbad rain\n"):
        monkeypatch.setattr(sys, "stdin", stdin_of(content))
        assert sdl("predict runs/t - -o out.csv").code == 0
        assert [line.split(",")[1] for line in Path("out.csv").read_text().splitlines()] == ["prediction", "good", "bad"]

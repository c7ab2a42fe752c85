"""`sdl claims` from its command line to its folder, on claims small enough for a test, and every way in which it can go wrong."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest
import yaml
from integration.conftest import Sdl, Start, tree

from sdl_cli.run import run_folder
from sdl_cli.study.claims.definition import claims, read_claim

SMALL = """# logistic regression beats guessing
order: 1
source: a test
published: no number
learned: It should.
studies:
  tables:
    verb: compare
    data: sklearn_tables
    arms: [majority, logistic]
    settings: [parallel.backend=threading]
    quick: {repeats: 3, sets: [wine, iris]}
    full: {repeats: 4}
  there_only:
    verb: train
    data: cifar10
    settings: [model=baseline]
    quick: {}
rows:
  - {what: logistic minus guessing, measure: mean_difference, studies: [tables], arm: logistic, minus: majority, published: +60 points,
     reported: 60, more_than: 0, decides: true}
  - {what: accuracy, measure: score, studies: [tables], arm: logistic}
  - {what: 'control: guessing minus logistic', measure: mean_difference, studies: [tables], arm: majority, minus: logistic, no_gain: true, control: true}
  - {what: of images, measure: score, studies: [there_only]}
"""
THREADS = "parallel.backend=threading parallel.num_jobs=2"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A claim of the user's own."""
    file = tmp_path / "sdl_conf" / "claim" / "guessing.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(SMALL)
    return file


def test_a_claim_ends_in_a_verdict_a_picture_and_a_report(sdl: Sdl, own: Path, tmp_path: Path) -> None:
    found = sdl(f"claims guessing --quick {THREADS}")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert "claims  guessing (the quick version)" in lines
    assert any(line.startswith("size    2 studies; a minute at most ") for line in lines)
    assert "guessing (there_only): cifar10 lies in a folder of yours: claims.data=FOLDER" in " ".join(found.out.split())
    assert "claim   guessing: logistic regression beats guessing" in lines and "        holds" in lines
    [folder] = (tmp_path / "runs").glob("*/*_claims")
    assert run_folder.read_state(folder) == "done"
    values = json.loads((folder / "claims.json").read_text())
    [claim] = values["claims"]
    assert claim["verdict"] == "holds" and claim["command"] == "sdl claims guessing --quick"
    first = claim["findings"][0]
    assert first["value"] > 40 and first["low"] > 0 and first["reported"] == 60 and first["n"] == "2 sets"
    assert claim["missing"][0].startswith("there_only: cifar10 lies in a folder of yours")
    assert claim["findings"][-1]["note"].startswith("not run: cifar10 lies")
    assert (folder / "guessing.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text()
    assert "Logistic regression beats guessing" in page and "as expected" in page and "<svg" in page
    assert "| logistic minus guessing | +60 points | +" in (folder / "claims.md").read_text()
    assert found.out.rstrip().endswith("report.html")


def test_finished_studies_are_read_and_not_run_again(sdl: Sdl, own: Path, tmp_path: Path) -> None:
    first = sdl(f"claims guessing --quick {THREADS} hydra.run.dir=c --json").json
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "c" / "studies").rglob("metrics.json")}
    assert len(before) == 2 * 2 * 3  # sets, methods, splits
    again = sdl("claims --resume c --json").json
    assert again["claims"] == first["claims"] and first["claims"][0]["seconds"] > 0
    status = json.loads((tmp_path / "c" / "status.json").read_text())
    (tmp_path / "c" / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))
    resumed = sdl("claims --resume c --json").json
    numbers = [[finding["value"] for finding in one["claims"][0]["findings"]] for one in (first, resumed)]
    assert numbers[0] == numbers[1] and resumed["claims"][0]["seconds"] == first["claims"][0]["seconds"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_quiet_prints_the_verdicts_alone_and_verbose_every_fit(sdl: Sdl, own: Path) -> None:
    quiet = sdl(f"claims guessing --quick -q {THREADS}")
    assert quiet.code == 0 and quiet.err == "" and "size " not in quiet.out and "guessing  holds" in quiet.out
    loud = sdl(f"claims guessing --quick -v {THREADS}").err
    assert "s    6 of 6 fits of this study: " in loud and loud.count(" done\n") == 2 * 2 * 3, loud
    assert sdl("claims guessing --trust").err.startswith("error   --trust only works with --resume")


def test_fewer_repeats_are_said(sdl: Sdl, own: Path, tmp_path: Path) -> None:
    values = sdl(f"claims guessing claims.repeats=2 seed=5 {THREADS} --json").json
    [claim] = values["claims"]
    assert claim["experiment"] == [
        "sdl compare of majority and logistic, 1 setting each on breast cancer, iris and wine, 2 repeats, with parallel.backend=threading."
    ]
    assert claim["command"] == "sdl claims guessing seed=5 claims.repeats=2"


def test_runs_and_reports_know_claims(sdl: Sdl, own: Path, tmp_path: Path) -> None:
    sdl(f"claims guessing --quick {THREADS} hydra.run.dir=runs/c")
    assert "claims" in sdl("runs").out and "1 hold" in sdl("runs").out
    assert sdl("runs --json").json["items"][0]["kind"] == "claims"
    assert len(sdl("runs --all --json").json["items"]) > 5
    assert sdl("report runs/c -o out.html --json").json["kind"] == "claims"
    for command in ("evaluate runs/c", "predict runs/c x.csv", "train --resume runs/c"):
        found = sdl(command)
        assert found.code == 2 and "claims" in found.err, found.err


def test_a_failed_study_costs_its_own_numbers(sdl: Sdl, own: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(SMALL)
    values["studies"]["broken"] = {"verb": "train", "data": "wine", "settings": ["model=finetuned_cnn"], "quick": {}}
    values["rows"].append({"what": "broken", "measure": "score", "studies": ["broken"]})
    own.write_text("# logistic regression beats guessing\n" + yaml.safe_dump(values))
    found = sdl(f"claims guessing --quick {THREADS} hydra.run.dir=c")
    assert found.code == 1
    assert "Try what failed again: sdl claims --resume" in found.out
    [claim] = json.loads((tmp_path / "c" / "claims.json").read_text())["claims"]
    assert claim["verdict"] == "holds" and claim["failed"] is True
    assert claim["findings"][-1]["note"].startswith("not run: ")
    assert run_folder.read_state(tmp_path / "c") == "failed"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("claims cosin", ["no claim called cosin.", "Did you mean cosine?", "baseline, more_data, finetune"]),
        ("claims claims.names=[nothing]", ["no claim called nothing", "sdl list claim"]),
        ("claims claims.names=[]", ["no claim is named"]),
        ("claims claims.data=nowhere", ["claims.data: there is no folder", "nowhere", "docs/CLAIMS.md"]),
        ("claims cosine", ["nothing of cosine can be run: cifar10 lies in a folder of yours: claims.data=FOLDER"]),
        ("claims cosine claims.data=.", ["nothing of cosine can be run:", "has no cifar10_subset/cifar10_500_200.npz"]),
        ("claims claims.quik=true", ["claims.quik", "Did you mean claims.quick?"]),
        ("claims claims.repeats=0", ["claims.repeats", "at least 1"]),
        ("claims seed=-1", ["seed", "out of range"]),
        ("claims model=baseline", ["model"]),
        ("claims .", ["a claim is meant here, not data", "claims.data=."]),
        ("claims --resume nowhere", ["nowhere"]),
        ("claims --resume x cosine", ["--resume takes no settings"]),
    ],
)
def test_mistakes_are_named_and_leave_nothing_behind(sdl: Sdl, tmp_path: Path, command: str, words: list[str]) -> None:
    before = tree(tmp_path)
    found = sdl(command)
    assert found.code == 2, (found.out, found.err)
    assert all(word in found.err for word in words), found.err
    assert len(found.err.strip().splitlines()) <= 3
    assert tree(tmp_path) == before


def changed_study(**change: object) -> dict[str, object]:
    studies = yaml.safe_load(SMALL)["studies"]
    return {"studies": {**studies, "tables": {**studies["tables"], **change}}}


def changed_row(number: int, **change: object) -> dict[str, object]:
    rows = yaml.safe_load(SMALL)["rows"]
    return {"rows": [{**row, **change} if place == number else row for place, row in enumerate(rows)]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": [{"what": "x", "measure": "nothing"}]}, ["there is no measure called nothing", "difference"]),
        ({"rows": [{"what": "x", "measure": "difference", "studies": ["tables"], "arm": "a"}]}, ["difference needs minus"]),
        ({"rows": [{"what": "x", "measure": "score", "studies": ["other"]}]}, ["there is no study called other"]),
        ({"rows": [{"what": "x", "measure": "score", "mroe_than": 1}]}, ["mroe_than", "more_than"]),
        ({"studies": {"a": {"verb": "compare", "data": "nothing"}}}, ["there is no data set called nothing", "digits"]),
        ({"studies": {"a": {"verb": "compose", "data": "digits"}}}, ["compose"]),
        ({"studies": None}, ["a claim needs studies", "docs/CLAIMS.md"]),
        ({"studies": "x"}, ["cannot be read"]),
        (changed_study(arms=["logistik", "majority"]), ["its studies have no arm called logistic", "logistik, majority"]),
        (changed_study(arms=["logistic", "majority", "frost"]), ["claim guessing, tables:", "frost", "forest"]),
        (changed_study(settings=["training.epoch=5"]), ["claim guessing, tables:", "training.epoch", "training.epochs"]),
        (changed_study(settings=["dataset=digits"]), ["its data set is not one of its settings", "under data: of tables"]),
        (changed_study(settings=["dataset.unlabeled={data:nowhere}"]), ["no data set with a path called nowhere", "cifar10"]),
        (changed_study(settings=["dataset.unlabeled={data:wine}"]), ["no data set with a path called wine"]),
        (
            changed_study(settings=["model.start_from={study:there_only}"]),
            ["tables: there is no earlier study called there_only"],
        ),
        (changed_study(arms=["logistic"]), ["needs arms, at least two"]),
        (changed_row(0, minus="forest"), ["no arm called forest", "majority, logistic"]),
        (changed_row(0, decides=False), ["no row decides the claim", "decides: true"]),
        (changed_row(1, decides=True), ["it decides, and nothing is claimed of it", "more_than"]),
        (changed_row(2, no_gain=False), ["a control says that nothing should be found", "no_gain: true"]),
        (changed_row(1, studies=[]), ["it names no studies"]),
        (changed_row(1, clusters="a"), ["clusters are of a score or an error of studies with verb: train"]),
        (
            {
                "studies": {"one": {"verb": "train", "data": "wine", "quick": {}}},
                "rows": [{"what": "x", "measure": "error", "studies": ["one"], "clusters": "(", "at_most": 1, "decides": True}],
            },
            ["x: clusters is no regular expression", "docs/CLAIMS.md"],
        ),
    ],
)
def test_a_wrong_claim_of_ones_own_is_explained(sdl: Sdl, own: Path, change: dict[str, object], words: list[str]) -> None:
    own.write_text("# x\n" + yaml.safe_dump({**yaml.safe_load(SMALL), **change}))
    found = sdl("claims guessing")
    assert found.code == 2 and all(word in found.err for word in words), found.err


def test_a_claim_may_be_of_data_of_ones_own_and_needs_no_publication(sdl: Sdl, own: Path, tmp_path: Path) -> None:
    (tmp_path / "sdl_conf" / "dataset").mkdir()
    (tmp_path / "sdl_conf" / "dataset" / "flowers.yaml").write_text("# mine\n_target_: my_data.Flowers\n")
    (tmp_path / "my_data.py").write_text(
        "from sklearn.datasets import load_iris\n\n\nclass Flowers:\n    def load(self):\n        return load_iris(return_X_y=True)\n"
    )
    values = {**yaml.safe_load(SMALL), **changed_study(data="flowers"), **changed_row(0, measure="difference")}
    for key in ("source", "published", "learned"):
        values.pop(key, None)
    own.write_text("# flowers tell themselves apart\n" + yaml.safe_dump(values))
    found = sdl(f"claims guessing --quick {THREADS} --json").json["claims"][0]
    assert found["verdict"] == "holds" and "on flowers" in found["experiment"][0] and found["findings"][0]["n"] == "3 splits"


def test_the_example_of_the_page_is_put_to_the_test(sdl: Sdl, own: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "CLAIMS.md").read_text()
    own.with_name("trees.yaml").write_text(re.search(r"trees.yaml`:\n\n```yaml\n(.*?)```", page, re.DOTALL)[1])  # type: ignore[index]
    found = sdl(f"claims trees --quick {THREADS} --json").json["claims"][0]
    assert [one["n"] for one in found["findings"]] == ["3 splits", "3 splits, 36 test rows"]
    assert found["findings"][1]["statement"] == "about 98 %"


def test_what_is_only_in_the_quick_version_says_so(sdl: Sdl, own: Path) -> None:
    own.write_text("# x\n" + yaml.safe_dump({**yaml.safe_load(SMALL), **changed_study(full=None)}))
    found = sdl("claims guessing")
    assert found.code == 2 and "only in the quick version" in found.err


def test_every_claim_reads_and_can_be_listed_and_shown(sdl: Sdl) -> None:
    for name in claims():
        claim = read_claim(name)
        assert any(row.decides for row in claim.rows) and claim.source and claim.learned
        assert sdl(f"show claim={name}").code == 0
    shared: dict[tuple[object, ...], tuple[float, float]] = {}
    for name in claims():
        for study in read_claim(name).studies.values():
            times = [0.0 if effort is None else effort.minutes for effort in (study.quick, study.full)]
            shared[study.data, study.arms, study.settings, study.verb, str(study.quick)] = (times[0], times[1])
    assert sum(quick for quick, _ in shared.values()) <= 10
    assert sum(full for _, full in shared.values()) <= 12 * 60
    listed = sdl("list claim").out
    assert all(name in listed for name in claims())


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(sdl_forked: Start, sdl: Sdl, own: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(SMALL)
    values["studies"]["long"] = {
        "verb": "train",
        "data": "digits",
        "settings": ["training.epochs=500"],
        "quick": {"settings": ["training.epochs=2"]},
        "full": {},
    }
    own.write_text("# logistic regression beats guessing\n" + yaml.safe_dump(values, sort_keys=False))
    running = sdl_forked(f"claims guessing {THREADS} hydra.run.dir=c")
    place = tmp_path / "c" / "studies"
    until = time.monotonic() + 120
    while not list(place.glob("train-digits-*/status.json")) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate()
    assert running.poll() == 130
    assert "Resume with: sdl claims --resume" in err
    assert run_folder.read_state(tmp_path / "c") == "interrupted"
    [compared] = place.glob("compare-wine-*")
    assert run_folder.read_state(compared) == "done"


def test_a_folder_with_the_name_of_a_claim_is_no_data(sdl: Sdl, own: Path, tmp_path: Path) -> None:
    (tmp_path / "guessing").mkdir()
    assert sdl(f"claims guessing --quick {THREADS}").code == 0

"""`sdl runs` as typed: after real runs, in an empty place, and with folders that mean harm."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import BASELINE, Sdl


def test_every_verb_that_runs_leaves_a_line(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl(f"train dataset=wine {BASELINE}").code == 0
    assert sdl(f"train dataset=iris {BASELINE} num_repeats=2").code == 0
    assert sdl(f"train -m dataset=wine {BASELINE} model.kind=forest,logistic").code == 0
    assert sdl(f"curve dataset=iris {BASELINE} curve.sizes=[20,40,80] curve.num_repeats=2 parallel.num_jobs=1").code == 0
    found = sdl("runs")
    assert found.code == 0 and found.err == ""
    header, *lines = found.out.splitlines()
    assert header.split() == ["when", "kind", "data", "model", "accuracy", "verdict", "status", "folder"]
    assert [line.split()[2] for line in lines] == ["run", "repeats", "sweep", "job", "job", "curve"]
    for line in lines:
        assert (tmp_path / line.split()[-1]).is_dir()
    items = sdl("runs --json").json["items"]
    assert [item["kind"] for item in items] == ["run", "repeats", "sweep", "job", "job", "curve"]
    stored = json.loads((Path(items[0]["folder"]) / "metrics.json").read_text())
    assert items[0]["metrics"] == stored["metrics"]["test"] and items[0]["seconds"] == stored["seconds"]["total"]
    assert items[0]["config"]["model.num_trees"] == 5 and items[0]["dataset"] == "wine" and items[0]["status"] == "done"
    assert items[2]["jobs"] == {"total": 2, "done": 2, "failed": 0} and items[3]["sweep"] == items[2]["folder"]
    assert len(sdl("runs --all").out.splitlines()) == 1 + 6 + 2 + 6
    for conditions, num in (
        ("--where dataset=iris", 2),
        ("--where model.kind=logistic", 1),
        ("--where kind=job --where 'accuracy>0.5'", 2),
        ("--where date=1999", 0),
    ):
        assert len(sdl(f"runs --json {conditions}").json["items"]) == num, conditions
    best = sdl("runs --json --sort accuracy --limit 1").json["items"][0]
    assert best["metrics"]["accuracy"]["value"] == max(i["metrics"]["accuracy"]["value"] for i in items if i["metrics"])
    backwards = sdl("runs --json --reverse").json["items"]
    assert backwards == items[::-1]


def test_where_there_are_no_runs_it_says_what_to_do(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl("runs").out == "No runs in runs yet. Train one: sdl train\n"
    assert sdl("runs --json --where dataset=digits --sort accuracy").json == {"items": []}
    (tmp_path / "empty folder").mkdir()
    assert "'empty folder'" in sdl("runs 'empty folder'").out
    missing = sdl("runs nowhere")
    assert missing.code == 2 and "nowhere: there is no such folder" in missing.err


def test_what_cannot_be_meant_is_exit_2(sdl: Sdl, runs: Path) -> None:
    for command, words in (
        ("--where modell=baseline", "Did you mean model?"),
        ("--sort acuracy", "Did you mean accuracy?"),
        ("--where accuracy", "--where 'accuracy>0.9'"),
        ("--limit 0", "limit"),
    ):
        found = sdl(f"runs {runs} {command}")
        assert found.code == 2 and words in found.err and len(found.err.splitlines()) <= 3, command
    assert json.loads(sdl(f"runs {runs} --json --sort acuracy").out)["error"]["kind"] == "config"
    assert "None of 6 runs" in sdl(f"runs {runs} --where dataset=nothing").out


def test_a_name_that_means_harm_never_reaches_the_terminal(sdl: Sdl, tmp_path: Path) -> None:
    for name in ("a\033[2Jb", "a\nb", "-x", "a'b"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "status.json").write_text('{"state": "failed", "reason": "\\u001b]0;title\\u0007"}')
    (tmp_path / "runs" / "huge").mkdir()
    (tmp_path / "runs" / "huge" / "status.json").mkdir()
    found = sdl("runs")
    assert found.code == 0 and len(found.out.splitlines()) == 6
    assert all(line.isprintable() for line in found.out.splitlines())
    assert "unreadable" in found.out
    assert len(sdl("runs --json").json["items"]) == 5


def test_it_imports_nothing_heavy_and_writes_nothing(tmp_path: Path) -> None:
    for number in range(30):
        folder = tmp_path / "runs" / str(number)
        folder.mkdir(parents=True)
        (folder / "status.json").write_text('{"state": "done"}')
        (folder / "metrics.json").write_text(
            '{"config": {"seed": 3}, "metrics": {"test": {"accuracy": {"value": 0.5, "n": 10}}}}'
        )
    program = (
        "import sys\n"
        "from sdl_cli.cli.main import app\n"
        "app(['runs'], standalone_mode=False)\n"
        "print(sorted({'torch', 'sklearn', 'hydra', 'omegaconf', 'pandas', 'scipy', 'rich', 'matplotlib', 'yaml'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    *lines, loaded = done.stdout.splitlines()
    assert len(lines) == 31 and loaded == "[]"
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(map(str, range(30)))

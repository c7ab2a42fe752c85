"""Where the source of a part is found, and what its digest covers; nothing is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sdl_cli.errors import ConfigError
from sdl_cli.settings.parts.sources import EntryPoint, digest, entry_points, find


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sdl_conf").mkdir()
    return tmp_path


def test_the_working_folder_goes_before_sdl_conf_and_packages_of_files_work(work: Path) -> None:
    (work / "sdl_conf" / "my_parts.py").write_text("class A: ...\n")
    assert find("my_parts.A", "loss=a").file == str(work / "sdl_conf" / "my_parts.py")
    (work / "my_parts.py").write_text("class A: ...\n")
    assert find("my_parts.A", "loss=a").file == str(work / "my_parts.py")
    (work / "mine" / "deep").mkdir(parents=True)
    (work / "mine" / "deep" / "parts.py").write_text("class A: ...\n")
    assert find("mine.deep.parts.A", "loss=a").file == str(work / "mine" / "deep" / "parts.py")
    assert find("json.decoder.JSONDecoder", "loss=a").file.endswith("json/decoder.py")


WRONG = [
    ("Focal", "loss=a: _target_: 'Focal' does not name a class in a module."),
    (5, "loss=a: _target_: '5' does not name a class in a module."),
    ("my parts.Focal", "loss=a: _target_: 'my parts.Focal' does not name a class in a module."),
    ("my_prts.Focal", "loss=a: there is no module my_prts in the working folder or sdl_conf, and none is installed. "
     "Did you mean my_parts?"),
    ("random.Focal", "loss=a: random.py has the name of an installed module, random."),
    ("pytest.Focal", "loss=a: pytest.py has the name of an installed module, pytest."),
]  # fmt: skip


@pytest.mark.parametrize(("target", "message"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_a_target_that_leads_nowhere_is_said(target: object, message: str, work: Path) -> None:
    for name in ("my_parts", "random", "pytest"):
        (work / f"{name}.py").write_text("class Focal: ...\n")
    with pytest.raises(ConfigError) as error:
        find(target, "loss=a")
    assert error.value.message == message


def test_the_digest_covers_the_modules_beside_it_that_it_imports(work: Path) -> None:
    file, other = work / "my_parts.py", work / "my_sums.py"
    file.write_text("import my_sums\nimport torch\n\nclass A: ...\n")
    other.write_text("x = 1\n")
    (work / "unused.py").write_text("x = 1\n")
    first = digest(file)
    assert len(first) == 64
    (work / "unused.py").write_text("x = 2\n")
    assert digest(file) == first
    other.write_text("x = 2\n")
    assert digest(file) != first
    assert digest(work / "absent.py") == ""


def test_entry_points_are_read_from_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "leaf_tools-0.3.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[console_scripts]\nleaf = leaf_tools:main\n\n[sdl.losses]\n# a note\nsoft = leaf_tools.losses:Soft [extra]\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert entry_points() == [EntryPoint("loss", "soft", "leaf_tools.losses.Soft", "leaf_tools 0.3")]
    assert entry_points("model") == []
    with pytest.raises(ConfigError, match="leaf_tools 0.3 says that it is leaf_tools.losses.Soft, and there is no source"):
        find("leaf_tools.losses.Soft", "loss=soft", (), "leaf_tools 0.3")

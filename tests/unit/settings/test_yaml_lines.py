"""Settings of a YAML file by its lines, also where the file is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sdl_cli.settings import yaml_lines
from sdl_cli.settings.yaml_files import conf_dir


def test_keys_values_meanings_and_lines(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "defaults:\n  - dataset: digits\n  - override /model: baseline\n  - _self_\n\nseed: 3  # of all\ncurve:  # a group\n  at: null\nname: 'a b'\n"
    )
    found = yaml_lines.read(file)
    assert found.choices == {"dataset": "digits", "model": "baseline"}
    assert found.settings == [
        yaml_lines.Setting("seed", "3", "of all", 6),
        yaml_lines.Setting("curve", "", "a group", 7),
        yaml_lines.Setting("curve.at", "null", "", 8),
        yaml_lines.Setting("name", "a b", "", 9),
    ]


def test_a_broken_file_says_what_it_can(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"seed: 3\n]]] {\n\xff\xfe\nmodel: x\n")
    assert [one.key for one in yaml_lines.read(tmp_path / "x.yaml").settings] == ["seed", "model"]
    assert yaml_lines.read(tmp_path / "none.yaml") == yaml_lines.read(tmp_path) == yaml_lines.Lines({}, [])


@pytest.mark.parametrize("file", sorted(conf_dir().glob("[dlmart]*/*.yaml")), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_the_projects_own_files_are_read_as_yaml_reads_them(file: Path) -> None:
    values = yaml.safe_load(file.read_text()) or {}
    if file.parent.name != "arm":
        own = {one.key.partition(".")[0] for one in yaml_lines.read(file).settings}
        assert own == set(values) - {"defaults"}

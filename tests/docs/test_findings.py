"""`findings/run-all` says one line for each finding and fails if one does; the findings themselves run outside CI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FINDINGS = sorted((ROOT / "findings").glob("*.sh"))


def run(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.run(["bash", folder / "run-all", *names], env=environment, capture_output=True, text=True, timeout=60)


def test_each_gets_a_line_and_one_that_changed_fails_all(tmp_path: Path) -> None:
    shutil.copy(ROOT / "findings" / "run-all", tmp_path / "run-all")
    (tmp_path / "pillow_is_blue.sh").write_text("echo as ever\n")
    (tmp_path / "numpy_is_round.sh").write_text("echo it is square now; exit 3\n")
    both, one, none = run(tmp_path), run(tmp_path, "pillow_is_blue.sh"), run(tmp_path, "torch_is_cold")
    lines = re.sub(r"\(\d+ s\)", "(0 s)", both.stdout).splitlines()
    assert both.returncode == 1 and len(lines) == 2
    assert lines[0].startswith("CHANGED  numpy_is_round (0 s): ") and lines[1] == "as said  pillow_is_blue (0 s)"
    assert Path(lines[0].rpartition(": ")[2]).read_text() == "it is square now\n"
    assert one.returncode == 0 and len(one.stdout.splitlines()) == 1
    assert none.returncode == 1 and none.stdout == "missing  torch_is_cold\n"


def test_each_finding_makes_its_own_folder_pins_what_it_installs_and_does_not_use_sdl() -> None:
    assert len(FINDINGS) >= 32
    for file in FINDINGS:
        text = file.read_text(encoding="utf-8")
        assert os.access(file, os.X_OK) and text.startswith("#!/usr/bin/env bash\n# "), file.name
        assert "mktemp -d" in text and "set -euo pipefail" in text, file.name
        assert not re.search(r"\bimport sdl|\bsdl_cli\b|^\s*sdl ", text, re.MULTILINE), file.name
        assert re.search(r"\d+\.\d+", text.split("\n\n")[0]), f"{file.name}: which version?"
        assert "pip" not in text or "==" in text, file.name

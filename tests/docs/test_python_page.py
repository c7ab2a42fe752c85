"""docs/PYTHON.md is true: its blocks run one after another, and print what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "PYTHON.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) >= 12
    names: dict[str, object] = {}
    for number, block in enumerate(BLOCKS, 1):
        exec(compile(block, f"docs/PYTHON.md, block {number}", "exec"), names)
    said = capsys.readouterr().out
    assert "has no column 'outcom'. Did you mean outcome?" in said
    assert "n = 114 test rows, 95 % interval" in said and "With 1,000 labels expect accuracy" in said
    assert (tmp_path / "report.html").is_file()


def test_the_page_s_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / link).exists(), link

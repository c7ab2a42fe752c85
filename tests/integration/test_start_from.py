"""`model.start_from` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from integration.conftest import Sdl


def test_a_run_says_what_it_started_from(sdl: Sdl, tmp_path: Path) -> None:
    small = "model=deep_net model.depth=1 model.width=8 training.epochs=2"
    assert sdl(f"train dataset=wine {small} hydra.run.dir=a").code == 0
    found = sdl(f"train dataset=wine {small} model.start_from=a hydra.run.dir=b")
    assert found.code == 0, found.err
    stored = json.loads((tmp_path / "b" / "environment.json").read_text())
    assert stored["pretrained"][0]["weights"] == str(tmp_path / "a")
    assert sdl("evaluate b --json").json["reproduced"] is True
    wrong = sdl(f"train dataset=wine {small} model.start_from=nothing")
    assert wrong.code == 2 and "model.start_from:" in wrong.err and "nothing is not a finished run with a model." in wrong.err
    compared = sdl("compare dataset=wine compare.num_repeats=1", 'compare.arms=[logistic,"deep_net model.start_from=nothing"]')
    assert compared.code == 2 and "model.start_from" in compared.err


def test_a_run_that_has_seen_the_test_rows_is_refused(sdl: Sdl, tmp_path: Path) -> None:
    small = "model=deep_net model.depth=1 model.width=8 training.epochs=2"
    assert sdl(f"train dataset=wine {small} hydra.run.dir=a").code == 0
    assert sdl(f"train dataset=wine {small} model.start_from=a seed=0").code == 0  # the same split
    found = sdl(f"train dataset=wine {small} model.start_from=a seed=1")
    assert found.code == 2
    assert "was trained on this same data, divided otherwise: it may have seen these test rows." in found.err

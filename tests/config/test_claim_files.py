"""Every claim's studies compose and parse, quick and full, with every method that only claims compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.cli.claims import OWN_ARMS, compose_study
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.yaml_files import conf_dir
from sdl_cli.study.claims.definition import claims, read_claim
from sdl_cli.study.claims.jobs import Job, Shared, jobs_of
from sdl_cli.study.claims.sets import KEPT, Sets
from sdl_cli.study.compare.settings import parse_comparison
from sdl_cli.study.curve.settings import parse_curve

PARSERS: dict[str, Any] = {
    "compare": parse_comparison,
    "curve": parse_curve,
    "train": parse_experiment,
    "decompose": parse_experiment,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every set has a file of its name."""
    found = tmp_path_factory.mktemp("data")
    for kept in KEPT.values():
        place = found / kept.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if kept.path.endswith(".npz"):
            images, labels = np.zeros((20, 32, 32, 3), dtype=np.uint8), np.repeat(np.arange(10), 2)
            images += np.arange(20, dtype=np.uint8)[:, None, None, None]
            np.savez(place, x_train=images, y_train=labels, x_test=images, y_test=labels)
        elif kept.path.endswith(".csv"):
            place.write_text("cement,strength\n" + "".join(f"{k * 1.7 % 90:.1f},{k % 13 + 0.5}\n" for k in range(500)))
        else:
            place.mkdir(parents=True, exist_ok=True)
    (found / "uci121" / "seeds.csv").write_text("x,class\n1,0\n2,1\n")
    return found


@pytest.mark.parametrize("quick", [True, False], ids=["quick", "full"])
@pytest.mark.parametrize("name", list(claims()))
def test_the_studies_of_a_claim_compose_and_parse(name: str, quick: bool, folder: Path, tmp_path: Path) -> None:
    claim = read_claim(name)
    shared = Shared(Sets(folder, tmp_path / "data", 0), tmp_path, quick, ("seed=0",))
    jobs, left_out = jobs_of(claim, shared)
    assert set(left_out) == {key for key, study in claim.studies.items() if study.effort(quick) is None}
    for job in {job.study: job for job in jobs}.values():
        found = PARSERS[job.verb](compose_study("train" if job.verb == "decompose" else job.verb, job.overrides))
        if job.verb == "compare":
            _check_arms(job, [arm.name for arm in found.arms])
    deciding = {study for row in claim.rows if row.decides for study in row.studies}
    assert not deciding & set(left_out) or any(job.study in deciding for job in jobs)


def _check_arms(job: Job, named: Sequence[str]) -> None:
    """The arms that rows refer to are called so in the result."""
    assert set(named) == {job.arm(arm) for arm in job.arms}


def test_rows_name_arms_of_their_studies() -> None:
    for name in claims():
        claim = read_claim(name)
        for row in claim.rows:
            for arm in filter(None, (row.arm, row.minus)):
                assert all(arm in claim.studies[study].arms for study in row.studies), (name, row.what)


def test_methods_of_claims_alone_are_no_methods_of_a_comparison() -> None:
    own = {file.stem for file in (conf_dir() / OWN_ARMS / "arm").glob("*.yaml")}
    assert own and not own & {file.stem for file in (conf_dir() / "arm").glob("*.yaml")}
    for name in own:
        text = (conf_dir() / OWN_ARMS / "arm" / f"{name}.yaml").read_text()
        assert text.count("training.learning_rate=") == 3

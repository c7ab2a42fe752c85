"""How many cells of a study run at once: one rule, in which a curve's networks take the machine and a comparison's cells share it."""

from __future__ import annotations

from types import SimpleNamespace as Plain
from typing import Any

import pytest

from sdl_cli.learning import device as devices
from sdl_cli.settings.parallel import Parallel
from sdl_cli.study import plan
from sdl_cli.study.plan import how_parallel

TAKEN = "parallel.num_jobs=3 has no effect: a network already uses "
THREADS = "parallel.backend=threading has no effect: networks in threads would share one random generator."


@pytest.mark.parametrize(
    ("given", "curve", "comparison"),  # each (jobs or None for one by one, backend, number of GPUs, sentence)
    [
        ({}, (4, "processes", 0, ""), (4, "processes", 0, "")),
        ({"jobs": 3}, (3, "processes", 0, ""), (3, "processes", 0, "")),
        ({"jobs": 1}, (1, "processes", 0, ""), None),
        ({"jobs": 1, "backend": "ray"}, (1, "ray", 0, ""), (1, "ray", 0, "")),
        ({"threads": 2}, (4, "processes", 0, ""), (2, "processes", 0, "")),
        ({"threads": 8}, (4, "processes", 0, ""), None),
        ({"backend": "threading"}, (4, "threading", 0, ""), (4, "threading", 0, "")),
        ({"network": True}, (4, "processes", 0, ""), (4, "processes", 0, "")),
        ({"network": True, "backend": "threading"}, (None, "", 0, THREADS), (4, "processes", 0, THREADS)),
        ({"network": True, "kind": "image"}, None, (4, "processes", 0, "")),
        ({"network": True, "kind": "image", "jobs": 3}, (None, "", 0, TAKEN + "all cores."), (3, "processes", 0, "")),
        ({"network": True, "kind": "image", "threads": 1}, (4, "processes", 0, ""), (4, "processes", 0, "")),
        ({"network": True, "on": "cuda", "gpus": 1}, None, None),
        ({"network": True, "on": "mps", "jobs": 3}, (None, "", 0, TAKEN + "mps."), (None, "", 0, TAKEN + "mps.")),
        ({"network": True, "on": "cuda", "gpus": 2, "jobs": 3}, (None, "", 0, TAKEN + "cuda."), (3, "processes", 2, "")),
        ({"network": True, "on": "cuda", "gpus": 2}, None, (2, "processes", 2, "")),
        ({"network": True, "on": "cuda", "gpus": 2, "backend": "ray"}, None, None),
        ({"network": True, "on": "cuda", "gpus": 2, "device": "cuda:1"}, None, None),  # the one that was asked for
        ({"on": "cuda", "gpus": 2}, (4, "processes", 0, ""), (4, "processes", 0, "")),
    ],
)
def test_how_many_run_at_once(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], curve: Any, comparison: Any) -> None:
    """On a machine with 4 cores; None stands for one by one without a sentence."""
    monkeypatch.setattr(plan, "available_cores", lambda: 4)
    monkeypatch.setattr(plan, "visible_gpus", lambda: [str(n) for n in range(given.get("gpus", 0))])
    monkeypatch.setattr(devices, "resolve", lambda *asked: Plain(device=given.get("on", "cpu")))
    parallel = Parallel(given.get("jobs"), given.get("backend", "processes"))
    settings = Plain(
        parallel=parallel,
        device=given.get("device", "auto"),
        precision="auto",
        memory_format="auto",
        num_threads=given.get("threads"),
    )
    for share, expected in ((False, curve), (True, comparison)):
        found, gpus, why = how_parallel(settings, given.get("network", False), Plain(modality=given.get("kind", "table")), share)
        jobs, backend = (found.num_jobs, found.backend) if found else (None, "")
        assert (jobs, backend, len(gpus), why) == (expected or (None, "", 0, ""))

"""What hydra composes for a comparison, completed with every arm and its candidates."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sdl_cli.run import hydra as bridge
from sdl_cli.run.request import parse_experiment
from sdl_cli.study.compare.arms import compose_arms, shared_overrides, with_current_names
from sdl_cli.study.compare.settings import Comparison, parse_shared

Values = dict[str, Any]


def with_arms(values: Values, overrides: Sequence[str], config_dir: str | None = None) -> Values:
    """The composed values of a comparison with every arm and its candidates; nothing is loaded or run."""
    shared = parse_shared(values)
    shared = dataclasses.replace(shared, compare=with_current_names(shared.compare, config_dir))

    def compose_one(arm: Sequence[str]) -> Values:
        return bridge.compose_checked("train", arm, parse_experiment, config_dir)

    def read(group: str, name: str) -> Values | None:
        return bridge.read_choice(group, name, config_dir)

    common = shared_overrides(overrides)
    also = ["unlabeled"] if shared.dataset.unlabeled is not None else []
    arms = compose_arms(shared.compare, common, compose_one, bridge.parse_assignments, read, parse_experiment, config_dir, also)
    return Comparison(shared, arms).to_plain()

"""What decides the weights: everything but the data, which is made, and the device."""

from __future__ import annotations

from dataclasses import dataclass

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.table_network import PRESETS
from sdl_cli.phrases import listed

MOST_MINUTES, MOST_STEPS = 100_000.0, 1_000_000_000


@dataclass(frozen=True)
class Recipe:
    """The settings of a training; they are stored with its checkpoint.

    Arguments:
        preset: name of the network's size. seed: of weights and tables.
        minutes: length of the training by the clock, above 0. steps: its length in steps instead, or None.
        cells: cells of one batch of tables, label and thinking rows included, once batches have grown.
        shapes_per_step: batches of different shape whose gradients make one step.
        most_tables, most_labelled, most_columns: bounds of one batch.
        learning_rate: peak, of Muon; AdamW takes a quarter of it. weight_decay: of Muon. warmup_steps: of a rising rate.
        made_per_table: synthetic tables made for each one used, at least 1.
    """

    preset: str = "base"
    seed: int = 0
    minutes: float = 5.0
    steps: int | None = None
    cells: int = 256_000
    shapes_per_step: int = 2
    most_tables: int = 256
    most_labelled: int = 640
    most_columns: int = 40
    learning_rate: float = 4e-3
    warmup_steps: int = 100
    weight_decay: float = 0.02
    made_per_table: float = 1.6

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ConfigError(f"--preset: {self.preset!r} is not one of {listed(list(PRESETS), last=' or ')}.")
        _within("--minutes", self.minutes, 0.0, MOST_MINUTES, above=True)
        if self.steps is not None:
            _within("--steps", self.steps, 1, MOST_STEPS)
        _within("--seed", self.seed, 0, 2**31 - 1)
        _within("--cells", self.cells, 1_000, 100_000_000)
        _within("shapes_per_step", self.shapes_per_step, 1, 64)
        _within("most_tables", self.most_tables, 2, 4096)
        _within("most_labelled", self.most_labelled, 24, 10_000)
        _within("most_columns", self.most_columns, 1, 1000)
        _within("learning_rate", self.learning_rate, 0.0, 1.0, above=True)
        _within("warmup_steps", self.warmup_steps, 1, 100_000)
        _within("weight_decay", self.weight_decay, 0.0, 1.0)
        _within("made_per_table", self.made_per_table, 1.0, 10.0)

    @property
    def num_thinking(self) -> int:
        """Rows that the network puts before every table."""
        return int(PRESETS[self.preset]["num_thinking"])


def _within(name: str, value: float, low: float, high: float, above: bool = False) -> None:
    """Raise ConfigError for a number outside [low, high], or with `above` outside (low, high]."""
    if not low <= value <= high or (above and value == low):  # a NaN is outside too
        rule = f"above {low:,g}" if above else f"at least {low:,g}"
        raise ConfigError(f"{name}: {value:,g} is out of bounds.", f"It must be {rule}, and at most {high:,g}.")

"""How long the cells of a curve will take: from earlier curves on this machine, or else a rough guess from the kind of model."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from sdl_cli.data.dataset import Dataset
from sdl_cli.errors import SdlError
from sdl_cli.files import cache_folder, write_atomic
from sdl_cli.run.prepare import resolve_settings
from sdl_cli.settings.experiment import Experiment, plain


class CellSeconds:
    """Seconds that a cell takes at a size; more precise with every finished cell."""

    def __init__(self, single: Experiment, dataset: Dataset, sizes: Sequence[int]) -> None:
        self.measured: dict[int, list[float]] = {}
        self._guess = {size: _guess(single, dataset, size) for size in sizes}
        named: list[Any] = [plain(part) for part in (single.model, single.loss, single.augment, single.training, single.reduce)]
        named += [dataset.name, list(dataset.X.shape), [single.device, single.num_threads]]
        self._key = hashlib.sha256(json.dumps(named).encode()).hexdigest()[:32]
        self._remembered = {int(n): seconds for n, seconds in self._stored().items() if int(n) in self._guess}

    @property
    def is_guess(self) -> bool:
        """Nothing similar has been measured on this machine."""
        return not self.measured and not self._remembered

    def of(self, size: int) -> float:
        """Seconds of a cell: as measured at this size; or as the guess says, scaled to what was measured at the nearest one."""
        known = {**self._remembered, **{n: median(each) for n, each in self.measured.items()}}
        if not known:
            return self._guess[size]
        nearest = min(known, key=lambda n: (abs(math.log(n / size)), n))
        return known[nearest] * self._guess[size] / self._guess.get(nearest, self._guess[size])

    def add(self, size: int, seconds: float) -> None:
        self.measured.setdefault(size, []).append(seconds)

    def remember(self) -> None:
        """Store the timings for the next similar curve."""
        if not self.measured:
            return
        found = {str(n): round(median(each), 3) for n, each in self.measured.items()}
        known = self._stored() | found
        with contextlib.suppress(SdlError):  # without a writable cache, only the estimate is worse
            write_atomic(cache_folder("curve_seconds") / f"{self._key}.json", json.dumps(known))

    def _stored(self) -> dict[str, float]:
        """Size -> seconds of all curves of the kind, whatever their sizes."""
        try:
            stored = json.loads((cache_folder("curve_seconds") / f"{self._key}.json").read_text(encoding="utf-8"))
            return {str(int(n)): float(seconds) for n, seconds in stored.items() if 0 < float(seconds) < math.inf}
        except (SdlError, OSError, ValueError, AttributeError, TypeError):
            return {}


def _guess(single: Experiment, dataset: Dataset, size: int) -> float:
    epochs = resolve_settings(single, dataset, size).training.epochs or 20
    return float(single.model.seconds(size, int(np.prod(dataset.X.shape[1:])), dataset.modality, epochs))

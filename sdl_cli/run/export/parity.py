"""Whether a graph predicts what the run does: the rows on which the two are compared, and the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sdl_cli.data import DATASETS
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.images.area_means import reduce_images
from sdl_cli.data.split import split
from sdl_cli.errors import RunError, SdlError
from sdl_cli.learning.models import traits
from sdl_cli.run import run_folder
from sdl_cli.run.evaluate import load_as_read
from sdl_cli.run.export.graph import Array, Graph
from sdl_cli.run.train import Observer
from sdl_cli.settings.parse import parse_group

TOLERANCE = 1e-4
MOST_ROUNDING = 1e-2  # of what differences are divided by; more is not called rounding
NUM_ROWS = 256
BATCH = 64


@dataclass(frozen=True)
class Rows:
    """What the graph is given and what it should answer.

    Arguments:
        inner: the estimator that the graph stands for: the run's model without what prepares its rows.
        inputs: `(N, ...)`, as `inner` takes them; for scikit-learn, images are reduced and flattened already.
        expected: the run's own outputs: probabilities `(N, K)`, or numbers `(N,)`.
        scale: what differences are divided by: 1 for probabilities, the target's standard deviation for numbers.
        source: where the rows come from, in words.
        in_own_unit: turns outputs of `inner` into the run's, which differ where it learned another scale of the target.
    """

    inner: Any
    inputs: Array
    expected: Array
    scale: float
    source: str
    in_own_unit: Callable[[Array], Array] = np.asarray


def find_rows(stored: run_folder.StoredRun, model: Any, values: dict[str, Any], observer: Observer) -> Rows:
    """Up to 256 test rows of the run's own data, or as many generated ones if that is gone; `model`, `values` are the run's."""
    is_prepared = hasattr(model, "encoder_")
    inner = model.model_ if is_prepared else model
    in_own_unit = model.in_own_unit if is_prepared else np.asarray
    has_pixels = not is_prepared or model.encoder_ is model.reduction_ is None
    is_network = traits(values["model"]).is_network
    found = _own_rows(stored, values["inputs"])
    if found is None:
        compared = f"the exported graph is compared with the run's model on {NUM_ROWS} generated rows."
        observer.on_notice(f"The run's data is gone or has changed: {compared}")
        pixels = values["inputs"]["modality"] == "image" and has_pixels
        X, targets, source = _generated(inner, values["inputs"], is_network, pixels), None, "generated rows"
        expected = in_own_unit(_outputs(inner, X))
    else:
        dataset, rows = found
        X, targets, source = dataset.X[rows], dataset.y, f"test rows of {dataset.name}"
        expected = _outputs(model, X)
        if is_prepared:
            X = model.transform(X)
    if not is_network and X.ndim == 4:
        X = reduce_images(X, inner.max_px).reshape(len(X), -1)
    scale = 1.0 if is_classifier(inner) else float(np.std(expected if targets is None else targets)) or 1.0
    return Rows(inner, X, expected, scale, source, in_own_unit)


def first_equal(graphs: Iterable[Graph], rows: Rows, out: Path) -> tuple[Graph, float, float]:
    """The first of these graphs that agrees with the run to 1e-4, its largest difference, and what was allowed.

    Where none does, the nearest is taken if it differs no more than four times as much as the run does from itself, between a row
    alone and rows in batches: that is the rounding of this model on this processor.

    Raises RunError for none.
    """
    tried: list[tuple[float, Graph]] = []
    for graph in graphs:
        difference = largest_difference(graph, rows)
        if difference <= TOLERANCE:  # never true of NaN
            return graph, difference, TOLERANCE
        tried.append((difference, graph))
    difference, nearest = min(tried, key=lambda pair: pair[0] if pair[0] == pair[0] else np.inf)
    allowed = min(4 * own_rounding(rows), MOST_ROUNDING)
    if difference <= allowed:
        return nearest, difference, allowed
    kind = "probabilities" if is_classifier(rows.inner) else "numbers, in standard deviations of the target,"
    hint = "Use sdl predict or sdl serve with the run itself; please report this, it should not happen."
    if estimator := getattr(rows.inner, "estimator", None):
        named = str(estimator).rpartition(".")[2]
        hint = (
            f"skl2onnx, which converts {named}, leaves out settings of some estimators without a word, such as neighbours "
            "weighted by distance. Use sdl predict or sdl serve with the run itself."
        )
    raise RunError(
        f"{out}: not written: the exported graph does not predict the same as the run. On {len(rows.expected)} {rows.source}, "
        f"their {kind} differ by up to {difference:.3g}, more than {max(TOLERANCE, allowed):.2g}.",
        hint,
    )


def own_rounding(rows: Rows) -> float:
    """How far the run's outputs for rows alone are from those in batches, at most, in the unit of `largest_difference`."""
    alone = [rows.in_own_unit(_outputs(rows.inner, rows.inputs[i : i + 1])) for i in range(min(len(rows.inputs), BATCH))]
    return float(np.abs(np.concatenate(alone) - rows.expected[: len(alone)]).max()) / rows.scale


def largest_difference(graph: Graph, rows: Rows) -> float:
    """The largest difference of the graph's outputs from the expected ones, one row alone and the others in batches."""
    with np.errstate(over="ignore"):  # a number too large for float32 shows in the comparison
        inputs = np.ascontiguousarray(rows.inputs, dtype=graph.input.dtype)
    nets = getattr(rows.inner, "networks_", [])
    parts = np.split(inputs, range(1, len(inputs), min([BATCH, *(net.most_rows for net in nets)])))
    outputs = np.concatenate([graph.run(part) for part in parts if len(part)])
    assert outputs.shape == rows.expected.shape, (outputs.shape, rows.expected.shape)
    return float(np.abs(outputs - rows.expected).max()) / rows.scale


def _outputs(model: Any, X: Array) -> Array:
    return np.asarray(model.predict_proba(X) if is_classifier(model) else model.predict(X), dtype=np.float64)


def _own_rows(stored: run_folder.StoredRun, inputs: dict[str, Any]) -> tuple[Dataset, Array] | None:
    """The run's data set and up to 256 rows of its test part, evenly from all of it; None if it is gone or has changed."""
    try:
        settings = parse_group("dataset", DATASETS, stored.config["dataset"])
        dataset = load_as_read(settings, inputs)
    except SdlError:
        return None
    if dataset.fingerprint != stored.environment.get("data_fingerprint"):
        return None
    test = split(dataset, settings, int(stored.config["seed"])).test
    return dataset, test[np.linspace(0, len(test) - 1, min(len(test), NUM_ROWS)).round().astype(np.int64)]


def _generated(inner: Any, inputs: dict[str, Any], is_network: bool, pixels: bool) -> Array:
    """Rows of the right shape and kind that reach all parts of the model: bright, dark and noisy images, numbers like its own."""
    rng = np.random.default_rng(0)
    if pixels:
        shape = (NUM_ROWS, *inputs["shape"])
        level = rng.uniform(0, 255, (NUM_ROWS, shape[1], 1, 1))
        return np.clip(level + rng.normal(0, 50, shape), 0, 255).astype(np.uint8)
    if is_network:
        noise = rng.normal(size=(NUM_ROWS, *inner.input_shape_))
        return noise * getattr(inner, "scale_", 1.0) + getattr(inner, "mean_", 0.0)
    noise = rng.normal(size=(NUM_ROWS, inner.n_features_in_))
    scaler = getattr(inner.model_, "steps", [("", None)])[0][1]
    if hasattr(scaler, "mean_"):
        return np.asarray(noise * (scaler.scale_ if scaler.scale_ is not None else 1.0) + scaler.mean_)
    trees = [tree.tree_ for tree in np.ravel(getattr(inner.model_, "estimators_", [])) if hasattr(tree, "tree_")]
    for j in range(noise.shape[1]):
        thresholds = np.concatenate([np.zeros(0), *(tree.threshold[tree.feature == j] for tree in trees)])
        if len(thresholds):  # at the thresholds of the trees themselves, and around them
            noise[:, j] = rng.choice(thresholds, NUM_ROWS) + noise[:, j] * thresholds.std() * rng.integers(0, 2, NUM_ROWS)
    return noise

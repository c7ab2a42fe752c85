"""What compiled code of scikit-learn would follow without looking: every index of a loaded model, checked before it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.tree._tree import Tree

from sdl_cli.errors import DataError
from sdl_cli.learning.models.trees import check_tree

Array = np.ndarray[Any, Any]
_KERNELS = ("linear", "poly", "rbf", "sigmoid")


def check_model(model: Any, num_features: int) -> None:
    """Check a model read from skops, and rebuild what cannot be checked (the search trees of nearest neighbours).

    Arguments:
        model: of types that `stored_types.check_file` let through.
        num_features: columns of the rows it will be given.
    Raises:
        DataError: an index that leaves its array, an invalid tree, or parts that do not belong together.
    """
    if int(getattr(model, "n_features_in_", num_features)) != num_features:
        raise DataError(f"The stored model takes {model.n_features_in_} columns, but the run has {num_features}.")
    parts = _parts(model)
    owner_of = {id(part): owner for part, owner in parts}
    for part, owner in parts:
        if isinstance(part, Tree):
            _check_tree(part, owner, owner_of.get(id(owner)))
        elif type(part).__name__ in ("KDTree", "BallTree"):
            raise DataError("The stored model has an unexpected search tree.")
        elif hasattr(part, "get_params"):
            _check_estimator(part)


def _parts(model: Any) -> list[tuple[Any, Any]]:
    """Everything in a model, each once, with the object that holds it."""
    found: list[tuple[Any, Any]] = []
    seen: set[int] = set()
    waiting: list[tuple[Any, Any]] = [(model, None)]
    while waiting:
        part, owner = waiting.pop()
        if id(part) in seen or isinstance(part, (str, bytes, int, float, type(None), np.generic, type)):
            continue
        seen.add(id(part))
        found.append((part, owner))
        if isinstance(part, (dict, list, tuple, set)):
            waiting += [(item, owner) for item in (part.values() if isinstance(part, dict) else part)]
        elif isinstance(part, np.ndarray):
            waiting += [(item, owner) for item in part.ravel()] if part.dtype == object else []
        else:
            seen |= _rebuilt(part)
            waiting += [(item, part) for item in getattr(part, "__dict__", {}).values()]
    return found


def _check_estimator(found: Any) -> None:
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.neighbors._base import NeighborsBase
    from sklearn.svm._base import BaseLibSVM

    if "n_jobs" in vars(found):
        found.n_jobs = None  # a stored number of threads or processes is not believed
    checks = {
        "_predictors": (BaseHistGradientBoosting, _check_histogram_boosting),
        "_fit_X": (NeighborsBase, _check_neighbours),
        "_n_support": (BaseLibSVM, _check_machine),
    }
    for name, (kind, check) in checks.items():
        # without it an estimator is not fitted (a calibrated one keeps what it was made from), and cannot predict
        if isinstance(found, kind) and name in vars(found):
            check(found)


def _check_tree(found: Tree, owner: Any, ensemble: Any) -> None:
    """A tree, and that whoever holds it hands it as many columns as it was made for."""
    from sklearn.ensemble._bagging import BaseBagging
    from sklearn.ensemble._base import BaseEnsemble
    from sklearn.tree import BaseDecisionTree

    if not 0 < found.node_count <= found.capacity or found.n_outputs != 1:
        raise DataError("The stored tree is damaged: its sizes do not match.")
    check_tree(found, found.n_features)
    fits = isinstance(owner, BaseDecisionTree) and int(owner.n_features_in_) == found.n_features
    if fits and isinstance(ensemble, BaseEnsemble) and not isinstance(ensemble, BaseBagging):  # bagging checks for itself
        fits = int(ensemble.n_features_in_) == found.n_features
    if not fits:
        raise DataError("The stored tree was built for different columns from those of its model.")


def _check_histogram_boosting(found: Any) -> None:
    mapper, num_features = found._bin_mapper, int(found.n_features_in_)
    categorical = np.asarray(mapper.is_categorical_)
    if categorical.dtype.kind not in "bu" or categorical.shape != (num_features,) or len(mapper.bin_thresholds_) != num_features:
        raise DataError("The stored boosting model bins columns that it does not take.")
    for stage in found._predictors:
        for tree in stage:
            check_histogram_nodes(tree.nodes, categorical.astype(bool), np.asarray(tree.raw_left_cat_bitsets))


def check_histogram_nodes(nodes: Array, categorical: Array, bitsets: Array) -> None:
    """Raise DataError unless the nodes of one tree of HistGradientBoosting form a tree.

    Arguments:
        nodes: `(num_nodes,)` with the fields of scikit-learn's PREDICTOR_RECORD_DTYPE.
        categorical: `(F,)` bool, which features hold categories.
        bitsets: `uint32 (num_categorical_splits, 8)`, the categories that go to the left.
    """
    fields = {"is_leaf", "left", "right", "feature_idx", "is_categorical", "bitset_idx"}
    if nodes.ndim != 1 or not len(nodes) or not fields <= set(nodes.dtype.names or ()):
        raise DataError("The stored boosting model holds a tree without nodes.")
    if bitsets.ndim != 2 or bitsets.shape[1] != 8 or bitsets.dtype != np.uint32:
        raise DataError("The stored boosting model has category sets of the wrong shape.")
    position = np.flatnonzero(nodes["is_leaf"] == 0)
    inner = nodes[position]
    feature = inner["feature_idx"].astype(np.int64)
    children = [inner[side].astype(np.int64) for side in ("left", "right")]
    inside = all(bool(((child > position) & (child < len(nodes))).all()) for child in children)
    if not inside or not bool(((feature >= 0) & (feature < len(categorical))).all()):
        raise DataError("The stored boosting model is damaged: a node points outside its tree.")
    splits = inner["is_categorical"] != 0
    index = inner["bitset_idx"].astype(np.int64)[splits]
    if not bool((categorical[feature[splits]] & (index >= 0) & (index < len(bitsets))).all()):
        raise DataError("The stored boosting model is damaged: a split refers to missing categories.")


def _check_neighbours(found: Any) -> None:
    rows, labels = vars(found).get("_fit_X"), vars(found).get("_y")
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != int(found.n_features_in_):
        raise DataError("The stored neighbours' rows do not fit their model.")
    if int(found.n_samples_fit_) != len(rows) or not isinstance(labels, np.ndarray):
        raise DataError("The stored neighbours' rows do not fit their labels.")
    check_labels(labels, len(rows), len(found.classes_) if hasattr(found, "classes_") else None)


def check_labels(labels: Array, num_rows: int, num_classes: int | None) -> None:
    """Raise DataError unless each row has a label, and labels count classes where there are any (None: a regressor)."""
    inside = num_classes is None or (labels.dtype.kind in "iu" and bool(((labels >= 0) & (labels < num_classes)).all()))
    if len(labels) != num_rows or not inside:
        raise DataError("The stored neighbours have labels that match no class.")


def _rebuilt(found: Any) -> set[int]:
    """Rebuild the search tree of nearest neighbours from the stored rows, as `fit` did; its own arrays cannot be judged."""
    from sklearn.neighbors import BallTree, KDTree
    from sklearn.neighbors._base import NeighborsBase

    tree = getattr(found, "__dict__", {}).get("_tree")
    if tree is None or not isinstance(found, NeighborsBase):
        return set()
    kind = KDTree if isinstance(tree, KDTree) else BallTree
    more = dict(found.effective_metric_params_)
    found._tree = kind(np.asarray(found._fit_X), int(found.leaf_size), metric=found.effective_metric_, **more)
    return {id(found._tree)}


def _check_machine(found: Any) -> None:
    """A support vector machine, whose counts libsvm follows."""
    if found._sparse or found.kernel not in _KERNELS:
        raise DataError("The stored support vector machine has an unsupported kernel.", "Train it again.")
    names = ("_n_support", "support_", "support_vectors_", "_dual_coef_", "_intercept_", "_probA", "_probB")
    arrays = {name: np.asarray(getattr(found, name)) for name in names}
    check_machine(arrays, int(found.n_features_in_), len(found.classes_) if hasattr(found, "classes_") else None)


def check_machine(arrays: dict[str, Array], num_features: int, num_classes: int | None) -> None:
    """Raise DataError unless the arrays of a support vector machine fit together.

    Arguments:
        arrays: `_n_support (K,)`, `support_ (V,)`, `support_vectors_ (V, F)`, `_dual_coef_ (K - 1, V)`, and `_intercept_`,
            `_probA` and `_probB`, one number for each pair of the K classes (the last two may be empty).
        num_classes: None for a regressor, for which libsvm counts two.
    """
    support, vectors = arrays["_n_support"], arrays["support_vectors_"]
    num = 2 if num_classes is None else num_classes
    pairs = num * (num - 1) // 2
    fits = (
        vectors.shape == (len(vectors), num_features)
        and support.ndim == 1
        and bool((support >= 0).all())
        and (num_classes is None or (len(support) == num and int(support.sum()) == len(vectors)))
        and arrays["support_"].shape == (len(vectors),)
        and arrays["_dual_coef_"].shape == (num - 1, len(vectors))
        and arrays["_intercept_"].shape == (pairs,)
        and all(arrays[name].shape in ((0,), (pairs,)) for name in ("_probA", "_probB"))
    )
    if not fits:
        raise DataError("The stored support vector machine is damaged: its arrays do not match.")

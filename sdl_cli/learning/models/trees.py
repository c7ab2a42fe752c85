"""A forest as plain arrays and back, with every index checked before scikit-learn's compiled code may follow it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import ensemble, tree
from sklearn.tree._tree import NODE_DTYPE, Tree

from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
LEAF = -1
_FORESTS = (
    ensemble.RandomForestClassifier, ensemble.RandomForestRegressor, ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor,
)  # fmt: skip


def forest_to_arrays(forest: Any) -> dict[str, Array]:
    """Node arrays of all trees, one after another; `offset (T + 1,)` says where each tree starts.

    Children are indices within their tree, -1 at a leaf. Values (class shares, or the mean) are kept for leaves alone.
    """
    trees = [member.tree_ for member in forest.estimators_]
    left = np.concatenate([t.children_left for t in trees]).astype(np.int32)
    values = np.concatenate([t.value[:, 0, :] for t in trees])
    return {
        "offset": np.cumsum([0, *(t.node_count for t in trees)]).astype(np.int64),
        "left": left,
        "right": np.concatenate([t.children_right for t in trees]).astype(np.int32),
        "feature": np.concatenate([t.feature for t in trees]).astype(np.int32),
        "threshold": np.concatenate([t.threshold for t in trees]),
        "missing_left": np.concatenate([t.missing_go_to_left for t in trees]).astype(np.uint8),
        "leaf_value": np.ascontiguousarray(values[left == LEAF]),
    }


def forest_from_arrays(arrays: dict[str, Array], kind: str, classes: Array | None, num_features: int) -> Any:
    """The fitted scikit-learn forest. `classes` is None for regression; `kind` is `forest` or `extra_trees`.

    Raises:
        DataError: arrays whose indices leave their tree, form a cycle, or name a feature that is not there.
    """
    num_outputs = 1 if classes is None else len(classes)
    check_arrays(arrays, num_features, num_outputs)
    task = "Regressor" if classes is None else "Classifier"
    member_class = getattr(tree, f"DecisionTree{task}")
    forest = getattr(ensemble, ("RandomForest" if kind == "forest" else "ExtraTrees") + task)(len(arrays["offset"]) - 1, n_jobs=1)
    leaf_offset = np.concatenate([[0], np.cumsum(arrays["left"] == LEAF)])
    forest.estimators_ = []
    for start, stop in zip(arrays["offset"][:-1], arrays["offset"][1:], strict=True):
        member = member_class()
        member.tree_ = _tree(arrays, int(start), int(stop), leaf_offset, num_features, num_outputs)
        member.n_outputs_, member.n_features_in_, member.max_features_ = 1, num_features, num_features
        if classes is not None:
            member.classes_, member.n_classes_ = np.arange(num_outputs), num_outputs
        forest.estimators_.append(member)
    forest.n_outputs_, forest.n_features_in_ = 1, num_features
    if classes is not None:
        forest.classes_, forest.n_classes_ = classes, num_outputs
    return forest


def walked(forest: Any, X: Array) -> Array | None:
    """What the forest says of rows `(N, F)`: class shares `(N, K)` or means `(N,)`, bit for bit as its own `predict_proba` or
    `predict`, in a tenth of the time for few rows, as each tree is asked without the checks and the pool of threads around it.

    None for what is not a forest of one target, and for rows that its own checks must see: not finite, beyond float32, or wider.
    """
    if not isinstance(forest, _FORESTS) or forest.n_outputs_ != 1 or X.shape[1:] != (forest.n_features_in_,):
        return None
    with np.errstate(over="ignore"):
        rows = X.astype(np.float32)
    if not np.isfinite(rows).all():
        return None
    total = np.zeros((len(rows), forest.estimators_[0].tree_.max_n_classes))
    for member in forest.estimators_:
        total += member.tree_.predict(rows)
    total /= len(forest.estimators_)
    return total if hasattr(forest, "classes_") else total[:, 0]


def check_arrays(arrays: dict[str, Array], num_features: int, num_outputs: int) -> None:
    """Raise DataError unless every tree is a tree: children come after their parent and within it, features exist."""
    try:
        offset, left, right, feature, leaf_value = (arrays[k] for k in ("offset", "left", "right", "feature", "leaf_value"))
        total = len(left)
        same = all(len(arrays[k]) == total and arrays[k].ndim == 1 for k in ("right", "feature", "threshold", "missing_left"))
        ordered = (
            offset.ndim == 1 and len(offset) > 1 and offset[0] == 0 and offset[-1] == total and bool((np.diff(offset) > 0).all())
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"The stored forest lacks {error}.") from error
    if not (same and ordered):
        raise DataError("The stored forest's arrays do not match.")
    size = np.repeat(np.diff(offset), np.diff(offset))
    position = np.arange(total) - np.repeat(offset[:-1], np.diff(offset))
    leaf = left == LEAF
    inner = ~leaf
    sound = bool(
        (right[leaf] == LEAF).all()
        and all(((child > position) & (child < size))[inner].all() for child in (left, right))
        and ((feature >= 0) & (feature < num_features))[inner].all()
        and np.isfinite(arrays["threshold"]).all()
    )
    if not sound or leaf_value.shape != (int(leaf.sum()), num_outputs):
        raise DataError("The stored forest is damaged: a node points outside its tree.")


def check_tree(member: Any, num_features: int) -> None:
    """The same check for a scikit-learn `Tree` that was read from a file."""
    arrays = {"offset": np.array([0, member.node_count]), "left": member.children_left, "right": member.children_right,
              "feature": member.feature, "threshold": member.threshold, "missing_left": member.missing_go_to_left,
              "leaf_value": member.value[member.children_left == LEAF, 0, :]}  # fmt: skip
    check_arrays(arrays, min(num_features, member.n_features), member.value.shape[2])


def _tree(arrays: dict[str, Array], start: int, stop: int, leaf_offset: Array, num_features: int, num_outputs: int) -> Any:
    nodes = np.zeros(stop - start, dtype=NODE_DTYPE)
    own = slice(start, stop)
    nodes["left_child"], nodes["right_child"] = arrays["left"][own], arrays["right"][own]
    leaf = arrays["left"][own] == LEAF
    nodes["feature"] = np.where(leaf, -2, arrays["feature"][own])
    nodes["threshold"] = arrays["threshold"][own]
    nodes["missing_go_to_left"] = arrays["missing_left"][own] != 0
    nodes["n_node_samples"], nodes["weighted_n_node_samples"] = 1, 1.0
    values = np.zeros((stop - start, 1, num_outputs))
    values[leaf, 0] = arrays["leaf_value"][leaf_offset[start] : leaf_offset[stop]]
    depth = np.zeros(len(nodes), np.int64)
    for i in np.flatnonzero(~leaf):  # children come after their parent
        depth[nodes["left_child"][i]] = depth[nodes["right_child"][i]] = depth[i] + 1
    made = Tree(num_features, np.array([num_outputs], dtype=np.intp), 1)
    made.__setstate__({"max_depth": int(depth.max()), "node_count": len(nodes), "nodes": nodes, "values": values})
    return made

"""What a model.skops may name and hold, judged from its schema before anything of it is imported, built or unpacked.

skops rebuilds an object from a tree of nodes; each names a loader, and most name a type that skops imports and calls. Whoever
wrote the file chose those names, so each kind of node is held to a written list here. Nodes that call what they name (functions,
methods, partial objects, operators, constructors) are refused, but for the ufuncs of NumPy and SciPy, which only compute.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sdl_cli.data.sources.npz import array_header
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

Node = dict[str, Any]
Path = tuple[str, str]  # module, name

PROTOCOL = 2  # of skops 0.10 to 0.16; older nodes read other fields than those that are looked at here
MOST_SCHEMA_BYTES = 64 << 20
MOST_SCHEMA_VALUES = 6_000_000
_TRUST = "If you trust the source of the run, add --trust."


def _named(module: str, names: str) -> set[Path]:
    return {(module, name) for name in names.split()}


_NUMPY_TYPES = {
    ("numpy", kind.__name__) for kind in set(np.sctypeDict.values()) if kind is not np.object_ and kind is not np.void
}
# what each kind of node may be an instance of
_NODES = {
    "DictNode": {("builtins", "dict"), ("collections", "OrderedDict"), ("sklearn.utils._bunch", "Bunch")},
    "DefaultDictNode": {("collections", "defaultdict")},
    "ListNode": {("builtins", "list")},
    "SetNode": {("builtins", "set")},
    "TupleNode": {("builtins", "tuple")},
    "BytesNode": {("builtins", "bytes")},
    "BytearrayNode": {("builtins", "bytearray")},
    "SliceNode": {("builtins", "slice")},
    "JsonNode": {("builtins", "str")},
    "NdArrayNode": {("numpy", "ndarray"), *_NUMPY_TYPES},
    "MaskedArrayNode": {("numpy.ma", "MaskedArray"), ("numpy.ma.core", "MaskedArray")},
    "DTypeNode": {("numpy", "dtype")},
    "RandomStateNode": {("numpy.random.mtrand", "RandomState"), ("numpy.random", "RandomState")},
    "RandomGeneratorNode": {("numpy.random._generator", "Generator"), ("numpy.random", "Generator")},
    "TypeNode": _NUMPY_TYPES | _named("builtins", "str int float bool complex NoneType list dict tuple"),
    "TreeNode": {("sklearn.tree._tree", "Tree")},
}
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_LOSSES = re.compile(
    r"sklearn\._loss\._loss\.Cy[A-Z][A-Za-z]+|sklearn\.linear_model\._sgd_fast\."
    r"(Hinge|SquaredHinge|ModifiedHuber|Huber|Log|SquaredLoss|EpsilonInsensitive|SquaredEpsilonInsensitive)"
)
# what fitted estimators of scikit-learn keep that is no estimator
_PARTS = {
    *_named("sklearn._loss.link", "HalfLogitLink IdentityLink Interval LogitLink LogLink MultinomialLogit"),
    *_named("sklearn._loss.loss", "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HuberLoss"),
    *_named("sklearn._loss.loss", "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity PinballLoss"),
    *_named("sklearn.gaussian_process.kernels", "CompoundKernel ConstantKernel DotProduct Exponentiation ExpSineSquared Matern"),
    *_named("sklearn.gaussian_process.kernels", "PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel"),
    *_named("sklearn.metrics._dist_metrics", "EuclideanDistance64 ManhattanDistance64 ChebyshevDistance64 MinkowskiDistance64"),
    *_named("sklearn.metrics._dist_metrics", "EuclideanDistance32 ManhattanDistance32 ChebyshevDistance32 MinkowskiDistance32"),
    *_named("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer SGDOptimizer"),
    *_named("sklearn.calibration", "_CalibratedClassifier"),
    *_named("sklearn.ensemble._hist_gradient_boosting.binning", "_BinMapper"),
    *_named("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor"),
    *_named("sklearn.neighbors._ball_tree", "BallTree"),
    *_named("sklearn.neighbors._kd_tree", "KDTree"),
}
# estimators that predict nothing themselves and still stand in fitted models
_TRANSFORMERS = {
    *_named("sklearn.preprocessing._data", "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler"),
    *_named("sklearn.preprocessing._label", "LabelBinarizer LabelEncoder"),
    *_named("sklearn.preprocessing._encoders", "OrdinalEncoder"),
    *_named("sklearn.preprocessing._function_transformer", "FunctionTransformer"),
    *_named("sklearn.compose._column_transformer", "ColumnTransformer"),
    *_named("sklearn.pipeline", "Pipeline"),
}
# the packages of scikit-learn whose estimators predict classes or numbers
_ROOMS = {
    "calibration", "compose", "cross_decomposition", "discriminant_analysis", "dummy", "ensemble", "gaussian_process", "isotonic",
    "kernel_ridge", "linear_model", "multiclass", "multioutput", "naive_bayes", "neighbors", "neural_network", "semi_supervised",
    "svm", "tree",
}  # fmt: skip
_MODULE = re.compile(r"sklearn(\.[a-z_][a-z0-9_]*)+")


def check_file(content: bytes) -> list[str]:
    """The types that skops must be told to trust to read this model.skops, all of which are on a list here.

    Raises:
        DataError: a node or type that is on no list, sizes that do not match, or an invalid schema.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return _check(file, len(content))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, RecursionError, NotImplementedError) as error:
        raise DataError(f"model.skops is damaged ({type(error).__name__}: {str(error)[:120]}).") from error


def _check(file: zipfile.ZipFile, num_bytes: int) -> list[str]:
    packed = next((info for info in file.infolist() if info.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None or sum(info.file_size for info in file.infolist()) > num_bytes:
        raise DataError("model.skops is compressed, which sdl never does, so its unpacked size is unknown.", _TRUST)
    info = file.getinfo("schema.json")
    if info.file_size > MOST_SCHEMA_BYTES:
        raise DataError(f"model.skops describes its objects in {info.file_size / 2**20:.0f} MB, more than the limit.", _TRUST)
    text = file.read(info)
    if text.count(b",") + text.count(b"{") + text.count(b"[") > MOST_SCHEMA_VALUES:
        raise DataError("model.skops describes more objects than allowed.", _TRUST)
    schema = json.loads(text)
    if schema.get("protocol") != PROTOCOL:
        raise DataError("model.skops uses another version of its format.", f"Train again with this version. {_TRUST}")
    names, read, seen = set(), 0, set()
    for node in nodes(schema):
        names.add(".".join(check_node(node)))
        if "file" in node and node.get("__id__") not in seen:
            seen.add(node.get("__id__"))
            read += file.getinfo(node["file"]).file_size
            check_array_file(file, node)
        if node["__loader__"] == "TreeNode":
            check_tree_node(node, lambda inner: array_shape(file, inner))
    if read > num_bytes:
        raise DataError("model.skops names the same content many times over.", _TRUST)
    return sorted(names)


def nodes(schema: Any) -> Iterator[Node]:
    """Every node in a schema, wherever it stands: whatever skops may come to, and more."""
    waiting = [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "__loader__" in found or "__class__" in found:
                yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def check_node(node: Node) -> Path:
    """The module and name of a node's type, where both its loader and its type are on the list. DataError otherwise."""
    loader, path = node["__loader__"], (node["__module__"], node["__class__"])
    if not all(isinstance(word, str) for word in (loader, *path)):
        raise DataError("model.skops names a type by something that is not text.", _TRUST)
    good = path in _NODES.get(loader, ())
    if good and loader == "RandomGeneratorNode":
        name = node["content"]["bit_generator"]["content"]["bit_generator"]["content"]
        good = json.loads(name) in _BIT_GENERATORS
    elif loader in _CHECKS:
        good = _CHECKS[loader](path)
    if not good:
        what = f"{shortened('.'.join(path), 120)} ({shortened(loader, 120)})"
        raise DataError(f"This run's model names {what}, and loading it could run that code.", _TRUST)
    return path


def is_object(path: Path) -> bool:
    """Whether a type may be built: an estimator of scikit-learn that predicts, or one on a written list."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    if path in _PARTS:
        return True
    found = _own_class(path) if path in _TRANSFORMERS or _is_room(path[0]) else None
    if found is None or not issubclass(found, BaseEstimator):
        return False
    # the two-class machine that a Gaussian process of many classes is made of predicts, and does not say so
    return path in _TRANSFORMERS or issubclass(found, (ClassifierMixin, RegressorMixin)) or path[1].startswith("_Binary")


def is_ufunc(path: Path) -> bool:
    """Whether a name is a ufunc of NumPy or SciPy, under that very name."""
    module, name = path
    if module in ("numpy", "scipy.special"):
        return isinstance(getattr(importlib.import_module(module), name, None), np.ufunc)
    if module in ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath", "scipy.special._ufuncs"):
        public = np if module.startswith("numpy") else importlib.import_module("scipy.special")
        return isinstance(getattr(public, name, None), np.ufunc)
    return False


def is_loss(path: Path) -> bool:
    """Whether a name is a compiled loss of scikit-learn."""
    return _LOSSES.fullmatch(".".join(path)) is not None and _own_class(path) is not None


_CHECKS = {"LossNode": is_loss, "ObjectNode": is_object, "FunctionNode": is_ufunc}


def _is_room(module: str) -> bool:
    parts = module.split(".")
    return _MODULE.fullmatch(module) is not None and parts[1] in _ROOMS and not any(p.startswith("test") for p in parts)


def _own_class(path: Path) -> type | None:
    """The class at a path inside scikit-learn, where that is the very name it was defined under, or None."""
    module, name = path
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    # Cython's classes call their module by its last name alone
    own = isinstance(found, type) and found.__qualname__ == name and found.__module__ in (module, module.rpartition(".")[2])
    return found if own else None


def check_array_file(file: zipfile.ZipFile, node: Node) -> None:
    """Raise DataError unless the array of a node is as large as its header says, and holds plain values."""
    if node["__loader__"] in ("BytesNode", "BytearrayNode"):
        return
    shape, itemsize, start = _header(file, node)
    size = file.getinfo(node["file"]).file_size - start
    if int(np.prod([int(n) for n in shape], dtype=object)) * itemsize != size:
        raise DataError("model.skops contains an array whose size does not match its header.")


def array_shape(file: zipfile.ZipFile, node: Node) -> tuple[int, ...]:
    """The shape of the array of a node that is stored in a file of its own."""
    if node["__loader__"] != "NdArrayNode" or "file" not in node:
        raise DataError("model.skops contains something other than an array where one is needed.")
    return _header(file, node)[0]


def _header(file: zipfile.ZipFile, node: Node) -> tuple[tuple[int, ...], int, int]:
    with file.open(node["file"]) as raw:
        shape, dtype, start = array_header(raw)
        return shape, dtype.itemsize, start


def check_tree_node(node: Node, shape_of: Callable[[Node], tuple[int, ...]]) -> None:
    """Raise DataError unless the sizes that a stored tree is built with agree with the arrays that it is filled from.

    scikit-learn's `Tree(num_features, classes, num_outputs)` follows these numbers in compiled code. `shape_of` gives the shape
    of the array of a node.
    """
    arguments, state = node["__reduce__"]["args"]["content"], node["content"]["content"]
    num_features, classes, num_outputs = arguments
    count = _whole(state["node_count"])
    shapes = [shape_of(array) for array in (classes, state["nodes"], state["values"])]
    fits = len(shapes[2]) == 3 and [*shapes[:2], shapes[2][:2]] == [(1,), (count,), (count, 1)] and _whole(num_outputs) == 1
    if not fits or _whole(num_features) < 1 or count < 1 or _whole(state["max_depth"]) < 0:
        raise DataError("model.skops holds a tree whose sizes do not match.")


def _whole(node: Node) -> int:
    """The integer of a node, which may be a Python or a NumPy one."""
    value = json.loads(node["content"]) if node["__loader__"] == "JsonNode" else None
    if type(value) is not int or not -1 <= value < 2**31:
        raise DataError("model.skops holds a tree without a size.")
    return value

"""What a model.skops may name: one test for each kind of node, all of them judged by our own checker before skops reads a byte."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sdl_cli.errors import DataError
from sdl_cli.learning.models.stored_types import check_file, check_node, check_tree_node, is_object, is_ufunc, nodes

IRIS = load_iris(return_X_y=True)


def node(loader: str, path: str, **more: Any) -> dict[str, Any]:
    module, _, name = path.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, **more}


GENERATOR = {"bit_generator": {"content": {"bit_generator": {"content": '"seed"'}}}}
REFUSED = [
    # what a kind of node would call or hand out, whatever it is
    node("FunctionNode", "sklearn.base.clone"),
    node("FunctionNode", "numpy.loadtxt"),
    node("FunctionNode", "scipy.special.comb"),
    node("FunctionNode", "builtins.print"),
    node("MethodNode", "sklearn.svm._classes.SVC", content={"func": "fit", "obj": {}}),
    node("PartialNode", "functools.partial"),
    node("OperatorFuncNode", "operator.methodcaller"),
    node("ConstructorFromReduceNode", "sklearn.svm._classes.SVC"),
    node("ConstructorFromReduceNode", "datetime.timezone"),
    node("CachedNode", "builtins.dict"),
    node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix"),
    node("QuantileForestNode", "quantile_forest._quantile_forest_fast.QuantileForest"),
    node("NodeOfAnotherVersion", "builtins.dict"),
    # containers and arrays that would call something else by that name
    node("DictNode", "sklearn.datasets._base.load_iris"),
    node("DictNode", "platform.platform"),
    node("ListNode", "builtins.print"),
    node("SetNode", "builtins.sorted"),
    node("TupleNode", "os.stat_result"),
    node("NdArrayNode", "numpy.savetxt"),
    node("NdArrayNode", "numpy.object_"),
    node("TypeNode", "platform.platform"),
    node("TypeNode", "sklearn.base.clone"),
    node("LossNode", "sklearn.base.clone"),
    node("LossNode", "sklearn._loss._loss.CyNoSuchLoss"),
    node("TreeNode", "platform.platform"),
    node("RandomStateNode", "sklearn.utils.check_random_state"),
    node("RandomGeneratorNode", "numpy.random._generator.Generator", content=GENERATOR),
    # objects
    node("ObjectNode", "platform.uname_result"),
    node("ObjectNode", "sklearn.base.clone"),  # a function
    node("ObjectNode", "sklearn.svm.SVC"),  # the name it is handed on by, not its own
    node("ObjectNode", "sklearn.svm._classes.BaseSVC"),  # known there, and defined elsewhere
    node("ObjectNode", "sklearn.feature_extraction.text.CountVectorizer"),  # predicts nothing, and reads files
    node("ObjectNode", "sklearn.decomposition._pca.PCA"),
    node("ObjectNode", "sklearn.utils._bunch.Bunch"),
    node("ObjectNode", "sklearn.ensemble.tests.test_voting.Anything"),
    node("ObjectNode", "sklearn.tree.__main__.Anything"),
    node("ObjectNode", "sklearn.no_such_room.Anything"),
    node("ObjectNode", "sdl_cli.learning.models.deep_net.DeepNet"),
    node("ObjectNode", "numpy.ma.MaskedArray"),
    {"__loader__": "ObjectNode", "__module__": None, "__class__": "SVC"},
]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda n: f"{n['__loader__']} {n['__module__']}.{n['__class__']}")
def test_what_may_not_be_named(refused: dict[str, Any]) -> None:
    with pytest.raises(DataError) as caught:
        check_node(refused)
    assert "--trust" in caught.value.hint


ALLOWED = [
    node("ObjectNode", "sklearn.svm._classes.SVC"),
    node("ObjectNode", "sklearn.ensemble._forest.RandomForestClassifier"),
    node("ObjectNode", "sklearn.pipeline.Pipeline"),
    node("ObjectNode", "sklearn.preprocessing._data.StandardScaler"),
    node("ObjectNode", "sklearn._loss.link.LogitLink"),
    node("FunctionNode", "numpy.log1p"),
    node("FunctionNode", "scipy.special.expit"),
    node("DictNode", "builtins.dict"),
    node("DictNode", "collections.OrderedDict"),
    node("NdArrayNode", "numpy.float64"),
    node("TypeNode", "builtins.str"),
    node("LossNode", "sklearn._loss._loss.CyHalfBinomialLoss"),
    node("TreeNode", "sklearn.tree._tree.Tree"),
    node("RandomStateNode", "numpy.random.mtrand.RandomState"),
]


@pytest.mark.parametrize("allowed", ALLOWED, ids=lambda n: f"{n['__module__']}.{n['__class__']}")
def test_what_fitted_estimators_are_made_of_may_be_named(allowed: dict[str, Any]) -> None:
    assert ".".join(check_node(allowed)) == f"{allowed['__module__']}.{allowed['__class__']}"


def test_a_ufunc_is_one_under_its_public_name() -> None:
    assert is_ufunc(("numpy", "exp")) and is_ufunc(("scipy.special", "expit"))
    assert not is_ufunc(("numpy", "load")) and not is_ufunc(("scipy.special", "logsumexp")) and not is_ufunc(("math", "exp"))
    assert not is_object(("sklearn.base", "BaseEstimator"))


def test_nodes_are_found_wherever_they_stand() -> None:
    inner = node("JsonNode", "builtins.str", content="1")
    schema = {**node("DictNode", "builtins.dict"), "content": {"a": [inner, {"deep": {"deeper": inner}}]}, "aside": (inner,)}
    assert len(list(nodes(schema))) == 3  # a tuple is nothing that JSON holds


HONEST: list[Callable[[], Any]] = [
    lambda: GradientBoostingClassifier(n_estimators=2),
    lambda: HistGradientBoostingClassifier(max_iter=2),
    lambda: make_pipeline(StandardScaler(), SVC()),
    lambda: KNeighborsClassifier(),
    lambda: make_pipeline(FunctionTransformer(np.log1p), SVC()),
]


@pytest.mark.parametrize("make", HONEST, ids=["boosting", "histograms", "svm", "neighbours", "ufunc"])
def test_honest_models_are_read(make: Callable[[], Any]) -> None:
    content = skops.io.dumps(make().fit(*IRIS))
    loaded = skops.io.loads(content, trusted=check_file(content))
    assert np.array_equal(loaded.predict(IRIS[0]), make().fit(*IRIS).predict(IRIS[0]))


def changed(change: Callable[[dict[str, Any]], object], pack: int = zipfile.ZIP_STORED, model: Any = None) -> bytes:
    """The file of a model (a support vector machine) with another schema; it is only ever handed to our checker."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model or SVC().fit(*IRIS)))) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(parts["schema.json"])
    change(schema)
    parts["schema.json"] = json.dumps(schema).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", pack) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return out.getvalue()


def test_an_unchanged_file_passes() -> None:
    assert check_file(changed(lambda schema: None))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda schema: schema.update(protocol=0), "another version"),
        (lambda schema: schema.update(protocol=True), "another version"),
        (lambda schema: schema.update(more=node("FunctionNode", "sklearn.base.clone")), "could run that code"),
        (lambda schema: array_node(schema).update(file="nowhere.npy"), "damaged"),
        (lambda schema: array_node(schema).update(file="schema.json"), "damaged"),
        (lambda schema: schema.pop("__class__"), "damaged"),
    ],
)
def test_a_schema_that_is_none_of_ours_is_refused(change: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        check_file(changed(change))


def test_content_that_is_named_again_and_again_is_counted_each_time() -> None:
    model = KNeighborsClassifier(algorithm="brute").fit(np.zeros((2000, 50)), np.arange(2000) % 3)

    def repeat(schema: dict[str, Any]) -> None:
        rows = next(n for n in nodes(schema["content"]["content"]["_fit_X"]) if "file" in n)
        schema["more"] = [dict(rows, __id__=k) for k in range(3)]

    with pytest.raises(DataError, match="many times over"):
        check_file(changed(repeat, model=model))


def array_node(schema: dict[str, Any]) -> dict[str, Any]:
    return max((n for n in nodes(schema) if "file" in n), key=lambda n: len(n["file"]))


def test_a_packed_file_and_one_that_is_no_archive_are_refused() -> None:
    with pytest.raises(DataError, match="packed"):
        check_file(changed(lambda schema: None, zipfile.ZIP_DEFLATED))
    with pytest.raises(DataError, match="damaged"):
        check_file(b"PK nothing of the kind")


def tree_node(count: Any = "5", outputs: Any = "1") -> dict[str, Any]:
    whole = {"__loader__": "JsonNode"}
    state = {
        "node_count": {**whole, "content": count},
        "max_depth": {**whole, "content": "2"},
        "nodes": "nodes",
        "values": "values",
    }
    arguments = [{**whole, "content": "4"}, "classes", {**whole, "content": outputs}]
    return {"__reduce__": {"args": {"content": arguments}}, "content": {"content": state}}


SHAPES = {"nodes": (5,), "values": (5, 1, 3), "classes": (1,)}


def test_the_sizes_of_a_tree_agree_with_its_arrays() -> None:
    check_tree_node(tree_node(), lambda name: SHAPES[name])  # type: ignore[index]
    for crafted, shapes in (
        (tree_node(count="6"), SHAPES),
        (tree_node(count="-1"), SHAPES),
        (tree_node(count='"5"'), SHAPES),
        (tree_node(outputs="100000"), SHAPES),
        (tree_node(), SHAPES | {"classes": (0,)}),
        (tree_node(), SHAPES | {"values": (5, 3)}),
        (tree_node(), SHAPES | {"nodes": (4,)}),
    ):
        with pytest.raises(DataError):
            check_tree_node(crafted, lambda name, shapes=shapes: shapes[name])

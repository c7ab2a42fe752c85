#!/usr/bin/env bash
# skl2onnx converts some models without a setting that changes their answers, and says nothing: the graph runs and is wrong.
# Seen with skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2 and onnxruntime 1.32.0, on Python 3.11 for Linux.
#
# Nearest neighbours weighted by distance become a plain mean of the neighbours. Isotonic calibration becomes steps, for the graph
# takes the nearest point of the curve where scikit-learn draws a line between two. A tree that learned that missing values go
# left sends them right. The columns by which SimpleImputer marks missing values are not there. For much else that it does not
# know, skl2onnx raises an error; here none is raised and no warning is given. So compare a graph with its model on real rows,
# some of them with missing values.
#
# Output seen:
#   neighbours weighted by distance: scikit-learn 0.25, graph 0.5
#   isotonic calibration, P(1): scikit-learn 0.20, graph 0.0
#   a tree and a missing value: scikit-learn 0, graph 1
#   SimpleImputer(add_indicator=True): scikit-learn 2 columns, graph 1
#   warnings: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 onnxruntime==1.32.0 \
    numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import warnings

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier


def graph(model, rows):
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    content = to_onnx(model, rows[:1], options=options).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: rows})


with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    nearest = KNeighborsRegressor(2, weights="distance").fit(np.array([[0.0], [1.0], [3.0]]), [0.0, 1.0, 3.0])
    asked = np.array([[0.25]], dtype=np.float32)
    right, found = float(nearest.predict(asked)[0]), float(graph(nearest, asked)[0].ravel()[0])
    print(f"neighbours weighted by distance: scikit-learn {right:.2f}, graph {found:.1f}")
    assert abs(right - 0.25) < 1e-6 and abs(found - 0.5) < 1e-6

    x = np.repeat(np.array([[-3.0], [-1.0], [1.0], [3.0]], dtype=np.float32), 10, axis=0)
    y = np.concatenate([np.zeros(10, int), np.tile([0, 1], 10), np.ones(10, int)])
    calibrated = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2, ensemble=False).fit(x, y)
    inner = calibrated.calibrated_classifiers_[0]
    curve = inner.calibrators[0]  # from 0 to 0.5 to 1
    score = np.interp(0.2, curve.y_thresholds_, curve.X_thresholds_)
    asked = ((score - inner.estimator.intercept_) / inner.estimator.coef_[0]).astype(np.float32)[:, None]
    right, found = float(calibrated.predict_proba(asked)[0, 1]), float(graph(calibrated, asked)[1][0, 1])
    print(f"isotonic calibration, P(1): scikit-learn {right:.2f}, graph {found:.1f}")
    assert abs(right - 0.2) < 1e-3 and found in (0.0, 0.5)

    rows = np.tile(np.array([[0.0], [1.0], [2.0], [np.nan]], dtype=np.float32), (5, 1))
    tree = DecisionTreeClassifier(random_state=0).fit(rows, np.tile([0, 0, 1, 0], 5))
    right, found = int(tree.predict(rows[3:4])[0]), int(graph(tree, rows[3:4])[0][0])
    print(f"a tree and a missing value: scikit-learn {right}, graph {found}")
    assert (right, found) == (0, 1)

    filled = SimpleImputer(add_indicator=True).fit(rows)
    right, found = filled.transform(rows).shape[1], graph(filled, rows)[0].shape[1]
    print(f"SimpleImputer(add_indicator=True): scikit-learn {right} columns, graph {found}")
    assert (right, found) == (2, 1)
print(f"warnings: {len(said)}")
assert not said
PYTHON

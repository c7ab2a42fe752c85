#!/usr/bin/env bash
# A forest converted by emlearn for a small device rounds its inputs to whole numbers: on iris it loses most of what it knew.
# Seen with emlearn 0.23.2 and scikit-learn 1.9.1, on Python 3.11 for Linux.
#
# convert() makes C code for microcontrollers from a fitted model. For trees it takes features and thresholds as int16 unless told
# otherwise, though the forest has learned thresholds such as 0.8 cm; multilayer perceptrons and naive Bayes keep fractions. Nothing
# warns, and predict() of the converted model, which is there to be compared, takes floats. dtype="float" gives the same answers as
# scikit-learn; otherwise features have to be scaled to the range of int16 before the forest is fitted.
#
# Output seen, of 150 rows that were learned from:
#   forest: scikit-learn 149 right, converted 61, with dtype="float" 149
#   extra trees: scikit-learn 150 right, converted 100, with dtype="float" 150
#   multilayer perceptron: the same classes: True
#   warnings: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check emlearn==0.23.2 scikit-learn==1.9.1 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import warnings

import emlearn
from sklearn.datasets import load_iris
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.neural_network import MLPClassifier

X, y = load_iris(return_X_y=True)
network = MLPClassifier((8,), max_iter=2000, random_state=0).fit(X, y)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for name, model in (("forest", RandomForestClassifier), ("extra trees", ExtraTreesClassifier)):
        fitted = model(10, random_state=0).fit(X, y)
        right = int((fitted.predict(X) == y).sum())
        whole = int((emlearn.convert(fitted).predict(X) == y).sum())
        exact = int((emlearn.convert(fitted, dtype="float").predict(X) == y).sum())
        print(f'{name}: scikit-learn {right} right, converted {whole}, with dtype="float" {exact}')
        assert exact == right >= 148 and whole <= 110
    same = bool((emlearn.convert(network).predict(X) == network.predict(X)).all())
    print(f"multilayer perceptron: the same classes: {same}")
    assert same
print(f"warnings: {len(said)}")
assert not said
PYTHON

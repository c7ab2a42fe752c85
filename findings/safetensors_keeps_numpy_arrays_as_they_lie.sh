#!/usr/bin/env bash
# A transposed NumPy array comes back from safetensors with its numbers in other places, and nothing is said.
# Seen with safetensors 0.8.0 and NumPy 2.4.6, on Python 3.11 for Linux.
#
# safetensors.numpy.save copies the memory of an array from its first byte on and writes the shape beside it. That "tensors need to
# be contiguous and dense" stands in its description, but is not checked: an array that lies column by column (a transpose,
# coefficients that scikit-learn learned) or with gaps (every second column) is stored in the wrong order, with
# the right shape, so that a model loads, predicts and is wrong. safetensors.torch.save refuses such a tensor with an error.
#
# Output seen:
#   [[0, 1, 2], [3, 4, 5]] column by column -> [[0, 3, 1], [4, 2, 5]]
#   its transpose [[0, 3], [1, 4], [2, 5]] -> [[0, 1], [2, 3], [4, 5]]
#   coefficients of LinearRegression for two targets -> their places are kept: False
#   after numpy.ascontiguousarray -> all kept: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6 scikit-learn==1.9.1
./venv/bin/python - <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save
from sklearn.linear_model import LinearRegression


def back(array):
    return load(save({"a": array}))["a"]


rows = np.arange(6).reshape(2, 3)
found = back(np.asfortranarray(rows))
print(f"{rows.tolist()} column by column -> {found.tolist()}")
assert found.tolist() == [[0, 3, 1], [4, 2, 5]]
turned = back(rows.T)
print(f"its transpose {rows.T.tolist()} -> {turned.tolist()}")
assert turned.tolist() == [[0, 1], [2, 3], [4, 5]]

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
learned = LinearRegression().fit(X, Y).coef_
kept = bool((back(learned) == learned).all())
print(f"coefficients of LinearRegression for two targets -> their places are kept: {kept}")
assert learned.shape == (2, 3) and not kept
right = all((back(np.ascontiguousarray(each)) == each).all() for each in (rows, rows.T, learned))
print(f"after numpy.ascontiguousarray -> all kept: {right}")
assert right
PYTHON

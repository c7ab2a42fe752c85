#!/usr/bin/env bash
# Importing skops.io imports torch where torch is installed, although nothing of it is used.
# Seen with skops 0.16.0, scikit-learn 1.9.1 and torch 2.14.1, on Python 3.11 for Linux.
#
# At import, skops asks scikit-learn for all its estimators (sklearn.utils.discovery.all_estimators), and for that list every
# package below sklearn is imported. scikit-learn 1.9 holds a copy of array-api-compat, whose package for torch imports torch.
# So a program that saves a logistic regression as skops waits for torch, for seconds. Where torch is not installed the package
# is passed over, and nothing is said in either case. scikit-learn itself, fitted and asked, does not import torch.
#
# Output seen (numbers of modules differ a little from machine to machine):
#   after fitting LogisticRegression: torch imported: False
#   after import skops.io: torch imported: True, over 700 modules of torch: True
#   with that package made impossible to import: torch imported: False, the saved model is read back: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check skops==0.16.0 scikit-learn==1.9.1 torch==2.14.1 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import sys

from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
model.predict([[1.5]])
print(f"after fitting LogisticRegression: torch imported: {'torch' in sys.modules}")
assert "torch" not in sys.modules
import skops.io

many = sum(name.partition(".")[0] == "torch" for name in sys.modules) > 700
print(f"after import skops.io: torch imported: {'torch' in sys.modules}, over 700 modules of torch: {many}")
assert "torch" in sys.modules and many
PYTHON
./venv/bin/python - <<'PYTHON'
import sys

sys.modules["sklearn.externals.array_api_compat.torch"] = None
import skops.io
from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
same = bool((skops.io.loads(skops.io.dumps(model)).coef_ == model.coef_).all())
found = "torch" in sys.modules
print(f"with that package made impossible to import: torch imported: {found}, the saved model is read back: {same}")
assert same and not found
PYTHON

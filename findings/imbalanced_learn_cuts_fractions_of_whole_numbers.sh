#!/usr/bin/env bash
# SMOTE of imbalanced-learn cuts the fractions off new rows where the columns are whole numbers, so that they come out too small.
# Seen with imbalanced-learn 0.14.2, scikit-learn 1.9.1, pandas 3.0.6 and NumPy 2.4.6, on Python 3.11 for Linux.
#
# SMOTE draws a new row on the line between two rows of the rare class and then casts it to the type of the table. For integers
# that cuts towards 0, it does not round: between 0 and 1 every new row gets 0, and ages lose half a year on average. Columns of 0
# and 1, yes and no, and counts shift most, and the synthetic rows of the rare class differ from its real ones in just that. Booleans
# are cut alike. No warning is given. With the same table as floats the new rows are unbiased; ADASYN and BorderlineSMOTE cast the
# same way.
#
# Output seen, means of the rows that SMOTE made:
#   float64: flag 0.75, age 50.83
#   int64:   flag 0.60, age 50.41; the same rows with their fractions cut off: True
#   warnings: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check imbalanced-learn==0.14.2 scikit-learn==1.9.1 pandas==3.0.6 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import warnings

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE

rng = np.random.default_rng(0)
table = pd.DataFrame({"age": rng.integers(20, 80, 200), "flag": rng.integers(0, 2, 200)})
rare = np.arange(200) >= 160
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    exact, _ = SMOTE(random_state=0).fit_resample(table.astype(float), rare)
    whole, _ = SMOTE(random_state=0).fit_resample(table, rare)
exact, whole = exact[200:], whole[200:]
print(f"float64: flag {exact['flag'].mean():.2f}, age {exact['age'].mean():.2f}")
cut = bool((np.trunc(exact) == whole).all().all())
print(f"int64:   flag {whole['flag'].mean():.2f}, age {whole['age'].mean():.2f}; the same rows with their fractions cut off: {cut}")
print(f"warnings: {len(said)}")
assert cut and whole["flag"].mean() < exact["flag"].mean() - 0.1 and set(map(str, whole.dtypes)) == {"int64"} and not said
PYTHON

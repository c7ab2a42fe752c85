#!/usr/bin/env bash
# lazypredict leaves out every column of pandas' type category, and every date, without a word: the table of scores is of the rest.
# Seen with lazypredict 0.3.0, pandas 3.0.6 and scikit-learn 1.9.1, on Python 3.11 for Linux.
#
# LazyClassifier fits many models at once and ranks them. It prepares numbers and booleans one way and columns of type object or
# str another; a column of any other type is neither and is dropped. category is what pandas.read_csv(dtype=...), read_stata,
# read_spss and Parquet files give for text with few values. Where such a column holds what there is to learn, all models guess.
#
# Output seen, accuracy on 100 test rows where the column says the class outright:
#   str 1.00, bool 1.00, category 0.55, date 0.55
#   warnings that name a column: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check lazypredict==0.3.0 pandas==3.0.6 scikit-learn==1.9.1 numpy==2.4.6
./venv/bin/python - 2>/dev/null <<'PYTHON'
import warnings

import numpy as np
import pandas as pd
from lazypredict.Supervised import LazyClassifier
from sklearn.ensemble import RandomForestClassifier

rng = np.random.default_rng(0)
y, noise = rng.integers(0, 2, 400), rng.normal(size=400)
words = pd.Series(np.where(y == 1, "ill", "well"))
days = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(365 * y, unit="D"))
columns = {"str": words, "bool": pd.Series(y == 1), "category": words.astype("category"), "date": days}
scores = {}
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for kind, column in columns.items():
        X = pd.DataFrame({"noise": noise, "finding": column})
        models = LazyClassifier(verbose=0, ignore_warnings=True, classifiers=[RandomForestClassifier], random_state=0)
        table, _ = models.fit(X[:300], X[300:], y[:300], y[300:])
        scores[kind] = float(table["Accuracy"].iloc[0])
print(", ".join(f"{kind} {score:.2f}" for kind, score in scores.items()))
assert scores["str"] == scores["bool"] == 1 and max(scores["category"], scores["date"]) < 0.7
named = sum("finding" in str(warning.message) for warning in said)
print(f"warnings that name a column: {named}")
assert named == 0
PYTHON

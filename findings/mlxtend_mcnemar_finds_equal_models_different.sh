#!/usr/bin/env bash
# McNemar's test of mlxtend gives p = 0 for two models that never differ: the strongest evidence where there is none.
# Seen with mlxtend 0.25.0, statsmodels 0.15.0 and NumPy 2.4.6, on Python 3.11 for Linux.
#
# The test compares in how many rows only the one or only the other of two classifiers is right. If there are no such rows, the
# statistic with continuity correction, (|b - c| - 1)^2 / (b + c), is 1 / 0, which becomes infinite, and p 0.0. This is the default.
# With few test rows two good models often agree on all of them. A RuntimeWarning of NumPy about a division is all that is said. With
# exact=True p is 1. In statsmodels the exact test is the default; asked for chi-squared with the correction, it gives 0 as well.
#
# Output seen:
#   mlxtend: chi-squared inf, p = 0.0; exact: p = 1.0
#   statsmodels: p = 1.0; chi-squared: p = 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check mlxtend==0.25.0 statsmodels==0.15.0 numpy==2.4.6
./venv/bin/python -W ignore - <<'PYTHON'
import numpy as np
from mlxtend.evaluate import mcnemar, mcnemar_table
from statsmodels.stats.contingency_tables import mcnemar as reference

truth = np.tile([0, 1], 20)
said = truth.copy()
said[:4] = 1 - said[:4]
table = mcnemar_table(truth, said, said)
assert table.tolist() == [[36, 0], [0, 4]]
statistic, p = mcnemar(table)
_, exact = mcnemar(table, exact=True)
print(f"mlxtend: chi-squared {statistic}, p = {float(p)}; exact: p = {exact}")
assert np.isinf(statistic) and p == 0 and exact == 1
known, other = reference(table).pvalue, reference(table, exact=False, correction=True).pvalue
print(f"statsmodels: p = {known}; chi-squared: p = {float(other)}")
assert known == 1 and other == 0
PYTHON

#!/usr/bin/env bash
# scikit-learn 1.9.1 (pandas 3.1.1, numpy 2.4.6, CPython 3.11.7): TimeSeriesSplit goes by the position of rows, also where the
# rows have a DatetimeIndex, and its gap counts rows.
#
# A table that is written the latest day first, as banks and shops export it, is learned from its last days and tested on its
# first. Where a day has several rows, it stands on both sides, and gap=7 leaves out less than the seven days that were meant.
# The documentation says "time-ordered data" and "number of samples"; there is no error and no warning.
#
# Output seen:
#   latest first: learns 2024-01-06 to 2024-01-30, tested on 2024-01-01 to 2024-01-05
#   three rows a day: 2024-01-09 in training and in test
#   gap=7: 2 days left out
#
# Run by hand: bash findings/scikit_learn_splits_time_by_position.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "scikit-learn==1.9.1" "pandas==3.1.1" "numpy==2.4.6"
cd "$folder"
cat > look.py <<'PYTHON'
import warnings

import pandas as pd
from sklearn.model_selection import TimeSeriesSplit

warnings.simplefilter("error")  # none is given
days = pd.date_range("2024-01-01", periods=30)
latest_first = pd.DataFrame({"x": range(30)}, index=days[::-1])
train, test = list(TimeSeriesSplit(5).split(latest_first))[-1]
ends = [f"{latest_first.index[rows].min():%F} to {latest_first.index[rows].max():%F}" for rows in (train, test)]
print(f"latest first: learns {ends[0]}, tested on {ends[1]}")
assert ends == ["2024-01-06 to 2024-01-30", "2024-01-01 to 2024-01-05"]

several = pd.DataFrame({"x": range(30)}, index=days[:10].repeat(3))
train, test = list(TimeSeriesSplit(2, test_size=5).split(several))[-1]
both = sorted(set(several.index[train]) & set(several.index[test]))
print("three rows a day:", ", ".join(f"{day:%F}" for day in both), "in training and in test")
assert [f"{day:%F}" for day in both] == ["2024-01-09"]

train, test = list(TimeSeriesSplit(2, test_size=3, gap=7).split(several))[-1]
left_out = (several.index[test].min() - several.index[train].max()).days - 1
print(f"gap=7: {left_out} days left out")
assert left_out == 2
PYTHON
"$folder/venv/bin/python" look.py

#!/usr/bin/env bash
# pyreadstat 1.3.7 (pandas 3.1.1, numpy 2.4.6, CPython 3.11.7): with user_missing=True, the ordinary missing value of a Stata
# file becomes the number 0 in a data frame, where a lettered one (.a) stands before it in its column.
#
# Stata has 27 missing values: the ordinary one and .a to .z, which say why. user_missing=True gives the letters beside the
# numbers, in a column of objects. If a letter comes first, each ordinary missing value after it is the whole number 0, which
# cannot be told from a zero that was measured; if the ordinary one comes first, it is nan. There is no error and no warning;
# output_format="dict" gives None in both orders.
#
# Output seen:
#   letter first:   ['a', 0, 0, 2]      as a dict: ['a', None, 0, 2]
#   ordinary first: [nan, 'a', 0, 2]
#
# Run by hand: bash findings/pyreadstat_reads_a_missing_value_as_zero.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pyreadstat==1.3.7" "pandas==3.1.1" "numpy==2.4.6"
cd "$folder"
cat > look.py <<'PYTHON'
import warnings

import pandas as pd
import pyreadstat

warnings.simplefilter("error")  # none is given


def written(values: list, name: str) -> str:
    frame = pd.DataFrame({"u": pd.Series(values, dtype=object)})
    pyreadstat.write_dta(frame, name, missing_user_values={"u": ["a"]})
    return name


letter_first = written(["a", None, 0, 2], "letter.dta")
ordinary_first = written([None, "a", 0, 2], "ordinary.dta")
framed = pyreadstat.read_dta(letter_first, user_missing=True)[0]["u"].tolist()
as_dict = list(pyreadstat.read_dta(letter_first, user_missing=True, output_format="dict")[0]["u"])
other = pyreadstat.read_dta(ordinary_first, user_missing=True)[0]["u"].tolist()
print(f"letter first:   {framed}      as a dict: {as_dict}")
print(f"ordinary first: {other}")
assert framed == ["a", 0, 0, 2] and as_dict == ["a", None, 0, 2]
assert pd.isna(other[0]) and other[1:] == ["a", 0, 2]
PYTHON
"$folder/venv/bin/python" look.py

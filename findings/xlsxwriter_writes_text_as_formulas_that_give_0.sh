#!/usr/bin/env bash
# pandas 3.1.1, XlsxWriter 3.3.1, openpyxl 3.1.5, python-calamine 0.9.1 (CPython 3.11.7): DataFrame.to_excel takes text that
# begins with "=" for a formula, and what is read back is the number 0 or nothing.
#
# Codes such as "=A" or "=north", kept as text in a DataFrame, are written as formulas. Neither writer calculates: XlsxWriter
# stores the result 0, openpyxl stores none. read_excel then gives a column of the whole number 0, or of NaN, by either reader;
# the text is lost to a reader of values. There is no error and no warning on writing or on reading. The same holds for formulas
# that are meant: until the file was saved by a spreadsheet, XlsxWriter's results look like measured zeros.
#
# Output seen:
#   written by xlsxwriter: read by openpyxl [0, 0, 0] int64   read by calamine [0, 0, 0] int64
#   written by openpyxl: read by openpyxl [nan, nan, nan] float64   read by calamine [nan, nan, nan] float64
#
# Run by hand: bash findings/xlsxwriter_writes_text_as_formulas_that_give_0.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==3.1.1" "XlsxWriter==3.3.1" "openpyxl==3.1.5" "python-calamine==0.9.1"
cd "$folder"
cat > look.py <<'PYTHON'
import warnings

import pandas as pd

warnings.simplefilter("error")  # none is given
frame = pd.DataFrame({"n": [1, 2, 3], "site": ["=north", "=south", "=north"]})
seen = {}
for writer in ("xlsxwriter", "openpyxl"):
    frame.to_excel("t.xlsx", index=False, engine=writer)
    found = {reader: pd.read_excel("t.xlsx", engine=reader)["site"] for reader in ("openpyxl", "calamine")}
    print(f"written by {writer}:", "   ".join(f"read by {reader} {c.tolist()} {c.dtype}" for reader, c in found.items()))
    seen[writer] = found
assert all(c.tolist() == [0, 0, 0] and c.dtype == "int64" for c in seen["xlsxwriter"].values())
assert all(c.isna().all() and c.dtype == "float64" for c in seen["openpyxl"].values())
PYTHON
"$folder/venv/bin/python" look.py

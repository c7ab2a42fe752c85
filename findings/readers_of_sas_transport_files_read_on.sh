#!/usr/bin/env bash
# pyreadstat 1.3.7 and pandas 3.1.1 (numpy 2.4.6, CPython 3.11.7): of a SAS transport file with two tables, both return one table,
# whose last rows are the headers and the rows of the second one, read as numbers of the first.
#
# A transport file may hold several tables ("members"), one behind the other, each with headers of its own; SAS writes them so for
# a whole library. Here the first has 3 rows in a column A and the second 2 rows in a column B. read_xport and read_sas give 92
# rows in the column A: the 3 that are there, 87 that are text of headers taken for IBM floating-point numbers (3.687825e-40 is
# eight blanks), and the 2 of B. There is no error and no warning.
#
# Output seen:
#   pyreadstat: 92 rows of ['A']: 1.0 2.0 3.0 3.687825414344431e-40 ... 7.0 8.0
#   pandas:     92 rows of ['A']: 1.0 2.0 3.0 3.687825414344431e-40 ... 7.0 8.0
#
# Run by hand: bash findings/readers_of_sas_transport_files_read_on.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pyreadstat==1.3.7" "pandas==3.1.1" "numpy==2.4.6"
cd "$folder"
cat > look.py <<'PYTHON'
import warnings
from pathlib import Path

import pandas as pd
import pyreadstat

warnings.simplefilter("error")  # none is given
pyreadstat.write_xport(pd.DataFrame({"A": [1.0, 2.0, 3.0]}), "one.xpt", table_name="ONE", file_format_version=5)
pyreadstat.write_xport(pd.DataFrame({"B": [7.0, 8.0]}), "two.xpt", table_name="TWO", file_format_version=5)
first, second = Path("one.xpt").read_bytes(), Path("two.xpt").read_bytes()
member = second.index(b"HEADER RECORD*******MEMBER")  # behind the header of the whole file
Path("both.xpt").write_bytes(first + second[member:])
for name, frame in (("pyreadstat:", pyreadstat.read_xport("both.xpt")[0]), ("pandas:", pd.read_sas("both.xpt"))):
    values = frame["A"].tolist()
    print(f"{name:11} {len(frame)} rows of {list(frame)}: {' '.join(map(str, values[:4]))} ... {' '.join(map(str, values[-2:]))}")
    assert list(frame) == ["A"] and len(frame) == 92
    assert values[:3] == [1, 2, 3] and values[-2:] == [7, 8] and 3.6e-40 < values[3] < 3.7e-40
PYTHON
"$folder/venv/bin/python" look.py

#!/usr/bin/env bash
# pyreadstat 1.3.7 (pandas 3.1.1, numpy 2.4.6, CPython 3.11.7): SPSS times of a day and more lose their whole days.
#
# SPSS keeps times and durations (TIME, DTIME) as seconds of any length. read_sav makes a datetime.time of them, which holds the
# time of a day: 30 and 54 hours both become 06:00. There is no error and no warning; disable_datetime_conversion=True gives the
# seconds.
#
# Output seen:
#   TIME8:   [datetime.time(6, 0), datetime.time(6, 0), datetime.time(6, 0)]
#   DTIME10: [datetime.time(6, 0), datetime.time(6, 0), datetime.time(6, 0)]
#   seconds: [21600.0, 108000.0, 194400.0]
#
# Run by hand: bash findings/pyreadstat_drops_whole_days_of_times.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pyreadstat==1.3.7" "pandas==3.1.1" "numpy==2.4.6"
cd "$folder"
cat > look.py <<'PYTHON'
import datetime
import warnings

import pandas as pd
import pyreadstat

warnings.simplefilter("error")  # none is given
frame = pd.DataFrame({"t": [3600.0 * hours for hours in (6, 30, 54)]})
for written in ("TIME8", "DTIME10"):
    pyreadstat.write_sav(frame, "times.sav", variable_format={"t": written})
    times = pyreadstat.read_sav("times.sav")[0]["t"].tolist()
    print(f"{written + ':':8} {times}")
    assert times == [datetime.time(6)] * 3
seconds = pyreadstat.read_sav("times.sav", disable_datetime_conversion=True)[0]["t"].tolist()
print(f"seconds: {seconds}")
assert seconds == frame["t"].tolist()
PYTHON
"$folder/venv/bin/python" look.py

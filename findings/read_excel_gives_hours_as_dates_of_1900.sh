#!/usr/bin/env bash
# pandas 3.1.1 with openpyxl 3.1.5 and with python-calamine 0.9.1 (CPython 3.11.7): a column of hours and minutes comes back as
# times and dates mixed, and two different lengths of time as the same one.
#
# A spreadsheet stores a length of time as days. Cells in the format "hh:mm" of less than 24 hours are read as datetime.time,
# those of 24 hours and more as datetime.datetime in the year 1900: 30 hours as 06:00 on the first of January. 59 and 60 days
# both become the 28th of February, since the calendar of 1900 in spreadsheets has a day that never was; so the length cannot
# be restored from what is read. There is no error and no warning. With the format "[h]:mm" both give a timedelta.
#
# Output seen (by both readers):
#   hh:mm   12:00:00 | 1900-01-01 06:00:00 | 1900-02-28 00:00:00 | 1900-02-28 00:00:00 | 1900-03-01 00:00:00
#   [h]:mm  0 days 12:00:00 | 1 days 06:00:00 | 59 days 00:00:00 | 60 days 00:00:00 | 61 days 00:00:00
#
# Run by hand: bash findings/read_excel_gives_hours_as_dates_of_1900.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==3.1.1" "XlsxWriter==3.3.1" "openpyxl==3.1.5" "python-calamine==0.9.1"
cd "$folder"
cat > look.py <<'PYTHON'
import datetime
import warnings

import pandas as pd
import xlsxwriter

warnings.simplefilter("error")  # none is given
days = [0.5, 1.25, 59, 60, 61]
formats = ["hh:mm", "[h]:mm"]
book = xlsxwriter.Workbook("t.xlsx")
sheet = book.add_worksheet()
for j, code in enumerate(formats):
    sheet.write_string(0, j, code)
    for i, number in enumerate(days, 1):
        sheet.write_number(i, j, number, book.add_format({"num_format": code}))
book.close()
first = datetime.datetime(1900, 1, 1, 6)
for reader in ("openpyxl", "calamine"):
    frame = pd.read_excel("t.xlsx", engine=reader)
    for code in formats:
        print(reader, code, " | ".join(map(str, frame[code].tolist())))
    assert [span.total_seconds() / 86400 for span in frame["[h]:mm"]] == days
    hours = frame["hh:mm"].tolist()
    assert hours[0] == datetime.time(12) and hours[1] == first
    assert hours[2] == hours[3] == datetime.datetime(1900, 2, 28) and hours[4] == datetime.datetime(1900, 3, 1)
PYTHON
"$folder/venv/bin/python" look.py

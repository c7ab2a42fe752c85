#!/usr/bin/env bash
# pandas 3.1.1 with odfpy 1.4.1 and with python-calamine 0.9.1 (CPython 3.11.7): lengths of time in an .ods are read by what the
# cell shows, or partly as text.
#
# An .ods stores a length of time exactly (PT00H01M30S) beside the text that is shown ("01:30", minutes and seconds in the cell's
# format). Through odfpy, read_excel parses the shown text: a minute and a half becomes an hour and a half. Through
# python-calamine the same cell is right, but 26 hours come back as the str PT26H03M00S among values of datetime.time. There is
# no error and no warning.
#
# Output seen:
#   odf, minutes and seconds:      01:30:00 | 02:15:00
#   calamine, minutes and seconds: 00:01:30 | 00:02:15
#   calamine, one over a day:      time 00:01:30 | str PT26H03M00S
#
# Run by hand: bash findings/read_excel_reads_the_shown_text_of_ods_times.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==3.1.1" "odfpy==1.4.1" "python-calamine==0.9.1"
cd "$folder"
cat > look.py <<'PYTHON'
import warnings

import pandas as pd
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

warnings.simplefilter("error")  # none is given


def write(name, cells):
    document = OpenDocumentSpreadsheet()
    table = Table(name="Data")
    for value, shown in [(None, "t"), *cells]:
        cell = TableCell(valuetype="time", timevalue=value) if value else TableCell(valuetype="string")
        cell.addElement(P(text=shown))
        row = TableRow()
        row.addElement(cell)
        table.addElement(row)
    document.spreadsheet.addElement(table)
    document.save(name)


short = [("PT00H01M30S", "01:30"), ("PT00H02M15S", "02:15")]
long = [("PT00H01M30S", "01:30"), ("PT26H03M00S", "26:03")]
write("short.ods", short)
write("long.ods", long)
shown = [str(cell) for cell in pd.read_excel("short.ods", engine="odf")["t"]]
exact = [str(cell) for cell in pd.read_excel("short.ods", engine="calamine")["t"]]
mixed = pd.read_excel("long.ods", engine="calamine")["t"].tolist()
print("odf, minutes and seconds:     ", " | ".join(shown))
print("calamine, minutes and seconds:", " | ".join(exact))
print("calamine, one over a day:     ", " | ".join(f"{type(cell).__name__} {cell}" for cell in mixed))
assert shown == ["01:30:00", "02:15:00"]
assert exact == ["00:01:30", "00:02:15"]
assert [type(cell).__name__ for cell in mixed] == ["time", "str"]
PYTHON
"$folder/venv/bin/python" look.py

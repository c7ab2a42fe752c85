#!/usr/bin/env bash
# pyreadr reads a Date that R keeps as whole numbers as 1970-01-01 in every row, and 64-bit integers as tiny fractions.
# Seen with pyreadr 0.5.8, rdata 1.1.0, pandas 3.1.1 and NumPy 2.4.6 on Python 3.11 for Linux.
#
# R keeps a Date as a number of days, mostly one that could have a fraction; some packages write whole numbers (integer), and
# R shows both alike. pyreadr reads the first kind right. The class integer64 of the package bit64 keeps its bits in the place of
# a number with a fraction: pyreadr gives that number, 5e-324 for 1. The file is written here by rdata.
#
# Output seen:
#   days as fractions: 2020-02-29, 2020-03-01
#   days as integers: 1970-01-01, 1970-01-01
#   integer64 1, 2: 5e-324, 1e-323
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check pyreadr==0.5.8 rdata==1.1.0 pandas==3.1.1 numpy==2.4.6
cat >program.py <<'PYTHON'
import numpy as np
import pyreadr
import rdata
from rdata.conversion.to_r import DEFAULT_CLASS_MAP, build_r_object
from rdata.parser import RObjectType

NA = -(2**31)


class Vector:
    def __init__(self, values, kind):
        self.values, self.kind = values, kind


class Frame:
    def __init__(self, columns):
        self.columns = columns


def vector(own, converter):
    kind = RObjectType.INT if own.values.dtype.kind == "i" else RObjectType.REAL
    return build_r_object(kind, value=own.values, is_object=True, attributes=converter.convert_to_r_attributes({"class": own.kind}))


def frame(own, converter):
    values = [converter.convert_to_r_object(column) for column in own.columns.values()]
    rows = np.ma.array([NA, -2], mask=[True, False], fill_value=NA)
    names = np.array(list(own.columns), dtype=object)
    kinds = converter.convert_to_r_attributes({"names": names, "class": "data.frame", "row.names": rows})
    return build_r_object(RObjectType.VEC, value=values, is_object=True, attributes=kinds)


days = np.array([18321, 18322])
columns = {
    "fractions": Vector(days.astype(float), "Date"),
    "integers": Vector(days.astype(np.int32), "Date"),
    "long": Vector(np.array([1, 2]).view(float), "integer64"),
}
rdata.write_rds("t.rds", Frame(columns), constructor_dict={**DEFAULT_CLASS_MAP, Vector: vector, Frame: frame})
found = pyreadr.read_r("t.rds")[None]
print("days as fractions:", ", ".join(map(str, found["fractions"])))
print("days as integers:", ", ".join(map(str, found["integers"])))
print("integer64 1, 2:", ", ".join(f"{value:.0e}" for value in found["long"]))
PYTHON
output=$(./venv/bin/python program.py)
echo "$output"
[ "$output" = "days as fractions: 2020-02-29, 2020-03-01
days as integers: 1970-01-01, 1970-01-01
integer64 1, 2: 5e-324, 1e-323" ]
echo "still so: pyreadr_reads_whole_dates_as_1970"

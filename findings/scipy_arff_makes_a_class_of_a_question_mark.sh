#!/usr/bin/env bash
# scipy.io.arff reads a missing nominal value as a value of its own, and moves the backslash of an escaped apostrophe.
# Seen with SciPy 1.17.1 and NumPy 2.4.6 on Python 3.11 for Linux.
#
# In ARFF a bare ? stands for a missing value. In a column of numbers SciPy reads it as NaN, in a nominal one as b'?', beside
# the declared values, so that a classifier learns one class more. Weka writes the value it's as 'it\'s'; SciPy gives it\s'.
#
# Output seen:
#   declared: ("it\\s'", 'well')
#   read: [(1.0, b"it\\s'"), (nan, b'?'), (3.0, b'well')]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
cat >program.py <<'PYTHON'
import io

from scipy.io import arff

text = "@relation notes\n@attribute dose numeric\n@attribute note {'it\\'s',well}\n@data\n1,'it\\'s'\n?,?\n3,well\n"
data, meta = arff.loadarff(io.StringIO(text))
print(f"declared: {meta['note'][1]}")
print(f"read: {data.tolist()}")
PYTHON
output=$(./venv/bin/python program.py)
echo "$output"
[ "$output" = "declared: (\"it\\\\s'\", 'well')
read: [(1.0, b\"it\\\\s'\"), (nan, b'?'), (3.0, b'well')]" ]
echo "still so: scipy_arff_makes_a_class_of_a_question_mark"

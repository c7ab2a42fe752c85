#!/usr/bin/env bash
# liac-arff drops the fractions of a column that is declared INTEGER, and fills gaps of text in sparse rows with "0".
# Seen with liac-arff 2.5.0 on Python 3.11 for Linux.
#
# Weka treats INTEGER as NUMERIC, so that files with fractions in such a column exist: 1.75 is read as 1, without a word.
# A sparse row names only some columns. The library reads the others as 0, and in a column of type STRING as the text "0",
# which the file does not hold.
#
# Output seen:
#   1.75 and -0.5 of an INTEGER column: 1 and 0
#   text that a sparse row leaves out: '0'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check liac-arff==2.5.0
cat >program.py <<'PYTHON'
import arff

dense = arff.loads("@relation doses\n@attribute dose integer\n@data\n1.75\n-0.5\n")["data"]
print(f"1.75 and -0.5 of an INTEGER column: {dense[0][0]} and {dense[1][0]}")
sparse = arff.loads("@relation notes\n@attribute dose real\n@attribute note string\n@data\n{0 1.5}\n{0 2, 1 late}\n")["data"]
print(f"text that a sparse row leaves out: {sparse[0][1]!r}")
PYTHON
output=$(./venv/bin/python program.py)
echo "$output"
[ "$output" = "1.75 and -0.5 of an INTEGER column: 1 and 0
text that a sparse row leaves out: '0'" ]
echo "still so: liac_arff_cuts_fractions_of_integers"

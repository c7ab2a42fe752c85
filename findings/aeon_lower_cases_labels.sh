#!/usr/bin/env bash
# aeon 1.6.0 (numpy 2.3.5, CPython 3.11.7): load_from_ts_file writes every class label in small letters, so that classes whose
# names differ in case only become one class.
#
# The .ts format of the UCR and UEA archives lists its labels in the header, as written: `@classLabel true A a` are two. The
# loader puts whole lines into small letters before it divides them. Both labels come back as `a`, there is no error and no
# warning, and a classifier is trained on a problem with one class less. Names such as `Running` come back as `running`.
#
# Output seen:
#   labels in the file: ['A', 'a']   labels read: ['a', 'a']
#   Running Walking -> ['running', 'walking']
#
# Run by hand: bash findings/aeon_lower_cases_labels.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "aeon==1.6.0" "numpy==2.3.5"
cd "$folder"
cat > look.py <<'PYTHON'
import warnings
from pathlib import Path

from aeon.datasets import load_from_ts_file

HEAD = "@problemName made\n@timeStamps false\n@missing false\n@univariate true\n@equalLength true\n@seriesLength 3\n"


def labels(first, second):
    text = f"{HEAD}@classLabel true {first} {second}\n@data\n1,2,3:{first}\n4,5,6:{second}\n"
    Path("made.ts").write_text(text, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none is given
        return [str(label) for label in load_from_ts_file("made.ts")[1]]


print("labels in the file:", ["A", "a"], "  labels read:", labels("A", "a"))
print("Running Walking ->", labels("Running", "Walking"))
assert labels("A", "a") == ["a", "a"]
assert labels("Running", "Walking") == ["running", "walking"]
PYTHON
"$folder/venv/bin/python" look.py

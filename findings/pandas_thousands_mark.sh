#!/usr/bin/env bash
# pandas 3.1.1 (numpy 2.4.6, CPython 3.11.7): read_csv(thousands=...) mistakes the narrow no-break space (U+202F), which
# French and SI typography put between thousands, for a slash.
#
# The default engine keeps only the lowest byte of the mark's code point. For U+202F that is 2F, the slash: numbers with
# the requested mark stay text, and another column, of fractions or dates such as 1/2, silently becomes the whole number
# 12. There is no error and no warning; engine="python" reads the same file as intended.
#
# Output seen:
#   c:      amount str [1 150 | 2 300]   part int64 [12 | 34]      (the spaces are narrow no-break spaces)
#   python: amount int64 [1150 | 2300]   part str [1/2 | 3/4]
#
# Run by hand: bash findings/pandas_thousands_mark.sh     It fails if this behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==3.1.1" "numpy==2.4.6"
cd "$folder"
cat > look.py <<'PYTHON'
import warnings
from pathlib import Path

import pandas as pd

warnings.simplefilter("error")  # none is given
Path("amounts.csv").write_text("amount;part\n1\u202f150;1/2\n2\u202f300;3/4\n", encoding="utf-8")
seen = {}
for engine in ("c", "python"):
    frame = pd.read_csv("amounts.csv", sep=";", thousands="\u202f", engine=engine)
    seen[engine] = {name: (str(frame[name].dtype), frame[name].tolist()) for name in frame}
    print(f"{engine}:", "   ".join(f"{n} {kind} [{' | '.join(map(str, cells))}]" for n, (kind, cells) in seen[engine].items()))
assert seen["c"] == {"amount": ("str", ["1\u202f150", "2\u202f300"]), "part": ("int64", [12, 34])}
assert seen["python"] == {"amount": ("int64", [1150, 2300]), "part": ("str", ["1/2", "3/4"])}
default = pd.read_csv("amounts.csv", sep=";", thousands="\u202f")
assert default["part"].tolist() == [12, 34], "the default engine is c"
PYTHON
"$folder/venv/bin/python" look.py

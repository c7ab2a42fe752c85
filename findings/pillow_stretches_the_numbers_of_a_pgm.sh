#!/usr/bin/env bash
# Pillow rescales the values of a PGM deeper than 8 bits: 4095 of at most 4095 is read as 65535.
# Seen with Pillow 13.0.0, NumPy 2.4.6, on Python 3.11 for Linux.
#
# A PGM declares its largest value. If that is above 255, Pillow opens the file as mode I, 32-bit whole numbers, which
# could hold every value unchanged. Even so, it multiplies each value by 65535, divides it by the largest value and
# rounds it. Counts from a twelve-bit camera come out about 16 times too high, and two files with different maxima are
# scaled differently.
#
# Output seen:
#   4095 of at most 4095: 65535
#   1 of at most 4095: 16
#   1 of at most 65535: 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import io

import numpy as np
from PIL import Image

found = []
for value, most in ((4095, 4095), (1, 4095), (1, 65535)):
    image = Image.open(io.BytesIO(b"P5 1 1 %d\n" % most + np.array([value], ">u2").tobytes()))
    assert image.mode in ("I", "I;16")
    found.append(int(np.asarray(image)[0, 0]))
    print(f"{value} of at most {most}: {found[-1]}")
assert found == [65535, 16, 1]
PYTHON
echo "still so: pillow_stretches_the_numbers_of_a_pgm"

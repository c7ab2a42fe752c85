#!/usr/bin/env bash
# Pillow inverts a TIFF that declares 0 as white at 8 bits, but not at 16.
# Seen with Pillow 13.0.0, NumPy 2.4.6, tifffile 2026.3.3, on Python 3.11 for Linux.
#
# Scanners and medical archives write photometric interpretation 0 (white is zero). Pillow inverts such an 8-bit file,
# so low values come out bright. The same image at 16 bits comes out as its negative: Pillow returns the stored values
# unchanged, and the mode I;16 does not reveal it. A set with both depths mixes positives and negatives.
#
# Output seen:
#   8 bit: stored 10 is read as 245
#   16 bit: stored 2570 is read as 2570
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3
./venv/bin/python - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

tifffile.imwrite("8.tif", np.full((4, 4), 10, np.uint8), photometric="miniswhite")
tifffile.imwrite("16.tif", np.full((4, 4), 2570, np.uint16), photometric="miniswhite")
found = [int(np.asarray(Image.open(f"{bits}.tif"))[0, 0]) for bits in (8, 16)]
print(f"8 bit: stored 10 is read as {found[0]}")
print(f"16 bit: stored 2570 is read as {found[1]}")
assert found == [245, 2570]
PYTHON
echo "still so: pillow_turns_white_is_zero_at_8_bits_only"

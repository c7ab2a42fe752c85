#!/usr/bin/env bash
# Pillow keeps the sign of TIFF values at 16 bits and loses it at 8; unsigned 32-bit values become negative.
# Seen with Pillow 13.0.0, NumPy 2.4.6, tifffile 2026.3.3, on Python 3.11 for Linux.
#
# The TIFF tag SampleFormat says whether whole numbers are signed. Pillow opens int8 as mode L, so -1 becomes 255,
# brighter than 127. int16 becomes mode I with the right sign. uint32 also becomes mode I, which is signed: values
# above 2147483647 come out negative. None of the three gives a warning.
#
# Output seen:
#   int8: stored -1 is read as 255
#   int16: stored -1 is read as -1
#   uint32: stored 3000000000 is read as -1294967296
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

found = []
for dtype, value in (("int8", -1), ("int16", -1), ("uint32", 3_000_000_000)):
    tifffile.imwrite(f"{dtype}.tif", np.full((4, 4), value, dtype), photometric="minisblack")
    found.append(int(np.asarray(Image.open(f"{dtype}.tif"))[0, 0]))
    print(f"{dtype}: stored {value} is read as {found[-1]}")
assert found == [255, -1, -1294967296]
PYTHON
echo "still so: pillow_reads_signed_tiffs_by_depth"

#!/usr/bin/env bash
# Told to write an array (H, W, 3) as grey, tifffile writes H pages, each 3 pixels wide.
# Seen with Pillow 13.0.0, NumPy 2.4.6, tifffile 2026.3.3, on Python 3.11 for Linux.
#
# photometric='minisblack' means that values are brightness. For an array of shape (64, 48, 3), tifffile then takes the
# last axis for the width and silently writes 64 pages of 48 x 3 pixels; tifffile.imread restores the shape, so a
# round-trip test passes. Every other reader sees a strip 3 pixels wide and 48 high, the first of 64 pages.
# planarconfig='contig' writes one image with three bands.
#
# Output seen:
#   tifffile reads back (64, 48, 3)
#   Pillow sees 64 pages, the first of them 3 wide and 48 high
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

tifffile.imwrite("a.tif", np.zeros((64, 48, 3), np.uint8), photometric="minisblack")
print(f"tifffile reads back {tifffile.imread('a.tif').shape}")
with Image.open("a.tif") as image:
    print(f"Pillow sees {image.n_frames} pages, the first of them {image.width} wide and {image.height} high")
    assert (image.n_frames, image.size) == (64, (3, 48))
assert tifffile.imread("a.tif").shape == (64, 48, 3)
PYTHON
echo "still so: tifffile_writes_grey_colours_as_pages"

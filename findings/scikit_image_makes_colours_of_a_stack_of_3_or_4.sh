#!/usr/bin/env bash
# skimage.io.imread turns a TIFF of three or four grey pages into one colour image; two pages or five stay a stack.
# Seen with scikit-image 0.26.0 and tifffile 2026.3.3, on Python 3.11 for Linux.
#
# After reading, the axes of any array of three dimensions are moved if its first is 3 or 4 long and its last is not: what may be
# colours by planes is taken for that. A stack of four slices or time points, grey as the file says (photometric interpretation
# "min is black", one sample a pixel), so becomes (height, width, 4), which other programs show and learn from as red, green, blue
# and opacity. tifffile, which does the reading, gives the pages as they are. No warning is given.
#
# Output seen:
#   2 pages: tifffile (2, 80, 90), scikit-image (2, 80, 90)
#   3 pages: tifffile (3, 80, 90), scikit-image (80, 90, 3)
#   4 pages: tifffile (4, 80, 90), scikit-image (80, 90, 4)
#   5 pages: tifffile (5, 80, 90), scikit-image (5, 80, 90)
#   warnings: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check scikit-image==0.26.0 tifffile==2026.3.3 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import warnings

import numpy as np
import skimage.io
import tifffile

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for pages in (2, 3, 4, 5):
        stack = np.arange(pages * 80 * 90, dtype=np.uint16).reshape(pages, 80, 90)
        tifffile.imwrite("stack.tif", stack, photometric="minisblack")
        with tifffile.TiffFile("stack.tif") as file:
            assert len(file.pages) == pages and all(page.samplesperpixel == 1 for page in file.pages)
        plain, found = tifffile.imread("stack.tif"), skimage.io.imread("stack.tif")
        print(f"{pages} pages: tifffile {plain.shape}, scikit-image {found.shape}")
        assert plain.shape == stack.shape
        assert found.shape == ((80, 90, pages) if pages in (3, 4) else stack.shape)
print(f"warnings: {len(said)}")
assert not said
PYTHON

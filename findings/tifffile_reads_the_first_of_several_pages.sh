#!/usr/bin/env bash
# tifffile.imread gives one page of a stack that tifffile wrote page by page.
# Seen with tifffile 2026.3.3, NumPy 2.4.6, on Python 3.11 for Linux.
#
# TiffWriter.write, called once for each slice (with contiguous=False, or with compression), notes the shape of its slice
# in each page. imread then takes each page for a series of its own and returns the first, without a word: a
# volume of three slices becomes one picture. With metadata=None the same pixels are read as a stack of three.
#
# Output seen:
#   written as one array: (3, 8, 8)
#   written page by page: (8, 8), of 3 pages
#   page by page without notes: (3, 8, 8)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 tifffile==2026.3.3
./venv/bin/python - <<'PYTHON'
import numpy as np
import tifffile

stack = np.arange(3 * 64, dtype=np.uint16).reshape(3, 8, 8)
tifffile.imwrite("array.tif", stack, photometric="minisblack")
for name, more in (("pages.tif", {}), ("bare.tif", {"metadata": None})):
    with tifffile.TiffWriter(name) as file:
        for page in stack:
            file.write(page, photometric="minisblack", contiguous=False, **more)
with tifffile.TiffFile("pages.tif") as opened:
    num = len(opened.pages)
shapes = [tifffile.imread(name).shape for name in ("array.tif", "pages.tif", "bare.tif")]
print(f"written as one array: {shapes[0]}")
print(f"written page by page: {shapes[1]}, of {num} pages")
print(f"page by page without notes: {shapes[2]}")
assert shapes == [(3, 8, 8), (8, 8), (3, 8, 8)] and num == 3
PYTHON
echo "still so: tifffile_reads_the_first_of_several_pages"

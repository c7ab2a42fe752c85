#!/usr/bin/env bash
# Pillow reads an uncompressed 16-bit RGB TIFF with separate planes without an error, but with wrong pixels.
# Seen with Pillow 13.0.0, NumPy 2.4.6, tifffile 2026.3.3, on Python 3.11 for Linux.
#
# A TIFF may keep its colours one plane after the other (PlanarConfiguration 2), which is how tifffile writes an array
# of shape (3, H, W). At 8 bits, Pillow combines the planes correctly. At 16 bits without compression it opens the
# file as 8-bit RGB and takes the bytes of each plane for 8-bit pixels: low and high bytes alternate along a row, and
# only the upper half of the image is read. The same colours stored pixel by pixel come out as the upper byte, as
# expected.
#
# Output seen:
#   planar 16 bit: 75 grey levels off on average
#   interleaved 16 bit: 0
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

ramp = np.arange(64 * 64, dtype=np.uint32).reshape(64, 64) * 16
planes = np.stack([ramp, ramp[::-1], ramp.T]).astype(np.uint16)
tifffile.imwrite("planar.tif", planes, photometric="rgb", planarconfig="separate")
tifffile.imwrite("interleaved.tif", np.ascontiguousarray(planes.transpose(1, 2, 0)), photometric="rgb")
assert np.array_equal(tifffile.imread("planar.tif"), planes)
right = (planes >> 8).transpose(1, 2, 0).astype(float)
errors = {}
for name in ("planar", "interleaved"):
    with Image.open(f"{name}.tif") as image:
        assert image.mode == "RGB"
        errors[name] = float(np.abs(np.asarray(image) - right).mean())
print(f"planar 16 bit: {errors['planar']:.0f} grey levels off on average")
print(f"interleaved 16 bit: {errors['interleaved']:.0f}")
assert errors["planar"] > 30 and errors["interleaved"] == 0
PYTHON
echo "still so: pillow_garbles_planar_16_bit_colours"

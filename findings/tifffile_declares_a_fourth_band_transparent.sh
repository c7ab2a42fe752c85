#!/usr/bin/env bash
# tifffile declares a fourth band next to RGB as transparency unless told otherwise.
# Seen with Pillow 13.0.0, NumPy 2.4.6, tifffile 2026.3.3, on Python 3.11 for Linux.
#
# Four bands with photometric='rgb' get the tag ExtraSamples = 2, unassociated alpha, without being asked to; with a
# fifth band, both are left unspecified. Every reader that believes the tag then takes a measured band, such as near
# infrared, for transparency: Pillow opens the file as RGBA, and laying it on a background, as is usual before training
# a network, mixes the colours with the measurement. extrasamples=['unspecified'] avoids this.
#
# Output seen:
#   4 bands: UNASSALPHA, read by Pillow as RGBA
#   5 bands: UNSPECIFIED, UNSPECIFIED, read by Pillow as RGB
#   red 40 beside near infrared 0 on white: 255
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
for num in (4, 5):
    bands = np.zeros((8, 8, num), np.uint8)
    bands[..., 0] = 40
    tifffile.imwrite(f"{num}.tif", bands, photometric="rgb")
    with tifffile.TiffFile(f"{num}.tif") as file:
        kinds = ", ".join(kind.name for kind in file.pages[0].extrasamples)
    found.append((kinds, Image.open(f"{num}.tif").mode))
    print(f"{num} bands: {kinds}, read by Pillow as {found[-1][1]}")
image = Image.open("4.tif")
red = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).getpixel((0, 0))[0]
print(f"red 40 beside near infrared 0 on white: {red}")
assert found == [("UNASSALPHA", "RGBA"), ("UNSPECIFIED, UNSPECIFIED", "RGB")] and red == 255
PYTHON
echo "still so: tifffile_declares_a_fourth_band_transparent"

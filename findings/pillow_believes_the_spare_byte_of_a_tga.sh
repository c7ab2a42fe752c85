#!/usr/bin/env bash
# Pillow reads a 32-bit TGA that declares no transparency as fully transparent.
# Seen with Pillow 13.0.0, on Python 3.11 for Linux.
#
# The low half of byte 17 of a TGA's header counts the alpha bits of a pixel. Programs that pad 24-bit colours to 32 bits
# write 0 there, and usually 0 into the spare byte. Pillow ignores the count: the mode is RGBA and every pixel has
# alpha 0, so the image vanishes on any background. 24-bit files with the same colours are opaque.
#
# Output seen:
#   32 bits, 0 of them transparency: RGBA (7, 8, 9, 0)
#   24 bits: RGB (7, 8, 9)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
./venv/bin/python - <<'PYTHON'
import io
import struct

from PIL import Image


def tga(bits: int, pixel: bytes) -> bytes:
    return struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 4, 4, bits, 0x20) + pixel * 16


padded = Image.open(io.BytesIO(tga(32, bytes([9, 8, 7, 0]))))
plain = Image.open(io.BytesIO(tga(24, bytes([9, 8, 7]))))
print(f"32 bits, 0 of them transparency: {padded.mode} {padded.getpixel((0, 0))}")
print(f"24 bits: {plain.mode} {plain.getpixel((0, 0))}")
assert (padded.mode, padded.getpixel((0, 0))) == ("RGBA", (7, 8, 9, 0)) and plain.getpixel((0, 0)) == (7, 8, 9)
PYTHON
echo "still so: pillow_believes_the_spare_byte_of_a_tga"

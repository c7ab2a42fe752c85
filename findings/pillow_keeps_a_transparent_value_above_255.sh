#!/usr/bin/env bash
# Pillow honours the transparent value of a 16-bit grey PNG up to 255 and ignores it above.
# Seen with Pillow 13.0.0, NumPy 2.4.6, on Python 3.11 for Linux.
#
# A grey PNG may declare one value as transparent (tRNS). Pillow opens 16 bits as mode I;16 and keeps the value in
# info['transparency']. Converting to RGBA first clips all values at 255 and only then looks for it: 65 is found and
# becomes clear; 3785 is not and stays opaque, as white as everything else above 255.
#
# Output seen:
#   value 65: 1 of 1 pixels clear
#   value 3785: 0 of 1 pixels clear
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import io
import struct
import zlib

import numpy as np
from PIL import Image


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


values = np.arange(64).reshape(8, 8) * 60 + 5
rows = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))
found = []
for clear in (65, 3785):
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 0, 0, 0, 0))
    png += chunk(b"tRNS", struct.pack(">H", clear)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    image = Image.open(io.BytesIO(png))
    assert image.mode == "I;16" and image.info["transparency"] == clear
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    found.append(int((alpha == 0).sum()))
    print(f"value {clear}: {found[-1]} of {(values == clear).sum()} pixels clear")
assert found == [1, 0]
PYTHON
echo "still so: pillow_keeps_a_transparent_value_above_255"

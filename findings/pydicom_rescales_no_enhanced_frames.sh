#!/usr/bin/env bash
# pydicom's apply_modality_lut and apply_voi_lut leave the frames of enhanced CT and MR files as they are stored.
# Seen with pydicom 3.0.2, NumPy 2.4.6, on Python 3.11 for Linux.
#
# Enhanced multi-frame files keep slope, intercept and window of each frame in functional groups, not beside the pixels
# (PS3.3 C.7.6.16). Both functions look beside the pixels only, and return the stored numbers without a word: a
# program that is right for single-frame CT takes stored numbers for Hounsfield units here.
#
# Output seen:
#   slope 1, intercept -1024 beside the pixels: 1000 becomes -24
#   the same in a functional group: 1000 becomes 1000
#   a window of 1 around 0 in a functional group: 1000 becomes 1000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check pydicom==3.0.2 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

pixels = np.full((4, 4), 1000, np.uint16)


def save(name, kind, **more):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = kind
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.Rows, made.Columns, made.SamplesPerPixel, made.PhotometricInterpretation = 4, 4, 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = pixels.tobytes()
    for key, value in more.items():
        setattr(made, key, value)
    made.save_as(name, enforce_file_format=True)
    return dcmread(name)


rescaling, window = Dataset(), Dataset()
rescaling.RescaleIntercept, rescaling.RescaleSlope, rescaling.RescaleType = -1024, 1, "HU"
window.WindowCenter, window.WindowWidth = 0, 1
group = Dataset()
group.PixelValueTransformationSequence, group.FrameVOILUTSequence = [rescaling], [window]
plain = save("plain.dcm", CTImageStorage, RescaleSlope=1, RescaleIntercept=-1024)
enhanced = save(
    "enhanced.dcm", EnhancedCTImageStorage, NumberOfFrames=1, SharedFunctionalGroupsSequence=[group],
    PerFrameFunctionalGroupsSequence=[Dataset()],
)
found = [int(apply_modality_lut(made.pixel_array, made).flat[0]) for made in (plain, enhanced)]
shown = int(apply_voi_lut(enhanced.pixel_array, enhanced).flat[0])
print(f"slope 1, intercept -1024 beside the pixels: 1000 becomes {found[0]}")
print(f"the same in a functional group: 1000 becomes {found[1]}")
print(f"a window of 1 around 0 in a functional group: 1000 becomes {shown}")
assert found == [-24, 1000] and shown == 1000
PYTHON
echo "still so: pydicom_rescales_no_enhanced_frames"

#!/usr/bin/env bash
# nibabel stretches a label map when it is saved with an integer type, and the labels are no whole numbers when read.
# Seen with nibabel 5.4.2, NumPy 2.4.6, on Python 3.11 for Linux.
#
# Labels 0 to 3 in a float array (what get_fdata returns, and most tools pass on), saved after set_data_dtype(int16):
# nibabel uses the whole range of int16 and writes a scale into the header. Read again, the labels are a little below
# the whole numbers (2.99999...), and a cast to int, as label maps are used, turns each but 0 into the label below.
# An array cast to int16 before keeps its labels.
#
# Output seen:
#   labels [0. 1. 2. 3.] saved as int16, read and cast: [0 0 1 2]
#   cast first: [0 1 2 3]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check nibabel==5.4.2 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import nibabel
import numpy as np

labels = np.arange(4.0).reshape(4, 1, 1)
image = nibabel.Nifti1Image(labels, np.eye(4))
image.set_data_dtype(np.int16)
nibabel.save(image, "labels.nii")
read = nibabel.load("labels.nii").get_fdata().astype(int).ravel()
nibabel.save(nibabel.Nifti1Image(labels.astype(np.int16), np.eye(4)), "cast.nii")
cast = nibabel.load("cast.nii").get_fdata().astype(int).ravel()
print(f"labels {labels.ravel()} saved as int16, read and cast: {read}")
print(f"cast first: {cast}")
assert (read != labels.ravel()).any() and (cast == labels.ravel()).all()
PYTHON
echo "still so: nibabel_saves_labels_with_a_scale"

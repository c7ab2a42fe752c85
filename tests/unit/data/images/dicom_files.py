"""DICOM files that tests write with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

GREY = (np.arange(64, dtype=np.uint16).reshape(8, 8) * 60 + 5) % 4096  # 5 to 3785


def elements(values: np.ndarray[Any, Any], bits: int | None = None, **more: Any) -> Dataset:
    """A data set with these values `(H, W)`, `(H, W, 3)` or, with NumberOfFrames, `(F, H, W)`."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid(entropy_srcs=["one of the tests"])
    made.Modality = "OT"
    is_colour = values.ndim > 2 and values.shape[-1] == 3
    made.Rows, made.Columns = values.shape[-3:-1] if is_colour else values.shape[-2:]
    made.SamplesPerPixel = 3 if is_colour else 1
    if is_colour:
        made.PlanarConfiguration = 0
    made.BitsAllocated = values.dtype.itemsize * 8
    made.BitsStored = bits or made.BitsAllocated
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    made.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def write(path: Path, values: np.ndarray[Any, Any], bits: int | None = None, **more: Any) -> Path:
    """The same as a file."""
    return save(path, elements(values, bits, **more))


def save(path: Path, made: Dataset) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, made, enforce_file_format=True)
    return path

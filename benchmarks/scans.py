"""How fast scans are decoded, beside the libraries that read them: `python benchmarks/scans.py [files]`.

Writes DICOM files and 16-bit TIFFs (half of them packed) of 512 x 512 px to a temporary folder, and reads them in one run by
what the library's documentation shows (`pydicom.dcmread(path).pixel_array`, `tifffile.imread(path)`), by sdl's reader alone
(pixels as measured, float32), and by sdl whole (the same brought to squares of 64 px, as training reads them). Files a second of
the processor, so that other work on the machine hardly counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import tifffile
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from sdl_cli.data.images import dicom, tiff
from sdl_cli.data.images.decode import decode_file
from sdl_cli.data.images.pixels import USUAL

SIDE, TURNS = 512, 3


def write(folder: Path, num: int) -> tuple[list[Path], list[Path]]:
    rng = np.random.default_rng(0)
    scans, tiffs = [], []
    for i in range(num):
        values = rng.integers(0, 4096, (SIDE, SIDE)).astype(np.uint16)
        made = Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = CTImageStorage
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made.PatientID, made.Modality, made.PhotometricInterpretation = str(i), "CT", "MONOCHROME2"
        made.Rows = made.Columns = SIDE
        made.SamplesPerPixel, made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 1, 16, 12, 11, 0
        made.RescaleSlope, made.RescaleIntercept, made.PixelData = 1, -1024, values.tobytes()
        scans.append(folder / f"{i}.dcm")
        made.save_as(scans[-1], enforce_file_format=True)
        tiffs.append(folder / f"{i}.tif")
        tifffile.imwrite(tiffs[-1], values, photometric="minisblack", compression="zlib" if i % 2 else None)
    return scans, tiffs


def rates(files: list[Path], readers: dict[str, Callable[[Path], Any]]) -> dict[str, float]:
    """Files that each reads in a second of the processor: the best of some turns, one after the other in each turn."""
    best = dict.fromkeys(readers, 0.0)
    for _ in range(TURNS):
        for name, read in readers.items():
            started = time.process_time()
            for file in files:
                read(file)
            best[name] = max(best[name], len(files) / (time.process_time() - started))
    return best


def main() -> None:
    num = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        scans, tiffs = write(Path(folder), num)
        kinds: list[tuple[str, list[Path], dict[str, Callable[[Path], Any]]]] = [
            (
                "DICOM",
                scans,
                {
                    "pydicom": lambda path: pydicom.dcmread(path).pixel_array,
                    "sdl, pixels": lambda path: dicom.read(path, 0, USUAL, print),
                },
            ),
            ("16-bit TIFF", tiffs, {"tifffile": tifffile.imread, "sdl, pixels": lambda path: tiff.read(path, print)}),
        ]
        for kind, files, readers in kinds:
            readers["sdl, squares"] = lambda path: decode_file(path, 64, "grey")
            found = rates(files, readers)
            library = next(iter(found.values()))
            for name, rate in found.items():
                print(f"{kind:12} {name:13} {rate:6,.0f} files/s  {rate / library:5.0%}")


if __name__ == "__main__":
    main()

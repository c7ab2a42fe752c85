"""The patients that DICOM files name: pictures of one patient must not stand on two sides of a split."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.images import dicom
from sdl_cli.data.images.readers import is_nameless_scan
from sdl_cli.errors import DataError
from sdl_cli.settings.machine import available_cores

SEVERAL_OF_ONE = "keeps those of one patient on one side of every split."
FIELD = "PatientID"  # DICOM's own name, tag (0010,0020)


def patients_of(files: Sequence[Path]) -> Array:
    """The patient of each file, objects `(N,)` of str or None. Raises DataError: no file names one."""
    found = _patients(files)
    if all(patient is None for patient in found):
        raise DataError(f"dataset.group={FIELD}: no file is DICOM and names a patient.", "Give a pattern for the names of files.")
    return np.array(found, dtype=object)


def patient_notes(files: Sequence[Path]) -> list[str]:
    """A sentence where DICOM files name fewer patients than there are files, and nobody has asked to keep them apart."""
    known = [patient for patient in _patients(files) if patient is not None]
    num = len(set(known))
    if num == len(known):
        return []
    whose = "1 patient" if num == 1 else f"{num:,} patients"
    return [f"{len(known):,} DICOM files are of {whose}: dataset.group={FIELD} {SEVERAL_OF_ONE}"]


def _patients(files: Sequence[Path]) -> list[str | None]:
    def look(file: Path) -> str | None:
        is_scan = dicom.matches(b"", file.name) or is_nameless_scan(file)
        return dicom.patient(file) if is_scan and file.is_file() else None

    with warnings.catch_warnings():  # once here, not in the threads: the filters belong to the whole process
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(available_cores()) as pool:
            return list(pool.map(look, files))

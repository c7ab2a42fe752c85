"""Which reader an image file needs: its own here, or Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdl_cli.data.images import dicom, heif, nifti
from sdl_cli.data.images.pixels import Source, opened

_HEAD_BYTES = 352
_DICOM_FOLDER = "DICOMDIR"  # a list of files, and no picture


def reader_of(source: Source) -> Any:
    """The module that reads a file (with `read`, `count` and `size_and_mode`), or None where Pillow or tifffile does.

    Raises DataError: a HEIC file, and its plugin for Pillow is not installed.
    """
    with opened(source) as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
    name = source.name if isinstance(source, Path) else ""
    if heif.matches(head, name):
        heif.register()
        return None
    return next((reader for reader in (dicom, nifti) if reader.matches(head, name)), None)


def is_nameless_scan(file: Path) -> bool:
    """Whether a file without an ending, or with numbers for one, is DICOM, as archives of hospitals name them."""
    ending = file.suffix[1:]
    if (ending and not ending.isdecimal()) or file.name.upper() == _DICOM_FOLDER:
        return False
    try:
        if not file.is_file():
            return False
        with file.open("rb") as opened_file:
            return dicom.matches(opened_file.read(_HEAD_BYTES), "")
    except OSError:
        return False

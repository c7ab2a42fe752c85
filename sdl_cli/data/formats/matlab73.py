"""The variables of a MATLAB file of version 7.3, which is HDF5: sizes the other way round, cells by reference."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.formats.matlab5 import rows_of_text
from sdl_cli.data.formats.matlab_values import MOST_DEPTH, Kind, Value, other, require_bytes
from sdl_cli.errors import DataError
from sdl_cli.phrases import first_line, shortened

HDF5 = b"\x89HDF\r\n\x1a\n"
_NUMBERS = ("double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_FILTERS = frozenset((1, 2, 3))  # deflate, shuffle, checksum: what MATLAB writes; others would load programs of the machine
_MOST_MEMBERS = 100_000
_MOST_LETTERS = 1000  # of the name of a class


class Matlab73:
    """An open file; close it once its values have been read."""

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError as error:
            raise DataError(
                f"{path}: reading MATLAB files of version 7.3 needs h5py.",
                "pip install 'sdl-cli[matlab]', or save it with '-v7'",
            ) from error
        self._path, self._h5py = path, h5py
        try:
            self._file = h5py.File(path, "r", locking=False)
        except Exception as error:  # h5py has many kinds for a damaged file
            raise self._damaged(error) from error

    def __enter__(self) -> Matlab73:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _damaged(self, error: Exception) -> DataError:
        said = shortened(first_line(error).strip("'\""), 100)
        return DataError(f"{self._path}: this MATLAB file cannot be read: {said}.", "Copy or save it again.")

    def variables(self) -> dict[str, Value]:
        """The variables by name. Raises DataError: a damaged file."""
        return self._members(self._file, 0)

    def _members(self, group: Any, depth: int) -> dict[str, Value]:
        try:
            names = [name for name in group if not name.startswith("#")]
            if len(names) > _MOST_MEMBERS:
                raise DataError(f"{self._path}: it holds {len(names):,} variables.", "Save fewer.")
            links = {name: group.get(name, getlink=True) for name in names}
            own = {name: group[name] for name, link in links.items() if isinstance(link, self._h5py.HardLink)}
            # names are listed by the alphabet: as they lie in the file, they stand in the order in which they were saved
            place = {name: self._h5py.h5o.get_info(found.id).addr for name, found in own.items()}
            ordered = sorted(names, key=lambda name: place.get(name, 0))
            return {name: self._value(own[name], depth) if name in own else other("link to elsewhere") for name in ordered}
        except DataError:
            raise
        except Exception as error:
            raise self._damaged(error) from error

    def _value(self, found: Any, depth: int) -> Value:
        if depth > MOST_DEPTH:
            raise DataError(f"{self._path}: cells or structs stand more than {MOST_DEPTH} deep in one another.", "Save fewer.")
        own, what = found.attrs, _class_of(found)
        if "MATLAB_sparse" in own:
            return other("sparse")
        if "MATLAB_object_decode" in own or what == "function_handle":
            return other("function handle" if what == "function_handle" else what or "object")
        if isinstance(found, self._h5py.Group):
            if what not in ("struct", ""):
                return other(what)
            return Value("struct", (1, 1), lambda: self._fields(found, depth))
        if not isinstance(found, self._h5py.Dataset) or found.shape is None:
            return other("empty data set")
        if "MATLAB_empty" in own:  # what it holds is its size
            return Value("number", (0, 0), lambda: np.zeros((0, 0)))
        dims = tuple(reversed(found.shape))
        dims = dims if len(dims) > 1 else (*dims, 1)[:2] if dims else (1, 1)
        kind: Kind
        if found.dtype.kind == "O" and self._h5py.check_ref_dtype(found.dtype) is self._h5py.Reference:
            kind = "cell"
            return Value(kind, dims, lambda: self._cells(found, depth))
        if found.dtype.kind not in "iufb":
            is_complex = found.dtype.kind == "c" or found.dtype.names == ("real", "imag")
            return other("complex" if is_complex else shortened(str(found.dtype), 30), dims)
        if what == "char":
            return Value("char", dims, lambda: rows_of_text(self._path, self._array(found).ravel(), dims))
        if what not in (*_NUMBERS, "logical", ""):
            return other(what, dims)
        kind = "logical" if what == "logical" or found.dtype.kind == "b" else "number"
        return Value(kind, dims, lambda: self._array(found).T.reshape(dims))

    def _fields(self, group: Any, depth: int) -> dict[str, list[Value]]:
        """A struct's fields; of an array of structs each field is a data set of references."""
        members = self._members(group, depth + 1)
        arrays = {name for name in members if self._is_array_of_structs(group, name)}
        return {name: value.read() if name in arrays else [value] for name, value in members.items()}

    def _is_array_of_structs(self, group: Any, name: str) -> bool:
        found = group.get(name)
        return isinstance(found, self._h5py.Dataset) and found.dtype.kind == "O" and "MATLAB_class" not in found.attrs

    def _cells(self, found: Any, depth: int) -> list[Value]:
        require_bytes(self._path, 1000 * math.prod(found.shape))  # each is a small object once it is read
        references = self._array(found).ravel()
        try:
            return [self._value(self._file[reference], depth + 1) for reference in references]
        except DataError:
            raise
        except Exception as error:
            raise self._damaged(error) from error

    def _array(self, found: Any) -> Any:
        """All of a data set, if it lies in this file, is packed in a usual way, and fits into memory."""
        settings = found.id.get_create_plist()
        if found.external or found.is_virtual:
            raise DataError(f"{self._path}: {shortened(found.name)} lies in another file, which is not read.", "Save it whole.")
        filters = {int(settings.get_filter(i)[0]) for i in range(settings.get_nfilters())}
        if not filters <= _FILTERS:
            raise DataError(
                f"{self._path}: {shortened(found.name)} is packed in a way that MATLAB does not use.", "Save it anew."
            )
        chunk = math.prod(found.chunks or ())
        require_bytes(self._path, 2 * found.dtype.itemsize * (math.prod(found.shape) + chunk))
        try:
            return found[()]
        except Exception as error:
            raise self._damaged(error) from error


def _class_of(found: Any) -> str:
    """The attribute MATLAB_class, where it is a text of a fixed length: in a damaged file, reading others may never end."""
    if "MATLAB_class" not in found.attrs:
        return ""
    attribute = found.attrs.get_id("MATLAB_class")
    if attribute.dtype.kind != "S" or attribute.shape != () or attribute.dtype.itemsize > _MOST_LETTERS:
        return ""
    value = found.attrs["MATLAB_class"]
    return bytes(value).decode("latin-1")

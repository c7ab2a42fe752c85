"""R's short forms of vectors (a sequence, numbers that are to be text), written out up to a size.

rdata 1.1.0 would allocate whatever length a sequence claims, and write numbers as text in Python's way instead of R's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sdl_cli.data.formats.r_values import UnreadError
from sdl_cli.data.formats.typed_columns import number_text
from sdl_cli.settings.machine import available_bytes

_NUMBER_BYTES = 16  # of a number of a sequence, and its mask
_STRING_BYTES = 500  # of a string of rdata


def constructors() -> Mapping[bytes, Any]:
    """What rdata calls for each short form: a function of its state that gives the info and value of the vector."""
    from rdata.parser import DEFAULT_ALTREP_MAP

    return {**DEFAULT_ALTREP_MAP, b"compact_intseq": _whole_sequence, b"compact_realseq": _sequence, b"deferred_string": _strings}


def _checked(state: Any) -> tuple[int, float, float]:
    count, first, step = (float(value) for value in state.value[:3])
    if not 0 <= count * _NUMBER_BYTES <= available_bytes() or count != int(count):
        raise UnreadError("a sequence is too long")
    return int(count), first, step


def _whole_sequence(state: Any) -> tuple[Any, Any]:
    count, first, step = _checked(state)
    ends = (first, first + step * max(count - 1, 0))
    if any(abs(end) >= 2**31 for end in ends):
        raise UnreadError("a sequence of integers goes beyond 32 bits")
    return _info("INT"), (int(first) + int(step) * np.arange(count)).astype(np.int32)


def _sequence(state: Any) -> tuple[Any, Any]:
    count, first, step = _checked(state)
    return _info("REAL"), first + step * np.arange(count, dtype=np.float64)


def _strings(state: Any) -> tuple[Any, Any]:
    """as.character of numbers: R writes 15 digits."""
    from rdata.parser import RObject

    found = state.value[0].value
    if len(found) * _STRING_BYTES > available_bytes():
        raise UnreadError("too many strings")
    missing, values = np.ma.getmaskarray(found), np.ma.getdata(found)

    def written(value: float) -> bytes | None:
        return ("NaN" if np.isnan(value) else str(number_text(float(f"{value:.15g}")))).encode()

    words = [None if lost else written(float(value)) for value, lost in zip(values, missing, strict=True)]
    return _info("STR"), [RObject(_info("CHAR", 64), word, None) for word in words]


def _info(kind: str, marks: int = 0) -> Any:
    from rdata.parser import RObjectInfo, RObjectType

    return RObjectInfo(RObjectType[kind], object=False, attributes=False, tag=False, gp=marks, reference=0)

"""What a MATLAB file holds, whichever of its forms it has: variables with their class and size, read when they are used."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sdl_cli.errors import DataError
from sdl_cli.settings.machine import available_bytes

Kind = Literal["number", "logical", "char", "cell", "struct", "other"]
MOST_DEPTH = 20  # of cells and structs in one another
_WAYS_OUT = {
    "table": "In MATLAB: s = table2struct({0}, 'ToScalar', true); save('new.mat', '-struct', 's')",
    "timetable": "In MATLAB: s = table2struct(timetable2table({0}), 'ToScalar', true); save('new.mat', '-struct', 's')",
    "string": "In MATLAB: {0} = cellstr({0}), then save it again.",
    "categorical": "In MATLAB: {0} = cellstr({0}), then save it again.",
    "datetime": "In MATLAB: {0} = cellstr({0}, 'yyyy-MM-dd HH:mm:ss'), then save it again.",
    "duration": "In MATLAB: {0} = seconds({0}), then save it again.",
    "sparse": "In MATLAB: {0} = full({0}), then save it again.",
    "complex": "In MATLAB: {0} = abs({0}), or its real and imaginary parts side by side; then save it again.",
}


@dataclass(frozen=True)
class Value:
    """A variable, a field or a cell.

    Arguments:
        dims: rows, columns, ... as MATLAB shows them. what: the class of a kind `other`, such as `table`.
        read: gives the values: an array of these dims; of a char the text of each row; of a cell its values, and of a struct by
            field its values, each column by column.
    """

    kind: Kind
    dims: tuple[int, ...]
    read: Callable[[], Any]
    what: str = ""

    @property
    def size(self) -> int:
        return math.prod(self.dims)

    @property
    def shown(self) -> str:
        """Its size and class for messages: `100 x 4 double`."""
        kind = {"number": "numbers", "logical": "logicals", "char": "text", "other": self.what}.get(self.kind, self.kind)
        return f"{' x '.join(map(str, self.dims))} {kind}"


def other(what: str, dims: tuple[int, ...] = (1, 1)) -> Value:
    """A value that no table holds."""
    return Value("other", dims, lambda: None, what)


def way_out(name: str, what: str) -> str:
    """How a value of a class that is not read is saved otherwise."""
    shown = name if name.isidentifier() and len(name) < 64 else "x"
    return _WAYS_OUT.get(what, "Save it as a matrix, a cell array of text, or a struct with a field for each column.").format(
        shown
    )


def require_bytes(source: object, needed: int) -> None:
    """Raise DataError where arrays of so many bytes would not fit into memory."""
    if needed > (free := available_bytes()):
        raise DataError(
            f"{source}: its arrays, unpacked, take {needed / 2**30:,.1f} GB, and {free / 2**30:.1f} GB of memory are free.",
            "Save fewer rows or columns, or name one variable: dataset.variable=NAME",
        )

"""Which variables of a MATLAB file are its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.formats.matlab_values import Value, way_out
from sdl_cli.data.formats.typed_columns import width_of
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed, shortened
from sdl_cli.settings.parse import suggest

_KEY = "dataset.variable"
_SHOWN = 6
Scope = Mapping[str, Value]


@dataclass
class Chosen:
    """The variables of a table, all of as many rows, and notes on the others.

    Arguments:
        where: the file, and in it the struct. scope: its variables.
        matrix: the name of the one whose columns are x0, x1, ..., if there is one. columns: names of those with one column.
    """

    where: str
    scope: Scope
    matrix: str | None
    columns: list[str]
    notes: list[str]


def choose(where: str, scope: Scope, asked: Asked) -> Chosen:
    """The table that is meant.

    Raises DataError: there is none, the one that was asked for does not fit, or several could be meant.
    """
    if asked.variable in scope or (asked.variable is not None and not asked.new_rows):
        return _asked_for(where, scope, asked)
    _refuse_asked_objects(where, scope, asked)
    known = {name: value for name, value in scope.items() if value.kind != "other" and value.size}
    if not known:
        raise _nothing(where, scope)
    if len(known) == 1 and (name := next(iter(known))) and known[name].kind == "struct":
        return _in_struct(where, name, known[name], asked, _left_notes(scope, {name}, None))
    width = _width(scope, asked)
    target = next((name for name in asked.columns if name in known and num_rows(known[name]) > 1), None)
    wide = [name for name, value in known.items() if _is_wide(value, width) and name != target]
    if target is not None:
        length = num_rows(known[target])
        fitting = [name for name in wide if known[name].dims[0] == length]
        if wide and not fitting and not any(_is_column(v) and num_rows(v) == length for n, v in known.items() if n != target):
            raise _no_matrix_fits(where, known, wide[0], target)
        wide = fitting
    structs = [] if target is not None else [name for name, value in known.items() if value.kind == "struct"]
    if len(wide) + len(structs) > 1:
        raise _several(where, known, [*wide, *structs])
    if structs:
        if any(_is_column(value) and num_rows(value) > 1 for value in known.values()):
            raise _several(where, known, [*structs, *(n for n, v in known.items() if _is_column(v) and num_rows(v) > 1)])
        return _in_struct(where, structs[0], known[structs[0]], asked, _left_notes(scope, set(structs), None))
    return _joined(where, scope, known, wide[0] if wide else None, target)


def _joined(where: str, scope: Scope, known: Scope, matrix: str | None, target: str | None) -> Chosen:
    """A matrix and the columns of as many rows; without a matrix, the columns of the target's length or of most lengths."""
    single = {name: num_rows(value) for name, value in known.items() if _is_column(value) and name != matrix}
    if matrix is not None:
        length = known[matrix].dims[0]
    elif target is not None:
        length = num_rows(known[target])
    else:
        if not single:
            raise _nothing(where, scope)
        length = max(Counter(single.values()).items(), key=lambda found: (found[1], found[0]))[0]
    columns = [name for name, size in single.items() if size == length]
    taken = {*columns, *([matrix] if matrix else [])}
    return Chosen(where, scope, matrix, columns, _left_notes(scope, taken, length))


def _asked_for(where: str, scope: Scope, asked: Asked) -> Chosen:
    name = str(asked.variable)
    if name not in scope:
        message = f"{_KEY}: {where} has no variable {shortened(name)!r}.{suggest(name, list(scope))}"
        raise DataError(message, f"It holds: {_shown(scope, list(scope))}.")
    value = scope[name]
    if value.kind == "other":
        raise _is_object(where, name, value)
    if not value.size:
        raise DataError(f"{where}: the variable {shortened(name)} is empty.", f"It holds: {_shown(scope, list(scope))}.")
    if value.kind == "struct":
        return _in_struct(where, name, value, asked, [])
    _refuse_asked_objects(where, scope, asked)
    wide = _is_wide(value, _width(scope, asked))
    length = value.dims[0] if wide else num_rows(value)
    others = {n: v for n, v in scope.items() if n != name and v.kind not in ("other", "struct") and v.size and _is_column(v)}
    wanted = {n: v for n, v in others.items() if n in asked.columns} or others
    for other, found in wanted.items():
        if other in asked.columns and num_rows(found) != length:
            raise _no_matrix_fits(where, scope, name, other)
    columns = [n for n, v in wanted.items() if num_rows(v) == length]
    return Chosen(where, scope, name if wide else None, columns if wide else [name, *columns], [])


def _in_struct(where: str, name: str, value: Value, asked: Asked, notes: list[str]) -> Chosen:
    """The table in a struct: its fields like variables, or a row for each of an array of structs."""
    fields: dict[str, list[Value]] = value.read()
    inside = f"{where}, {shortened(name, 40)}"
    if not fields or any(not values for values in fields.values()):
        raise DataError(f"{inside}: this struct holds nothing.", f"Name another variable: {_KEY}=NAME")
    sizes = {len(values) for values in fields.values()}
    if sizes == {1}:
        found = choose(inside, {field: values[0] for field, values in fields.items()}, replace(asked, variable=None))
        found.notes[:0] = notes
        return found
    if len(sizes) > 1:
        raise DataError(f"{inside}: the fields of this array of structs are not equally long.", "Save it again.")
    size = sizes.pop()
    cells = {field: Value("cell", (size, 1), lambda values=values: values) for field, values in fields.items()}  # type: ignore[misc]
    return Chosen(inside, cells, None, list(cells), notes)


def num_rows(value: Value) -> int:
    """The rows of a variable as one column: the length of a row or column, the lines of a text."""
    return value.dims[0] if value.kind == "char" or not _is_line(value) else value.size


def _width(scope: Scope, asked: Asked) -> int:
    """How many columns a matrix needs for those that are asked for: x1 is one of a matrix where no variable is called so."""
    return width_of([name for name in asked.columns if name not in scope])


def _is_line(value: Value) -> bool:
    return len(value.dims) == 2 and min(value.dims) == 1


def _is_column(value: Value) -> bool:
    if value.kind == "char":
        return len(value.dims) == 2
    return value.kind in ("number", "logical", "cell") and _is_line(value)


def _is_wide(value: Value, width: int) -> bool:
    """Whether a variable is a matrix of several columns; `width` columns are needed, so that a single row may be one."""
    if value.kind not in ("number", "logical", "cell") or len(value.dims) != 2:
        return False
    return min(value.dims) > 1 or (width > 0 and value.dims[0] == 1 and value.dims[1] >= max(width, 2))


def _shown(scope: Scope, names: list[str]) -> str:
    return listed([f"{shortened(name, 30)} ({scope[name].shown})" for name in names[:_SHOWN]], _SHOWN, len(names))


def _several(where: str, known: Scope, names: list[str]) -> DataError:
    return DataError(
        f"{where}: several variables could be the table: {_shown(known, names)}.",
        f"Say which: {_KEY}={shortened(names[0], 30)} (of new rows, save one of them only)",
    )


def _no_matrix_fits(where: str, scope: Scope, matrix: str, column: str) -> DataError:
    own, length = scope[matrix], num_rows(scope[column])
    first = f"{shortened(matrix, 30)} ({own.shown})"
    turned = len(own.dims) == 2 and own.dims[1] == length
    hint = (
        f"Save it with one row for each value: {shortened(matrix, 30)} = {shortened(matrix, 30)}'"
        if turned
        else "Save them alike."
    )
    return DataError(f"{where}: {first} and {shortened(column, 30)} ({scope[column].shown}) do not have as many rows.", hint)


def _is_object(where: str, name: str, value: Value) -> DataError:
    kinds = {"sparse": "a sparse matrix", "complex": "complex numbers", "function handle": "a function handle"}
    what = kinds.get(value.what, f"a MATLAB {shortened(value.what, 30)}")
    return DataError(f"{where}: {shortened(name)} is {what}, which sdl does not read.", way_out(name, value.what))


def _refuse_asked_objects(where: str, scope: Scope, asked: Asked) -> None:
    for name in asked.columns:
        if name in scope and scope[name].kind == "other":
            raise _is_object(where, name, scope[name])


def _nothing(where: str, scope: Scope) -> DataError:
    for name, value in scope.items():
        if value.kind == "other":
            return _is_object(where, name, value)
    holds = f" It holds {_shown(scope, list(scope))}." if scope else ""
    return DataError(f"{where}: no variable holds a table.{holds}", "Save a matrix X and a vector y, or a struct of columns.")


def _left_notes(scope: Scope, taken: set[str], length: int | None) -> list[str]:
    """What was left out, and why."""
    left = [name for name in scope if name not in taken]
    odd = [name for name in left if scope[name].kind == "other"]
    empty = [name for name in left if scope[name].kind != "other" and not scope[name].size]
    rest = [name for name in left if name not in odd and name not in empty]
    notes = []
    if rest:
        why = "" if length is None else f", as they do not have one value for each of the {counted(length, 'row')}"
        notes.append(f"Variables left out{why}: {_shown(scope, rest)}.")
    if empty:
        notes.append(f"Empty variables were left out: {listed([shortened(name, 30) for name in empty], _SHOWN)}.")
    for name in odd[:3]:
        error = _is_object("", name, scope[name])
        notes.append(f"{error.message.removeprefix(': ')} It was left out. {error.hint}")
    return notes

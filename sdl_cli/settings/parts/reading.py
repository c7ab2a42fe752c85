"""What the source of a class says of it, without running any of it: its docstring, its arguments, its constants."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union

from sdl_cli.errors import ConfigError
from sdl_cli.files import read_guarded
from sdl_cli.phrases import first_line, listed

MOST_BYTES = 4 << 20  # of a source file
_SCALARS: dict[str, Any] = {"int": int, "float": float, "bool": bool, "str": str}
ANY: Any = Union[Any, None]  # noqa: UP007  what has no type may be null too
_WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor.

    Arguments:
        hint: the type as `parse` checks it; ANY where the source says none, or one that no YAML can hold.
        said: the type in words, or as it is written; empty where there is none.
        default: its value where `has_default`; None where `computed`.
        computed: its default is no plain value, so that only the code knows it.
        as_list: a list is wanted, not a tuple.
    """

    name: str
    hint: Any = ANY
    said: str = ""
    default: Any = None
    has_default: bool = False
    computed: bool = False
    as_list: bool = False


@dataclass(frozen=True)
class Description:
    """What the source of a class says of it.

    Arguments:
        doc: its docstring, with its indentation removed; may be empty.
        constants: the plain values that are assigned in its body.
        methods: the names of its own functions.
        has_base: it inherits from something that is not in its file.
    """

    doc: str = ""
    arguments: tuple[Argument, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    methods: frozenset[str] = frozenset()
    has_base: bool = False

    @property
    def summary(self) -> str:
        """The first sentence or line of the docstring."""
        return self.doc.strip().partition("\n")[0].strip()


def read_tree(file: Path, where: str) -> ast.Module:
    """The syntax tree of a source file. Raises ConfigError, which begins with `where`: it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in texts that Python will not know for ever
            return ast.parse(read_guarded(file, MOST_BYTES))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise ConfigError(
            f"{where}: {file}{line}: this cannot be read as Python: {first_line(error.msg, 200)}.", "Repair the file."
        ) from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{where}: {file} cannot be read: {first_line(error, 200)}.", "Repair the file.") from error


def describe(file: Path, name: str, where: str) -> Description:
    """What the source of a class says, nothing of which is run.

    Arguments:
        file: its module. name: of the class. where: how the messages begin, for example `loss=focal`.
    Raises:
        ConfigError: no Python, no such class, or a constructor whose arguments have no names.
    """
    classes = {node.name: node for node in read_tree(file, where).body if isinstance(node, ast.ClassDef)}
    if name not in classes:
        from sdl_cli.settings.parse import suggest  # only for errors: `sdl list` is quick

        names = f"Its classes: {listed(list(classes), 20, last=', ')}." if classes else "There is no class in it."
        raise ConfigError(f"{where}: there is no class {name} in {file}.{suggest(name, classes)}", names)
    own = classes[name]
    line, has_base = _line_of(own, classes)
    constants: dict[str, Any] = {}
    for kind in reversed(line):
        constants |= _constants(kind)
    methods = frozenset(n.name for kind in line for n in kind.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    arguments = _arguments(line, constants, f"{where}: {name} in {file}")
    return Description(ast.get_docstring(own) or "", tuple(arguments), constants, methods, has_base)


def _line_of(kind: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> tuple[list[ast.ClassDef], bool]:
    """The class and those of its file that it inherits from, nearest first; and whether there are others."""
    line, has_base = [kind], False
    for base in kind.bases:
        known = classes.get(base.id) if isinstance(base, ast.Name) else None
        if known is None or known in line:
            has_base = has_base or known is None
            continue
        above, more = _line_of(known, {name: c for name, c in classes.items() if c is not kind})
        line += [c for c in above if c not in line]
        has_base = has_base or more
    return line, has_base


def _constants(kind: ast.ClassDef) -> dict[str, Any]:
    found = {}
    for node in kind.body:
        named: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            named = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            named = [(node.target, node.value)]
        for target, value in named:
            if isinstance(target, ast.Name) and value is not None and (plain := _plain(value)) is not None:
                found[target.id] = plain[0]
    return found


def _arguments(line: Iterable[ast.ClassDef], constants: Mapping[str, Any], where: str) -> list[Argument]:
    """The arguments of the nearest `__init__`, or else the fields of a dataclass."""
    fields: list[Argument] = []
    for kind in line:
        init = next((n for n in kind.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if init is not None:
            return _of_function(init, where)
        if any(_last_name(d.func if isinstance(d, ast.Call) else d) == "dataclass" for d in kind.decorator_list):
            known = {one.name for one in fields}
            fields = [*(one for one in _of_fields(kind) if one.name not in known), *fields]
    return fields


def _of_function(init: ast.FunctionDef, where: str) -> list[Argument]:
    own = init.args
    if own.posonlyargs:
        raise ConfigError(f"{where}: an argument before / has no name to be set by.", "Leave out the / in its __init__.")
    given = own.args[1:]
    defaults: list[ast.expr | None] = (
        [*([None] * (len(given) - len(own.defaults))), *own.defaults[-len(given) :]] if given else []
    )
    pairs = [*zip(given, defaults, strict=True), *zip(own.kwonlyargs, own.kw_defaults, strict=True)]
    return [_argument(one.arg, one.annotation, default) for one, default in pairs if not one.arg.startswith("_")]


def _of_fields(kind: ast.ClassDef) -> list[Argument]:
    found = []
    for node in kind.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        outer = node.annotation.value if isinstance(node.annotation, ast.Subscript) else node.annotation
        if _last_name(outer) == "ClassVar" or node.target.id.startswith("_"):
            continue
        found.append(_argument(node.target.id, node.annotation, node.value))
    return found


def _argument(name: str, annotation: ast.expr | None, default: ast.expr | None) -> Argument:
    plain = None if default is None else _plain(default)
    value = plain[0] if plain else None
    written = _unquoted(annotation)
    hint, said = (Any, "") if annotation is None else (_hint(written), ast.unparse(annotation))
    if annotation is None and type(value) in _SCALARS.values():
        hint, said = type(value), type(value).__name__
    names = [] if written is None else [_last_name(node) for node in ast.walk(written)]
    as_list = isinstance(value, list) or "list" in names or "List" in names
    if hint is Any:
        hint = ANY
    elif default is not None and value is None:
        hint = Union[hint, None]  # noqa: UP007  of a Literal, | gives another kind
    computed = default is not None and plain is None
    return Argument(name, hint, _WORDS.get(said, said), value, default is not None, computed, as_list)


def _plain(node: ast.expr) -> tuple[Any] | None:
    """The value of a literal, or None."""
    try:
        found = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return (found,) if _fits_yaml(found) else None


def _fits_yaml(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_fits_yaml, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _fits_yaml(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def _last_name(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _unquoted(node: ast.expr | None) -> ast.expr | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return None
    return node


def _hint(node: ast.expr | None) -> Any:
    """The type that an annotation names, as far as `parse` knows it; Any for all others."""
    name = _last_name(node)
    if name in _SCALARS:
        return _SCALARS[name]
    if name in ("list", "List", "tuple", "Tuple", "Sequence"):
        return tuple[Any, ...]
    if name in ("dict", "Dict", "Mapping"):
        return dict[str, Any]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _either([node.left, node.right])
    return _of_brackets(node) if isinstance(node, ast.Subscript) else Any


def _of_brackets(node: ast.Subscript) -> Any:
    outer, inner = _last_name(node.value), node.slice
    parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
    if outer == "Literal":
        values = [_plain(part) for part in parts]
        return Literal[tuple(v[0] for v in values if v)] if all(values) else Any  # type: ignore[return-value]
    if outer == "Optional":
        return _either([*parts, ast.Constant(None)])
    if outer == "Union":
        return _either(parts)
    if outer == "Annotated":
        return _hint(parts[0])
    if outer in ("list", "List", "Sequence"):
        return tuple.__class_getitem__((_hint(parts[0]), ...))
    if outer in ("tuple", "Tuple"):
        kinds = {_hint(part) for part in parts if not _is_dots(part)}
        return tuple.__class_getitem__((kinds.pop() if len(kinds) == 1 else Any, ...))
    if outer in ("dict", "Dict", "Mapping"):
        return dict[str, _hint(parts[-1])]  # type: ignore[misc]
    return Any


def _is_dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _either(parts: Iterable[ast.expr]) -> Any:
    """X, or X | None; Any for more, which `parse` could not tell apart."""
    parts = [p for part in parts for p in ([part.left, part.right] if isinstance(part, ast.BinOp) else [part])]
    has_none = any(isinstance(part, ast.Constant) and part.value is None for part in parts)
    kinds = [_hint(_unquoted(p)) for p in parts if not (isinstance(p, ast.Constant) and p.value is None)]
    if len(kinds) != 1 or kinds[0] is Any:
        return Any
    return Union[kinds[0], None] if has_none else kinds[0]  # noqa: UP007

"""`parse` turns plain values into frozen dataclasses of settings, or reports everything that is wrong with them at once.

Each group of settings (data set, model, loss, ...) is a table of name -> dataclass; the `name` in the values picks one.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import shlex
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from sdl_cli.errors import ConfigError
from sdl_cli.settings.experiment import Experiment, Range
from sdl_cli.settings.older_names import with_new_names

Tables = Mapping[str, Mapping[str, type] | type]


def parse(tables: Tables, values: Mapping[str, Any], into: type = Experiment) -> Any:
    """Turn nested plain values, as composed from YAML, into `into`; its fields that are named in `tables` are groups.

    Arguments:
        tables: for each group, a mapping of name -> dataclass, or one dataclass if the group has no choice.
    Raises:
        ConfigError: all unknown or missing keys, wrong types, values out of range, with their full keys and what is allowed.
    """
    values = with_new_names(values)
    problems: list[str] = []
    known = _full_keys(tables, values, into)
    arguments: dict[str, Any] = {}
    hints = _hints(into)
    for key, value in values.items():
        if key in tables:
            arguments[key] = _parse_group(key, tables[key], value, known, problems)
        elif key in hints:
            arguments[key] = _convert(key, hints[key], value, problems)
        else:
            problems.append(_unknown(key, known))
    problems += _missing(into, values)
    if problems:
        raise ConfigError("\n".join(problems), _where_to_look(problems, "curve" if "curve" in tables else "train"))
    return into(**arguments)


class _Told(str):
    """A sentence of what is wrong that brings its own advice."""

    hint: str

    def __new__(cls, message: str, hint: str) -> _Told:
        found = super().__new__(cls, message)
        found.hint = hint
        return found


def parse_group(group: str, table: Mapping[str, type] | type, value: Any) -> Any:
    """Like `parse`, for the settings of one group alone."""
    problems: list[str] = []
    kind = _chosen_or_none(table, value)
    known = [] if kind is None else _own_keys(group, kind)
    found = _parse_group(group, table, value, known, problems)
    if problems:
        raise ConfigError("\n".join(problems), _where_to_look(problems))
    return found


def check_fields(kind: type, values: Mapping[str, Any], before: str = "") -> list[str]:
    """What is wrong with the values of some fields of a dataclass, a sentence each, with `before` before their names."""
    problems: list[str] = []
    for key, value in values.items():
        _convert(before + key, _hints(kind)[key], value, problems)
    return problems


def suggest(word: str, candidates: Iterable[str]) -> str:
    """`Did you mean x?` for the candidate nearest to `word`, in whatever case, or an empty string."""
    of = {candidate.lower(): candidate for candidate in reversed(list(candidates))}
    near = difflib.get_close_matches(word.lower(), list(of), n=1, cutoff=0.6)
    return f" Did you mean {of[near[0]]}?" if near else ""


def _parse_group(group: str, table: Mapping[str, type] | type, value: Any, known: list[str], problems: list[str]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(f"{group}: must be a group of settings, not {value!r}.")
        return None
    try:
        kind = _chosen(table, value)
    except ConfigError as error:  # a part of the user's own whose source cannot be read
        problems.append(_Told(error.message, error.hint))
        return None
    if kind is None:
        assert isinstance(table, Mapping)
        if value.get("name") is None and hasattr(table, "of_values"):
            names, yours = f"name: {next(iter(table))}", "_target_: my_parts.MyClass"
            problems.append(f"{group}: the choice names neither a {group} of sdl's own ({names}) nor a class of yours ({yours}).")
            return None
        name, guess = value.get("name"), suggest(str(value.get("name")), table)
        problems.append(f"{group}.name: no {group} is called {name!r}.{guess} There are: {', '.join(sorted(table))}.")
        return None
    if hasattr(kind, "from_older"):  # settings that an older version stored
        value = kind.from_older(value)
    hints = _hints(kind)
    before = len(problems)
    arguments = {}
    for key, item in value.items():
        if key not in hints:
            problems.append(_of_another(group, key, table, value) or _unknown(f"{group}.{key}", known))
        else:
            arguments[key] = _convert(f"{group}.{key}", hints[key], item, problems)
    problems += _missing(kind, value, f"{group}.")
    if len(problems) > before:
        return None
    try:
        return kind(**arguments)
    except ConfigError as error:  # a dataclass may check how its fields go together in __post_init__
        problems.append(f"{group}.{error.message}" if error.message.partition(":")[0] in hints else f"{group}: {error.message}")
        return None


def _chosen(table: Mapping[str, type] | type | None, value: Any) -> type | None:
    """The dataclass of a group: the one that the name in its values picks, where there is a choice."""
    if not isinstance(table, Mapping):
        return table
    of_values = getattr(table, "of_values", None)  # a table that takes parts of the user's own too
    own: type | None = of_values(value) if of_values is not None and isinstance(value, Mapping) else None
    if own is not None:
        return own
    name = value.get("name") if isinstance(value, Mapping) else None
    return table.get(name) if isinstance(name, str) else None


def _chosen_or_none(table: Mapping[str, type] | type | None, value: Any) -> type | None:
    """The same, and None where it cannot be read."""
    try:
        return _chosen(table, value)
    except ConfigError:
        return None


def _own_keys(group: str, kind: type) -> list[str]:
    """The settings of a choice in full; marks such as `_target_` are not among them."""
    return [f"{group}.{field.name}" for field in dataclasses.fields(kind) if not field.name.startswith("_")]


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """The type of each field; what a class says of itself (ClassVar) is no setting."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _missing(kind: type, values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """A sentence for each field without a default that is not given."""
    fields = [f for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING]
    return [f"{prefix}{f.name}: missing." for f in fields if f.name not in values]


def _convert(key: str, hint: Any, value: Any, problems: list[str]) -> Any:
    """The value as the field's type has it; None, with what is wrong added to `problems`, where it does not fit."""
    kind, bounds, optional = _taken_apart(hint, isinstance(value, (list, tuple)))
    if value == "???":  # OmegaConf's mark of a value that must be given
        problems.append(f"{key}: must be given, for example {key}=...")
    elif value is None:
        if not optional:
            problems.append(f"{key}: a value is needed here ({_expected(kind, bounds)}).")
    elif get_origin(kind) is Literal:
        if value in get_args(kind) and not isinstance(value, bool):
            return value
        names = [str(choice) for choice in get_args(kind)]
        problems.append(f"{key}: {value!r} is not one of {', '.join(names)}.{suggest(str(value), names)}")
    elif get_origin(kind) is tuple:
        if isinstance(value, (list, tuple)):
            return tuple(_convert(f"{key}[{i}]", get_args(kind)[0], item, problems) for i, item in enumerate(value))
        problems.append(f"{key}: {value!r} is not a list. Write {shlex.quote(f'{key}=[{str(value).strip(chr(39))}]')}")
    elif get_origin(kind) is dict or kind is dict:
        inner = (*get_args(kind), Any, Any)[1]
        if isinstance(value, Mapping):
            return {k: item if inner is Any else _convert(f"{key}.{k}", inner, item, problems) for k, item in value.items()}
        problems.append(f"{key}: {value!r} is not a group of key: value.")
    else:
        return value if kind is Any else _scalar(key, kind, bounds, value, problems)
    return None


def _taken_apart(hint: Any, as_list: bool = False) -> tuple[Any, Range | None, bool]:
    """Of a type hint: the bare type, its bounds, and whether None is allowed; of X | tuple[X, ...], the one for a list or not."""
    bounds, optional = None, False
    while True:
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            bounds = next((e for e in extras if isinstance(e, Range)), bounds)
        elif get_origin(hint) in (Union, types.UnionType):
            members = [a for a in get_args(hint) if a is not type(None)]
            optional = optional or len(members) < len(get_args(hint))
            if len(members) == 2:
                members = [member for member in members if (get_origin(member) is tuple) is as_list]
            assert len(members) == 1, f"{hint}: only X | None, and X | tuple[X, ...], are supported"
            hint = members[0]
        else:
            return hint, bounds, optional


def _scalar(key: str, kind: Any, bounds: Range | None, value: Any, problems: list[str]) -> Any:
    """Text, a number, or true or false; a whole number may be written as a float, and the other way round."""
    if not isinstance(value, bool):
        if kind is str and isinstance(value, (int, float)):
            value = str(value)
        elif kind is float and isinstance(value, int):
            value = float(value)
        elif kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
    if not isinstance(value, kind) or (kind in (int, float) and isinstance(value, bool)):
        problems.append(f"{key}: {value!r} is not {_expected(kind, bounds)}.")
    elif isinstance(value, float) and not math.isfinite(value):
        problems.append(f"{key}: {value!r} is not a finite number.")
    elif bounds is not None and not bounds.holds(value):
        problems.append(f"{key}: {value!r} is out of range: it must be {bounds}.")
    else:
        return value
    return None


def _expected(hint: Any, bounds: Range | None) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(hint, "a list") + (f", {bounds}" if bounds else "")


def _full_keys(tables: Tables, values: Mapping[str, Any], into: type) -> list[str]:
    """Every key that there is under the chosen names, groups among them."""
    keys = []
    for item in dataclasses.fields(into):
        if item.name in getattr(into, "HIDDEN", ()):
            continue
        keys.append(item.name)
        kind = _chosen_or_none(tables.get(item.name), values.get(item.name))
        if kind is not None:
            keys += _own_keys(item.name, kind)
    return keys


def _of_another(group: str, key: Any, table: Mapping[str, type] | type, value: Mapping[str, Any]) -> str:
    """That another choice of the group has the setting, if one has; otherwise empty."""
    choices = table if isinstance(table, Mapping) else {}
    others = [name for name, kind in choices.items() if key in {field.name for field in dataclasses.fields(kind)}]
    if not others:
        return ""
    have = f"{others[0]} has" if len(others) == 1 else f"{', '.join(others[:-1])} and {others[-1]} have"
    return f"{group}.{key}: {value.get('name')} has no such setting; {have}: {group}={others[0]}"


def _unknown(key: str, known: list[str]) -> str:
    group, _, last = key.rpartition(".")
    siblings = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == group]
    full = {k.rpartition(".")[2]: k for k in reversed(known)}
    near = [f"{group}.{name}" if group else name for name in difflib.get_close_matches(last, siblings, n=1, cutoff=0.6)]
    far = [full[name] for name in difflib.get_close_matches(last, full, n=1, cutoff=0.7)]
    best = [*([full[last]] if last in full else []), *near, *far]
    guess = f"Did you mean {best[0]}?" if best else f"Here there are: {', '.join(siblings)}."
    return f"{key}: no such setting. {guess}"


def _where_to_look(problems: list[str], verb: str = "train") -> str:
    told = [problem.hint for problem in problems if isinstance(problem, _Told) and problem.hint]
    if told:
        return told[0]
    groups = sorted({p.partition(":")[0].partition(".")[0] for p in problems if "." in p.partition(":")[0]})
    first = groups[0] if groups else verb
    # parallel stands in the same file as curve
    return f"See the settings and their meaning with: sdl show {'curve' if first == 'parallel' else first}"

"""Settings: frozen dataclasses with their bounds, and `parse`, which turns plain values into them or says all that is wrong.

YAML holds every value, a dataclass every type and bound. A field is `Annotated[type, Range(...)]` where it has bounds and
`Literal[...]` where it is a choice. Each group of settings (data set, model, loss, ...) is a table of name -> dataclass;
the `name` in the values picks the dataclass.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import shlex
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from sdl_cli.errors import ConfigError


@dataclass(frozen=True)
class Range:
    """Bounds of a number: `low <= value <= high`, or strictly within where the side is open."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        low, high = (int(end) if math.isfinite(end) and end == int(end) else end for end in (self.low, self.high))
        if self.high == math.inf:
            return f"{'more than' if self.open_low else 'at least'} {low}"
        return f"from {low}{' (excluded)' if self.open_low else ''} to {high}{' (excluded)' if self.open_high else ''}"


Count = Annotated[int, Range(1)]
NonNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, open_low=True)]
Fraction = Annotated[float, Range(0, 1, open_high=True)]


@dataclass(frozen=True)
class Training:
    """How a network is trained. None means: the model's own default for this kind of data, written into the run's config.

    Arguments:
        epochs: passes over the training rows.
        steps: optimiser steps instead of epochs, or None.
        batch_size: rows per optimiser step.
        optimizer: AdamW (Loshchilov and Hutter 2019), Adam (Kingma and Ba 2015) or SGD with Nesterov momentum 0.9.
        learning_rate: the peak learning rate.
        schedule: constant; cosine decay to 0; one_cycle (Smith 2018); sgdr, cosine with warm restarts (Loshchilov and Hutter
            2017).
        warmup_fraction: fraction of all steps over which the rate rises linearly to its peak.
        num_restarts: cycles of `sgdr`, each twice as long as the one before.
        weight_decay: decay per step, times the learning rate (decoupled for AdamW and SGD).
        clip_norm: largest gradient norm; 0 turns clipping off.
        ema_decay: exponential moving average of the weights, used for prediction; 0 turns it off.
        select: `last` epoch, or the `best` one on validation rows.
        patience: stop after this many epochs without a better validation loss; 0 turns it off.
        checkpoint_seconds: least time between two checkpoints; 0 writes one after every epoch.
    """

    epochs: Count | None = None
    steps: Count | None = None
    batch_size: Count | None = None
    optimizer: Literal["adamw", "adam", "sgd"] | None = None
    learning_rate: Positive | None = None
    schedule: Literal["constant", "cosine", "one_cycle", "sgdr"] | None = None
    warmup_fraction: Fraction | None = None
    num_restarts: Count = 3
    weight_decay: NonNegative | None = None
    clip_norm: NonNegative | None = None
    ema_decay: Fraction | None = None
    select: Literal["last", "best"] | None = None
    patience: Annotated[int, Range(0)] = 0
    checkpoint_seconds: NonNegative = 30.0

    def filled_from(self, defaults: Training) -> Training:
        """These settings, with every None replaced by the value in `defaults`."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return dataclasses.replace(defaults, **{key: value for key, value in own.items() if value is not None})

    @property
    def needs_validation(self) -> bool:
        return self.select == "best" or self.patience > 0


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """What every data set accepts.

    Arguments:
        test_fraction: part of all rows that is only scored at the end; unused where the source brings its own test part.
        validation_fraction: part of the labelled rows that a method may set aside to choose epochs or a temperature on.
        num_per_class: use this many labelled rows of each class (a stratified, seeded, nested subset); None uses all.
        num_train: use this many labelled rows in all, likewise; None uses all.
        seed: seed of the split and the subset; None takes the experiment's.
    """

    test_fraction: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.2
    validation_fraction: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.2
    num_per_class: Count | None = None
    num_train: Annotated[int, Range(2)] | None = None
    seed: Annotated[int, Range(0, 2**31 - 1)] | None = None


@dataclass(frozen=True)
class Experiment:
    """One run, complete: its values decide its result.

    Arguments:
        dataset, model, loss, augment: one dataclass each, picked by name from the tables of their groups.
        training: how a network is trained; unused by methods that train none.
        seed: seed of the split, of the initial weights and of everything random in training.
        num_repeats: number of splits (seed, seed + 1, ...) over which the result is averaged.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: auto, float32, bfloat16 or float16; the arithmetic of the network's forward and backward pass.
        memory_format: auto, contiguous or channels_last.
        num_threads: threads of one fit; None takes all cores of this machine.
        threshold: most_probable gives a row its most probable class; balanced divides by each class's share first (best for
            balanced accuracy); a number in (0, 1) names the rarer of two classes from that probability on.
        tensorboard: write curves for TensorBoard into `tensorboard/` of the run folder.
        mlflow: record the run in MLflow: the address of a server, `sqlite:///file.db`, or a folder; None does not.
    """

    dataset: Any
    model: Any
    loss: Any
    augment: Any
    training: Training
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    num_repeats: Count = 1
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    num_threads: Count | None = None
    threshold: str = "most_probable"
    tensorboard: bool = False
    mlflow: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, as written to `config.yaml` and read back by `parse`."""
        return plain(self)


Tables = Mapping[str, Mapping[str, type] | type]


def parse(tables: Tables, values: Mapping[str, Any], into: type = Experiment) -> Any:
    """Turn nested plain values into `into`, or raise one error that names everything wrong with them.

    Arguments:
        tables: for each group, a mapping of name -> dataclass, or one dataclass where the group has no choice.
        values: nested dictionaries, as composed from YAML.
        into: the dataclass to build; its fields that are named in `tables` are groups.
    Raises:
        ConfigError: unknown or missing keys, wrong types, values out of range, each with its full key and what is allowed.
    """
    problems: list[str] = []
    known = _full_keys(tables, values, into)
    arguments: dict[str, Any] = {}
    hints = get_type_hints(into, include_extras=True)
    for key, value in values.items():
        if key in tables:
            arguments[key] = _parse_group(key, tables[key], value, known, problems)
        elif key in hints:
            arguments[key] = _convert(key, hints[key], value, problems)
        else:
            problems.append(_unknown(key, known))
    for item in dataclasses.fields(into):
        if item.name not in values and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            problems.append(f"{item.name}: missing.")
    if problems:
        raise ConfigError("\n".join(problems), _where_to_look(problems, "curve" if "curve" in tables else "train"))
    return into(**arguments)


def parse_group(group: str, table: Mapping[str, type] | type, value: Any) -> Any:
    """Like `parse`, for the settings of one group alone."""
    problems: list[str] = []
    name = str(value.get("name")) if isinstance(value, Mapping) else ""
    kind = table.get(name) if isinstance(table, Mapping) else table
    known = [] if kind is None else [f"{group}.{field.name}" for field in dataclasses.fields(kind)]
    found = _parse_group(group, table, value, known, problems)
    if problems:
        raise ConfigError("\n".join(problems), _where_to_look(problems))
    return found


def plain(settings: Any) -> dict[str, Any]:
    """A settings dataclass as nested dictionaries of plain values."""
    return dataclasses.asdict(settings, dict_factory=lambda pairs: {k: list(v) if isinstance(v, tuple) else v for k, v in pairs})


def suggest(word: str, candidates: Iterable[str]) -> str:
    """`Did you mean x?` for the candidate nearest to `word`, in whatever case, or an empty string."""
    of = {candidate.lower(): candidate for candidate in reversed(list(candidates))}
    near = difflib.get_close_matches(word.lower(), list(of), n=1, cutoff=0.6)
    return f" Did you mean {of[near[0]]}?" if near else ""


def _parse_group(group: str, table: Mapping[str, type] | type, value: Any, known: list[str], problems: list[str]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(f"{group}: must be a group of settings, not {value!r}.")
        return None
    kind: type | None
    if isinstance(table, Mapping):
        name = value.get("name")
        kind = table.get(name) if isinstance(name, str) else None
        if kind is None:
            problems.append(
                f"{group}.name: no {group} is called {name!r}.{suggest(str(name), table)} There are: {', '.join(sorted(table))}."
            )
            return None
    else:
        kind = table
    if hasattr(kind, "from_older"):  # settings that an older version stored
        value = kind.from_older(value)
    hints = get_type_hints(kind, include_extras=True)
    before = len(problems)
    arguments = {}
    for key, item in value.items():
        if key not in hints:
            problems.append(_of_another(group, key, table, value) or _unknown(f"{group}.{key}", known))
        else:
            arguments[key] = _convert(f"{group}.{key}", hints[key], item, problems)
    for item in dataclasses.fields(kind):
        if item.name not in value and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            problems.append(f"{group}.{item.name}: missing.")
    if len(problems) > before:
        return None
    try:
        return kind(**arguments)
    except ConfigError as error:  # a dataclass may check how its fields go together in __post_init__
        problems.append(f"{group}.{error.message}" if error.message.partition(":")[0] in hints else f"{group}: {error.message}")
        return None


def _convert(key: str, hint: Any, value: Any, problems: list[str]) -> Any:
    bounds = None
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            bounds = next((e for e in extras if isinstance(e, Range)), bounds)
        elif get_origin(hint) in (Union, types.UnionType):
            members = [a for a in get_args(hint) if a is not type(None)]
            optional = optional or len(members) < len(get_args(hint))
            assert len(members) == 1, f"{key}: only X | None is supported"
            hint = members[0]
        else:
            break
    if value == "???":  # OmegaConf's mark of a value that must be given
        problems.append(f"{key}: must be given, for example {key}=...")
        return None
    if value is None:
        if not optional:
            problems.append(f"{key}: a value is needed here ({_expected(hint, bounds)}).")
        return None
    if get_origin(hint) is Literal:
        if value in get_args(hint) and not isinstance(value, bool):
            return value
        names = [str(choice) for choice in get_args(hint)]
        problems.append(f"{key}: {value!r} is not one of {', '.join(names)}.{suggest(str(value), names)}")
        return None
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            problems.append(f"{key}: {value!r} is not a list. Write {shlex.quote(f'{key}=[{str(value).strip(chr(39))}]')}")
            return None
        return tuple(_convert(f"{key}[{i}]", get_args(hint)[0], item, problems) for i, item in enumerate(value))
    if get_origin(hint) is dict or hint is dict:
        if not isinstance(value, Mapping):
            problems.append(f"{key}: {value!r} is not a group of key: value.")
            return None
        return dict(value)
    if hint is Any:
        return value
    if hint is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, hint) or (hint in (int, float) and isinstance(value, bool)):
        problems.append(f"{key}: {value!r} is not {_expected(hint, bounds)}.")
        return None
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(f"{key}: {value!r} is not a finite number.")
        return None
    if bounds is not None and not bounds.holds(value):
        problems.append(f"{key}: {value!r} is out of range: it must be {bounds}.")
        return None
    return value


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
        table = tables.get(item.name)
        chosen = values.get(item.name)
        kind = table.get(str(chosen.get("name")) if isinstance(chosen, Mapping) else "") if isinstance(table, Mapping) else table
        if kind is not None:
            keys += [f"{item.name}.{f.name}" for f in dataclasses.fields(kind)]
    return keys


def _of_another(group: str, key: Any, table: Mapping[str, type] | type, value: Mapping[str, Any]) -> str:
    """That another choice of the group has the setting, where one has; else empty."""
    choices = table if isinstance(table, Mapping) else {}
    others = [name for name, kind in choices.items() if key in {field.name for field in dataclasses.fields(kind)}]
    if not others:
        return ""
    have = f"{others[0]} has" if len(others) == 1 else f"{', '.join(others[:-1])} and {others[-1]} have"
    return f"{group}.{key}: {value.get('name')} has no such setting; {have}: {group}={others[0]}"


def _unknown(key: str, known: list[str]) -> str:
    group, _, last = key.rpartition(".")
    siblings = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == group]
    elsewhere = [k for k in known if k.rpartition(".")[2] == last]
    near = difflib.get_close_matches(last, siblings, n=1, cutoff=0.6)
    if elsewhere:
        guess = f" Did you mean {elsewhere[0]}?"
    elif near:
        guess = f" Did you mean {group}.{near[0]}?" if group else f" Did you mean {near[0]}?"
    else:
        far = difflib.get_close_matches(last, [k.rpartition(".")[2] for k in known], n=1, cutoff=0.7)
        guess = f" Did you mean {next(k for k in known if k.rpartition('.')[2] == far[0])}?" if far else ""
        guess = guess or f" Here there are: {', '.join(siblings)}."
    return f"{key}: no such setting.{guess}"


def _where_to_look(problems: list[str], verb: str = "train") -> str:
    groups = sorted({p.partition(":")[0].partition(".")[0] for p in problems if "." in p.partition(":")[0]})
    groups = ["curve" if group == "parallel" else group for group in groups]  # it stands in the same file
    return (
        f"See the settings and their meaning with: sdl show {groups[0]}"
        if groups
        else f"See the settings and their meaning with: sdl show {verb}"
    )

"""Arms: the files in `conf/arm/`, the user's names, and the complete experiments they expand to."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import functools
import hashlib
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.settings import MODELS
from sdl_cli.settings.experiment import Experiment, NonNegative
from sdl_cli.settings.parse import parse_group
from sdl_cli.settings.yaml_files import GROUPS, current, find, options, summary
from sdl_cli.study.compare.settings import MODALITIES, MOST_CANDIDATES, Arm, Candidate, Compare

Values = dict[str, Any]
Compose = Callable[[Sequence[str]], Values]
Assign = Callable[[Sequence[str]], Mapping[str, Any]]
Read = Callable[[str, str], Values | None]
LADDER = "ladder"  # stands for all arms of the ladder in `compare.arms`
OWN_KEYS = ("compare", "parallel", "hydra")
FREE_KEYS = ("dataset.size_px", "dataset.validation_fraction")  # settings of the data set that an arm may still decide
ARM_KEYS = ("model", "augment", "reduce")  # what an arm decides, and no arm shares


@dataclass(frozen=True)
class Method:
    """An arm as written in its YAML file; see the comments there."""

    rung: NonNegative
    ladder: bool
    tasks: tuple[Literal["classification", "regression"], ...]
    modalities: tuple[Literal["table", "image", "text", "series"], ...]
    min_px: int | None
    overrides: tuple[str, ...]


def read_method(name: str, config_dir: str | None = None) -> tuple[Method, dict[str, list[list[str]]], str]:
    """An arm's file: its settings, its candidates by kind of data, and its summary. Raises ConfigError if it cannot be read."""
    file = find("arm", name, config_dir)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        candidates = values.pop("candidates")
        by_kind = candidates if isinstance(candidates, dict) else dict.fromkeys(MODALITIES, candidates)
        if not all(isinstance(one, list) for found in by_kind.values() for one in found):
            raise TypeError("a candidate is a list of settings")
        checked = {str(kind): [[str(override) for override in one] for one in found] for kind, found in by_kind.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        hint = "Compare it with one that works: sdl show arm=deep_net"
        raise ConfigError(f"{file}: this arm cannot be read ({type(error).__name__}).", hint) from error
    unknown = set(checked) - set(MODALITIES)
    if unknown or not checked or not all(checked.values()):
        raise ConfigError(f"{file}: candidates must be a list, or one list for each of {', '.join(MODALITIES)}.")
    method: Method = parse_group("arm", Method, values)
    return method, checked, summary(file)


def ladder(config_dir: str | None = None) -> list[str]:
    """Names of the default arms, simplest first."""
    found = [(read_method(name, config_dir)[0], name) for name in options("arm", config_dir)]
    return [name for method, name in sorted(found, key=lambda pair: (pair[0].rung, pair[1])) if method.ladder]


def _arm_with(key: str) -> str:
    """An arm with a setting that leaves its model as it is, as an example in a hint; a network's, for other settings."""
    if key.startswith("reduce"):
        return "forest"  # it takes any data that can be reduced
    last = key.removeprefix("model.")
    having = [kind for kind in MODELS.values() if key != last and last in {field.name for field in dataclasses.fields(kind)}]
    model = (having or [kind for kind in MODELS.values() if kind.starts_random])[0]()
    own = {f"model={model.name}", *(f"model.{name}={value}" for name, value in model.arguments().items())}
    return next(name for name in (*ladder(), *options("arm")) if set(read_method(name)[0].overrides) <= own)


def shared_overrides(overrides: Iterable[str]) -> list[str]:
    """The settings on a command line that apply to every arm. Raises ConfigError for one that an arm decides."""
    shared = []
    for override in overrides:
        key = _key(override)
        group = key.partition(".")[0]
        if group == "num_repeats":
            hint = f"Use compare.num_repeats={override.partition('=')[2]}"
            raise ConfigError(f"{override}: a comparison has its own repeats.", hint)
        if group in ARM_KEYS or key == "loss":
            example = override if "=" in override else f"{override}=..."
            hint = f"Set it for one arm: 'compare.arms=[ladder,\"{_arm_with(key)} {example}\"]'"
            raise ConfigError(f"{override}: a comparison compares whole methods, so each arm decides this.", hint)
        if group not in OWN_KEYS:
            shared.append(override)
    return shared


def with_current_names(compare: Compare, config_dir: str | None = None) -> Compare:
    """The settings with every arm under its current name: `baseline` is the forest's old name."""

    def renamed(name: str) -> str:
        first, *own = str(name).split() or [""]
        return " ".join([current("arm", first, config_dir), *own])

    arms = compare.arms and tuple(map(renamed, compare.arms))
    return dataclasses.replace(compare, arms=arms, baseline=None if compare.baseline is None else renamed(compare.baseline))


def compose_arms(
    compare: Compare,
    shared: Sequence[str],
    compose: Compose,
    assign: Assign,
    read: Read,
    parse: Callable[[Values], Any],
    config_dir: str | None = None,
    also: Sequence[str] = (),
) -> tuple[Arm, ...]:
    """All arms of a comparison with every candidate as a complete experiment, in the ladder's order.

    Arguments:
        compare: with the arms' current names.
        shared: settings that go into every arm, as typed.
        compose, assign: overrides of `sdl train` -> composed plain values; `key=value` overrides -> key and plain value.
        read: group and choice -> its plain values, or None where they depend on others and have to be composed.
        parse: plain values -> Experiment.
        also: arms that are tried beside the ladder, for what is given with the data.
    Raises:
        ConfigError: an arm that does not exist, one named twice, or settings that are wrong.
    """
    asked = list(compare.arms or (LADDER,))
    climbed = [*ladder(config_dir), *(name for name in also if name not in asked)] if LADDER in asked else []
    names = [name for text in asked for name in (climbed if text == LADDER else [text])]
    if compare.baseline is not None and compare.baseline not in names:
        names.append(compare.baseline)
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        hint = f"To compare seeds: 'compare.arms=[{twice},\"{twice} seed=1000\"]'"
        raise ConfigError(f"compare.arms: {twice} appears twice.", hint)
    values_of = functools.partial(_values, compose=_once(compose), assign=assign, read=_once(read))
    arms = []
    for name in names:
        base, *own = _words(name)
        method, by_kind, sentence = _method(base, config_dir)
        _check_own(name, [*method.overrides, *own])
        named = {_key(override) for override in [*method.overrides, *own]}
        candidates: dict[str, tuple[Candidate, ...]] = {
            kind: _unique(
                Candidate(" ".join(one), _own_rows(parse(values_of(method.overrides, one, [*shared, *own])), named))
                for one in found[:MOST_CANDIDATES]
            )
            for kind, found in by_kind.items()
            if kind in method.modalities
        }
        summed, rung = (f"{sentence} (with {' '.join(own)})", method.rung + 0.5) if own else (sentence, method.rung)
        limits = (method.tasks, method.modalities, method.min_px)
        arms.append(Arm(name, summed, float(rung), name not in climbed, candidates, *limits))
    return tuple(sorted(arms, key=lambda arm: arm.rung))


def _own_rows(experiment: Experiment, named: Collection[str]) -> Experiment:
    """The experiment, with labelled rows alone for an arm that could label others itself and does not say that it does."""
    key, model = "unlabeled_weight", experiment.model
    if experiment.dataset.unlabeled is None or f"model.{key}" in named or not hasattr(model, key):
        return experiment
    return dataclasses.replace(experiment, model=dataclasses.replace(model, **{key: 0.0}))


def folder_name(name: str) -> str:
    """An arm's name as the name of a folder: ASCII letters, digits and `_.=-` stay, and different names never collide."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_.=-") else "_" for c in name).strip(".")
    if safe == name.replace(" ", "_") and 0 < len(safe) <= 80:
        return safe
    return f"{safe[:60]}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _check_own(name: str, overrides: Iterable[str]) -> None:
    """Raise for settings that an arm may not change, because all arms see the same rows."""
    for override in overrides:
        key = _key(override)
        if key.partition(".")[0] in ("dataset", "num_repeats", *OWN_KEYS) and key not in FREE_KEYS:
            raise ConfigError(f"compare.arms: {name}: {override} must be the same for every arm.", "Set it for all of them.")


def _words(name: str) -> list[str]:
    try:
        words = shlex.split(name)
    except ValueError:
        words = name.split()
    if not words or "=" in words[0]:
        hint = f'Start with one of ({", ".join(options("arm"))}), for example "deep_net {name}".'
        raise ConfigError(f"compare.arms: {name or 'an empty text'} does not start with an arm.", hint)
    return words


def _method(name: str, config_dir: str | None) -> tuple[Method, dict[str, list[list[str]]], str]:
    found = options("arm", config_dir)
    if name not in found:
        near = difflib.get_close_matches(name, [*found, LADDER], n=1, cutoff=0.5)
        guess = f" Did you mean {near[0]}?" if near else ""
        hint = f"There are: {LADDER} (the default ones), {', '.join(found)}."
        raise ConfigError(f"compare.arms: there is no arm called {name}.{guess}", hint)
    return read_method(name, config_dir)


def _values(
    method: Sequence[str], candidate: Sequence[str], given: Sequence[str], compose: Compose, assign: Assign, read: Read
) -> Values:
    """Values of a candidate: the arm's settings, overridden by the candidate's, overridden by the user's.

    Only what the user gave and what depends on other settings is composed, which is the same for most arms.
    """
    taken = {_key(override) for override in given}
    free = [o for o in candidate if not taken & {_key(o), _key(o).partition(".")[0]}]  # a chosen group is complete
    own = {_key(o): o for o in [*method, *(o for o in free if _key(o) in GROUPS)]}
    groups = {_key(o).partition(".")[0] for o in given}
    found: dict[str, Values] = {}
    depends = {key.partition(".")[0] for key, o in own.items() if o.startswith(("~", "+")) or "${" in o} | groups
    for group in [] if "experiment" in {*depends, *own} else [key for key in own if key in GROUPS and key not in depends]:
        values = read(group, own[group].partition("=")[2])
        if values is not None:
            found[group] = values
    composed = [o for key, o in own.items() if key.partition(".")[0] not in found]
    values = compose(tuple({_key(o): o for o in [*composed, *given]}.values())) | found
    later = [o for o in [*method, *free] if _key(o) not in GROUPS and _key(o) not in taken and o not in composed]
    for key, value in assign(later).items():
        *path, last = key.split(".")
        at: Any = values
        for part in path:
            at = at.get(part) if isinstance(at, dict) else None
        if not isinstance(at, dict):
            raise ConfigError(f"candidates: {key}: no such setting.", "See the settings of a model: sdl show model")
        at[last] = value
    return values


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called once for the same arguments; what it returns may be changed."""
    known = functools.cache(function)
    return lambda *given: copy.deepcopy(known(*given))


def _unique(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Candidates without duplicates: the user's settings may have made some equal."""
    found: list[Candidate] = []
    for candidate in candidates:
        if all(candidate.experiment != other.experiment for other in found):
            found.append(candidate)
    return tuple(found)


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]

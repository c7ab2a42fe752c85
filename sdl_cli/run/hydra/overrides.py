"""Overrides as they were typed, made into what hydra's lexer reads and the user meant."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there
from sdl_cli.phrases import shortened
from sdl_cli.run.hydra.quoting import is_literal_path, quote, quote_list, quote_path, quote_paths, split_paths
from sdl_cli.settings.yaml_files import GROUPS, options

OPEN_KEYS = ("model.params.", "dataset.monotone.")  # below these any key may be set
SEVERAL_PATHS = "model.weights"  # a path, or a list with one for each of several networks
NAMED_SETS = ("openml", "huggingface", "torchvision")  # kinds of data set of which there are many, named by dataset.dataset
LIST_KEYS = (
    *("curve.sizes", "curve.at", "compare.arms", "model.widths"),
    *("dataset.features", "dataset.drop", "dataset.categorical", "dataset.missing_values", "dataset.text"),
)
_PLAIN_VALUE = re.compile(r"^[\w\-./:+$@%*]*$", re.ASCII)
_KEY = re.compile(r"^(?P<sign>\+\+|\+|~)?(?P<key>[\w./@:]+)(?:=(?P<value>.*))?$", re.DOTALL | re.ASCII)


def name_the_set(overrides: Sequence[str]) -> list[str]:
    """The overrides, with `dataset.name=X` beside `dataset=openml` (and its like) as `dataset.dataset=X`.

    `name` is the kind's own key, and picks its dataclass; who writes the name of a set there means the set.
    """
    kinds = [o.partition("=")[2] for o in overrides if o.startswith("dataset=")]
    if len(kinds) != 1 or kinds[0] not in NAMED_SETS:
        return list(overrides)
    own = f"dataset.name={kinds[0]}"
    return [f"dataset.dataset={o.partition('=')[2]}" if o.startswith("dataset.name=") and o != own else o for o in overrides]


def quote_override(text: str, multirun: bool = False) -> str:
    """An override that hydra's lexer can read and that means what was typed.

    Paths are quoted whole and `~` is expanded; a list, dictionary, number, quoted text or sweep is left as it is; any other
    value with a character that hydra gives a meaning to, or cannot read, is quoted.
    """
    match = _KEY.match(text)
    if match is not None and match["sign"] == "~":
        if match["key"].count(".") < 2 and not match["key"].startswith("hydra"):
            raise ConfigError(f"{text}: a run needs this setting, so it cannot be removed.", "Give it another value instead.")
        return text
    if match is None or match["value"] is None:
        raise _no_assignment(text)
    if match["key"] in GROUPS or match["key"].startswith("hydra/"):
        _check_choice(text, match["key"], match["value"])
    sign = match["sign"] or ("++" if f"{match['key']}.".startswith(OPEN_KEYS) else "")
    start, value = f"{sign}{match['key']}=", match["value"]
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    if match["key"] == SEVERAL_PATHS and value[:1] == "[" and value[-1:] == "]" and not is_there(value):
        lists = value[1:-1].split("],[") if multirun else [value[1:-1]]
        return start + ",".join(map(quote_paths, lists))
    if is_literal_path(match["key"], value, multirun):
        paths = split_paths(value) if multirun and not match["key"].startswith("hydra.") else [value]
        return start + ",".join(map(quote_path, paths))
    if is_quoted or _PLAIN_VALUE.match(value):
        return start + value
    try:
        parsed = OverridesParser.create().parse_override(start + value)
    except (HydraException, OmegaConfBaseException):
        is_list = match["key"] in LIST_KEYS and value[:1] == "[" and value[-1:] == "]"
        return start + (quote_list(value) if is_list else quote(value))
    if parsed.is_sweep_override() and not multirun:
        message = f"{text}: a comma (or range, choice, ...) makes a sweep, one run for each value."
        raise ConfigError(message, _comma_hint(match["key"], value))
    return start + value


def _no_assignment(text: str) -> ConfigError:
    known = next((group for group in ("dataset", "model") if text in options(group)), None)
    hint = f"Write {known}={text}" if known else "For example: dataset=wine model=baseline model.kind=logistic"
    if text.endswith("]"):
        hint = "Quote a list that contains spaces: 'compare.arms=[forest, deep_net]'"
    elif known is None and ("/" in text or Path(text[-200:]).suffix):
        hint = "Put the data first: sdl train patients.csv target=outcome"
        return ConfigError(f"{shortened(text, 120)}: there is no such file or folder.", hint)
    return ConfigError(f"{shortened(text, 120)}: this is not key=value.", hint)


def _check_choice(text: str, group: str, value: str) -> None:
    """Raise ConfigError for a value of a group that is no name, which hydra would stumble over."""
    try:
        found = OverridesParser.create().parse_override(f"{group}={value}").value()
    except (HydraException, OmegaConfBaseException):
        return
    names = found if isinstance(found, list) else [found]
    if any(name is None or isinstance(name, (bool, int, float, list, dict)) for name in names):
        hint = f"There are: {', '.join(options(group))}." if group in GROUPS else f"For example {group}=basic"
        raise ConfigError(f"{shortened(text, 120)}: choose {group} by name.", hint)


def num_jobs(overrides: Sequence[Override]) -> int:
    """How many jobs a plain sweep has, from its overrides, without listing them; ConfigError if it cannot be a plain grid."""
    counts: dict[str, int] = {}
    for override in overrides:
        found = override.value() if override.is_sweep_override() else None
        counts[override.get_key_element()] = 1 if found is None else _num_values(override, found)
    return math.prod(counts.values())


def _num_values(override: Override, found: object) -> int:
    text = shortened(override.input_line, 120)
    if isinstance(found, ChoiceSweep):
        return len(found.list)
    if isinstance(found, RangeSweep) and found.start is not None and found.stop is not None:
        start, stop, step = (Fraction(str(end)) if math.isfinite(end) else None for end in (found.start, found.stop, found.step))
        if start is None or stop is None or not step:
            hint = "For example seed=range(0,10) or training.ema_decay=range(0.9,1,0.01)"
            raise ConfigError(f"{text}: this range never ends.", hint)
        return max(0, math.ceil((stop - start) / step))
    if isinstance(found, IntervalSweep):
        example = f"{override.get_key_element()}={found.start},{found.end}"
        hint = f"List values ({example}), or search: hydra/sweeper=optuna"
        raise ConfigError(f"{text}: an interval has no single values to run; only a search can use it.", hint)
    raise ConfigError(f"{text}: this cannot be swept.", "List the values: model=baseline,deep_net")


def parse(overrides: Sequence[str]) -> list[Override]:
    """Overrides as hydra understands them."""
    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise unreadable(error) from error


def forced(override: str) -> str:
    """The override, made to pass hydra whether its key exists or not."""
    key = override.lstrip("+~").partition("=")[0]
    if key in GROUPS:
        return override.lstrip("+")
    return override if override.startswith(("++", "~")) or key.startswith("hydra") else f"++{override.lstrip('+')}"


def first_choice(override: str) -> str:
    """The override itself, or of a sweep its first value, of an interval its low end."""
    [parsed] = parse([override])
    if not parsed.is_sweep_override():
        return override
    found = parsed.value()
    if isinstance(found, ChoiceSweep):
        first = next(iter(parsed.sweep_string_iterator()), "null")
    elif isinstance(found, (IntervalSweep, RangeSweep)):
        first = str(found.start)
    else:
        _num_values(parsed, found)
        raise AssertionError("what cannot be swept has raised")
    return f"{override.partition('=')[0]}={first}"


def unreadable(error: OverrideParseException) -> ConfigError:
    """The error for an override that hydra's lexer rejects."""
    hint = "Write key=value; quote a value with special characters: key=\"'value'\""
    return ConfigError(f"{error.override}: cannot be read.", hint)


def _comma_hint(key: str, value: str) -> str:
    """What may have been meant by a value with a comma in it."""
    if key in LIST_KEYS:
        return f"For a list write {shlex.quote(f'{key}=[{value}]')}"
    if key == "model.architecture":
        return f"Add -m to run each; for their features side by side write {shlex.quote(f'{key}=[{value}]')}"
    if re.fullmatch(r"\d+,\d+", value):
        return f"Add -m to run both; for a number, use a decimal point: {key}={value.replace(',', '.')}"
    return f"Add -m to run them all; quote a value that contains a comma: {key}=\"'{value}'\""

"""Overrides as they were typed, made into what hydra's lexer reads and the user meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from sdl_cli.conf_files import GROUPS, options
from sdl_cli.errors import ConfigError
from sdl_cli.quoting import is_literal_path, quote, quote_list, quote_path, split_paths

OPEN_KEYS = ("model.params.",)  # below these any key may be set
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
            raise ConfigError(f"{text}: a run needs this setting, and it cannot be taken away.", "Give it another value instead.")
        return text
    if match is None or match["value"] is None:
        known = next((group for group in ("dataset", "model") if text in options(group)), None)
        hint = f"Write {known}={text}" if known else "For example: dataset=wine model=baseline model.kind=logistic"
        if text.endswith("]"):
            hint = "A list with spaces in it goes into quotes: 'compare.arms=[baseline, deep_net]'"
        elif Path(text).is_dir():
            hint = f"For a folder of photos: dataset=image_folder dataset.path={text}"
        elif Path(text).is_file():
            hint = f"For a table: dataset=table dataset.path={text} dataset.target=COLUMN (or dataset=text, image_table, npz)"
        raise ConfigError(f"{text}: this is not of the form key=value.", hint)
    sign = match["sign"] or ("++" if match["key"].startswith(OPEN_KEYS) else "")
    start, value = f"{sign}{match['key']}=", match["value"]
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
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
        raise ConfigError(
            f"{text}: a comma (or range, choice, ...) makes a sweep, one run for each value.", _comma_hint(match["key"], value)
        )
    return start + value


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
    first = found.start if isinstance(found, IntervalSweep) else next(iter(parsed.sweep_string_iterator()))
    return f"{override.partition('=')[0]}={first}"


def unreadable(error: OverrideParseException) -> ConfigError:
    """What to say of an override that hydra's lexer refuses."""
    hint = "Write key=value; quote a value with special characters: key=\"'value'\""
    return ConfigError(f"{error.override}: cannot be read.", hint)


def _comma_hint(key: str, value: str) -> str:
    """What may have been meant by a value with a comma in it."""
    if key in LIST_KEYS:
        return f"For a list write {key}=[{value}]"
    if re.fullmatch(r"\d+,\d+", value):
        return f"Add -m to run both; for a number write the decimal point as a point: {key}={value.replace(',', '.')}"
    return f"Add -m to run them all; for one value with a comma in it, quote it: {key}=\"'{value}'\""

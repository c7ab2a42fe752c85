"""`sdl train patients.csv target=outcome`: a bare path is the data, and shows what kind of data it is."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Sequence

from sdl_cli.data import DATASETS
from sdl_cli.data.exports import is_export
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there, typed_path
from sdl_cli.phrases import shortened
from sdl_cli.settings.path_kinds import kind_of

_WORD = re.compile(r"[\w -]+\Z")  # of a column, perhaps
_NAMES = {"image_folder": "a folder of photos", "image_table": "a table of photos"}
_NAMES |= {"npz": "arrays", "text": "texts", "table": "a table", "series": "series"}


def with_bare_path(overrides: Sequence[str]) -> tuple[list[str], str]:
    """Overrides with a bare path as `dataset=KIND dataset.path=PATH`, and a sentence on how the path was read, or an empty one.

    Settings of that kind of data may then be abbreviated to their last name: `target=outcome` for `dataset.target=outcome`.
    """
    bare = [o for o in overrides if _is_bare_path(o)]
    if not bare:
        return list(overrides), ""
    if len(bare) > 1:
        hint = "For a separate test file: dataset.test_path=FILE"
        raise ConfigError(f"{bare[0]} and {bare[1]}: only one file or folder can be the data.", hint)
    others = [o for o in overrides if o != bare[0]]
    stray = next((o for o in others if _WORD.match(o)), None)
    if stray is not None:
        hint = f"To predict a column of this name: {shlex.quote(f'target={stray}')}"
        raise ConfigError(f"{shortened(stray, 120)}: this is not key=value.", hint)
    named = [o.lstrip("+").partition("=") for o in others]
    keys = {key for key, _, value in named if not value.startswith("[")}  # text=[zip] names columns of a table
    asked = next((o.partition("=")[2] for o in others if o.startswith("dataset=")), None)
    kind = asked or kind_of(typed_path(bare[0]), keys, is_export)
    fields = {field.name for field in dataclasses.fields(DATASETS[kind])} if kind in DATASETS else set()
    short = fields - {"name", "seed", "path"}
    found = [f"dataset={kind}"] if asked is None else []
    found += [f"dataset.{o}" if o.partition("=")[0] in short else o for o in others]
    sentence = "" if asked else f"{bare[0]} is read as {_NAMES[kind]} (dataset={kind})."
    return [*found, f"dataset.path={bare[0]}"], sentence


def _is_bare_path(override: str) -> bool:
    return not override.startswith(("+", "~")) and bool(override) and is_there(override)

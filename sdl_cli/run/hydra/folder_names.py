"""The names that run folders carry: that of the data and that of the method, as `${data_name:}` and `${method_name:}`."""

from __future__ import annotations

import re
import warnings
from pathlib import PurePath
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sdl_cli.learning.models.settings import traits

_MOST_LETTERS = 40


def data_name(settings: dict[str, Any]) -> str:
    """Of the settings of a data set: the name of its file or folder, of the one among many, or else of its kind."""
    path = settings.get("path")
    if isinstance(path, str) and _is_given(path):
        stem = PurePath(path).name
        return _plain(stem.partition(".")[0] or stem) or "data"
    one = settings.get("dataset")
    name = one if isinstance(one, str) and _is_given(one) else settings.get("name", "")
    return _plain(PurePath(str(name)).name) or "data"


def method_name(settings: dict[str, Any]) -> str:
    """Of the settings of a model: the kind of a baseline, the class of an estimator, or else its own name."""
    name = str(settings.get("name", ""))
    own = traits(name).named_by
    value = settings.get(own) if own else None
    return _plain(value.rpartition(".")[2]) or name if isinstance(value, str) and _is_given(value) else _plain(name)


def register() -> None:
    """Make both known to OmegaConf."""
    for resolver, group, name in (("data_name", "dataset", data_name), ("method_name", "model", method_name)):

        def resolve(*, _root_: DictConfig, group: str = group, name: Any = name) -> str:
            found = OmegaConf.to_container(_root_, resolve=False)
            settings = found.get(group) if isinstance(found, dict) else None
            return str(name(settings if isinstance(settings, dict) else {}))

        with warnings.catch_warnings():
            # omegaconf 2.4 wants it called register_resolver, which in 2.3 is the name of something else
            warnings.simplefilter("ignore", UserWarning)
            OmegaConf.register_new_resolver(resolver, resolve, replace=True)


def _is_given(text: str) -> bool:
    return text not in ("", "???") and "${" not in text


def _plain(text: str) -> str:
    """Letters that every shell and file system takes as they are."""
    return re.sub(r"[^\w-]+", "_", text)[:_MOST_LETTERS].strip("_")

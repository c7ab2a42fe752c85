"""The arguments of the estimators as scikit-learn's tools see them, to the settings inside, checked as on a command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from sdl_cli.data.augment.policies import AUGMENTS
from sdl_cli.errors import ConfigError
from sdl_cli.learning.losses import LOSSES
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.settings.experiment import REDUCTIONS, DataSettings, Experiment, Training, plain
from sdl_cli.settings.parse import check_fields, parse_group, suggest

# arguments that are settings themselves: their table, and the name that None stands for
_TABLES: dict[str, Any] = {"loss": LOSSES, "augment": AUGMENTS, "training": Training, "reduce": REDUCTIONS}
_NONE = {"loss": "auto", "augment": "none", "reduce": "none"}


class Parameters:
    """What every estimator shares: `get_params` and `set_params` to the bottom, and `check_parameters`, which `fit` begins with.

    `loss`, `augment`, `training` and `reduce` are None for the defaults, a name (`loss="cosine"`), a dictionary
    (`training={"epochs": 50}`) or a dataclass of settings. Each setting inside is a parameter too: `training__epochs`,
    `loss__xent_weight`. Where the argument is None, `get_params` answers with the settings that None stands for, and `set_params`
    of one puts such settings, with that one changed, in the place of None.
    """

    settings: ClassVar[type[ModelSettings]]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every argument by its name; with `deep`, also the settings inside, as `training__epochs`."""
        found: dict[str, Any] = super().get_params(deep=deep)  # type: ignore[misc]
        for group in [name for name in _TABLES if name in found] if deep else ():
            try:
                inner = _settings(group, found[group])
            except ConfigError:  # `fit` says what is wrong with it
                continue
            found |= {f"{group}__{key}": value for key, value in plain(inner).items() if key != "name"}
        return found

    def set_params(self, **params: Any) -> Any:
        """Change arguments, or settings inside one: `set_params(training__epochs=5)`. ValueError for a name that there is not."""
        groups = [name for name in _TABLES if name in self.get_params(deep=False)]
        inside = {key: value for key, value in params.items() if key.partition("__")[0] in groups and "__" in key}
        super().set_params(**{key: value for key, value in params.items() if key not in inside})  # type: ignore[misc]
        for group in dict.fromkeys(key.partition("__")[0] for key in inside):
            own = {key.partition("__")[2]: value for key, value in inside.items() if key.partition("__")[0] == group}
            inner = _settings(group, getattr(self, group))
            fields = [field.name for field in dataclasses.fields(inner) if field.name != "name"]
            if unknown := [key for key in own if key not in fields]:
                which = f" of {inner.name}" if hasattr(inner, "name") else ""
                there = f"There are: {', '.join(fields)}." if fields else "It has none."
                guess = suggest(unknown[0], fields)
                raise ValueError(f"{group}__{unknown[0]}: {group}{which} has no such setting.{guess} {there}")
            setattr(self, group, dataclasses.replace(inner, **own))
        return self

    def given(self, group: str) -> Any:
        """The settings of an argument (`loss`, `augment`, `training` or `reduce`), or None where it is None."""
        value = getattr(self, group)
        return None if value is None else _settings(group, value)

    def plain_params(self) -> dict[str, Any]:
        """Every argument as JSON-ready values, settings as dictionaries."""
        params = self.get_params(deep=False)
        found = {key: self.given(key) if key in _TABLES else value for key, value in params.items()}
        return {key: plain(value) if dataclasses.is_dataclass(value) else value for key, value in found.items()}

    def check_parameters(self) -> None:
        """Raise ConfigError for arguments that are out of range or no choice, all of them, in the words of the command line."""
        params = {key: _plain_number(value) for key, value in self.get_params(deep=False).items()}
        fields = {field.name: field for field in dataclasses.fields(self.settings) if field.name != "name"}
        own = {k: v for k, v in params.items() if k in fields and not (v is None and _is_made_anew(fields[k]))}
        problems = check_fields(self.settings, own, "model.")
        problems += check_fields(DataSettings, {k: params[k] for k in ("validation_fraction",) if k in params}, "dataset.")
        problems += check_fields(Experiment, {k: params[k] for k in ("precision", "memory_format", "num_threads") if k in params})
        for group in [name for name in _TABLES if params.get(name) is not None]:
            try:
                _checked(group, params[group])
            except ConfigError as error:
                problems.append(error.message)
        if problems:
            raise ConfigError("\n".join(problems), "See the settings and their meaning with: sdl show model")
        try:
            self.settings(**own)
        except ConfigError as error:  # how its settings go together
            key = error.message.partition(":")[0]
            raise ConfigError(f"model.{error.message}" if key in fields else f"model: {error.message}", error.hint) from error


def _settings(group: str, value: Any) -> Any:
    """The settings that an argument stands for; ConfigError where it stands for none."""
    if value is None and group == "training":
        return Training()
    if value is None:
        value = _NONE[group]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return value
    if isinstance(value, str) and group != "training":
        return parse_group(group, _TABLES[group], {"name": value})
    if isinstance(value, Mapping):
        return parse_group(group, _TABLES[group], value if group == "training" else {"name": _NONE[group], **value})
    kinds = "settings or a dictionary of them" if group == "training" else "a name, settings or a dictionary of them"
    raise ConfigError(f"{group}: {value!r} is neither None nor {kinds}.", f"For example {_EXAMPLES[group]}")


_EXAMPLES = {
    "loss": 'loss="cosine"', "augment": 'augment="flip_crop"', "training": 'training={"epochs": 50}', "reduce": 'reduce="pca"',
}  # fmt: skip


def _checked(group: str, value: Any) -> None:
    """Raise ConfigError for settings that are out of range; those of kinds that are in no table are their own matter."""
    found, table = _settings(group, value), _TABLES[group]
    if type(found) in (table.values() if isinstance(table, dict) else (table,)):
        parse_group(group, table, {key: _plain_number(one) for key, one in vars(found).items()})


def _plain_number(value: Any) -> Any:
    """A number of NumPy as Python's own."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 else value


def _is_made_anew(field: Any) -> bool:
    return field.default_factory is not dataclasses.MISSING

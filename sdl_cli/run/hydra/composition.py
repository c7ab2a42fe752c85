"""Compose a configuration and rephrase Hydra's errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.files import unwritable
from sdl_cli.phrases import first_line
from sdl_cli.run.hydra import folder_names
from sdl_cli.run.hydra.overrides import first_choice, forced, name_the_set, parse, quote_override, unreadable
from sdl_cli.run.hydra.own_parts import folder_for
from sdl_cli.run.hydra.quoting import quote
from sdl_cli.settings import older_names
from sdl_cli.settings.parse import suggest
from sdl_cli.settings.parts import choices
from sdl_cli.settings.parts.own import TARGET, allow_named
from sdl_cli.settings.yaml_files import GROUPS, conf_dir, find, options, user_dirs

folder_names.register()

Values = dict[str, Any]
Check = Callable[[Values], Any]

VERSION_BASE: dict[str, Any] = (
    {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}
)  # later versions warn about it
BASELINES = ("forest", "extra_trees", "logistic", "svm", "gradient_boosting", "ridge")  # kinds that may be mistaken for models
# Hydra launchers and sweepers that need a separate install
PLUGINS = {
    ("hydra/launcher", "submitit_local"): 'pip install "sdl-cli[slurm]"',
    ("hydra/launcher", "submitit_slurm"): 'pip install "sdl-cli[slurm]"',
    ("hydra/launcher", "joblib"): "pip install hydra-joblib-launcher",
    ("hydra/launcher", "ray"): "pip install hydra-ray-launcher",
    ("hydra/sweeper", "optuna"): 'pip install "sdl-cli[optuna]"',
}


def compose(verb: str, overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """The composed configuration under overrides that hydra can read; with `with_hydra`, hydra's own part too."""
    with initialized():
        return hydra.compose(verb, overrides=list(overrides), return_hydra_config=with_hydra)


def compose_checked(verb: str, overrides: Sequence[str], check: Check, config_dir: str | None = None) -> Values:
    """The composed plain values of `verb` under overrides as typed, once `check` has parsed them."""
    return compose_one(verb, readable(overrides, config_dir), check)


def compose_with_choices(
    verb: str, overrides: Sequence[str], check: Check, config_dir: str | None = None
) -> tuple[Values, dict[str, str]]:
    """The same as `compose_checked`, and the choice of each group by which it came about."""
    found = readable(overrides, config_dir)
    values = compose_one(verb, found, check)
    with reworded(verb, found, check):
        choices = compose(verb, found, with_hydra=True).hydra.runtime.choices
    return values, {str(group): str(name) for group, name in choices.items() if name is not None}


def compose_one(verb: str, overrides: Sequence[str], check: Check) -> Values:
    """The composed plain values of `verb` under overrides that hydra can read, once `check` has parsed them."""
    with reworded(verb, overrides, check):
        values = plain_values(compose(verb, overrides))
    check(values)
    return values


def plain_values(cfg: DictConfig) -> Values:
    """Nested dictionaries of plain values, interpolations resolved; hydra's own part and the empty experiment are left out."""
    try:
        values = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'configuration'}: {str(error).splitlines()[0]}") from error
    assert isinstance(values, dict)
    found = {str(k): v for k, v in values.items() if k not in ("hydra", "experiment")}
    allow_named(found)  # whatever is composed comes from this command's own settings
    return found


def parse_assignments(overrides: Sequence[str]) -> dict[str, Any]:
    """`a.b=value` overrides as full key -> plain value, for verbs that change a stored configuration without composing it."""
    found = {}
    for text in overrides:
        [override] = parse([quote_override(text)])
        if override.is_sweep_override() or override.is_delete():
            raise ConfigError(f"{text}: only key=value works here.")
        found[str(override.key_or_group)] = plain_values(OmegaConf.create({"v": override.value()}))["v"]
    return found


def read_choice(group: str, name: str, config_dir: str | None = None) -> Values | None:
    """The values of a choice as its file has them; None where they depend on others, so that they have to be composed."""
    file = options(group, config_dir).get(name)
    if file is None:
        return None
    text = file.read_text(encoding="utf-8")
    if any(word in text for word in ("defaults:", "@package", "${", "???", TARGET)):
        return None
    return plain_values(OmegaConf.create({group: OmegaConf.create(text)})).get(group)


def readable(overrides: Sequence[str], config_dir: str | None, multirun: bool = False) -> list[str]:
    """Overrides as typed, made readable for hydra, and one that lets it find the user's own YAML unless it is among them.

    Raises ConfigError for `hydra.mode`, which follows from the command.
    """
    mode = next((o for o in overrides if o.lstrip("+~").partition("=")[0] == "hydra.mode"), None)
    if mode is not None:
        raise ConfigError(f"{mode}: this follows from the command.", "Use -m for a sweep, and leave it out for one run.")
    found = [quote_override(o, multirun) for o in older_names.renamed(name_the_set(overrides))]
    folders, completed = user_dirs(config_dir), folder_for(overrides, config_dir)
    folders = [*([] if completed is None else [completed]), *folders]
    if folders and not any(o.startswith("hydra.searchpath") for o in overrides):
        found.append("hydra.searchpath=[" + ",".join(quote(f"file://{folder}") for folder in folders) + "]")
    return found


@contextlib.contextmanager
def initialized() -> Iterator[Any]:
    """Hydra, for as long as it knows our conf folder; what a program around us had set up there is as before afterwards."""
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(config_dir=str(conf_dir()), job_name="sdl", **VERSION_BASE):
            yield GlobalHydra.instance().hydra
    finally:
        GlobalHydra.instance().hydra = before


@contextlib.contextmanager
def reworded(verb: str, overrides: Sequence[str], check: Check, is_composing: bool = True) -> Iterator[None]:
    """Turn what hydra raises into a ConfigError that names the setting and its neighbours.

    With `is_composing` only Hydra runs, no job, so its plain errors (such as ValueError) also concern the settings.
    """
    try:
        yield
    except MissingConfigException as error:
        raise _missing_option(error, overrides) from error
    except OverrideParseException as error:
        raise unreadable(error) from error
    except (HydraException, OmegaConfBaseException) as error:
        _name_unknown_keys(verb, overrides, check)
        found = re.match(r"Could not override '([^']+)'", str(error))
        if found:
            raise ConfigError(f"{found[1]}: no such setting.", f"See all settings with: sdl {verb} --cfg all") from error
        raise ConfigError(first_line(error), "See the settings with: sdl list, and sdl show GROUP=NAME") from error
    except OSError as error:
        raise unwritable(Path(str(error.filename or "runs")), error) from error
    except (ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError, ArithmeticError) as error:
        if isinstance(error, SdlError) or not is_composing:
            raise
        _name_unknown_keys(verb, overrides, check)
        hint = "See them with: sdl list, and sdl show GROUP=NAME"
        raise ConfigError(f"These settings cannot be combined: {first_line(error, 300)}", hint) from error


def _name_unknown_keys(verb: str, overrides: Sequence[str], check: Check) -> None:
    """Compose again with every key added by force, so that our own parser names the unknown ones with their neighbours."""
    all_forced = [forced(o) for o in overrides]
    if all_forced == list(overrides):
        return
    try:
        values = plain_values(compose(verb, [first_choice(o) for o in all_forced]))
    except (HydraException, OmegaConfBaseException, ConfigError, ValueError, TypeError, AttributeError, LookupError):
        return
    check(values)
    added = next((o for o in overrides if o.startswith("+")), None)
    if added is not None:
        raise ConfigError(f"{added}: + adds a new setting, but this one exists.", f"Write {added.lstrip('+')}")


def _missing_option(error: MissingConfigException, overrides: Sequence[str]) -> ConfigError:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    if missing.partition("/")[0] in GROUPS:  # a path was given where a name belongs
        group, _, name = missing.partition("/")
    if not group or group.startswith("hydra"):
        wrong = next((o for o in overrides if o.lstrip("+").partition("=")[0] == (group or missing)), missing)
        names = ", ".join(error.options or ())
        guess = suggest(name, error.options or GROUPS)
        if (group, name) in PLUGINS:
            return ConfigError(f"{wrong}: this is not installed.", f"Install it: {PLUGINS[group, name]}")
        return ConfigError(f"{wrong}: there is no such choice.{guess}", f"There are: {names}." if names else "See: sdl list")
    if group == "model" and name in BASELINES:
        return ConfigError(f"model={name}: no such model.", f"It is a kind of baseline: model=baseline model.kind={name}")
    try:
        find(group, name)
    except ConfigError as found:
        return choices.with_packages(found, group, name)
    return ConfigError(f"{group}={name}: there is no such choice.", "See: sdl list")

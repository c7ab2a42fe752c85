"""The only module that imports hydra: quoting, the conf folder, checking every job first, and errors in our own words.

A job gets plain values and a folder; it never sees hydra or OmegaConf.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sdl_cli.conf_files import conf_dir, find, options, user_dirs
from sdl_cli.config import suggest
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import make_folder

Values = dict[str, Any]
Job = Callable[[Values, Path, list[str]], None]

# settings whose values are paths: always taken literally, so that no character in them means anything to hydra
PATH_KEYS = frozenset({"path", "root", "weights", "unlabeled", "dir"})
_PLAIN_VALUE = re.compile(r"^[\w\-./:+$@%*]*$", re.ASCII)
_KEY = re.compile(r"^(?P<sign>\+\+|\+|~)?(?P<key>[\w./@:]+)(?:=(?P<value>.*))?$", re.DOTALL | re.ASCII)


def run(
    verb: str,
    overrides: Sequence[str],
    job: Job,
    check: Callable[[Values], Any],
    multirun: bool = False,
    config_dir: str | None = None,
    flags: Sequence[str] = (),
) -> Path | None:
    """Compose the configuration of `verb` and run `job` once, or once for every combination of a sweep.

    Arguments:
        overrides: as typed; values that hydra could not read are quoted.
        job: called with the composed values, the folder that hydra gave the run, and its overrides.
        check: parses composed values; called for every job of a plain grid before the first one starts.
        flags: hydra's own (`--cfg job`, `--info all`, ...), handed on.
    Returns:
        The sweep's folder, or None for a single run.
    Raises:
        ConfigError: an override, group, option or value that does not exist or cannot be read.
    """
    quoted = [quote_override(o, multirun) for o in overrides] + _search_path(config_dir, overrides)
    sweep_folder: Path | None = None
    if multirun:
        composed = compose(verb, [], quoted, sweep=True)
        sweep_folder = _free_folder(Path(str(composed.hydra.sweep.dir)))
        _check_jobs(verb, quoted, str(composed.hydra.sweeper._target_), check)
        make_folder(sweep_folder)
        quoted.append(f"hydra.sweep.dir={quote(str(sweep_folder))}")
    elif not flags:
        check(plain_values(compose(verb, quoted)))

    def task(cfg: DictConfig) -> None:
        found = HydraConfig.get()
        job(plain_values(cfg), Path(found.runtime.output_dir), list(found.overrides.task))

    with _argv(f"sdl {verb}", quoted + list(flags) + (["--multirun"] if multirun else [])), _reworded(verb, quoted):
        _main(verb)(task)()
    return sweep_folder


def compose(verb: str, overrides: Sequence[str], hydra_overrides: Sequence[str] = (), sweep: bool = False) -> DictConfig:
    """The composed configuration; with `sweep`, hydra's own part too and without the task's (possibly many) values."""
    kept = [o for o in hydra_overrides if not sweep or o.lstrip("+~").startswith("hydra")]
    with _initialized(), _reworded(verb, [*overrides, *kept]):
        return hydra.compose(verb, overrides=[*overrides, *kept], return_hydra_config=sweep)


def compose_group(verb: str, overrides: Sequence[str], config_dir: str | None = None) -> Values:
    """The composed plain values of `verb` under these overrides as typed, without running anything."""
    quoted = [quote_override(o) for o in overrides] + _search_path(config_dir, overrides)
    return plain_values(compose(verb, quoted))


def plain_values(cfg: DictConfig) -> Values:
    """Nested dictionaries of plain values, interpolations resolved; hydra's own part and the empty experiment are left out."""
    try:
        values = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'configuration'}: {str(error).splitlines()[0]}") from error
    assert isinstance(values, dict)
    return {str(k): v for k, v in values.items() if k not in ("hydra", "experiment")}


def parse_assignments(overrides: Sequence[str]) -> dict[str, Any]:
    """`a.b=value` overrides as full key -> plain value, for verbs that change a stored configuration without composing it."""
    found = {}
    for text in overrides:
        [override] = _parse([quote_override(text)])
        if override.is_sweep_override() or override.is_delete():
            raise ConfigError(f"{text}: here only key=value can be used.")
        value = override.value()
        found[str(override.key_or_group)] = OmegaConf.to_container(OmegaConf.create({"v": value}), resolve=True)["v"]  # type: ignore[index, call-overload]
    return found


def quote_override(text: str, multirun: bool = False) -> str:
    """An override that hydra's lexer can read and that means what was typed.

    Paths are quoted whole and `~` is expanded; a list, dictionary, number, quoted text or sweep is left as it is; any other
    value with a character that hydra gives a meaning to, or cannot read, is quoted.
    """
    match = _KEY.match(text)
    if match is None or match["value"] is None:
        if match is None or match["sign"] != "~":
            raise ConfigError(
                f"{text}: this is not of the form key=value.", "For example: sdl train dataset=wine model.kind=logistic"
            )
        return text
    sign, key, value = match["sign"] or "", match["key"], match["value"]
    last = key.rpartition(".")[2]
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    if last in PATH_KEYS and not is_quoted and value not in ("", "null", "none", "default"):
        whole = Path(value).expanduser()
        if not (multirun and "," in value and not whole.exists()):  # else a real sweep over paths
            return f"{sign}{key}={quote(str(whole))}" if value.startswith("~") else f"{sign}{key}={quote(value)}"
    if is_quoted or _PLAIN_VALUE.match(value):
        return text
    try:
        parsed = OverridesParser.create().parse_override(text)
    except (HydraException, OmegaConfBaseException):
        return f"{sign}{key}={quote(value)}"
    if parsed.is_sweep_override() and not multirun:
        raise ConfigError(
            f"{text}: a comma (or range, choice, ...) makes a sweep, one run for each value.",
            f"Add -m to run them all; for one value with a comma in it, quote it: {key}=\"'{value}'\"",
        )
    return text


def quote(value: str) -> str:
    """A value in hydra's single quotes; inside them only quotes, and backslashes before a quote, are escaped."""
    escaped = re.sub(r"(\\*)'", lambda m: m[1] * 2 + r"\'", value)
    escaped = re.sub(r"(\\+)$", lambda m: m[1] * 2, escaped)
    return f"'{escaped}'"


def _check_jobs(verb: str, overrides: Sequence[str], sweeper: str, check: Callable[[Values], Any]) -> None:
    """Parse every job of a plain grid; a search's jobs are not known beforehand, and are parsed as they come."""
    if not sweeper.endswith("BasicSweeper"):
        return
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    parsed = _parse(overrides)
    seen: set[str] = set()
    for batch in BasicSweeper.split_arguments(parsed, max_batch_size=None):
        for one in batch:
            try:
                check(plain_values(compose(verb, one)))
            except ConfigError as error:
                if str(error) not in seen:
                    seen.add(str(error))
                raise ConfigError(f"{error.message}\nNo job of the sweep was started.", error.hint) from error


def _free_folder(folder: Path) -> Path:
    for suffix in range(1, 1000):
        candidate = folder if suffix == 1 else folder.with_name(f"{folder.name}-{suffix}")
        make_folder(candidate.parent)
        try:
            candidate.mkdir()
            return candidate.absolute()
        except FileExistsError:
            continue
        except OSError as error:
            from sdl_cli.files import unwritable

            raise unwritable(candidate, error) from error
    raise DataError(f"{folder}: a thousand sweeps have this name already.")


def _main(verb: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], Any]]:
    arguments: dict[str, Any] = {"config_path": str(conf_dir()), "config_name": verb}
    if "version_base" in inspect.signature(hydra.main).parameters:  # hydra 1.4 drops it
        arguments["version_base"] = "1.3"
    made: Callable[[Callable[[DictConfig], None]], Callable[[], Any]] = hydra.main(**arguments)
    return made


@contextlib.contextmanager
def _initialized() -> Iterator[None]:
    GlobalHydra.instance().clear()
    arguments: dict[str, Any] = {"config_dir": str(conf_dir())}
    if "version_base" in inspect.signature(hydra.initialize_config_dir).parameters:
        arguments["version_base"] = "1.3"
    with hydra.initialize_config_dir(**arguments):
        yield


@contextlib.contextmanager
def _argv(program: str, arguments: Sequence[str]) -> Iterator[None]:
    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [program, *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hydra then raises, and leaves the words to us
    try:
        yield
    finally:
        sys.argv = before
        os.environ.pop("HYDRA_FULL_ERROR") if full is None else os.environ.update(HYDRA_FULL_ERROR=full)


@contextlib.contextmanager
def _reworded(verb: str, overrides: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except MissingConfigException as error:
        raise _missing_option(error, overrides) from error
    except OverrideParseException as error:
        raise ConfigError(
            f"{error.override}: cannot be read.",
            "Write key=value; quote a value with special characters: key=\"'value'\"",
        ) from error
    except (HydraException, OmegaConfBaseException) as error:
        if "Key '" in str(error.__cause__ or error) or "Could not override" in str(error):
            forced = [_forced(o) for o in overrides]
            if forced != list(overrides):
                raise _UnknownKeyError(forced) from error
        raise ConfigError(_first_line(error), "See the settings with: sdl list, and sdl show GROUP=NAME") from error
    except PermissionError as error:
        from sdl_cli.files import unwritable

        raise unwritable(Path(str(error.filename)), error) from error
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        from sdl_cli.files import unwritable

        raise unwritable(Path(str(error.filename or "runs")), error) from error


class _UnknownKeyError(ConfigError):
    """A key that the YAML does not have. `forced` adds it all the same, so that our own parser can name it with its neighbours."""

    def __init__(self, forced: list[str]) -> None:
        super().__init__("A setting does not exist.")
        self.forced = forced


def unknown_key_values(error: ConfigError, verb: str) -> Values | None:
    """The values composed with unknown keys added, where `error` is about such keys; parsing them names each."""
    if not isinstance(error, _UnknownKeyError):
        return None
    kept = [o for o in error.forced if not any(part in o.partition("=")[2] for part in (",", "range(", "choice("))]
    kept += [_first_choice(o) for o in error.forced if o not in kept]
    return plain_values(compose(verb, kept))


def _forced(override: str) -> str:
    key = override.lstrip("+~").partition("=")[0]
    is_group = "." not in key and (conf_dir() / key).is_dir()
    if override.startswith(("+", "~")) or is_group or key.startswith("hydra"):
        return override
    return f"++{override}"


def _first_choice(override: str) -> str:
    [parsed] = _parse([override])
    if not parsed.is_sweep_override():
        return override
    first = next(iter(parsed.sweep_string_iterator()))
    return f"{override.partition('=')[0]}={first}"


def _parse(overrides: Sequence[str]) -> list[Override]:
    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise ConfigError(
            f"{error.override}: cannot be read.",
            "Write key=value; quote a value with special characters: key=\"'value'\"",
        ) from error


def _search_path(config_dir: str | None, overrides: Sequence[str]) -> list[str]:
    folders = user_dirs(config_dir)
    if not folders or any(o.startswith("hydra.searchpath") for o in overrides):
        return []
    return ["hydra.searchpath=[" + ",".join(quote(f"file://{folder}") for folder in folders) + "]"]


def _missing_option(error: MissingConfigException, overrides: Sequence[str]) -> ConfigError:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    if not group:
        wrong = next((o for o in overrides if o.lstrip("+").partition("=")[0] == missing), missing)
        return ConfigError(
            f"{wrong}: there is no such group of settings.{suggest(missing, ['dataset', 'model', 'loss', 'augment', 'training'])}"
        )
    try:
        find(group, name)
    except ConfigError as found:
        return found
    names = ", ".join(options(group)) or ", ".join(error.options or ())
    return ConfigError(f"{group}={name}: there is no such choice.", f"There are: {names}.")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

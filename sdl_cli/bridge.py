"""The only module that imports hydra: quoting, the conf folder, checking every job first, and errors in our own words.

A job gets plain values and a folder; it never sees hydra or OmegaConf.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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

from sdl_cli.conf_files import GROUPS, conf_dir, find, options, user_dirs
from sdl_cli.config import suggest
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import make_folder, unwritable
from sdl_cli.quoting import is_literal_path, quote, quote_list, quote_path, split_paths

Values = dict[str, Any]
Job = Callable[[Values, Path, list[str]], None]
Check = Callable[[Values], Any]

_VERSION_BASE: dict[str, Any] = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}  # later ones warn of it
OPEN_KEYS = ("model.params.",)  # below these any key may be set
NAMED_SETS = ("openml", "huggingface", "torchvision")  # kinds of data set of which there are many, named by dataset.dataset
LIST_KEYS = (
    *("curve.sizes", "curve.at", "model.widths"),
    *("dataset.features", "dataset.drop", "dataset.categorical", "dataset.missing_values"),
)
BASELINES = ("forest", "extra_trees", "logistic", "svm", "gradient_boosting", "ridge")  # kinds that may be taken for models
_PLAIN_VALUE = re.compile(r"^[\w\-./:+$@%*]*$", re.ASCII)
_KEY = re.compile(r"^(?P<sign>\+\+|\+|~)?(?P<key>[\w./@:]+)(?:=(?P<value>.*))?$", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class Sweep:
    """A sweep before its first job starts.

    Arguments:
        folder: made, and new.
        jobs: of a plain grid whose jobs lie in folders 0, 1, ...: `{"overrides", "config"}` of each, parsed. None for others.
    """

    folder: Path
    jobs: list[Values] | None


def run(
    verb: str,
    overrides: Sequence[str],
    job: Job,
    check: Check,
    on_sweep: Callable[[Sweep], None] | None = None,
    config_dir: str | None = None,
    flags: Sequence[str] = (),
) -> None:
    """Compose the configuration of `verb` and run `job` once, or once for every combination of a sweep.

    Arguments:
        overrides: as typed; values that hydra could not read are quoted.
        job: called with the composed values, the folder that hydra gave the run, and its overrides.
        check: parses composed values; called for every job of a plain grid before the first one starts.
        on_sweep: makes it a sweep, and is told of its folder and jobs before the first one starts.
        flags: hydra's own (`--cfg job`, `--info all`, ...), handed on.
    Raises:
        ConfigError: an override, group, option or value that does not exist or cannot be read.
        Whatever `job` raises.
    """
    multirun = on_sweep is not None
    quoted = [quote_override(o, multirun) for o in name_the_set(overrides)] + _search_path(config_dir, overrides)
    if on_sweep is not None:
        sweep = _prepare_sweep(verb, quoted, check)
        on_sweep(sweep)
        quoted.append(f"hydra.sweep.dir={quote(str(sweep.folder))}")
    before = set() if multirun else _existing_folders(quoted)
    raised: list[BaseException] = []

    def task(cfg: DictConfig) -> None:
        found = HydraConfig.get()
        folder = Path(found.runtime.output_dir)
        try:
            job(plain_values(cfg), folder, list(found.overrides.task))
        except BaseException as error:
            raised.append(error)  # hydra would print a line of its own, and takes OSError for one of its making
            if not multirun:
                _remove_empty(folder, before)
            elif not isinstance(error, Exception):
                raise

    arguments = quoted + list(flags) + (["--multirun"] if multirun else [])
    try:
        with _own_process(f"sdl {verb}", arguments), _reworded(verb, quoted, check):
            _main(verb)(task)()
    except BaseException:
        if not raised:
            raise
    if raised:
        raise raised[0]


def compose(verb: str, overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """The composed configuration under overrides that hydra can read; with `with_hydra`, hydra's own part too."""
    with _initialized():
        return hydra.compose(verb, overrides=list(overrides), return_hydra_config=with_hydra)


def compose_checked(verb: str, overrides: Sequence[str], check: Check, config_dir: str | None = None) -> Values:
    """The composed plain values of `verb` under overrides as typed, once `check` has parsed them."""
    quoted = [quote_override(o) for o in name_the_set(overrides)] + _search_path(config_dir, overrides)
    return _compose_one(verb, quoted, check)


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
        found[str(override.key_or_group)] = plain_values(OmegaConf.create({"v": override.value()}))["v"]
    return found


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
        if Path(text).is_dir():
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


def _comma_hint(key: str, value: str) -> str:
    """What may have been meant by a value with a comma in it."""
    if key in LIST_KEYS:
        return f"For a list write {key}=[{value}]"
    if re.fullmatch(r"\d+,\d+", value):
        return f"Add -m to run both; for a number write the decimal point as a point: {key}={value.replace(',', '.')}"
    return f"Add -m to run them all; for one value with a comma in it, quote it: {key}=\"'{value}'\""


def _prepare_sweep(verb: str, overrides: Sequence[str], check: Check) -> Sweep:
    """Make a sweep's folder, once every job of a plain grid has been parsed; a search's jobs are parsed as they come."""
    own = [o for o in overrides if o.lstrip("+~").startswith("hydra")]
    with _reworded(verb, own, check):
        composed = compose(verb, own, with_hydra=True)
        folder, sweeper = Path(str(composed.hydra.sweep.dir)), str(composed.hydra.sweeper._target_)
        numbered = OmegaConf.to_container(composed.hydra.sweep, resolve=False)["subdir"] == "${hydra.job.num}"  # type: ignore[index, call-overload]
    jobs = []
    if sweeper.endswith("BasicSweeper"):
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        try:
            batches = BasicSweeper.split_arguments(_parse(overrides), max_batch_size=None)
            for one in (one for batch in batches for one in batch):
                chosen = [o for o in one if not o.lstrip("+~").startswith("hydra")]
                jobs.append({"overrides": chosen, "config": _compose_one(verb, one, check)})
        except ConfigError as error:
            raise ConfigError(f"{error.message}\nNo job of the sweep was started.", error.hint) from error
    return Sweep(_free_folder(folder), jobs if jobs and numbered else None)


def _compose_one(verb: str, overrides: Sequence[str], check: Check) -> Values:
    with _reworded(verb, overrides, check):
        values = plain_values(compose(verb, overrides))
    check(values)
    return values


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
            raise unwritable(candidate, error) from error
    raise DataError(f"{folder}: a thousand sweeps have this name already.", "Choose another with hydra.sweep.dir=...")


def _existing_folders(overrides: Sequence[str]) -> set[Path]:
    """The folders that were there before the run and stay, whatever becomes of it."""
    named = [Path(o.partition("=")[2].strip("'\"")) for o in overrides if o.lstrip("+").startswith("hydra.run.dir=")]
    places = [place for path in [Path("runs/day/run"), *named] for place in (path.absolute(), *path.absolute().parents)]
    return {place for place in (*places, *Path("runs").absolute().glob("*")) if place.is_dir()}


def _remove_empty(folder: Path, keep: set[Path]) -> None:
    """Take back the folders that hydra made for a run that wrote nothing."""
    for place in (folder, *folder.parents):
        if place in keep or place == Path.cwd():
            return
        try:
            place.rmdir()
        except FileNotFoundError:  # the run took it back itself
            continue
        except OSError:
            return


def _main(verb: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], Any]]:
    made: Callable[[Callable[[DictConfig], None]], Callable[[], Any]] = hydra.main(
        config_path=str(conf_dir()), config_name=verb, **_VERSION_BASE
    )
    return made


@contextlib.contextmanager
def _initialized() -> Iterator[None]:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(config_dir=str(conf_dir()), **_VERSION_BASE):
        yield


@contextlib.contextmanager
def _own_process(program: str, arguments: Sequence[str]) -> Iterator[None]:
    """Let hydra believe that the process is its own: its arguments, and its logging, which are put back afterwards."""
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    loggers = [logging.getLogger(), logging.getLogger("hydra")]
    states = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    sys.argv = [program, *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hydra then raises, and leaves the words to us
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR")
        if full is not None:
            os.environ["HYDRA_FULL_ERROR"] = full
        for logger, level, handlers in states:
            logger.setLevel(level)
            logger.handlers[:] = handlers


@contextlib.contextmanager
def _reworded(verb: str, overrides: Sequence[str], check: Check) -> Iterator[None]:
    """Turn what hydra raises into a ConfigError that names the setting and its neighbours."""
    try:
        yield
    except MissingConfigException as error:
        raise _missing_option(error, overrides) from error
    except OverrideParseException as error:
        raise _unreadable(error) from error
    except (HydraException, OmegaConfBaseException) as error:
        _name_unknown_keys(verb, overrides, check)
        found = re.match(r"Could not override '([^']+)'", str(error))
        if found:
            raise ConfigError(f"{found[1]}: no such setting.", f"See all settings with: sdl {verb} --cfg all") from error
        raise ConfigError(_first_line(error), "See the settings with: sdl list, and sdl show GROUP=NAME") from error
    except OSError as error:
        raise unwritable(Path(str(error.filename or "runs")), error) from error


def _name_unknown_keys(verb: str, overrides: Sequence[str], check: Check) -> None:
    """Compose again with every key added by force, so that our own parser names the unknown ones with their neighbours."""
    forced = [_forced(o) for o in overrides]
    if forced == list(overrides):
        return
    try:
        values = plain_values(compose(verb, [_first_choice(o) for o in forced]))
    except (HydraException, OmegaConfBaseException, ConfigError):
        return
    check(values)
    added = next((o for o in overrides if o.startswith("+")), None)
    if added is not None:
        raise ConfigError(f"{added}: + adds what is not there yet, and this is.", f"Write {added.lstrip('+')}")


def _forced(override: str) -> str:
    """The override, made to pass hydra whether its key exists or not."""
    key = override.lstrip("+~").partition("=")[0]
    if key in GROUPS:
        return override.lstrip("+")
    return override if override.startswith(("++", "~")) or key.startswith("hydra") else f"++{override.lstrip('+')}"


def _first_choice(override: str) -> str:
    [parsed] = _parse([override])
    if not parsed.is_sweep_override():
        return override
    return f"{override.partition('=')[0]}={next(iter(parsed.sweep_string_iterator()))}"


def _parse(overrides: Sequence[str]) -> list[Override]:
    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise _unreadable(error) from error


def _unreadable(error: OverrideParseException) -> ConfigError:
    hint = "Write key=value; quote a value with special characters: key=\"'value'\""
    return ConfigError(f"{error.override}: cannot be read.", hint)


def _search_path(config_dir: str | None, overrides: Sequence[str]) -> list[str]:
    folders = user_dirs(config_dir)
    if not folders or any(o.startswith("hydra.searchpath") for o in overrides):
        return []
    return ["hydra.searchpath=[" + ",".join(quote(f"file://{folder}") for folder in folders) + "]"]


def _missing_option(error: MissingConfigException, overrides: Sequence[str]) -> ConfigError:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    if not group or group.startswith("hydra"):
        wrong = next((o for o in overrides if o.lstrip("+").partition("=")[0] == (group or missing)), missing)
        names = ", ".join(error.options or ())
        guess = suggest(name, error.options or GROUPS)
        return ConfigError(f"{wrong}: there is no such choice.{guess}", f"There are: {names}." if names else "See: sdl list")
    if group == "model" and name in BASELINES:
        return ConfigError(
            f"model={name}: there is no such model.", f"It is a kind of baseline: model=baseline model.kind={name}"
        )
    try:
        find(group, name)
    except ConfigError as found:
        return found
    return ConfigError(f"{group}={name}: there is no such choice.", "See: sdl list")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

"""How a result came about: settings that differ from their defaults, versions and machine, and the command to get it again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sdl_cli.phrases import counted
from sdl_cli.report.html.section import Section, escape, table
from sdl_cli.report.html.section import plain as plain_text
from sdl_cli.report.methods.account import Methods
from sdl_cli.run.request import TABLES
from sdl_cli.settings.experiment import Experiment, plain
from sdl_cli.settings.parallel import Parallel
from sdl_cli.study.compare.settings import Compare
from sdl_cli.study.curve.settings import Curve

Values = dict[str, Any]
_MOST_NOTES = 40
_WHOLE: dict[str, type] = {"curve": Curve, "compare": Compare, "parallel": Parallel}
CHOICE, FILLED_IN = object(), object()


def configuration_section(config: Values, typed: Sequence[str]) -> Section:
    """What differs from the defaults; folded away, what the method filled in besides the words `typed`, and the whole."""
    keys = {word.lstrip("+").partition("=")[0] for word in typed}
    changed = changed_settings(config)
    filled = [item for item in changed if item[2] is FILLED_IN and item[0] not in keys]
    chosen = [[key, _written(value), _written(default)] for key, value, default in changed if (key, value, default) not in filled]
    body = table(["setting", "value", "default"], chosen)
    if filled:
        rows = [[key, _written(value)] for key, value, _ in filled]
        body += f"<details><summary>Filled in by the method</summary>{table(['setting', 'value'], rows)}</details>"
    whole = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    lines = []
    for line in whole.rstrip("\n").split("\n"):
        words = line.lstrip(" ")
        lines.append(" " * (len(line) - len(words)) + escape(words, 2000))
    body += f"<details><summary>The whole configuration</summary><pre>{chr(10).join(lines)}</pre></details>"
    return Section("configuration", "Configuration", body, "The choices, and the settings that differ from their defaults.")


def changed_settings(config: Values) -> list[tuple[str, Any, Any]]:
    """Key, value and default of every setting whose value is not its default, the names of the choices first.

    The default is CHOICE for the name of a data set, model, loss or augmentation, and FILLED_IN for a setting of training whose
    default is None, since the method fills it in to suit the data.
    """
    found: list[tuple[str, Any, Any]] = []
    for key, value in config.items():
        if not isinstance(value, dict):
            default = _defaults(Experiment).get(key)
            found += [(key, value, default)] if value != default else []
            continue
        entry = TABLES.get(key) or _WHOLE.get(key)
        kind = entry.get(value.get("name")) if isinstance(entry, dict) else entry
        defaults = _defaults(kind) if kind is not None else {}
        if isinstance(entry, dict):
            found.append((key, value.get("name"), CHOICE))
        for name, own in value.items():
            if name != "name" and own != defaults.get(name):
                default = FILLED_IN if key == "training" and defaults.get(name) is None else defaults.get(name)
                found.append((f"{key}.{name}", own, default))
    return sorted(found, key=lambda item: "." in item[0])


def machine_section(environment: Values, seconds: Mapping[str, float] | None) -> Section:
    """Versions, device and time; `seconds` are per phase and in total."""
    versions = dict(environment.get("versions", {}))
    rows = [[name, str(versions.pop(name))] for name in ("sdl", "python") if name in versions]
    rows += [["packages", ", ".join(f"{name} {version}" for name, version in versions.items())]] if versions else []
    rows.append(["system", str(environment.get("platform", "unknown"))])
    runtime = environment.get("runtime")
    if runtime:
        threads = counted(runtime["num_threads"], "thread")
        rows.append(["device", f"{runtime['device']}, {runtime['precision']}, {runtime['memory_format']}, {threads}"])
    for one in environment.get("pretrained") or []:
        rows.append(["pretrained weights (digest)", f"{one['architecture']}, {one['weights']}: {one['digest']}"])
    for name, value in (seconds or {}).items():
        if value >= 0.05:
            rows.append(["seconds in all" if name == "total" else f"seconds to {name}", f"{value:,.1f}"])
    if environment.get("git_commit"):
        rows.append(["git commit", str(environment["git_commit"])])
    if "data_fingerprint" in environment:
        rows.append(["data (sha256)", str(environment["data_fingerprint"])])
    return Section("machine", "Versions and machine", table(["what", "which"], rows))


def command_of(environment: Values) -> str:
    """The stored command line as it can be pasted into a shell; empty where there is none."""
    words = [str(word) for word in environment.get("command_line") or []]
    if not words:
        return ""
    # what the command line itself hands to hydra beside what was typed
    own = ("--multirun", "hydra.searchpath=")  # that of a user's own YAML is found again by itself
    typed = [_unquoted(word) for word in words[1:] if not word.startswith(own)]
    keys = [word.partition("=")[0] for word in typed]
    once = [word for k, word in enumerate(typed) if not (word.startswith("hydra.") and keys[k] in keys[:k])]
    multirun = ["-m"] if "--multirun" in words else []
    return " ".join([plain_text(words[0]), *multirun, *map(shlex.quote, once)])


def reproduce_section(environment: Values, folder: str, kind: str) -> Section:
    """The commands that make this again, and that use it further; `kind` as of `write.kind_of`."""
    command, where = command_of(environment), shlex.quote(folder)
    lines = [command] if command else []
    lines += [f"sdl evaluate {where}", f"sdl predict {where} INPUT -o predictions.csv"] if kind == "run" else []
    lines.append(f"sdl report {where} -o report.html")
    body = f'<pre class="wrapped">{chr(10).join(escape(line, most=4000) for line in lines)}</pre>'
    same = "With the same data, versions and machine the numbers are the same" if command else "The command was not recorded."
    if command:
        same += "; a time limit may stop it at a different point." if kind == "comparison" else "."
    return Section("reproduce", "How to reproduce", body, same)


def methods_section(told: Methods) -> list[Section]:
    """Words for the methods part of a paper, and the works that they cite; empty where there are none."""
    if not told.paragraphs:
        return []
    body = "".join(f"<p>{escape(paragraph, most=6000)}</p>" for paragraph in told.paragraphs)
    works = "".join(f"<li>{escape(work)}</li>" for work in told.works)
    lead = "Ready to paste into a paper; sdl report --figures DIR writes it to methods.txt. Say in your own words why you did it."
    return [Section("methods", "Methods", body + (f"<h3>References</h3><ol>{works}</ol>" if works else ""), lead)]


def notes_section(notes: Sequence[str]) -> list[Section]:
    """What was said of the data and the settings as it ran; empty where nothing was."""
    if not notes:
        return []
    items = "".join(f"<li>{escape(note, most=1000)}</li>" for note in notes[:_MOST_NOTES])
    return [Section("notes", "Notes", f"<ul>{items}</ul>", "Notes on data and settings, as printed during the run.")]


def _defaults(kind: type) -> Values:
    """Plain default values of a settings dataclass; what has none is left out."""
    values: Values = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            values[field.name] = list(field.default) if isinstance(field.default, tuple) else field.default
        elif field.default_factory is not dataclasses.MISSING:
            made = field.default_factory()
            values[field.name] = plain(made) if dataclasses.is_dataclass(made) else made
    return values


def _written(value: Any) -> str:
    if value is CHOICE:
        return ""
    if value is FILLED_IN:
        return "by the method"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _unquoted(word: str) -> str:
    """A path as it was typed, not in the quotes that hydra was handed it in."""
    key, equals, value = word.partition("=")
    if equals and len(value) > 1 and value[0] == value[-1] == "'" and not set(value[1:-1]) & {"'", "\\", ","}:
        return f"{key}={value[1:-1]}"
    return word

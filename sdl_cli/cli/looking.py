"""The verbs that look and change nothing: at data, curves, choices, runs and the machine. Heavy imports are inside each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from sdl_cli.cli.exits import ending
from sdl_cli.cli.options import ConfigDir, Debug, Json, NoOwnFile, settings_line
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there, typed_path
from sdl_cli.report.layout import say
from sdl_cli.settings.parts import permission
from sdl_cli.settings.yaml_files import GROUPS, check_group, conf_dir, find, options, summary

if TYPE_CHECKING:
    from sdl_cli.cli.own_file import Used
    from sdl_cli.report.console import Display

commands = typer.Typer()


def with_data(overrides: list[str] | None, notice: Callable[[str], None]) -> list[str]:
    """The settings as typed; a bare file or folder among them becomes the data."""
    given = list(overrides or [])
    if all("=" in o and not is_there(o) for o in given):
        return given
    from sdl_cli.run.hydra.bare_paths import with_bare_path

    found, sentence = with_bare_path(given)
    if sentence:
        notice(sentence)
    return found


def told(display: Display) -> Callable[[str], None]:
    """What says a sentence before there is a run: on the display, and at the top of the run's log."""
    from sdl_cli.run import run_log

    run_log.typed(sys.argv)

    def tell(sentence: str) -> None:
        run_log.tell(sentence)
        display.notice(sentence)

    return tell


def with_own_file(verb: str, typed: list[str], config_dir: str | None, leave_out: bool, display: Display) -> Used:
    """The settings of a command: those of `sdl.yaml`, where the folder has one, below those typed; what is used is said."""
    from sdl_cli.cli import own_file

    found = own_file.Used(typed, {}, {}) if leave_out else own_file.used(verb, typed, config_dir)
    if found.sentence:
        told(display)(found.sentence)
    for key, value in found.own.items():
        display.detail("setting", f"{key}={value} ({found.place(key)})")
    for override in found.overrides[len(found.own) :]:
        display.detail("setting", f"{override} (the command line)")
    return found


@commands.command(epilog=settings_line(), short_help="Check data before training: leaks, duplicates, missing values.")
def check(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="The data, for example patients.csv target=outcome, photos/, or dataset=wine."),
    ] = None,
    config_dir: ConfigDir = None,
    no_own_file: NoOwnFile = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Check a data set before training, worst problem first. Exit code 1 if this data would be refused, or no result trusted."""
    with ending(as_json, debug) as answer:
        from sdl_cli.report.console import Display

        display = Display(as_json)
        given = with_own_file("check", with_data(overrides, display.notice), config_dir, no_own_file, display)
        from sdl_cli.report import check_words
        from sdl_cli.run import hydra as bridge
        from sdl_cli.run.check import data, is_fatal
        from sdl_cli.run.request import parse_experiment

        permission.begin(display.notice)
        with given.blamed():
            problems, found = data.check(bridge.compose_checked("train", given.overrides, parse_experiment, config_dir))
        display.lines(check_words.report(problems, found))
        answer(
            {
                "problems": [problem.to_json() for problem in problems],
                "summary": found,
                "exit_code": int(any(map(is_fatal, problems))),
            }
        )


@commands.command(short_help="Forecast a learning curve that was measured elsewhere, from a CSV.")
def forecast(
    source: Annotated[
        str, typer.Argument(metavar="POINTS.csv", help="Columns size and score, and repeat if a size has several.")
    ],
    at: Annotated[
        list[int] | None, typer.Option("--at", min=1, help="A number of labelled rows to forecast; may be repeated.")
    ] = None,
    target: Annotated[
        float | None, typer.Option("--target", help="The score to reach; unless given, the next round one.")
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="What the score is: accuracy, roc_auc, rmse, log_loss, ...")
    ] = "accuracy",
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.99, help="Coverage of the interval.")] = 0.9,
    test_rows: Annotated[int | None, typer.Option("--test-rows", min=1, help="Rows that each score was measured on.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Forecast a learning curve from its points: what twice the labels would bring, and how many a target needs."""
    with ending(as_json, debug) as answer:
        from sdl_cli.report.console import Display
        from sdl_cli.study.curve.elsewhere import forecast as forecast_points
        from sdl_cli.study.curve.summary import Question

        values = forecast_points(typed_path(source), metric, Question(target, tuple(at or ()) or None, level, test_rows))
        Display(as_json).forecast(values)
        answer(values)


@commands.command(name="list", short_help="List data sets, models, losses, augmentations, experiments.")
def list_(
    group: Annotated[str | None, typer.Argument(metavar="GROUP", help=f"{', '.join(GROUPS[:-1])} or {GROUPS[-1]}.")] = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List what you can choose from: data sets, models, losses, augmentations, experiments."""
    with ending(as_json, debug) as answer:
        if group is not None:
            check_group(group)
        groups = GROUPS if group is None else (group,)
        items = [item for each in groups for item in _choices(each, config_dir)]
        if not as_json:
            from sdl_cli.report.layout import catalogue

            say("\n".join(catalogue(items)))
            say("To see the settings of a choice: sdl show GROUP=NAME")
        answer({"items": items})


def _choices(group: str, config_dir: str | None) -> list[dict[str, str]]:
    """The choices of a group, the user's own parts and those of packages among them; no code is imported."""
    from sdl_cli.settings.parts import choices as own_parts

    items, hidden, points = [], options(group, config_dir, ours=False), own_parts.hidden_points(group, config_dir)
    for name, file in options(group, config_dir).items():
        part = own_parts.of_file(group, name, file, config_dir)
        told = summary(file)
        if part is not None:
            told = f"{told} [{part.said}]" if told else part.summary
        if name in hidden and hidden[name] != file:
            told += f" [{hidden[name]} has the same name and is never taken: rename it]"
        if name in points:
            told += f" [{points[name].package} has one of the same name: it needs a YAML with _target_: {points[name].target}]"
        items.append({"group": group, "name": name, "summary": told})
    items += [{"group": group, "name": part.name, "summary": part.summary} for part in own_parts.of_packages(group, config_dir)]
    return items


def _texts(group: str, name: str, config_dir: str | None) -> dict[str, str]:
    """Name -> what `sdl show` says of the choice of that name, or without a name of all choices of a group."""
    from sdl_cli.settings.parts import choices as own_parts

    packaged = {part.name: part for part in own_parts.of_packages(group, config_dir)}
    try:
        files = options(group, config_dir) if not name else {} if name in packaged else {name: find(group, name, config_dir)}
    except ConfigError as error:
        raise own_parts.with_packages(error, group, name) from error
    texts = {}
    for key, file in files.items():
        part = own_parts.of_file(group, key, file, config_dir)
        own = [] if part is None else [own_parts.explained(part)]
        texts[key] = "\n".join([file.read_text(encoding="utf-8").rstrip(), *own])
    more = {key: own_parts.explained(part) for key, part in packaged.items() if name in ("", key)}
    return {**texts, **more}


@commands.command(short_help="Show and explain the settings of a choice.")
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="GROUP[=NAME]", help="For example model=finetuned_cnn; model for all; train, curve, compare for the rest."
        ),
    ],
    config_dir: ConfigDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the settings of one choice and what they mean; without =NAME, of all choices of a group."""
    with ending(as_json, debug) as answer:
        group, _, name = what.partition("=")
        if what in [file.stem for file in conf_dir().glob("*.yaml")]:  # the settings of a verb that stand in no group
            group, name, texts = "", what, {what: (conf_dir() / f"{what}.yaml").read_text(encoding="utf-8").rstrip()}
        else:
            check_group(group)
            texts = _texts(group, name, config_dir)
        items = [{"group": group, "name": key, "text": text} for key, text in texts.items()]
        if not as_json:
            say("\n\n".join(item["text"] if name else f"# {group}={item['name']}\n{item['text']}" for item in items))
        answer({"items": items})


@commands.command(short_help="List every run, one line each, the newest last.")
def runs(
    folder: Annotated[str | None, typer.Argument(metavar="FOLDER", help="Where the runs are; ./runs unless given.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="KEY=VALUE", help="Only runs for which this holds (see above); may be repeated."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="Sort by date (the default), seconds, lift, a metric or setting: best last."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Newest or best first; so does --sort -KEY.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Show only this many: the newest, or the best.")] = None,
    parts: Annotated[
        bool, typer.Option("--all", help="List the repeats, cells and arms that runs, curves and comparisons are made of too.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List every run below a folder: when, what, on which data, its score, its verdict, and where it is.

    The newest run, or with --sort the best, comes last, right above the prompt. The verdict compares it with the quick baseline.

    --where dataset=digits, model=baseline, kind=sweep, status=failed, verdict=better, date=2026-11, or any setting in full,
    as in model.kind=logistic. Numbers can be compared, in quotes: --where 'accuracy>0.9' --where 'seconds<10'.
    """
    with ending(as_json, debug) as answer:
        from sdl_cli.many.listing.find import find_runs
        from sdl_cli.many.listing.query import select
        from sdl_cli.phrases import counted
        from sdl_cli.report.run_words import pasted, run_lines, shown_root

        root = typed_path(folder or "runs")
        found = find_runs(root, parts) if folder is not None or root.exists() else []
        chosen = select(found, where or [], sort, limit, reverse)
        if not as_json:
            if chosen:
                say("\n".join(run_lines(chosen, root, sort)))
            elif found:
                say(f"None of {counted(len(found), 'run')} in {pasted(shown_root(root))} matches.")
            else:
                say(f"No runs in {pasted(shown_root(root))} yet. Train one: sdl train")
        answer({"items": [run.to_json(root.absolute()) for run in chosen]})


@commands.command()
def device(
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show which device a network would use, and why."""
    with ending(as_json, debug) as answer:
        from sdl_cli.learning import device as devices
        from sdl_cli.phrases import counted
        from sdl_cli.report.console import Display
        from sdl_cli.report.layout import table, wrap

        found, chosen = devices.describe(), devices.resolve(name)
        quickest = "bfloat16 or float32, whichever is faster for the network"
        precision = quickest if chosen.precision == "auto" else chosen.precision
        threads = f", {counted(chosen.num_threads, 'thread')}" if chosen.num_threads else ""
        text = f"A network would run on {chosen.device} in {precision}{threads}: {chosen.reason}."
        Display(as_json).lines([*table(found), "", *wrap(text, 80)])
        answer({"machine": dict(found), "runtime": chosen.to_plain()})

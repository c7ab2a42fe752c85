"""What could follow on a command line: choices, settings, columns, run folders and files, from what stands before."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sdl_cli.files import typed_path

# options that are followed by a value -> what that may be
VALUES = {
    "--resume": "stopped",
    "--config-dir": "files", "-o": "files", "--out": "files", "--figures": "files",
    "--cfg": "job hydra all", "--info": "all config defaults defaults-tree plugins searchpath", "--on-error": "fail skip",
    "--metric": "accuracy balanced_accuracy macro_f1 roc_auc log_loss calibration_error rmse mae r2",
    **dict.fromkeys(("--package", "--sheet", "--subnets", "--bound", "--seed", "--seconds", "--at", "--target", "--level"), ""),
    **dict.fromkeys(("--test-rows", "--where", "--sort", "--limit", "--host", "--port", "--token-file"), ""),
    **dict.fromkeys(("--max-rows", "--max-mb", "--allow-host"), ""),
}  # fmt: skip
COMPOSING = {"train": "train", "curve": "curve", "compare": "compare", "check": "train", "init": "train"}  # verb -> its settings
ON_RUNS = ("evaluate", "predict", "export", "decompose", "report", "serve")
_MOST_FILES = 2_000


class Item(NamedTuple):
    """Something that a word could become.

    Arguments:
        value: the whole word. help: what it means, or nothing. is_open: more of the word is to follow.
    """

    value: str
    help: str = ""
    is_open: bool = False


class Suggestions(NamedTuple):
    """What a word could become.

    Arguments:
        items: those that begin with what is typed. files: the name of a file fits too.
        common: the beginning of all of them that is not shown again, such as `dataset.target=`.
    """

    items: Sequence[Item] = ()
    files: bool = False
    common: str = ""

    def file_items(self, typed: str) -> list[Item]:
        """Files and folders that begin with what is typed, where files fit."""
        if not self.files:
            return []
        start, path = typed[: len(self.common)], typed[len(self.common) :]
        head, slash, tail = path.rpartition("/")
        try:
            found = sorted(os.scandir(typed_path(head + slash) if slash else "."), key=lambda one: one.name)
        except OSError:
            return []
        own = [one for one in found if one.name.startswith(tail) and (tail or not one.name.startswith("."))][:_MOST_FILES]
        return [
            Item(f"{start}{head}{slash}{one.name}{'/' if one.is_dir() else ''}", "", one.is_dir())
            for one in own
            if one.name.isprintable()
        ]


def suggest(words: Sequence[str], current: str) -> Suggestions | None:
    """What the word at the cursor could become; None for a verb or an option, which Typer knows.

    Arguments:
        words: those before it, without the program. current: what is typed of it.
    """
    if not words or current.startswith("-"):
        return None
    verb, given = words[0], list(words[1:])
    if given and given[-1] in VALUES:
        return _of_option(VALUES[given[-1]], current)
    places = [
        word for place, word in enumerate(given) if not word.startswith("-") and (not place or given[place - 1] not in VALUES)
    ]
    config_dir = given[given.index("--config-dir") + 1] if "--config-dir" in given[:-1] else None
    if verb in COMPOSING or verb == "config":
        from sdl_cli.cli.completion.settings import of_settings

        if verb == "config":
            verb = places.pop(0) if places and places[0] in ("train", "curve", "compare", "check") else "train"
        return of_settings(COMPOSING[verb], places, current, config_dir, verb == "check")
    if verb in ON_RUNS:
        return _of_run(verb, places, current, config_dir)
    return _of_looking(verb, places, current, config_dir)


def starting(items: Iterable[Item], current: str) -> list[Item]:
    """Those of which `current` is the beginning."""
    return [item for item in items if item.value.startswith(current)]


def _of_option(what: str, current: str) -> Suggestions:
    if what == "files":
        return Suggestions(files=True)
    if what == "stopped":
        from sdl_cli.cli.completion.run_folders import STOPPED, run_folders

        return Suggestions([Item(folder, help) for folder, help in run_folders(current, STOPPED).items()], True)
    return Suggestions(starting(map(Item, what.split()), current))


def _of_run(verb: str, places: Sequence[str], current: str, config_dir: str | None) -> Suggestions:
    if not places:
        from sdl_cli.cli.completion.run_folders import DONE, run_folders

        return Suggestions([Item(folder, help) for folder, help in run_folders(current, DONE).items()], True)
    if verb == "evaluate":
        from sdl_cli.cli.completion.settings import of_settings

        return of_settings("evaluate", places[1:], current, config_dir, True)
    return Suggestions(files=True)


def _of_looking(verb: str, places: Sequence[str], current: str, config_dir: str | None) -> Suggestions:
    from sdl_cli.settings.yaml_files import GROUPS, options, summary

    if verb == "list" and not places:
        return Suggestions(starting((Item(group, f"every {group}") for group in GROUPS), current))
    if verb == "show" and not places:
        group, mark, _ = current.partition("=")
        if mark and group in GROUPS:
            found = (Item(f"{group}={name}", summary(file)) for name, file in options(group, config_dir).items())
            return Suggestions(starting(found, current), common=f"{group}=")
        verbs = [
            Item(name, f"the settings of sdl {name} that stand in no group") for name in ("train", "curve", "compare", "claims")
        ]
        return Suggestions(starting([*verbs, *(Item(f"{group}=", f"one {group}", True) for group in GROUPS)], current))
    if verb == "claims" and "=" not in current:
        named = [Item(name, summary(file)) for name, file in options("claim").items() if name not in places]
        own = (
            Item("claims.data=", "a folder with the data sets that sdl does not bring", True),
            Item("seed=", "of all studies", True),
        )
        return Suggestions(starting([*named, *own], current))
    if verb == "device":
        return Suggestions(starting(map(Item, ("auto", "cpu", "cuda", "mps")), current))
    return Suggestions(files=True)

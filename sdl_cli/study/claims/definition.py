"""Claims as written in `conf/claim/`: what is claimed, what is measured for it, and which numbers decide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from sdl_cli.errors import ConfigError
from sdl_cli.settings.experiment import Count, Positive, Range
from sdl_cli.settings.parse import parse_group
from sdl_cli.settings.yaml_files import conf_dir, find, options, summary
from sdl_cli.study.claims.sets import KEPT, PARTS, is_known, known_sets

Values = dict[str, Any]
GROUP = "claim"
PLACE = re.compile(r"\{(data|study):(\w+)\}")  # in settings: the path of a set, the folder of an earlier study
# how a number is measured, and what it needs beside its study; see `measures`
MEASURES = {
    "difference": ("arm", "minus"),
    "mean_difference": ("arm", "minus"),
    "trend": ("arm", "minus"),
    "score": (),
    "error": (),
    "rank": ("arm",),
    "coverage": (),
    "gain": (),
    "correlation": (),
    "published": ("reported",),
}


@dataclass(frozen=True)
class Effort:
    """How much is run.

    Arguments:
        repeats: splits, or draws of the labelled rows.
        candidates: settings that each method tries on validation rows; 1 takes it as it is.
        sizes: labelled rows per class, one study for each; None is all.
        sets: names of members of a collection; None is all of them.
        settings: more settings as of the verb.
        minutes: that it takes on two cores, as measured.
    """

    repeats: Count = 1
    candidates: Annotated[int, Range(1, 6)] = 1
    sizes: tuple[Count | None, ...] = (None,)
    sets: tuple[str, ...] | None = None
    settings: tuple[str, ...] = ()
    minutes: Positive = 1.0


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is run for a claim: a comparison, a curve, a run, or a network taken apart, on one data set or each of several.

    Arguments:
        verb: compare, curve, train or decompose.
        data: a data set of `sets`.
        arms: of a comparison, as `compare.arms`.
        settings: of the verb; `{data:NAME}` stands for the path of a set, `{study:NAME}` for the folder of another study.
        quick, full: how much of it; None leaves it out.
    """

    verb: Literal["compare", "curve", "train", "decompose"]
    data: str
    arms: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    quick: Effort | None = None
    full: Effort | None = None

    def effort(self, quick: bool) -> Effort | None:
        return self.quick if quick else self.full


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number that is measured, and what it should be if the claim is right.

    Arguments:
        what: in words; the size or the set is added.
        studies: that it is taken from, one or several.
        measure: a key of `MEASURES`. arm, minus: of its comparison.
        sizes: of them only these; None takes all. pooled: the mean of all of them instead of a row for each.
        published: what was published, in words. reported: the same as a number in the unit of the row, for the picture.
        more_than, at_most, less_than, about, reproduces, no_gain: what is claimed of the number; none of them: it is shown and
            decides nothing. unit: of a number that is published alone.
        margin: in the unit of the row, how far from the bound an interval may end and still refute `more_than`.
        within: of `about`, the widest half-width of an interval that may confirm it.
        clusters: of a run's score or error, a regular expression that finds in the id of a test row what it belongs to; rows of
            one cluster count as one.
        decides: whether the claim's verdict rests on it.
        control: a negative control, for which nothing should be found.
    """

    what: str
    measure: str
    studies: tuple[str, ...] = ()
    arm: str | None = None
    minus: str | None = None
    sizes: tuple[Count | None, ...] | None = None
    pooled: bool = False
    published: str = ""
    reported: float | None = None
    more_than: float | None = None
    less_than: float | None = None
    at_most: float | None = None
    about: float | None = None
    reproduces: float | None = None
    no_gain: bool = False
    unit: str = ""
    margin: float = 1.0
    within: float = 5.0
    clusters: str | None = None
    decides: bool = False
    control: bool = False

    @property
    def claimed(self) -> float | None:
        """The number that the row's own is held against; None where nothing is claimed."""
        given = (self.more_than, self.less_than, self.at_most, self.about, self.reproduces, 0.0 if self.no_gain else None)
        return next((one for one in given if one is not None), None)


@dataclass(frozen=True)
class Claim:
    """A claim with its studies and rows.

    Arguments:
        name: of its file. summary: what is claimed, one sentence.
        source: who, where and when. published: the published numbers, in words.
        learned: how to read the result, one or two sentences that hold whatever comes out.
        is_own: whether it is the user's.
    """

    name: str
    summary: str
    source: str
    published: str
    learned: str
    studies: Mapping[str, Study]
    rows: tuple[Row, ...]
    is_own: bool = False


def claims(config_dir: str | None = None) -> dict[str, Path]:
    """Name -> file of every claim, in their own order: that of the ladder, then of the alphabet."""
    found = options(GROUP, config_dir)
    return dict(sorted(found.items(), key=lambda one: (_order(one[1]), one[0])))


def _order(file: Path) -> float:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("order:"):
            return float(line.partition(":")[2].split("#")[0])
    return float("inf")


def read_claim(name: str, config_dir: str | None = None) -> Claim:
    """A claim of its file. Raises ConfigError for one that does not exist or cannot be read; the message names the key."""
    file = find(GROUP, name, config_dir)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        lacking = next((key for key in ("studies", "rows") if not values.get(key)), None)
        if lacking is not None:
            raise ConfigError(f"{file}: a claim needs {lacking}.", _HINT)
        studies = {
            str(key): parse_group(f"{name}.studies.{key}", Study, _with_efforts(name, key, one))
            for key, one in values["studies"].items()
        }
        rows = tuple(parse_group(f"{name}.rows[{number}]", Row, one) for number, one in enumerate(values["rows"]))
        source, published, learned = (" ".join(str(values.get(key, "")).split()) for key in ("source", "published", "learned"))
    except ConfigError as error:
        hint = _HINT if error.hint.startswith("See the settings") else error.hint
        raise ConfigError(f"{file}: {error.message.removeprefix(f'{file}: ')}", hint) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: this claim cannot be read ({type(error).__name__}: {error}).", _HINT) from error
    found = Claim(name, summary(file), source, published, learned, studies, rows, is_own=file.parent != conf_dir() / GROUP)
    _check(found, file)
    return found


_HINT = "docs/CLAIMS.md lists the keys; one that works: sdl show claim=cosine"


def _with_efforts(name: str, key: str, values: Values) -> Values:
    efforts = {
        mode: parse_group(f"{name}.studies.{key}.{mode}", Effort, values[mode])
        for mode in ("quick", "full")
        if values.get(mode) is not None
    }
    return {**values, **efforts}


def _check(claim: Claim, file: Path) -> None:
    """Raise ConfigError for a set, a study or a measure that does not exist, or one without what it needs."""

    def wrong(what: str, there_are: list[str]) -> ConfigError:
        return ConfigError(f"{file}: {what}.", f"There are: {', '.join(there_are)}.")

    earlier: list[str] = []
    for name, study in claim.studies.items():
        if not is_known(study.data):
            raise wrong(f"there is no data set called {study.data}", list(dict.fromkeys([*known_sets(), *options("dataset")])))
        given = [*study.settings, *(text for one in (study.quick, study.full) if one is not None for text in one.settings)]
        if any(text.startswith("dataset=") for text in given):
            raise ConfigError(f"{file}: {name}: its data set is not one of its settings.", f"Write it under data: of {name}.")
        for kind, place in (found for text in (*given, *study.arms) for found in PLACE.findall(text)):
            there = [*KEPT, *PARTS] if kind == "data" else earlier
            if place not in there:
                what = "data set with a path" if kind == "data" else "earlier study"
                raise wrong(f"{name}: there is no {what} called {place}", there or ["none"])
        earlier.append(name)
        if study.verb == "compare" and len(study.arms) < 2:
            raise ConfigError(f"{file}: {name}: a comparison needs arms, at least two.", "For example arms: [forest, deep_net]")
    for row in claim.rows:
        if row.measure not in MEASURES:
            raise wrong(f"{row.what}: there is no measure called {row.measure}", list(MEASURES))
        missing = next((study for study in row.studies if study not in claim.studies), None)
        if missing is not None:
            raise wrong(f"{row.what}: there is no study called {missing}", list(claim.studies))
        if row.measure != "published" and not row.studies:
            raise wrong(f"{row.what}: it names no studies", list(claim.studies))
        lacking = next((key for key in MEASURES[row.measure] if getattr(row, key) is None), None)
        if lacking is not None:
            raise ConfigError(f"{file}: {row.what}: {row.measure} needs {lacking}.", _HINT)
        arms = list(dict.fromkeys(arm for study in row.studies for arm in claim.studies[study].arms))
        strange = next((arm for arm in (row.arm, row.minus) if arm is not None and arm not in arms), None)
        if strange is not None:
            raise wrong(f"{row.what}: its studies have no arm called {strange}", arms or ["none"])
        if row.clusters is not None:
            _check_clusters(row, claim, file)
        if row.control and not row.no_gain and row.at_most is None:
            what = f"{row.what}: a control says that nothing should be found"
            raise ConfigError(f"{file}: {what}.", "Give it no_gain: true, or at_most: NUMBER.")
        if row.decides and row.claimed is None:
            raise ConfigError(
                f"{file}: {row.what}: it decides, and nothing is claimed of it.", "Give it more_than, or another of these."
            )
    if not any(row.decides for row in claim.rows):
        raise ConfigError(f"{file}: no row decides the claim.", "Write decides: true in those rows that do.")


def _check_clusters(row: Row, claim: Claim, file: Path) -> None:
    if row.measure not in ("score", "error") or any(claim.studies[study].verb != "train" for study in row.studies):
        raise ConfigError(f"{file}: {row.what}: clusters are of a score or an error of studies with verb: train.", _HINT)
    try:
        re.compile(str(row.clusters))
    except re.error as error:
        raise ConfigError(f"{file}: {row.what}: clusters is no regular expression ({error}).", _HINT) from error

"""A claim's studies as single pieces of work: a verb, its settings, and a folder named by them."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdl_cli.study.claims.definition import PLACE, Claim, Effort, Study
from sdl_cli.study.claims.sets import Sets

STUDIES = "studies"  # folder of them


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Arguments:
        study: of its claim. member: the set, of a collection one of them. size: labelled rows per class, None for all.
        verb: compare, curve, train or decompose. overrides: as typed after it, all of them.
        folder: where it is, named by its settings, so that two claims may share it.
        arms: of a comparison, as its claim writes them -> as it is run. minutes: that it takes, about.
    """

    study: str
    member: str
    size: int | None
    verb: str
    overrides: tuple[str, ...]
    folder: Path
    arms: Mapping[str, str] = field(default_factory=dict)
    minutes: float = 0.0

    def arm(self, name: str) -> str:
        """An arm, with the places that its settings name."""
        return self.arms.get(name, name)


@dataclass(frozen=True)
class Shared:
    """What all jobs of one run of the claims have in common: their settings, and where sets and studies lie."""

    sets: Sets
    folder: Path
    quick: bool
    settings: tuple[str, ...] = ()
    most_repeats: int | None = None

    def repeats(self, effort: Effort) -> int:
        """Splits or draws of a study."""
        return effort.repeats if self.most_repeats is None else min(effort.repeats, self.most_repeats)


def jobs_of(claim: Claim, shared: Shared) -> tuple[list[Job], dict[str, str]]:
    """The jobs of a claim in the order in which they run, and why studies are left out: name -> reason."""
    found: list[Job] = []
    left_out: dict[str, str] = {}
    for name, study in claim.studies.items():
        effort = study.effort(shared.quick)
        reason = _missing(study, effort, shared, left_out)
        if reason is not None:
            left_out[name] = reason
            continue
        assert effort is not None
        found += _of_study(name, study, effort, shared, {job.study: job for job in found})
    return found, left_out


def _missing(study: Study, effort: Effort | None, shared: Shared, left_out: Mapping[str, str]) -> str | None:
    """Why a study cannot be run: it is not in this mode, or a set is not here, its own or one that its settings name."""
    if effort is None:
        return f"only in the {'full' if shared.quick else 'quick'} version"
    texts = (*study.settings, *effort.settings, *study.arms)
    named = [match.groups() for text in texts for match in PLACE.finditer(text)]
    for name in [study.data, *(name for kind, name in named if kind == "data")]:
        if (reason := shared.sets.missing(name)) is not None:
            return reason
    return next((left_out[name] for kind, name in named if kind == "study" and name in left_out), None)


def _of_study(name: str, study: Study, effort: Effort, shared: Shared, before: Mapping[str, Job]) -> Iterator[Job]:
    members = shared.sets.members(study.data)
    if effort.sets is not None and len(members) > 1:
        members = [member for member in members if member in effort.sets]
    each = effort.minutes * shared.repeats(effort) / effort.repeats / (len(members) * len(effort.sizes) or 1)
    for member in members:
        for size in effort.sizes:
            given = [*shared.sets.settings(study.data, member), *shared.settings]
            given += [] if size is None else [f"dataset.num_per_class={size}"]
            given += _of_verb(study, effort, shared.repeats(effort))
            given += [_placed(text, shared, before) for text in (*study.settings, *effort.settings)]
            arms = {arm: _placed(arm, shared, before, in_words=True) for arm in study.arms}
            given += _listed(arms.values()) if study.verb == "compare" else []
            where = shared.folder / STUDIES / _folder_name(study, member, size, given)
            yield Job(name, member, size, study.verb, tuple(given), where, arms, each)


def _of_verb(study: Study, effort: Effort, repeats: int) -> list[str]:
    if study.verb == "compare":
        whole = ["compare.minutes=null", "compare.curve=false", "compare.keep_models=false", "compare.baseline=null"]
        return [*whole, f"compare.num_repeats={repeats}", f"compare.num_candidates={effort.candidates}"]
    if study.verb == "curve":
        return [f"curve.num_repeats={repeats}"]
    return [f"num_repeats={repeats}"] if repeats > 1 else []


def _listed(arms: Iterable[str]) -> list[str]:
    """The setting that names arms, each in quotes."""
    quoted = ['"' + arm.replace("\\", "\\\\").replace('"', '\\"') + '"' for arm in arms]
    return [f"compare.arms=[{','.join(quoted)}]"]


def _placed(text: str, shared: Shared, before: Mapping[str, Job], in_words: bool = False) -> str:
    """Settings with the places that they name: of a set its path, of an earlier study its folder; quoted among other words."""

    def place(match: re.Match[str]) -> str:
        kind, name = match.groups()
        found = str(shared.sets.path(name) if kind == "data" else before[name].folder)
        return shlex.quote(found) if in_words else found

    return PLACE.sub(place, text)


def _folder_name(study: Study, member: str, size: int | None, overrides: Sequence[str]) -> str:
    digest = hashlib.sha256("\n".join([study.verb, *overrides]).encode("utf-8", "surrogateescape")).hexdigest()[:10]
    sized = "" if size is None else f"-{size}"
    return f"{study.verb}-{member}{sized}-{digest}"

"""`sdl claims` from its settings to its folder: every study that is missing, then each claim's numbers and verdict."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError, SdlError, StorageError
from sdl_cli.files import write_atomic
from sdl_cli.phrases import counted, first_line, listed
from sdl_cli.run import run_folder
from sdl_cli.run.fit_and_score import ignore
from sdl_cli.run.run_folder import quoted
from sdl_cli.run.writing import Writing, writing
from sdl_cli.settings import typed
from sdl_cli.study.claims import studies
from sdl_cli.study.claims.definition import Claim, read_claim
from sdl_cli.study.claims.findings import findings
from sdl_cli.study.claims.jobs import Job, Shared, jobs_of
from sdl_cli.study.claims.measures import Done
from sdl_cli.study.claims.result import FILE, ClaimResult, ClaimsResult
from sdl_cli.study.claims.sets import FOLDER, Sets, in_words
from sdl_cli.study.claims.settings import Claims, ClaimsRequest, parse_claims
from sdl_cli.study.claims.studies import Compose
from sdl_cli.study.claims.table import markdown
from sdl_cli.study.claims.verdict import overall
from sdl_cli.study.plan import Progress, StudyObserver, resume_study

Values = dict[str, Any]
TABLE = "claims.md"
FILES = ("config.yaml", "environment.json", FILE, TABLE)


@dataclass(frozen=True)
class ClaimsObserver:
    """Callbacks while claims are put to the test; all optional.

    Arguments:
        on_plan: called once with what is about to be run (see `overview`).
        on_job: called before each study: its claim, itself, its number and the number of all.
        on_progress: called with each cell of a study.
        on_claim: called with each claim that is judged.
        on_notice: called with a sentence for the user.
    """

    on_plan: Callable[[Values], None] = ignore
    on_job: Callable[[str, Job, int, int], None] = ignore
    on_progress: Callable[[Progress], None] = ignore
    on_claim: Callable[[ClaimResult], None] = ignore
    on_notice: Callable[[str], None] = ignore


@dataclass
class Work:
    """The claims of one run with their jobs, and what became of these."""

    claims: Mapping[str, Claim]
    jobs: Mapping[str, Sequence[Job]]
    left_out: Mapping[str, Mapping[str, str]]
    done: dict[Path, Done] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """That all finished studies took, whenever that was."""
        return sum(studies.seconds_of(one.values) for one in self.done.values())

    @property
    def num_jobs(self) -> int:
        return len({job.folder for jobs in self.jobs.values() for job in jobs})


def run(
    request: ClaimsRequest, folder: Path, compose: Compose, observer: ClaimsObserver | None = None, resume: bool = False
) -> Values:
    """Put claims to the test and write the folder; returns the object of `sdl claims --json`.

    Arguments:
        folder: where it is written; a new name is used if another run has it.
        compose: a verb and its settings as typed -> complete values.
        resume: `folder` holds these claims, stopped earlier: run what is missing or failed.
    Raises:
        ConfigError, DataError: found before anything is written: nothing that was asked for can be run.
    """
    observer = observer or ClaimsObserver()
    started = time.time()
    request = dataclasses.replace(request, claims=dataclasses.replace(request.claims, names=request.names))
    claims = {name: read_claim(name) for name in request.names}
    with writing(folder, "claims", resume) as out:
        place = out.folder.absolute()
        work = _plan(request, place, claims)
        _check_own(work, compose)
        out.config(request.to_plain())
        out.environment(data_fingerprint="")
        observer.on_plan(overview(request, place, work))
        results = []
        for name in claims:
            _run_jobs(name, work, compose, observer)
            results.append(_judged(request, work, name, place))
            observer.on_claim(results[-1])
            found = ClaimsResult(
                folder=out.folder,
                quick=request.claims.quick,
                seed=request.seed,
                data=request.claims.data,
                claims=tuple(results),
                seconds=round(max(time.time() - started, work.seconds), 1),  # the latter counts what an earlier start took
            )
            out.json(FILE, found.to_json())  # what is done so far, if it is stopped
        write_atomic(out.folder / TABLE, markdown(found))
        _end(out, work)
    return found.to_json()


def _plan(request: ClaimsRequest, folder: Path, claims: Mapping[str, Claim]) -> Work:
    """All jobs. Raises DataError if nothing of what was asked for can be run."""
    data = None if request.claims.data is None else Path(request.claims.data)
    sets = Sets(data, folder / FOLDER, request.seed)
    shared = Shared(sets, folder, request.claims.quick, request.shared, request.claims.repeats)
    planned = {name: jobs_of(claim, shared) for name, claim in claims.items()}
    jobs = {name: [_with_parallel(job, request) for job in found] for name, (found, _) in planned.items()}
    left_out = {name: missing for name, (_, missing) in planned.items()}
    if not any(jobs.values()):
        reasons = dict.fromkeys(reason for missing in left_out.values() for reason in missing.values())
        hint = _HINT
        if all(reason.startswith("only in") for reason in reasons):
            hint = "Leave out --quick." if request.claims.quick else "Add --quick."
        raise DataError(f"claims: nothing of {listed(list(claims))} can be run: {'; '.join(reasons)}.", hint)
    return Work(claims, jobs, left_out)


_HINT = "docs/CLAIMS.md says what lies in the folder of claims.data, and where it is from."


def _check_own(work: Work, compose: Compose) -> None:
    """Raise for settings of a claim of the user's that its verb would refuse: one mistake is no night without a result."""
    for name, claim in work.claims.items():
        first = {job.study: job for job in reversed(work.jobs[name])} if claim.is_own else {}
        for job in first.values():
            study = claim.studies[job.study]
            if any("{study:" in text for text in (*study.settings, *study.arms)):
                continue  # the folder of another study, which is not there yet
            try:
                studies.check(job, compose)
            except SdlError as error:
                hint = (
                    f"If you trust it, name the claim: sdl claims {name}" if "does not name it" in error.message else error.hint
                )
                raise type(error)(f"claim {name}, {job.study}: {error.message}", hint) from error


def _with_parallel(job: Job, request: ClaimsRequest) -> Job:
    """The job with the settings of how its fits run, which name no folder: they change no result."""
    if job.verb not in ("compare", "curve"):
        return job
    number = "null" if request.parallel.num_jobs is None else request.parallel.num_jobs
    more = (f"parallel.num_jobs={number}", f"parallel.backend={request.parallel.backend}")
    return dataclasses.replace(job, overrides=(*job.overrides, *more))


def overview(request: ClaimsRequest, folder: Path, work: Work) -> Values:
    """What is about to be run, for display: claims, studies, how long they take, and what is left out."""
    quick = request.claims.quick
    todo = {job.folder: job for jobs in work.jobs.values() for job in jobs if not studies.is_done(job)}
    return {
        "folder": str(folder),
        "claims": {name: claim.summary for name, claim in work.claims.items()},
        "studies": work.num_jobs,
        "done": work.num_jobs - len(todo),
        "minutes": sum(job.minutes for job in todo.values()),
        "quick": quick,
        "left_out": {name: dict(missing) for name, missing in work.left_out.items() if missing},
    }


def _run_jobs(name: str, work: Work, compose: Compose, observer: ClaimsObserver) -> None:
    """Run the studies of a claim that no earlier claim has run; one that fails costs only its own numbers."""
    for job in work.jobs[name]:
        if job.folder in work.done or job.folder in work.failed:
            continue
        observer.on_job(name, job, len(work.done) + len(work.failed) + 1, work.num_jobs)
        try:
            values = studies.carry_out(job, compose, StudyObserver(on_progress=observer.on_progress))
        except StorageError:
            raise
        except Exception as error:  # whatever it is, it costs its own numbers alone
            work.failed[job.folder] = first_line(error)
            observer.on_notice(f"{name}, {job.study}: {first_line(error)}")
        else:
            work.done[job.folder] = Done(job, values)
            for left in values.get("failed") or ():
                observer.on_notice(f"{name}, {job.study}: {left['name']} failed: {left['reason']}")


def _judged(request: ClaimsRequest, work: Work, name: str, folder: Path) -> ClaimResult:
    claim, jobs = work.claims[name], work.jobs[name]
    done = [dataclasses.replace(work.done[job.folder], job=job) for job in jobs if job.folder in work.done]
    failed = {job.study: work.failed[job.folder] for job in jobs if job.folder in work.failed}
    missing = {**work.left_out[name], **failed}
    found = findings(claim, done, missing)
    result = ClaimResult(
        name=name,
        summary=claim.summary,
        source=claim.source,
        published=claim.published,
        learned=claim.learned,
        experiment=tuple(_experiments(claim, jobs, request.claims)),
        findings=found,
        verdict=overall(found),
        missing=tuple(f"{study}: {reason}" for study, reason in missing.items()),
        failed=bool(failed) or any(one.values.get("failed") for one in done),
        command=command(request, (name,)),
        seconds=round(sum(studies.seconds_of(one.values) for one in done), 1),
    )
    return _with_picture(result, folder)


def _with_picture(result: ClaimResult, folder: Path) -> ClaimResult:
    from sdl_cli.study.claims.picture import draw

    picture = draw(result)
    if picture is None:
        return result
    file = f"{result.name}.png"
    write_atomic(folder / file, picture)
    return dataclasses.replace(result, picture=file)


def _experiments(claim: Claim, jobs: Sequence[Job], asked: Claims) -> Iterator[str]:
    """What was run, one sentence a study."""
    for name, study in claim.studies.items():
        own = [job for job in jobs if job.study == name]
        effort = study.effort(asked.quick)
        if not own or effort is None:
            continue
        members = list(dict.fromkeys(job.member for job in own))
        on = listed([in_words(one) for one in members], 3) if len(members) <= 3 else f"{len(members)} sets of {study.data}"
        sizes = list(dict.fromkeys(job.size for job in own))
        each = "" if sizes == [None] else f", {listed(['all' if s is None else str(s) for s in sizes])} labelled rows per class"
        what = {
            "compare": f"sdl compare of {listed(study.arms)}, {counted(effort.candidates, 'setting')} each",
            "curve": "sdl curve",
            "train": "sdl train",
            "decompose": "sdl decompose",
        }[study.verb]
        given = [*study.settings, *effort.settings]
        more = f", with {' '.join(given)}" if given else ""
        yield f"{what} on {on}{each}, {counted(min(effort.repeats, asked.repeats or effort.repeats), 'repeat')}{more}."


def command(request: ClaimsRequest, names: Sequence[str]) -> str:
    """The command that repeats claims."""
    given = [] if request.claims.data is None else [f"claims.data={quoted(request.claims.data)}"]
    given += [] if request.seed == 0 else [f"seed={request.seed}"]
    given += [] if request.device == "auto" else [f"device={request.device}"]
    given += [] if request.claims.repeats is None else [f"claims.repeats={request.claims.repeats}"]
    given += ["--quick"] if request.claims.quick else []
    return " ".join(["sdl claims", *names, *given])


def _end(out: Writing, work: Work) -> None:
    incomplete = [one for one in work.done.values() if one.values.get("failed")]
    if work.failed or incomplete:
        reason = next(iter(work.failed.values()), "") or str(incomplete[0].values["failed"][0]["reason"])
        out.failed(f"{len(work.failed) + len(incomplete)} of {work.num_jobs} studies failed: {reason}")
    else:
        out.done(FILES)


def resume(folder: Path, compose: Compose, observer: ClaimsObserver | None = None) -> Values:
    """Resume stopped claims from their stored settings; finished ones are read."""
    heard = observer or ClaimsObserver()

    def again(stored: Values) -> Values:
        return run(parse_claims(stored), folder, compose, heard, resume=True)

    found = resume_study(folder, "claims", "claims", StudyObserver(on_notice=heard.on_notice), again)
    return {**found, "folder": str(folder)}


def read(folder: Path) -> ClaimsResult:
    """The result in a folder. Raises DataError if it is not finished or its files are not as sdl writes them."""
    return typed.from_json(ClaimsResult, run_folder.read_json(folder / FILE))

"""Opening a set of Hugging Face's `datasets`: a folder or file here, or a repository of the Hub, which is fetched once."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.data.files.roles import listed
from sdl_cli.errors import DataError
from sdl_cli.files import typed_path
from sdl_cli.phrases import reason, shortened

_TIMEOUT_SECONDS = 10.0  # of the one question that shows whether the Hub can be reached
_KINDS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet", ".arrow": "arrow"}
_COMMIT = "[0-9a-f]{40}"
_WHERE = "Name one of https://huggingface.co/datasets as owner/name, or a folder that save_to_disk wrote."


@dataclass(frozen=True)
class Opened:
    """A set of `datasets`; `settings` identify exactly this one, anywhere and for ever."""

    name: str
    splits: dict[str, Any]  # name -> `datasets.Dataset`, at least one
    settings: dict[str, Any]


def open_splits(dataset: str, subset: str | None, revision: str | None, notes: list[str]) -> Opened:
    """Open the set that is here under the path `dataset`, or the one of that name on the Hub.

    No code of a repository is ever run.

    Arguments:
        subset: its configuration. revision: commit, branch or tag on the Hub; None takes the newest.
    Raises DataError: no such set; the Hub out of reach and the set not fetched before; files that cannot be read.
    """
    try:
        import datasets
    except ImportError as error:
        raise DataError("dataset=huggingface needs the package datasets.", "pip install 'sdl-cli[huggingface]'") from error
    path = typed_path(dataset)
    if dataset and _is_here(path):
        with _calls(datasets), _reworded(dataset, None):
            found = _open_local(datasets, path, subset)
        return Opened(path.absolute().name, _named(datasets, found), {"dataset": str(path.absolute())})
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", dataset, re.ASCII) or dataset.startswith("."):
        what = "there is no such file or folder, and it is not a name on the Hub."
        raise DataError(f"dataset.dataset={shortened(dataset)}: {what}", _WHERE)
    commit, unreached = _commit(dataset, revision)
    with _calls(datasets, offline=unreached is not None), _reworded(dataset, unreached):
        found = datasets.load_dataset(dataset, subset, revision=commit or revision)
    splits = _named(datasets, found)
    if unreached is not None:
        commit = _fetched_commit(splits, dataset, revision)
        notes.append(f"The Hugging Face Hub cannot be reached ({unreached}): {dataset} was read from the copy fetched before.")
    return Opened(dataset.rpartition("/")[2], splits, {"revision": commit or revision})


def _fetched_commit(splits: dict[str, Any], dataset: str, revision: str | None) -> str | None:
    """The commit of a copy that was fetched before, by the name of its folder; a DataError where another was asked for."""
    files = [Path(file["filename"]) for split in splits.values() for file in split.cache_files]
    commit = files[0].parent.name if files and re.fullmatch(_COMMIT, files[0].parent.name) else None
    if commit is not None and revision is not None and re.fullmatch(_COMMIT, revision) and revision != commit:
        message = f"dataset.revision={revision}: {dataset} was fetched before as commit {commit}, and the Hub cannot be reached."
        raise DataError(message, "Go online once, or take that commit.")
    return commit


def _is_here(path: Path) -> bool:
    try:
        return path.is_dir() or path.is_file()
    except OSError:  # longer than any name can be
        return False


def _open_local(datasets: Any, path: Path, subset: str | None) -> Any:
    if path.is_file():
        kind = _KINDS.get(path.suffix.lower())
        if kind is None:
            raise DataError(f"dataset.dataset={path}: files ending in {path.suffix or 'nothing'} are not read here.", _WHERE)
        return datasets.load_dataset(kind, data_files=str(path), **({"sep": "\t"} if path.suffix.lower() == ".tsv" else {}))
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return datasets.load_from_disk(str(path))
    return datasets.load_dataset(str(path), subset)


def _named(datasets: Any, found: Any) -> dict[str, Any]:
    return dict(found) if isinstance(found, datasets.DatasetDict) else {str(found.split or "train"): found}


def _commit(dataset: str, revision: str | None) -> tuple[str | None, str | None]:
    """The commit that `revision` means on the Hub; or None, and why the Hub cannot be reached."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        # `load_dataset` alone would try for half a minute before it reports that there is no network
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return HfApi().dataset_info(dataset, revision=revision, timeout=_TIMEOUT_SECONDS).sha, None
    except RevisionNotFoundError as error:
        raise DataError(f"dataset.revision={shortened(str(revision))}: {dataset} has no such commit, branch or tag.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        message = f"dataset.dataset={shortened(dataset)}: the Hugging Face Hub has no such set, or it is private or has terms."
        raise DataError(message, f"{_WHERE} Log in with: hf auth login") from error
    except Exception as error:  # many kinds of network errors exist
        return None, _reason(error)


@contextlib.contextmanager
def _calls(datasets: Any, offline: bool = False) -> Iterator[None]:
    """Calls of `datasets` without its log and warnings, with progress bars only on a terminal, and offline on request."""
    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels, was_offline = [logger.level for logger in loggers], datasets.config.HF_HUB_OFFLINE
    bars_off = datasets.are_progress_bars_disabled()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    datasets.config.HF_HUB_OFFLINE = offline or was_offline  # the one way to its cache that does not try the network for long
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        datasets.config.HF_HUB_OFFLINE = was_offline
        if not bars_off:
            datasets.enable_progress_bars()


@contextlib.contextmanager
def _reworded(dataset: str, unreached: str | None) -> Iterator[None]:
    """Rephrase errors from `datasets`."""
    try:
        yield
    except DataError:
        raise
    except (FileNotFoundError, ConnectionError) as error:
        if unreached is not None:
            from datasets import config

            raise DataError(
                f"{dataset} is not in {config.HF_DATASETS_CACHE}, and the Hugging Face Hub cannot be reached: {unreached}.",
                "Go online once (without HF_HUB_OFFLINE): from then on the set is read from that folder.",
            ) from error
        raise DataError(f"{shortened(dataset, 120)}: there is no data that can be read: {_reason(error)}.", _WHERE) from error
    except Exception as error:
        text = str(error)
        if isinstance(error, ValueError) and re.search(r"config", text, re.IGNORECASE):
            names = re.findall(r"'([^']+)'", (re.findall(r"\[(.*?)\]", text, re.DOTALL) or [""])[-1])
            raise DataError(
                f"dataset.subset: {shortened(dataset, 120)} has several subsets, and one of them must be named.",
                f"There are: {listed(names)}. For example: dataset.subset={names[0]}" if names else _reason(error),
            ) from error
        if "scripts are no longer supported" in text:
            message = f"{shortened(dataset, 120)}: this set can only be read by its own program, which is not run."
            raise DataError(message, "Choose a set of data files (Parquet, CSV, images), as most on the Hub are.") from error
        raise DataError(f"{shortened(dataset, 120)}: this set cannot be read: {_reason(error)}.", _WHERE) from error


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None and type(error).__name__ == "DatasetGenerationError":
        error = error.__cause__
    return reason(error)

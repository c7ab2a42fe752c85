"""Estimators of others: what they raise, in their own words, and the files that they read beside a run folder.

Needs neither torch nor scikit-learn.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError, RunError, SdlError
from sdl_cli.phrases import shortened

_MOST_WORDS = 300
_QUIET = ("TABPFN_NO_BROWSER", "TABPFN_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")


def keep_quiet() -> None:
    """Ask packages of others, before they are imported, to open no browser and send nothing, unless the user says otherwise."""
    for variable in _QUIET:
        os.environ.setdefault(variable, "1")


def words_of(error: BaseException) -> str:
    """`ValueError: what it says`, of an error in one line, however many it takes."""
    kind, text = type(error).__name__, " ".join(str(error).split())
    return shortened(f"{kind}: {text}" if text else kind, _MOST_WORDS)


@contextlib.contextmanager
def in_its_words(what: str, hint: str) -> Iterator[None]:
    """Inside, whatever a package of others raises, `SystemExit` among it, becomes a RunError: `what`, and its own words."""
    try:
        yield
    except (SdlError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise RunError(f"{what}: {words_of(error)}", hint) from error


@contextlib.contextmanager
def own_words(model: Any, hint: str = "", failed: str = "failed") -> Iterator[None]:
    """Inside, whatever an estimator of others raises becomes a RunError that names it; of all other models nothing changes.

    Arguments:
        model: settings of a model, or an estimator of this package, with `is_foreign` and `estimator`; also one behind
            its preparation.
        hint: what to do; by default what may be changed.
    """
    name = name_of(model)
    if name is None:
        yield
        return
    hint = hint or "Change its model.params, the data, or the estimator; the traceback is in run.log, and shown with --debug."
    with in_its_words(f"model.estimator: {name} {failed}", hint):
        yield


def name_of(model: Any) -> str | None:
    """The import path of an estimator of others, None for every other model."""
    inner = getattr(model, "model_", model) if not hasattr(model, "estimator") else model
    kind = getattr(inner, "settings", inner)
    return str(inner.estimator) if getattr(kind, "is_foreign", False) and hasattr(inner, "estimator") else None


def files_of(params: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The arguments whose value is the path of a file: where it lies, and its digest, to be stored with a run."""
    from sdl_cli.learning.models.hub_weights import digest_of

    found = {}
    for name, value in params.items():
        with contextlib.suppress(OSError, ValueError):  # longer than a path can be, or not one at all
            if isinstance(value, str) and value and Path(value).is_file():
                found[name] = {"place": str(Path(value).absolute()), "digest": digest_of(Path(value))}
    return found


def check_files(estimator: str, params: Mapping[str, Any], files: Mapping[str, Mapping[str, str]]) -> None:
    """Raise DataError where a file that an estimator was trained with is gone, or is another one now."""
    from sdl_cli.learning.models.hub_weights import digest_of

    for name, stored in files.items():
        value = str(params.get(name, stored["place"]))
        what = f"This run uses {estimator} with the file {shortened(value, 200)} (model.params.{name})"
        if not Path(value).is_file():
            hint = f"Bring it back (it was {shortened(stored['place'], 200)}), or train again with another model.params.{name}."
            raise DataError(f"{what}, and there is no such file here.", hint)
        if digest_of(Path(value)) != stored["digest"]:
            raise DataError(f"{what}, which has changed since.", "Bring the old file back, or train again with this one.")

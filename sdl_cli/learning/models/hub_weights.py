"""Pretrained weights of a model hub: what is said before they are fetched, and one clear error where they cannot be had.

Only data is ever fetched or read: safetensors, JSON and plain text. Files that can hold code need the user's trust.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning import loop
from sdl_cli.phrases import reason, shortened

_TIMEOUT_SECONDS = 10.0  # of the one question that shows whether the hub can be reached
PLAIN_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
_UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".py", ".h5", ".msgpack")


@dataclass(frozen=True)
class HubWeights:
    """Weights on the Hugging Face Hub, as a user should know them before the first download.

    Arguments:
        repository: owner/name on the hub. setting: the setting that takes a local path instead, such as `model.weights`.
        num_bytes, licence: what is known of them offline; None asks the hub.
        files: patterns of the files that are fetched. extra: the extra of this package that reads them.
        needed: patterns below the folder, each of which a file must match for the weights to be complete; by default the first
            of `files`.
    """

    repository: str
    setting: str
    num_bytes: int | None = None
    licence: str | None = None
    files: tuple[str, ...] = PLAIN_FILES
    extra: str | None = None
    needed: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """What the setting takes instead: FILE where one file is all that is needed, else FOLDER."""
        return "FILE" if len(self.files) == 1 and "*" not in self.files[0] else "FOLDER"

    @property
    def command(self) -> str:
        """The one command that fetches them on a machine with a network."""
        wild = any("*" in pattern for pattern in self.files)
        chosen = " ".join(f"--include '{pattern}'" if wild else pattern for pattern in self.files)  # one for each
        return f"hf download {self.repository} {chosen} --local-dir {self.repository.rpartition('/')[2]}"


def import_extra(package: str, extra: str, what: str) -> Any:
    """The package, imported; a ConfigError that names the command where it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise ConfigError(f"{what} needs the package {package}.", f"pip install 'sdl-cli[{extra}]'") from error
        raise ConfigError(f"{what}: the package {package} cannot be imported: {reason(error)}.", "Install it again.") from error


def kept(weights: HubWeights) -> Path | None:
    """The folder of weights that were fetched before, without asking the network, or None."""
    hub = import_extra("huggingface_hub", weights.extra or "huggingface", weights.setting)
    with _quiet(), contextlib.suppress(Exception):  # every kind of absence has its own error
        folder = Path(hub.snapshot_download(weights.repository, allow_patterns=list(weights.files), local_files_only=True))
        if all(any(folder.glob(pattern)) for pattern in weights.needed or weights.files[:1]):
            return folder  # otherwise a download was interrupted, or something else fetched a part: it is completed
    return None


def fetch(weights: HubWeights) -> Path:
    """The folder of the weights: as fetched before, otherwise fetched now, after saying how large they are and whose licence.

    Raises DataError: no such repository, or no network and not fetched before.
    """
    found = kept(weights)
    if found is not None:
        return found
    hub = import_extra("huggingface_hub", weights.extra or "huggingface", weights.setting)
    errors = importlib.import_module("huggingface_hub.errors")
    with _quiet():
        try:
            about = hub.HfApi().model_info(weights.repository, timeout=_TIMEOUT_SECONDS, files_metadata=True)
            licence = weights.licence or getattr(about.card_data or object(), "license", None) or "not stated"
            num_bytes = weights.num_bytes or sum(
                file.size or 0 for file in about.siblings or () if any(Path(file.rfilename).match(own) for own in weights.files)
            )
            loop.current_context().notice(
                f"Fetching {weights.repository} from the Hugging Face Hub, once: {in_megabytes(num_bytes)}, licence {licence}."
            )
            folder = hub.snapshot_download(weights.repository, allow_patterns=list(weights.files), etag_timeout=_TIMEOUT_SECONDS)
        except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:  # among them terms that were not accepted
            what = f"{weights.setting}: the hub has no model {shortened(weights.repository)}, or it is private or has terms."
            hint = f"Log in with: hf auth login; or give a local {weights.place.lower()}: {weights.setting}={weights.place}"
            raise DataError(what, hint) from error
        except Exception as error:  # many kinds of network errors exist
            raise unavailable(weights, error) from error
    return Path(folder)


def unavailable(weights: HubWeights, error: BaseException | None = None) -> DataError:
    """The one error for weights that are not here and cannot be fetched."""
    size = "" if weights.num_bytes is None else f", {in_megabytes(weights.num_bytes)}"
    licence = "" if weights.licence is None else f", licence {weights.licence}"
    why = "" if error is None else f" ({reason(error)})"
    copied = f"copy that {weights.place.lower()} here and set {weights.setting}={weights.place}"
    what = f"{weights.setting}: the weights {weights.repository}{size}{licence} are not on this machine"
    return DataError(
        f"{what} and could not be fetched{why}.",
        f"Where there is a network: {weights.command}; {copied}.",
    )


def check_plain(path: Path, setting: str) -> None:
    """Raise DataError for a file that can hold code (.bin, .pt, .ckpt, .py), or a folder whose only weights are such files."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    unsafe = [file for file in files if file.suffix.lower() in _UNSAFE]
    if not unsafe or (path.is_dir() and any(file.suffix == ".safetensors" for file in files)):
        return
    what = f"{setting}: {shortened(str(unsafe[0]), 200)} can hold code, and is not read."
    raise DataError(what, "Use weights in safetensors.")


def digest_of(file: Path) -> str:
    """The sha256 of a file of weights, hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def in_megabytes(num_bytes: int) -> str:
    """Such as `91 MB` or `1,340 MB`; `size unknown` for 0."""
    return f"{max(1, round(num_bytes / 1e6)):,} MB" if num_bytes else "size unknown"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Calls of the hub without its log and warnings, and with progress bars only on a terminal."""
    hub = importlib.import_module("huggingface_hub.utils")  # its parts are no attributes before they are imported
    logger = logging.getLogger("huggingface_hub")
    level, bars_off = logger.level, hub.are_progress_bars_disabled()
    logger.setLevel(logging.CRITICAL)
    if not sys.stderr.isatty():
        hub.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if not bars_off:
            hub.enable_progress_bars()

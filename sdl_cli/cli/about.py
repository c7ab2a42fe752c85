"""`sdl --version --json`: what a bug report should say of versions and machine, told at once: no package is imported for it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from sdl_cli import __version__
from sdl_cli.settings.machine import available_bytes, available_cores

_REQUIRED = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*[\"']([^\"']+)[\"'])?")
_CUDA = re.compile(r"^cuda\s*(?::[^=]*)?=\s*(?:'([^']*)'|None)", re.MULTILINE)
_OF_TESTS = "test"  # an extra of tools, which no run needs
_MOST_BYTES = 1 << 16


def about() -> dict[str, Any]:
    """Versions of sdl, Python and of each package that sdl or one of its extras uses, the system, and what it computes on.

    It names no file, user or data.
    """
    return {
        "sdl": __version__,
        "installed": _installed(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "packages": _packages(),
        "torch_cuda": _torch_cuda(),
        "device": {"cores": available_cores(), "free_memory_gb": round(available_bytes() / 1e9, 1), "gpus": _gpus()},
        "encoding": sys.getfilesystemencoding(),
    }


def _packages() -> dict[str, str]:
    """Name -> version of what is installed of all that sdl requires."""
    found = {}
    with contextlib.suppress(metadata.PackageNotFoundError):
        for line in metadata.requires("sdl-cli") or []:
            match = _REQUIRED.match(line)
            if match and match[2] != _OF_TESTS and match[1] != "sdl-cli":
                with contextlib.suppress(metadata.PackageNotFoundError):
                    found[match[1]] = metadata.version(match[1])
    return dict(sorted(found.items()))


def _installed() -> str:
    """editable, wheel, or source where it is run without being installed."""
    try:
        text = metadata.distribution("sdl-cli").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return "source"
    with contextlib.suppress(ValueError, TypeError):
        if text and json.loads(text).get("dir_info", {}).get("editable"):
            return "editable"
    return "wheel"


def _torch_cuda() -> str | None:
    """The version of CUDA that torch was built for; None for a build for CPUs alone, or without torch."""
    with contextlib.suppress(metadata.PackageNotFoundError, OSError, ValueError):
        file = Path(str(metadata.distribution("torch").locate_file("torch/version.py")))
        if file.stat().st_size <= _MOST_BYTES and (match := _CUDA.search(file.read_text(encoding="utf-8"))):
            return match[1]
    return None


def _gpus() -> list[str]:
    """Names of the NVIDIA GPUs that the driver knows of, whether this process may use them or not; Apple's own."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return ["Apple silicon"]
    found = []
    with contextlib.suppress(OSError):
        for folder in sorted(Path("/proc/driver/nvidia/gpus").iterdir()):
            text = (folder / "information").read_text(encoding="utf-8", errors="replace")
            match = re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)
            found.append(match[1].strip() if match else "unknown")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [] if hidden is not None and hidden.strip() in ("", "-1") else found

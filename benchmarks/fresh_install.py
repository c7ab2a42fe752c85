"""What a user gets from `pip install` of the wheel: its size, and the seconds to a first result, away from any checkout.

    python benchmarks/fresh_install.py                                  # as pip installs it
    python benchmarks/fresh_install.py --with "hydra-core==1.4.0rc3"    # with another version of something
    python benchmarks/fresh_install.py --sdist                          # from the source distribution

It builds the wheel (or the source distribution), makes an environment in a temporary folder, installs into it (some gigabytes are
fetched), looks at what the wheel holds, and trains. Fails where something is missing. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
INSIDE = (
    "sdl_cli/py.typed",
    "sdl_cli/conf/train.yaml",
    "sdl_cli/conf/model/baseline.yaml",
    "sdl_cli/learning/models/weights/table.safetensors",
    "sdl_cli/report/html/style.css",
    "sdl_cli/report/methods/references.txt",
)
FIRST = ("train", "dataset=wine", "model=baseline")
RUNS: tuple[tuple[str, ...], ...] = (
    FIRST,
    FIRST,
    ("train", "dataset=wine", "model=pretrained_table"),
    ("train", "dataset=digits", "training.epochs=2"),
    ("train", "-m", "dataset=wine", "model=baseline", "seed=0,1", "model.num_trees=10"),
    ("report", "RUN", "--figures", "figures"),
    ("list",),
)


def build(to: Path, sdist: bool) -> Path:
    """The wheel, or the source distribution, of this checkout."""
    subprocess.run([sys.executable, "-m", "build", "--sdist" if sdist else "--wheel", "--outdir", str(to), str(ROOT)], check=True)
    return next(to.glob("*.tar.gz" if sdist else "*.whl"))


def megabytes(folder: Path) -> float:
    """Size of all files below a folder, each counted once."""
    found = [file.lstat() for file in folder.rglob("*") if file.is_symlink() or not file.is_dir()]
    sizes = {(one.st_dev, one.st_ino): one.st_size for one in found}
    return sum(sizes.values()) / 1e6


def timed(command: list[str], where: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds of a command, and what it prints; raises where it fails."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - started, done.stdout


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sdist", action="store_true", help="install the source distribution")
    options.add_argument("--with", dest="more", action="append", default=[], metavar="REQUIREMENT", help="install this as well")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="sdl-fresh-") as name:
        folder = Path(name)
        package = build(folder, chosen.sdist)
        if not chosen.sdist:
            missing = set(INSIDE) - set(zipfile.ZipFile(package).namelist())
            assert not missing, missing
        print(f"{package.name}: {package.stat().st_size / 1e6:.1f} MB")
        away = folder / "away"
        away.mkdir()
        venv.create(folder / "venv", with_pip=True)
        before = megabytes(folder / "venv")
        programs = folder / "venv" / "bin"
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
        environment["SDL_CACHE"] = str(folder / "cache")
        seconds, _ = timed([str(programs / "pip"), "install", "--quiet", str(package), *chosen.more], away, environment)
        print(f"pip install: {seconds:.0f} s, {megabytes(folder / 'venv') - before:,.0f} MB")
        sdl = str(programs / "sdl")
        print("versions:", about(sdl, away, environment))
        for run in RUNS:
            latest = (
                max((away / "runs").rglob("metrics.json"), key=lambda file: file.stat().st_mtime).parent if "RUN" in run else away
            )
            command = [str(latest) if word == "RUN" else word for word in run]
            print(f"{timed([sdl, *command], away, environment)[0]:6.1f} s  sdl {' '.join(run)}")


def about(sdl: str, away: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Versions of what matters most, by the command that a bug report begins with."""
    found = json.loads(timed([sdl, "--version", "--json"], away, environment)[1])
    packages = {name: found["packages"][name] for name in ("hydra-core", "torch", "numpy", "scikit-learn")}
    return {name: found[name] for name in ("sdl", "python", "installed")} | packages


def latest(away: Path) -> Path:
    """The run that ended last."""
    return max((away / "runs").rglob("metrics.json"), key=lambda file: file.stat().st_mtime).parent


if __name__ == "__main__":
    main()

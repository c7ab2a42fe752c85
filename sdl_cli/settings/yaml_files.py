"""Where the YAML files are, and what their comments say, without hydra: `sdl list`, `sdl show` and help need only this."""

from __future__ import annotations

import difflib
from pathlib import Path

from sdl_cli.errors import ConfigError

GROUPS = ("dataset", "model", "loss", "augment", "reduce", "training", "arm", "claim", "experiment")
USER_FOLDER = "sdl_conf"
RENAMED = {("arm", "baseline"): "forest"}  # what was called otherwise once


def conf_dir() -> Path:
    """The folder of YAML files, in a wheel and in an editable install, as an absolute path."""
    here = Path(__file__).resolve().parents[1]
    inside = here / "conf"
    return inside if inside.is_dir() else here.parent / "conf"


def user_dirs(config_dir: str | None = None) -> list[Path]:
    """Folders of the user's own YAML: `--config-dir`, and `./sdl_conf` where there is one."""
    found = []
    if config_dir is not None:
        folder = Path(config_dir).expanduser().absolute()
        if not folder.is_dir():
            raise ConfigError(f"--config-dir: there is no folder {folder}.")
        found.append(folder)
    own = Path(USER_FOLDER).absolute()
    return [*found, own] if own.is_dir() else found


def options(group: str, config_dir: str | None = None, ours: bool = True) -> dict[str, Path]:
    """Name -> file of every choice in a group, sorted; the project's own before the user's, or those of the user alone."""
    found: dict[str, Path] = {}
    for root in (*[conf_dir()] * ours, *user_dirs(config_dir)):
        for file in sorted((root / group).glob("*.yaml")):
            found.setdefault(file.stem, file)
    return found


def summary(file: Path) -> str:
    """The one line that describes a choice: its first comment that is no package directive."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
    return ""


def current(group: str, name: str, config_dir: str | None = None) -> str:
    """The name by which a choice is known today; the old one where the user has a file of that name."""
    new = RENAMED.get((group, name))
    return name if new is None or name in options(group, config_dir) else new


def check_own_name(group: str, name: str, config_dir: str | None = None) -> None:
    """Raise ConfigError for a choice of the user's that has the name of one of sdl's own, which would hide it."""
    own = options(group, config_dir, ours=False).get(name)
    if own is not None and own != (ours := conf_dir() / group / f"{name}.yaml") and ours.is_file():
        what = f"{group}={name}: {own} has the name of a choice of sdl's own, which would be taken instead"
        raise ConfigError(f"{what}.", f"Rename the file, for example to my_{name}.yaml, and write {group}=my_{name}")


def find(group: str, name: str, config_dir: str | None = None) -> Path:
    """The file of one choice; a ConfigError names the nearest where there is none."""
    check_group(group)
    found = options(group, config_dir)
    name = current(group, name, config_dir)
    check_own_name(group, name, config_dir)
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1, cutoff=0.5)
        guess = f" Did you mean {near[0]}?" if near else ""
        if group == "dataset" and (what := _kind_of_path(name)):
            raise ConfigError(f"dataset={name}: a {what} is not written so.", f"Put it first, by itself: sdl train {name}")
        names = f"There are: {', '.join(found)}." if found else f"There are none; your own go into ./{USER_FOLDER}/{group}/."
        raise ConfigError(f"{group}={name}: there is no such {group}.{guess}", names)
    return found[name]


def _kind_of_path(text: str) -> str:
    """`file` or `folder` if there is one here, or nothing."""
    try:
        return "file" if Path(text).is_file() else "folder" if Path(text).is_dir() else ""
    except (OSError, ValueError):  # what no path can be
        return ""


def check_group(group: str) -> None:
    if group not in GROUPS:
        near = difflib.get_close_matches(group, GROUPS, n=1, cutoff=0.5)
        guess = f" Did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{group}: there is no group of settings by this name.{guess}", f"There are: {', '.join(GROUPS)}.")

"""Where the source of a part lies: a file of the user's, or an installed package. Nothing is imported to find it."""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.files import read_guarded
from sdl_cli.phrases import listed, shortened
from sdl_cli.settings.parts import permission
from sdl_cli.settings.parts.reading import MOST_BYTES, read_tree
from sdl_cli.settings.yaml_files import USER_FOLDER

ENTRY_POINTS = {"loss": "sdl.losses", "model": "sdl.models", "augment": "sdl.augments", "dataset": "sdl.datasets"}
_MOST_FILES = 100  # of modules that one part is made of


@dataclass(frozen=True)
class Place:
    """Where the code of a part lies.

    Arguments:
        target: module and class, for example my_parts.Focal. file: of the module, absolute.
        digest: sha256 of its source, and of the user's other modules that it imports from beside it.
        package: name and version of the installed package whose entry point it is; empty for a file of the user's.
    """

    target: str
    file: str
    digest: str
    package: str = ""

    @property
    def said(self) -> str:
        """`my_parts.Focal (my_parts.py)`: in the words of messages."""
        where = self.package or shown(self.file)
        return f"{self.target} ({where})" if where else self.target


@dataclass(frozen=True)
class EntryPoint:
    """A part of an installed package, as its metadata names it."""

    group: str
    name: str
    target: str
    package: str


def shown(file: str) -> str:
    """A path as it is said: from the working folder where it lies there."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def split_target(target: object, where: str) -> tuple[str, str]:
    """Module and class of `my_parts.Focal`. Raises ConfigError for anything else."""
    text = target if isinstance(target, str) else ""
    module, _, name = text.rpartition(".")
    if not module or not all(part.isidentifier() for part in text.split(".")):
        what = f"{where}: _target_: {shortened(repr(str(target)))} does not name a class in a module"
        raise ConfigError(f"{what}.", "Write the file's name without .py, a dot, and the class: _target_: my_parts.Focal")
    return module, name


def find(target: object, where: str, folders: Sequence[Path] = (), package: str = "") -> Place:
    """Where the class `target` lies: in the working folder, in `sdl_conf`, in `folders`, or among installed packages.

    With `package`, it is an entry point of that one, and looked for where packages are alone.

    Raises ConfigError: no such module, or one of the user's that an installed one of the same name hides.
    """
    module, _ = split_target(target, where)
    top = module.partition(".")[0]
    own = [] if package else list(dict.fromkeys([Path.cwd(), Path(USER_FOLDER).absolute(), *folders]))
    file = next((found for folder in own if (found := _below(folder, module)) is not None), None)
    if file is not None:
        if _is_installed(top, own):
            what = f"{where}: {shown(str(file))} has the name of an installed module, {top}"
            raise ConfigError(f"{what}.", f"Rename the file, and _target_ with it, for example to my_{top}.")
    else:
        file = next((found for place in map(Path, sys.path) if (found := _below(place, module)) is not None), None)
    if file is None:
        if package:
            what = f"{where}: {package} says that it is {target}, and there is no source of {module}"
            raise ConfigError(f"{what}.", "Install the package anew; sdl reads parts that are written in Python.")
        from sdl_cli.settings.parse import suggest  # only for errors: `sdl list` is quick

        near = sorted({path.stem for folder in own for path in _files(folder) if path.stem != "__init__"})
        places = listed([shown_folder(folder) for folder in own], last=" or ")
        what = f"{where}: there is no module {module} in {places}, and none is installed.{suggest(module, near)}"
        raise ConfigError(what, f"Write the class into {module.replace('.', '/')}.py there, or correct _target_.")
    return Place(str(target), str(file), digest(file), package)


def find_own(target: str) -> Place | None:
    """Where a class lies in the working folder or `sdl_conf`; None if it does not, or an installed module has that name."""
    module = target.rpartition(".")[0]
    if not all(part.isidentifier() for part in target.split(".")) or not module:
        return None
    own = [Path.cwd(), Path(USER_FOLDER).absolute()]
    file = next((found for folder in own if (found := _below(folder, module)) is not None), None)
    if file is None or _is_installed(module.partition(".")[0], own):
        return None
    return Place(target, str(file), digest(file))


def shown_folder(folder: Path) -> str:
    """A folder as it is said."""
    return "the working folder" if folder == Path.cwd() else shown(str(folder))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.py"))
    except OSError:
        return []


def _below(folder: Path, module: str) -> Path | None:
    """The file of a module, or of a package, below a folder."""
    path = folder.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file.absolute()
    return None


def _is_installed(top: str, own: Sequence[Path]) -> bool:
    """Whether a module of that name is found where Python looks, beside the user's own folders."""
    if top in sys.stdlib_module_names or top == "sdl_cli":
        return True
    for text in sys.path:
        place = Path(text or ".").absolute()
        if place in own or permission.is_lent(text):
            continue
        path = place / top
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file() or any(place.glob(f"{top}.*.so")):
            return True
    return False


def digest(file: Path) -> str:
    """sha256 of a module's source and of the modules beside it that it imports, hexadecimal; empty if it cannot be read."""
    try:
        whole = hashlib.sha256()
        for path in _closure(file):
            whole.update(hashlib.sha256(read_guarded(path, MOST_BYTES)).digest())
        return whole.hexdigest()
    except (OSError, SdlError):
        return ""


def _closure(file: Path) -> list[Path]:
    """The file, and those in its folder that it imports, over others too; in the order of their names behind it."""
    found, waiting = {file}, [file]
    while waiting and len(found) < _MOST_FILES:
        try:
            tree = read_tree(waiting.pop(), "")
        except ConfigError:
            continue
        for name in _imported(tree):
            path = _below(file.parent, name)
            if path is not None and path not in found:
                found.add(path)
                waiting.append(path)
    return [file, *sorted(found - {file})]


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module:
                yield node.module
            prefix = f"{node.module}." if node.module else ""
            yield from (f"{prefix}{alias.name}" for alias in node.names if alias.name.isidentifier())


def entry_points(group: str | None = None) -> list[EntryPoint]:
    """The parts of installed packages: of one group of settings, or of all. Their metadata is read, and nothing imported."""
    return [point for point in _entry_points(tuple(sys.path)) if group in (None, point.group)]


@functools.cache
def _entry_points(path: tuple[str, ...]) -> list[EntryPoint]:
    wanted = {section: own for own, section in ENTRY_POINTS.items()}
    found: dict[tuple[str, str], EntryPoint] = {}
    for package, text in _metadata(path):
        section = ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("["):
                section = line.strip("[] ")
            elif section in wanted and "=" in line and not line.startswith(("#", ";")):
                name, target = (part.strip() for part in line.split("=", 1))
                own = wanted[section]
                found.setdefault((own, name), EntryPoint(own, name, target.partition("[")[0].strip().replace(":", "."), package))
    return [found[key] for key in sorted(found)]


def _metadata(path: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and version of each installed package that has entry points of ours, and the text of them."""
    seen = set()
    for place in dict.fromkeys(path):
        try:
            names = sorted(entry.name for entry in os.scandir(place or ".") if entry.name.endswith(".dist-info"))
        except OSError:
            continue
        for name in names:
            package = name.removesuffix(".dist-info").replace("-", " ")
            if package.partition(" ")[0] in seen:
                continue
            try:
                content = read_guarded(Path(place or ".", name, "entry_points.txt"), 1 << 20)
            except (OSError, SdlError):
                continue
            if b"[sdl." in content:
                seen.add(package.partition(" ")[0])
                yield package, content.decode("utf-8", "replace")

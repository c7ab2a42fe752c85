"""A part that a user wrote, as settings: its arguments become fields, and its code is imported when it is needed.

Composed and stored values name such a part by `_target_`; `_file_` says where it lies and `_digest_` what its source was.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from keyword import iskeyword
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sdl_cli.errors import ConfigError
from sdl_cli.phrases import listed, typed_line
from sdl_cli.settings.parts import importing, permission, sources
from sdl_cli.settings.parts.importing import OwnCodeError
from sdl_cli.settings.parts.reading import Argument, Description, describe
from sdl_cli.settings.parts.sources import Place, find, split_target
from sdl_cli.settings.yaml_files import USER_FOLDER, conf_dir

TARGET, FILE, DIGEST = "_target_", "_file_", "_digest_"
MARKS = (TARGET, FILE, DIGEST)
Kind = TypeVar("Kind")
_CODE_HINT = "Repair it and try again; the traceback is shown with --debug."


@dataclass(frozen=True)
class Part:
    """Which part it is: its group and the name of the choice, and where its code lies (with the digest that is stored)."""

    group: str
    name: str
    place: Place

    @property
    def choice(self) -> str:
        return f"{self.group}={self.name}"


class Own:
    """Settings of a part of the user's own; a subclass says what its code must have.

    Arguments:
        given_by_us: names of arguments that the code gets from sdl, and that are no settings.
        needs: methods that the class must have.
    """

    part: ClassVar[Part]
    described: ClassVar[Description]
    given_by_us: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def settle(cls) -> None:
        """Take over what the source says of the class, once it is made. Raises ConfigError for what it must not say."""

    def keywords(self) -> dict[str, Any]:
        """These settings as keyword arguments of the code; a default that only the code knows is left to it."""
        found = {}
        for one in settings_among(type(self).described, self.given_by_us):
            value = getattr(self, one.name)
            if not (one.computed and value is None):
                found[one.name] = list(value) if one.as_list and isinstance(value, tuple) else value
        return found

    def code(self) -> Any:
        """The class itself, imported. Raises DataError where that is not allowed, ConfigError where it cannot be done."""
        part = type(self).part
        found = importing.load(part.choice, part.place)
        missing = [name for name in self.needs if not hasattr(found, name)]
        if missing:
            what = f"{part.choice}: {part.place.said} has no method {listed(missing)}, which a {part.group} needs"
            raise OwnCodeError(f"{what}.", "See docs/EXTENDING.md for a whole example.")
        return found

    def build(self, *given: Any, **more: Any) -> Any:
        """An instance with these settings. Raises ConfigError, in the words of the code, where it refuses them."""
        kind, part = self.code(), type(self).part
        try:
            return kind(*given, **self.keywords(), **more)
        except Exception as error:
            what = f"{part.choice}: {part.place.said} cannot be built with these settings: {typed_line(error, 300)}"
            raise OwnCodeError(what, f"See its settings with: sdl show {part.choice}") from error

    @cached_property
    def made(self) -> Any:
        """The one instance of these settings."""
        return self.build()

    def check_own(self) -> None:
        """Import the code and build it, so that every mistake is found before data is loaded."""
        _ = self.made

    def __reduce__(self) -> tuple[Any, ...]:  # a class that is made here has no name by which it could be found again
        kind = type(self)
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return _rebuilt, (_base(kind), kind.part, kind.described, values)


class Choices(dict[str, type[Kind]]):
    """The choices of a group by name, and the settings of one that a user wrote.

    Arguments:
        group: for example `loss`. own: a subclass of `Own`, a frozen dataclass.
    """

    def __init__(self, group: str, known: Mapping[str, type[Kind]], own: type[Own]) -> None:
        super().__init__(known)
        self.group, self.own = group, own

    def of_values(self, values: Mapping[str, Any]) -> type | None:
        """The settings class of values that name a part of the user's own; None of all others. Raises ConfigError."""
        return settings_class(self.own, self.group, values) if TARGET in values else None


def settings_class(base: type, group: str, values: Mapping[str, Any]) -> type:
    """The dataclass of the settings of a part of the user's own, from its source, which is not run.

    The source of a stored part, which has a digest, may be gone or have changed: its stored settings are then taken as they are.

    Raises:
        ConfigError: the module or the class is missing, or an argument has a name that sdl uses itself.
    """
    target = values[TARGET]
    name = str(values.get("name") or str(target).rpartition(".")[2].lower())
    where = f"{group}={name}"
    digest = str(values.get(DIGEST) or "")
    split_target(target, where)
    try:
        place = _place(str(values.get(FILE) or ""), target, where)
        described = describe(Path(place.file), target.rpartition(".")[2], where)
        is_another = bool(digest) and place.digest != digest
    except ConfigError:
        if not digest:
            raise
        place, described, is_another = Place(target, str(values.get(FILE) or ""), digest), Description(), True
    if is_another:
        described = dataclasses.replace(described, arguments=tuple(_stored_arguments(base, values, described)))
    elif not digest and permission.is_allowed(target, ""):  # composed, without a word of where it lies
        permission.allow(target, place.file)
    return made_class(base, Part(group, name, dataclasses.replace(place, digest=digest or place.digest)), described)


def _stored_arguments(base: Any, values: Mapping[str, Any], described: Description) -> Iterator[Argument]:
    """Arguments as a run has stored them, of whatever type."""
    today = {one.name: one for one in described.arguments}
    for name in (*base.given_by_us, *(key for key in values if _is_own(base, key))):
        known = today.get(name, Argument(name))
        yield Argument(name, has_default=True, computed=known.computed, as_list=known.as_list)


def _place(file: str, target: str, where: str) -> Place:
    """Where a part lies: where its run says, or else where it is found."""
    path = Path(file)
    if file and path.is_absolute() and path.is_file():
        return Place(target, file, sources.digest(path))
    return find(target, where)


def _is_own(base: type, key: str) -> bool:
    """Whether a setting of a part may be called that: nothing of sdl's own is."""
    annotated = {name for kind in base.__mro__ for name in vars(kind).get("__annotations__", ())}
    is_name = key.isidentifier() and not iskeyword(key)
    return is_name and key not in MARKS and key not in annotated and not hasattr(base, key)


def settings_among(described: Description, given_by_us: tuple[str, ...]) -> list[Argument]:
    """The arguments that are settings."""
    return [one for one in described.arguments if one.name not in given_by_us]


_made: dict[tuple[Any, ...], type] = {}


def made_class(base: type, part: Part, described: Description) -> type:
    """The dataclass of these settings: one for equal ones, so that instances of it can be equal."""
    arguments = settings_among(described, base.given_by_us)  # type: ignore[attr-defined]
    key = (base, part, described.doc, tuple(map(repr, described.arguments)), repr(described.constants))
    if key not in _made:
        taken = [one.name for one in arguments if not _is_own(base, one.name)]
        if taken:
            what = f"{part.choice}: {part.place.said} has an argument called {taken[0]}, and sdl uses that name itself"
            raise ConfigError(f"{what}.", f"Give it another name, for example own_{taken[0]}.")
        marks = {TARGET: part.place.target, FILE: part.place.file, DIGEST: part.place.digest}
        fields: list[Any] = [("name", str, dataclasses.field(default=part.name))]
        fields += [(mark, str, dataclasses.field(default=value)) for mark, value in marks.items()]
        fields += [(one.name, one.hint, _field(one)) for one in arguments]
        own = {"part": part, "described": described}
        name = part.place.target.rpartition(".")[2]
        found = dataclasses.make_dataclass(name, fields, bases=(base,), namespace=own, frozen=True, kw_only=True)
        found.settle()  # type: ignore[attr-defined]
        _made[key] = found
    return _made[key]


def _field(one: Argument) -> Any:
    if not one.has_default:
        return dataclasses.field()
    value = tuple(one.default) if isinstance(one.default, list) else one.default
    return dataclasses.field(default_factory=value.copy) if isinstance(value, dict) else dataclasses.field(default=value)


def _base(kind: type) -> type:
    """The class, in a module, that a made one derives from."""
    return next(above for above in kind.__mro__[1:] if "part" not in vars(above))


def _rebuilt(base: type, part: Part, described: Description, values: dict[str, Any]) -> Any:
    return made_class(base, part, described)(**values)


def completed(group: str, name: str, values: Mapping[str, Any], place: Place, base: type) -> dict[str, Any]:
    """What a choice composes to: its name and marks, every argument with its default, and over them the user's values.

    An argument without a default is `???`, which must be given. A source that cannot be read leaves the values as they are:
    whoever parses them says what is wrong.
    """
    marks = {"name": name, TARGET: place.target, FILE: place.file, DIGEST: place.digest}
    shared = {f.name: f.default for f in dataclasses.fields(base) if f.name != "name"}  # type: ignore[arg-type]
    try:
        described = describe(Path(place.file), place.target.rpartition(".")[2], f"{group}={name}")
    except ConfigError:
        return {**shared, **values, "name": name, TARGET: place.target}
    own = {one.name: one.default if one.has_default else "???" for one in settings_among(described, base.given_by_us)}  # type: ignore[attr-defined]
    return {**marks, **shared, **own, **values, **marks}


def named_in(values: Any) -> list[dict[str, str]]:
    """The parts that stored or composed values name, wherever they stand, each once: group, name, target, file and digest."""
    found: dict[tuple[str, ...], dict[str, str]] = {}

    def look(group: str, value: Any) -> None:
        if isinstance(value, Mapping):
            if isinstance(value.get(TARGET), str):
                told = {"group": group, "name": str(value.get("name", "")), "target": value[TARGET]}
                told |= {"file": str(value.get(FILE) or ""), "digest": str(value.get(DIGEST) or "")}
                found.setdefault(tuple(told.values()), told)
            for key, inner in value.items():
                look(str(key), inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                look(group, inner)

    look("", values)
    return list(found.values())


def allow_named(values: Mapping[str, Any]) -> None:
    """Let the code be imported that these values name, as far as this command names it itself."""
    for told in named_in(values):
        if permission.is_typed(told["group"], told["name"], _is_ours):
            permission.allow(told["target"], told["file"])
        else:
            permission.leave_out(told["target"])


def require_path(key: str, path: str, ours: Sequence[str]) -> type | None:
    """Let the code at an import path be imported if this command names it itself, the value of the setting `key`.

    Arguments:
        ours: packages whose code always may be.
    Returns: the class, imported, if it lies in the working folder or `sdl_conf`; None if it is a matter of Python's import.
    Raises:
        ConfigError: this command does not name it. DataError: a stored run does, and nobody said --trust.
    """
    if path.partition(".")[0] in ours:
        return None
    place = sources.find_own(path)
    file = "" if place is None else place.file
    if permission.is_path_typed(key.rpartition(".")[2], path, _is_ours):
        permission.allow(path, file)
    if not permission.is_allowed(path, file):
        what = f"{key}={path}: this code would be imported, and the command does not name it."
        raise ConfigError(what, "If you trust it, name it on the command line; if a stored run names it, add --trust.")
    return None if place is None else importing.load(f"{key}={path}", place)


def _is_ours(group: str, name: str) -> bool:
    """Whether sdl brings a choice, so that no file of the user's can stand behind its name."""
    file = f"{name}.yaml"
    return (conf_dir() / group / file).is_file() or (group == "claim" and not (Path(USER_FOLDER) / group / file).is_file())


def require_code(settings: Any) -> None:
    """Raise as `Own.check_own` for settings of a user's part; nothing happens for all others."""
    if isinstance(settings, Own):
        settings.check_own()


def wrong_in(settings: Own, what: str, error: BaseException) -> tuple[str, str]:
    """Message and hint for what a part's code raised while it did `what`."""
    part = type(settings).part
    return (
        f"{part.choice}: {part.place.said} failed {what}: {typed_line(error, 300)}{_line_in(part.place.file, error)}",
        _CODE_HINT,
    )


def _line_in(file: str, error: BaseException) -> str:
    """The last line of the user's file that an error went through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" (line {lines[-1]} of {sources.shown(file)})" if lines else ""


def words_among(own: Own | type[Own], name: str, default: tuple[str, ...], allowed: tuple[str, ...]) -> frozenset[str]:
    """A constant of the class that is some of these words. Raises ConfigError for any other."""
    kind = own if isinstance(own, type) else type(own)
    found = kind.described.constants.get(name, default)
    words = (found,) if isinstance(found, str) else found
    if not isinstance(words, tuple | list) or not words or not set(words) <= set(allowed):
        hint = f"Write for example: {name} = {allowed[:1]!r}"
        raise ConfigError(f"{kind.part.choice}: {name} in {kind.part.place.said} must be some of {', '.join(allowed)}.", hint)
    return frozenset(words)

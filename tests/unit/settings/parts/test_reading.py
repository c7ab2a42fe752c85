"""What is read from the source of a class, none of which is run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from sdl_cli.errors import ConfigError
from sdl_cli.settings.parts.reading import ANY, Argument, Description, describe

SOURCE = '''
from __future__ import annotations
raise SystemExit("this file must not be run")

class Above:
    tasks = ("regression",)

    def __init__(self, depth: int = 3, rate: float = 0.1): ...

    def rows(self): ...

class Below(Above):
    """The first line.

    More.
    """
    modalities: tuple[str, ...] = ("image", "table")

@dataclass(frozen=True)
class Record:
    gamma: float
    kind: Literal["a", "b"] = "a"
    count: ClassVar[int] = 5
    _hidden: int = 0

class Odd(nn.Module):
    def __init__(self, a, b=2, c=None, d: "int | None" = None, e: Optional[float] = None, f: list[int] = [1, 2],
                 g: tuple[float, ...] = (1.0,), h: dict[str, float] = {}, i=PI, j: Path = None, *rest, k: bool = True, **more): ...

class Positional:
    def __init__(self, a, /, b=1): ...
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_parts.py"
    path.write_text(SOURCE)
    return path


def test_docstring_constants_methods_and_arguments_come_from_the_class_and_those_above_it(file: Path) -> None:
    found = describe(file, "Below", "loss=below")
    assert found.summary == "The first line."
    assert found.constants == {"tasks": ("regression",), "modalities": ("image", "table")}
    assert found.methods == {"__init__", "rows"}
    assert found.arguments == (
        Argument("depth", int, "a whole number", 3, has_default=True),
        Argument("rate", float, "a number", 0.1, has_default=True),
    )
    assert not found.has_base


def test_the_fields_of_a_dataclass_are_its_arguments(file: Path) -> None:
    gamma, kind = describe(file, "Record", "loss=record").arguments
    assert gamma == Argument("gamma", float, "a number")
    assert (kind.hint, kind.default) == (Literal["a", "b"], "a")


def test_types_as_the_parser_checks_them(file: Path) -> None:
    found = {one.name: one for one in describe(file, "Odd", "model=odd").arguments}
    hints = {name: one.hint for name, one in found.items()}
    assert hints == {
        "a": ANY, "b": int, "c": ANY, "d": int | None, "e": float | None, "f": tuple[int, ...], "g": tuple[float, ...],
        "h": dict[str, float], "i": ANY, "j": ANY, "k": bool,
    }  # fmt: skip
    assert not found["a"].has_default and found["c"].has_default
    assert found["f"].default == [1, 2] and found["f"].as_list and not found["g"].as_list
    assert found["i"].computed and not found["c"].computed
    assert describe(file, "Odd", "").has_base


WRONG = [
    ("x = 1\n", "Focal", "loss=f: there is no class Focal in FILE.", "There is no class in it."),
    ("class Focl: ...\n", "Focal", "loss=f: there is no class Focal in FILE. Did you mean Focl?", "Its classes: Focl."),
    ("def f(:\n", "Focal", "loss=f: FILE, line 1: this cannot be read as Python: invalid syntax.", "Repair the file."),
    (SOURCE, "Positional", "loss=f: Positional in FILE: an argument before / has no name to be set by.",
     "Leave out the / in its __init__."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "message", "hint"), WRONG, ids=[case[1] + str(i) for i, case in enumerate(WRONG)])
def test_what_cannot_be_read_is_said(text: str, name: str, message: str, hint: str, tmp_path: Path) -> None:
    file = tmp_path / "my_parts.py"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        describe(file, name, "loss=f")
    assert error.value.message == message.replace("FILE", str(file))
    assert error.value.hint == hint


def test_a_file_with_odd_escapes_is_read_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "my_parts.py"
    file.write_text('class Focal:\n    pattern = "\\d"\n')
    assert describe(file, "Focal", "") == Description(constants={"pattern": "\\d"})

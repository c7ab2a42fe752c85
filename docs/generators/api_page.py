"""The Python reference, made from signatures and docstrings; the source is read, not imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.learning.models.settings import MODELS

ROOT = Path(__file__).parents[2]
CURVES = {"sdl_cli.study.curve.forecast": ("forecast", "labels_needed", "Forecast", "LabelsNeeded")}
SECTIONS = re.compile(r"^(Arguments|Returns|Raises|Yields)\b:?")
Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Name:
    """One public name.

    Arguments:
        module: where it is defined.
        node: its definition.
    """

    module: str
    node: Definition


def markdown() -> str:
    """What `import sdl_cli as sdl` gives, the forecast of curves as arrays, and a table of the estimators."""
    parts = []
    front = list(public())
    if front:
        parts += ["## import sdl_cli as sdl", *(_described(name, "sdl.") for name in front)]
    found = [definition(module, name) for module, names in CURVES.items() for name in names]
    parts += [
        "## Curves",
        "From `sdl_cli.study.curve`, for one curve or thousands.",
        *(_described(name, "") for name in found if name),
    ]
    return "\n\n".join([*parts, "## Estimators", *_estimators()])


def public() -> Iterator[Name]:
    """What `sdl_cli` itself exports, functions first; the estimators have a table of their own."""
    tree = ast.parse((ROOT / "sdl_cli" / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sdl_cli.")]
    estimators = {name for kind in MODELS.values() for name in getattr(kind, "estimators", ())}
    wanted = [(str(node.module), alias.name) for node in imports for alias in node.names if alias.name not in estimators]
    found = [name for module, word in wanted if (name := definition(module, word)) is not None]
    yield from sorted(found, key=lambda name: isinstance(name.node, ast.ClassDef))


def definition(module: str, word: str) -> Name | None:
    """Where a function or class is defined that a module has, perhaps from another module of sdl; None where it is nowhere."""
    file = source(module)
    for node in ast.parse(file.read_text(encoding="utf-8")).body if file else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == word:
            return Name(module, node)
        if (
            isinstance(node, ast.ImportFrom)
            and word in {alias.name for alias in node.names}
            and str(node.module).startswith("sdl_cli")
        ):
            return definition(str(node.module), word)
    return None


def source(module: str) -> Path | None:
    """The file of a module of sdl, or None."""
    place = ROOT.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _described(name: Name, prefix: str) -> str:
    node = name.node
    parts = [f"### {prefix}{node.name}", f"```text\n{_signature(node, prefix)}\n```", _prose(ast.get_docstring(node) or "")]
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                is_property = any(isinstance(d, ast.Name) and d.id == "property" for d in inner.decorator_list)
                head = f"**`{inner.name}`**" if is_property else f"**`{_signature(inner, '.')}`**"
                parts += [head, _prose(ast.get_docstring(inner) or "")]
    return "\n\n".join(part for part in parts if part)


def _signature(node: Definition, prefix: str) -> str:
    if isinstance(node, ast.ClassDef):
        made = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if made is not None:
            return f"{prefix}{node.name}({_arguments(made)})"
        fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
        shown = [ast.unparse(n) for n in fields if "ClassVar" not in ast.unparse(n.annotation)]
        return f"{prefix}{node.name}({', '.join(shown)})"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"{prefix}{node.name}({_arguments(node)}){returns}"


def _arguments(node: ast.FunctionDef) -> str:
    text = ast.unparse(node.args)
    return re.sub(r"^(self|cls)(, )?", "", text)


def _prose(docstring: str) -> str:
    """A docstring as Markdown: paragraphs as they are, the entries of a section as a list."""
    found: list[str] = []
    section = ""
    for line in docstring.splitlines():
        heading = SECTIONS.match(line)
        if heading and not line.startswith(" "):
            section = heading[1]
            rest = line[heading.end() :].strip()
            found += ["", f"*{section}*" + (f": {_text(rest)}" if rest else ""), ""]
        elif section and re.match(r"^ {4}\S", line):
            key, colon, rest = line.strip().partition(":")
            entry = f"- `{key}`:{_text(rest)}" if colon and " " not in key.strip("*`") else f"- {_text(line.strip())}"
            found.append(entry)
        elif section and line.startswith("     "):
            found.append(f"  {_text(line.strip())}")
        else:
            section = section if not line.strip() else ""
            found.append(_text(line))
    return "\n".join(found).strip()


def _text(text: str) -> str:
    """Signs that Markdown would read, outside of backticks, as they are."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([<>*_\[\]{}$#])", r"\\\1", p) for p in pieces)


def _estimators() -> list[str]:
    rows = ["| settings | for classes | for numbers | module |", "|---|---|---|---|"]
    for name, kind in MODELS.items():
        found = getattr(kind, "estimators", None)
        if not isinstance(found, tuple) or len(found) < 2:
            continue
        module, *classes = found
        shown = [f"`{each}`" for each in dict.fromkeys(classes)]  # named twice: for classes alone
        rows.append(f"| `model={name}` | {' | '.join([*shown, ''][:2])} | `{module}` |")
    return [
        "Each model is a scikit-learn estimator with `fit`, `predict` and, for classes, `predict_proba`. Its arguments are the "
        "settings of `model=NAME` in the [configuration reference](SETTINGS.md), with the same defaults; networks take `loss`, "
        "`augment` and `training` too.",
        "\n".join(rows),
    ]

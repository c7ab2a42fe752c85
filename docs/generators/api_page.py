"""The Python reference, made from signatures and docstrings; the source is read, not imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdl_cli.learning.models.settings import MODELS

ROOT = Path(__file__).parents[2]
FRONT = "sdl_cli.api"
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
    """The functions of `import sdl_cli as sdl`, those of curves, and a table of the estimators."""
    parts = []
    front = list(public(FRONT))
    if front:
        parts += ["## import sdl_cli as sdl", *(_described(name, "sdl.") for name in front)]
    parts += ["## Curves", "From `sdl_cli.study.curve`."]
    parts += [_described(name, "") for module, wanted in CURVES.items() for name in public(module) if name.node.name in wanted]
    parts += ["## Estimators", *_estimators()]
    return "\n\n".join(parts)


def public(module: str) -> Iterator[Name]:
    """The public functions and classes of a module, those of a package's modules too; none where there is no such module."""
    file = source(module)
    if file is None:
        return
    tree = ast.parse(file.read_text(encoding="utf-8"))
    exported = _exported(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (
            node.name in exported if exported is not None else not node.name.startswith("_")
        ):
            yield Name(module, node)
        elif isinstance(node, ast.ImportFrom) and exported is not None and (node.module or "").startswith("sdl_cli"):
            taken = {alias.name for alias in node.names} & exported
            yield from (name for name in public(str(node.module)) if name.node.name in taken)


def source(module: str) -> Path | None:
    """The file of a module of sdl, or None."""
    place = ROOT.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _exported(tree: ast.Module) -> set[str] | None:
    """The names in `__all__`, or None."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    return None


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

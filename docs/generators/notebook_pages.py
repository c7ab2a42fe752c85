"""Executed notebooks as pages: their cells as Markdown, with the outputs that they were saved with."""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser

PICTURES = ("image/svg+xml", "image/png", "image/jpeg")


class NotebookParser(MystParser):
    """Reads `.ipynb`; nothing is executed."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        super().parse(markdown(json.loads(inputstring)), document)


def markdown(notebook: dict[str, Any]) -> str:
    """The cells of a notebook, one after the other."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
        elif cell["cell_type"] == "code" and text.strip():
            parts.append(fenced(text, "text" if text.lstrip().startswith(("%", "!")) else "python"))
            parts += [part for output in cell.get("outputs", []) if (part := shown(output))]
    return "\n\n".join(parts)


def shown(output: dict[str, Any]) -> str:
    """One output: a picture or a table where it has one, otherwise its text."""
    data = output.get("data", {})
    for kind in PICTURES:
        if kind in data:
            content = "".join(data[kind])
            if kind == "image/svg+xml":
                return raw(content)
            return raw(f'<img alt="what this cell draws" src="data:{kind};base64,{content.replace(chr(10), "")}">')
    if "text/html" in data:
        return raw("".join(data["text/html"]))
    text = "".join(output.get("text", data.get("text/plain", output.get("traceback", ""))))
    return fenced(text, "text") if text.strip() else ""


def raw(html: str) -> str:
    """HTML in a fence that no line of it ends."""
    return f'``````{{raw}} html\n<div class="output">{html}</div>\n``````'


def fenced(text: str, language: str) -> str:
    return f"``````{language}\n{text.rstrip()}\n``````"

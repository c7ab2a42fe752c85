"""Run the notebooks of this folder again, and check them: `python docs/notebooks/refresh.py`.

It needs `pip install "sdl-cli[notebooks]"`. Each notebook is executed from its first cell in a folder of its own, and must end
without an error. By default what it prints and shows must be what is stored, apart from times, paths and the digits of numbers.
With `--write` the outputs are stored instead.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_VARY = re.compile(r"\d+(?:[.,]\d+)*|(?:/[\w.+-]+)+")  # numbers, and paths, which other machines have otherwise

_MACHINE = re.compile(r"^(?:device|time) .*\n?(?:^ .*\n?)*", re.MULTILINE)  # these fields and their further lines


def executed(file: Path) -> Any:
    """The notebook with the outputs of today. Raises nbclient's CellExecutionError where a cell fails."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(file, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
        for cell in book.cells:
            cell.metadata.pop("execution", None)  # when it was run
            for output in cell.get("outputs", ()):
                _without_folder(output, str(Path(folder).resolve()))
    book.metadata.pop("language_info", None)
    return book


def words(book: Any) -> list[str]:
    """The words that the cells print and show, without what may differ from one machine to the next."""
    found: list[str] = []
    for cell in book.cells:
        shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ())]
        text = _MACHINE.sub("", "\n".join("".join(text) for text in shown))
        found += _VARY.sub("#", text).split()
    return found


def _without_folder(output: Any, folder: str) -> None:
    """Paths below the folder that a notebook ran in, as if it were the folder of the reader."""
    if "text" in output:
        output["text"] = output["text"].replace(f"{folder}/", "")
    for kind, content in output.get("data", {}).items():
        if isinstance(content, str):
            output["data"][kind] = content.replace(f"{folder}/", "")


def main() -> int:
    """Check or store every notebook; returns how many differ."""
    import nbformat

    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--write", action="store_true", help="store the outputs of today")
    options.add_argument("names", nargs="*", help="only these: table, photos, texts")
    asked = options.parse_args()
    wrong = 0
    for file in sorted(HERE.glob("*.ipynb")):
        if asked.names and file.stem not in asked.names:
            continue
        today = executed(file)
        if asked.write:
            nbformat.write(today, file)
            print(f"{file.name}: stored")
            continue
        before, now = words(nbformat.read(file, as_version=4)), words(today)
        is_same = before == now
        wrong += not is_same
        print(f"{file.name}: {'as stored' if is_same else 'differs'}")
        if not is_same:
            print("\n".join(f"  {line}" for line in difflib.unified_diff(before, now, "stored", "today", lineterm="")))
    return wrong


if __name__ == "__main__":
    sys.exit(main())

"""Write the outputs that a page still lacks: python tests/docs/fill.py PAGE...

Every block of the page runs as in its test; a command after `$` without an output gets what it prints here.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from docs.blocks import PROGRESS, Folder, blocks, call, exchanges  # noqa: E402


def fill(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        folder = Folder(Path(place))
        for block in blocks(page):
            if block.language != "console" or block.mark == "composed only":
                folder.run(block)
                continue
            new = block.text
            for command, output in exchanges(block.text):
                told = [folder.last_run if word == "RUN" else word for word in shlex.split(command)]
                if told[0] == "sdl":
                    found = call(told[1:])[1]
                else:
                    found = subprocess.run(command, shell=True, capture_output=True, text=True).stdout
                found = PROGRESS.sub("", found.replace(f"{place}/", ""))
                folder.last_run = (re.findall(r"^(?:run|sweep) +(\S+)$", found, re.MULTILINE) or [folder.last_run])[-1]
                if not output.strip():
                    new = new.replace(f"$ {command}\n", f"$ {command}\n{found.rstrip()}\n")
            text = text.replace(f"console\n{block.text}", f"console\n{new}")
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    for page in [Path(word).resolve() for word in sys.argv[1:]]:
        fill(page)

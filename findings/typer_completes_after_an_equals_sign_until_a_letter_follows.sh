#!/usr/bin/env bash
# Typer's completion for bash offers the values of an option after `--color=`, and none as soon as a letter follows.
# Seen with Typer 0.29.2 and bash 5.2.15, on Python 3.11 for Linux.
#
# bash hands a completion function `--color=d` as three words, since = divides words there. Typer knows the case in which the = is the last
# of them and offers all values. With a letter behind it, it takes the = for the value and the letter for another word: nothing is
# offered. With a blank instead of the = both work. Another side of it: bash puts a blank after a single suggestion, and Typer's script
# leaves that on, so that a suggested `part=` ends its word, and what is typed on becomes an argument of its own.
#
# Output seen ([TAB] is the key, on the right the arguments that the program is started with):
#   paint --color [TAB]    ['--color', 'dark_']
#   paint --color d[TAB]   ['--color', 'dark_']
#   paint --color=[TAB]    ['--color=dark_']
#   paint --color=d[TAB]   ['--color=d']
#   paint pa[TAB]door      ['part=', 'door']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check typer==0.29.2
cat >program.py <<'PYTHON'
import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Color(str, Enum):
    red = "dark_red"
    blue = "dark_blue"


def parts(incomplete: str) -> list[str]:
    return [word for word in ("part=", "size=") if word.startswith(incomplete)]


def main(
    words: Annotated[list[str] | None, typer.Argument(autocompletion=parts)] = None,
    color: Annotated[Color, typer.Option()] = Color.red,
) -> None:
    pass


if "_PAINT_COMPLETE" not in os.environ:
    Path("given.txt").write_text(f"{sys.argv[1:]}\n")
    sys.exit()
app = typer.Typer()
app.command()(main)
app(prog_name="paint")
PYTHON
mkdir bin
printf '#!/bin/sh\nexec "%s/venv/bin/python" "%s/program.py" "$@"\n' "$folder" "$folder" >bin/paint
chmod +x bin/paint
export PATH="$folder/bin:$PATH"
_PAINT_COMPLETE=source_bash paint >completion.sh
cat >keys.py <<'PYTHON'
import os
import pty
from pathlib import Path


def typed(line: str) -> str:
    """Type a line into a bash with a terminal, and say what the program was started with."""
    child, terminal = pty.fork()
    if child == 0:
        quiet = {"PS1": "", "TERM": "dumb", "INPUTRC": "/dev/null", "HISTFILE": "/dev/null"}
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**os.environ, **quiet})
    shown = b""
    for keys, mark in (("source completion.sh; echo rea''dy", b"ready"), (line, None), ("echo do''ne; exit", b"done")):
        os.write(terminal, keys.replace("[TAB]", "\t").encode() + b"\n")
        while mark and mark not in shown:
            shown += os.read(terminal, 4096)
    os.close(terminal)
    os.waitpid(child, 0)
    return Path("given.txt").read_text().strip()


for line in ("--color [TAB]", "--color d[TAB]", "--color=[TAB]", "--color=d[TAB]", "pa[TAB]door"):
    print(f"{'paint ' + line:<22} {typed('paint ' + line)}", flush=True)
PYTHON
timeout 600 ./venv/bin/python keys.py | tee found.txt
cat >expected.txt <<'TEXT'
paint --color [TAB]    ['--color', 'dark_']
paint --color d[TAB]   ['--color', 'dark_']
paint --color=[TAB]    ['--color=dark_']
paint --color=d[TAB]   ['--color=d']
paint pa[TAB]door      ['part=', 'door']
TEXT
diff expected.txt found.txt
echo "still so: typer_completes_after_an_equals_sign_until_a_letter_follows"

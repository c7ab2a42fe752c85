"""How bash, zsh and fish say what was typed, and how each is told what could follow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sdl_cli.cli.completion.suggestions import Suggestions
from sdl_cli.cli.completion.words import BREAKS, Typed, for_bash, rejoined, split

LISTING = ("63", "33", "64")  # of bash's COMP_TYPE: what could follow is shown, and nothing is inserted
# In place of Typer's: the words as they were typed, no blank behind an unfinished one, and meanings where they are only shown.
BASH_SCRIPT = r"""
%(complete_func)s() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" \
                 COMP_TYPE="$COMP_TYPE" COMP_WORDBREAKS="$COMP_WORDBREAKS" COLUMNS="${COLUMNS:-80}" \
                 %(autocomplete_var)s=complete_bash "$1")
    if [ "${#COMPREPLY[@]}" -eq 1 ]; then
        case "${COMPREPLY[0]}" in
            *[=./,[]) compopt -o nospace 2>/dev/null ;;
        esac
    fi
    return 0
}

complete -o default -F %(complete_func)s %(prog_name)s
"""


def teach_typer() -> None:
    """Let Typer's --install-completion and --show-completion write our function for bash; where it has no such table, its own."""
    try:
        from typer._completion_shared import _completion_scripts
    except ImportError:
        return
    if "bash" in _completion_scripts:
        _completion_scripts["bash"] = BASH_SCRIPT


def typed(shell: str, environ: Mapping[str, str]) -> Typed:
    """The words up to the cursor."""
    if shell != "bash":
        return split(environ.get("_TYPER_COMPLETE_ARGS", ""))
    if "COMP_LINE" in environ and "COMP_TYPE" in environ:
        return split(environ["COMP_LINE"][: int(environ["COMP_POINT"])])
    pieces = environ["COMP_WORDS"].split("\n")
    current = int(environ["COMP_CWORD"])
    line = rejoined(pieces, current)
    return split(line if len(pieces) > current and pieces[current] else f"{line} ")


def shown(shell: str, environ: Mapping[str, str], line: Typed, found: Suggestions) -> tuple[str, int]:
    """The text that the shell's function reads, and the exit code."""
    if shell == "bash":
        return _for_bash(environ, line, found), 0
    if shell == "zsh":
        return _for_zsh(line, found), 0
    items = [*found.items, *found.file_items(line.current)] if found.items else []
    if environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        return "", 0 if items else 1
    return "\n".join(f"{_flat(item.value)}\t{_flat(item.help)}".rstrip() for item in items), 0


def _flat(text: str) -> str:
    return re.sub(r"\s", " ", text)


def _for_bash(environ: Mapping[str, str], line: Typed, found: Suggestions) -> str:
    """A line for each; none lets bash complete the names of files, which it does best by itself."""
    if not found.items:
        return ""
    own = "COMP_TYPE" in environ  # asked by our function, not by Typer's
    breaks = "".join(b for b in environ.get("COMP_WORDBREAKS", BREAKS) if b in BREAKS)
    items = [*found.items, *found.file_items(line.current)]
    pairs = [(text, item) for item in items if (text := for_bash(item.value, line.word, breaks)) is not None and "\n" not in text]
    if own and environ["COMP_TYPE"] in LISTING and len(pairs) > 1:
        return "\n".join(_with_meanings([(text, item.help) for text, item in pairs], _columns(environ)))
    texts = [text for text, _ in pairs]
    if not own and len(pairs) == 1 and pairs[0][1].is_open:
        texts.append(f"{texts[0]}...")  # two that begin alike: otherwise bash would put a blank behind the only one
    return "\n".join(texts)


def _columns(environ: Mapping[str, str]) -> int:
    columns = environ.get("COLUMNS", "")
    return min(int(columns), 400) if columns.isascii() and columns.isdigit() and int(columns) >= 40 else 80


def _with_meanings(pairs: Sequence[tuple[str, str]], columns: int) -> list[str]:
    """`value  (meaning)`, a line each, cut to the width of the terminal."""
    width = min(max(len(text) for text, _ in pairs), columns // 2)
    lines = [f"{text:<{width}}  ({_flat(meaning)})" if meaning else text for text, meaning in pairs]
    return [line if len(line) < columns else f"{line[: columns - 5]}...)" for line in lines]


def _for_zsh(line: Typed, found: Suggestions) -> str:
    """Code for zsh's completion function, in one line and without blanks that matter: it is split at them and joined again."""
    if not found.items:
        files = "compset -P '*='; " if "=" in line.current else ""
        return f"{files}_files" if found.files else "return 1"
    code = []
    before = found.common
    if before:
        code.append("compset -P '*=';" if before.endswith("=") else "compset -P '*[=,[]';")
    code.append("local -a v d;")
    for is_open, option in ((True, "-S ''"), (False, "")):
        items = [item for item in found.items if item.is_open == is_open]
        if items:
            values = [item.value.removeprefix(before) for item in items]
            width = max(map(len, values))
            texts = [f"{v:<{width}}  -- {_flat(i.help)}" if i.help else v for v, i in zip(values, items, strict=True)]
            code.append(f"v=({' '.join(map(_zsh_quoted, values))}); d=({' '.join(map(_zsh_quoted, texts))});")
            code.append(f"compadd -l -d d {option} -a v;")
    if found.files:
        code.append("_files;")
    return " ".join(code)


def _zsh_quoted(text: str) -> str:
    """Text in `$'...'` in which nothing is special, blanks neither."""
    return (
        "$'"
        + "".join(
            c
            if c.isalnum() or c in "_./=-" or (ord(c) > 127 and c.isprintable() and not c.isspace())
            else "".join(f"\\x{b:02x}" for b in c.encode("utf-8", "surrogateescape"))
            for c in text
        )
        + "'"
    )

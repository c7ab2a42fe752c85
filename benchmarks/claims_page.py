"""The tables of docs/CLAIMS.md, from finished runs of `sdl claims`.

    python benchmarks/claims_page.py "quick, seed 0=RUN" "quick, seed 1=RUN" "full=RUN,RUN"

Each argument is a column of the first table, its name and the runs that it is of. The numbers of a claim come from the last
column that has it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from sdl_cli.study.claims.result import ClaimResult, ClaimsResult
from sdl_cli.study.claims.table import cell, measured, verdict_words

Column = dict[str, ClaimResult]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("columns", nargs="+", metavar="NAME=RUN,...")
    columns = dict(read(text) for text in parser.parse_args().columns)
    claims = {name: one for column in columns.values() for name, one in column.items()}
    order = list(max(columns.values(), key=len))
    print("\n".join(overview({name: claims[name] for name in order}, columns)))
    for name in order:
        label = next(label for label, column in reversed(columns.items()) if name in column)
        print("\n".join(details(claims[name], label)))


def read(text: str) -> tuple[str, Column]:
    label, _, runs = text.rpartition("=")
    found: Column = {}
    for run in runs.split(","):
        values: dict[str, Any] = json.loads(Path(run, "claims.json").read_text(encoding="utf-8"))
        found |= {one.name: one for one in ClaimsResult.from_json(values).claims}
    return label, found


def overview(claims: Column, columns: dict[str, Column]) -> list[str]:
    """A line for each number that decides a claim, and one for the verdict."""
    lines = [f"| claim | deciding number | published | {' | '.join(columns)} |", "|" + "---|" * (3 + len(columns))]
    for name, claim in claims.items():
        first = claim.summary
        for deciding in (one for one in claim.findings if one.decides):
            cells = [first, deciding.what, deciding.published]
            for column in columns.values():
                of = {one.what: one for one in column[name].findings} if name in column else {}
                one = of.get(deciding.what)
                told = "" if one is None else f"{measured(one)}: {verdict_words(one)}"
                cells.append("not run" if one is not None and one.note.startswith("not run") else told)
            lines.append(f"| {' | '.join(map(cell, cells))} |")
            first = ""
        verdicts = [f"**{column[name].verdict}**" if name in column else "" for column in columns.values()]
        lines.append(f"| | **verdict** | | {' | '.join(verdicts)} |")
    return lines


def details(claim: ClaimResult, label: str) -> list[str]:
    """All numbers of a claim that were measured."""
    title = f"{claim.summary[:1].upper()}{claim.summary[1:]}"
    lines = [
        "",
        f"### {title} (`{claim.name}`, {label})",
        "",
        f"{claim.source}. {' '.join(claim.experiment)} {claim.seconds:,.0f} s.",
        "",
    ]
    lines += ["| what | published | measured (95 % interval) | rests on | claimed | verdict |", "|---|---|---|---|---|---|"]
    for one in claim.findings:
        if one.note.startswith("not run"):
            continue
        mark = "**" if one.decides else ""
        note = f"; {one.note}" if one.note else ""
        cells = [one.what, one.published, f"{measured(one)}{note}", one.n, one.statement, f"{mark}{verdict_words(one)}{mark}"]
        lines.append(f"| {' | '.join(map(cell, cells))} |")
    return lines


if __name__ == "__main__":
    main()

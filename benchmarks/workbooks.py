"""How fast a large workbook is read, beside python-calamine alone.

    python benchmarks/workbooks.py [--rows 100000] [--columns 30]

Writes an .xlsx of numbers (two thirds of them floats of full precision) and words with XlsxWriter, and reads it in turns:
calamine into Python lists, and sdl into the cells of a table, as text. Wall time on all cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import python_calamine
import xlsxwriter

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.formats import read_cells

TURNS = 4


def write(path: Path, num_rows: int, num_columns: int) -> None:
    rng = np.random.default_rng(0)
    kinds = [("float", "float", "whole", "float", "float", "word")[number % 6] for number in range(num_columns)]
    made = {"float": lambda: rng.normal(size=num_rows), "whole": lambda: rng.integers(0, 1000, num_rows)}
    columns = [
        made[kind]().tolist() if kind in made else rng.choice(["red", "green", "blue"], num_rows).tolist() for kind in kinds
    ]
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet("data")
    sheet.write_row(0, 0, [f"{kind}{number}" for number, kind in enumerate(kinds)])
    for number, row in enumerate(zip(*columns, strict=True), 1):
        sheet.write_row(number, 0, row)
    book.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.xlsx"
        write(path, given.rows, given.columns)
        readers: dict[str, Callable[[], object]] = {
            "calamine": lambda: python_calamine.load_workbook(str(path)).get_sheet_by_name("data").to_python(),
            "sdl": lambda: read_cells(path, Asked()),
        }
        ratios = []
        for _ in range(TURNS):
            seconds = {}
            for name, read in readers.items():
                start = time.perf_counter()
                read()
                seconds[name] = time.perf_counter() - start
            ratios.append(seconds["sdl"] / seconds["calamine"])
            print(f"calamine {seconds['calamine']:.2f} s, sdl {seconds['sdl']:.2f} s, ratio {ratios[-1]:.2f}", flush=True)
        print(f"median ratio {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()

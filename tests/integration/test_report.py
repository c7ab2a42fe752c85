"""`sdl report` as people meet it: from the command line to a page in Chromium, on a phone and on a desktop, in light and dark."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration import browser
from integration.conftest import BASELINE, Sdl
from PIL import Image
from unit.report import made

from sdl_cli.report.html.write import write_report

VIEWS = ((390, False), (1280, True))  # width in px, and whether it is dark
OVERFLOW = """(() => {
  const wide = document.documentElement.clientWidth;
  const inScroll = element => element.closest('.scroll, pre, svg, details');
  const out = [...document.body.querySelectorAll('*')].filter(e => !inScroll(e) && e.getBoundingClientRect().right > wide + 1);
  return {page: document.documentElement.scrollWidth - wide, out: out.map(e => e.outerHTML.slice(0, 80))};
})()"""
needs_chromium = pytest.mark.skipif(browser.program() is None, reason="needs Chromium, which is not installed here")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[str]]]:
    """A report of each kind, with names in the data that are written to break out of it: the file, and its sections."""
    root = tmp_path_factory.mktemp("reports")
    made.train(root / "run", made.hostile_table(root / "rows.csv"))
    made.write_sweep(
        root / "sweep",
        [([f"loss={loss}", f"seed={s}"], made.metrics_of(0.9 + s / 50, 0.9)) for loss in made.HOSTILE for s in range(2)],
        [(["loss=a", "seed=9"], "x" * 3000)],
    )
    values = made.comparison([made.SCRIPT, made.COLUMN, made.STYLE, "baseline", "a_very_long_name_of_a_method_" * 4])
    made.write_comparison(root / "comparison", values)
    shutil.copytree(root / "run", root / "comparison" / "recommended")
    made.write_history(root / "comparison" / "recommended")
    found = {}
    for kind in ("run", "sweep", "comparison"):
        written = write_report(root / kind, root / f"{kind}.html")
        assert written["kind"] == kind
        found[kind] = (root / f"{kind}.html", written["sections"])
    return found


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Page]:
    with browser.browser() as tab:
        yield tab


def inks(png: bytes) -> int:
    """How many colours there are in a picture."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    return len(np.unique(pixels // 16, axis=0))


@needs_chromium
@pytest.mark.parametrize("kind", ["run", "sweep", "comparison"])
def test_a_report_in_chromium(kind: str, pages: dict[str, tuple[Path, list[str]]], page: browser.Page) -> None:
    file, sections = pages[kind]
    backgrounds = set()
    for width, dark in VIEWS:
        page.complaints.clear()
        page.requests.clear()
        page.open(file, width, dark=dark)
        assert page.evaluate("innerWidth") == width
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith("data:")] == [file.as_uri()]
        overflow: Any = page.evaluate(OVERFLOW)
        assert overflow == {"page": 0, "out": []}, (width, overflow)
        picture = page.screenshot()
        assert Image.open(io.BytesIO(picture)).size[0] == width
        assert inks(picture) > 8
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    assert page.evaluate("[...document.querySelectorAll('section')].map(s => s.id)") == sections
    assert page.evaluate("[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.getAttribute('href')))")
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("[...document.querySelectorAll('svg')].every(s => s.getBoundingClientRect().height > 40)")
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@needs_chromium
def test_text_in_figures_takes_the_colours_of_the_page(pages: dict[str, tuple[Path, list[str]]], page: browser.Page) -> None:
    for dark in (False, True):
        page.open(pages["comparison"][0], 1280, dark=dark)
        fills = page.evaluate("[...new Set([...document.querySelectorAll('svg text')].map(t => getComputedStyle(t).fill))]")
        ink, muted = (page.evaluate(f"getComputedStyle(document.querySelector('{tag}')).color") for tag in ("body", ".kicker"))
        assert set(fills) <= {ink, muted}, (fills, ink, muted)


@needs_chromium
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_figure_is_saved_by_its_link(
    kind: str, pages: dict[str, tuple[Path, list[str]]], page: browser.Page, tmp_path: Path
) -> None:
    page.open(pages["comparison"][0], 1280)
    page.complaints.clear()
    saved = page.click_to_save(f'a[download$="{kind}"]', 0, tmp_path)
    assert saved.name == f"leaderboard.{kind}" and page.complaints == []
    content = saved.read_bytes()
    assert content.startswith(b"<?xml" if kind == "svg" else b"\x89PNG") and content.rstrip().endswith(
        (b"</svg>", b"IEND\xaeB`\x82")
    )


@needs_chromium
def test_a_table_that_scrolls_shows_so_on_a_phone(pages: dict[str, tuple[Path, list[str]]], page: browser.Page) -> None:
    page.open(pages["comparison"][0], 390)
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    tables = "[...document.querySelectorAll('.scroll')]"
    wide = page.evaluate(f"{tables}.findIndex(s => s.scrollWidth > s.clientWidth + 60)")
    narrow = page.evaluate(f"{tables}.findIndex(s => s.offsetParent && s.scrollWidth <= s.clientWidth)")
    assert wide >= 0 and narrow >= 0
    assert edges(page, narrow, 0) == (False, False)
    assert edges(page, wide, 0) == (False, True)
    assert edges(page, wide, 30) == (True, True)
    assert edges(page, wide, 100_000) == (True, False)


def edges(page: browser.Page, number: int, scrolled_px: int) -> tuple[bool, bool]:
    """Whether there is a shadow at the left and at the right edge of a table."""
    page.evaluate(
        f"(s => {{ s.scrollIntoView({{block: 'center'}}); s.scrollLeft = {scrolled_px}; }})(document.querySelectorAll('.scroll')[{number}])"
    )
    box: Any = page.evaluate(
        f"(b => [b.left, b.top, b.right, b.bottom])(document.querySelectorAll('.scroll')[{number}].getBoundingClientRect())"
    )
    left, top, right, bottom = (round(end) for end in box)
    grey = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L")).astype(int)
    rows = grey[max(0, top) : min(bottom, len(grey))]
    paper = int(np.median(grey))
    # a column of pixels next to the edge: text covers some of it, a shadow nearly all of it
    return tuple(bool(np.median(paper - rows[:, place]) > 8) for place in (left + 1, right - 2))  # type: ignore[return-value]


@needs_chromium
def test_the_browser_would_hear_of_an_error_and_of_what_is_too_wide(tmp_path: Path, page: browser.Page) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(
        "<!doctype html><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<body><div style="width:3000px">wide</div><script>throw new Error("x")</script>'
    )
    page.complaints.clear()
    page.open(broken, 1280)
    assert page.complaints
    overflow: Any = page.evaluate(OVERFLOW)
    assert overflow["page"] > 0 and len(overflow["out"]) == 1


def test_the_command_writes_a_report_and_says_where(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl(f"train dataset=wine {BASELINE} hydra.run.dir=run").code == 0
    plain = sdl("report run -o report.html")
    assert plain.code == 0 and "Report written to report.html" in plain.out
    found = sdl("report run --json").json
    assert (
        found["out"] == "run/report.html"
        and found["kind"] == "run"
        and found["bytes"] == (tmp_path / "run/report.html").stat().st_size
    )
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "sdl train dataset=wine model=baseline model.num_trees=5" in text
    figures = sdl("report run --figures figures")
    assert figures.code == 0 and re.search(r"\d+ files written to figures\.", figures.out)
    files = {file.name for file in (tmp_path / "figures").iterdir()}
    assert {"scores_89mm.svg", "scores_183mm.pdf", "confusion_89mm.png", "methods.txt", "captions.txt"} <= files
    again = sdl("train --resume run --json")
    assert again.code == 0, "the report is no part of the run"


def test_a_sweep_on_the_command_line(sdl: Sdl, tmp_path: Path) -> None:
    sdl(f"train -m dataset=wine {BASELINE} seed=0,1 model.min_leaf_rows=1,5 hydra.sweep.dir=sweep")
    found = sdl("report sweep --json").json
    assert found["kind"] == "sweep" and found["sections"][0] == "leaderboard"
    text = (tmp_path / "sweep" / "report.html").read_text(encoding="utf-8")
    assert "model.min_leaf_rows=5" in text and "would flatter it" in text


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("report nowhere", "nowhere: there is no such run folder."),
        ("report .", "this is not a run folder."),
        ("report", "Missing argument 'RUN'"),
    ],
)
def test_what_it_refuses(sdl: Sdl, command: str, message: str) -> None:
    outcome = sdl(command)
    assert outcome.code == 2 and message in outcome.err and "Traceback" not in outcome.err


def test_data_that_is_gone_leaves_a_sentence_and_a_report(sdl: Sdl, tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["a", "b", "kind"], *([k % 7, k % 5, "odd" if k % 2 else "even"] for k in range(60))])
    assert sdl(f"train dataset=table dataset.path=rows.csv dataset.target=kind {BASELINE} hydra.run.dir=run").code == 0
    (tmp_path / "rows.csv").unlink()
    outcome = sdl("report run --json")
    assert outcome.code == 0 and {"scores", "confusion", "data"} <= set(outcome.json["sections"])
    assert "could not be read again" in " ".join(outcome.err.split())
    assert "could not be read again" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "done"

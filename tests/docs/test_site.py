"""The site is built strictly and without a network, it fetches nothing from elsewhere, and its references are whole."""

from __future__ import annotations

import dataclasses
import fcntl
import html
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from docs.blocks import ROOT

import sdl_cli
from sdl_cli.learning.models.settings import MODELS
from sdl_cli.run.request import TABLES
from sdl_cli.settings.yaml_files import conf_dir

DOCS = ROOT / "docs"
# what a browser loads by itself; a link to click on (<a href>) is none
LOADED = re.compile(r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=\"([^\"]*)\"|<link\b[^>]*\bhref=\"([^\"]*)\"")
BUILD = """
import socket, sys

def refuse(*arguments, **named):
    raise OSError("the site is built without a network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from sphinx.cmd.build import main

sys.exit(main(["-W", "--keep-going", "-q", "-b", "html", "-d", sys.argv[2] + "/doctrees", sys.argv[1], sys.argv[2] + "/html"]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, one for all workers of a test session."""
    pytest.importorskip("sphinx")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "site" / "said.txt").is_file():
            build(shared / "site")
    said = (shared / "site" / "said.txt").read_text(encoding="utf-8")
    assert said == "0\n", said
    return shared / "site" / "html"


def build(place: Path) -> None:
    place.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", BUILD, str(DOCS), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=place)
    (place / "said.txt").write_text(f"{done.returncode}\n{done.stderr}", encoding="utf-8")


def text_of(page: Path) -> str:
    """What a reader sees of a page."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_it_is_built_strictly_and_holds_every_page(site: Path) -> None:
    for source in [*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb")]:
        if "generators" not in source.parts:
            page = site / source.relative_to(DOCS).with_suffix(".html")
            assert page.is_file(), page
            assert "<!-- generated" not in page.read_text(encoding="utf-8"), page


def test_a_browser_loads_nothing_from_other_hosts(site: Path) -> None:
    pages, num = list(site.rglob("*.html")), 0
    for page in pages:
        for found in LOADED.findall(page.read_text(encoding="utf-8")):
            address = "".join(found)
            num += 1
            if not address.startswith("data:"):
                assert "//" not in address, f"{page.name} loads {address}"
                assert (page.parent / address.partition("?")[0].partition("#")[0]).exists(), f"{page.name}: {address}"
    assert num > 10 * len(pages) / 3
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_every_link_inside_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    for page, text in texts.items():
        for link in re.findall(r'<a [^>]*\bhref="([^"]+)"', text):
            path, _, place = html.unescape(link).partition("#")
            if re.match(r"(https?|mailto):", path):
                continue
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{page.name}: {link}"
            if place and target in texts:
                assert f'id="{place}"' in texts[target], f"{page.name}: {link}"


def test_the_configuration_reference_holds_every_setting(site: Path) -> None:
    shown = text_of(site / "SETTINGS.html")
    num = 0
    for group, table in TABLES.items():
        for file in sorted((conf_dir() / group).glob("*.yaml")):
            assert f"{group}={file.stem}" in shown
        for kind in [table] if isinstance(table, type) else table.values():
            for field in dataclasses.fields(kind):
                if field.name != "name":
                    assert f"{group}.{field.name}\n" in shown, f"{group}.{field.name}"
                    num += 1
    assert num > 200
    for key in ("seed", "num_repeats", "curve.level", "compare.margin", "parallel.backend"):
        assert f"{key}\n" in shown
    for file in conf_dir().glob("*.yaml"):
        for key, value in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            if key not in ("defaults", "hydra"):
                for name in [f"{key}.{inner}" for inner in value] if isinstance(value, dict) else [key]:
                    assert f"{name}\n" in shown, f"{file.name}: {name}"
    for file in conf_dir().glob("*/*.yaml"):
        assert f"{file.stem}\n" in shown or f"{file.parent.name}={file.stem}" in shown, file


def test_a_setting_stands_there_with_its_default_its_bounds_and_its_meaning(site: Path) -> None:
    shown = [line for line in text_of(site / "SETTINGS.html").splitlines() if line.strip()]
    rows = [shown[place + 1 : place + 4] for place, line in enumerate(shown) if line == "model.dropout"]
    assert [
        "null",
        "number, from 0 to 1 (excluded), or null",
        "probability of dropping a hidden unit, in [0, 1); null: 0.15 for an mlp, 0 for images and series",
    ] in rows


def test_the_python_reference_names_every_estimator_and_what_a_curve_takes(site: Path) -> None:
    shown = text_of(site / "API.html")
    for name, kind in MODELS.items():
        found = getattr(kind, "estimators", None)
        if found:
            assert f"model={name}\n" in shown and found[1] in shown, name
    for name in getattr(sdl_cli, "__all__", ()):
        assert f"sdl.{name}" in shown or f" {name} " in shown or f"\n{name}\n" in shown or name.startswith("__"), name
    assert "labels_needed(sizes" in shown and "fewer than 3 sizes" in shown


def test_the_search_of_the_site_knows_each_choice_by_its_name(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for title in ("model=deep_net", "augment=strong", "How do I read this verdict?"):
        assert f'"{title}"' in index, title


def test_a_notebook_becomes_a_page_with_the_outputs_that_it_was_saved_with(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("myst_parser")
    monkeypatch.syspath_prepend(str(DOCS / "generators"))
    notebook_pages = importlib.import_module("notebook_pages")
    outputs = [
        {"output_type": "stream", "text": ["0.97\n"]},
        {"output_type": "display_data", "data": {"text/html": ["<table></table>"], "text/plain": ["a frame"]}},
        {"output_type": "display_data", "data": {"image/png": "QUJD\nREVG", "text/plain": ["<Figure>"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# A table\n", "and words"]},
        {"cell_type": "code", "source": ["print(score)"], "outputs": outputs},
        {"cell_type": "code", "source": [""], "outputs": []},
    ]
    fence = "`" * 6
    assert notebook_pages.markdown({"cells": cells}).split("\n\n") == [
        "# A table\nand words",
        f"{fence}python\nprint(score)\n{fence}",
        f"{fence}text\n0.97\n{fence}",
        f'{fence}{{raw}} html\n<div class="output"><table></table></div>\n{fence}',
        f'{fence}{{raw}} html\n<div class="output"><img alt="what this cell draws" src="data:image/png;base64,QUJDREVG"></div>\n{fence}',
    ]

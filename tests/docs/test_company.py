"""What a company or a journal asks for: licence, citation, versions that agree, metadata, and pages that exist."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import yaml

import sdl_cli

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # sha256 of the text as it is published


def test_the_licence_is_the_whole_text() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE
    assert PROJECT["license"] == "Apache-2.0" and PROJECT["license-files"] == ["LICENSE", "NOTICE"]


def test_the_citation_is_valid_and_of_this_version() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    # what the schema of version 1.2.0 requires, and the types of what is given
    assert found["cff-version"] == "1.2.0" and found["type"] in ("software", "dataset")
    assert all(isinstance(found[key], str) and found[key] for key in ("message", "title", "version", "license", "abstract"))
    assert found["authors"] == [{"name": "the sdl developers"}]
    assert set(found) <= {"cff-version", "message", "title", "type", "authors", "version", "license", "abstract", "keywords"}
    assert found["version"] == sdl_cli.__version__ and found["license"] == PROJECT["license"]
    assert [author["name"] for author in PROJECT["authors"]] == ["the sdl developers"]


def test_the_changelog_is_by_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == sdl_cli.__version__
    assert headings == sorted(headings, key=lambda version: [int(part) for part in version.split(".")], reverse=True)


def test_notice_names_every_file_of_others_and_every_kind_of_weights() -> None:
    text = (ROOT / "NOTICE").read_text(encoding="utf-8")
    weights = [file.relative_to(ROOT).as_posix() for file in (ROOT / "sdl_cli").rglob("*.safetensors")]
    assert weights and all(name in text for name in weights)
    for name in ("torchvision", "timm", "all-MiniLM-L6-v2", "TabICL", "TabPFN", "LCDB 1.1", "CC BY 4.0", "Omniglot", "WordNet"):
        assert name in text


def test_only_what_was_tried_is_claimed() -> None:
    claimed = [name for name in PROJECT["classifiers"] if re.search(r"Python :: 3\.|Operating System", name)]
    assert claimed == ["Operating System :: POSIX :: Linux", "Programming Language :: Python :: 3.11"]
    assert not [name for name in PROJECT["classifiers"] if name.startswith("License ::")], "the licence is an expression"
    assert "urls" not in PROJECT, "no address is named that does not exist"


def test_the_package_is_typed() -> None:
    assert (ROOT / "sdl_cli" / "py.typed").is_file() and "Typing :: Typed" in PROJECT["classifiers"]


def test_links_between_these_pages_lead_somewhere() -> None:
    for page in ("CONTRIBUTING.md", "SECURITY.md", "docs/PAPERS.md", "docs/INSTALL.md"):
        file = ROOT / page
        for link in re.findall(r"\]\((?!https:)([^)#]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
            assert (file.parent / link).exists(), f"{page}: {link}"


def test_the_container_is_small_and_copies_what_the_wheel_needs() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    copied = {
        word.rstrip("/") for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]
    }
    needed = {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], "conf", "sdl_cli"}
    assert needed <= copied and all((ROOT / name).exists() for name in copied)

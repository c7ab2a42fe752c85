"""Photos that Roboflow made several versions of: `cat_jpg.rf.0f3c….jpg` for each, all from one picture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from sdl_cli.phrases import counted, shortened

_VERSION = re.compile(r"(?:.*[/\\])?(?P<source>[^/\\]+)\.rf\.[0-9A-Za-z]{16,}\.\w+")
PATTERN = r"([^/]+)\.rf\."  # a group of image_folder that keeps versions together


def source_of(name: str) -> str | None:
    """What the picture was called that a photo is a version of; None where its name does not say so."""
    found = _VERSION.fullmatch(name)
    return found["source"] if found else None


def versions_note(names: Iterable[str], setting: str) -> list[str]:
    """A sentence on pictures with several versions, which a random split tears apart; `setting` keeps them together."""
    counts = Counter(source for source in map(source_of, names) if source is not None)
    several = {source: count for source, count in counts.items() if count > 1}
    if not several:
        return []
    source, count = next(iter(several.items()))
    pictures = counted(len(several), "picture stands", "pictures stand")
    example = f"such as {shortened(source)} in {count}"
    return [
        f"{pictures} here in several versions ({example}), as Roboflow's augmentation makes them: versions in the labelled and "
        f"in the test part make the score too good. Keep them together: {setting}"
    ]

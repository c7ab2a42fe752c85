"""Looking into one run: its confusions, probabilities and mistakes, where it looked, and what it relies on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sdl_cli.errors import SdlError
from sdl_cli.phrases import listed, typed_line
from sdl_cli.report.html import (
    attention,
    augmentation,
    confusion,
    generated,
    importance,
    mistakes,
    reduction,
    reliability,
    residuals,
    subnets,
)
from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.section import Section

# what each is called where it cannot be made -> what makes it, in the order of the page
BUILDERS: dict[str, Callable[[OpenedRun], Section | None]] = {
    "confusion matrix": confusion.build,
    "reliability diagram": reliability.build,
    "residuals": residuals.build,
    "worst mistakes": mistakes.build,
    "heat maps": attention.build,
    "augmented rows": augmentation.build,
    "generated images": generated.build,
    "reduced columns": reduction.build,
    "importance of columns": importance.build,
    "sub-nets": subnets.build,
}


# those that look at predictions alone, which a comparison has of all its splits
OF_PREDICTIONS = ("confusion matrix", "reliability diagram", "residuals", "worst mistakes")


def sections(
    folder: Path,
    trust: bool = False,
    notice: Callable[[str], None] = lambda sentence: None,
    whole: OpenedRun | None = None,
    told: Sequence[str] = ("", ""),
) -> list[Section]:
    """What a report shows of the model of one finished run.

    A section that does not suit the run is left out silently; one that cannot be made, because the data has changed, say, or the
    model cannot be loaded, is left out with a sentence to `notice` for each reason, and stops no other.

    Arguments:
        folder, trust: of a single run, one split; as for `sdl evaluate`.
        whole: the same method over all splits of a comparison, for the sections that need only predictions.
        told: how the sections of `folder` start, and those of `whole`.
    """
    try:
        run = OpenedRun(folder, trust, notice)
    except SdlError as error:
        notice(f"The report cannot look inside this run. {error.message}")
        return []
    found: list[Section] = []
    left_out: dict[str, list[str]] = {}
    for name, build in BUILDERS.items():
        try:
            pooled = whole is not None and name in OF_PREDICTIONS
            section = build(whole if whole is not None and pooled else run)
        except SdlError as error:
            left_out.setdefault(" ".join(filter(None, (error.message, error.hint))), []).append(name)
        except Exception as error:  # a picture less is no reason to have no report
            left_out.setdefault(typed_line(error, 200), []).append(name)
        else:
            if section is not None:
                found.append(replace(section, lead=f"{told[pooled]} {section.lead}".strip()))
    for reason, names in left_out.items():
        notice(f"Left out of the report: {listed(names)}. {reason}")
    return found

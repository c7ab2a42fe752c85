"""The grid of generated images: its pixels, its words, and what it does where images or data are gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sdl_cli.errors import DataError
from sdl_cli.report.html.generated import build, strip


class Gone(SimpleNamespace):
    """A run whose data cannot be read any more."""

    @property
    def dataset(self) -> Any:
        raise DataError("The data set has changed since this run.")


def opened(kind: type = SimpleNamespace, num_classes: int = 2, **more: Any) -> Any:
    generated = {"generated": 0.1, "real": 0.4, "ratio": 0.25, "least_ratio": 0.2, "least_class": 0, "num_images": 9}
    model = SimpleNamespace(generated_=np.zeros((num_classes, 3, 1, 4, 4), np.uint8), classes_=np.arange(num_classes))
    y = np.repeat(np.arange(num_classes), 2)
    known = {"dataset": SimpleNamespace(X=np.zeros((len(y), 1, 4, 4), np.uint8), y=y)} if kind is SimpleNamespace else {}
    return kind(
        result=SimpleNamespace(generated=generated | more),
        model=model,
        inputs={"classes": [f"<b>{k}" for k in range(num_classes)]},
        parts=SimpleNamespace(labelled=np.arange(len(y))),
        stored=SimpleNamespace(folder="run"),
        **known,
    )


def test_images_stand_beside_each_other_with_a_gap() -> None:
    images = np.stack([np.full((3, 2, 2), value, np.uint8) for value in (1, 2, 3)])
    assert strip(images)[0].tolist() == [[1, 1, 255, 2, 2, 255, 3, 3]] * 2
    assert strip(images[:, :2]).shape == (1, 2, 8)  # of two channels, the first


def test_each_class_has_its_generated_and_its_labelled_images() -> None:
    section = build(opened())
    assert section is not None and section.body.count("<img") == 4
    for name in ("&lt;b&gt;0, generated", "&lt;b&gt;1, labelled"):
        assert name in section.body
    assert "<b>" not in section.body
    assert "25 % of what two labelled ones do" in section.lead and "20 % in the class" in section.lead
    assert "repeats itself" in section.lead
    assert "repeats itself" not in build(opened(ratio=0.6)).lead  # type: ignore[union-attr]
    assert "do not differ" in build(opened(ratio=None, least_ratio=None)).lead  # type: ignore[union-attr]


def test_many_classes_are_cut_and_counted() -> None:
    section = build(opened(num_classes=23))
    assert section is not None and section.body.count("<img") == 40 and "3 more classes not shown" in section.body


def test_without_the_data_the_generated_ones_are_still_shown() -> None:
    section = build(opened(Gone))
    assert section is not None and section.body.count("<img") == 2 and "cannot be shown" in section.body


def test_a_run_without_a_generator_has_none_and_lost_images_are_said() -> None:
    run = opened()
    run.model.generated_ = None
    with pytest.raises(DataError, match="missing"):
        build(run)
    run.result.generated = None
    assert build(run) is None

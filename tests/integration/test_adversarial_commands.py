"""A classifier that learns from generated images too, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from integration.conftest import Sdl
from unit.learning.models.adversarial.test_adversarial import images

SMALL = "model=adversarial model.width=4 model.generator_width=2 model.noise_size=4 training.epochs=2 training.batch_size=8"
TRAIN = f"train {SMALL} dataset=npz dataset.path=images.npz hydra.run.dir=run"


@pytest.fixture
def small_images(tmp_path: Path) -> Callable[..., None]:
    """Write images.npz into the test's folder, of so many labelled images a class, with a test part."""

    def write(per_class: int = 8) -> None:
        X, y = images(per_class)
        X_test, y_test = images(6)
        np.savez(tmp_path / "images.npz", x_train=X, y_train=y, x_test=X_test, y_test=y_test)

    return write


def test_a_run_is_trained_scored_reported_exported_and_predicts(
    sdl: Sdl, tmp_path: Path, small_images: Callable[..., None]
) -> None:
    small_images()
    found = sdl(f"{TRAIN} augment=flip_crop --json")
    assert found.code == 0, found.err
    generated = found.json["generated"]
    assert generated["ratio"] == pytest.approx(generated["generated"] / generated["real"]) and generated["num_images"] == 8
    assert any("Generated images of a class differ by" in note for note in found.json["notes"])
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["generated"] == generated
    assert sdl("evaluate run --json").json["reproduced"] is True
    predicted = sdl("predict run images.npz -o named.csv --json")
    assert predicted.code == 0 and predicted.json["rows"] == 18
    report = sdl("report run")
    assert report.code == 0 and "Left out" not in report.err, report.err
    page = (tmp_path / "run" / "report.html").read_text()
    part = page[page.index('id="generated"') :]
    for name in ("dark", "left", "top"):
        assert f"{name}, generated" in part and f"{name}, labelled" in part
    assert f"Two of a class differ by {100 * generated['ratio']:.0f} % of what two labelled ones do" in page.replace("\xa0", " ")


def test_it_is_compared_where_it_is_named(sdl: Sdl, small_images: Callable[..., None]) -> None:
    small_images(12)
    options = "compare.num_repeats=2 compare.num_candidates=1 compare.curve=false compare.baseline=null parallel.num_jobs=1"
    settings = "model.width=4 model.generator_width=2 model.noise_size=4"
    arms = f'["adversarial {settings}","adversarial {settings} model.generate=false"]'
    found = sdl(f"compare dataset=npz dataset.path=images.npz {options} training.epochs=1 --json", f"compare.arms={arms}")
    assert found.code == 0, found.err
    assert len(found.json["arms"]) == 2


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train model=adversarial dataset=wine", ["adversarial takes images", "wine is a table"]),
        ("train model=adversarial dataset=text dataset.path=mail.csv", ["adversarial takes images", "made of texts"]),
        ("train model=adversarial dataset=npz dataset.path=numbers.npz", ["this target is a number", "model=deep_net"]),
        (f"{TRAIN} loss=cosine", ["loss: cosine", "loss=cross_entropy"]),
        (
            f"{TRAIN} dataset.num_per_class=4",
            ["images of each class from at least 5 labelled ones", "dark (4)", "model.generate=false"],
        ),
        ("train model=adversarial dataset=npz dataset.path=large.npz", ["at most 128 px", "have 130", "dataset.size_px=32"]),
        ("train model=adversarial augment=noise dataset=digits", ["augment: noise works on tables"]),
        ("train model=adversarial model.norm=layer", ["model.norm:", "weight, batch"]),
        ("train model=adversarial model.widht=3", ["model.widht", "Did you mean model.width?"]),
        ("train model=adversarial model.width=0", ["model.width: 0 is out of range", "from 1 to 1024"]),
        ("train model=adversarial model.generated_weight=11", ["model.generated_weight:", "from 0 to 10"]),
        ("train model=adversarial model.dropout=1", ["model.dropout:", "from 0 to 1 (excluded)"]),
    ],
)
def test_mistakes_are_named(sdl: Sdl, tmp_path: Path, small_images: Callable[..., None], command: str, words: list[str]) -> None:
    small_images()
    (tmp_path / "mail.csv").write_text("text,label\n" + "free money now,spam\nsee you at noon,ham\n" * 20)
    X = np.zeros((20, 1, 130, 130), np.uint8)
    X[:, 0, 0, 0] = np.arange(20)
    np.savez(tmp_path / "large.npz", X=X, y=np.tile(["a", "b"], 10))
    np.savez(tmp_path / "numbers.npz", X=images(8)[0], y=np.linspace(0, 1, 24))
    found = sdl(command)
    assert found.code == 2, found.err
    told = " ".join(found.err.split())
    assert all(word in told for word in words), found.err
    assert "Traceback" not in found.err and not (tmp_path / "run").exists()


def test_settings_of_a_generator_that_is_not_there_are_said(sdl: Sdl, small_images: Callable[..., None]) -> None:
    small_images()
    found = sdl(f"{TRAIN} model.generate=false --json")
    assert found.code == 0 and found.json["generated"] is None
    assert any("model.generate=false trains no generator" in note for note in found.json["notes"])
    assert sdl("report run --json").code == 0

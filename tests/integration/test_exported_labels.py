"""The export of a labelling tool from the command line: checked, trained on, and new photos predicted by the run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from integration.conftest import BASELINE, Sdl
from PIL import Image
from unit.data.exports.exported import coco, cvat, table, written


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def made(folder: Path, num: int = 24) -> tuple[list[str], list[str]]:
    """Dark and light photos: their names and what they are."""
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True)
    for i in range(num):
        pixels = rng.integers(100 * (i % 2), 100 * (i % 2) + 90, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return [f"{i}.png" for i in range(num)], [["dark", "light"][i % 2] for i in range(num)]


def test_an_export_and_a_table_give_the_same_run(sdl: Sdl, tmp_path: Path) -> None:
    names, kinds = made(tmp_path / "set" / "images")
    export = written(tmp_path / "set" / "result.json", coco([*names, "more.png"], [*([kind] for kind in kinds), []]))
    written(tmp_path / "t.csv", table([("file", "kind"), *zip(names, kinds, strict=True)]))
    one = sdl(f"train set {BASELINE} --json hydra.run.dir=a")
    two = sdl(f"train dataset=image_table dataset.path=t.csv dataset.root=set/images {BASELINE} --json hydra.run.dir=b")
    assert one.json["metrics"] == two.json["metrics"]
    told = " ".join(one.err.split())
    assert "set is read as a table of photos (dataset=image_table)." in told
    assert "read as an export of COCO: 25 images, the target is category." in told
    assert "1 of 25 images has no category and was left out." in told
    for run in "ab":
        assert sdl(f"predict {run} set/images -o {run}.csv").code == 0
    assert rows_of(tmp_path / "a.csv") == rows_of(tmp_path / "b.csv") and len(rows_of(tmp_path / "a.csv")) == 24
    assert sdl("predict b set/result.json -o c.csv").code == 2
    assert sdl("predict b set/result.json -o c.csv --on-error skip").code == 0
    assert rows_of(tmp_path / "c.csv")[:3] == [row for n in names[:3] for row in rows_of(tmp_path / "a.csv") if row[0] == n]
    checked = sdl("check", "set/result.json", "--json").json
    assert all(problem["severity"] != "error" for problem in checked["problems"])
    assert sdl(f"evaluate a dataset.path={export}").code == 0
    export.write_text(export.read_text()[:500])
    found = sdl("check set/result.json")
    assert found.code == 2 and "the JSON ends in the middle (line 1, letter 501)" in " ".join(found.err.split())


def test_several_labels_are_asked_about(sdl: Sdl, tmp_path: Path) -> None:
    names, kinds = made(tmp_path / "images")
    inside = [f'<tag label="{kind}"/>' + '<tag label="blurred"/>' * (i == 3) for i, kind in enumerate(kinds)]
    written(tmp_path / "annotations.xml", cvat([(f'name="{n}"', tags) for n, tags in zip(names, inside, strict=True)]))
    command = f"train dataset=image_table dataset.path=annotations.xml {BASELINE} --json"
    found = sdl(command)
    assert (
        found.code == 2
        and "1 of 24 labelled images has several labels of tag: 3.png (light, blurred)" in found.json["error"]["message"]
    )
    assert "dataset.several=drop" in found.json["error"]["hint"]
    config = json.loads(sdl(f"{command} dataset.several=drop").out)["config"]
    assert config["dataset"]["several"] == "drop"
    assert sdl(f"{command} dataset.several=none").code == 2

"""What people do with data of their own, on the command line: what is said aloud, and what is not confused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from integration.conftest import BASELINE, Sdl
from PIL import Image

from sdl_cli.measure import scoring

QUICK = f"{BASELINE} model.kind=logistic"


def flat(text: str) -> str:
    return " ".join(text.split())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def patients(path: Path, num: int = 40, visits: int = 4) -> None:
    """`num` patients with some visits each; the outcome is the patient's, and nothing measured tells it."""
    rng = np.random.default_rng(0)
    lines = ["record,patient,site,value,outcome"]
    for i in range(num * visits):
        patient = i % num
        lines.append(f"{i + 1},p{patient},{patient % 3 + 1},{rng.normal():.3f},{'died' if patient % 4 == 0 else 'lived'}")
    path.write_text("\n".join(lines) + "\n")


def test_a_group_that_was_not_named_is_suspected_and_one_that_was_is_kept_in_evaluation(sdl: Sdl, tmp_path: Path) -> None:
    patients(tmp_path / "p.csv")
    data = "dataset=table dataset.path=p.csv dataset.target=outcome"
    found = sdl(f"train {data} {QUICK} hydra.run.dir=a")
    assert found.code == 0 and "dataset.group=patient" in found.err
    assert "Column record counts the rows" in flat(found.err)
    assert rows_of(tmp_path / "a" / "predictions.csv")[0]["id"].isdigit()  # the records are the ids, not the lines
    found = sdl(f"train {data} dataset.group=patient {QUICK} hydra.run.dir=b")
    assert "dataset.group=patient" not in found.err and "intervals count each row as if it were independent" in flat(found.err)
    stored = json.loads((tmp_path / "b" / "metrics.json").read_text())["metrics"]["test"]
    for more in (data, f"{data} dataset.seed=5"):  # the group is forgotten, the seed another: the stored split counts
        again = sdl(f"evaluate b {more} --json")
        values = json.loads(again.out)
        assert values["data"]["same_test_part"] and values["reproduced"] and values["metrics"]["test"] == stored
        assert "split as it was then" in flat(again.err)
    assert sdl("evaluate b device=cpu").code == 0
    compared = sdl(
        f"compare {data} dataset.group=patient compare.arms=[logistic,majority] compare.baseline=logistic compare.num_repeats=2 "
        "compare.curve=false parallel.backend=threading"
    )
    said = flat(compared.out + compared.err)  # its intervals are over splits
    assert "on which the score rests." in said and "as if it were independent" not in said and "splits about 128 labelled" in said


def test_values_that_a_run_does_not_know_are_counted(sdl: Sdl, tmp_path: Path) -> None:
    patients(tmp_path / "p.csv")
    sdl(f"train dataset=table dataset.path=p.csv dataset.target=outcome dataset.categorical=[site] {QUICK} hydra.run.dir=a")
    rows = rows_of(tmp_path / "p.csv")[:6]
    for name, cell in (("same", "{}.0"), ("other", "9")):  # 1.0 is the site 1, as programs rewrite numbers; 9 is none
        lines = [f"{r['patient']},{cell.format(r['site'])},{r['value']}" for r in rows]
        (tmp_path / f"{name}.csv").write_text("patient,site,value\n" + "\n".join(lines) + "\n")
    same, other = sdl("predict a same.csv -o same_out.csv"), sdl("predict a other.csv -o other_out.csv")
    assert "was not trained on" not in flat(same.err) and "There is no column record: the ids" in flat(same.err)
    assert "Column site: 6 of 6 rows hold a value that the run was not trained on, such as '9'" in flat(other.err)
    stored = sdl("predict a p.csv -o all.csv")
    assert stored.code == 0
    first = [row["prediction"] for row in rows_of(tmp_path / "all.csv")[:6]]
    assert [row["prediction"] for row in rows_of(tmp_path / "same_out.csv")] == first


def test_doubts_about_columns_and_classes_are_said(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = ["when;price;load;kind;y"]
    for i in range(60):
        day = f"{i % 12 + 1:02d}/{i % 11 + 1:02d}/2024"
        lines.append(f"{day};{rng.integers(1000, 9999)},5 EUR;{i % 40},1 kg;{'ab'[i % 2]};{['ill', 'Ill', 'well'][i % 3]}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    found = sdl(f"train dataset=table dataset.path=t.csv dataset.target=y {QUICK}")
    said = flat(found.err)
    assert found.code == 0, said
    assert "Column when: dates such as 01/01/2024 were read as" in said and "the other way round" in said
    assert "Column price holds numbers with a unit or thousands marks" in said
    assert "Column load was read as categories, since its numbers have a unit" in said
    assert "differ only in case or blanks are separate classes: Ill and ill" in said


def test_one_odd_cell_in_a_numeric_target_is_named(sdl: Sdl, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{i * 1.5}\n" for i in range(60)) + "60,n.b.\n")
    for task in ("", "dataset.task=regression"):
        found = sdl(f"train dataset=table dataset.path=t.csv dataset.target=y {task} {QUICK}")
        assert found.code == 2 and "is a number in 60 rows and text in 1, such as 'n.b.'" in flat(found.err)
    settings = "dataset.missing_values=[n.b.] dataset.missing_target=drop model=baseline model.kind=ridge dataset.features=[x]"
    assert sdl(f"train dataset=table dataset.path=t.csv dataset.target=y {settings}").code == 0


def test_balanced_asks_are_judged_by_balanced_accuracy(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    lines = ["a,b,y"] + [
        f"{rng.normal() + (i % 8 == 0):.3f},{rng.normal():.3f},{'rare' if i % 8 == 0 else 'usual'}" for i in range(160)
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = f"train dataset=table dataset.path=t.csv dataset.target=y {QUICK} --json"
    plain = json.loads(sdl(data).out)
    found = sdl(f"{data} threshold=balanced")
    balanced = json.loads(found.out)
    assert (plain["lift"]["metric"], balanced["lift"]["metric"]) == ("accuracy", "balanced_accuracy")
    assert "A row is called rare if its probability is at least 0.125 (" in flat(found.err)
    assert balanced["metrics"]["test"]["balanced_accuracy"]["value"] > plain["metrics"]["test"]["balanced_accuracy"]["value"]
    found = sdl(f"{data} threshold=balanced loss.class_weight=balanced")  # both at once would correct twice
    assert "threshold=balanced has no effect" in flat(found.err)
    both = json.loads(found.out)["metrics"]["test"]["balanced_accuracy"]["value"]
    assert both > plain["metrics"]["test"]["balanced_accuracy"]["value"]


def test_a_balanced_lift_is_the_difference_of_mean_recalls() -> None:
    labels = np.array([0, 0, 0, 1])
    ours, theirs = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 0, 0, 0]]
    found = scoring.paired_lift("classification", labels, ours, theirs, balanced=True)
    assert found.value == pytest.approx((2 / 3 + 1) / 2 - 1 / 2) and found.metric == "balanced_accuracy"


def test_a_table_of_photos_with_a_root_is_predicted_from_elsewhere(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    (tmp_path / "photos").mkdir()
    lines = ["file,split,y"]
    for i in range(24):
        Image.fromarray(rng.integers(100 * (i % 2), 100 * (i % 2) + 90, (16, 16, 3), dtype=np.uint8)).save(
            tmp_path / f"photos/{i}.png"
        )
        lines.append(f"{i}.png,{'test' if i % 4 == 0 else 'train'},{'dark' if i % 2 == 0 else 'light'}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = "dataset=image_table dataset.path=t.csv dataset.target=y dataset.root=photos"
    found = sdl(f"train {data} {QUICK} hydra.run.dir=a")
    assert found.code == 0 and "Column split holds words such as train and test" in flat(found.err)
    assert sdl("predict a t.csv -o p.csv").code == 0 and len(rows_of(tmp_path / "p.csv")) == 24
    (tmp_path / "photos" / "3.png").unlink()
    assert "Training will be refused" not in (checked := sdl(f"check {data}")).out and "have no image" in flat(checked.out)


def test_numbers_far_outside_what_a_run_learned_from_are_counted(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        f"{a:.2f},{b},{'red' if b else 'blue'},{'xy'[int(a > 1.7)]}"
        for a, b in zip(rng.uniform(1.5, 2, 60), [0, 1] * 30, strict=True)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["height,smokes,colour,y", *lines]) + "\n")
    assert sdl(f"train dataset=table dataset.path=t.csv dataset.target=y {QUICK} hydra.run.dir=a").code == 0
    low, high = json.loads((tmp_path / "a" / "model.json").read_text())["inputs"]["ranges"][0]
    assert 1.5 <= low < 1.6 and 1.9 < high <= 2
    assert "far outside" not in flat(sdl("predict a t.csv -o same.csv").err)
    new = ["height,smokes,colour", "172.5,0,red", "1.8,1,red", "181,0,green", ",1,blue", f"{high + (high - low) - 0.01},1,blue"]
    (tmp_path / "new.csv").write_text("\n".join(new) + "\n")
    told = flat(sdl("predict a new.csv -o new_out.csv").err)
    assert f"Column height: 2 of 5 rows hold a number far outside what the run learned from, {low:.6g} to {high:.6g}" in told
    assert "such as 172.5. Are the units the same?" in told and "Column smokes: " not in told and told.count("far outside") == 1


def test_texts_are_named_by_their_own_ids(sdl: Sdl, tmp_path: Path) -> None:
    words = {"pets": "cat dog bird fish", "cars": "wheel brake road engine"}
    lines = ["key,question,topic"]
    for i in range(40):
        topic = ["pets", "cars"][i % 2]
        lines.append(f"k{i},what about the {words[topic].split()[i % 4]} number {i},{topic}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert sdl(f"train dataset=text dataset.path=t.csv dataset.target=topic dataset.id=key {QUICK} hydra.run.dir=a").code == 0
    assert sdl("predict a t.csv -o p.csv").code == 0
    assert [row["id"] for row in rows_of(tmp_path / "p.csv")] == [f"k{i}" for i in range(40)]
    (tmp_path / "bare.csv").write_text("question\nthe cat and the dog\n")
    found = sdl("predict a bare.csv -o q.csv")
    assert "There is no column key" in flat(found.err) and rows_of(tmp_path / "q.csv")[0]["prediction"] == "pets"


def test_a_file_alone_is_told_how_to_be_named(sdl: Sdl, tmp_path: Path) -> None:
    patients(tmp_path / "p.csv")
    found = sdl("check p.csv")
    assert found.code == 2 and "p.csv is read as a table (dataset=table)." in flat(found.err)
    assert "dataset.target: which column of" in flat(found.err)
    found = sdl("train dataset=table dataset.path=p.csv dataset.target=outcome dataset.drop=[outcome]")
    assert found.code == 2 and "dataset.drop: outcome is the target" in flat(found.err)


def test_a_few_cells_that_are_no_numbers_are_named_with_the_setting_that_reads_them(sdl: Sdl, tmp_path: Path) -> None:
    """Not `numbers with a unit`: the column is numbers but for a word."""
    lines = ["age,cost,outcome"]
    lines += [
        f"{20 + k % 30 if k != 17 else 'n/k'},{1000 + 7 * k if k != 30 else 'unknown'},{'yn'[k * 7 % 3 // 2]}" for k in range(120)
    ]
    (tmp_path / "odd.csv").write_text("\n".join(lines) + "\n")
    said = flat(sdl("check odd.csv target=outcome").out)
    assert "Column age was read as categories, since 1 of its cells is not a number, such as 'n/k' in line 19" in said
    assert "'dataset.missing_values=[n/k]'" in said
    assert "Column cost holds 1 cell that is not a number among numbers, such as 'unknown'" in said
    assert "where that means missing: 'dataset.missing_values=[unknown]'" in said and "unit or thousands" not in said
    said = flat(sdl("check odd.csv target=outcome", "dataset.missing_values=[n/k,unknown]").out)
    assert "120 rows of 2 features" in said and "was read as categories" not in said and "left out" not in said


@pytest.mark.parametrize(
    ("photos", "code", "severities"),
    [
        ("bad_photos", 1, {"refusal", "warning", "note"}),
        ("bad_photos dataset.on_error=skip", 0, {"warning", "note"}),
        ("few_photos", 1, {"refusal", "warning"}),
        ("photos", 0, {"note"}),
    ],
)
def test_a_check_fails_where_training_is_refused(sdl: Sdl, data: Path, photos: str, code: int, severities: set[str]) -> None:
    settings = f"dataset=image_folder dataset.path={data}/{photos} dataset.size_px=8"
    found = sdl(f"check {settings}")
    assert found.code == code and (code == 0) == (sdl(f"train {settings} {QUICK}").code == 0)
    assert ("training will be refused until that is mended" in flat(found.out)) == (code == 1)
    told = sdl(f"check {settings} --json").json
    assert {problem["severity"] for problem in told["problems"]} == severities

"""Exports of labelling tools: every tool's files as it documents them, read as photos with labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.data.exports.exported import (
    LABELS,
    choice,
    coco,
    cvat,
    labelme,
    labels,
    photos,
    read,
    reds,
    region,
    table,
    task,
    via,
    written,
)

from sdl_cli.errors import DataError

COLUMNS = [
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
]


def via_csv(names: list[str], first: str = "filename") -> str:
    rows = [
        (n, 77, json.dumps({"kind": k}), 1, 0, json.dumps({"name": "rect", "x": 1}), json.dumps({"part": "ear"}))
        for n, k in zip(names, LABELS, strict=True)
    ]
    rows.append(
        (names[0], 77, json.dumps({"kind": "cat"}), 1, 1, json.dumps({"name": "rect", "x": 2}), json.dumps({"part": "ear"}))
    )
    return table([[first, *COLUMNS[1:]], *rows])


def via_3(names: list[str]) -> dict[str, Any]:
    attribute = {"1": {"aname": "kind", "anchor_id": "FILE1_Z0_XY0", "type": 4, "options": {"0": "cat", "1": "dog"}}}
    files = {str(i): {"fid": i, "fname": n, "type": 2, "loc": 1, "src": ""} for i, n in enumerate(names, 1)}
    views = {str(i): {"fid_list": [str(i)]} for i in range(1, len(names) + 1)}
    metadata = {
        f"{i}_ab": {"vid": str(i), "flg": 0, "z": [], "xy": [], "av": {"1": "01"[(i - 1) % 2]}} for i in range(1, len(names) + 1)
    }
    project = {"pid": "__VIA_PROJECT_ID__", "rev": "x", "vid_list": list(views)}
    return {"project": project, "config": {}, "attribute": attribute, "file": files, "metadata": metadata, "view": views}


def via_3_csv(names: list[str]) -> str:
    attribute = {"1": {"aname": "kind", "anchor_id": "FILE1_Z0_XY0", "type": 3, "options": {"0": "cat", "1": "dog"}}}
    rows = [(f"1_{i}", json.dumps([n]), 0, "[]", "[2,1,1,4,3]", json.dumps({"1": "01"[i % 2]})) for i, n in enumerate(names)]
    lines = ["# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)", "# Notes:"]
    lines += [f"# ATTRIBUTE = {json.dumps(attribute)}"]
    lines += ["# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata"]
    return "\n".join(lines) + "\n" + table(rows, quote_all=True)


def records(names: list[str]) -> list[dict[str, Any]]:
    """JSON-MIN of Label Studio."""
    own = {"annotator": 1, "annotation_id": 5, "created_at": "2024-01-01T00:00:00Z", "updated_at": "x", "lead_time": 3.5}
    return [{"image": n, "id": i, "choice": k, **own} for i, (n, k) in enumerate(zip(names, LABELS, strict=True))]


def studio_csv(rows: list[dict[str, Any]]) -> str:
    names = sorted({key for row in rows for key in row})
    return table([names, *([row.get(name) for name in names] for row in rows)], quote_all=True)


def classes_csv(names: list[str], words: list[str]) -> str:
    every = sorted(set(words))
    head = ", ".join(["filename", *every])
    return (
        "\n".join([head, *(f"{n}, {', '.join(str(int(w == k)) for k in every)}" for n, w in zip(names, words, strict=True))])
        + "\n"
    )


def of(tool: str, names: list[str]) -> tuple[str, Any]:
    """A file's name and what it holds: photos 0, 2 and 4 are cats, 1, 3 and 5 dogs."""
    kinds = [{"kind": k} for k in LABELS]
    boxes = [[region("kind", k), region("kind", k)] for k in LABELS]
    tags = [(f'name="{n}"', f'<tag label="{k}" source="manual"></tag>') for n, k in zip(names, LABELS, strict=True)]
    shapes = [
        (f'name="{n}"', f'<box label="{k}" occluded="0" xtl="1" ytl="1" xbr="4" ybr="4" z_order="0"></box>')
        for n, k in zip(names, LABELS, strict=True)
    ]
    single = [[k] for k in LABELS]
    results = [choice(k) for k in LABELS]
    box = {"x": 1, "y": 1, "width": 20, "height": 20, "rotation": 0}
    rectangles = [
        {"id": "r", "from_name": "box", "to_name": "image", "type": "rectanglelabels", "value": box | {"rectanglelabels": [k]}}
        for k in LABELS
    ]
    files: dict[str, tuple[str, Any]] = {
        "VIA, file attributes": ("via.json", via(names, kinds)),
        "VIA, regions": ("via.json", via(names, [{}] * 6, boxes)),
        "VIA, regions of version 1": ("via.json", via(names, [{}] * 6, [dict(enumerate(b)) for b in boxes])),
        "VIA, project": ("p.json", {"_via_settings": {}, "_via_img_metadata": via(names, kinds), "_via_attributes": {}}),
        "VIA, ticked boxes": ("via.json", via(names, [{"kind": {k: True}} for k in LABELS])),
        "VIA, CSV": ("via.csv", via_csv(names)),
        "VIA, CSV of version 1": ("via.csv", via_csv(names, "#filename")),
        "VIA, project of version 3": ("via.json", via_3(names)),
        "VIA, CSV of version 3": ("via.csv", via_3_csv(names)),
        "COCO, boxes": ("result.json", coco(names, [[k, k] for k in LABELS])),
        "COCO, images": ("result.json", coco(names, single, boxes=False)),
        "Label Studio, tasks": ("ls.json", [task(i, n, [r]) for i, (n, r) in enumerate(zip(names, results, strict=True))]),
        "Label Studio, boxes": ("ls.json", [task(i, n, [r, r]) for i, (n, r) in enumerate(zip(names, rectangles, strict=True))]),
        "Label Studio, JSON-MIN": ("ls.json", records(names)),
        "Label Studio, CSV": ("ls.csv", studio_csv(records(names))),
        "Roboflow, _classes.csv": ("_classes.csv", classes_csv(names, LABELS)),
        "CVAT, tags": ("annotations.xml", cvat(tags)),
        "CVAT, boxes": ("annotations.xml", cvat(shapes)),
    }
    return files[tool]


TOOLS = [
    *("VIA, file attributes", "VIA, regions", "VIA, regions of version 1", "VIA, project", "VIA, ticked boxes", "VIA, CSV"),
    *("VIA, CSV of version 1", "VIA, project of version 3", "VIA, CSV of version 3", "COCO, boxes", "COCO, images"),
    *("Label Studio, tasks", "Label Studio, boxes", "Label Studio, JSON-MIN", "Label Studio, CSV", "Roboflow, _classes.csv"),
    *("CVAT, tags", "CVAT, boxes"),
]


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_gives_the_same_photos_and_labels(tool: str, tmp_path: Path) -> None:
    names = photos(tmp_path)
    path = written(tmp_path / of(tool, names)[0], of(tool, names)[1])
    data = read(path, target="kind") if tool.startswith("VIA, CSV") else read(path)
    assert (data.task, data.modality, data.classes) == ("classification", "image", ("cat", "dog"))
    assert labels(data) == LABELS and reds(data) == list(range(6)) and data.ids.tolist() == names
    assert data.part is None and len(data.notes) == 1
    assert f"is read as an export of {tool.partition(',')[0]}: 6 images" in data.notes[0]
    assert data.source["export"] == tool.partition(",")[0]


def test_a_folder_of_labelme_files(tmp_path: Path) -> None:
    names = photos(tmp_path)
    for name, word in zip(names, LABELS, strict=True):
        written(tmp_path / f"{name[0]}.json", labelme(name, [word, word]))
    written(tmp_path / "other.json", {"a": 1})
    data = read(tmp_path)
    assert labels(data) == LABELS and reds(data) == list(range(6))
    assert "read as an export of LabelMe: 6 images, the target is label." in data.notes[0]
    with pytest.raises(DataError, match="has one value only, 'cat'"):
        read(tmp_path / "0.json")


def test_flags_of_labelme(tmp_path: Path) -> None:
    names = photos(tmp_path)
    for i, (name, word) in enumerate(zip(names, LABELS, strict=True)):
        flags = {"cat": word == "cat", "dog": word == "dog", "blurred": i == 0}
        written(tmp_path / f"{name[0]}.json", labelme(name, [], flags))
    with pytest.raises(
        DataError, match=r"\(LabelMe\): 1 of 6 labelled images has several labels of flags: 0.png \(cat, blurred\)"
    ):
        read(tmp_path)
    assert labels(read(tmp_path, target="cat")) == ["true", "false"] * 3
    assert labels(read(tmp_path, several="first")) == LABELS


def test_one_flag_alone_says_yes_or_no(tmp_path: Path) -> None:
    for i, name in enumerate(photos(tmp_path)):
        written(tmp_path / f"{name[0]}.json", labelme(name, [], {"defect": i < 2}))
    data = read(tmp_path)
    assert labels(data) == ["true"] * 2 + ["false"] * 4 and "the target is defect" in data.notes[0]


def test_one_class_of_roboflow_says_yes_or_no(tmp_path: Path) -> None:
    names = photos(tmp_path)
    lines = ["filename, defect", *(f"{name}, {int(i < 2)}" for i, name in enumerate(names))]
    data = read(written(tmp_path / "_classes.csv", "\n".join(lines)))
    assert labels(data) == ["1"] * 2 + ["0"] * 4
    three = written(tmp_path / "a.csv", classes_csv(names, ["cat", "dog", "ant"] * 2))
    assert labels(read(three)) == ["cat", "dog", "ant"] * 2 and labels(read(three, target="dog")) == ["0", "1", "0"] * 2


def test_parts_of_roboflow(tmp_path: Path) -> None:
    kinds = ["cat", "dog", "cat", "dog"]
    for part in ("train", "valid", "test"):
        names = photos(tmp_path / part, 4)
        written(tmp_path / part / "_classes.csv", classes_csv(names, kinds))
        written(tmp_path / part / "_annotations.coco.json", coco(names, [[k] for k in kinds]))
    written(tmp_path / "README.roboflow.txt", "x")
    with pytest.raises(DataError, match="exports of several tools: COCO .*, Roboflow"):
        read(tmp_path)
    for kind in ("_classes.csv", "_annotations.coco.json"):
        other = {"_classes.csv": "_annotations.coco.json"}.get(kind, "_classes.csv")
        for part in ("train", "valid", "test"):
            (tmp_path / part / other).rename(tmp_path / part / "away.txt")
        data = read(tmp_path)
        assert labels(data) == kinds * 3
        assert data.part.tolist() == [p for p in ("test", "train", "validation") for _ in range(4)]
        assert data.ids.tolist()[4] == "train/0.png"
        assert "The parts are those of the export: train 4, validation 4 and test 4." in data.notes
        for part in ("train", "valid", "test"):
            (tmp_path / part / "away.txt").rename(tmp_path / part / other)


def test_coco_files_for_each_part(tmp_path: Path) -> None:
    for part, year in (("train", "2017"), ("val", "2017")):
        names = photos(tmp_path / f"{part}{year}", 4)
        content = coco(names, [["cat"], ["dog"], ["cat"], ["dog"]])
        written(tmp_path / "annotations" / f"instances_{part}{year}.json", content)
        written(tmp_path / "annotations" / f"captions_{part}{year}.json", content | {"annotations": []})
    data = read(tmp_path)
    assert reds(data) == [0, 1, 2, 3] * 2 and data.part.tolist() == ["train"] * 4 + ["test"] * 4
    assert "There is no test part: the validation part is used" in " ".join(data.notes)
    with pytest.raises(DataError, match="4 of 4 images are missing: 0.png does not exist"):
        read(tmp_path / "annotations" / "instances_train2017.json")
    assert len(read(tmp_path / "annotations" / "instances_train2017.json", root=str(tmp_path / "train2017"))) == 4


def test_an_image_in_two_files(tmp_path: Path) -> None:
    names = photos(tmp_path / "images")
    for part in ("train", "test"):
        written(tmp_path / f"{part}.json", coco(names, [[k] for k in LABELS]))
    data = read(tmp_path)
    assert len(data) == 6 and "6 entries are of an image that stands in the export before, and left out." in data.notes
    written(tmp_path / "train.json", coco(names, [["dog"], ["dog"], ["cat"], ["dog"], ["cat"], ["dog"]]))
    with pytest.raises(DataError, match="0.png is listed twice, as cat and dog"):
        read(tmp_path)


def test_a_project_of_via_knows_its_choices_and_its_folder(tmp_path: Path) -> None:
    names = photos(tmp_path / "photos 1")
    content = {"_via_img_metadata": via(names, [{"kind": k} for k in ["1", "01"] * 3])}
    content["_via_settings"] = {"core": {"default_filepath": "photos 1\\"}}
    content["_via_attributes"] = {"file": {"kind": {"type": "dropdown", "options": {"1": "", "01": ""}}}, "region": {}}
    assert labels(read(written(tmp_path / "p.json", content))) == ["1", "01"] * 3


def test_subsets_of_cvat(tmp_path: Path) -> None:
    names = photos(tmp_path / "images")
    parts = ["Train"] * 4 + ["Test"] * 2
    entries = [(f'name="{n}" subset="{p}"', f'<tag label="{k}"/>') for n, p, k in zip(names, parts, LABELS, strict=True)]
    data = read(written(tmp_path / "annotations.xml", cvat(entries)))
    assert data.part.tolist() == ["train"] * 4 + ["test"] * 2
    entries[0] = ('name="0.png" subset="default"', '<tag label="cat"/>')
    data = read(written(tmp_path / "annotations.xml", cvat(entries)))
    assert data.part is None and "(train 3 and test 2) are not used: 1 image has none" in " ".join(data.notes)


def test_attributes_of_cvat(tmp_path: Path) -> None:
    names = photos(tmp_path / "images")
    inside = [
        f'<tag label="photo"><attribute name="sky">{s}</attribute></tag><box label="car" xtl="1"><attribute name="colour">{c}</attribute></box>'
        for s, c in zip(["blue", "grey"] * 3, ["red", "red", "white"] * 2, strict=True)
    ]
    path = written(tmp_path / "annotations.xml", cvat([(f'name="{n}"', i) for n, i in zip(names, inside, strict=True)]))
    with pytest.raises(DataError, match=r"which column of .*\(CVAT\) is to be predicted\? There are: sky, colour"):
        read(path)
    assert labels(read(path, target="sky")) == ["blue", "grey"] * 3
    assert labels(read(path, target="colour")) == ["red", "red", "white"] * 2


def test_other_labels_are_named_beside_the_target(tmp_path: Path) -> None:
    names = photos(tmp_path)
    inside = [
        f'<tag label="{k}"><attribute name="sky">{s}</attribute></tag>'
        for k, s in zip(LABELS, ["blue", "blue", "grey"] * 2, strict=True)
    ]
    path = written(tmp_path / "a.xml", cvat([(f'name="{n}"', i) for n, i in zip(names, inside, strict=True)]))
    data = read(path)
    assert labels(data) == LABELS and data.notes[0].endswith("6 images, the target is tag (there are also: sky).")
    assert read(path, target="sky").notes[0].endswith("the target is sky.")


def test_attributes_of_images_and_regions_by_one_name(tmp_path: Path) -> None:
    names = photos(tmp_path)
    regions = [[region("kind", k)] for k in reversed(LABELS)]
    path = written(tmp_path / "via.json", via(names, [{"kind": k, "note": ""} for k in LABELS], regions))
    with pytest.raises(DataError, match="There are: image kind, region kind"):
        read(path)
    assert labels(read(path, target="image kind")) == LABELS
    assert labels(read(path, target="region kind")) == LABELS[::-1]


def test_two_questions_of_label_studio(tmp_path: Path) -> None:
    names = photos(tmp_path)
    tasks = [
        task(i, n, [choice(k, "animal"), choice("good" if i < 3 else "bad", "quality")], patient=f"p{i // 2}", note=["x"])
        for i, (n, k) in enumerate(zip(names, LABELS, strict=True))
    ]
    path = written(tmp_path / "ls.json", tasks)
    with pytest.raises(DataError, match="There are: animal, quality"):
        read(path)
    data = read(path, target="quality", group="patient", id="id")
    assert labels(data) == ["good"] * 3 + ["bad"] * 3
    assert data.groups.tolist() == ["p0", "p0", "p1", "p1", "p2", "p2"] and data.ids.tolist() == list("012345")
    with pytest.raises(DataError, match=r"dataset.target: .* has no column 'animl'. Did you mean animal\?"):
        read(path, target="animl")


def test_ratings_are_numbers_if_asked(tmp_path: Path) -> None:
    names = photos(tmp_path)
    rating = [{"from_name": "stars", "to_name": "image", "type": "rating", "value": {"rating": i + 1.5}} for i in range(6)]
    path = written(tmp_path / "ls.json", [task(i, n, [r]) for i, (n, r) in enumerate(zip(names, rating, strict=True))])
    data = read(path)
    assert data.task == "regression" and data.y.tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]


def test_classes_called_by_numbers_stay_classes(tmp_path: Path) -> None:
    names = photos(tmp_path)
    data = read(written(tmp_path / "r.json", coco(names, [["01"], ["1"], ["NA"]] * 2)))
    assert data.classes == ("01", "1", "NA") and labels(data) == ["01", "1", "NA"] * 2


def test_several_choices_and_several_annotators(tmp_path: Path) -> None:
    names = photos(tmp_path)
    tasks = [task(i, n, [choice(k)], [choice(k)]) for i, (n, k) in enumerate(zip(names, LABELS, strict=True))]
    tasks[0] = task(0, names[0], [choice(["dog", "cat"])])
    tasks[1] = task(1, names[1], [choice("cat")], [choice("dog")])
    tasks[2]["annotations"][0] |= {"was_cancelled": True, "result": [choice("dog")]}
    rows = [*records(names), records(names)[1] | {"choice": "cat"}]
    rows[0]["choice"] = json.dumps({"choices": ["dog", "cat"]})
    for path in (written(tmp_path / "ls.json", tasks), written(tmp_path / "ls.csv", studio_csv(rows))):
        with pytest.raises(
            DataError, match=r"2 of 6 labelled images have several labels of choice: 0.png \(dog, cat\), 1.png"
        ) as e:
            read(path)
        assert "dataset.several=first" in e.value.hint and "dataset.several=drop" in e.value.hint
        data = read(path, several="drop")
        assert labels(data) == LABELS[2:] and any("they were left out: 0.png (dog, cat)" in note for note in data.notes)
        assert labels(read(path, several="first"))[0] == "dog"


def test_the_first_label_is_the_oldest_in_each_file_of_label_studio(tmp_path: Path) -> None:
    names = photos(tmp_path)
    tasks = [task(i, n, [choice(k)], [choice("bird")]) for i, (n, k) in enumerate(zip(names, LABELS, strict=True))]
    rows = [row for old in records(names) for row in (old | {"choice": "bird", "created_at": "2024-05-01T00:00:00Z"}, old)]
    for entry in tasks:
        entry["annotations"][0]["created_at"], entry["annotations"][1]["created_at"] = (
            "2024-01-01T00:00:00Z",
            "2024-05-01T00:00:00Z",
        )
        entry["annotations"].reverse()
    for name, content in (("a.json", tasks), ("b.json", rows), ("c.csv", studio_csv(rows))):
        data = read(written(tmp_path / name, content), several="first")
        assert labels(data) == LABELS and data.ids.tolist() == names


def test_boxes_of_label_studio_in_csv(tmp_path: Path) -> None:
    rows = records(photos(tmp_path))
    for row in rows:
        row["box"] = json.dumps(
            [{"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": [row.pop("choice")], "original_width": 10}]
        )
    rows[5]["box"] = json.dumps([{"x": 1, "y": 2, "width": 3, "height": 4, "original_width": 10}])
    data = read(written(tmp_path / "ls.csv", studio_csv(rows)))
    assert labels(data) == LABELS[:5]
    assert "1 box or other shape has no label." in data.notes
    assert "1 of 6 images has no box and was left out." in data.notes


def test_images_without_labels_are_left_out_and_counted(tmp_path: Path) -> None:
    names = [*photos(tmp_path), "gone.png", "7.png"]
    content = coco(names, [*([k] for k in LABELS), [], []])
    content["annotations"].append({"id": 99, "image_id": 7, "bbox": [1, 1, 2, 2], "iscrowd": 0})
    data = read(written(tmp_path / "result.json", content))
    assert labels(data) == LABELS
    assert "2 of 8 images have no category and were left out." in data.notes
    assert "1 box or other shape has no label." in data.notes


def test_an_image_listed_twice(tmp_path: Path) -> None:
    names = photos(tmp_path)
    data = read(written(tmp_path / "r.json", coco([*names, "./0.png"], [*([k] for k in LABELS), ["cat"]])))
    assert labels(data) == LABELS
    assert "1 entry is of an image that is listed before; the labels of both were joined." in data.notes
    with pytest.raises(DataError, match=r"1 of 6 labelled images has several labels of category: 0.png \(cat, dog\)"):
        read(written(tmp_path / "r.json", coco([*names, "./0.png"], [*([k] for k in LABELS), ["dog"]])))

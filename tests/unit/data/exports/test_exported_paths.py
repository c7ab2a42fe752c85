"""Where the photos of an export are: paths of servers and other machines, below one folder and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from unit.data.exports.exported import LABELS, choice, coco, cvat, labelme, labels, photos, read, reds, task, via, written

from sdl_cli.data import load
from sdl_cli.data.exports import is_export
from sdl_cli.data.sources.image_folder import ImageFolder
from sdl_cli.data.sources.image_table import ImageTable, iter_image_table, list_photos
from sdl_cli.errors import DataError

SINGLE = [[k] for k in LABELS]
BARE = {"size_px": 8, "channels": "rgb", "interpolation": "bilinear"}


def studio(path: Path, images: list[str]) -> Path:
    return written(path, [task(i, n, [choice(k)]) for i, (n, k) in enumerate(zip(images, LABELS, strict=True))])


@pytest.mark.parametrize(
    "pattern",
    [
        "/data/upload/3/0a1b2c3d-{}.png",
        "/data/upload/3/0a1b2c3d-my%20{}.png",
        "/data/local-files/?d=photos/my%20{}.png",
        "/data/local-files/?d=C%3A%5Cphotos%5Cmy%20{}.png",
        "https://example.org/a/my%20{}.png",
        "s3://bucket/a/my {}.png",
        "C:\\Users\\me\\my {}.png",
        "images\\my {}.png",
        "/home/someone/else/my {}.png",
        "upload/3/0a1b2c3d-my_{}.png",
    ],
)
def test_paths_of_servers_and_other_machines(tmp_path: Path, pattern: str) -> None:
    plain = photos(tmp_path / "images", names=[f"my {i}.png" for i in range(6)])
    if "-{}" in pattern:
        plain = photos(tmp_path / "images")
    data = read(studio(tmp_path / "ls.json", [pattern.format(i) for i in range(6)]))
    assert reds(data) == list(range(6)) and labels(data) == LABELS and len(plain) == 6
    assert "6 images were found by the end of the path" in " ".join(data.notes) or pattern.startswith("images")


def test_names_that_were_cleaned_when_uploaded(tmp_path: Path) -> None:
    photos(tmp_path, names=[f"IMG ({i}), ü.png" for i in range(6)])
    data = read(studio(tmp_path / "ls.json", [f"/data/upload/1/00c0ffee-IMG_{i}_ü.png" for i in range(6)]))
    assert reds(data) == list(range(6))


def test_a_name_that_truly_begins_like_an_upload_is_taken_as_it_is(tmp_path: Path) -> None:
    photos(tmp_path, names=[*(f"0a1b2c3d-{i}.png" for i in range(6)), *(f"{i}.png" for i in range(5, -1, -1))])
    assert reds(read(studio(tmp_path / "ls.json", [f"0a1b2c3d-{i}.png" for i in range(6)]))) == list(range(6))


def test_two_photos_are_never_taken_for_one_file(tmp_path: Path) -> None:
    photos(tmp_path, 5)
    images = [f"/data/upload/1/0000000{i}-{i % 5}.png" for i in range(6)]  # 0.png was uploaded twice, or there were two
    with pytest.raises(
        DataError, match=r"2 of 6 images are missing: /data/upload/1/00000000-0.png may be the same file as /data"
    ):
        read(studio(tmp_path / "ls.json", images))
    assert reds(read(studio(tmp_path / "ls.json", images), on_error="skip")) == [1, 2, 3, 4]


def test_label_studio_writes_coco_too(tmp_path: Path) -> None:
    photos(tmp_path)
    content = coco([f"../../label-studio/data/media/upload/1/0a1b2c3d-{i}.png" for i in range(6)], SINGLE)
    with pytest.raises(DataError, match="6 of 6 images are missing"):
        read(written(tmp_path / "result.json", content))
    content["info"] = {"year": 2026, "version": "1.0", "description": "", "contributor": "Label Studio", "url": ""}
    assert reds(read(written(tmp_path / "result.json", content))) == list(range(6))


def test_a_path_upwards_starts_where_the_export_lies(tmp_path: Path) -> None:
    names = photos(tmp_path)
    path = written(tmp_path / "r.json", coco(["../0.png", *names[1:], "0.png"], [["cat"], *SINGLE[1:], ["dog"]]))
    with pytest.raises(DataError, match=r"1 of 7 images is missing: \.\./0.png may be the same file as 0.png\."):
        read(path)


def test_whole_paths_inside_of_the_folder(tmp_path: Path) -> None:
    names = photos(tmp_path / "a b")
    data = read(studio(tmp_path / "ls.json", [str(tmp_path / "a b" / name) for name in names]))
    assert reds(data) == list(range(6)) and len(data.notes) == 1


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    names = photos(tmp_path / "photos")
    inside = tmp_path / "labels"
    for pattern in ("../photos/{}", str(tmp_path / "photos") + "/{}", "..\\photos\\{}"):
        path = written(inside / "r.json", coco([pattern.format(n) for n in names], SINGLE))
        with pytest.raises(DataError, match=r"6 of 6 images are missing: .*0.png lies outside of this folder") as caught:
            read(path)
        assert f"looked for in {inside} only" in caught.value.hint and "dataset.root=" in caught.value.hint
        assert reds(read(path, root=str(tmp_path))) == list(range(6))
        assert reds(read(path, root=str(tmp_path / "photos"))) == list(range(6))


def test_labelme_files_beside_a_folder_of_images(tmp_path: Path) -> None:
    for name, word in zip(photos(tmp_path / "images"), LABELS, strict=True):
        written(tmp_path / "labels" / f"{name}.json", labelme(f"..\\images\\{name}", [word]))
    assert reds(read(tmp_path)) == list(range(6))
    with pytest.raises(DataError, match="lies outside of this folder"):
        read(tmp_path / "labels")


def test_photos_that_are_missing(tmp_path: Path) -> None:
    names = photos(tmp_path)
    for i in (1, 4):
        (tmp_path / names[i]).unlink()
    path = written(tmp_path / "r.json", coco(names, SINGLE))
    with pytest.raises(
        DataError, match=r"r.json \(COCO\): 2 of 6 images are missing: 1.png does not exist; 4.png does not exist\."
    ):
        read(path)
    data = read(path, on_error="skip")
    assert reds(data) == [0, 2, 3, 5]
    assert "2 of 6 images are missing: 1.png does not exist; 4.png does not exist; they were left out." in data.notes
    files, shown = list_photos(ImageTable(path=str(path)))
    assert [file.name for file in files] == shown == ["0.png", "2.png", "3.png", "5.png"]


def test_an_address_without_a_file(tmp_path: Path) -> None:
    photos(tmp_path)
    with pytest.raises(DataError, match="https://example.org/9.png is a web address, and there is no file of its name"):
        read(studio(tmp_path / "ls.json", [f"https://example.org/{i + 4}.png" for i in range(6)]))
    path = written(tmp_path / "via.json", via(["data:image/png;base64,AAAA", "0.png", "1.png"], [{"k": k} for k in "aba"]))
    with pytest.raises(DataError, match="the image itself stands in the export"):
        read(path)


def test_settings_of_text_have_no_effect(tmp_path: Path) -> None:
    path = written(tmp_path / "r.json", coco(photos(tmp_path), SINGLE))
    assert "dataset.delimiter and dataset.header: no effect on an export of COCO." in read(path, delimiter=";", header=True).notes


def test_new_photos_in_exports_folders_and_tables(tmp_path: Path) -> None:
    names = photos(tmp_path / "a")
    data = read(written(tmp_path / "a" / "r.json", coco(names, SINGLE)), root=str(tmp_path / "a"))
    inputs = json.loads(json.dumps(data.source))
    assert inputs["export"] == "COCO"
    new = written(tmp_path / "b" / "new.json", coco([*names, "x\\0.png"], [[]] * 7))
    photos(tmp_path / "b", names=[*names, "x/0.png"])
    notes: list[str] = []
    chunks = list(iter_image_table(new, inputs, chunk=4, notes=notes))
    ids, images = (np.concatenate(part) for part in zip(*chunks, strict=True))
    assert ids.tolist() == [*names, "x\\0.png"] and np.array_equal(images[:6], data.X)
    assert notes == [f"{new} is read as an export of COCO: 7 images."]
    away = written(tmp_path / "c" / "new.json", coco(names, SINGLE))  # the photos lie where they did in training
    assert np.array_equal(np.concatenate([found for _, found in iter_image_table(away, inputs)]), data.X)
    elsewhere = np.concatenate([found for _, found in iter_image_table(away, inputs, root=tmp_path / "b")])
    assert np.array_equal(elsewhere, data.X)
    with pytest.raises(DataError, match=r"6 of 6 images are missing: .*") as caught:
        list(iter_image_table(away, BARE))
    assert "--on-error skip" in caught.value.hint
    (tmp_path / "a" / "t.csv").write_text("file\n" + "\n".join(names) + "\n")
    assert np.array_equal(np.concatenate([found for _, found in iter_image_table(tmp_path / "a" / "t.csv", inputs)]), data.X)


def test_a_run_from_another_kind_of_table_predicts_an_export(tmp_path: Path) -> None:
    names = photos(tmp_path)
    path = studio(tmp_path / "ls.json", names)
    [(ids, images)] = iter_image_table(path, BARE | {"image": "file", "id": "id"})
    assert ids.tolist() == list("012345") and images.shape == (6, 3, 8, 8)


def test_which_folders_are_exports(tmp_path: Path) -> None:
    for part in ("train", "val"):
        for word in ("cat", "dog"):
            photos(tmp_path / "yolo" / part / word, 2)
    assert not is_export(tmp_path / "yolo")
    data = load(ImageFolder(path=str(tmp_path / "yolo"), size_px=8))  # the layout of Ultralytics, and of Roboflow's folders
    assert data.classes == ("cat", "dog") and sorted(set(data.part)) == ["test", "train"]
    written(tmp_path / "yolo" / "data.json", {"names": ["cat", "dog"]})
    written(tmp_path / "yolo" / "train" / "cat" / "0.xml", "<annotation><object/></annotation>")
    assert not is_export(tmp_path / "yolo")
    with pytest.raises(DataError, match="is a folder, not a table"):
        read(tmp_path / "yolo")
    for word in ("batch1", "batch2"):
        names = photos(tmp_path / "labelme" / word)
        for name, kind in zip(names, LABELS, strict=True):
            written(tmp_path / "labelme" / word / f"{name}.json", labelme(name, [kind]))
    assert is_export(tmp_path / "labelme")
    found = read(tmp_path / "labelme")
    assert len(found) == 12 and found.ids.tolist()[6] == "batch2/0.png"
    photos(tmp_path / "boxes" / "train" / "images")
    written(tmp_path / "boxes" / "train" / "labels" / "0.txt", "0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match="only one class, images") as caught:
        load(ImageFolder(path=str(tmp_path / "boxes")))
    assert "YOLO" in caught.value.hint
    names = photos(tmp_path / "coco" / "images")
    written(tmp_path / "coco" / "result.json", coco(names, SINGLE))
    with pytest.raises(DataError, match="only one class, images") as caught:
        load(ImageFolder(path=str(tmp_path / "coco")))
    assert f"dataset=image_table dataset.path={tmp_path / 'coco'}" in caught.value.hint
    assert len(read(tmp_path / "coco")) == 6


def test_folders_of_cvat_with_a_subset_of_their_own(tmp_path: Path) -> None:
    names = photos(tmp_path / "images" / "Train")
    entries = [(f'name="{n}" subset="Train"', f'<tag label="{k}"/>') for n, k in zip(names, LABELS, strict=True)]
    path = written(tmp_path / "annotations.xml", cvat(entries))
    assert reds(read(path)) == list(range(6))

"""Exports that are damaged, of another kind, too large, or dangerous: one sentence each, and no way out of the reader."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.data.exports.exported import LABELS, coco, cvat, labelme, labels, photos, read, table, via, written
from unit.data.exports.test_exports_of_tools import TOOLS, of, via_3

from sdl_cli.data.exports import is_export, json_files
from sdl_cli.data.files import text_file
from sdl_cli.errors import DataError, SdlError

SINGLE = [[k] for k in LABELS]
NAMES = [f"{i}.png" for i in range(6)]
LAUGHS = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>\n'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n'
DTD = '<!DOCTYPE annotations SYSTEM "http://example.org/a.dtd">\n'
TAGS = [(f'name="{n}"', f'<tag label="{k}"/>') for n, k in zip(NAMES, LABELS, strict=True)]


def changed(content: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """A copy in which one value is another."""
    whole = json.loads(json.dumps(content))
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return whole  # type: ignore[no-any-return]


COCO = coco(NAMES, SINGLE)
VIA = via(NAMES, [{"kind": k} for k in LABELS])
VIA_HEAD = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
BAD = {
    "cut off": ("a.json", json.dumps(COCO)[:900], r"a.json: the JSON ends in the middle \(line 1, letter 901\)\."),
    "damaged": ("a.json", json.dumps(COCO).replace(":", ";", 9), r"a.json: the JSON is damaged at line 1, letter 8: "),
    "two files": ("a.json", json.dumps(VIA) * 2, r"the JSON is damaged at line 1, letter \d+: Extra data"),
    "deep": ("a.json", '{"a":' + "[" * 100_000, r"a.json: the JSON is nested too deeply\."),
    "long number": ("a.json", '{"images": [' + "1" * 5000 + "]}", r"a.json: the JSON cannot be read: Exceeds the limit"),
    "other JSON": ("a.json", {"a": [1]}, r"a.json: this JSON is no export that is known\."),
    "a list of numbers": ("a.json", [[1, 2], [3]], r"this JSON is no export that is known\."),
    "no entries": ("a.json", {}, r"this JSON is no export that is known\."),
    "other XML": ("a.xml", "<annotation><object/></annotation>", r"a.xml: this XML is no export that is known\."),
    "a web page": ("a.xml", "<html><p>x</p></html>", r"this XML is no export that is known\."),
    "XML cut off": ("a.xml", cvat(TAGS)[:-40], r"a.xml: the XML is damaged or cut off at line \d+: "),
    "XML of no elements": ("a.xml", "<?xml version='1.0'?>", r"a.xml: this XML cannot be read \(line 1: no element found\)\."),
    "XML of an unknown encoding": ("a.xml", "<?xml version='1.0' encoding='x-none'?><annotations/>", r"a.xml: .*unknown encoding"),
    "entities": ("a.xml", cvat(TAGS, more=LAUGHS), r"a.xml, line 2: this XML declares a document type or entities \(a\)\."),
    "an outside entity": ("a.xml", cvat(TAGS, more=OUTSIDE), r"declares a document type or entities \(a\)\."),
    "an outside document type": ("a.xml", cvat(TAGS, more=DTD), r"declares a document type or entities \(annotations\)\."),
    "tracks": ("a.xml", cvat(TAGS).replace("<meta>", '<track id="0" label="x"></track><meta>'), r"line 4: it holds tracks of a film"),
    "an image without a name": ("a.xml", cvat([('id2="x"', "")]), r"\(CVAT\), line 5: there is no path of an image\."),
    "an entry that is none": ("a.json", changed(VIA, "1.png77", to=3), r"\(VIA\), image 2: the entry is '3', not an object\."),
    "regions that are none": ("a.json", changed(VIA, "1.png77", "regions", to="x"), r"image 2: regions is 'x', not a list\."),
    "no path": ("a.json", changed(VIA, "1.png77", "filename", to=None), r"\(VIA\), image 2: there is no path of an image\."),
    "no image of an annotation": ("a.json", changed(COCO, "annotations", 3, "image_id", to=77), r"annotation 4: there is no image '77'"),
    "no category": ("a.json", changed(COCO, "annotations", 3, "category_id", to=77), r"annotation 4: there is no category 77\."),
    "an image id twice": ("a.json", changed(COCO, "images", 3, "id", to=1), r"\(COCO\), image 4: its id 1 stands there before\."),
    "an image without an id": ("a.json", changed(COCO, "images", 3, "id", to=None), r"\(COCO\), image 4: it has no id\."),
    "a category twice": ("a.json", changed(COCO, "categories", 1, "id", to=1), r"category 2: its id stands there before\."),
    "no labels": ("a.json", COCO | {"annotations": []}, r"a.json \(COCO\): no image has a label\."),
    "one class": ("a.json", coco(NAMES, [["cat"]] * 6), r"the target category has one value only, 'cat'"),
    "a film of VIA": ("a.json", changed(via_3(NAMES), "metadata", "1_ab", "z", to=[1.5]), r"metadata 1_ab: it belongs to a moment"),
    "two files in a view": ("a.json", changed(via_3(NAMES), "view", "1", "fid_list", to=["1", "2"]), r"view 1: it shows 2 files at once"),
    "a view that is not there": ("a.json", changed(via_3(NAMES), "metadata", "1_ab", "vid", to="9"), r"metadata 1_ab: it belongs to no"),
    "tasks without an image": ("a.json", [{"id": 1, "annotations": [], "data": {"text": "x"}}], r"no field holds paths of images, of text"),
    "cells of VIA": ("a.csv", VIA_HEAD + "0.png,7,{,0,0,{},{}\n", r"a.csv, line 2, file_attributes: the JSON ends in the middle"),
    "a row of VIA": ("a.csv", VIA_HEAD + "0.png,7,{}\n", r"a.csv, line 2: 3 cells, but there are 7 columns\."),
    "a class of Roboflow": ("_classes.csv", "filename, cat, dog\n0.png, 1, x\n", r"line 2: 'x' in the column dog is not 0 or 1\."),
    "columns of Roboflow": ("_classes.csv", "filename, cat, cat\n0.png, 1, 0\n", r"line 1: two columns have one name\."),
    "no rows of Label Studio": ("a.csv", "annotation_id,annotator,lead_time,a.jpg,choice\n", r"\(Label Studio\): there are no rows"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    name, content, message = BAD[kind]
    photos(tmp_path)
    path = written(tmp_path / name, content)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert str(path) in caught.value.message and "\n" not in caught.value.message


def test_a_file_in_several_encodings(tmp_path: Path) -> None:
    names = photos(tmp_path)
    for encoding in ("utf-8-sig", "utf-16", "utf-16-be"):
        (tmp_path / "a.json").write_bytes(json.dumps(coco(names, [["köter"], ["ß"]] * 3), ensure_ascii=False).encode(encoding))
        assert labels(read(tmp_path / "a.json")) == ["köter", "ß"] * 3
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(coco(names, SINGLE)).encode()))
    assert labels(read(tmp_path / "a.json.gz")) == LABELS
    (tmp_path / "a.xml").write_bytes(cvat(TAGS).replace("utf-8", "utf-16").encode("utf-16"))
    assert labels(read(tmp_path / "a.xml")) == LABELS
    kinds = ["köter", "größe"] * 3
    own = [f"1,1,2.5,{name},{kind}" for name, kind in zip(names, kinds, strict=True)]
    content = "\n".join(["annotation_id,annotator,lead_time,image,choice", *own])
    (tmp_path / "a.csv").write_bytes(content.encode("cp1252"))
    data = read(tmp_path / "a.csv")
    assert labels(data) == kinds and "Read as cp1252 (Western European)" in " ".join(data.notes)
    (tmp_path / "b.csv").write_bytes(content.replace(",", ";").encode("utf-16"))
    assert labels(read(tmp_path / "b.csv")) == kinds
    (tmp_path / "a.json").write_bytes(b'{"images": ["\xff"]}')
    with pytest.raises(DataError, match="a.json: the JSON is not valid UTF-8 at byte 13"):
        read(tmp_path / "a.json")
    half = json.dumps(coco(names, [["a\ud800"], ["b"]] * 3))
    assert labels(read(written(tmp_path / "a.json", half))) == ["a?", "b"] * 3


def test_files_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos(tmp_path)
    monkeypatch.setattr(text_file, "available_bytes", lambda: 1000)
    monkeypatch.setattr(json_files.json, "loads", None)
    for path in (written(tmp_path / "a.json", COCO), written(tmp_path / "a.xml", cvat(TAGS)), tmp_path / "a.json.gz"):
        if not path.exists():
            path.write_bytes(gzip.compress(json.dumps(COCO).encode()))
        with pytest.raises(DataError, match="of memory are free") as caught:
            read(path)
        assert caught.value.hint == "Export fewer images at once."


def test_a_table_of_photos_is_no_export(tmp_path: Path) -> None:
    names = photos(tmp_path)
    for rows in ([["filename", "cat"]], [["filename", "kind"]], [["image", "annotator"]]):
        path = written(tmp_path / "t.csv", table([*rows, *zip(names, LABELS, strict=True)]))
        assert not is_export(path) and labels(read(path, header=True)) == LABELS
    for head, kinds in (("filename, kind", LABELS), ("filename, kind", "010101"), ("filename, a, b", ["1, x", "0, y"] * 3)):
        rows = [f"{name}, {kind}" for name, kind in zip(names, kinds, strict=True)]
        path = written(tmp_path / "t.csv", "\n".join([head, *rows]))
        assert not is_export(path) and len(read(path, target="1", header=True)) == 6
    for text in ("<id>,b\n1,2\n", "[a],b\n", "{,}\n", "#filename,kind\n", ""):
        assert not is_export(written(tmp_path / "t.csv", text))
    assert not is_export(tmp_path / "none.json") and not is_export(tmp_path / "0.png")


def test_what_is_meant_for_exports_only_has_no_effect_on_a_table(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", table([("file", "kind"), *zip(photos(tmp_path), LABELS, strict=True)]))
    assert "dataset.several has no effect on a table" in " ".join(read(path, several="drop", header=True).notes)


def test_texts_of_label_studio_are_no_photos(tmp_path: Path) -> None:
    assert not is_export(written(tmp_path / "t.csv", "annotation_id,annotator,lead_time,text,choice\n1,1,2.5,a few words,good\n"))
    assert is_export(written(tmp_path / "t.csv", "annotation_id,annotator,lead_time,image,choice\n1,1,2.5,/a/b.JPG,good\n"))


def test_labels_that_could_harm_a_terminal(tmp_path: Path) -> None:
    names = photos(tmp_path)
    data = read(written(tmp_path / "a.json", coco(names, [["a\x1b[31m"], ["b\nc"]] * 3)))
    assert data.classes == ("a?[31m", "b c")


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with some bytes changed, cut out, doubled or cut off."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at, length = int(rng.integers(0, len(data))), int(rng.integers(1, 40))
        kind = rng.integers(0, 5)
        if kind == 0:
            data[at] = int(rng.integers(0, 256))
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif kind == 3:
            data[at : at + 1] = rng.choice(
                [b"null", b"{}", b"[]", b"-1e999", b'"', b"true", b"\\ud800", b"<", b"&x;", b"\x00", b"9" * 30]
            )
        elif len(data) > 2:
            del data[at:]
        if not data:
            data = bytearray(b"x")
    return bytes(data)


@pytest.mark.parametrize("tool", [*TOOLS, "LabelMe"])
def test_mutated_files(tool: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(tool))
    names = photos(tmp_path)
    name, content = ("a.json", labelme("0.png", ["cat", "dog"], {"x": True})) if tool == "LabelMe" else of(tool, names)
    path = written(tmp_path / name, content)
    whole, refused = path.read_bytes(), 0
    for _ in range(100):
        path.write_bytes(mutated(whole, rng))
        try:
            data = read(path, on_error="skip", several="first")
            assert len(data) == len(data.y) <= 12 and all(len(word) < 200 for word in data.classes)
            json.dumps([list(data.classes), data.ids.tolist(), dict(data.source)]).encode()
        except SdlError as error:
            refused += 1
            assert error.message and "\n" not in error.message
            str(error).encode()
    assert refused > 20


def with_other_values(content: Any, rng: np.random.Generator) -> Any:
    """A copy of JSON in which some values are of other kinds, or gone."""
    whole = json.loads(json.dumps(content))
    for _ in range(rng.integers(1, 3)):
        at: Any = whole
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            key = keys[int(rng.integers(0, len(keys)))]
            if not isinstance(at[key], (dict, list)) or not at[key] or rng.random() < 0.2:
                break
            at = at[key]
        values = [None, 3, -1.5, 1e300, "x", "", True, [], {}, [[1]], {"a": 1}, ["0.png"], {"choices": 3}, "\ud800", "../0.png"]
        if rng.random() < 0.15:
            del at[key]
        else:
            at[key] = values[int(rng.integers(0, len(values)))]
        if not whole:
            break
    return whole


@pytest.mark.parametrize(
    "tool", [tool for tool in [*TOOLS, "LabelMe"] if not {"CSV", "CVAT", "Roboflow"} & set(tool.replace(",", "").split())]
)
def test_values_of_other_kinds(tool: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(tool))
    names = photos(tmp_path)
    name, content = ("a.json", labelme("0.png", ["cat", "dog"], {"x": True})) if tool == "LabelMe" else of(tool, names)
    good = 0
    for _ in range(30):
        path = written(tmp_path / name, with_other_values(content, rng))
        try:
            data = read(path, on_error="skip", several="first")
            good += 1
            json.dumps([list(data.classes), data.ids.tolist(), dict(data.source)], ensure_ascii=False).encode()
        except SdlError as error:
            assert error.message and "\n" not in error.message
            str(error).encode()
    assert good > 5 or tool == "LabelMe"

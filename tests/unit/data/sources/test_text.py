"""Texts: layouts, columns, labels, test parts, refusals, and new texts to predict."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdl_cli.data import load
from sdl_cli.data.sources.new_texts import iter_texts
from sdl_cli.data.sources.text import Text
from sdl_cli.errors import DataError, SdlError

PAIRS = [
    ("good", "I liked it, really"),
    ("bad", "dull; and long"),
    ("good", 'the "best" of all'),
    ("bad", "why\u2028oh why"),
    ("good", "\u00e9clair"),
]
LABELS, TEXTS = [label for label, _ in PAIRS], [text for _, text in PAIRS]
CSV = 'text,label\n"Well, fine",good\n"so\nso",bad\nnice,good\nno,bad\n'


def save(folder: Path, content: str | bytes, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, name: str = "a.txt", **more: Any) -> Any:
    return load(Text(path=str(save(folder, content, name)), **more))


def names(data: Any) -> list[str]:
    return [data.classes[i] for i in data.y]


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        ("".join(f"{label} {text}\n" for label, text in PAIRS), "blank"),
        ("".join(f"{label}:  {text}\r\n" for label, text in PAIRS), "blank"),
        ("\n\n".join(f"  {label}\u00a0{text}" for label, text in PAIRS), "blank"),
        ("".join(f"{label}\t{text}\n" for label, text in PAIRS), "tab"),
        ("".join(f"{text}\t{label}\n" for label, text in PAIRS), "tab"),
        ("sentence\tlabel\n" + "".join(f"{text}\t{label}\n" for label, text in PAIRS), "tab"),
        ("\n".join(f'{label}\t"{text.replace(chr(34), chr(34) * 2)}"' for label, text in PAIRS), "tab"),
        ("".join(f"__label__{label} {text}\r" for label, text in PAIRS), "fasttext"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gzip"])
def test_labelled_lines(tmp_path: Path, content: str, layout: str, encoding: str) -> None:
    raw = gzip.compress(content.encode()) if encoding == "gzip" else content.encode(encoding)
    data = read(tmp_path, raw)
    assert (data.name, data.task, data.modality) == ("a", "classification", "text")
    assert data.X.dtype == object and data.X.tolist() == TEXTS
    assert names(data) == LABELS and data.classes == ("bad", "good")
    assert data.source["layout"] == layout
    assert data.part is None and data.groups is None and data.feature_names == ()
    assert any("read as one label and one text per line" in note for note in data.notes) == (layout == "blank")


def test_row_names_are_lines_and_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    first = read(tmp_path, "a x\n\nb y\na z\nb u\n")
    assert first.ids.tolist() == ["1", "3", "4", "5"]
    same = read(tmp_path, "__label__a x\n__label__b y\n__label__a z\n__label__b u\n")
    assert same.fingerprint == first.fingerprint
    others = ["a x\nb y\na z\nb v\n", "a x\nb y\na z\na u\n", "a x\nb y\na zu\nb \n"]
    assert len({first.fingerprint, *(read(tmp_path, other).fingerprint for other in others)}) == 4


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.tsv"])
def test_a_table(tmp_path: Path, name: str) -> None:
    data = read(tmp_path, CSV, name)
    assert data.X.tolist() == ["Well, fine", "so\nso", "nice", "no"]
    assert names(data) == ["good", "bad", "good", "bad"]
    assert data.ids.tolist() == ["2", "3", "5", "6"]
    assert data.source["text"] == "text" and data.source["layout"] == "table"
    assert any("The texts are in the column text, the target is label" in note for note in data.notes)


@pytest.mark.parametrize(
    ("header", "more", "expected"),
    [
        ("id,what,label", {}, ("what", "label")),
        ("id,what,kind", {"target": "kind"}, ("what", "kind")),
        ("id,what,kind", {"target": "-1", "text": "1"}, ("what", "kind")),
        ("label,text,id", {"text": "text", "target": "id"}, ("text", "id")),
        ("text,what,label", {}, ("text", "label")),
        ("id,review,target", {"group": "id"}, ("review", "target")),
    ],
)
def test_columns_are_found_or_named(tmp_path: Path, header: str, more: Any, expected: tuple[str, str]) -> None:
    rows = "".join(f"n{i % 3},some long words number {i},{'ab'[i % 2]}\n" for i in range(8))
    data = read(tmp_path, f"{header}\n{rows}", "a.csv", **more)
    assert (data.source["text"], data.source["target"]) == expected
    place = header.split(",").index(expected[0])
    assert data.X[0] == ["n0", "some long words number 0", "a"][place]
    assert (data.groups is not None) == ("group" in more)
    if "group" in more:
        assert data.groups.tolist() == [f"n{i % 3}" for i in range(8)]


@pytest.mark.parametrize(
    ("content", "task", "expected"),
    [
        ("1.5 fine\n2.25 dull\n-3 bad\n4e1 more\n", "auto", [1.5, 2.25, -3, 40]),
        ("1 fine\n2 dull\n3 bad\n5 x\n", "regression", [1, 2, 3, 5]),
        ("text,stars\none,1.5\ntwo,2.5\nthree,4.25\n", "auto", [1.5, 2.5, 4.25]),
    ],
)
def test_numbers_to_predict(tmp_path: Path, content: str, task: Any, expected: list[float]) -> None:
    data = read(tmp_path, content, task=task)
    assert data.task == "regression" and data.y.tolist() == expected and data.classes == ()


def test_whole_numbers_are_classes(tmp_path: Path) -> None:
    data = read(tmp_path, "0 a b\n1 c d\n0 e f\n1 g\n")
    assert data.task == "classification" and data.classes == ("0", "1")


@pytest.mark.parametrize(
    ("separator", "classes", "cut"),
    [(None, ("A", "B"), True), ("", ("A:x", "A:y", "B:z"), False), (":", ("A", "B"), False), ("", ("A:x", "A:y", "B:z"), False)],
)
def test_labels_of_two_levels(tmp_path: Path, separator: str | None, classes: tuple[str, ...], cut: bool) -> None:
    data = read(tmp_path, "A:x one\nA:y two\nB:z three\nA:x four\nB:z five\nA:y six\n", label_separator=separator)
    assert data.classes == classes
    assert any("2 classes instead of 3" in note for note in data.notes) == cut


def test_labels_of_a_table_are_cut_where_asked(tmp_path: Path) -> None:
    rows = "text,label\nfirst one,A/x\nsecond,A/y\nthird,B/x\nfourth,B/z\n"
    assert len(read(tmp_path, rows, "a.csv").classes) == 4
    assert read(tmp_path, rows, "a.csv", label_separator="/").classes == ("A", "B")


def test_a_test_file(tmp_path: Path) -> None:
    test = save(tmp_path, "B:q new\nA:x one more\nC:v odd\n", "t.txt")
    data = read(tmp_path, "A:x one\nA:y two\nB:z three\nB:z four\n", test_path=str(test))
    assert data.part.tolist() == ["train"] * 4 + ["test"] * 3
    assert data.ids.tolist() == ["train/1", "train/2", "train/3", "train/4", "test/1", "test/2", "test/3"]
    assert names(data) == ["A", "A", "B", "B", "B", "A", "C"]
    assert any("1 test rows are of classes without a training row (C)" in note for note in data.notes)
    test = save(tmp_path, "id,label,text\n7,bad,hm\n8,good,ah\n", "t.csv")
    data = read(tmp_path, CSV, "a.csv", test_path=str(test))
    assert data.X.tolist()[-2:] == ["hm", "ah"] and names(data)[-2:] == ["bad", "good"]


def test_small_classes_and_missing_targets_are_left_out_where_asked(tmp_path: Path) -> None:
    rows = "text,label\na a,x\nb b,x\nc c,y\nd d,\ne e,z\nf f,z\n"
    data = read(tmp_path, rows, "a.csv", missing_target="drop", min_class_rows=2)
    assert data.X.tolist() == ["a a", "b b", "e e", "f f"] and data.ids.tolist() == ["2", "3", "6", "7"]
    assert any("no target" in note for note in data.notes) and any("y (1)" in note for note in data.notes)
    test = save(tmp_path, "text,label\ng g,y\nh h,x\n", "t.csv")
    data = read(tmp_path, rows, "a.csv", missing_target="drop", min_class_rows=2, test_path=str(test))
    assert data.ids.tolist()[4:] == ["test/3"]
    with pytest.raises(DataError, match="no row is of a class with enough training rows"):
        read(
            tmp_path,
            rows,
            "a.csv",
            missing_target="drop",
            min_class_rows=2,
            test_path=str(save(tmp_path, "text,label\ng,y\nh,y\n", "t.csv")),
        )
    with pytest.raises(DataError, match=r"t.csv: the target label is missing in 1 row of 2 \(line 3\)"):
        read(tmp_path, CSV, "a.csv", test_path=str(save(tmp_path, "text,label\ng,good\nh,\n", "t.csv")))


def test_empty_texts_stay_and_are_counted(tmp_path: Path) -> None:
    data = read(tmp_path, "text,label\n,a\nx y,b\nNA,a\nz,b\n", "a.csv")
    assert data.X.tolist() == ["", "x y", "", "z"]
    assert "2 of 4 texts are empty." in data.notes


def test_a_class_called_like_a_missing_cell_is_named_and_kept(tmp_path: Path) -> None:
    rows = "text,label\n" + "".join(f"words {i},{('NA', 'EU')[i % 2]}\n" for i in range(10))
    with pytest.raises(DataError, match=r"it holds 'NA' in 5 of them\.\nIf 'NA' is a value here: dataset\.missing_values=\[\]"):
        read(tmp_path, rows, "a.csv")
    assert read(tmp_path, rows, "a.csv", missing_values=()).classes == ("EU", "NA")
    assert read(tmp_path, "".join(f"{('NA', 'EU')[i % 2]} words {i}\n" for i in range(10)), "a.txt").classes == ("EU", "NA")


def test_numbers_beside_texts_have_the_marks_of_their_file(tmp_path: Path) -> None:
    rows = "text;score\n" + "".join(f"words {i};1.{100 + i},5\n" for i in range(10))
    test = save(tmp_path, "text,score\nsome words,1.5\nmore words,2.25\n", "t.csv")
    data = read(tmp_path, rows, "a.csv", test_path=str(test))
    assert data.task == "regression" and data.y[[0, 9, 10, 11]].tolist() == [1100.5, 1109.5, 1.5, 2.25]


LINES = "a x\nb y\na z\nb u\n"


@pytest.mark.parametrize(
    ("content", "name", "more", "message"),
    [
        ("", "a.txt", {}, "a.txt: the file is empty"),
        (" \n\n", "a.txt", {}, "the file holds blank lines only"),
        ("\n\n", "a.csv", {}, "blank lines only"),
        (b"PK\x03\x04 and so on", "a.txt", {}, "not a text file but an Excel workbook"),
        (b"a x\nb \x00\n", "a.txt", {}, "not a text file"),
        ("just some words\nand no labels\nat all here\n", "a.txt", {}, "neither a table of a text and a target nor"),
        ("text\none\ntwo\n", "a.csv", {}, "neither a table of a text and a target nor"),
        ("a x\na y\na z\n", "a.txt", {}, "neither a table"),
        ("__label__a x\n__label__a y\n__label__a z\n", "a.txt", {}, "one value only, 'a'"),
        ("__label__a x\n__label__a __label__b y\n", "a.txt", {}, "line 2: the text has two labels, __label__a and __label__b"),
        ("__label__a x\n__label__ y\n__label__b y\n", "a.txt", {}, "the target label is missing in 1 row of 3 (line 2)"),
        ("\tx\na\ty\nb\tz\n", "a.txt", {}, "missing in 1 row of 3 (line 1)"),
        (
            LINES,
            "a.txt",
            {"label_separator": "/"},
            "line 1: the label 'a' has no class before a '/', and neither have 3 more labels",
        ),
        ("/x t\na/y u\n/x u\na/y u\n", "a.txt", {"label_separator": "/"}, "line 1: the label '/x' has no class before a '/'"),
        (LINES, "a.txt", {"task": "regression"}, "dataset.task=regression, but the target label holds text"),
        (LINES, "a.txt", {"min_class_rows": 3}, "dataset.min_class_rows=3: no value of label"),
        (LINES, "a.txt", {"encoding": "utf-99"}, "utf-99"),
        (LINES, "a.txt", {"test_path": "nowhere.txt"}, "dataset.test_path: nowhere.txt does not exist"),
        (CSV, "a.csv", {"text": "texts"}, "no column 'texts'. Did you mean text?"),
        (CSV, "a.csv", {"target": "lable"}, "no column 'lable'. Did you mean label?"),
        (CSV, "a.csv", {"group": "who"}, "dataset.group: "),
        (CSV, "a.csv", {"text": "label", "target": "label"}, "one column has two roles"),
        ("a,b\n1,2\n2,3\n3,4\n", "a.csv", {}, "dataset.text: which column of"),
        ("id,what,kind\n1,some words,x\n2,more words,y\n", "a.csv", {}, "dataset.target: which column of"),
        ("text,label\nfine, then,good\nno,bad\n", "a.csv", {}, "line 2"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: Any, name: str, more: Any, message: str) -> None:
    with pytest.raises(SdlError, match=re.escape(message)):
        read(tmp_path, content, name, **more)


def test_paths_and_test_files_that_do_not_fit(tmp_path: Path) -> None:
    save(tmp_path, LINES, "train.txt")
    with pytest.raises(DataError, match=r"dataset.path: .*trian.txt does not exist.\nDid you mean train.txt\?"):
        load(Text(path=str(tmp_path / "trian.txt")))
    with pytest.raises(DataError, match="is a folder"):
        load(Text(path=str(tmp_path)))
    with pytest.raises(DataError, match=r"dataset.test_path: .*t.csv is not written like .*train.txt"):
        load(Text(path=str(tmp_path / "train.txt"), test_path=str(save(tmp_path, CSV, "t.csv"))))


def predicted(path: Path, data: Any, chunk_rows: int = 2) -> tuple[list[str], list[str], list[str]]:
    notes: list[str] = []
    chunks = list(iter_texts(path, data.source, chunk_rows, notes))
    assert all(len(ids) == len(texts) <= chunk_rows for ids, texts in chunks)
    assert all(texts.dtype == object for _, texts in chunks)
    return [i for ids, _ in chunks for i in ids.tolist()], [t for _, texts in chunks for t in texts.tolist()], notes


def test_plain_lines_to_predict(tmp_path: Path) -> None:
    data = read(tmp_path, LINES)
    path = save(tmp_path, "one text\n\n another \nthird one, \u00e9\n", "new.txt")
    assert predicted(path, data) == (["1", "3", "4"], ["one text", "another", "third one, \u00e9"], [])
    latin = predicted(save(tmp_path, "caf\u00e9\n".encode("latin-1"), "new.txt"), data)
    assert latin[1] == ["caf\u00e9"] and "Read as cp1252" in latin[2][0]
    with pytest.raises(DataError, match="the file is empty"):
        predicted(save(tmp_path, "", "new.txt"), data)


@pytest.mark.parametrize(
    ("trained", "new", "expected"),
    [
        (LINES, "a one\nb two\na three\nb four\na five\n", ["one", "two", "three", "four", "five"]),
        (LINES, "a one\nb two\n", ["a one", "b two"]),  # too few to be sure
        (LINES, "a one\nb two\na three\nb four\nC five\n", ["a one", "b two", "a three", "b four", "C five"]),
        ("a:1 x\na:2 y\nb:1 z\nb:3 u\n", "a:9 one\nb two\na three\nb four\na five\n", ["one", "two", "three", "four", "five"]),
        ("a\tx x\nb\ty y\na\tz\n", "a\tone\nb two\n", ["one", "b two"]),
        ("x x\ta\ny y\tb\nz z\ta\n", "one\ta\ntwo\tb\n", ["one", "two"]),
        ("__label__a x\n__label__b y\n", "__label__c one\ntwo\n", ["one", "two"]),
    ],
)
def test_labels_before_texts_to_predict_are_left_out(tmp_path: Path, trained: str, new: str, expected: list[str]) -> None:
    data = read(tmp_path, trained)
    assert predicted(save(tmp_path, new, "new.txt"), data)[1] == expected


def test_a_column_to_predict(tmp_path: Path) -> None:
    data = read(tmp_path, CSV, "a.csv")
    new = 'id,text\n1,"first, one"\n2,\n3,"third\nend"\n4,x\n'
    for name in ("new.csv", "new.txt"):
        ids, texts, _ = predicted(save(tmp_path, new, name), data)
        assert texts == ["first, one", "", "third\nend", "x"] and ids == ["2", "3", "4", "6"]
    assert predicted(save(tmp_path, "some text\nmore\n", "new.txt"), data)[1] == ["some text", "more"]
    assert predicted(save(tmp_path, "anything\nfirst\nsecond\n", "new.csv"), data)[1] == ["first", "second"]
    with pytest.raises(DataError, match=r"it has no column text; its columns: id, words.\nCall the texts' column text"):
        predicted(save(tmp_path, "id,words\n1,x\n", "new.csv"), data)
    lines = read(tmp_path, LINES)
    assert predicted(save(tmp_path, "id,sentence\n1,x y\n", "new.csv"), lines)[1] == ["x y"]
    with pytest.raises(DataError, match="it has several columns"):
        predicted(save(tmp_path, "id,words\n1,x\n", "new.csv"), lines)


def test_questions(shared_data: Path) -> None:
    """TREC (Li and Roth 2002): the six coarse classes with nothing but the two paths."""
    folder = shared_data / "text" / "trec" / "raw"
    data = load(Text(path=str(folder / "TREC.train"), test_path=str(folder / "TREC.test")))
    assert data.classes == ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
    assert np.bincount(data.y[data.part == "train"]).tolist() == [86, 1162, 1250, 1223, 835, 896]
    assert np.bincount(data.y[data.part == "test"]).tolist() == [9, 138, 94, 65, 81, 113]
    ids, texts, notes = predicted(folder / "TREC.test", data, 200)
    assert ids == [str(i) for i in range(1, 501)] and texts == data.X[data.part == "test"].tolist()
    assert any("the run knows" in note for note in notes)
    whole = load(Text(path=str(folder / "TREC.train"), label_separator=""))
    assert len(whole.classes) == 50
    numbered = load(Text(path=str(folder.parent / "TREC.train.all"), test_path=str(folder.parent / "TREC.test.all")))
    assert numbered.classes == tuple("012345") and len(numbered) == 5952


WORD = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None, database=None)
@given(
    st.binary(max_size=200) | st.text(st.sampled_from('ab1 ,;\t\n"_:\u00e9\r'), max_size=80).map(str.encode),
    st.sampled_from(["a.txt", "a.csv", "a.tsv"]),
)
def test_anything_is_texts_or_a_message(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    try:
        data = read(folder, content, name)
    except SdlError as error:
        assert error.message and "\0" not in str(error)
    else:
        assert len(data.X) == len(data.y) == len(data.ids) > 0
        assert all(isinstance(text, str) for text in data.X)
        list(iter_texts(folder / name, data.source))


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.lists(WORD, min_size=1, max_size=5)), min_size=4, max_size=10))
def test_written_as_fasttext_has_it_and_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, list[str]]]
) -> None:
    rows = [("yes", ["a"]), ("no", ["b"]), *rows]
    content = "".join(f"__label__{label} {' '.join(words)}\n" for label, words in rows)
    data = read(tmp_path_factory.mktemp("fuzz"), content)
    assert data.X.tolist() == [" ".join(words) for _, words in rows]
    assert names(data) == [label for label, _ in rows]

"""OpenML's tables, from answers in its own form handed to scikit-learn in place of the network."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.client
import io
import json
import socket
import urllib.error
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data import load
from sdl_cli.data.sources import openml
from sdl_cli.data.sources.openml import OpenML
from sdl_cli.errors import DataError

API = "https://www.openml.org/api/v1/json/data"


class Server:
    """What www.openml.org would answer, as bytes in gzip, by address; any other address is its error 412."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.failure: Exception | None = None

    def __call__(self, request: Any) -> io.BytesIO:
        address = request.full_url
        self.asked.append(address)
        if self.failure is not None:
            raise self.failure
        if address not in self.answers:
            raise urllib.error.HTTPError(address, 412, "Precondition Failed", Message(), None)
        return _Answer(gzip.compress(self.answers[address]))

    def add(
        self, number: int, name: str, arff: str, version: int = 1, features: dict[str, str] | None = None, **details: Any
    ) -> None:
        """Serve a table. `features` says row_identifier or ignore of a column; `details` replace those of its description."""
        file = f"https://www.openml.org/data/v1/download/{number}/{name}.arff"
        description = {
            "id": str(number), "name": name, "version": str(version), "description": "x", "format": "ARFF", "status": "active",
            "url": file, "md5_checksum": hashlib.md5(arff.encode()).hexdigest(), "default_target_attribute": "class",
        }  # fmt: skip
        description = {key: value for key, value in (description | details).items() if value is not None}
        lines = [line.split(None, 2) for line in arff.splitlines() if line.lower().startswith("@attribute")]
        listed = [
            {
                "index": str(i),
                "name": column.strip("'"),
                "data_type": "nominal" if kind.startswith("{") else kind.lower(),
                "is_target": str(column == description.get("default_target_attribute")).lower(),
                "is_ignore": str((features or {}).get(column) == "ignore").lower(),
                "is_row_identifier": str((features or {}).get(column) == "row_identifier").lower(),
                "number_of_missing_values": str(arff.count("?")),
            }
            for i, (_, column, kind) in enumerate(lines)
        ]
        rows = arff.lower().partition("@data")[2].strip().count("\n") + 1
        self.answers |= {
            f"{API}/{number}": json.dumps({"data_set_description": description}).encode(),
            f"{API}/features/{number}": json.dumps({"data_features": {"feature": listed}}).encode(),
            f"{API}/qualities/{number}": json.dumps(
                {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": f"{rows}.0"}]}}
            ).encode(),
            file: arff.encode(),
        }
        found = {"did": number, "name": name, "version": version, "status": description["status"]}
        for query in (f"/status/{description['status']}/", f"/data_version/{version}"):
            address = f"{API}/list/data_name/{name.lower()}/limit/2{query}"
            earlier = json.loads(self.answers[address])["data"]["dataset"] if address in self.answers else []
            self.answers[address] = json.dumps({"data": {"dataset": [*earlier, found]}}).encode()


class _Answer(io.BytesIO):
    def info(self) -> dict[str, str]:
        return {"Content-Encoding": "gzip"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr("sklearn.datasets._openml.urlopen", made)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return made


# Donors of blood as OpenML has them: classes called 1 and 2, and columns V1, V2, ...
BLOOD = """@RELATION blood-transfusion-service-center
@ATTRIBUTE V1 numeric
@ATTRIBUTE V2 REAL
@ATTRIBUTE zone {01,02,10}
@ATTRIBUTE 'kind' {good,'quite bad',?}
@ATTRIBUTE class {1,2}
@DATA
2,50.5,01,good,2
0,13,02,'quite bad',2
1,16,10,?,2
?,20,01,good,1
4,24,02,good,1
1,12.25,01,'quite bad',1
"""


def read(dataset: str, **settings: Any) -> Any:
    return load(OpenML(dataset=dataset, **settings))


def test_a_table_by_its_name(server: Server) -> None:
    server.add(1464, "blood-transfusion-service-center", BLOOD)
    data = read("blood-transfusion-service-center")
    assert (data.name, data.task, data.modality) == ("blood-transfusion-service-center", "classification", "table")
    assert data.feature_names == ("V1", "V2", "zone", "kind")
    assert [column.kind for column in data.columns] == ["number", "number", "category", "category"]
    assert data.columns[2].levels == ("01", "02", "10")  # numbers, but nominal: they stay as written
    assert data.columns[3].levels == ("good", "quite bad")
    expected = [[2, 50.5, 0, 0], [0, 13, 1, 1], [1, 16, 2, np.nan], [np.nan, 20, 0, 0], [4, 24, 1, 0], [1, 12.25, 0, 1]]
    np.testing.assert_array_equal(data.X, expected)
    assert data.classes == ("1", "2") and data.y.tolist() == [1, 1, 1, 0, 0, 0]
    assert data.notes == ()
    assert data.source["settings"] == {"version": 1, "data_id": 1464}
    assert data.source["kind"] == "table" and data.source["target"] == "class"


def test_a_table_that_was_fetched_needs_no_network(server: Server) -> None:
    server.add(1464, "blood", BLOOD)
    first = read("blood")
    server.failure = urllib.error.URLError("no network")
    asked = len(server.asked)
    assert read("blood").fingerprint == first.fingerprint
    assert read("Blood").fingerprint == first.fingerprint  # OpenML takes names in any case
    assert read("1464").fingerprint == first.fingerprint
    again = dataclasses.replace(OpenML(dataset="blood"), **first.source["settings"])  # as a run stores it
    assert load(again).fingerprint == first.fingerprint
    assert len(server.asked) == asked


def test_names_beyond_the_ordinary(server: Server) -> None:
    name = "BNG(a,b) x/../y"
    server.add(7, "bng", BLOOD)
    quoted = "bng(a,b)%20x%2f..%2fy"
    server.answers[f"{API}/list/data_name/{quoted}/limit/2/status/active/"] = json.dumps(
        {"data": {"dataset": [{"did": 7}]}}
    ).encode()
    assert read(name).name == "bng"
    for odd in ("", "..", " "):
        with pytest.raises(DataError, match="this is not the name or number of a table"):
            read(odd)


def test_versions(server: Server) -> None:
    server.add(1464, "blood", BLOOD)
    server.add(1465, "blood", BLOOD.replace("50.5", "99"), version=2)
    data = read("blood")
    assert data.source["settings"] == {"version": 1, "data_id": 1464}
    assert data.notes == ("OpenML has several active versions of blood: version 1 was taken (for another: dataset.version=N).",)
    assert read("blood", version=2).X[0, 1] == 99
    assert read("blood", version=2).notes == ()
    server.add(1466, "old", BLOOD, status="deactivated")
    server.answers[f"{API}/list/data_name/old/limit/2/status/active/"] = server.answers.pop(
        f"{API}/list/data_name/old/limit/2/status/deactivated/"
    )
    assert read("old").notes == ("Version 1 of dataset old is inactive, meaning that issues have been found in the dataset.",)


def test_identifiers_are_left_out_and_targets_can_be_chosen(server: Server) -> None:
    arff = (
        BLOOD.replace("@ATTRIBUTE class", "@ATTRIBUTE who numeric\n@ATTRIBUTE class")
        .replace(",2\n", ",5,2\n")
        .replace(",1\n", ",6,1\n")
    )
    server.add(1, "blood", arff, features={"who": "row_identifier", "V1": "ignore"})
    assert read("blood").feature_names == ("V2", "zone", "kind")
    data = read("blood", target="V2")
    assert data.task == "regression" and data.feature_names == ("zone", "kind", "class")
    assert read("blood", target="-1").classes == ("1", "2")
    assert read("blood", features=("zone",), id="V2").ids.tolist() == ["50.5", "13", "16", "20", "24", "12.25"]


def test_a_target_with_missing_cells(server: Server) -> None:
    server.add(1, "blood", BLOOD.replace("0,13,02,'quite bad',2", "0,13,02,'quite bad',?"))
    with pytest.raises(DataError, match=r"OpenML's blood \(number 1\): the target class is missing in 1 row of 6 \(line 1\)"):
        read("blood")
    assert read("blood", missing_target="drop").y.tolist() == [1, 1, 0, 0, 0]


@pytest.mark.parametrize("named", [None, "class,kind", "nothing"])
def test_tables_of_no_target_or_several(server: Server, named: str | None) -> None:
    server.add(1, "blood", BLOOD, default_target_attribute=named)
    with pytest.raises(DataError) as caught:
        read("blood")
    assert caught.value.message == (
        "dataset.target: which column of OpenML's blood (number 1) is to be predicted? There are: V1, V2, zone, kind, class."
    )
    assert caught.value.hint == "Add dataset.target=class"
    assert any("names several targets (class,kind)" in note for note in read("blood", target="class").notes) == (
        named == "class,kind"
    )


SPARSE = """@RELATION words
@ATTRIBUTE a numeric
@ATTRIBUTE b numeric
@ATTRIBUTE colour {red,green,blue}
@ATTRIBUTE class {no,yes}
@DATA
{0 1.5, 3 yes}
{1 2, 2 blue}
{0 3, 1 4, 2 green, 3 yes}
{1 7}
"""


def test_a_sparse_table_is_written_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add(9, "words", SPARSE, format="Sparse_ARFF")
    data = read("words")
    assert data.columns[2].levels == ("blue", "green", "red")
    np.testing.assert_array_equal(data.X, [[1.5, 0, 2], [0, 2, 0], [3, 4, 1], [0, 7, 2]])
    assert data.classes == ("no", "yes") and data.y.tolist() == [1, 0, 1, 0]
    monkeypatch.setattr(openml, "_MAX_DENSE_CELLS", 15)
    with pytest.raises(
        DataError, match=r"OpenML's words \(number 9\) is stored sparsely: its 4 rows of 4 columns would take too much memory"
    ):
        read("words")


def test_new_rows_are_read_as_a_run_reads_them(server: Server) -> None:
    server.add(1, "blood", BLOOD)
    server.add(2, "other", BLOOD.replace("quite bad", "quite good"))
    run = read("blood")
    inputs = {"columns": [dataclasses.asdict(column) for column in run.columns], "classes": list(run.classes)}
    assert load(OpenML(dataset="other"), like=inputs).X[1, 3] == 2  # a level that the run does not know


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (urllib.error.URLError(socket.gaierror(-2, "Name or service not known")), "Name or service not known"),
        (urllib.error.HTTPError("https://x", 503, "Service Unavailable", Message(), None), "HTTP Error 503: Service Unavailable"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (http.client.IncompleteRead(b""), "IncompleteRead(0 bytes read)"),
    ],
)
@pytest.mark.parametrize("dataset", ["blood", "1464"])
def test_openml_out_of_reach(server: Server, home: Path, dataset: str, failure: Exception, reason: str) -> None:
    server.failure = failure
    before = socket.getdefaulttimeout()
    with pytest.raises(DataError) as caught:
        read(dataset)
    assert caught.value.message == f"{dataset} is not in {home / 'openml'}, and OpenML cannot be reached: {reason}."
    assert "from then on the table is read from that folder" in caught.value.hint
    assert len(str(caught.value).splitlines()) == 2
    assert socket.getdefaulttimeout() == before


BAD: list[tuple[dict[str, Any], str]] = [
    ({"dataset": "blodd"}, "dataset.dataset=blodd: OpenML has no such table: No active dataset blodd found."),
    (
        {"dataset": "blood", "version": 7},
        "dataset.dataset=blood: OpenML has no such table in version 7: Dataset blood with version 7 not found.",
    ),
    ({"dataset": "99"}, "dataset.dataset=99: OpenML has no such table: Dataset with data_id 99 not found."),
    ({"dataset": "iris", "data_id": 1464}, "dataset.data_id=1464 is blood, and dataset.dataset=iris is another."),
    ({"dataset": "1464", "version": 2}, "dataset.version=2: blood of this number is version 1."),
    (
        {"dataset": "blood", "target": "klass"},
        "dataset.target: OpenML's blood (number 1464) has no column 'klass'. Did you mean class?",
    ),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_what_does_not_exist(server: Server, settings: dict[str, Any], message: str) -> None:
    server.add(1464, "blood", BLOOD)
    with pytest.raises(DataError) as caught:
        load(OpenML(**settings))
    assert caught.value.message == message
    assert caught.value.hint


def test_answers_that_cannot_be_read(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add(1, "blood", BLOOD, md5_checksum="0" * 32)
    with pytest.raises(DataError, match="blood: what OpenML sent cannot be read: The md5 checksum"):
        read("blood")
    server.add(2, "torn", BLOOD.replace("0,13,02", "0,13"))
    with pytest.raises(DataError, match="torn: what OpenML sent cannot be read"):
        read("torn")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "file" / "x"))
    with pytest.raises(DataError, match=r"file.*: Not a directory") as caught:
        read("blood")
    assert "SCIKIT_LEARN_DATA" in caught.value.hint


def test_what_openml_says_of_a_table_is_a_note(server: Server) -> None:
    server.add(1, "blood", BLOOD, warning="Deep Blue is in the house\nand more")
    assert read("blood").notes == (
        "OpenML raised a warning on the dataset. It might be unusable. Warning: Deep Blue is in the house and more.",
    )

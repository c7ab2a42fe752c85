#!/usr/bin/env bash
# Label Studio's CSV and JSON-MIN list the annotations of a task newest first, although the task lists them oldest first.
# Seen with label-studio-sdk 2.1.2, whose converter writes the files that Label Studio exports, on Python 3.11 for Linux.
#
# Two people labelled one photo: first cat, later dog. In the JSON export the first of the task's annotations is cat. The CSV
# made from the same tasks has one row for each annotation, sorted by its time with the newest first, so that the first row of
# the photo is dog. Who keeps one label for each photo by taking the first (pandas' drop_duplicates does) trains on one person's
# labels or the other's, depending on the export, where the two disagree. JSON-MIN is like the CSV.
#
# Output seen:
#   JSON: cat
#   JSON-MIN: dog
#   CSV: dog
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
./venv/bin/python - <<'PYTHON'
import csv
import json
from pathlib import Path

from label_studio_sdk.converter import Converter

CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="kind" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices></View>"""


def annotation(number, word, day):
    chosen = {"id": "a", "from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": [word]}}
    at = f"2026-01-{day:02}T09:00:00Z"
    own = {"id": number, "completed_by": number, "created_at": at, "updated_at": at, "lead_time": 1.0, "was_cancelled": False}
    return own | {"result": [chosen]}


task = {"id": 1, "data": {"image": "a.png"}, "annotations": [annotation(1, "cat", 1), annotation(2, "dog", 2)]}
Path("tasks.json").write_text(json.dumps([task]))
converter = Converter(CONFIG, ".")
converter.convert_to_json("tasks.json", "json", is_dir=False)
converter.convert_to_json_min("tasks.json", "min", is_dir=False)
converter.convert_to_csv("tasks.json", "csv", is_dir=False, sep=",", header=True)

whole = json.loads(Path("json/result.json").read_text())
short = json.loads(Path("min/result.json").read_text())
with open("csv/result.csv", newline="") as file:
    rows = list(csv.DictReader(file))
found = {
    "JSON": whole[0]["annotations"][0]["result"][0]["value"]["choices"][0],
    "JSON-MIN": short[0]["kind"],
    "CSV": rows[0]["kind"],
}
for name, word in found.items():
    print(f"{name}: {word}")
assert len(rows) == len(short) == 2
assert found == {"JSON": "cat", "JSON-MIN": "dog", "CSV": "dog"}
PYTHON
echo "still so: label_studio_turns_the_order_of_annotations"

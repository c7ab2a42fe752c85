#!/usr/bin/env bash
# A class folder called "blood test" makes the datasets library drop the photos of every other class, and the labels with them.
# Seen with datasets 5.2.0 and Pillow 13.0.0, on Python 3.11 for Linux.
#
# load_dataset("imagefolder") first looks for names of splits among files and folders, as words that may stand between spaces,
# dots, dashes or underscores: train, training, test, testing, eval, evaluation, dev, val, validation. If one is found, what lies
# elsewhere belongs to no split and is left out; and as the folder that was found counts as a split, it is a class no more where
# it is the only one. Of four classes of which three are called "dev kit", "eval board" and "train set", the fourth is gone, and
# each of the others is a split of its own. The words are in the documentation for repositories; that other folders are then
# left out is not said when it happens. drop_labels=False does not bring the lost photos back; data_files={"train": "**"} does.
#
# Output seen:
#   blood test, healthy: {'test': 3}, labels: none, of 6 photos
#   crayon, dev kit, eval board, train set: {'test': 3, 'train': 3, 'validation': 3}, of 12 photos
#   the first with data_files: {'train': 6}, labels: ['blood test', 'healthy']
#   warnings: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check datasets==5.2.0 pillow==13.0.0
export HF_HUB_OFFLINE=1 HF_HOME="$folder/home"
./venv/bin/python - <<'PYTHON'
import logging
import warnings
from pathlib import Path

from datasets import disable_progress_bars, load_dataset
from PIL import Image

disable_progress_bars()


class Count(logging.Handler):
    def emit(self, record):
        said.append(record)


def photos(folder, *classes):
    for number, name in enumerate(classes):
        Path(folder, name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (8, 8), (40 * number, 20 * i, 0)).save(Path(folder, name, f"{i}.png"))


def sizes(found):
    return dict(sorted((split, len(rows)) for split, rows in found.items()))


photos("health", "blood test", "healthy")
photos("shop", "crayon", "dev kit", "eval board", "train set")
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    logging.getLogger("datasets").addHandler(Count(logging.WARNING))
    health, shop = load_dataset("imagefolder", data_dir="health"), load_dataset("imagefolder", data_dir="shop")
    whole = load_dataset("imagefolder", data_dir="health", data_files={"train": "**"})
labels = [feature for feature in health["test"].features if feature == "label"] or "none"
print(f"blood test, healthy: {sizes(health)}, labels: {labels}, of 6 photos")
assert sizes(health) == {"test": 3} and labels == "none"
print(f"crayon, dev kit, eval board, train set: {sizes(shop)}, of 12 photos")
assert sizes(shop) == {"test": 3, "train": 3, "validation": 3}
names = whole["train"].features["label"].names
print(f"the first with data_files: {sizes(whole)}, labels: {names}")
assert sizes(whole) == {"train": 6} and names == ["blood test", "healthy"]
print(f"warnings: {len(said)}")
assert not said
PYTHON

#!/usr/bin/env bash
# The calibration error of torchmetrics for one and the same classifier of two classes is 0.1 in its binary form and 0 in the other.
# Seen with torchmetrics 1.9.0 and torch 2.14.1, on Python 3.11 for Linux.
#
# Both forms are described as the top-label calibration error: how far the probability of the class that is named is from how often
# it is right. The multiclass form is that. The binary form takes the probability of class 1, of rows that are called 0 as well,
# and compares it with the share of class 1. A model that says 20 % and 80 % where 30 % and 90 % are true errs towards class 0
# everywhere: what it names as likely to 80 % is right in 70 % of the one half and 90 % of the other, and that averages out. So a
# model measured as `task="binary"` and one measured as `task="multiclass", num_classes=2` cannot be compared.
#
# Output seen:
#   binary 0.100, two classes 0.000; computed by hand: 0.100 for class 1, 0.000 for the class that is named
#   said of the binary form: top-1: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check torchmetrics==1.9.0 torch==2.14.1 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import torch
from torchmetrics.classification import BinaryCalibrationError, MulticlassCalibrationError

one = torch.cat([torch.full((1000,), 0.2), torch.full((1000,), 0.8)])
true = torch.cat([torch.arange(1000) < 300, torch.arange(1000) < 900]).long()
binary = float(BinaryCalibrationError(n_bins=10, norm="l1")(one, true))
both = float(MulticlassCalibrationError(num_classes=2, n_bins=10, norm="l1")(torch.stack([1 - one, one], dim=1), true))

low, high = true[:1000].float().mean(), true[1000:].float().mean()
of_one = float(((low - 0.2).abs() + (high - 0.8).abs()) / 2)
of_named = float((((1 - low) + high) / 2 - 0.8).abs())  # both halves name a class with 0.8, and share a bin
print(f"binary {binary:.3f}, two classes {both:.3f}; computed by hand: {of_one:.3f} for class 1, {of_named:.3f} for the class that is named")
assert abs(binary - of_one) < 1e-4 and abs(both - of_named) < 1e-4 and abs(binary - 0.1) < 1e-4 and both < 1e-3
said = "top-1" in (BinaryCalibrationError.__doc__ or "")
print(f"said of the binary form: top-1: {said}")
assert said
PYTHON

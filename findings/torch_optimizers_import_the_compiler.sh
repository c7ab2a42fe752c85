#!/usr/bin/env bash
# Creating any optimiser of torch imports torch's compiler, although nothing is compiled: over 500 more modules.
# Seen with torch 2.14.1, on Python 3.11 for Linux.
#
# Optimizer.add_param_group and step are wrapped to keep the compiler out of them, and the wrappers import torch._dynamo
# (and with it SymPy) when they are first called. On a CPU that takes about as long as `import torch` itself, once in
# every process that trains. A model that only predicts never pays it. inspect.unwrap gives the methods without it.
#
# Output seen (numbers of modules differ a little from machine to machine):
#   after import torch: torch._dynamo imported: False
#   after SGD(...): torch._dynamo imported: True, SymPy: True, over 500 more modules: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import sys

import torch

weight = torch.nn.Parameter(torch.zeros(2))
before = set(sys.modules)
print(f"after import torch: torch._dynamo imported: {'torch._dynamo' in before}")
assert "torch._dynamo" not in before and "sympy" not in before
torch.optim.SGD([weight], lr=0.1)
more = len(set(sys.modules) - before)
found = ["torch._dynamo" in sys.modules, "sympy" in sys.modules, more > 500]
print(f"after SGD(...): torch._dynamo imported: {found[0]}, SymPy: {found[1]}, over 500 more modules: {found[2]}")
assert all(found), more
PYTHON
echo "still so: torch_optimizers_import_the_compiler"

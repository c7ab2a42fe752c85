#!/usr/bin/env bash
# A subclass of Hydra's own sweeper works or fails depending on whether it was defined before Hydra looked for plugins.
# Seen with hydra-core 1.3.8 and OmegaConf 2.3.1, on Python 3.11 for Linux.
#
# Looking for plugins executes the modules of hydra._internal.core_plugins once more, even if they were imported already:
# the name BasicSweeper then means a new class, in the old module as well. The methods of the old class call
# super(BasicSweeper, self), so instances of a subclass made before raise TypeError on creation; the same subclass made
# afterwards works. isinstance against a class imported early is false for the same reason.
#
# Output seen:
#   before Hydra looked for plugins: TypeError: super(type, obj): obj must be an instance or subtype of type
#   afterwards: created
#   the class imported early is the registered one: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1
./venv/bin/python - <<'PYTHON'
from hydra._internal.core_plugins import basic_sweeper
from hydra.core.plugins import Plugins

early = basic_sweeper.BasicSweeper
before = type("Before", (early,), {})
Plugins.instance()
after = type("After", (basic_sweeper.BasicSweeper,), {})
try:
    before(max_batch_size=None)
    raise SystemExit("it could be created")
except TypeError as error:
    assert "super(type, obj)" in str(error)
    print(f"before Hydra looked for plugins: TypeError: {error}")
after(max_batch_size=None)
print("afterwards: created")
print(f"the class imported early is the registered one: {early is basic_sweeper.BasicSweeper}")
assert early is not basic_sweeper.BasicSweeper
PYTHON
echo "still so: hydra_imports_its_plugins_anew"

#!/usr/bin/env bash
# OmegaConf.register_resolver gives another value from 2.3 to 2.4, and no name for it is free of warnings in both.
# Seen with OmegaConf 2.3.1 and 2.4.0, on Python 3.11 for Linux.
#
# 2.3 calls register_resolver deprecated and wants register_new_resolver; 2.4 calls register_new_resolver deprecated and wants
# register_resolver. In between, the older name has got the newer meaning: under 2.3 the function is handed texts and its first
# result is kept, under 2.4 it is handed numbers and called at each look. The same line gives '12' under the one and 3 under the
# other, where nothing is said by 2.4. A program that turns warnings into errors and supports both has to ask for the version.
#
# Output seen:
#   2.3.1 register_resolver: ${name:1,2} is '12', two looks at a counter: 1 1, deprecated: True
#   2.3.1 register_new_resolver: ${name:1,2} is 3, two looks at a counter: 1 2, deprecated: False
#   2.4.0 register_resolver: ${name:1,2} is 3, two looks at a counter: 1 2, deprecated: False
#   2.4.0 register_new_resolver: ${name:1,2} is 3, two looks at a counter: 1 2, deprecated: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >look.py <<'PYTHON'
import itertools
import warnings

import omegaconf
from omegaconf import OmegaConf

for method in ("register_resolver", "register_new_resolver"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        register = getattr(OmegaConf, method)
        register(f"plus_{method}", lambda a, b: a + b)
        numbers = itertools.count(1)
        register(f"next_{method}", lambda step, numbers=numbers: next(numbers))
    config = OmegaConf.create({"sum": f"${{plus_{method}:1,2}}", "number": f"${{next_{method}:1}}"})
    looks = f"{config.number} {config.number}"
    told = any(f"{method}() is deprecated" in str(warning.message) for warning in caught)
    assert told == bool(caught), caught
    print(f"{omegaconf.__version__} {method}: ${{name:1,2}} is {config.sum!r}, two looks at a counter: {looks}, deprecated: {told}")
PYTHON
python3 -m venv older
./older/bin/pip install --quiet --disable-pip-version-check omegaconf==2.3.1
python3 -m venv newer
./newer/bin/pip install --quiet --disable-pip-version-check omegaconf==2.4.0
./older/bin/python look.py | tee found.txt
./newer/bin/python look.py | tee -a found.txt
cat >expected.txt <<'TEXT'
2.3.1 register_resolver: ${name:1,2} is '12', two looks at a counter: 1 1, deprecated: True
2.3.1 register_new_resolver: ${name:1,2} is 3, two looks at a counter: 1 2, deprecated: False
2.4.0 register_resolver: ${name:1,2} is 3, two looks at a counter: 1 2, deprecated: False
2.4.0 register_new_resolver: ${name:1,2} is 3, two looks at a counter: 1 2, deprecated: True
TEXT
diff expected.txt found.txt
echo "still so: omegaconf_swaps_the_meaning_of_register_resolver"

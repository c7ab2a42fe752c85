#!/usr/bin/env bash
# Hydra lists `structured://` in its search path; a program that lists it too, in hydra.searchpath, no longer composes.
# Seen with hydra-core 1.3.8 and OmegaConf 2.3.1, on Python 3.11 for Linux.
#
# The ConfigStore stands last in every search path, after all folders. Listing `structured://` earlier seems the way to put it before them,
# and it is taken as an address. But then Hydra finds its own `hydra/config` there before it finds it at the end, takes the one for a file
# and the other for its schema, and stops with a message on schemas: about an entry that the user did not write, with a link to the notes
# for moving from 1.0 to 1.1, and on a behaviour that "will be removed in Hydra 1.2". The search path is not mentioned.
#
# Output seen:
#   the search path as shown: provider=schema, path=structured://
#   hydra.searchpath=[file://more]: composed
#   hydra.searchpath=[structured://]: ConfigCompositionException
#     'hydra/config' is validated against ConfigStore schema with the same name.
#     This behavior is deprecated in Hydra 1.1 and will be removed in Hydra 1.2.
#     names the search path: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1
mkdir conf more
printf 'x: 1\n' >conf/main.yaml
cat >look.py <<'PYTHON'
import os
import warnings

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException

warnings.simplefilter("ignore")  # hydra/launcher/basic and hydra/sweeper/basic are said to be deprecated in the same words
with initialize_config_dir(os.path.abspath("conf"), version_base="1.3"):
    last = GlobalHydra.instance().hydra.config_loader.get_search_path().get_path()[-1]
    print(f"the search path as shown: {last}")
    for entry in ("file://more", "structured://"):
        try:
            composed = compose("main", [f"hydra.searchpath=[{entry}]"])
        except ConfigCompositionException as error:
            lines = str(error).strip().splitlines()
            print(f"hydra.searchpath=[{entry}]: {type(error).__name__}", *lines[:2], sep="\n  ")
            print("  names the search path:", "searchpath" in str(error) or "search path" in str(error) or "structured:" in str(error))
        else:
            print(f"hydra.searchpath=[{entry}]: {'composed' if composed == {'x': 1} else composed}")
PYTHON
./venv/bin/python look.py | tee found.txt
cat >expected.txt <<'TEXT'
the search path as shown: provider=schema, path=structured://
hydra.searchpath=[file://more]: composed
hydra.searchpath=[structured://]: ConfigCompositionException
  'hydra/config' is validated against ConfigStore schema with the same name.
  This behavior is deprecated in Hydra 1.1 and will be removed in Hydra 1.2.
  names the search path: False
TEXT
diff expected.txt found.txt
echo "still so: hydra_rejects_its_own_search_path_entry"

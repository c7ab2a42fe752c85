#!/usr/bin/env bash
# A single run of Hydra composes its configuration twice, and a multirun of N jobs 2 + 2 N times.
# Seen with hydra-core 1.3.8 and OmegaConf 2.3.1, on Python 3.11 for Linux.
#
# hydra.main first composes everything only to look up `hydra.mode`, then again to run. A multirun composes once for the
# mode, once for the sweep, once per job to see that it can be composed, and once per job to launch it. Files are read
# anew each time, so a program with many groups starts more slowly than its configuration needs, and a sweep of 100 jobs
# composes 202 times.
#
# Output seen:
#   one run: 2 compositions
#   multirun of 3 jobs: 8 compositions
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1
printf 'x: 1\n' >main.yaml
cat >program.py <<'PYTHON'
import atexit

import hydra
from omegaconf import OmegaConf

read = []
load = OmegaConf.load


def counted(file):
    if str(getattr(file, "name", file)).endswith("main.yaml"):
        read.append(file)
    return load(file)


OmegaConf.load = staticmethod(counted)
atexit.register(lambda: print(f"{len(read)} compositions", flush=True))


@hydra.main(config_path=".", config_name="main", version_base="1.3")
def main(cfg):
    pass


main()
PYTHON
quiet="hydra/job_logging=none hydra/hydra_logging=none"
one=$(./venv/bin/python program.py $quiet)
echo "one run: $one"
many=$(./venv/bin/python program.py -m x=1,2,3 $quiet)
echo "multirun of 3 jobs: $many"
[ "$one" = "2 compositions" ] && [ "$many" = "8 compositions" ]
echo "still so: hydra_composes_each_job_again"

#!/usr/bin/env bash
# dask.distributed's Client(n_workers=1) raises ValueError as soon as a scheduler stands in dask's configuration, and does not name it.
# Seen with dask and distributed 2026.8.0 on Python 3.11 for Linux.
#
# Client(n_workers=1) starts a cluster on this machine. Where $DASK_SCHEDULER_ADDRESS (or scheduler-address in dask's file) is set, the same
# call takes that address and then refuses n_workers as unexpected. The message names the arguments but not the setting, so that code
# which runs on one machine fails on another by its environment alone. get_client() does not read that setting: it says that there is no
# client and no address. Who wants either has to ask dask.config.get("scheduler-address") first.
#
# Output seen:
#   without the setting: a cluster of 1 worker
#   with the setting, get_client(): ValueError: No global client found and no address provided
#   with the setting, Client(n_workers=1): ValueError: Unexpected keyword arguments: ['dashboard_address', 'n_workers']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0
cat >clients.py <<'PYTHON'
import os
import sys

from distributed import Client, get_client


def told(call):
    try:
        with call() as client:
            return f"a cluster of {len(client.nthreads())} worker"
    except ValueError as error:
        return f"ValueError: {error}"


def local():
    return Client(n_workers=1, dashboard_address=None)


if __name__ == "__main__":
    if "DASK_SCHEDULER_ADDRESS" in os.environ:
        print("with the setting, get_client():", told(get_client))
        print("with the setting, Client(n_workers=1):", told(local))
    else:
        print("without the setting:", told(local))
PYTHON
env -u DASK_SCHEDULER_ADDRESS ./venv/bin/python clients.py | tee found.txt
DASK_SCHEDULER_ADDRESS=tcp://127.0.0.1:8786 ./venv/bin/python clients.py | tee -a found.txt
cat >expected.txt <<'TEXT'
without the setting: a cluster of 1 worker
with the setting, get_client(): ValueError: No global client found and no address provided
with the setting, Client(n_workers=1): ValueError: Unexpected keyword arguments: ['dashboard_address', 'n_workers']
TEXT
diff expected.txt found.txt

"""Requests a second that `sdl serve` answers on the loopback address, beside its model's own `predict_proba` in this process.

    python benchmarks/serve.py RUN ROWS.csv

RUN is a run on a table; its first rows are sent one by one, 8 at a time, 1,000 in all.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REQUESTS, AT_ONCE = 1000, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("rows", type=Path)
    given = parser.parse_args()
    rows = list(csv.DictReader(given.rows.read_text(encoding="utf-8").splitlines()))
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "sdl_cli", "serve", str(given.run), "--port", str(port)])
    try:
        wait_for(port)
        send(port, rows, 50)  # what is imported with the first requests
        before, begun = memory(server.pid), time.perf_counter()
        failed = send(port, rows, REQUESTS)
        seconds = time.perf_counter() - begun
        print(f"{REQUESTS / seconds:.0f} requests a second, {1000 * seconds / REQUESTS:.2f} ms each, {failed} failed")
        print(f"memory of the server {before} kB before, {memory(server.pid)} kB after")
    finally:
        server.terminate()
        server.wait(20)
    one_by_one(given.run, given.rows)


def send(port: int, rows: list[dict[str, str]], number: int) -> int:
    """Send so many requests of one row each; returns how many were not answered with 200."""

    def some(start: int) -> int:
        connection, failed = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0
        for k in range(start, number, AT_ONCE):
            body = json.dumps({"rows": [rows[k % len(rows)]]})
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            failed += answer.status != 200
        connection.close()
        return failed

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(some, range(AT_ONCE)))


def one_by_one(run: Path, file: Path) -> None:
    """Milliseconds of `predict_proba` of one row in this process, the row ready as the model takes it."""
    import pandas as pd

    import sdl_cli

    stored = sdl_cli.load(run)
    frame = pd.read_csv(file)
    stored.predict_proba(frame.iloc[:1])
    from sdl_cli.learning.models.storage import load_model

    model, values = load_model(run, False)
    import numpy as np

    X = np.zeros((1, *values["inputs"]["shape"]))
    model.predict_proba(X)
    begun = time.perf_counter()
    for _ in range(100):
        model.predict_proba(X)
    print(f"predict_proba by itself {10 * (time.perf_counter() - begun):.2f} ms a row")


def memory(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not answer")


if __name__ == "__main__":
    main()

"""`sdl serve RUN` as a process: it answers, many at once, survives what is malformed, and ends on Ctrl-C."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import BASELINE, Sdl

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

Process = Callable[..., "subprocess.Popen[str]"]


def started(process: subprocess.Popen[str]) -> int:
    """The port of a server that has begun."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("url"):
            return int(line.split()[1].rpartition(":")[2])
    raise AssertionError(process.stderr and process.stderr.read())


def ask(port: int, body: bytes | None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET" if body is None else "POST", "/health" if body is None else "/predict", body, named)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def test_it_answers_until_it_is_stopped(sdl: Sdl, sdl_process: Process) -> None:
    assert sdl(f"train dataset=wine {BASELINE} -q hydra.run.dir=runs/w").code == 0
    process = sdl_process("serve runs/w --port 0")
    try:
        port = started(process)
        assert ask(port, None) == (200, {"status": "ok"})
        row = [13.2, 1.78, 2.14, 11.2, 100.0, 2.65, 2.76, 0.26, 1.28, 4.38, 1.05, 3.4, 1050.0]
        body = json.dumps({"rows": [row]}).encode()
        answers: list[tuple[int, Any]] = []
        threads = [
            threading.Thread(target=lambda: answers.extend(ask(port, body, Content_Type="application/json") for _ in range(10)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 80 and all(found == answers[0] for found in answers)
        assert answers[0][0] == 200 and answers[0][1]["predictions"][0]["prediction"] == "class_0"
        letters = random.Random(0)
        bad = [b"", b"{", b"null", b'{"rows": 1}', b"[[1]]", b"[{}]", b"[" * 3000, b"[1e999]"]
        bad += [letters.randbytes(40) for _ in range(20)]
        for wrong in bad:
            status, found = ask(port, wrong, Content_Type="application/json")
            assert 400 <= status < 500 and set(found["error"]) == {"kind", "message", "hint"}, wrong
        assert ask(port, body, Content_Type="application/json") == answers[0]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and "Stopped after 110 requests, 28 of them refused." in out and err == ""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("serve runs/none", "runs/none: there is no such run folder."),
        ("serve runs/none --host 0.0.0.0", "others can reach this address, so requests must bring a token."),
        ("serve runs/none --token-file missing", "--token-file: missing cannot be read."),
        ("serve runs/none --port 99999", "Invalid value for '--port': Input should be less than or equal to 65535"),
    ],
)
def test_what_cannot_be_served(command: str, words: str, sdl: Sdl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SDL_SERVE_TOKEN", raising=False)
    found = sdl(command)
    assert found.code == 2 and words in found.err and "Traceback" not in found.err


def test_a_token_from_the_environment(sdl: Sdl, sdl_process: Process, tmp_path: Path) -> None:
    assert sdl(f"train dataset=iris {BASELINE} -q hydra.run.dir=runs/i").code == 0
    token = "letters-and-digits-0123456789"
    process = sdl_process("serve runs/i --port 0 --json", SDL_SERVE_TOKEN=token)
    try:
        assert process.stderr is not None
        port = next(int(line.split()[1].rpartition(":")[2]) for line in process.stderr if line.startswith("url"))
        body = json.dumps([[5.1, 3.5, 1.4, 0.2]]).encode()
        assert ask(port, body, Content_Type="application/json")[0] == 401
        assert ask(port, body, Content_Type="application/json", Authorization=f"Bearer {token}")[0] == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and json.loads(out) == {"url": f"http://127.0.0.1:{port}", "requests": 2, "refused": 1}
    assert token not in err and os.sep not in json.loads(out)["url"].removeprefix("http://")

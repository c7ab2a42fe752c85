"""From the command line of `sdl serve` to a server that runs, and to what it says when it ends."""

from __future__ import annotations

import gc
import importlib.util
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, StopSignal
from sdl_cli.phrases import counted
from sdl_cli.report.console import Display
from sdl_cli.report.watching import observe_run
from sdl_cli.run import run_folder, stored
from sdl_cli.settings.parts import permission

Values = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Where to listen, and who may ask: a file with a token, and more names of this server."""

    host: str
    port: int
    token_file: Path | None
    names: tuple[str, ...]


def serve(folder: Path, asked: Asked, most_rows: int, most_bytes: int, trust: bool, display: Display) -> Values:
    """Serve a run until it is stopped. Returns `{"url", "requests", "refused"}`.

    Raises ConfigError: the extra is not installed, the address cannot be used, or a token is needed.
    """
    lacking = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if lacking:
        raise ConfigError(f"sdl serve needs {' and '.join(lacking)}.", 'Install it: pip install "sdl-cli[serve]"')
    from sdl_cli.cli import serve as http
    from sdl_cli.cli import serve_checks as checks
    from sdl_cli.run.answering import Answering

    token = checks.read_token(asked.host, asked.token_file)
    bound = http.listen(asked.host, asked.port)
    permission.begin(display.notice, trust)
    with bound, stored.reading(folder):
        run = Answering(run_folder.read_run(stored.single_run(folder, display.notice)), observe_run(display), trust)
        port = bound.getsockname()[1]
        shown = f"[{asked.host}]" if ":" in asked.host and not asked.host.startswith("[") else asked.host
        url = f"http://{shown}:{port}"
        is_local = checks.is_loopback(asked.host)
        own = () if is_local else (socket.gethostname().lower(), asked.host.lower())
        hosts = frozenset((*checks.LOCAL_NAMES, *own, *(name.lower() for name in asked.names)))
        server = http.Server(run, http.Limits(most_rows, most_bytes), token, hosts, only_named=is_local)
        app = http.build_app(server)
        if not is_local:
            display.notice("Requests and answers are not encrypted: on an open network put a proxy with TLS before this server.")
        display.lines([f"run     {run.run.folder}", f"url     {url} (POST {url}/predict; Ctrl-C ends it)"])
        display.out.flush()
        gc.freeze()  # the model is never garbage
        try:
            http.run_server(app, bound)
        except (KeyboardInterrupt, StopSignal):  # the usual end of a server
            pass
        finally:
            server.worker.shutdown(wait=False, cancel_futures=True)
    display.lines([f"Stopped after {counted(server.requests, 'request')}, {server.refused:,} of them refused."])
    return {"url": url, "requests": server.requests, "refused": server.refused}

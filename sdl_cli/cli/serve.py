"""`sdl serve RUN`: a finished run that answers over HTTP, by FastAPI and uvicorn (the extra `serve`).

Whoever can reach the address can ask: on any but the loopback one a token is needed. Pages of other sites that a browser shows
cannot: the Host header must name this server, and what they could send without asking first is refused by its content type.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sdl_cli import __version__
from sdl_cli.cli.serve_checks import RefusedError, body, check_host, check_token
from sdl_cli.cli.serve_page import PAGE_HEADERS, openapi_body, page
from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.files import plain_json
from sdl_cli.phrases import counted, shortened
from sdl_cli.run.answering import SUFFIXES, Answering

Values = dict[str, Any]
SECONDS_TO_SEND = 30.0  # within which a request must have sent its body
OWN_FAULT = "Something went wrong that should not; the server's own output says what."
MOST_WAITING = 64  # requests at once, beyond which the answer is 503


@dataclass(frozen=True)
class Limits:
    """What one request may hold: rows, texts or series, and bytes."""

    rows: int = 10_000
    bytes: int = 10_000_000


@dataclass
class Server:
    """What the answers need.

    Arguments:
        run: answers requests. token: that each must bring, or None.
        hosts: names by which the Host header may call this server; addresses in numbers are taken too unless `only_named`.
        requests, refused: how many there were, and how many of them had an answer of 4xx or 5xx.
    """

    run: Answering
    limits: Limits
    token: str | None
    hosts: frozenset[str]
    only_named: bool
    requests: int = 0
    refused: int = 0
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "answering"))


def build_app(server: Server) -> Guard:
    """The application: `POST /predict`, `GET /health`, a page that explains both, and `/openapi.json`."""
    # the usual pages load scripts from elsewhere
    app = FastAPI(
        title="sdl serve",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        description=_about(server),
    )

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        hints = {404: "There are /predict, /health, / and /openapi.json.", 405: "Predictions are asked for with POST /predict."}
        words = {404: f"{shortened(request.url.path)}: there is nothing here.", 405: f"{request.method} is not possible here."}
        said = words.get(error.status_code, str(error.detail))
        return _problem(server, RefusedError(error.status_code, said, hints.get(error.status_code, ""), error.headers))

    @app.post("/predict", openapi_extra=openapi_body(server.run, server.limits.rows), summary="Predict")
    async def predict(request: Request) -> Response:
        try:
            content = await asyncio.wait_for(body(request, server.limits.bytes), SECONDS_TO_SEND)
            media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(server.worker, answer_to, server, content, media)
        except TimeoutError:
            message = f"The request was not sent within {SECONDS_TO_SEND:.0f} seconds."
            return _problem(server, RefusedError(408, message, "", {"Connection": "close"}))
        except RefusedError as refused:
            return _problem(server, refused)
        except SdlError as error:
            return _problem(server, RefusedError(422 if error.exit_code == 2 else 500, error.message, error.hint))
        except Exception as error:
            if isinstance(error, ClientDisconnect):
                raise
            print_error(error)
            return _problem(server, RefusedError(500, OWN_FAULT))
        return Response(found, media_type="application/json")

    @app.get("/health", summary="Whether the server answers")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/", response_class=HTMLResponse, summary="This service, explained")
    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def explained(request: Request) -> Response:
        address = f"http://{request.headers['host']}"
        return HTMLResponse(page(server.run, server.limits.rows, server.token is not None, address), headers=PAGE_HEADERS)

    return Guard(app, server)


class Guard:
    """The application behind what every request must pass: the Host header, and the token."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self.app, self.server = app, server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no web sockets
        server, begun = self.server, False
        server.requests += 1

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [
                    *message["headers"],
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        try:
            headers = Headers(scope=scope)
            check_host(headers.get("host", ""), server.hosts, server.only_named)
            if scope["path"] != "/health":
                check_token(headers.get("authorization", ""), server.token)
            await self.app(scope, receive, send_with_headers)
        except RefusedError as refused:
            await _problem(server, refused)(scope, receive, send_with_headers)
        except ClientDisconnect:  # who asked is gone
            server.refused += 1
        except Exception as error:
            print_error(error)
            if begun:
                raise
            await _problem(server, RefusedError(500, OWN_FAULT))(scope, receive, send_with_headers)


def _problem(server: Server, refused: RefusedError) -> Response:
    server.refused += 1
    error = {"kind": "request", "message": refused.message, "hint": refused.hint}
    return JSONResponse({"error": error}, refused.status, refused.headers)


def answer_to(server: Server, content: bytes, media: str) -> bytes:
    """The JSON that answers a request's body. Raises RefusedError or SdlError for one that cannot be answered."""
    takes = server.run.takes
    if takes == "photo":
        if media == "application/json" or not (
            media in SUFFIXES or media.startswith("image/") or media == "application/octet-stream"
        ):
            known = "Content-Type: image/jpeg"
            raise RefusedError(
                415, "This run takes one photo: the content of an image file as the body.", f"Send it with {known}"
            )
        if not content:
            raise RefusedError(400, "The request has no body.", "Send the content of an image file.")
        found = server.run.of_photo(content, media)
    else:
        if media != "application/json":
            raise RefusedError(
                415,
                f"This run takes JSON, not {shortened(media or 'a request without a content type', 40)}.",
                "Send it with Content-Type: application/json",
            )
        items = _items(content, takes, server.limits.rows)
        found = getattr(server.run, f"of_{takes}")(items)
    return json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _items(content: bytes, takes: str, most: int) -> list[Any]:
    """The list in a request's JSON: by itself, or under its name."""
    try:
        if b"NaN" in content or b"Infinity" in content:
            json.loads(content, parse_constant=_no_number)
        values = plain_json(content)
    except (ValueError, UnicodeError) as error:
        raise RefusedError(400, f"The body is not JSON: {shortened(error, 120)}.", f'Send {{"{takes}": [...]}}.') from error
    if isinstance(values, dict):
        if takes not in values:
            raise RefusedError(422, f'The body has no "{takes}".', f'Send {{"{takes}": [...]}}.')
        values = values[takes]
    if not isinstance(values, list):
        raise RefusedError(422, f'"{takes}" is not a list.', f'Send {{"{takes}": [...]}}, also for one.')
    if len(values) > most:
        raise RefusedError(
            413,
            f"The request has {counted(len(values), 'row')}, and at most {most:,} are answered at once.",
            "Send several requests, or use sdl predict.",
        )
    if not values:
        raise RefusedError(422, f'"{takes}" is empty.', "Send at least one.")
    return values


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def print_error(error: BaseException) -> None:
    import traceback

    from sdl_cli.report.layout import say

    say("".join(traceback.format_exception(error)), sys.stderr, flush=True)


def _about(server: Server) -> str:
    return f"Predictions of the run {server.run.run.folder.name}, for {server.run.takes}."


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError where the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # without the protocol asyncio leaves small packets waiting for 40 ms, as it does not see that this is TCP
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host.strip("[]"), port))
        found.listen(128)
    except OSError as error:
        found.close()
        hint = "Another program may use it: choose another with --port, or --port 0 for any that is free."
        raise ConfigError(f"{host}:{port}: cannot listen here: {error.strerror or error}.", hint) from error
    return found


def run_server(app: Any, bound: socket.socket) -> None:
    """Answer until Ctrl-C, SIGTERM or SIGHUP; requests that have begun are answered first."""
    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, timeout_keep_alive=15, limit_concurrency=MOST_WAITING,
        timeout_graceful_shutdown=10, lifespan="off", h11_max_incomplete_event_size=32_768,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[bound])

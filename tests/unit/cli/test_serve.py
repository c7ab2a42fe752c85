"""The server without a network: who may ask, what a request may hold, and that whatever is wrong is said in JSON with 4xx."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sdl_cli.errors import ConfigError, DataError

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from sdl_cli.cli import serve, serve_checks  # noqa: E402

TOKEN = "a-token-of-letters-and-digits-1"


class Echo:
    """A run that answers how many rows came."""

    takes = "rows"
    names = ["age", "<b>sex</b>"]
    columns: list[Any] = []
    classes = ["<i>no</i>", "yes"]
    inputs = {"features": ["age", "<b>sex</b>"], "ranges": [[1.0, 9.0], None], "modality": "table"}
    run = SimpleNamespace(folder=Path("my <run>"))

    def of_rows(self, rows: list[Any]) -> dict[str, Any]:
        if rows == ["wrong"]:
            raise DataError("Row 1 is wrong.", "Send another.")
        if rows == ["crash"]:
            raise ZeroDivisionError("a secret")
        return {"predictions": [{"prediction": "yes"}] * len(rows), "notes": []}

    def of_photo(self, content: bytes, media: str) -> dict[str, Any]:
        return {"predictions": [{"prediction": media}], "notes": []}


def server(
    token: str | None = None, only_named: bool = True, takes: str = "rows", rows: int = 3, size: int = 1000
) -> serve.Server:
    run = Echo()
    run.takes = takes
    return serve.Server(run, serve.Limits(rows, size), token, frozenset(serve_checks.LOCAL_NAMES), only_named)  # type: ignore[arg-type]


def ask(
    own: serve.Server, method: str, path: str, body: bytes | list[bytes] = b"", **headers: str
) -> tuple[int, dict[str, str], str]:
    """The status, the headers and the text that a request gets."""
    named = {"host": "127.0.0.1:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    parts = body if isinstance(body, list) else [body]
    messages = [{"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": raw,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    asyncio.run(serve.build_app(own)(scope, receive, send))  # type: ignore[arg-type]
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]).decode()


JSON = {"content_type": "application/json"}


def test_rows_are_answered_in_a_list_or_under_their_name() -> None:
    for body in (b'{"rows": [{}, {}]}', b"[{}, {}]"):
        status, headers, text = ask(server(), "POST", "/predict", body, **JSON)
        assert status == 200 and json.loads(text) == {"predictions": [{"prediction": "yes"}] * 2, "notes": []}
        assert headers["content-type"] == "application/json" and headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "words"),
    [
        ("POST", "/predict", b"", JSON, 400, "The body is not JSON"),
        ("POST", "/predict", b"{", JSON, 400, "The body is not JSON"),
        ("POST", "/predict", b"\xff", JSON, 400, "The body is not JSON"),
        ("POST", "/predict", b"[" * 900, JSON, 400, "The body is not JSON"),
        ("POST", "/predict", b"[NaN]", JSON, 400, "NaN is no number of JSON"),
        ("POST", "/predict", b"null", JSON, 422, '"rows" is not a list.'),
        ("POST", "/predict", b"{}", JSON, 422, 'The body has no "rows".'),
        ("POST", "/predict", b'{"rows": 3}', JSON, 422, '"rows" is not a list.'),
        ("POST", "/predict", b"[]", JSON, 422, '"rows" is empty.'),
        ("POST", "/predict", b"[1,2,3,4]", JSON, 413, "The request has 4 rows, and at most 3 are answered at once."),
        ("POST", "/predict", b"[" + b" " * 2000 + b"]", JSON, 413, "longer than 0.001 MB"),
        ("POST", "/predict", [b"[", b" " * 999, b" "], JSON, 413, "longer than 0.001 MB"),
        ("POST", "/predict", b"[]", {"content_type": "application/json", "content_length": "99999"}, 413, "longer than 0.001 MB"),
        ("POST", "/predict", b"[{}]", {"content_type": "text/plain"}, 415, "This run takes JSON, not text/plain."),
        ("POST", "/predict", b"[{}]", {}, 415, "not a request without a content type"),
        ("POST", "/predict", b'["wrong"]', JSON, 422, "Row 1 is wrong."),
        ("GET", "/predict", b"", {}, 405, "GET is not possible here."),
        ("GET", "/nothing", b"", {}, 404, "/nothing: there is nothing here."),
        ("GET", "/health", b"", {"host": "evil.example"}, 400, "Host evil.example: this server is not called so."),
        ("GET", "/health", b"", {"host": "127.0.0.1.evil.example:8000"}, 400, "this server is not called so."),
        ("GET", "/health", b"", {"host": "192.168.0.3:8000"}, 400, "this server is not called so."),
        ("GET", "/health", b"", {"host": ""}, 400, "Host missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(method: str, path: str, body: Any, headers: dict[str, str], status: int, words: str) -> None:
    own = server()
    found, answered, text = ask(own, method, path, body, **headers)
    error = json.loads(text)["error"]
    assert found == status and words in error["message"] and set(error) == {"kind", "message", "hint"}
    assert answered["content-type"] == "application/json" and own.requests == own.refused == 1


def test_a_failure_of_ours_says_nothing_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, text = ask(server(), "POST", "/predict", b'["crash"]', **JSON)
    assert status == 500 and "secret" not in text and "a secret" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:99", "[::1]:8000", "LOCALHOST:8000"])
def test_the_names_of_this_machine_are_good(host: str) -> None:
    assert ask(server(), "GET", "/health", host=host)[::2] == (200, '{"status":"ok"}')


def test_elsewhere_an_address_in_numbers_is_good_and_a_name_must_be_known() -> None:
    own = server(TOKEN, only_named=False)
    assert ask(own, "GET", "/health", host="192.168.0.3:8000")[0] == 200
    assert ask(own, "GET", "/health", host="evil.example")[0] == 400


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        ("", 401),
        (f"Bearer {TOKEN}x", 401),
        (TOKEN, 401),
        ("Bearer größe", 401),
    ],
)
def test_a_token_is_needed_where_there_is_one(header: str, status: int) -> None:
    own = server(TOKEN)
    found, headers, text = ask(own, "POST", "/predict", b"[{}]", authorization=header, **JSON)
    assert found == status and TOKEN not in text
    assert status == 200 or headers["www-authenticate"] == "Bearer"
    assert ask(own, "GET", "/openapi.json")[0] == ask(own, "GET", "/")[0] == 401 and ask(own, "GET", "/health")[0] == 200


def test_a_photo_is_a_body_of_its_own() -> None:
    own = server(takes="photo")
    assert ask(own, "POST", "/predict", b"\xff\xd8\xff", content_type="image/jpeg")[0] == 200
    assert ask(own, "POST", "/predict", b"[{}]", **JSON)[0] == 415
    assert ask(own, "POST", "/predict", b"x", content_type="text/html")[0] == 415
    assert ask(own, "POST", "/predict", b"", content_type="image/png")[0] == 400


def test_the_page_shows_names_as_text_and_loads_nothing() -> None:
    status, headers, text = ask(server(), "GET", "/")
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    assert (
        "<script" not in text and "src=" not in text and "<b>sex" not in text and "<i>no" not in text and "my <run>" not in text
    )
    assert "my &lt;run&gt;" in text and "a number, 1 to 9 in training" in text and "http://127.0.0.1:8000/predict" in text
    assert ask(server(), "GET", "/docs")[2] == text
    described = json.loads(ask(server(), "GET", "/openapi.json")[2])
    schema = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (
        schema["properties"]["rows"]["items"]["required"] == ["age", "<b>sex</b>"]
        and schema["properties"]["rows"]["maxItems"] == 3
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.1.2.3"])
def test_the_loopback_address_needs_no_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serve_checks.TOKEN, raising=False)
    assert serve_checks.is_loopback(host) and serve_checks.read_token(host, None) is None
    monkeypatch.setenv(serve_checks.TOKEN, TOKEN)
    assert serve_checks.read_token(host, None) == TOKEN


def test_any_other_address_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serve_checks.TOKEN, raising=False)
    file = tmp_path / "token"
    for host in ("0.0.0.0", "192.168.0.3", "::", "example", "127.0.0.1.example"):
        assert not serve_checks.is_loopback(host)
        with pytest.raises(ConfigError, match="others can reach this address, so requests must bring a token"):
            serve_checks.read_token(host, None)
        file.write_text(TOKEN + "\n")
        assert serve_checks.read_token(host, file) == TOKEN
    for text in ("short", "two words of many letters", "größe-größe-größe-größe"):
        file.write_text(text)
        with pytest.raises(ConfigError, match="The token must have at least 16 letters and digits"):
            serve_checks.read_token("127.0.0.1", file)
    for text in ("", None):
        file.unlink() if text is None else file.write_text(text)
        with pytest.raises(ConfigError):
            serve_checks.read_token("127.0.0.1", file)


def test_answers_are_sent_at_once_and_do_not_wait_for_the_client() -> None:
    """Otherwise each answer of two packets takes 40 ms: findings/uvicorn_on_a_socket_of_ones_own_waits_40_ms.sh."""

    async def delay_is_off(bound: socket.socket) -> bool:
        found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        class Look(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted = transport.get_extra_info("socket")
                found.set_result(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))

        server = await asyncio.get_running_loop().create_server(Look, sock=bound)
        async with server:
            _, writer = await asyncio.open_connection(*bound.getsockname())
            answer = await found
            writer.close()
        return answer

    assert asyncio.run(delay_is_off(serve.listen("127.0.0.1", 0)))


def test_an_address_in_use_is_named() -> None:
    with serve.listen("127.0.0.1", 0) as bound, pytest.raises(ConfigError, match="cannot listen here: Address already in use"):
        serve.listen("127.0.0.1", bound.getsockname()[1])
    with pytest.raises(ConfigError, match="cannot listen here"):
        serve.listen("203.0.113.1", 0)

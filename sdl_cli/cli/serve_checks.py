"""Who may ask `sdl serve`, and how much at once: the address, the token, the Host header, and the length of a request."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError
from sdl_cli.phrases import shortened

TOKEN, FEWEST_LETTERS = "SDL_SERVE_TOKEN", 16
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


class RefusedError(Exception):
    """An answer of 4xx: its status, and a message and hint as of any error."""

    def __init__(self, status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.hint, self.headers = status, message, hint, dict(headers or {})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_token(host: str, file: Path | None) -> str | None:
    """The token that requests must bring, from a file or the environment; None where there is none, on the loopback address.

    Raises ConfigError: none is given and others reach the address, or it is too short to be one.
    """
    found = os.environ.get(TOKEN)
    if file is not None:
        try:
            found = file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"--token-file: {file} cannot be read.", "Give a text file that holds the token.") from error
    if not found:
        if is_loopback(host) and file is None:
            return None
        hint = f"Put one of at least {FEWEST_LETTERS} letters into {TOKEN}, or into a file: --token-file FILE"
        raise ConfigError(f"--host {host}: others can reach this address, so requests must bring a token.", hint)
    if len(found) < FEWEST_LETTERS or not found.isascii() or not found.isprintable() or " " in found:
        raise ConfigError(
            f"The token must have at least {FEWEST_LETTERS} letters and digits, without blanks.", "Make a longer one."
        )
    return found


async def body(request: Any, most: int) -> bytes:
    """The body of a request, read only as far as it may be long."""
    declared = request.headers.get("content-length", "")
    too_long = RefusedError(
        413, f"The request is longer than {most / 1e6:.3g} MB.", "Send less at once, or use sdl predict.", {"Connection": "close"}
    )
    if declared.isdigit() and int(declared) > most:
        raise too_long
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise too_long
        parts.append(part)
    return b"".join(parts)


def check_host(header: str, hosts: frozenset[str], only_named: bool) -> None:
    """Raise RefusedError unless the Host header names this server: what a page elsewhere sends to a name of its own does not.

    Arguments:
        hosts: its names. only_named: no address in numbers is good that is not among them.
    """
    name = header.lower()
    host = name[: name.index("]") + 1] if name.startswith("[") and "]" in name else name.partition(":")[0]
    if host in hosts:
        return
    try:
        ipaddress.ip_address(host.strip("[]"))
        is_number = not only_named
    except ValueError:
        is_number = False
    if not is_number:
        known = next((one for one in sorted(hosts) if one not in ("0.0.0.0", "[::]", "::")), "127.0.0.1")
        hint = f"Use {known}, or name it at the start: --allow-host NAME"
        raise RefusedError(400, f"Host {shortened(header, 80) or 'missing'}: this server is not called so.", hint)


def check_token(header: str, token: str | None) -> None:
    """Raise RefusedError unless the request brings the token, where one is needed."""
    if token is None:
        return
    kind, _, given = header.partition(" ")
    if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        hint = "Send it with Authorization: Bearer TOKEN"
        raise RefusedError(401, "The request brings no valid token.", hint, {"WWW-Authenticate": "Bearer"})

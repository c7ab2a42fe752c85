"""A headless Chromium over its debugging pipe (the DevTools protocol), as far as looking at one page needs it."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--disable-extensions", "--remote-debugging-pipe"),
)
WAIT_SECONDS = 60.0


def program() -> str | None:
    """Where Chromium is, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Page:
    """One tab. `complaints` collects errors and warnings of the console, and `requests` every address that was asked for."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write, self._number, self._buffer = read, write, 0, b""
        self._loaded = False
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")

    def open(self, file: Path, width_px: int, height_px: int = 900, dark: bool = False) -> None:
        """Show a file at a width, in light or in dark."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._send("Emulation.setEmulatedMedia", features=scheme)
        mobile = {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": width_px < 600}
        self._send("Emulation.setDeviceMetricsOverride", **mobile)
        self._loaded = False
        self._send("Page.navigate", url=file.absolute().as_uri())
        end = time.monotonic() + WAIT_SECONDS
        while not self._loaded:
            self._take(end)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; it runs from outside, so that the page's own policy does not stop it."""
        return self._send("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, whole: bool = False) -> bytes:
        """A PNG of what is in view, or of the whole page."""
        return base64.b64decode(self._send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])

    def click_to_save(self, selector: str, number: int, folder: Path) -> Path:
        """Click on one of the links that save a file, and wait for the file, which must be alone in the folder by then."""
        self._send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.evaluate(f"document.querySelectorAll('{selector}')[{number}].click()")
        end = time.monotonic() + WAIT_SECONDS
        while True:
            found = [file for file in folder.iterdir() if file.suffix != ".crdownload" and not file.name.startswith(".")]
            if found and found[0].stat().st_size:
                return found[0]
            assert time.monotonic() < end, "Chromium saves nothing"
            time.sleep(0.05)

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + WAIT_SECONDS
        while True:
            answer = self._take(end)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _take(self, end: float) -> dict[str, Any]:
        """The next message; events are looked at on the way."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            assert ready, "Chromium does not answer"
            piece = os.read(self._read, 1 << 16)
            assert piece, "Chromium has ended"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown" or (
            method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert")
        ):
            self.complaints.append(json.dumps(params)[:500])
        return message


@contextmanager
def browser() -> Iterator[Page]:
    """A tab of a Chromium of its own, which is ended afterwards."""
    found = program()
    assert found is not None
    to_read, to_write = os.pipe(), os.pipe()  # its file descriptors 3 and 4

    def place() -> None:
        # both are moved out of the way first, since either may be 3 or 4 already
        source, sink = os.dup(to_read[0]), os.dup(to_write[1])
        source, sink = (fd if fd > 4 else os.dup(fd) for fd in (source, sink))
        os.dup2(source, 3)
        os.dup2(sink, 4)

    with tempfile.TemporaryDirectory(prefix="sdl-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [found, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            close_fds=False,
            preexec_fn=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read[0])
        os.close(to_write[1])
        try:
            yield Page(to_write[0], to_read[1])
        finally:
            process.kill()
            process.wait()
            os.close(to_read[1])
            os.close(to_write[0])

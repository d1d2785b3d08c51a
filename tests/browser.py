"""Headless Chromium over its own pipe, for tests of pages: https://chromedevtools.github.io/devtools-protocol/."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "headless-shell")
_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--hide-scrollbars",
)
#: The browser wants its pipe as file descriptors 3 and 4.
_START = """import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def chromium() -> str | None:
    """Return the browser's path; None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab. ``events`` are all that the browser told meanwhile, in order."""

    def __init__(self, read: int, write: int) -> None:
        """Take the pipe's ends and open a tab."""
        self._read, self._write, self._buffer, self._number = read, write, b"", 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        tab = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Return the answer to a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, path: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Load a file into a window of that size and wait until it is there."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self._told("Page.loadEventFired"):
            self.events.append(self._next())

    def value(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """Return what a script evaluates to."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def shoot(self, path: Path, *, whole: bool = False) -> None:
        """Write a picture of the window, or of the whole page."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(b64decode(picture["data"]))

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, its own file left out."""
        asked = [e["params"]["request"]["url"] for e in self._told("Network.requestWillBeSent")]
        return [url for url in asked if not url.startswith(("file://", "data:"))]

    def complaints(self) -> list[str]:
        """Return errors and warnings on the console, exceptions among them."""
        told = [
            *self._told("Runtime.exceptionThrown"),
            *self._told("Log.entryAdded"),
            *self._told("Runtime.consoleAPICalled"),
        ]
        return [json.dumps(event["params"]) for event in told]

    def _told(self, method: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("method") == method]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._read, 1 << 20)
            assert piece, "the browser has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def page(directory: Path) -> Iterator[Page]:
    """Give a tab of a browser that keeps what it writes below ``directory``."""
    path = chromium()
    assert path
    commands, answers = os.pipe(), os.pipe()
    profile = f"--user-data-dir={directory / 'profile'}"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _START,
            str(commands[0]),
            str(answers[1]),
            path,
            *_QUIET,
            profile,
            "--remote-debugging-pipe",
        ],
        pass_fds=(commands[0], answers[1]),
        stderr=subprocess.DEVNULL,
    )
    os.close(commands[0])
    os.close(answers[1])
    try:
        yield Page(answers[0], commands[1])
    finally:
        os.close(commands[1])
        os.close(answers[0])
        process.terminate()
        process.wait(20)

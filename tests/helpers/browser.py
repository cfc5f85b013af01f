"""Control a headless Chromium for tests through its DevTools pipe: pages, keys, scripts; no driver, port or network.

The messages are JSON separated by zero bytes on file descriptors 3 and 4 (`--remote-debugging-pipe`).
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEYS = {"Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39}
KEYS |= {"ArrowDown": 40, "Tab": 9, "/": 191}


def find_chromium() -> str | None:
    """Return the browser's path, or None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One tab."""

    def __init__(self, writing: int, reading: int) -> None:
        self._writing, self._reading, self._rest, self._number = writing, reading, b"", 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path, state: str = "") -> None:
        """Load a page, with `state` after # in its address; return after its load event."""
        for address in ("about:blank", page.as_uri() + (f"#{state}" if state else "")):
            self.events.clear()
            self.call("Page.navigate", url=address)
            while not any(event["method"] == "Page.loadEventFired" for event in self.events):
                self.events.append(self._read())

    def js(self, expression: str) -> Any:
        """Return the value of an expression in the page; promises are awaited, exceptions fail the test."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        common: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window and the preferred colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def errors(self) -> list[dict[str, Any]]:
        """Return exceptions, and messages of the console or the content security policy, since the page was opened."""
        self.js("0")
        return [event for event in self.events if event["method"] in {"Runtime.exceptionThrown", "Log.entryAdded"}]

    def requests(self) -> list[str]:
        """Return every requested address since the page was opened, without images inside the page."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [url for event in sent if not (url := event["params"]["request"]["url"]).startswith("data:")]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._reading, 1 << 20)
            assert read, "the browser ended"
            self._rest += read
        message, self._rest = self._rest.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextmanager
def open_browser(binary: str, profile: Path) -> Iterator[Page]:
    """Start a browser with one tab and stop it afterwards; `profile` is an empty folder."""
    its_reading, writing = os.pipe()
    reading, its_writing = os.pipe()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
    command = [binary, *flags, f"--user-data-dir={profile}", "about:blank"]
    redirected = f'exec "$@" 3<&{its_reading} 4>&{its_writing}'
    process = subprocess.Popen(
        ["bash", "-c", redirected, "browser", *command],
        pass_fds=(its_reading, its_writing),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_reading)
    os.close(its_writing)
    try:
        page = Page(writing, reading)
        page.size(1400, 1000)
        yield page
        page.call("Browser.close")
    finally:
        process.terminate()
        process.wait(20)
        os.close(writing)
        os.close(reading)

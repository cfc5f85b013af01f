"""A Hugging Face hub on loopback with one model: the part of the protocol that a snapshot download needs."""

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "house/model"
GATED = "house/gated"


class Hub(ThreadingHTTPServer):
    """Serves the files of `folder` as the model NAME, branch main and one commit; GATED is refused to everybody."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def environment(self, home: Path) -> dict[str, str]:
        """Return the variables that make a process use this hub, and `home` as an empty cache."""
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # no connection outlives the server
    server: Hub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        if re.fullmatch(rf"/api/models/{NAME}(/revision/(main|{COMMIT}))?", path):
            siblings = [{"rfilename": file.name, "size": file.stat().st_size} for file in self._files()]
            self._answer(200, {"id": NAME, "sha": COMMIT, "siblings": siblings})
        elif re.fullmatch(rf"/api/models/{NAME}/tree/(main|{COMMIT})", path):
            self._answer(200, [self._entry(file) for file in self._files()])
        elif match := re.fullmatch(rf"/{NAME}/resolve/(?:main|{COMMIT})/([^/]+)", path):
            file = self.server.folder / match[1]
            if file.is_file():
                headers = {"ETag": f'"{self._entry(file)["oid"]}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
                self._answer(200, file.read_bytes(), headers)
            else:
                self._answer(404, {"error": "none"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        elif f"/{GATED}" in path:
            self._answer(403, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
        else:
            code = "RevisionNotFound" if f"/{NAME}/" in path else "RepoNotFound"
            self._answer(404, {"error": "none"}, {"X-Error-Code": code})

    do_HEAD = do_GET

    def _files(self) -> list[Path]:
        return sorted(self.server.folder.iterdir())

    def _entry(self, file: Path) -> dict[str, Any]:
        digest = hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
        return {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": digest}

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Print nothing; requests are in `asked`."""


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Hub]:
    """Run a hub inside the block."""
    hub = Hub(folder)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()

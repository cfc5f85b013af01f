"""Two servers on loopback: a hub with data sets, and an image server that can fail in every known way."""

import contextlib
import gzip
import hashlib
import io
import json
import re
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
from PIL import Image

COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
NAME = "DBQ/Burberry.Product.prices.United.States"
GATED = "house/gated"
LEAF_CATEGORIES = ("COATS", "N.A.", "SHIRTS", "SNEAKERS", "HATS%20%26%20GLOVES", "VIEW ALL", "CROSSBODY")


def image_bytes(number: int, size: int = 16, kind: str = "JPEG") -> bytes:
    """Return a small image of noise, different for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


def dbq_table(num_rows: int, url: str) -> pd.DataFrame:
    """Return a table with the exact 17 columns and types of the data set of 2023, and its oddities.

    int64 codes, "N.A." in category3_code and in imageurl, percent-encoded categories, one product in 40 listed once
    more under VIEW ALL. Every 19th image is missing, every 97th response is a page; `url` is that of the image server.
    """
    rows = []
    for k in range(num_rows):
        repeated = k % 40 == 39
        code = 26_000_001 + 10 * (k - 1 if repeated else k)
        path = f"gone/{code}" if k % 19 == 7 else f"page/{code}" if k % 97 == 50 else f"ok/{code}"
        full = float(32 + k * 7 % 3000)
        euros = int(full * 92251) / 100000
        rows.append(
            {
                "website_name": "Burberry",
                "competence_date": "2023-11-17",
                "country_code": "USA",
                "currency_code": "USD",
                "brand": "BURBERRY",
                "category1_code": ("WOMAN", "MAN", "KIDS")[k % 3],
                "category2_code": ("BAGS", "READY-TO-WEAR", "SHOES%20%26%20BOOTS")[k // 3 % 3],
                "category3_code": "VIEW ALL" if repeated else LEAF_CATEGORIES[k % len(LEAF_CATEGORIES)],
                "product_code": code,
                "title": f"Design {chr(65 + k // 2 % 26)}{chr(65 + k // 52 % 26)}{chr(65 + k // 1352 % 26)} Coat",
                "itemurl": f"https://us.burberry.example/design-p{code}",
                "imageurl": "N.A." if k % 61 == 5 else f"{url}/{path}",
                "full_price": full,
                "price": full,
                "full_price_eur": euros,
                "price_eur": euros,
                "flg_discount": 0,
            }
        )
    return pd.DataFrame(rows).astype({"product_code": "int64", "flg_discount": "int64"})


class DatasetHub(ThreadingHTTPServer):
    """Serves `folder` as the data set NAME, branch main and one commit; GATED is refused to everybody."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.folder = folder
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def environment(self, home: Path) -> dict[str, str]:
        """Return the variables that make a process use this hub, and `home` as an empty cache."""
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}


class _QuietHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Send the whole response at once."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Print nothing; requests are counted."""


class _HubHandler(_QuietHandler):
    protocol_version = "HTTP/1.0"  # no connection outlives the server
    server: DatasetHub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        name = re.escape(NAME)
        if path.startswith(f"/api/datasets/{GATED}"):
            self._refuse(403, "GatedRepo")
        elif not path.startswith((f"/api/datasets/{NAME}", f"/datasets/{NAME}/")):
            self._refuse(404, "RepoNotFound")
        elif re.fullmatch(rf"/api/datasets/{name}(/revision/(main|{COMMIT}))?", path):
            siblings = [{"rfilename": entry["path"], "size": entry["size"]} for entry in self._entries()]
            self._json({"id": NAME, "sha": COMMIT, "siblings": siblings, "tags": []})
        elif re.fullmatch(rf"/api/datasets/{name}/tree/(main|{COMMIT})", path):
            self._json(self._entries())
        elif match := re.fullmatch(rf"/datasets/{name}/resolve/(?:main|{COMMIT})/(.+)", path):
            content = (self.server.folder / match[1]).read_bytes()
            oid = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            self.answer(200, content, {"ETag": f'"{oid}"', "X-Repo-Commit": COMMIT})
        else:
            self._refuse(404, "RevisionNotFound")

    do_HEAD = do_GET

    def _entries(self) -> list[dict[str, Any]]:
        files = sorted(path for path in self.server.folder.rglob("*") if path.is_file())
        return [
            {
                "type": "file",
                "path": path.relative_to(self.server.folder).as_posix(),
                "size": path.stat().st_size,
                "oid": hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest(),
            }
            for path in files
        ]

    def _json(self, document: Any) -> None:
        self.answer(200, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str) -> None:
        self.answer(status, b'{"error": "no"}', {"X-Error-Code": code, "X-Error-Message": "no"})


class ImageServer(ThreadingHTTPServer):
    """Answers /WAY/NUMBER in the way that the path names; counts requests, in total and at the same time."""

    daemon_threads = True

    def __init__(self, *, delay_s: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _ImageHandler)
        self.delay_s = delay_s
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.hosts: set[str] = set()
        self.in_progress = self.most_in_progress = 0
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.closing = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect, which some tests do on purpose."""


class _ImageHandler(_QuietHandler):
    server: ImageServer

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked[self.path] += 1
            self.server.agents.add(self.headers.get("User-Agent", ""))
            self.server.hosts.add(self.headers.get("Host", ""))
            self.server.in_progress += 1
            self.server.most_in_progress = max(self.server.most_in_progress, self.server.in_progress)
        try:
            time.sleep(self.server.delay_s)
            way, _, rest = self.path.lstrip("/").partition("/")
            WAYS[way](self, int(re.sub(r"\D", "", rest.partition("?")[0]) or 0))
        finally:
            with self.server.lock:
                self.server.in_progress -= 1

    @property
    def turn(self) -> int:
        """Number of requests for this path, including this one."""
        return self.server.asked[self.path]


def _fail_once(status: int, headers: dict[str, str] | None = None) -> Callable[[_ImageHandler, int], None]:
    def way(handler: _ImageHandler, number: int) -> None:
        if handler.turn == 1:
            handler.answer(status, b"not now", headers)
        else:
            handler.answer(200, image_bytes(number))

    return way


def _declared(kind: str) -> dict[str, str]:
    return {"Content-Type": kind}


def _drip(handler: _ImageHandler, number: int) -> None:
    """Send a byte now and then, without an end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.closing.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def _reset(handler: _ImageHandler, number: int) -> None:
    """Send RST in place of a response."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def _cut(handler: _ImageHandler, number: int) -> None:
    """Send fewer bytes than announced."""
    content = image_bytes(number)
    handler.answer(200, content[: len(content) // 2], {"Content-Length": str(len(content))})
    handler.close_connection = True


def _endless(handler: _ImageHandler, number: int) -> None:
    """Send chunks without an end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while not handler.server.closing.is_set():
        handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def _bomb(handler: _ImageHandler, number: int) -> None:
    """Send 30,000 x 30,000 black pixels in some hundred kilobytes."""
    row = b"\0" + bytes(30_000)
    packer = zlib.compressobj(9)
    data = packer.compress(row * 1000) + packer.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    handler.answer(200, b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b""))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _to(target: str) -> Callable[[_ImageHandler, int], None]:
    """Return a function that redirects to `target`, with {n} as the number and {port} as the port of this server."""

    def way(handler: _ImageHandler, number: int) -> None:
        place = target.format(n=number, port=handler.server.server_port)
        handler.answer(302, b"", {"Location": place})

    return way


_PAGE = b"<!DOCTYPE html><html><body>Sorry, this product is no more.</body></html>"

WAYS: dict[str, Callable[[_ImageHandler, int], None]] = {
    "ok": lambda handler, number: handler.answer(200, image_bytes(number), _declared("application/octet-stream")),
    "same": lambda handler, number: handler.answer(200, image_bytes(0)),
    "gone": lambda handler, number: handler.answer(404, b"no"),
    "removed": lambda handler, number: handler.answer(410, b"no"),
    "error-once": _fail_once(500),
    "error": lambda handler, number: handler.answer(500, b"oh"),
    "busy-once": _fail_once(429, {"Retry-After": "7"}),
    "busy": lambda handler, number: handler.answer(429, b"no"),
    "later": lambda handler, number: handler.answer(503, b"no", {"Retry-After": "86400"}),
    "page": lambda handler, number: handler.answer(200, _PAGE, _declared("image/jpeg")),
    "empty": lambda handler, number: handler.answer(200),
    "truncated": lambda handler, number: handler.answer(200, image_bytes(number, 64)[:-900], _declared("image/jpeg")),
    "bomb": _bomb,
    "zipped": lambda handler, number: handler.answer(
        200, gzip.compress(image_bytes(number)), {"Content-Encoding": "gzip"}
    ),
    "zip-bomb": lambda handler, number: handler.answer(
        200, gzip.compress(bytes(30_000_000)), {"Content-Encoding": "gzip"}
    ),
    "coded": lambda handler, number: handler.answer(200, image_bytes(number), {"Content-Encoding": "br"}),
    "large": lambda handler, number: handler.answer(200, b"", {"Content-Length": "999999999"}),
    "endless": _endless,
    "drip": _drip,
    "reset": _reset,
    "cut": _cut,
    "cut-once": lambda handler, number: (_cut if handler.turn == 1 else WAYS["ok"])(handler, number),
    "moved": _to("/ok/{n}"),
    "loop": _to("/loop/{n}"),
    "to-private": _to("http://10.1.2.3/ok/{n}"),
    "to-file": _to("file:///etc/passwd"),
    "to-elsewhere": _to("http://localhost:{port}/ok/{n}"),
}
"""First part of the path -> how the request is answered."""


@contextlib.contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[None]:
    """Run the server inside the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        if isinstance(server, ImageServer):
            server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()

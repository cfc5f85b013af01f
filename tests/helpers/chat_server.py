"""A server on loopback that implements the chat completions the evaluation needs, and faults on request."""

import base64
import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

Fault = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answer with `server.answer(image)`; before that, apply the next fault of `server.faults`."""

    server: "ChatServer"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(
                {
                    "path": self.path,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    **self.document,
                }
            )
            fault = self.server.faults.pop(0) if self.server.faults else None
        if fault is not None:
            fault(self)
            return
        image = Image.open(io.BytesIO(self.sent_image(self.document))).convert("RGB")
        text, finish = self.server.answer(image)
        self.reply(200, completion(text, finish))

    def do_GET(self) -> None:
        """List the models; `toile` asks for them to see whether a server is there."""
        self.reply(200, {"object": "list", "data": []})

    def reply(self, status: int, document: Any, **headers: str) -> None:
        """Send JSON, or bytes as they are."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @staticmethod
    def sent_image(document: Any) -> bytes:
        """Return the bytes of the image in a request."""
        parts = document["messages"][-1]["content"]
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        return base64.b64decode(url.partition(",")[2])

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class ChatServer(ThreadingHTTPServer):
    """The requests it received, and the faults to come."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.num_connections = 0
        self.faults: list[Fault] = []
        self.answer: Callable[[Image.Image], tuple[str, str]] = lambda image: ("?", "stop")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def process_request(self, *arguments: Any) -> None:
        """Count connections."""
        self.num_connections += 1
        super().process_request(*arguments)

    def handle_error(self, *_: Any) -> None:
        """Ignore a client that disconnects."""


def completion(text: str | None, finish: str = "stop", tokens: int | None = 7) -> dict[str, Any]:
    """Return a complete response."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    document = {"id": "1", "object": "chat.completion", "created": 1, "model": "phi", "choices": [choice]}
    usage = {"completion_tokens": tokens, "prompt_tokens": 3, "total_tokens": 3 + (tokens or 0)}
    return document if tokens is None else {**document, "usage": usage}


def status(code: int, message: str = "no", **headers: str) -> Fault:
    """Return a fault: an error status."""
    return lambda handler: handler.reply(code, {"error": {"message": message}}, **headers)


def refuses_settings(*names: str, template: str | None = None) -> Fault:
    """Return a fault for every request: 400 while a request holds one of the settings, then answers as it should."""
    words = template or "Unsupported parameter: '{name}' is not supported with this model."

    def fault(handler: Handler) -> None:
        handler.server.faults.append(fault)
        refused = next((name for name in names if name in handler.document), None)
        if refused is None:
            handler.reply(200, completion("fine"))
            return
        error = {"message": words.format(name=refused), "type": "invalid_request_error", "param": refused}
        handler.reply(400, {"error": error if template is None else {**error, "param": None}})

    return fault


def says(document: Any) -> Fault:
    """Return a fault: status 200 with this content."""
    return lambda handler: handler.reply(200, document)


def hangs_up(handler: Handler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True
    handler.connection.close()


@contextlib.contextmanager
def chat_server(port: int = 0) -> Iterator[ChatServer]:
    """Run a server on a free port, or on `port`."""
    server = ChatServer(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

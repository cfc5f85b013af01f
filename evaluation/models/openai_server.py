"""Models behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, or a hosted model.

    model, close = server_model("phi-3-vision", "http://localhost:8000/v1")

Wire format: `POST URL/chat/completions` with the image as a `data:` URI in an `image_url` part, temperature 0
(OpenAI's "Chat Completions" reference; vLLM's "OpenAI-compatible server" page). The image is sent as the file from the
catalog, without its metadata, where that decodes to the pixels that a local model receives, else as PNG of them.

A server offers neither log-probabilities of given answers nor constraints, so only free-text protocols are possible.
The key is read from the environment, sent as a bearer token, and written nowhere.
"""

import asyncio
import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from PIL import Image

from evaluation.models.base import Generated, ModelUnderTest
from evaluation.rows import ENCODED_FILE
from schemas.answer import PROMPT, QUESTION
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.images import encode_portable
from schemas.util.http import Backoff, TransientError, is_transient, retry_after_seconds, retry_async

BACKOFF = Backoff(attempts=6, first_pause_seconds=1.0, longest_backoff_seconds=120.0, longest_pause_seconds=120.0)
"""A run stops, and can be continued, where a server asks for a longer pause."""
TIMEOUT_SECONDS = 300.0
"""Without a byte of the answer; one answer of a busy server takes minutes."""
_BEFORE, _AFTER = PROMPT.split(QUESTION)
_CHECK_URL = "check that --url is an OpenAI-compatible server"
_SHOWN = 300
"""Characters of a server's message that an error repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Address and name of a model."""

    url: str
    """Base URL without `/chat/completions`, usually ends in /v1."""
    model: str
    """The server's name for it."""
    key: str | None = None


class OpenAIBackend:
    """Answer a batch with one concurrent request per image; connections are kept between batches."""

    def __init__(
        self,
        server: Server,
        *,
        max_new_tokens: int,
        backoff: Backoff | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.server = server
        self._backoff = backoff or BACKOFF
        self._timeout_seconds = timeout_seconds
        self.max_new_tokens = max_new_tokens
        self.new_tokens: int | None = 0
        """As the server counts them; None after an answer without a count."""
        self._runner = asyncio.Runner()
        self._client: httpx.AsyncClient | None = None
        self._reached = False

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._runner.run(self._client.aclose())
        self._runner.close()

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        """Return one answer for each image and prompt, without outer white space.

        Raises ToileError at once for refusals, wrong addresses and responses that cannot be read. A server that is
        busy, or gone after it has answered before, is asked again as `backoff` says.
        """
        return self._runner.run(self._answers(images, prompts))

    async def _answers(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        if self._client is None:
            headers = {"Authorization": f"Bearer {self.server.key}"} if self.server.key else {}
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
            timeout = httpx.Timeout(self._timeout_seconds, connect=20.0, pool=None)
            self._client = httpx.AsyncClient(headers=headers, timeout=timeout, limits=limits)
        tasks = [
            asyncio.ensure_future(self._answer(self._client, image, prompt))
            for image, prompt in zip(images, prompts, strict=True)
        ]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, client: httpx.AsyncClient, image: Image.Image, prompt: str) -> Generated:
        body = self._body(image, prompt)

        async def attempt() -> Generated:
            return self._read(await self._post(client, body))

        try:
            return await retry_async(attempt, self._backoff)
        except TransientError as error:
            pause = f", asks to wait {error.pause_seconds:.0f} s" if error.pause_seconds else ""
            raise self._error(
                f"{error.reason}; {error.attempts} attempts{pause}",
                "start again when it is back, perhaps with a smaller --batch-size; the run continues",
            ) from error

    def _body(self, image: Image.Image, prompt: str) -> bytes:
        """Return the request body; the server adds the chat template of the model itself."""
        content = [
            {"type": "image_url", "image_url": {"url": image_data_uri(image)}},
            {"type": "text", "text": prompt.removeprefix(_BEFORE).removesuffix(_AFTER)},
        ]
        return json.dumps(
            {
                "model": self.server.model,
                "messages": [{"role": "user", "content": content}],
                "temperature": 0,
                "max_tokens": self.max_new_tokens,
            }
        ).encode()

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> httpx.Response:
        """Return the response to one attempt, of any status."""
        try:
            response = await client.post(
                f"{self.server.url}/chat/completions", content=body, headers={"Content-Type": "application/json"}
            )
        except httpx.RequestError as error:
            problem = f"cannot be reached: {str(error) or type(error).__name__}"
            if isinstance(error, httpx.ConnectError) and not self._reached:
                raise self._error(problem, "start the server, or check --url") from error
            raise TransientError(problem) from error
        self._reached = True
        return response

    def _read(self, response: httpx.Response) -> Generated:
        status = response.status_code
        if is_transient(status):
            pause = retry_after_seconds(response.headers.get("retry-after"))
            raise TransientError(f"answers {status}: {self._message(response)}", status, pause)
        if status != 200:
            raise self._refusal(response)
        try:
            document = response.json()
        except ValueError as error:
            raise self._error(f"does not answer in JSON: {self._shown(response.text)!r}", _CHECK_URL) from error
        choices = document.get("choices") if isinstance(document, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        message = first.get("message") if isinstance(first, dict) else None
        if not isinstance(first, dict) or not isinstance(message, dict):
            raise self._error(f"answers without any choice: {self._shown(response.text)!r}", _CHECK_URL)
        self._count(document)
        text = message.get("content")
        if text is not None and not isinstance(text, str):
            raise self._error(f"answers with content that is no text: {self._shown(json.dumps(text))!r}", _CHECK_URL)
        return Generated(text=(text or "").strip(), truncated=first.get("finish_reason") == "length")

    def _count(self, document: dict[str, Any]) -> None:
        usage = document.get("usage")
        number = usage.get("completion_tokens") if isinstance(usage, dict) else None
        known = self.new_tokens is not None and isinstance(number, int)
        self.new_tokens = (self.new_tokens or 0) + int(number or 0) if known else None

    def _refusal(self, response: httpx.Response) -> ToileError:
        """Return the error for a status that another attempt would not change."""
        hints = {
            400: "does the model accept images, and is its context long enough?",
            401: "name the environment variable that holds the key with --api-key-env",
            403: "name the environment variable that holds the key with --api-key-env",
            404: f"check --url, which ends in /v1 as a rule, and whether the server has a model {self.server.model!r}",
            413: "the server does not accept images as large as these",
        }
        hint = hints.get(response.status_code, _CHECK_URL)
        return self._error(f"answers {response.status_code}: {self._message(response)}", hint)

    def _error(self, problem: str, hint: str) -> ToileError:
        return ToileError(self.server.url, problem, hint)

    def _message(self, response: httpx.Response) -> str:
        """Return the server's message, from `error.message` where there is one."""
        try:
            error = response.json()["error"]
            return self._shown(str(error["message"] if isinstance(error, dict) else error))
        except (ValueError, KeyError, TypeError):
            return self._shown(response.text) or response.reason_phrase

    def _shown(self, text: str) -> str:
        """Return text in one short line, with the key replaced, which some servers quote."""
        line = re.sub(r"\s+", " ", text.replace(self.server.key or "\0", "***")).strip()
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


def server_model(
    name: str, url: str, key: str | None = None, *, max_new_tokens: int = EvaluationSpec().max_new_tokens
) -> tuple[ModelUnderTest, Callable[[], None]]:
    """Return a model behind a server, and the function that closes its connections.

    Raises ToileError for a wrong URL.
    """
    server = Server(url=normalize_url(url), model=name, key=key)
    backend = OpenAIBackend(server, max_new_tokens=max_new_tokens)
    model = ModelUnderTest(
        model=name, adapter=None, device="server", dtype="unknown", load=lambda: backend, server=server.url
    )
    return model, backend.close


def normalize_url(url: str) -> str:
    """Return the URL without a slash at the end. Raises ToileError for no URL, and for one with a password or query."""
    try:
        parsed = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ToileError("--url", f"is not a URL: {error}", "give it as http://host:port/v1") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ToileError("--url", f"{url!r} is not an http or https URL", "give it as http://host:port/v1")
    if parsed.userinfo or parsed.query:
        raise ToileError("--url", "carries a password or a query", "put the key into a variable for --api-key-env")
    return str(parsed)


def image_data_uri(image: Image.Image) -> str:
    """Return a JPEG or PNG file of the pixels that a local model receives, without metadata."""
    content, suffix = encode_portable(image, image.info.get(ENCODED_FILE))
    kind = "png" if suffix == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"

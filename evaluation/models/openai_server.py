"""Any OpenAI-compatible server behind `VisionModel`: vLLM, SGLang, llama.cpp, a hosted model.

Wire format: `POST URL/chat/completions` with the image as a `data:` URI in an `image_url` part, temperature 0
(OpenAI's "Chat Completions" reference; vLLM's "OpenAI-compatible server" page). A image goes out as the file that
the shard holds where that decodes to the very pixels a local model would see, else as PNG of these pixels.

A server has no log-probabilities of given answers to offer and no constraint on its tokens, so it is asked for free
text alone. The key is read from the environment, sent as a bearer token, and written nowhere.
"""

import asyncio
import base64
import email.utils
import io
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from PIL import Image

from evaluation.models.base import Generated
from evaluation.rows import STORED
from schemas.answer import PROMPT, QUESTION
from schemas.errors import ToileError

ATTEMPTS = 6
FIRST_PAUSE = 1.0
"""Seconds before the second attempt, doubled before each further one unless the server says otherwise."""
LONGEST_PAUSE = 120.0
"""A server that asks for more patience than this (seconds) is taken at its word: the run stops and can be continued."""
TIMEOUT = 300.0
"""Seconds without a byte of the answer; one answer of a busy server takes minutes."""
_BEFORE, _AFTER = PROMPT.split(QUESTION)
_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg"}
_ORIENTATION = 0x0112
_CHECK_URL = "check that --url is an OpenAI-compatible server"
_SHOWN = 300
"""Letters of a server's words that an error repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the model answers."""

    url: str
    """Ends before `/chat/completions`, usually in /v1."""
    model: str
    """The name that the server knows."""
    key: str | None = None


class _PassingError(Exception):
    """Something that may be over at the next attempt: what it was, and the seconds the server asks to wait."""

    def __init__(self, problem: str, pause: float | None = None) -> None:
        super().__init__(problem, pause)
        self.problem = problem
        self.pause = pause


class OpenAIBackend:
    """Answers a batch with as many requests at once; keeps its connections between batches."""

    def __init__(self, server: Server, *, max_new_tokens: int) -> None:
        self.server = server
        self.max_new_tokens = max_new_tokens
        self.new_tokens: int | None = 0
        """As the server counted them; None as soon as an answer comes without a count."""
        self._runner = asyncio.Runner()
        self._client: httpx.AsyncClient | None = None
        self._reached = False

    def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            self._runner.run(self._client.aclose())
        self._runner.close()

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        """One answer for each image and prompt, outer white space removed.

        Refusals, wrong addresses and answers that make no sense are a ToileError at once; a server that is busy, or
        gone after it has answered before, after `ATTEMPTS`.
        """
        return self._runner.run(self._answers(images, prompts))

    async def _answers(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        if self._client is None:
            headers = {"Authorization": f"Bearer {self.server.key}"} if self.server.key else {}
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
            timeout = httpx.Timeout(TIMEOUT, connect=20.0, pool=None)
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
        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._read(await self._post(client, body))
            except _PassingError as error:
                wait = pause if error.pause is None else error.pause
                if attempt == ATTEMPTS or wait > LONGEST_PAUSE:
                    raise self._error(
                        f"{error.problem}; {attempt} attempts"
                        + (f", asks to wait {wait:.0f} s" if error.pause else ""),
                        "start again when it is back, perhaps with a smaller --batch-size; it continues where it was",
                    ) from error
                await asyncio.sleep(wait)
                pause *= 2
        raise AssertionError("unreachable")

    def _body(self, image: Image.Image, prompt: str) -> bytes:
        """The request; the chat marks of the local prompt are the server's own affair."""
        content = [
            {"type": "image_url", "image_url": {"url": data_uri(image)}},
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
        """The answer to one attempt, whatever its meaning."""
        try:
            response = await client.post(
                f"{self.server.url}/chat/completions", content=body, headers={"Content-Type": "application/json"}
            )
        except httpx.RequestError as error:
            problem = f"cannot be reached: {str(error) or type(error).__name__}"
            if isinstance(error, httpx.ConnectError) and not self._reached:
                raise self._error(problem, "start the server, or check --url") from error
            raise _PassingError(problem) from error
        self._reached = True
        return response

    def _read(self, response: httpx.Response) -> Generated:
        status = response.status_code
        if status == 429 or status >= 500:
            raise _PassingError(f"answers {status}: {self._message(response)}", _retry_after(response))
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
        """What to do about a status that another attempt would not change."""
        hints = {
            400: "does the model take images, and is its context long enough?",
            401: "name the environment variable that holds the key with --api-key-env",
            403: "name the environment variable that holds the key with --api-key-env",
            404: f"check --url, which ends in /v1 as a rule, and whether the server has a model {self.server.model!r}",
            413: "the server takes no pictures as large as these",
        }
        hint = hints.get(response.status_code, _CHECK_URL)
        return self._error(f"answers {response.status_code}: {self._message(response)}", hint)

    def _error(self, problem: str, hint: str) -> ToileError:
        return ToileError(self.server.url, problem, hint)

    def _message(self, response: httpx.Response) -> str:
        """The server's own words, from `error.message` where there is one."""
        try:
            error = response.json()["error"]
            return self._shown(str(error["message"] if isinstance(error, dict) else error))
        except (ValueError, KeyError, TypeError):
            return self._shown(response.text) or response.reason_phrase

    def _shown(self, text: str) -> str:
        """Short, in one line, and with the key struck out, which some servers quote."""
        line = re.sub(r"\s+", " ", text.replace(self.server.key or "\0", "***")).strip()
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


def address(url: str) -> str:
    """The URL as it is kept: without a slash at the end; ToileError for one that is none or carries a password."""
    try:
        parsed = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ToileError("--url", f"is no address: {error}", "give it as http://host:port/v1") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ToileError("--url", f"{url!r} is no http or https address", "give it as http://host:port/v1")
    if parsed.userinfo or parsed.query:
        raise ToileError("--url", "carries a password or a query", "put the key into a variable for --api-key-env")
    return str(parsed)


def data_uri(image: Image.Image) -> str:
    """The image's own file where it is PNG or JPEG and says the same to every reader, else PNG of its pixels."""
    content = image.info.get(STORED)
    if isinstance(content, bytes):
        with Image.open(io.BytesIO(content)) as stored:
            plain = stored.mode in {"RGB", "L"} and "transparency" not in stored.info
            if stored.format in _FORMATS and plain and stored.getexif().get(_ORIENTATION, 1) == 1:
                return f"data:{_FORMATS[stored.format]};base64,{base64.b64encode(content).decode('ascii')}"
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, from a number or a date (RFC 9110, section 10.2.3); None where the header is absent or odd."""
    value = response.headers.get("retry-after", "")
    if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
        return float(value)
    parsed = email.utils.parsedate_tz(value)
    return None if parsed is None else max(0.0, email.utils.mktime_tz(parsed) - time.time())

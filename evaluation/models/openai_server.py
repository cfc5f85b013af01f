"""Models behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, a gateway, or a hosted model.

    model, close = server_model("phi-3-vision", "http://localhost:8000/v1")

The official `openai` client sends the requests and repeats those that fail for a moment. The image is sent as the file
from the catalog, without its metadata, where that decodes to the pixels that a local model receives, else as PNG of
them. What a server refuses (`max_tokens`, a temperature of 0) is learned from its first answer and left out.

A server offers neither log-probabilities of given answers nor constraints, so only free-text protocols are possible.
The key is read from the environment, sent as a bearer token, and written nowhere.
"""

import asyncio
import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from PIL import Image

from evaluation.models.base import Generated, ModelUnderTest
from evaluation.rows import ENCODED_FILE
from schemas.answer import bare_question
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.images import encode_portable

if TYPE_CHECKING:
    import openai

RETRIES = 6
"""Attempts after the first one, of the client, which waits half a second, then twice as long each time, at most 8 s."""
TIMEOUT_SECONDS = 300.0
"""Without a byte of the answer; one answer of a busy server takes minutes."""
CONNECT_SECONDS = 20.0
_CHECK_URL = "check that --url is an OpenAI-compatible server; it ends in /v1 as a rule"
_WHEN_BACK = "start again when it is back, perhaps with a smaller --batch-size; the run continues"
_SHOWN = 300
"""Characters of a server's message that an error repeats."""
_LIMITS = ("max_tokens", "max_completion_tokens")
"""Names of the limit of new tokens, in the order in which they are tried."""
_REFUSED = re.compile(
    r"unsupported|not supported|does(?: not|n't) support|unrecogni[sz]ed|unknown|unexpected|unavailable|deprecated|"
    r"not (?:permitted|allowed|accepted|a valid)|extra (?:fields|inputs)|instead",
    re.IGNORECASE,
)
"""A server's words for a limit that it does not take; `max_tokens is too large` is none of them."""
_CUT = ("length", "max_tokens")
"""Values of `finish_reason` of an answer that reached the limit."""
_THOUGHTS = ("thinking", "redacted_thinking", "reasoning", "reasoning_content", "reasoning_text", "thought")
"""Types of parts that are not the answer."""
_HINTS = {
    401: "name the environment variable that holds the key with --api-key-env",
    403: "name the environment variable that holds the key with --api-key-env",
    413: "the server does not accept images as large as these",
}
_WORDED_HINTS = (
    (r"image|vision|multi.?modal|picture", "choose a model that accepts images, as `image_url` parts"),
    (r"context|too long|token", "the server's context must hold image, question and --max-new-tokens"),
)
"""For the status 400 and 422: what the message is about, and what to do."""


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
        self, server: Server, *, max_new_tokens: int, retries: int | None = None, timeout_seconds: float | None = None
    ) -> None:
        self.server = server
        self.max_new_tokens = max_new_tokens
        self.new_tokens: int | None = 0
        """As the server counts them; None after an answer without a count."""
        self._retries = RETRIES if retries is None else retries
        self._timeout_seconds = timeout_seconds or TIMEOUT_SECONDS
        self._settings: dict[str, Any] = {"temperature": 0, _LIMITS[0]: max_new_tokens}
        self._runner = asyncio.Runner()
        self._client: openai.AsyncOpenAI | None = None
        self._reached = False
        self._odd: Counter[str] = Counter()

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._runner.run(self._client.close())
        self._runner.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the answers: settings that the server refused, and odd answers, counted."""
        found = []
        if "temperature" not in self._settings:
            found.append("the server refuses temperature 0: its answers are sampled and may differ in another run")
        if not set(_LIMITS) & set(self._settings):
            found.append("the server refuses a limit of new tokens: its answers are as long as it wants")
        found += [f"{number} answers of the server {what}" for what, number in sorted(self._odd.items())]
        return tuple(found)

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        """Return one answer for each image and prompt, without outer white space.

        The first request of all goes alone, so that a wrong address, key or setting costs one request. A server that is
        busy, or gone after it has answered before, is asked again. Raises ToileError for refusals, wrong addresses,
        responses that cannot be read, and where the attempts are spent.
        """
        return self._runner.run(self._answers(images, prompts))

    async def _answers(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        if self._client is None:
            self._client = _make_client(self.server, self._retries, self._timeout_seconds)
        client = self._client
        pairs = list(zip(images, prompts, strict=True))
        alone = 0 if self._reached else 1
        found = [await self._answer(client, *pair, first=True) for pair in pairs[:alone]]
        tasks = [asyncio.ensure_future(self._answer(client, *pair)) for pair in pairs[alone:]]
        try:
            return [*found, *await asyncio.gather(*tasks)]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(
        self, client: "openai.AsyncOpenAI", image: Image.Image, prompt: str, *, first: bool = False
    ) -> Generated:
        """Ask about one image, again where the server refuses a setting that can be changed or left out."""
        import openai

        messages = _make_messages(image, prompt)
        if first:
            await self._refuse_unreachable(client)
        while True:
            settings = dict(self._settings)
            try:
                response = await client.chat.completions.with_raw_response.create(
                    model=self.server.model, messages=messages, extra_headers=self._headers(), **settings
                )
            except openai.APIStatusError as error:
                if _error_code(error.body) == "content_filter":
                    self._odd["were withheld by its content filter and count as empty"] += 1
                    return Generated(text="", truncated=False)
                if self._drop_refused(settings, error):
                    continue
                raise self._status_error(error) from None  # the error quotes the key where the server does
            except openai.APIConnectionError as error:
                raise self._connection_error(error) from None
            self._reached = True
            return self._read(response.text)

    async def _refuse_unreachable(self, client: "openai.AsyncOpenAI") -> None:
        """Raise a ToileError at once where nothing listens; every response is good, a 404 as well."""
        import openai

        try:
            once = client.with_options(max_retries=0, timeout=CONNECT_SECONDS)
            await once.models.with_raw_response.list(extra_headers=self._headers())
        except openai.APITimeoutError:
            return
        except openai.APIConnectionError as error:
            raise self._error(_describe_connection(error), "start the server, or check --url") from None
        except openai.APIStatusError:
            return

    def _headers(self) -> "dict[str, str | openai.Omit] | None":
        """Return what leaves out the key where none is given; the client sends one in any case."""
        import openai

        return None if self.server.key else {"Authorization": openai.Omit()}

    def _drop_refused(self, settings: Mapping[str, Any], error: "openai.APIStatusError") -> bool:
        """Change the setting that a response refuses; return whether there is reason to ask again."""
        refused = _refused_setting(error, settings)
        if refused is None:
            return False
        if refused in self._settings:  # else another request has learned it in the meantime
            del self._settings[refused]
            following = _LIMITS[_LIMITS.index(refused) + 1 :] if refused in _LIMITS else ()
            self._settings.update(dict.fromkeys(following[:1], self.max_new_tokens))
        return True

    def _read(self, text: str) -> Generated:
        """Return the answer in the body of a response of status 200."""
        try:
            document = json.loads(text.lstrip("\ufeff"))
        except ValueError:
            raise self._error(f"does not answer in JSON: {self._shown(text)!r}", _CHECK_URL) from None
        failure = _failure(document)
        if failure:
            raise self._error(f"answers with an error: {self._shown(_error_message(failure))}", _WHEN_BACK)
        reply = read_completion(document)
        if reply is None:
            raise self._error(f"answers without a message: {self._shown(text)!r}", _CHECK_URL)
        self._count(document, reply)
        return Generated(text=reply.text, truncated=reply.truncated)

    def _count(self, document: Mapping[str, Any], reply: "Completion") -> None:
        usage = document.get("usage")
        number = usage.get("completion_tokens") if isinstance(usage, dict) else None
        known = self.new_tokens is not None and isinstance(number, int)
        self.new_tokens = (self.new_tokens or 0) + int(number or 0) if known else None
        if not reply.text:
            after = " but reasoning" if reply.thought else ""
            cut = ", cut by --max-new-tokens" if reply.truncated else ""
            self._odd[f"hold nothing{after}{cut}"] += 1

    def _status_error(self, error: "openai.APIStatusError") -> ToileError:
        """Return the error for a status that another attempt does not change, with the server's own words."""
        status = error.status_code
        message = self._shown(_error_message(error.body) or error.response.text) or error.response.reason_phrase
        asked = error.response.headers.get("retry-after")
        tries = int(error.request.headers.get("x-stainless-retry-count", 0)) + 1
        if status in (408, 409, 429) or status >= 500:
            pause = f", asks to wait {self._shown(asked)} s" if asked else ""
            return self._error(f"answers {status}: {message}; {tries} attempts{pause}", _WHEN_BACK)
        hint = _HINTS.get(status, _CHECK_URL)
        if status == 404:
            hint = f"check --url, which ends in /v1 as a rule, and whether the server has a model {self.server.model!r}"
        if status in (400, 422):
            worded = (hint for words, hint in _WORDED_HINTS if re.search(words, message, re.IGNORECASE))
            hint = next(worded, "the message is the server's own; change what it names")
        return self._error(f"answers {status}: {message}", hint)

    def _connection_error(self, error: "openai.APIConnectionError") -> ToileError:
        tries = f"{self._retries + 1} attempts"
        return self._error(f"{_describe_connection(error)}; {tries}", _WHEN_BACK)

    def _error(self, problem: str, hint: str) -> ToileError:
        return ToileError(self.server.url, self._without_key(problem), hint)

    def _without_key(self, text: str) -> str:
        """Return text with the key replaced, which some servers quote."""
        return text.replace(self.server.key or "\0", "***")

    def _shown(self, text: str) -> str:
        """Return text in one short line, without the key and without HTML tags."""
        bare = re.sub(r"(?s)<(script|style)\b.*?</\1>|<!--.*?-->|</?[a-zA-Z!][^<>]*>", " ", self._without_key(text))
        line = re.sub(r"\s+", " ", bare).strip()
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The answer in a chat completion."""

    text: str
    """Without outer white space; a refusal where the message has one and no content."""
    truncated: bool
    thought: bool
    """Whether the message holds reasoning beside its content."""


def read_completion(document: Any) -> Completion | None:
    """Return the answer of a chat completion; None where the document is none.

    An empty list of choices is an empty answer: gateways give it where a filter has withheld the text. Content may be
    text or a list of parts; parts that hold thoughts are left out.
    """
    choices = document.get("choices") if isinstance(document, dict) else None
    if choices == [] and isinstance(document, dict) and document.get("object") == "chat.completion":
        return Completion(text="", truncated=False, thought=False)
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        return None
    content = message.get("content")
    text = content_text(content)
    if text is None:
        return None
    refusal = message.get("refusal")
    if not text.strip() and isinstance(refusal, str):
        text = refusal
    if not text.strip():
        text = _tool_text(message.get("tool_calls"))
    parts = content if isinstance(content, list) else []
    thought = message.get("reasoning_content") or message.get("reasoning") or any(map(_is_thought, parts))
    return Completion(text=text.strip(), truncated=first.get("finish_reason") in _CUT, thought=bool(thought))


def content_text(content: Any) -> str | None:
    """Return the text of a message's content: text, nothing, a part, or a list of parts; None for anything else."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    found = [_part_text(part) for part in parts]
    return None if None in found else "".join(text or "" for text in found)


def _tool_text(calls: Any) -> str:
    """Return the arguments of the first call of a tool: a model that was given a schema answers so."""
    first = calls[0] if isinstance(calls, list) and calls else None
    function = first.get("function") if isinstance(first, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    return arguments if isinstance(arguments, str) else json.dumps(arguments) if isinstance(arguments, dict) else ""


def _part_text(part: Any) -> str | None:
    """Return the text of one part of a content; None where it is no part."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or not ("type" in part or "text" in part):
        return None
    if _is_thought(part):
        return ""
    if part.get("type") == "tool_use" and isinstance(part.get("input"), dict):
        return json.dumps(part["input"], ensure_ascii=False)
    text = part.get("text", part.get("refusal", part.get("content", "")))
    if isinstance(text, dict):  # {"text": {"value": ...}}
        text = text.get("value")
    return text if isinstance(text, str) else ""


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and (part.get("type") in _THOUGHTS or part.get("thought") is True)


def _make_client(server: Server, retries: int, timeout_seconds: float) -> "openai.AsyncOpenAI":
    """Return a client that sends the given key or none, whatever the environment holds, and follows no redirect."""
    import openai

    return openai.AsyncOpenAI(
        api_key=server.key or "none",  # else it reads one from the environment, or refuses
        base_url=server.url,
        max_retries=retries,
        timeout=openai.Timeout(timeout_seconds, connect=CONNECT_SECONDS, pool=None),
        http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
    )


def _make_messages(image: Image.Image, prompt: str) -> Any:
    """Return the question; the server adds the chat template of the model itself."""
    content = [
        {"type": "image_url", "image_url": {"url": image_data_uri(image)}},
        {"type": "text", "text": bare_question(prompt)},
    ]
    return [{"role": "user", "content": content}]


def _refused_setting(error: "openai.APIStatusError", settings: Mapping[str, Any]) -> str | None:
    """Return which of the settings a response of status 400 or 422 refuses; None where it refuses something else."""
    if error.status_code not in (400, 422):
        return None
    body = error.body if isinstance(error.body, dict) else {}
    message = _error_message(error.body)
    named = [name for name in settings if name == body.get("param")]
    named += [name for name in settings if re.search(rf"\b{name}\b", message)]
    refuses = _REFUSED.search(f"{message} {body.get('code')} {body.get('type')}")
    return next((name for name in named if refuses or name == "temperature"), None)


def _failure(document: Any) -> Any:
    """Return the error in a response of status 200, as gateways send it, at its top or in its choice; else None."""
    found = document.get("error") if isinstance(document, dict) else None
    choices = document.get("choices") if isinstance(document, dict) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0].get("error")
    return found


def _error_code(body: Any) -> str | None:
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) else None


def _error_message(body: Any) -> str:
    """Return the message in the body of an error, of OpenAI, FastAPI and gateways; "" where there is none."""
    return "; ".join(text for text in _messages(body) if text.strip())


def _messages(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for each in body:
            yield from _messages(each)
    elif isinstance(body, dict):
        place = body.get("loc")
        named = ".".join(map(str, place)) + ": " if isinstance(place, list) else ""
        inner = (body.get(key) for key in ("error", "message", "detail", "msg", "errors"))
        found = next((each for each in inner if each), None)
        for text in _messages(found):
            yield named + text


def _describe_connection(error: "openai.APIConnectionError") -> str:
    cause = error.__cause__ or error
    return f"cannot be reached: {str(cause) or type(cause).__name__}"


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
    """Return the URL without a slash at the end, or the path of a request that people copy with it.

    Raises ToileError for no URL, and for one with a password or query.
    """
    example = "give it as http://host:port/v1"
    try:
        parsed = urlsplit(url.strip().rstrip("/").removesuffix("/chat/completions"))
        host, _ = parsed.hostname, parsed.port
    except ValueError as error:
        raise ToileError("--url", f"is not a URL: {error}", example) from error
    if parsed.username or parsed.password or parsed.query or parsed.fragment:
        raise ToileError("--url", "carries a password or a query", "put the key into a variable for --api-key-env")
    if parsed.scheme not in {"http", "https"} or not host:
        raise ToileError("--url", f"{url!r} is not an http or https URL", example)
    return parsed.geturl()


def image_data_uri(image: Image.Image) -> str:
    """Return a JPEG or PNG file of the pixels that a local model receives, without metadata."""
    content, suffix = encode_portable(image, image.info.get(ENCODED_FILE))
    kind = "png" if suffix == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"

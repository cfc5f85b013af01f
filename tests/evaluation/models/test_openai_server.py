"""OpenAI-compatible server: requests, responses, retries and errors."""

import base64
import dataclasses
import email.utils
import io
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from PIL import Image

from evaluation.models.base import Generated
from evaluation.models.openai_server import BACKOFF, OpenAIBackend, Server, image_data_uri, normalize_url
from evaluation.rows import ENCODED_FILE
from schemas.answer import PROMPT, QUESTION
from schemas.errors import ToileError
from schemas.images import decode_rgb
from tests.helpers.chat_server import ChatServer, chat_server, completion, hangs_up, says, status

KEY = "sk-secret-0123456789"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


ATTEMPTS = BACKOFF.attempts
SHORT_PAUSES = dataclasses.replace(BACKOFF, first_pause_seconds=0.01)


@pytest.fixture
def backend(server: ChatServer) -> Iterator[OpenAIBackend]:
    made = OpenAIBackend(Server(url=server.url, model="phi", key=KEY), max_new_tokens=96, backoff=SHORT_PAUSES)
    yield made
    made.close()


def shown(*values: int) -> list[Image.Image]:
    return [Image.new("RGB", (6, 4), (value, 0, 0)) for value in values]


def ask(backend: OpenAIBackend, images: Sequence[Image.Image]) -> list[Generated]:
    return backend.generate(images, [PROMPT] * len(images))


def test_a_request_holds_image_question_and_greedy_settings(server: ChatServer, backend: OpenAIBackend) -> None:
    server.answer = lambda image: (f" {image.size} {image.getpixel((0, 0))}\n", "stop")
    assert ask(backend, shown(9)) == [Generated(text="(6, 4) (9, 0, 0)", truncated=False)]
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert (request["model"], request["temperature"], request["max_tokens"]) == ("phi", 0, 96)
    (message,) = request["messages"]
    assert message["role"] == "user"
    assert message["content"][1] == {"type": "text", "text": QUESTION}, "without the marks of the local template"


def test_without_a_key_none_is_sent(server: ChatServer) -> None:
    backend = OpenAIBackend(
        Server(url=server.url, model="phi"),
        max_new_tokens=5,
        backoff=dataclasses.replace(SHORT_PAUSES, attempts=2),
        timeout_seconds=0.1,
    )
    ask(backend, shown(1))
    assert "Authorization" not in server.requests[0]["headers"]
    backend.close()


def test_a_batch_is_asked_at_once_and_answered_in_order(server: ChatServer, backend: OpenAIBackend) -> None:
    together = threading.Barrier(8, timeout=20)

    def answer(image: Image.Image) -> tuple[str, str]:
        together.wait()  # nobody is answered before all eight have asked
        value = image.getpixel((0, 0))[0]  # type: ignore[index]
        time.sleep(0.01 * (8 - value))
        return str(value), "length" if value % 2 else "stop"

    server.answer = answer
    found = ask(backend, shown(*range(8)))
    assert [one.text for one in found] == [str(value) for value in range(8)]
    assert [one.truncated for one in found] == [bool(value % 2) for value in range(8)]


def test_a_second_batch_takes_the_same_connections(server: ChatServer, backend: OpenAIBackend) -> None:
    for _ in range(3):
        ask(backend, shown(1, 2))
    assert server.num_connections == 2
    assert backend.new_tokens == 6 * 7


def test_new_tokens_are_unknown_where_the_server_does_not_count(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [says(completion("a", tokens=None))]
    ask(backend, shown(1))
    ask(backend, shown(1))
    assert backend.new_tokens is None


@pytest.mark.parametrize(
    "fault",
    [
        status(429),
        status(429, Retry_After="0"),
        status(500),
        status(503, Retry_After="soon"),
        status(503, Retry_After=email.utils.formatdate(time.time() - 60)),
        hangs_up,
    ],
)
def test_transient_errors_are_retried(server: ChatServer, backend: OpenAIBackend, fault: Any) -> None:
    ask(backend, shown(0))
    server.faults = [fault] * (ATTEMPTS - 1)
    server.answer = lambda image: ("at last", "stop")
    assert ask(backend, shown(1))[0].text == "at last"
    assert len(server.requests) == 1 + ATTEMPTS


def test_retries_end_with_an_error_and_a_hint(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [status(503, "model is loading")] * ATTEMPTS
    with pytest.raises(ToileError, match=f"answers 503: model is loading; {ATTEMPTS} attempts") as caught:
        ask(backend, shown(1))
    assert caught.value.where == server.url
    assert "the run continues" in caught.value.hint
    assert len(server.requests) == ATTEMPTS


def test_retry_after_is_respected(server: ChatServer, backend: OpenAIBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults = [status(429, Retry_After="0.4")]
    began = time.monotonic()
    ask(backend, shown(1))
    assert time.monotonic() - began >= 0.4
    server.faults = [status(429, Retry_After="3600")]
    with pytest.raises(ToileError, match="1 attempts, asks to wait 3600 s"):
        ask(backend, shown(1))


@pytest.mark.parametrize("code", [400, 401, 403, 404, 413, 422, 301])
def test_a_refusal_is_an_error_at_once(server: ChatServer, backend: OpenAIBackend, code: int) -> None:
    server.faults = [status(code, "the reason")]
    with pytest.raises(ToileError, match=f"answers {code}: the reason") as caught:
        ask(backend, shown(1))
    assert len(server.requests) == 1
    words = {401: "--api-key-env", 403: "--api-key-env", 404: "'phi'", 301: "--url"}
    assert words.get(code, "") in caught.value.hint


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"<html>welcome</html>", "does not answer in JSON: '<html>welcome</html>'"),
        (b"\xff\xfe\x00", "does not answer in JSON"),
        ([], "answers without any choice"),
        ({}, "answers without any choice"),
        ({"choices": []}, "answers without any choice"),
        ({"choices": [{"text": "old style"}]}, "answers without any choice"),
        ({"choices": "none"}, "answers without any choice"),
        ({"choices": [{"message": {"content": ["parts"]}}]}, "content that is no text"),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error(
    server: ChatServer, backend: OpenAIBackend, document: Any, problem: str
) -> None:
    server.faults = [says(document)]
    with pytest.raises(ToileError, match=problem) as caught:
        ask(backend, shown(1))
    assert "OpenAI-compatible" in caught.value.hint


def test_an_empty_answer_is_an_empty_text(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [says(completion(None, "content_filter"))]
    assert ask(backend, shown(1)) == [Generated(text="", truncated=False)]


def test_one_failure_ends_a_batch_without_waiting_for_the_others(server: ChatServer, backend: OpenAIBackend) -> None:
    gate = threading.Event()

    def slow(image: Image.Image) -> tuple[str, str]:
        gate.wait(20)
        return "late", "stop"

    server.answer = slow
    server.faults = [status(401)]
    began = time.monotonic()
    with pytest.raises(ToileError, match="answers 401"):
        ask(backend, shown(1, 2, 3))
    assert time.monotonic() - began < 10
    gate.set()
    server.answer = lambda image: ("fine", "stop")
    assert ask(backend, shown(1))[0].text == "fine", "the backend lives on"


def test_unreachable_server_is_an_error_at_once(unused: str) -> None:
    slow = dataclasses.replace(BACKOFF, first_pause_seconds=9)
    backend = OpenAIBackend(Server(url=unused, model="phi"), max_new_tokens=5, backoff=slow)
    began = time.monotonic()
    with pytest.raises(ToileError, match="cannot be reached") as caught:
        ask(backend, shown(1))
    assert time.monotonic() - began < 5
    assert "start the server" in caught.value.hint
    backend.close()


@pytest.fixture
def unused() -> str:
    with chat_server() as gone:
        return gone.url


def test_a_server_that_never_answers_is_given_up(server: ChatServer) -> None:
    gate = threading.Event()
    server.answer = lambda image: (str(gate.wait(20)), "stop")
    backend = OpenAIBackend(
        Server(url=server.url, model="phi"),
        max_new_tokens=5,
        backoff=dataclasses.replace(SHORT_PAUSES, attempts=2),
        timeout_seconds=0.1,
    )
    with pytest.raises(ToileError, match="cannot be reached: ReadTimeout; 2 attempts"):
        ask(backend, shown(1))
    gate.set()
    backend.close()


@pytest.mark.parametrize("quoted", [f"wrong key {KEY}", "x" * 295 + KEY])
def test_the_key_is_in_no_message(server: ChatServer, backend: OpenAIBackend, quoted: str) -> None:
    server.faults = [status(401, quoted)]
    with pytest.raises(ToileError) as caught:
        ask(backend, shown(1))
    assert KEY[:8] not in str(caught.value)
    assert KEY not in repr(caught.value.__cause__)


def encoded(image: Image.Image, form: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **settings)
    return file.getvalue()


def pair(content: bytes) -> Image.Image:
    """Return an image as the evaluation decodes it, with its file."""
    image = decode_rgb(content)
    image.info[ENCODED_FILE] = content
    return image


def sent(image: Image.Image) -> tuple[str, bytes]:
    kind, _, content = image_data_uri(image).partition(";base64,")
    return kind, base64.b64decode(content)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_plain_image_goes_out_as_the_file_it_is(form: str) -> None:
    content = encoded(Image.effect_noise((20, 10), 90).convert("RGB"), form)
    assert sent(pair(content)) == (f"data:image/{form.lower()}", content)


TURNED = Image.Exif()
TURNED[0x0112] = 6


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.new("RGBA", (9, 5), (1, 2, 3, 40)), "PNG"),
        encoded(Image.new("P", (9, 5), 3), "PNG", transparency=3),
        encoded(Image.new("CMYK", (9, 5), (1, 2, 3, 40)), "JPEG"),
        encoded(Image.effect_noise((9, 5), 90).convert("RGB"), "BMP"),
        encoded(Image.effect_noise((9, 5), 90).convert("RGB"), "JPEG", exif=TURNED),
    ],
)
def test_an_image_that_readers_see_differently_goes_out_as_the_pixels_a_local_model_sees(content: bytes) -> None:
    kind, out = sent(pair(content))
    assert kind == "data:image/png"
    assert out != content
    assert Image.open(io.BytesIO(out)).convert("RGB").tobytes() == pair(content).tobytes()


def test_a_blank_image_has_no_file_and_goes_out_as_png() -> None:
    kind, out = sent(Image.new("RGB", (7, 3), (5, 6, 7)))
    assert kind == "data:image/png"
    assert Image.open(io.BytesIO(out)).getcolors() == [(21, (5, 6, 7))]


@pytest.mark.parametrize("url", ["http://host:1/v1/", "http://host:1/v1"])
def test_an_address_loses_its_last_slash(url: str) -> None:
    assert normalize_url(url) == "http://host:1/v1"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("host:8000/v1", "is not an http or https URL"),
        ("ftp://host/v1", "is not an http or https URL"),
        ("http://", "is not an http or https URL"),
        ("http://host:port/v1", "is not a URL"),
        ("http://me:secret@host/v1", "carries a password"),
        ("http://host/v1?key=secret", "carries a password"),
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ToileError, match=problem) as caught:
        normalize_url(url)
    assert "secret" not in str(caught.value)

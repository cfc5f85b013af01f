"""OpenAI-compatible server: requests, dialects of responses, retries and errors."""

import base64
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from PIL import Image

from evaluation.models.base import Generated
from evaluation.models.openai_server import (
    OpenAIBackend,
    Server,
    content_text,
    image_data_uri,
    normalize_url,
    read_completion,
)
from evaluation.rows import ENCODED_FILE
from schemas.answer import PROMPT, QUESTION
from schemas.errors import ToileError
from schemas.images import decode_rgb
from tests.helpers.chat_server import ChatServer, chat_server, completion, hangs_up, refuses_settings, says, status

KEY = "sk-secret-0123456789"
RETRIES = 3
SOON = {"Retry_After": "0.01"}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def backend(server: ChatServer) -> Iterator[OpenAIBackend]:
    made = OpenAIBackend(Server(url=server.url, model="phi", key=KEY), max_new_tokens=96, retries=RETRIES)
    yield made
    made.close()


def shown(*values: int) -> list[Image.Image]:
    return [Image.new("RGB", (6, 4), (value, 0, 0)) for value in values]


def ask(backend: OpenAIBackend, images: Sequence[Image.Image]) -> list[Generated]:
    return backend.generate(images, [PROMPT] * len(images))


def texts(backend: OpenAIBackend, *values: int) -> list[str]:
    return [answer.text for answer in ask(backend, shown(*values))]


def test_a_request_holds_image_question_and_greedy_settings(server: ChatServer, backend: OpenAIBackend) -> None:
    server.answer = lambda image: (f" {image.size} {image.getpixel((0, 0))}\n", "stop")
    assert ask(backend, shown(9)) == [Generated(text="(6, 4) (9, 0, 0)", truncated=False)]
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert (request["model"], request["temperature"], request["max_tokens"]) == ("phi", 0, 96)
    assert "max_completion_tokens" not in request
    (message,) = request["messages"]
    assert message["role"] == "user"
    assert message["content"][1] == {"type": "text", "text": QUESTION}, "without the marks of the local template"


def test_without_a_key_none_is_sent_whatever_the_environment_holds(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    backend = OpenAIBackend(Server(url=server.url, model="phi"), max_new_tokens=5)
    ask(backend, shown(1))
    assert "authorization" not in server.requests[0]["headers"]
    backend.close()


def test_the_client_is_imported_when_a_request_is_made() -> None:
    code = "import sys, evaluation.models.openai_server; print('openai' in sys.modules, 'torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


def test_a_batch_is_asked_at_once_and_answered_in_order(server: ChatServer, backend: OpenAIBackend) -> None:
    ask(backend, shown(0))
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


def test_batches_share_connections_and_tokens_are_counted(server: ChatServer, backend: OpenAIBackend) -> None:
    for _ in range(3):
        ask(backend, shown(1, 2))
    assert server.num_connections <= 2
    assert backend.new_tokens == 6 * 7
    server.faults = [says(completion("a", tokens=None))]
    ask(backend, shown(1))
    ask(backend, shown(1))
    assert backend.new_tokens is None, "unknown after an answer without a count"


# What servers answer ---------------------------------------------------------------------------------------------

PARTS = [{"type": "text", "text": "Product: Coat, "}, {"type": "text", "text": "Category: COATS"}]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        (PARTS, "Product: Coat, Category: COATS"),
        (["Product: ", "Coat"], "Product: Coat"),
        ({"type": "text", "text": "one part"}, "one part"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm, BAGS?"}]}, PARTS[1]], "Category: COATS"),
        ([{"type": "reasoning", "text": "Category: BAGS"}, PARTS[1]], "Category: COATS"),
        ([{"text": "Category: BAGS", "thought": True}, {"text": "Category: COATS"}], "Category: COATS"),
        ([{"type": "output_text", "text": "x", "annotations": []}], "x"),
        ([{"type": "text", "text": {"value": "y", "annotations": []}}], "y"),
        ([{"type": "refusal", "refusal": "I cannot help."}], "I cannot help."),
        ([], ""),
        (5, None),
        ({"title": "Coat"}, None),
        ([[1]], None),
    ],
)
def test_content_in_parts_is_one_text_without_thoughts(content: Any, text: str | None) -> None:
    assert content_text(content) == text
    found = read_completion({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})
    assert (found.text if found else None) == text


VLLM = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "phi",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "fine", "reasoning_content": "BAGS?", "tool_calls": []},
            "logprobs": None,
            "finish_reason": "stop",
            "stop_reason": None,
        }
    ],
    "usage": {"prompt_tokens": 5, "total_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None},
    "prompt_logprobs": None,
}
LLAMA_CPP = {
    "choices": [{"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": "fine"}}],
    "created": 1,
    "model": "gpt-3.5-turbo-0613",
    "object": "chat.completion",
    "usage": {"completion_tokens": 4, "prompt_tokens": 5, "total_tokens": 9},
    "timings": {"prompt_n": 1, "predicted_ms": 3.5},
}


WITH_MARK = b"\xef\xbb\xbf" + json.dumps(LLAMA_CPP).encode()


@pytest.mark.parametrize("document", [VLLM, LLAMA_CPP, WITH_MARK], ids=["vllm", "llama.cpp", "byte order mark"])
def test_responses_of_known_servers_are_read(server: ChatServer, backend: OpenAIBackend, document: Any) -> None:
    server.faults = [says(document)]
    assert (texts(backend, 1), backend.new_tokens, backend.notes) == (["fine"], 4, ())


def test_a_refusal_is_the_answer(server: ChatServer, backend: OpenAIBackend) -> None:
    refused = completion(None)
    refused["choices"][0]["message"]["refusal"] = "I'm sorry, I cannot help with that."
    server.faults = [says(refused)]
    assert texts(backend, 1) == ["I'm sorry, I cannot help with that."]


def test_empty_answers_are_empty_texts_and_counted(server: ChatServer, backend: OpenAIBackend) -> None:
    thought = completion("", "length")
    thought["choices"][0]["message"]["reasoning_content"] = "Let me see. Category: BAGS"
    filtered = {"error": {"code": "content_filter", "message": "filtered", "param": "prompt", "status": 400}}
    server.faults = [
        says(completion(None, "content_filter")),
        says({"object": "chat.completion", "choices": []}),
        says(thought),
        lambda handler: handler.reply(400, filtered),
    ]
    found = [answer for value in range(4) for answer in ask(backend, shown(value))]
    assert [answer.text for answer in found] == [""] * 4
    assert [answer.truncated for answer in found] == [False, False, True, False]
    assert backend.notes == (
        "2 answers of the server hold nothing",
        "1 answers of the server hold nothing but reasoning, cut by --max-new-tokens",
        "1 answers of the server were withheld by its content filter and count as empty",
    )


# Settings that servers refuse ------------------------------------------------------------------------------------


def sent_settings(server: ChatServer) -> list[dict[str, Any]]:
    names = ("temperature", "max_tokens", "max_completion_tokens")
    return [{name: request[name] for name in names if name in request} for request in server.requests]


def test_settings_that_are_refused_are_learned_once(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [refuses_settings("max_tokens", "temperature")]
    assert texts(backend, 1, 2, 3, 4) == ["fine"] * 4
    assert sent_settings(server) == [
        {"temperature": 0, "max_tokens": 96},
        {"temperature": 0, "max_completion_tokens": 96},
        *[{"max_completion_tokens": 96}] * 4,
    ]
    assert backend.notes == ("the server refuses temperature 0: its answers are sampled and may differ in another run",)


@pytest.mark.parametrize(
    "template",
    [
        "Unrecognized request argument supplied: {name}",
        "{name}: Extra inputs are not permitted",
        "Unsupported value: '{name}' does not support 0 with this model. Only the default (1) value is supported.",
        "`{name}` is deprecated for this model",
        "Input validation error: `{name}` must be strictly positive",
    ],
)
def test_refusals_are_recognised_by_their_words(server: ChatServer, backend: OpenAIBackend, template: str) -> None:
    server.faults = [refuses_settings("temperature", template=template)]
    assert texts(backend, 1) == ["fine"]
    assert sent_settings(server) == [{"temperature": 0, "max_tokens": 96}, {"max_tokens": 96}]


def test_without_any_limit_a_note_says_so(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [refuses_settings("max_tokens", "max_completion_tokens")]
    assert texts(backend, 1) == ["fine"]
    assert backend.notes == ("the server refuses a limit of new tokens: its answers are as long as it wants",)


@pytest.mark.parametrize(
    ("body", "problem", "hint"),
    [
        (
            {"error": {"message": "'max_tokens' is too large: 96. This model's maximum context length is 90 tokens."}},
            "answers 400: 'max_tokens' is too large: 96. This model's maximum context length is 90 tokens.",
            "--max-new-tokens",
        ),
        (
            {"object": "error", "message": "phi is not a multimodal model", "type": "BadRequestError", "code": 400},
            "answers 400: phi is not a multimodal model",
            "accepts images",
        ),
        ({"detail": "no such deployment"}, "answers 400: no such deployment", "the server's own"),
        (
            {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "value_error"}]},
            "answers 400: body.messages.0: field required",
            "the server's own",
        ),
        (b"<html><head><title>400</title></head><body>Bad <b>gateway</b> rule</body></html>", "400 Bad gateway", ""),
        (b"", "answers 400: Bad Request", ""),
        ({"error": "invalid image"}, "answers 400: invalid image", "accepts images"),
    ],
)
def test_the_true_reason_of_a_400_is_shown(
    server: ChatServer, backend: OpenAIBackend, body: Any, problem: str, hint: str
) -> None:
    server.faults = [lambda handler: handler.reply(400, body)]
    with pytest.raises(ToileError) as caught:
        ask(backend, shown(1, 2))
    assert problem in caught.value.problem
    assert hint in caught.value.hint
    assert len(server.requests) == 1, "the first request goes alone"


# Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [status(429, **SOON), status(500, **SOON), status(503, retry_after_ms="5")])
def test_transient_errors_are_retried(server: ChatServer, backend: OpenAIBackend, fault: Any) -> None:
    server.faults = [fault] * RETRIES
    server.answer = lambda image: ("at last", "stop")
    assert texts(backend, 1) == ["at last"]
    assert len(server.requests) == 1 + RETRIES


def test_a_broken_connection_is_retried(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [hangs_up]
    server.answer = lambda image: ("at last", "stop")
    assert texts(backend, 1) == ["at last"]


def test_retries_end_with_an_error_and_a_hint(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [status(503, "model is loading", **SOON)] * (RETRIES + 1)
    with pytest.raises(ToileError, match=f"answers 503: model is loading; {RETRIES + 1} attempts") as caught:
        ask(backend, shown(1))
    assert caught.value.where == server.url
    assert "the run continues" in caught.value.hint
    assert len(server.requests) == RETRIES + 1


def test_retry_after_is_respected(server: ChatServer, backend: OpenAIBackend) -> None:
    server.faults = [status(429, Retry_After="0.4")]
    began = time.monotonic()
    ask(backend, shown(1))
    assert time.monotonic() - began >= 0.4
    server.faults = [status(429, "slow down", Retry_After="3600")]
    with pytest.raises(ToileError, match="answers 429: slow down; 1 attempts, asks to wait 3600 s"):
        ask(backend, shown(1))


def test_a_gateway_in_html_is_told_in_words(server: ChatServer, backend: OpenAIBackend) -> None:
    page = b"<html><style>b{}</style><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
    server.faults = [lambda handler: handler.reply(502, page, **SOON)] * (RETRIES + 1)
    with pytest.raises(ToileError, match="answers 502: 502 Bad Gateway nginx; 4 attempts"):
        ask(backend, shown(1))


@pytest.mark.parametrize("code", [401, 403, 404, 413, 422, 301])
def test_a_refusal_is_an_error_at_once(server: ChatServer, backend: OpenAIBackend, code: int) -> None:
    server.faults = [status(code, "the reason", Location="http://127.0.0.1:9/v1")]
    with pytest.raises(ToileError, match=f"answers {code}: the reason") as caught:
        ask(backend, shown(1))
    assert len(server.requests) == 1
    words = {401: "--api-key-env", 403: "--api-key-env", 404: "'phi'", 301: "--url"}
    assert words.get(code, "") in caught.value.hint


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"<html>welcome</html>", "does not answer in JSON: 'welcome'"),
        (b"\xff\xfe\x00", "does not answer in JSON"),
        (b"", "does not answer in JSON"),
        ([], "answers without a message"),
        ({}, "answers without a message"),
        ({"choices": []}, "answers without a message"),
        ({"choices": [{"text": "old style"}]}, "answers without a message"),
        ({"choices": "none"}, "answers without a message"),
        ({"choices": [{"message": {"content": 7}}]}, "answers without a message"),
    ],
)
def test_a_response_that_is_no_completion_is_an_error(
    server: ChatServer, backend: OpenAIBackend, document: Any, problem: str
) -> None:
    server.faults = [says(document)]
    with pytest.raises(ToileError, match=problem) as caught:
        ask(backend, shown(1))
    assert "OpenAI-compatible" in caught.value.hint


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"code": 502, "message": "upstream is gone"}},
        {"choices": [{"error": {"message": "upstream is gone"}, "finish_reason": "error", "message": {"content": ""}}]},
    ],
)
def test_an_error_with_status_200_is_an_error(server: ChatServer, backend: OpenAIBackend, document: Any) -> None:
    server.faults = [says(document)]
    with pytest.raises(ToileError, match="answers with an error: upstream is gone"):
        ask(backend, shown(1))


def test_one_failure_ends_a_batch_without_waiting_for_the_others(server: ChatServer, backend: OpenAIBackend) -> None:
    ask(backend, shown(0))
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
    assert texts(backend, 1) == ["fine"], "the backend lives on"


def test_unreachable_server_is_an_error_at_once() -> None:
    with chat_server() as gone:
        url = gone.url
    backend = OpenAIBackend(Server(url=url, model="phi"), max_new_tokens=5)
    began = time.monotonic()
    with pytest.raises(ToileError, match="cannot be reached") as caught:
        ask(backend, shown(1))
    assert time.monotonic() - began < 5
    assert "start the server" in caught.value.hint
    backend.close()


def test_a_server_that_never_answers_is_given_up(server: ChatServer) -> None:
    gate = threading.Event()
    server.answer = lambda image: (str(gate.wait(20)), "stop")
    backend = OpenAIBackend(Server(url=server.url, model="phi"), max_new_tokens=5, retries=1, timeout_seconds=0.1)
    with pytest.raises(ToileError, match="cannot be reached: ReadTimeout; 2 attempts"):
        ask(backend, shown(1))
    gate.set()
    backend.close()


@pytest.mark.parametrize("quoted", [f"wrong key {KEY}", "x" * 295 + KEY])
@pytest.mark.parametrize("code", [400, 401])
def test_the_key_is_in_no_message(server: ChatServer, backend: OpenAIBackend, quoted: str, code: int) -> None:
    server.faults = [status(code, quoted)]
    with pytest.raises(ToileError) as caught:
        ask(backend, shown(1))
    assert KEY[:8] not in str(caught.value)
    assert KEY not in repr(caught.value.__cause__)
    server.faults = [says({"sorry": quoted})]
    with pytest.raises(ToileError) as caught:
        ask(backend, shown(1))
    assert KEY[:8] not in str(caught.value)


# Images and addresses --------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("path", ["/v1/", "/v1", "/v1/chat/completions"])
def test_an_address_loses_its_last_slash_and_the_path_of_a_request(path: str) -> None:
    assert normalize_url(f"http://host:1{path}") == "http://host:1/v1"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("host:8000/v1", "is not an http or https URL"),
        ("ftp://host/v1", "is not an http or https URL"),
        ("http://", "is not an http or https URL"),
        ("http://host:port/v1", "is not a URL"),
        ("http://[::1/v1", "is not a URL"),
        ("http://me:secret@host/v1", "carries a password"),
        ("http://host/v1?key=secret", "carries a password"),
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ToileError, match=problem) as caught:
        normalize_url(url)
    assert "secret" not in str(caught.value)

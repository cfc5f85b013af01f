"""`toile evaluate --backend openai` end to end: a whole run, a server that dies, and what is refused at once."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from evaluation.models import openai_server
from schemas.answer import QUESTION
from schemas.evaluation import read_predictions
from schemas.product import Product
from schemas.result import read_result
from tests.helpers.chat_server import ChatServer, Fault, Handler, chat_server, completion, hangs_up, refuses_settings
from tests.helpers.shard_fixture import in_split, products, table_model, write_shards
from toile.cli import main

pytestmark = pytest.mark.usefixtures("few_resamples")

KEY = "sk-secret-0123456789"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One retry for the backends that commands make, which waits half a second."""
    monkeypatch.setattr(openai_server, "RETRIES", 1)


@pytest.fixture
def rows() -> list[Product]:
    return [*in_split(products(14)), *in_split(products(30)[14:], "train")]


def toile(server_url: str, data: Path, out: Path, *more: str, key: str | None = KEY) -> Result:
    words = ["evaluate", "--backend", "openai", "--url", server_url, "--model", "phi", "--data", str(data)]
    named = ["--api-key-env", "TEST_KEY"] if key else []
    return CliRunner(env={"TEST_KEY": key}).invoke(main, [*words, "--out", str(out), *named, *more])


def reading(rows: Sequence[Product]) -> Callable[[Image.Image], tuple[str, str]]:
    """A server that reads perfectly."""
    table = table_model(rows)
    return lambda image: (table.generate([image], ["?"])[0].text, "stop")


def test_a_server_is_evaluated_like_a_model(tmp_path: Path, server: ChatServer, rows: list[Product]) -> None:
    data, out = write_shards(tmp_path / "data", rows), tmp_path / "out"
    server.answer = reading(rows)
    shown = toile(server.url + "/", data, out, "--protocol", "generate", "--protocol", "instructed")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout.splitlines()[-1])["joint"][0] == 1.0
    result = read_result(out)
    assert (result.inputs.model, result.inputs.server, result.device) == ("phi", server.url, "server")
    assert result.noise is not None
    assert result.throughput is not None
    assert result.throughput.new_tokens_per_second
    assert any(server.url in note and "does not say which rows" in note for note in result.notes)
    questions = {request["messages"][0]["content"][1]["text"] for request in server.requests}
    assert QUESTION in questions
    assert len(questions) == 2
    assert not any("<|" in question for question in questions)
    held = {path.name: path.read_bytes() for path in out.iterdir()}
    assert not any(KEY.encode() in content for content in held.values())
    assert KEY not in shown.output
    asked = len(server.requests)
    again = toile(server.url, data, out, "--protocol", "generate", "--protocol", "instructed")
    assert ("already there" in again.stderr, len(server.requests)) == (True, asked)
    assert "with another model" in toile(server.url, data, out, "--model", "other").stderr


def test_a_server_that_dies_is_continued_when_it_is_back(tmp_path: Path, rows: list[Product]) -> None:
    data, out, whole = write_shards(tmp_path / "data", rows), tmp_path / "out", tmp_path / "whole"
    settings = ("--batch-size", "2", "--no-noise-check")
    with chat_server() as server:
        server.answer = reading(rows)
        port = server.server_address[1]
        toile(server.url, data, whole, *settings)
    with chat_server(port) as server:
        server.faults = [good(rows)] * 6 + [hangs_up] * 1000
        died = toile(server.url, data, out, *settings)
        assert died.exit_code == 1
        assert "cannot be reached" in died.stderr
        assert "the run continues" in died.stderr
    gone = toile(f"http://127.0.0.1:{port}/v1", data, out, *settings)
    assert "start the server" in gone.stderr
    log = out / "predictions.jsonl"
    assert 0 < len(read_predictions(log)) < len(read_predictions(whole / "predictions.jsonl"))
    with chat_server(port) as server:
        server.answer = reading(rows)
        assert toile(server.url, data, out, *settings).exit_code == 0
        assert len(server.requests) == 15 - 6
    assert log.read_bytes() == (whole / "predictions.jsonl").read_bytes()


def test_what_a_server_refuses_is_said_in_the_result(tmp_path: Path, server: ChatServer, rows: list[Product]) -> None:
    data, out = write_shards(tmp_path / "data", rows), tmp_path / "out"
    server.faults = [refuses_settings("max_tokens", "temperature")]
    shown = toile(server.url, data, out, "--control", "none", "--no-noise-check", "--max-new-tokens", "4000")
    assert shown.exit_code == 0, shown.output
    result = read_result(out)
    assert any("refuses temperature 0" in note for note in result.notes)
    assert result.inputs.spec.max_new_tokens == 4000
    assert server.requests[-1]["max_completion_tokens"] == 4000


def good(rows: Sequence[Product]) -> Fault:
    """Answers as it should."""

    def answer(handler: Handler) -> None:
        sent = Image.open(io.BytesIO(handler.sent_image(handler.document))).convert("RGB")
        handler.reply(200, completion(*reading(rows)(sent)))

    return answer


@pytest.mark.parametrize("protocol", ["rank", "price", "constrained"])
def test_a_protocol_that_no_server_offers_is_refused_at_once(
    tmp_path: Path, server: ChatServer, rows: list[Product], protocol: str
) -> None:
    data = write_shards(tmp_path / "data", rows)
    shown = toile(server.url, data, tmp_path / "out", "--protocol", protocol)
    assert shown.exit_code == 1
    assert f"protocol {protocol}: needs" in shown.stderr
    assert "use --protocol generate, instructed or examples" in shown.stderr
    assert not (tmp_path / "out").exists()
    assert server.requests == []


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "schl\u00fcssel"])
def test_a_key_that_is_none_is_refused_and_not_shown(
    tmp_path: Path, server: ChatServer, rows: list[Product], key: str
) -> None:
    data = write_shards(tmp_path / "data", rows)
    shown = CliRunner(env={"TEST_KEY": key}).invoke(
        main,
        [
            *("evaluate", "--backend", "openai", "--url", server.url, "--model", "phi", "--api-key-env", "TEST_KEY"),
            *("--data", str(data), "--out", str(tmp_path / "out")),
        ],
    )
    assert shown.exit_code == 1
    assert "--api-key-env: the variable TEST_KEY" in shown.stderr
    assert not key.strip() or key not in shown.output

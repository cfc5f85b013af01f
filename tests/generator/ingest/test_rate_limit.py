"""Rate limit, retries and abandoned hosts; bounds on what is read from a server."""

import asyncio
import gzip
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate

import httpx
import pytest

from generator.ingest import FetchPolicy
from generator.ingest.downloads import (
    DEAD,
    FETCHED,
    NO_IMAGE,
    REFUSED,
    TOO_LARGE,
    ImageClient,
    ImageOutcome,
    Response,
    TransientError,
    decompress_chunks,
    host_of,
    is_public,
    resolve_host,
    retry_after_seconds,
    validate_response,
)
from generator.ingest.rate_limit import MAX_CONSECUTIVE_FAILURES, FetchCallbacks, fetch_all
from tests.helpers.dataset_hub import ImageServer, image_bytes, served

LOOPBACK = FetchPolicy(user_agent="toile-test/1", allow_private=True, timeout_seconds=5)


class FakeClock:
    """Time that passes at once; records the pauses."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        for _ in range(30):
            await asyncio.sleep(0)  # tasks without a pause go first
        self.time += seconds


class FetchLog:
    """What a call of fetch_all did."""

    def __init__(self, clock: FakeClock) -> None:
        self.outcomes: dict[str, ImageOutcome] = {}
        self.clock = clock
        self.open: dict[str, str] = {}
        self.left: list[str] = []


def ask(
    urls: list[str],
    policy: FetchPolicy = LOOPBACK,
    *,
    get: Callable[[str], Awaitable[Response]] | None = None,
    resolve: Callable[[str, int], Awaitable[list[str]]] = resolve_host,
    answered: tuple[str, ...] = (),
    clock: FakeClock | None = None,
) -> FetchLog:
    """Fetch the URLs with a fake clock and without jitter; `get` replaces the network."""
    asked = FetchLog(clock or FakeClock())

    async def close_host(host: str) -> None:
        asked.left.append(host)

    async def work() -> None:
        async with ImageClient(policy, resolve) as client:
            work = FetchCallbacks(
                get=get or client.get,
                close_host=close_host,
                validate=lambda url, answer: validate_response(url, answer, 50_000_000),
                save=lambda outcome, content: asked.outcomes.update({outcome.url: outcome}),
                policy=policy,
                clock=asked.clock,
                jitter=lambda: 1.0,
            )
            by_host: dict[str, list[str]] = {}
            for url in urls:
                by_host.setdefault(host_of(url), []).append(url)
            asked.open = await fetch_all(by_host, answered, work)

    asyncio.run(work())
    return asked


@pytest.mark.parametrize(
    ("way", "outcome", "reason", "requests"),
    [
        ("ok", FETCHED, "", 1),
        ("gone", DEAD, "404 Not Found", 1),
        ("removed", DEAD, "410 Gone", 1),
        ("error-once", FETCHED, "", 2),
        ("error", DEAD, "500 Internal Server Error", 5),
        ("busy-once", FETCHED, "", 2),
        ("page", NO_IMAGE, "a page", 1),
        ("empty", NO_IMAGE, "nothing", 1),
        ("truncated", NO_IMAGE, "broken, or in no format that is known", 1),
        ("bomb", TOO_LARGE, "more than 50,000,000 pixels", 1),
        ("zipped", FETCHED, "", 1),
        ("zip-bomb", TOO_LARGE, "more than 20,000,000 bytes", 1),
        ("coded", DEAD, "a coding it was not asked for", 1),
        ("large", TOO_LARGE, "more than 20,000,000 bytes", 1),
        ("endless", TOO_LARGE, "more than 20,000,000 bytes", 1),
        ("reset", DEAD, "broken connection", 5),
        ("cut", DEAD, "broken connection", 5),
        ("cut-once", FETCHED, "", 2),
        ("moved", REFUSED, "a redirect", 1),
        ("loop", REFUSED, "a redirect", 1),
    ],
)
def test_outcome_of_every_kind_of_response(
    image_server: ImageServer, way: str, outcome: str, reason: str, requests: int
) -> None:
    url = f"{image_server.url}/{way}/7"
    found = ask([url]).outcomes[url]
    assert (found.outcome, found.reason) == (outcome, reason)
    assert image_server.asked[f"/{way}/7"] == requests
    assert (found.sha256 is not None) == (outcome == FETCHED)
    assert image_server.agents == {"toile-test/1"}


@pytest.mark.parametrize(
    ("way", "outcome", "reason", "requests"),
    [
        ("moved", FETCHED, "", 1),
        ("loop", REFUSED, "more than 5 redirects", 6),
        ("to-private", REFUSED, "a private address", 1),
        ("to-file", REFUSED, "neither http nor https", 1),
        ("to-elsewhere", FETCHED, "", 1),
    ],
)
def test_every_allowed_redirect_is_checked(
    image_server: ImageServer, way: str, outcome: str, reason: str, requests: int
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host in ("images.example", "localhost") else [host]

    port = image_server.server_port
    url = f"http://images.example:{port}/{way}/7"
    policy = FetchPolicy(user_agent="t", allow_redirects=True, allow_private=way != "to-private")
    if way == "to-private":

        async def public_first(host: str, port: int) -> list[str]:
            return ["127.0.0.1"] if host == "images.example" else [host]

        with pytest.MonkeyPatch.context() as patch:  # loopback stands for the open internet
            patch.setattr(
                "generator.ingest.downloads.is_public", lambda address: address == "127.0.0.1" or is_public(address)
            )
            found = ask([url], policy, resolve=public_first).outcomes[url]
    else:
        found = ask([url], policy, resolve=resolve).outcomes[url]
    assert (found.outcome, found.reason) == (outcome, reason)
    assert image_server.asked[f"/{way}/7"] == requests
    if outcome == FETCHED:
        assert found.final_url is not None
        assert found.final_url.endswith("/ok/7")


def test_slow_response_ends_at_the_timeout(image_server: ImageServer) -> None:
    began = time.monotonic()
    policy = FetchPolicy(user_agent="t", allow_private=True, timeout_seconds=0.3, retries=1)
    asked = ask([f"{image_server.url}/drip/1"], policy)
    assert [(each.outcome, each.reason) for each in asked.outcomes.values()] == [(DEAD, "timeout")]
    assert image_server.asked["/drip/1"] == 2
    assert time.monotonic() - began < 3


def test_backoff_doubles_and_retry_after_is_respected(image_server: ImageServer) -> None:
    assert ask([f"{image_server.url}/error/1"]).clock.slept == [1.0, 2.0, 4.0, 8.0]
    assert ask([f"{image_server.url}/busy-once/1"]).clock.slept == [7.0]


def test_429_pauses_all_requests_to_that_host_and_no_other() -> None:
    starts: list[tuple[str, float]] = []
    clock = FakeClock()

    async def get(url: str) -> Response:
        starts.append((url, clock.now()))
        if len(starts) == 1:
            raise TransientError("429 Too Many Requests", 429, 50.0)
        return Response(content=image_bytes(1))

    urls = [f"http://a/{k}" for k in range(9)]
    asked = ask(urls, FetchPolicy(per_host=3), get=get, clock=clock)
    assert {each.outcome for each in asked.outcomes.values()} == {FETCHED}
    assert sum(at < 1050 for _, at in starts) <= 3  # requests already in progress
    starts.clear()
    ask([*urls, "http://b/1", "http://b/2"], FetchPolicy(per_host=1), get=get, clock=FakeClock())
    assert [url for url, _ in starts][:3] == ["http://a/0", "http://b/1", "http://b/2"]


def test_concurrent_requests_are_limited_by_host_and_in_total() -> None:
    in_progress: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def get(url: str) -> Response:
        for key in (host_of(url), "all"):
            in_progress[key] += 1
            most[key] = max(most[key], in_progress[key])
        await asyncio.sleep(0.001)
        for key in (host_of(url), "all"):
            in_progress[key] -= 1
        return Response(content=image_bytes(1))

    urls = [f"http://{host}/{k}" for host in "abc" for k in range(20)]
    asked = ask(urls, FetchPolicy(workers=5, per_host=2), get=get)
    assert len(asked.outcomes) == 60
    assert (most["a"], most["b"], most["c"], most["all"]) == (2, 2, 2, 5)
    assert sorted(asked.left) == ["a", "b", "c"]


def test_real_server_sees_at_most_the_limit() -> None:
    server = ImageServer(delay_s=0.01)
    with served(server):
        asked = ask([f"{server.url}/ok/{k}" for k in range(30)], FetchPolicy(allow_private=True, workers=8, per_host=3))
    assert len(asked.outcomes) == 30
    assert server.most_in_progress == 3


def _silent_after(good: int, error: TransientError) -> tuple[Callable[[str], Awaitable[Response]], Counter[str]]:
    asked: Counter[str] = Counter()

    async def get(url: str) -> Response:
        asked[url] += 1
        if len(asked) > good:
            raise error
        return Response(content=image_bytes(1))

    return get, asked


def test_host_that_never_answers_is_dead_with_all_its_images() -> None:
    get, requests = _silent_after(0, TransientError("no connection"))
    asked = ask([f"http://a/{k}" for k in range(500)], FetchPolicy(), get=get)
    assert {(each.outcome, each.reason) for each in asked.outcomes.values()} == {(DEAD, "no connection")}
    assert (len(asked.outcomes), asked.open) == (500, {})
    assert len(requests) <= MAX_CONSECUTIVE_FAILURES + FetchPolicy().per_host


def test_host_that_stops_answering_leaves_its_images_undecided() -> None:
    get, requests = _silent_after(20, TransientError("no connection"))
    asked = ask([f"http://a/{k}" for k in range(500)], FetchPolicy(), get=get)
    assert {each.outcome for each in asked.outcomes.values()} == {FETCHED}
    assert (len(asked.outcomes), len(asked.open)) == (20, 480)
    assert len(requests) <= 20 + MAX_CONSECUTIVE_FAILURES + FetchPolicy().per_host
    known = ask(
        [f"http://a/{k}" for k in range(50)],
        FetchPolicy(),
        get=_silent_after(0, TransientError("x"))[0],
        answered=("a",),
    )
    assert len(known.open) == 50


def test_host_that_asks_for_a_day_is_abandoned() -> None:
    get, requests = _silent_after(3, TransientError("503", 503, 86400.0))
    asked = ask([f"http://a/{k}" for k in range(100)], FetchPolicy(per_host=1), get=get)
    assert (len(asked.outcomes), len(asked.open), sum(requests.values())) == (3, 97, 4)
    assert set(asked.open.values()) == {"its host asks to wait 86400 s"}
    assert max(asked.clock.slept, default=0) <= 120


def test_requests_in_progress_when_a_host_is_abandoned_still_count() -> None:
    async def get(url: str) -> Response:
        for _ in range(5 if url.endswith("/0") else 20):
            await asyncio.sleep(0)
        if url.endswith("/0"):
            raise TransientError("503", 503, 86400.0)
        return Response(content=image_bytes(1))

    asked = ask([f"http://a/{k}" for k in range(5)], FetchPolicy(per_host=2), get=get)
    assert {url: each.outcome for url, each in asked.outcomes.items()} == {"http://a/1": FETCHED}
    assert set(asked.open) == {f"http://a/{k}" for k in (0, 2, 3, 4)}


def test_compression_bomb_is_decompressed_in_bounded_steps() -> None:
    async def largest_step() -> int:
        content = gzip.compress(bytes(30_000_000))
        response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=_Stream(content))
        return max([len(chunk) async for chunk in decompress_chunks(response, 1000)])

    assert asyncio.run(largest_step()) <= 1001


class _Stream(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


def test_one_unanswered_image_among_good_ones_is_dead() -> None:
    async def get(url: str) -> Response:
        if url.endswith("/3"):
            raise TransientError("timeout")
        return Response(content=image_bytes(1))

    asked = ask([f"http://a/{k}" for k in range(40)], FetchPolicy(), get=get)
    assert asked.outcomes["http://a/3"] == ImageOutcome(url="http://a/3", outcome=DEAD, reason="timeout")
    assert asked.open == {}


def test_after_many_server_errors_each_image_gets_one_attempt() -> None:
    async def get(url: str) -> Response:
        requests[url] += 1
        raise TransientError("500 Internal Server Error", 500)

    requests: Counter[str] = Counter()
    asked = ask([f"http://a/{k}" for k in range(200)], FetchPolicy(per_host=2), get=get)
    assert (len(asked.outcomes), asked.open) == (200, {})
    assert sum(requests.values()) <= 200 + 4 * (MAX_CONSECUTIVE_FAILURES + 2)


def test_retry_after_is_a_number_or_a_date() -> None:
    now = 1_800_000_000.0
    assert retry_after_seconds("2.5") == 2.5
    assert retry_after_seconds(formatdate(now + 30, usegmt=True), now=lambda: now) == 30.0
    assert retry_after_seconds(formatdate(now - 30, usegmt=True), now=lambda: now) == 0.0
    for nonsense in (None, "soon", "-5", "Thu, 99 Foo 2020 00:00:00 GMT", "1" * 40):
        assert retry_after_seconds(nonsense) is None

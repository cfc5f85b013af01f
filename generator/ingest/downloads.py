"""Download single images from any web server: one checked request, the check of what came, the journal of outcomes.

`ImageClient.get` makes one attempt at one URL. `validate_response` decodes what came. `Downloads` keeps images as
files named by sha256, and the outcome of each URL in a journal, so that a killed run asks only for what is missing.
When each host is asked is decided in `generator.ingest.rate_limit`.

Addresses are checked: a name is looked up once, all of its addresses must be public unless private ones are allowed,
and the connection goes to the address that was checked. So a name that changes its address in between (DNS rebinding)
reaches nothing. Cookies, proxies of the environment and credentials in URLs are not used.
"""

import asyncio
import email.utils
import hashlib
import ipaddress
import json
import re
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TextIO

import httpx

from generator.ingest import FetchPolicy
from schemas.errors import ToileError
from schemas.images import BadImageError, check_image, describe_unread
from schemas.util.files import storage_errors, write_atomic

FETCHED, DEAD, NO_IMAGE, TOO_LARGE, REFUSED = "fetched", "dead", "not a picture", "too large", "refused"
OUTCOMES = (FETCHED, DEAD, NO_IMAGE, TOO_LARGE, REFUSED)
MAX_REDIRECTS = 5
_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 20.0
"""Longest time without a byte of an answer."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses whose last 32 bits are an IPv4 address (RFC 6052)."""

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The body of an answer with status 200, undecoded."""

    content: bytes
    final_url: str | None = None
    """The last URL where there were redirects."""


class PermanentError(Exception):
    """Another attempt gives the same. `outcome` is one of OUTCOMES; `status` is None without an answer."""

    def __init__(self, outcome: str, reason: str, status: int | None = None) -> None:
        super().__init__(outcome, reason, status)
        self.outcome = outcome
        self.reason = reason
        self.status = status


class TransientError(Exception):
    """Another attempt may succeed.

    Attributes:
        reason: what went wrong, in words.
        status: HTTP status of the response; None where there was no response.
        pause_seconds: the pause that the server asks for; None where it does not ask.
    """

    def __init__(self, reason: str, status: int | None = None, pause_seconds: float | None = None) -> None:
        super().__init__(reason, status, pause_seconds)
        self.reason = reason
        self.status = status
        self.pause_seconds = pause_seconds


def retry_after_seconds(header: str | None, *, now: Callable[[], float] = time.time) -> float | None:
    """Return the seconds of a `Retry-After` header, a number or a date (RFC 9110, section 10.2.3).

    None where the header is absent or cannot be read. `now` returns seconds since the epoch.
    """
    if header is None:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", header.strip()):
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now())
    except (ValueError, OverflowError):  # not a date, or one outside the calendar
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOutcome:
    """The result for one URL."""

    url: str
    outcome: str
    """One of OUTCOMES."""
    reason: str = ""
    """Why there is no image, in a few words that many images share: `404 Not Found`, `a page`."""
    status: int | None = None
    """Of the last answer; None without an answer."""
    num_bytes: int | None = None
    sha256: str | None = None
    """Of the image file; None without one."""
    final_url: str | None = None
    """The last URL where there were redirects."""


def validate_response(url: str, response: Response, max_pixels: int) -> ImageOutcome:
    """Return the outcome of a response with status 200: FETCHED only if its bytes decode as an image."""
    try:
        check_image(response.content, max_pixels)
    except BadImageError as error:
        if error.too_large:
            outcome, reason = TOO_LARGE, f"more than {max_pixels:,} pixels"
        else:
            outcome, reason = NO_IMAGE, _describe_content(response.content)
        return ImageOutcome(url=url, outcome=outcome, reason=reason, status=200, final_url=response.final_url)
    return ImageOutcome(
        url=url,
        outcome=FETCHED,
        status=200,
        num_bytes=len(response.content),
        sha256=hashlib.sha256(response.content).hexdigest(),
        final_url=response.final_url,
    )


def is_public(address: str) -> bool:
    """Return whether an address belongs to the open internet; an IPv4 address inside an IPv6 one decides for it."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast


def host_of(url: str) -> str:
    """Return the host of a URL in lower case; empty for an invalid URL."""
    try:
        return httpx.URL(url).host.lower()
    except httpx.InvalidURL:
        return ""


async def resolve_host(host: str, port: int) -> list[str]:
    """Look up all addresses of a name, in the order the system prefers."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class ImageClient:
    """An HTTP client for single images, with one pool of connections for each host.

    A connection is made to an address. One made for a name must not serve another name of the same machine.
    """

    def __init__(self, policy: FetchPolicy, resolve: Resolver = resolve_host) -> None:
        self._policy = policy
        self._resolve = resolve
        self._addresses: dict[str, list[str]] = {}
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}
        self._tls = httpx.create_ssl_context()

    async def __aenter__(self) -> "ImageClient":
        return self

    async def __aexit__(self, *raised: object) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    async def close_host(self, host: str) -> None:
        """Close the connections to a host."""
        transport = self._transports.pop(host, None)
        if transport is not None and self._policy.proxy is None:
            await transport.aclose()

    async def get(self, url: str) -> Response:
        """Make one attempt at one image, including redirects where they are allowed.

        Raises:
            PermanentError: Another attempt gives the same.
            TransientError: The next attempt may succeed.
        """
        try:
            async with asyncio.timeout(self._policy.timeout_seconds):
                return await self._follow(url)
        except TimeoutError as error:
            raise TransientError("timeout") from error
        except httpx.TimeoutException as error:
            raise TransientError("timeout") from error
        except httpx.RemoteProtocolError as error:
            raise TransientError("broken connection") from error
        except httpx.TransportError as error:
            if isinstance(error.__context__, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(error):
                raise PermanentError(DEAD, "a certificate that is not valid") from error
            raise TransientError(
                "no connection" if isinstance(error, httpx.ConnectError) else "broken connection"
            ) from error

    async def _follow(self, url: str) -> Response:
        current = _check_url(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(current)
            try:
                if response.status_code not in (301, 302, 303, 307, 308) or "location" not in response.headers:
                    content = await self._read_body(response)
                    return Response(
                        content=content, final_url=None if str(current) == str(_check_url(url)) else str(current)
                    )
                current = self._redirect_target(current, response)
            finally:
                await response.aclose()
        raise PermanentError(REFUSED, f"more than {MAX_REDIRECTS} redirects", response.status_code)

    def _redirect_target(self, current: httpx.URL, response: httpx.Response) -> httpx.URL:
        status = response.status_code
        if not self._policy.allow_redirects:
            raise PermanentError(REFUSED, "a redirect", status)
        try:
            target = current.join(response.headers["location"])
        except httpx.InvalidURL as error:
            raise PermanentError(REFUSED, "a redirect to no URL", status) from error
        if current.scheme == "https" and target.scheme == "http":
            raise PermanentError(REFUSED, "a redirect from https to http", status)
        return _check_url(str(target), status)

    async def _send(self, url: httpx.URL) -> httpx.Response:
        """Return the answer to one request, its body not yet read."""
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS, pool=None)
        headers = {"User-Agent": self._policy.user_agent, "Accept": "image/*", "Accept-Encoding": "identity"}
        addresses = await self._checked_addresses(url)
        transport = self._transport(url.host.lower())
        for number, address in enumerate(addresses, start=1):
            request = httpx.Request("GET", url, headers=headers, extensions={"timeout": timeout.as_dict()})
            if address:
                request.extensions["sni_hostname"] = _ascii_host(url)
                request.url = url.copy_with(host=address)  # the Host header keeps the name
            try:
                return await transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(addresses):
                    self._addresses.pop(_ascii_host(url), None)
                    raise
        raise AssertionError(addresses)

    async def _checked_addresses(self, url: httpx.URL) -> list[str]:
        """Return the addresses of a host, once every one of them has been found to be allowed.

        A proxy looks names up itself (`[""]`), so only a host that is an address already can be checked there.
        """
        host = _ascii_host(url)
        if self._policy.proxy is not None:
            if not self._policy.allow_private and _is_private_host(host):
                raise PermanentError(REFUSED, "a private address")
            return [""]
        found = self._addresses.get(host)
        if found is None:
            try:
                found = await self._resolve(host, url.port or {"http": 80, "https": 443}[url.scheme])
            except (OSError, UnicodeError) as error:
                raise TransientError("its host has no address") from error
            if not self._policy.allow_private and not all(is_public(address) for address in found):
                raise PermanentError(REFUSED, "a private address")
            self._addresses[host] = found
        return found

    def _transport(self, host: str) -> httpx.AsyncHTTPTransport:
        proxy = self._policy.proxy
        key = host if proxy is None else ""
        if key not in self._transports:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._policy.per_host)
            try:
                self._transports[key] = httpx.AsyncHTTPTransport(
                    verify=self._tls, limits=limits, proxy=None if proxy is None else httpx.Proxy(proxy)
                )
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise ToileError(f"--proxy {proxy}", f"cannot be used: {error}", "give http://HOST:PORT") from error
        return self._transports[key]

    async def _read_body(self, response: httpx.Response) -> bytes:
        """Read all bytes of an answer with status 200, never more than allowed, also where they are compressed."""
        status = response.status_code
        if status != HTTPStatus.OK:
            raise _status_error(response)
        most = self._policy.max_bytes
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise PermanentError(TOO_LARGE, f"more than {most:,} bytes", status)
        content = bytearray()
        async for chunk in decompress_chunks(response, most):
            content += chunk
            if len(content) > most:
                raise PermanentError(TOO_LARGE, f"more than {most:,} bytes", status)
        return bytes(content)


async def decompress_chunks(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Return the chunks of the body; gzip is undone in steps of at most `max_bytes` + 1, other codings are refused."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise PermanentError(DEAD, "a coding it was not asked for", response.status_code)
    unzip = None if coding in ("identity", "") else zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    async for chunk in response.aiter_raw():
        try:
            yield chunk if unzip is None else unzip.decompress(chunk, max_bytes + 1)
        except zlib.error as error:
            raise PermanentError(DEAD, "broken compression", response.status_code) from error


class Downloads:
    """The images and the journal of one folder; a context manager that holds the journal open.

    The journal is not trusted when it is read: a last line that was cut is dropped, and an image whose file is missing
    or does not match its sha256 is asked for again. So nothing has to be flushed to the disk for each image.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outcomes: dict[str, ImageOutcome] = {}
        self._journal: TextIO | None = None

    def __enter__(self) -> "Downloads":
        path = self.folder / "journal.jsonl"
        with storage_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                self.outcomes = {each.url: each for each in read_outcomes(path) if self._is_complete(each)}
            self._rewrite(path)
            self._journal = path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *raised: object) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            with storage_errors(self.folder / "journal.jsonl"):  # closing writes once more what a full disk refused
                journal.close()

    def save(self, outcome: ImageOutcome, content: bytes | None = None) -> None:
        """Record an outcome. The image file is written before its line."""
        assert self._journal is not None
        path = self.folder / "journal.jsonl" if outcome.sha256 is None else self._image_path(outcome.sha256)
        with storage_errors(path):
            if outcome.sha256 is not None and content is not None and not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, content, fsync=False)  # the journal has its sha256
            self._journal.write(format_outcome(outcome))
            self._journal.flush()
        self.outcomes[outcome.url] = outcome

    def forget(self, unwanted: Callable[[ImageOutcome], bool]) -> int:
        """Remove outcomes, so that their URLs are asked again; return how many."""
        assert self._journal is not None
        before = len(self.outcomes)
        self.outcomes = {url: each for url, each in self.outcomes.items() if not unwanted(each)}
        path = self.folder / "journal.jsonl"
        with storage_errors(path):
            self._journal.close()
            self._rewrite(path)
            self._journal = path.open("a", encoding="utf-8")
        return before - len(self.outcomes)

    def read(self, sha256: str) -> bytes:
        """Return the image of that sha256, checked."""
        path = self._image_path(sha256)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ToileError(str(path), f"cannot be read: {error.strerror}", "fetch again, it continues") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ToileError(str(path), "changed since it was fetched", "fetch again, it continues")
        return content

    def _image_path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def _is_complete(self, outcome: ImageOutcome) -> bool:
        if outcome.sha256 is None:
            return True
        path = self._image_path(outcome.sha256)
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == outcome.sha256

    def _rewrite(self, path: Path) -> None:
        write_atomic(path, "".join(format_outcome(each) for each in self.outcomes.values()))


def format_outcome(outcome: ImageOutcome) -> str:
    """Return one line of the journal and of the frozen list; unknown values are left out."""
    known = {name: value for name, value in asdict(outcome).items() if value not in (None, "")}
    return json.dumps(known, ensure_ascii=True) + "\n"


def format_outcomes(outcomes: Iterable[ImageOutcome]) -> str:
    """Return all outcomes sorted by URL: the same text for the same outcomes in any order."""
    return "".join(format_outcome(each) for each in sorted(outcomes, key=lambda each: each.url))


def read_outcomes(path: Path) -> Iterable[ImageOutcome]:
    """Read the outcomes of a journal or a frozen list; skip lines that are cut or of another version."""
    names = set(ImageOutcome.__dataclass_fields__)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            document: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict) and {"url", "outcome"} <= document.keys() <= names:
            yield ImageOutcome(**document)


def _describe_content(content: bytes) -> str:
    """Say what bytes are that are not an image."""
    if not content:
        return "nothing"
    start = content[:400].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "a page"
    kind = describe_unread(content)
    if kind is not None:
        return kind
    return "broken, or in no format that is known"


def _status_error(response: httpx.Response) -> PermanentError | TransientError:
    status = response.status_code
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    reason = f"{status} {phrase}".strip()
    if status >= 500 or status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY):
        return TransientError(reason, status, retry_after_seconds(response.headers.get("retry-after")))
    return PermanentError(DEAD, reason, status)


def _is_private_host(host: str) -> bool:
    """Return whether a host is known, without a look-up, not to be on the open internet."""
    try:
        return not is_public(host)
    except ValueError:
        return host.lower().endswith("localhost") or host.replace(".", "").isdigit() or host.startswith("0x")


def _ascii_host(url: httpx.URL) -> str:
    """Return the host as it is looked up and as certificates name it: international names in their coded form."""
    return url.raw_host.decode("ascii").strip("[]")


def _check_url(text: str, status: int | None = None) -> httpx.URL:
    """Return a URL that may be asked: http or https, with a host, without credentials."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise PermanentError(REFUSED, "no URL", status) from error
    if url.port is not None and not 0 < url.port < 65536:
        raise PermanentError(REFUSED, "no URL", status)
    if url.scheme not in ("http", "https") or not url.host:
        raise PermanentError(REFUSED, "neither http nor https", status)
    if url.userinfo:
        raise PermanentError(REFUSED, "credentials in the URL", status)
    return url

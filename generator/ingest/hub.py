"""The network of this package: the files of a data set on a Hugging Face hub, and single pictures from any web server.

A revision is resolved to a commit before anything is taken, so that what was fetched can be named for good. Pictures
come from addresses that were checked: a name is looked up once, every address it has must be public unless private
ones are allowed, and the connection goes to the very address that was checked, so a name that changes its address in
between leads nowhere (DNS rebinding). Cookies, proxies of the environment and credentials in URLs play no part.
"""

import asyncio
import email.utils
import fnmatch
import glob
import ipaddress
import re
import ssl
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx
from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils.tqdm import disable_progress_bars

from generator.ingest.downloads import DEAD, REFUSED, TOO_LARGE
from generator.ingest.rate_limit import Answer, Manners, NoPictureError, PassingError
from schemas.errors import ToileError

HUB_NAME = re.compile(r"(?P<name>\w[\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?")
MAX_REDIRECTS = 5
_CONNECT_SECONDS = 10.0
_QUIET_SECONDS = 20.0
"""Without a byte of an answer."""
NETWORK_ERROR: type[Exception] = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
"""The root of all errors of the HTTP library under huggingface_hub, which changes with its versions."""
_HUB_ERRORS = (OSError, ValueError, NETWORK_ERROR)
_OFFLINE_HINT = (
    "to continue offline, set HF_HOME to a cache that holds it (with HF_HUB_OFFLINE=1), or copy its files here and "
    "give the file or folder: toile fetch FILE.parquet; where the pictures are here too, toile import takes both"
)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses whose last 32 bits are an IPv4 address (NAT64, RFC 6052)."""

Resolver = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFiles:
    """The data files of one commit, on this machine."""

    name: str
    commit: str
    folder: Path
    files: tuple[str, ...]
    """Relative to `folder`, in the order they are read in."""


def hub_files(
    dataset: str,
    choose: Callable[[list[str]], list[str]],
    kinds: tuple[tuple[str, ...], ...],
    say: Callable[[str], None] = lambda text: None,
) -> HubFiles:
    """Fetch the files that `choose` picks from all names of `owner/name[@revision]`, and no other.

    Where the hub cannot be reached, the cache is taken if it holds all files of the first of `kinds` (patterns) that
    it holds any of. `say` hears how much is about to
    be fetched, before it is. Raises ToileError with the way to go on.
    """
    match = HUB_NAME.fullmatch(dataset)
    if match is None:
        hint = "give a hub name such as DBQ/Burberry.Product.prices.United.States, or the path of a table"
        raise ToileError(dataset, "is neither a file, nor a folder, nor a hub name", hint)
    name = match["name"]
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        return _from_hub(name, match["revision"], choose, kinds, say)
    except GatedRepoError as error:
        hint = f"agree to its terms at {constants.ENDPOINT}/datasets/{name}, then set HF_TOKEN or run `hf auth login`"
        raise ToileError(dataset, "cannot be fetched from the hub: it is gated", hint) from error
    except RepositoryNotFoundError as error:
        hint = "check the name; for a private one, set HF_TOKEN or run `hf auth login`"
        raise ToileError(dataset, "cannot be fetched from the hub: there is no such data set", hint) from error
    except RevisionNotFoundError as error:
        problem = f"cannot be fetched from the hub: it has no revision {match['revision']}"
        raise ToileError(dataset, problem, "leave @REVISION out for the newest") from error
    except _HUB_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, (NETWORK_ERROR, ConnectionError)) and not isinstance(error, HfHubHTTPError):
            reason = f"{constants.ENDPOINT} cannot be reached ({reason})"
        raise ToileError(dataset, f"cannot be fetched from the hub: {reason}", _OFFLINE_HINT) from error


def _from_hub(
    name: str,
    revision: str | None,
    choose: Callable[[list[str]], list[str]],
    kinds: tuple[tuple[str, ...], ...],
    say: Callable[[str], None],
) -> HubFiles:
    try:
        info = HfApi(library_name="toile").dataset_info(name, revision=revision, files_metadata=True)
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except _HUB_ERRORS as error:
        cached = _from_cache(name, revision, choose, kinds)
        if cached is None:
            raise error from None
        say(f"the hub cannot be reached; taking the copy in the cache, commit {cached.commit}")
        return cached
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    chosen, commit = choose(sorted(sizes)), str(info.sha)
    absent = [
        file
        for file in chosen
        if not isinstance(try_to_load_from_cache(name, file, repo_type="dataset", revision=commit), str)
    ]
    if absent:
        size = sum(sizes[file] for file in absent) / 1e6
        say(f"fetching {len(absent)} files of {name}, {size:,.2f} MB, commit {commit}, into {constants.HF_HUB_CACHE}")
    exactly = [glob.escape(file) for file in chosen]
    folder = Path(snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns=exactly))
    if folder.name != commit:  # the branch moved in this moment
        folder = Path(snapshot_download(name, repo_type="dataset", revision=commit, allow_patterns=exactly))
    return HubFiles(name=name, commit=commit, folder=folder, files=tuple(chosen))


def _from_cache(
    name: str,
    revision: str | None,
    choose: Callable[[list[str]], list[str]],
    kinds: tuple[tuple[str, ...], ...],
) -> HubFiles | None:
    """What the cache holds of a revision, None where files are missing (as far as the cache knows of them)."""
    for patterns in kinds:
        try:
            folder = Path(
                snapshot_download(
                    name, repo_type="dataset", revision=revision, local_files_only=True, allow_patterns=list(patterns)
                )
            )
        except _HUB_ERRORS:
            return None
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        if any(fnmatch.fnmatchcase(each, pattern) for each in names for pattern in patterns):
            return HubFiles(name=name, commit=folder.name, folder=folder, files=tuple(choose(names)))
    return None


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet; an IPv4 address inside an IPv6 one counts as the IPv4 address."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast


def host_of(url: str) -> str:
    """The host of a URL in small letters, as requests are counted by; empty where the URL makes no sense."""
    try:
        return httpx.URL(url).host.lower()
    except httpx.InvalidURL:
        return ""


async def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name, in the order the system prefers."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PictureClient:
    """Asks for single pictures. One pool of connections a host, because connections are made to addresses, and one
    that was made for a name must not serve another name of the same machine."""

    def __init__(self, manners: Manners, resolve: Resolver = look_up) -> None:
        self._manners = manners
        self._resolve = resolve
        self._addresses: dict[str, list[str]] = {}
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}
        self._tls = httpx.create_ssl_context()

    async def __aenter__(self) -> "PictureClient":
        return self

    async def __aexit__(self, *raised: object) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    async def leave(self, host: str) -> None:
        """Close the connections to a host."""
        transport = self._transports.pop(host, None)
        if transport is not None and self._manners.proxy is None:
            await transport.aclose()

    async def get(self, url: str) -> Answer:
        """One attempt at one picture, redirects (where allowed) included; see `politeness` for what it raises."""
        try:
            async with asyncio.timeout(self._manners.timeout_seconds):
                return await self._follow(url)
        except TimeoutError as error:
            raise PassingError("timeout") from error
        except httpx.TimeoutException as error:
            raise PassingError("timeout") from error
        except httpx.RemoteProtocolError as error:
            raise PassingError("broken connection") from error
        except httpx.TransportError as error:
            if isinstance(error.__context__, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(error):
                raise NoPictureError(DEAD, "a certificate that is not valid") from error
            raise PassingError(
                "no connection" if isinstance(error, httpx.ConnectError) else "broken connection"
            ) from error

    async def _follow(self, url: str) -> Answer:
        current = _checked_url(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(current)
            try:
                if response.status_code not in (301, 302, 303, 307, 308) or "location" not in response.headers:
                    content = await self._body(response)
                    return Answer(
                        content=content, final_url=None if str(current) == str(_checked_url(url)) else str(current)
                    )
                current = self._next(current, response)
            finally:
                await response.aclose()
        raise NoPictureError(REFUSED, f"more than {MAX_REDIRECTS} redirects", response.status_code)

    def _next(self, current: httpx.URL, response: httpx.Response) -> httpx.URL:
        status = response.status_code
        if not self._manners.allow_redirects:
            raise NoPictureError(REFUSED, "a redirect", status)
        try:
            target = current.join(response.headers["location"])
        except httpx.InvalidURL as error:
            raise NoPictureError(REFUSED, "a redirect to no URL", status) from error
        if current.scheme == "https" and target.scheme == "http":
            raise NoPictureError(REFUSED, "a redirect from https to http", status)
        return _checked_url(str(target), status)

    async def _send(self, url: httpx.URL) -> httpx.Response:
        """The answer to one request, its body not yet read."""
        manners = self._manners
        timeout = httpx.Timeout(_QUIET_SECONDS, connect=_CONNECT_SECONDS, pool=None)
        headers = {"User-Agent": manners.user_agent, "Accept": "image/*", "Accept-Encoding": "identity"}
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
        """Where a host lives, once every one of its addresses has been found to be allowed.

        Behind a proxy a name is looked up by the proxy (`[""]`), and only what is an address already can be checked.
        """
        host = _ascii_host(url)
        if self._manners.proxy is not None:
            if not self._manners.allow_private and _says_private(host):
                raise NoPictureError(REFUSED, "a private address")
            return [""]
        found = self._addresses.get(host)
        if found is None:
            try:
                found = await self._resolve(host, url.port or {"http": 80, "https": 443}[url.scheme])
            except (OSError, UnicodeError) as error:
                raise PassingError("its host has no address") from error
            if not self._manners.allow_private and not all(is_public(address) for address in found):
                raise NoPictureError(REFUSED, "a private address")
            self._addresses[host] = found
        return found

    def _transport(self, host: str) -> httpx.AsyncHTTPTransport:
        proxy = self._manners.proxy
        key = host if proxy is None else ""
        if key not in self._transports:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._manners.per_host)
            try:
                self._transports[key] = httpx.AsyncHTTPTransport(
                    verify=self._tls, limits=limits, proxy=None if proxy is None else httpx.Proxy(proxy)
                )
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise ToileError(f"--proxy {proxy}", f"cannot be used: {error}", "give http://HOST:PORT") from error
        return self._transports[key]

    async def _body(self, response: httpx.Response) -> bytes:
        """All bytes of an answer of status 200, never more than allowed, also where they come compressed."""
        status = response.status_code
        if status != HTTPStatus.OK:
            raise _bad_status(response)
        most = self._manners.max_bytes
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise NoPictureError(TOO_LARGE, f"more than {most:,} bytes", status)
        content = bytearray()
        async for chunk in _decoded(response, most):
            content += chunk
            if len(content) > most:
                raise NoPictureError(TOO_LARGE, f"more than {most:,} bytes", status)
        return bytes(content)


async def _decoded(response: httpx.Response, most: int) -> AsyncIterator[bytes]:
    """The body's chunks; gzip is undone in steps that never make more than the bound, other codings are refused."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise NoPictureError(DEAD, "a coding it was not asked for", response.status_code)
    unzip = None if coding in ("identity", "") else zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    async for chunk in response.aiter_raw():
        try:
            yield chunk if unzip is None else unzip.decompress(chunk, most + 1)
        except zlib.error as error:
            raise NoPictureError(DEAD, "broken compression", response.status_code) from error


def _bad_status(response: httpx.Response) -> NoPictureError | PassingError:
    status = response.status_code
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    reason = f"{status} {phrase}".strip()
    if status >= 500 or status in (408, 425, 429):
        return PassingError(reason, status, _retry_after(response.headers.get("retry-after")))
    return NoPictureError(DEAD, reason, status)


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from a number or a date; None where the header is missing or makes no sense."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _says_private(host: str) -> bool:
    """Whether a host is, without any look-up, known not to be of the open internet."""
    try:
        return not is_public(host)
    except ValueError:
        return host.lower().endswith("localhost") or host.replace(".", "").isdigit() or host.startswith("0x")


def _ascii_host(url: httpx.URL) -> str:
    """The host as it is looked up and as certificates name it: international names in their coded form."""
    return url.raw_host.decode("ascii").strip("[]")


def _checked_url(text: str, status: int | None = None) -> httpx.URL:
    """A URL that may be asked: http or https, a host, no credentials."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise NoPictureError(REFUSED, "no URL", status) from error
    if url.port is not None and not 0 < url.port < 65536:
        raise NoPictureError(REFUSED, "no URL", status)
    if url.scheme not in ("http", "https") or not url.host:
        raise NoPictureError(REFUSED, "neither http nor https", status)
    if url.userinfo:
        raise NoPictureError(REFUSED, "credentials in the URL", status)
    return url

"""The image client: private addresses, DNS rebinding, certificates, invalid URLs, proxies."""

import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from generator.ingest import FetchPolicy
from generator.ingest.downloads import FETCHED, REFUSED, is_public
from schemas.errors import ToileError
from tests.generator.ingest.test_rate_limit import LOOPBACK, ask
from tests.helpers.dataset_hub import ImageServer, image_bytes, served


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.3.4", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%2", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff0e::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/ok/1",
        "http://localhost:{port}/ok/1",
        "http://2130706433:{port}/ok/1",
        "http://0x7f.1:{port}/ok/1",
        "http://[::ffff:127.0.0.1]:{port}/ok/1",
    ],
)
def test_private_addresses_get_no_request(image_server: ImageServer, url: str) -> None:
    url = url.format(port=image_server.server_port)
    found = ask([url], FetchPolicy(retries=0)).outcomes[url]
    assert (found.outcome, found.reason) == (REFUSED, "a private address")
    assert not image_server.asked


def test_name_with_a_private_address_among_public_ones_is_refused(image_server: ImageServer) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    url = f"http://mixed.example:{image_server.server_port}/ok/1"
    assert ask([url], FetchPolicy(), resolve=resolve).outcomes[url].reason == "a private address"
    assert not image_server.asked


def test_dns_rebinding_connects_to_the_checked_address(image_server: ImageServer) -> None:
    """A name whose address is public when it is checked and private afterwards is looked up only once."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]])
    lookups: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        lookups.append(host)
        return next(answers)

    urls = [f"http://rebinding.example:{image_server.server_port}/ok/{k}" for k in range(5)]
    with pytest.MonkeyPatch.context() as patch:  # loopback stands for the open internet
        patch.setattr("generator.ingest.downloads.is_public", lambda address: address == "127.0.0.1")
        asked = ask(urls, FetchPolicy(user_agent="t"), resolve=resolve)
    assert {each.outcome for each in asked.outcomes.values()} == {FETCHED}
    assert lookups == ["rebinding.example"]
    assert image_server.hosts == {f"rebinding.example:{image_server.server_port}"}


def test_a_second_address_is_tried_where_the_first_refuses(image_server: ImageServer) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    url = f"http://two.example:{image_server.server_port}/ok/1"
    assert ask([url], LOOPBACK, resolve=resolve).outcomes[url].outcome == FETCHED


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://a.example/x.jpg", "neither http nor https"),
        ("file:///etc/passwd", "neither http nor https"),
        ("/is/image/x", "neither http nor https"),
        ("http:///x", "neither http nor https"),
        ("http://user:secret@a.example/x", "credentials in the URL"),
        ("http://a.example:99999/x", "no URL"),
        ("http://a\x00b/x", "no URL"),
        ("see the shop", "neither http nor https"),
    ],
)
def test_invalid_image_url_is_refused(url: str, reason: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    found = ask([url], resolve=resolve).outcomes[url]
    assert (found.outcome, found.reason) == (REFUSED, reason)


def test_unknown_host_is_dead() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    url = "http://nowhere.invalid/x.jpg"
    assert ask([url], resolve=resolve).outcomes[url].reason == "its host has no address"


def test_certificate_is_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=images.example"),
        *("-addext", "subjectAltName=DNS:images.example"),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the openssl program")
    server = ImageServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    good = f"https://images.example:{server.server_port}/ok/1"
    other = f"https://other.example:{server.server_port}/ok/1"
    with served(server):
        asked = ask([good, other], LOOPBACK, resolve=resolve)
    assert asked.outcomes[good].outcome == FETCHED
    assert asked.outcomes[other].reason == "a certificate that is not valid"
    assert sum(server.asked.values()) == 1


def test_proxy_is_used_only_where_it_is_named(image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    through: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            through.append(self.path)
            content = image_bytes(1)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Print nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")
    direct, named = f"{image_server.url}/ok/1", "http://images.example/ok/2"
    with served(proxy):
        assert ask([direct]).outcomes[direct].outcome == FETCHED
        assert through == []
        policy = FetchPolicy(proxy=f"http://127.0.0.1:{proxy.server_port}")
        asked = ask([named, "http://127.0.0.1/secret"], policy)
    assert asked.outcomes[named].outcome == FETCHED
    assert asked.outcomes["http://127.0.0.1/secret"].reason == "a private address"
    assert through == [named]
    with pytest.raises(BaseExceptionGroup) as caught:
        ask([named], FetchPolicy(proxy="nonsense"))
    assert caught.group_contains(ToileError, match="cannot be used")

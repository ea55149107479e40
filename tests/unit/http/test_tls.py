"""TLS: a wrong certificate is refused and never answered with plain http; a host without TLS is, once."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from support.raw_http import Asked, Wire, certificate, deaf_port, head, listening_on, redirect, say

from xharchive.errors import BadResponse, ConnectionFailed, NotAllowed
from xharchive.http import Transport, TransportOptions, connect
from xharchive.http.sessions import Sessions

pytestmark = pytest.mark.needs("openssl")

HOST = "sns-img-bd.xhscdn.com"
OK = head(200, length=2) + b"ok"


class Ports(AbstractResolver):
    """Every host lives here: its https at one port, its http at another."""

    def __init__(self, https: int, http: int) -> None:
        self._ports = {443: https, 80: http}
        self.asked: list[int] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(port)
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=self._ports[port], family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own making, for the host."""
    return certificate(tmp_path_factory.mktemp("tls"), HOST)


def server_side(pem: Path) -> ssl.SSLContext:
    """What a server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


class Made(Sessions):
    """Sessions with a connector of the test."""

    def __init__(self, connector: aiohttp.TCPConnector) -> None:
        super().__init__(TransportOptions())
        self._connector = connector

    def open_session(self, *_: object) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=self._connector, auto_decompress=False)


@asynccontextmanager
async def standing_in(
    https: Wire, http: Wire, trusted: Path | None = None
) -> AsyncIterator[tuple[Transport, Ports]]:
    """A transport whose media session finds every host at the two wires, and trusts one certificate more."""
    context = ssl.create_default_context()
    if trusted is not None:
        context.load_verify_locations(trusted)
    ports = Ports(https.port, http.port)
    connector = aiohttp.TCPConnector(resolver=ports, ssl=context, use_dns_cache=False)
    transport = Transport(TransportOptions(), Made(connector))
    try:
        yield transport, ports
    finally:
        await transport.close()


async def read(transport: Transport, url: str) -> bytes:
    """The first piece of the body."""
    async with transport.open(url, {}) as incoming:
        return await incoming.read()


async def test_http_urls_of_the_cdn_go_out_as_https(pem: Path) -> None:
    """Stream URLs arrive as http; https works, and is what is used (docs/api.md#streams)."""
    async with (
        listening_on(say(OK), server_side(pem)) as https,
        listening_on(say(OK)) as http,
        standing_in(https, http, trusted=pem) as (transport, _),
    ):
        assert await read(transport, f"http://{HOST}/a") == b"ok"
    assert https.targets == ["/a"]
    assert http.connections == 0


async def test_a_wrong_certificate_is_refused_and_never_becomes_plain_http(pem: Path) -> None:
    """Self-signed: nothing is sent, neither there nor in clear."""
    async with (
        listening_on(say(OK), server_side(pem)) as https,
        listening_on(say(OK)) as http,
        standing_in(https, http) as (transport, _),
    ):
        for url in (f"https://{HOST}/a", f"http://{HOST}/a"):
            with pytest.raises(NotAllowed, match="certificate"):
                await read(transport, url)
    assert https.asked == []
    assert http.connections == 0


async def test_a_certificate_of_another_name_is_refused(pem: Path) -> None:
    """Trusted, but for another host."""
    async with (
        listening_on(say(OK), server_side(pem)) as https,
        listening_on(say(OK)) as http,
        standing_in(https, http, trusted=pem) as (transport, _),
    ):
        with pytest.raises(NotAllowed, match="certificate"):
            await read(transport, "https://sns-img-hw.xhscdn.com/a")
    assert https.asked == []
    assert http.connections == 0


async def test_a_host_without_tls_is_asked_in_plain_http_and_remembered() -> None:
    """One failed handshake, then http for this host only, without trying https again."""
    async with (
        listening_on(say(OK)) as plain,
        standing_in(plain, plain) as (transport, ports),
    ):
        assert await read(transport, f"https://{HOST}/a") == b"ok"
        assert await read(transport, f"https://{HOST}/b") == b"ok"
        assert ports.asked == [443, 80, 80]
        assert await read(transport, "https://sns-img-hw.xhscdn.com/c") == b"ok"
        assert ports.asked == [443, 80, 80, 443, 80]
    assert plain.targets == ["/a", "/b", "/c"]


async def test_a_host_that_cannot_be_had_at_all_is_not_remembered_as_plain() -> None:
    """Neither port answers: a failed connection, and the next try begins with https again."""
    with deaf_port() as port:
        gone = Wire(port=port)
        async with standing_in(gone, gone) as (transport, ports):
            for _ in range(2):
                with pytest.raises(ConnectionFailed):
                    await read(transport, f"https://{HOST}/a")
    assert ports.asked == [443, 80, 443, 80]


async def test_a_connection_that_breaks_after_the_request_does_not_become_plain_http(pem: Path) -> None:
    """TLS worked, so the host has it: an answer that broke off is no reason to ask again in clear."""

    async def hang_up(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        listening_on(hang_up, server_side(pem)) as https,
        listening_on(say(OK)) as http,
        standing_in(https, http, trusted=pem) as (transport, _),
    ):
        with pytest.raises(ConnectionFailed) as failed:
            await read(transport, f"https://{HOST}/a")
    assert failed.value.sent
    assert http.connections == 0


async def test_a_redirect_to_http_stays_on_tls(pem: Path) -> None:
    """The CDN's redirects may say http as its payloads do; the plain server never hears of it."""
    lead_away = redirect(302, f"http://{HOST}/b")
    async with (
        listening_on(say(lead_away), server_side(pem)) as https,
        listening_on(say(OK)) as http,
        standing_in(https, http, trusted=pem) as (transport, _),
    ):
        with pytest.raises(BadResponse, match="redirects"):
            await read(transport, f"https://{HOST}/a")
    assert len(https.asked) == 6
    assert http.connections == 0


async def test_the_api_refuses_a_wrong_certificate_too(pem: Path) -> None:
    """The token is not sent to whoever cannot prove to be the API."""
    async with (
        listening_on(say(OK), server_side(pem)) as wire,
        connect(TransportOptions(api_base=f"https://localhost:{wire.port}")) as transport,
    ):
        with pytest.raises(NotAllowed, match="certificate"):
            await transport.api_get("/api", {})
    assert wire.asked == []

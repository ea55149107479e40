"""Bodies that stall, break off, lie or drip; answers that are no HTTP; Retry-After in all its forms."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.raw_http import Asked, Says, Wire, head, listening_on, say

from xharchive.errors import BadResponse, ConnectionFailed, IncompleteBody, NetworkError, Stalled
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import Transport, TransportOptions, connect

HOST = "sns-img-bd.xhscdn.com"
URL = f"https://{HOST}/a?sign=s3cret"
STALL = 0.1
"""Seconds: real time, because silence can only be waited for."""


@asynccontextmanager
async def asking(says: Says, **options: Any) -> AsyncIterator[tuple[Transport, Wire]]:
    """A transport that finds both the API and every media host at one wire."""
    async with listening_on(says) as wire:
        ways = TransportOptions(
            api_base=f"http://127.0.0.1:{wire.port}",
            borders=AllowList(overrides=(HostOverride("*", "127.0.0.1", wire.port),)),
            stall=options.pop("stall", 5.0),
            api_timeout=options.pop("api_timeout", 5.0),
            **options,
        )
        async with connect(ways) as transport:
            yield transport, wire


async def body_of(transport: Transport) -> bytes:
    """The whole media body."""
    body = b""
    async with transport.open(URL, {}) as incoming:
        while piece := await incoming.read():
            body += piece
    return body


def silent_after(*pieces: bytes) -> Says:
    """Say these bytes, then nothing, with the connection open."""

    async def said(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(pieces))
        await writer.drain()
        await asyncio.Event().wait()

    return said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((), "no answer in time"),
        ((b"HTTP/1.1 200 O",), "no answer in time"),
        ((head(200, length=9),), "stopped arriving"),
        ((head(200, length=9), b"half"), "stopped arriving"),
        ((head(200, "Transfer-Encoding: chunked"), b"4\r\nhalf\r\n"), "stopped arriving"),
        ((head(200),), "stopped arriving"),
    ],
)
async def test_silence_is_a_stall(said: tuple[bytes, ...], words: str) -> None:
    """Before the headers or in the middle of the body: after the time-out, not after the total."""
    async with asking(silent_after(*said), stall=STALL) as (transport, _):
        with pytest.raises(Stalled, match=words):
            await body_of(transport)


async def test_a_slow_body_that_flows_is_no_stall() -> None:
    """Pauses shorter than the time-out add up to more than it: nobody complains, a video may take an hour."""

    async def dripping(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, length=5))
        for _ in range(5):
            await asyncio.sleep(0.5)
            writer.write(b".")

    async with asking(dripping, stall=2) as (transport, _):
        assert await body_of(transport) == b"....."


@pytest.mark.parametrize(
    "said",
    [
        (head(200, length=9), b"half"),
        (head(200, length=9),),
        (head(200, "Transfer-Encoding: chunked"), b"4\r\nhalf\r\n"),
        (head(200, "Transfer-Encoding: chunked"), b"4\r\nha"),
    ],
)
async def test_a_body_that_ends_early_is_cut(said: tuple[bytes, ...]) -> None:
    """A length that is not reached, a last chunk that never comes."""
    async with asking(say(*said)) as (transport, _):
        with pytest.raises(IncompleteBody, match="broke off"):
            await body_of(transport)


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """It arrives, and the answer says that nothing announced its length."""
    async with (
        asking(say(head(200, "Connection: close"), b"all")) as (transport, _),
        transport.open(URL, {}) as incoming,
    ):
        assert (incoming.length, incoming.chunked, incoming.encoding) == (None, False, "")
        assert await incoming.read() == b"all"
        assert await incoming.read() == b""


@pytest.mark.parametrize(
    "said",
    [
        head(200, length=4) + b"filejunk",
        head(200, "Transfer-Encoding: chunked") + b"zz\r\nhalf\r\n0\r\n\r\n",
    ],
)
async def test_a_body_that_breaks_its_own_framing_is_refused(said: bytes) -> None:
    """More bytes than announced, a chunk without a size: not one of them is believed."""
    async with asking(say(said)) as (transport, _):
        with pytest.raises(BadResponse):
            await body_of(transport)


async def test_an_encoded_body_arrives_as_it_was_sent() -> None:
    """Nothing is unpacked on the way: the asker decides, and sees a cut stream for what it is."""
    packed = gzip.compress(b"picture")
    async with (
        asking(say(head(200, "Content-Encoding:  GZip ", length=len(packed)), packed)) as (
            transport,
            _,
        ),
        transport.open(URL, {}) as incoming,
    ):
        assert incoming.encoding == "gzip"
        assert incoming.length == len(packed)
        assert await incoming.read() == packed


async def test_chunked_is_told() -> None:
    """A chunked body that ended in order is known to be whole."""
    said = (head(200, "Transfer-Encoding: Chunked"), b"4\r\nfile\r\n0\r\n\r\n")
    async with (
        asking(say(*said)) as (transport, _),
        transport.open(URL, {}) as incoming,
    ):
        assert incoming.chunked
        assert incoming.length is None
        assert await incoming.read() == b"file"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", BadResponse),
        (b"HTTP/1.1 two hundred\r\n\r\n", BadResponse),
        (head(200, "Content-Length: -1"), BadResponse),
        (head(200, "Content-Length: 5, 6"), BadResponse),
        (head(200, "X-Long: " + "x" * 70_000, length=0), BadResponse),
        (head(200, *("X: y" for _ in range(40_000)), length=0), BadResponse),
        (b"", ConnectionFailed),
        (b"HTTP/1.1 200 OK\r\nContent-", ConnectionFailed),
    ],
    ids=[
        "ssh",
        "no-status",
        "negative",
        "two-lengths",
        "long-header",
        "many-headers",
        "nothing",
        "half-head",
    ],
)
@pytest.mark.parametrize("side", ["media", "api"])
async def test_what_is_no_answer_is_told_without_its_words(
    said: bytes, kind: type[NetworkError], side: str
) -> None:
    """No foreign text and no URL in the error; a broken connection may have carried the request."""
    async with asking(say(said)) as (transport, _):
        with pytest.raises(kind) as failed:
            await (body_of(transport) if side == "media" else transport.api_get("/x", {"sign": "s3cret"}))
    assert "s3cret" not in repr(failed.value)
    assert failed.value.__suppress_context__
    if isinstance(failed.value, ConnectionFailed):
        assert failed.value.sent


@pytest.mark.parametrize("said", [(), (head(200, length=9), b"half")])
async def test_the_api_has_one_limit_for_the_whole_call(said: tuple[bytes, ...]) -> None:
    """Silence before or in the reply: the call stalled, and may have been billed."""
    async with asking(silent_after(*said), api_timeout=STALL) as (transport, _):
        with pytest.raises(Stalled):
            await transport.api_get("/x", {})


async def test_a_cut_reply_is_cut() -> None:
    """Half a reply under a whole length is no reply."""
    async with asking(say(head(200, length=9), b"half")) as (transport, _):
        with pytest.raises(IncompleteBody):
            await transport.api_get("/x", {})


async def test_a_packed_reply_is_unpacked_up_to_the_limit() -> None:
    """The API may compress; a bomb ends at the limit of a reply."""
    small, bomb = gzip.compress(b'{"code": 0}'), gzip.compress(bytes(64 << 20))
    for packed in (small, bomb):
        said = head(200, "Content-Encoding: gzip", length=len(packed)) + packed
        async with asking(say(said), largest_reply=1 << 20) as (transport, _):
            if packed is small:
                assert (await transport.api_get("/x", {})).body == b'{"code": 0}'
            else:
                with pytest.raises(BadResponse, match="more than 1 MiB"):
                    await transport.api_get("/x", {})


async def test_cookies_are_not_kept() -> None:
    """What a host sets is not sent back, to it or to any other."""
    said = head(200, "Set-Cookie: web_session=1; Domain=xhscdn.com; Path=/", length=0)
    async with asking(say(said)) as (transport, wire):
        for _ in range(2):
            await body_of(transport)
            await transport.api_get("/x", {})
    assert all("cookie" not in asked.headers for asked in wire.asked)
    assert len(wire.asked) == 4


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After:   0 "], 0.0),
        (["Retry-After: 99999999999999999999"], 999999999.0),
        (["Retry-After: -5"], None),
        (["Retry-After: 1.5"], None),
        (["Retry-After: soon"], None),
        (["Retry-After: \u0661"], None),
        ([], None),
        (["Retry-After: Fri, 02 Jan 2026 00:00:42 GMT"], None),
        (["Retry-After: Fri, 02 Jan 2026 00:00:42 GMT", "Date: Fri, 02 Jan 2026 00:00:00 GMT"], 42.0),
        (["Retry-After: Fri, 02 Jan 2026 00:00:00 GMT", "Date: Fri, 02 Jan 2026 00:00:42 GMT"], 0.0),
        (["Retry-After: Fri, 02 Jan 2026 00:00:42 -0000", "Date: Fri, 02 Jan 2026 00:00:00 GMT"], None),
        (
            ["Retry-After: 1 Jan 99999999999999999999 00:00:00 GMT", "Date: Fri, 02 Jan 2026 00:00:00 GMT"],
            None,
        ),
        (
            ["Retry-After: Fri, 02 Jan 2026 00:00:42 +99999999999", "Date: Fri, 02 Jan 2026 00:00:00 GMT"],
            None,
        ),
    ],
)
async def test_retry_after_is_read_in_every_form(lines: list[str], seconds: float | None) -> None:
    """Seconds, a date by the server's own clock, or nothing that could be understood."""
    async with asking(say(head(503, *lines, length=0))) as (transport, _):
        async with transport.open(URL, {}) as incoming:
            assert incoming.retry_after == seconds
        assert (await transport.api_get("/x", {})).retry_after == seconds


async def test_a_call_that_breaks_is_never_sent_twice_behind_our_back() -> None:
    """Promise 2: aiohttp repeats a broken GET by itself; each API call is paid for, so it must not."""
    async with asking(say(b"")) as (transport, wire):
        for calls in (1, 2):
            with pytest.raises(ConnectionFailed) as failed:
                await transport.api_get("/x", {})
            assert failed.value.sent
            assert len(wire.asked) == calls


async def test_a_call_never_meets_a_connection_that_died_in_the_pool() -> None:
    """A kept connection that the server closed meanwhile would look like a call that may have been billed."""
    said = say(head(200, length=2) + b"ok", then_hang_up=False)
    async with asking(said) as (transport, wire):
        for _ in range(3):
            assert (await transport.api_get("/x", {})).body == b"ok"
    assert wire.connections == 3
    assert {asked.headers.get("connection") for asked in wire.asked} == {"close"}

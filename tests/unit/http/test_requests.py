"""What goes out on the wire: the query byte for byte, plain headers, no proxy, and no token to media."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.raw_http import Wire, head, listening_on, say

from xharchive import __version__
from xharchive.host_allowlist import AllowList, HostOverride, parse_allowed
from xharchive.http import Transport, TransportOptions, connect
from xharchive.redaction import Secret

HOST = "sns-img-bd.xhscdn.com"
OK = head(200, "Set-Cookie: id=42; Path=/", length=2) + b"ok"


@asynccontextmanager
async def overridden(wire: Wire, **options: Any) -> AsyncIterator[Transport]:
    """A transport whose every media host lives at the wire."""
    borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", wire.port),))
    async with connect(TransportOptions(token=Secret("s3cret"), borders=borders, **options)) as transport:
        yield transport


async def read(transport: Transport, url: str, headers: dict[str, str] | None = None) -> bytes:
    """The whole body behind a URL."""
    body = b""
    async with transport.open(url, headers or {}) as incoming:
        while piece := await incoming.read():
            body += piece
    return body


@pytest.mark.parametrize(
    "target",
    [
        "/a?imageView2/2/w/1440/format/heif/q/58|imageMogr2/strip&redImage/frame/0",
        "/a?imageView2/2/q/58%7CimageMogr2/strip",
        "/a?z=1&a=2&z=0&&=&b",
        "/a?sign=%2f%2F%7e~&t=69aede0f",
        "/a~b/%7Ec/d%20e/f+g?x=+%2B&y=%E4%BD%A0",
        "/notes_pre_post/1040g!nd_dft_wlteh_webp_3",
        "/a?q=a'b(c)*d;e:f@g,h$i",
        "//double//slash/./dot?../x",
        "/",
    ],
)
async def test_the_request_line_is_the_url_byte_for_byte(target: str) -> None:
    """A signature covers the bytes: nothing is escaped, sorted or tidied (docs/api.md#transforms)."""
    async with listening_on(say(OK, then_hang_up=False)) as wire, overridden(wire) as transport:
        assert await read(transport, f"https://{HOST}{target}") == b"ok"
    assert wire.targets == [target]


async def test_an_override_sends_the_production_host_over_plain_http() -> None:
    """The server behind `--resolve` sees the request that production would see."""
    async with listening_on(say(OK, then_hang_up=False)) as wire, overridden(wire) as transport:
        await read(transport, f"https://{HOST}/a")
        await read(transport, f"http://{HOST}/b")
    assert [asked.headers["host"] for asked in wire.asked] == [HOST, HOST]


async def test_media_requests_are_plain_and_nameless() -> None:
    """An honest user agent, no encoding, no Referer, no cookie back, and never the token."""
    async with listening_on(say(OK, then_hang_up=False)) as wire, overridden(wire) as transport:
        await read(transport, f"https://{HOST}/a")
        await read(transport, f"https://{HOST}/a")
    for asked in wire.asked:
        assert asked.headers == {
            "host": HOST,
            "user-agent": f"xharchive/{__version__}",
            "accept": "*/*",
            "accept-encoding": "identity",
        }


async def test_a_header_goes_out_only_when_asked_for() -> None:
    """A Referer for one request is not remembered for the next."""
    async with listening_on(say(OK, then_hang_up=False)) as wire, overridden(wire) as transport:
        await read(transport, f"https://{HOST}/a", {"Referer": "https://www.xiaohongshu.com/"})
        await read(transport, f"https://{HOST}/a")
    assert [asked.headers.get("referer") for asked in wire.asked] == ["https://www.xiaohongshu.com/", None]


async def test_only_proxies_of_the_settings_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport itself reads no environment: what `--no-proxy` turned off stays off."""
    async with (
        listening_on(say(OK, then_hang_up=False)) as proxy,
        listening_on(say(OK, then_hang_up=False)) as wire,
    ):
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with overridden(wire, api_base=f"http://127.0.0.1:{wire.port}") as transport:
            await read(transport, f"https://{HOST}/a")
            await transport.api_get("/api", {"noteId": "1"})
    assert proxy.connections == 0
    assert len(wire.asked) == 2


async def test_the_api_call_carries_the_token_in_its_query_and_nothing_else() -> None:
    """A slash at the end of the base does not double, a path in it stays."""
    async with listening_on(say(OK, then_hang_up=False)) as wire:
        base = f"http://127.0.0.1:{wire.port}/proxy/"
        async with overridden(wire, api_base=base) as transport:
            answer = await transport.api_get("/api/x", {"noteId": "a b"})
            await transport.api_get("/api/x", {})
    assert (answer.status, answer.body, answer.retry_after) == (200, b"ok", None)
    assert wire.targets == ["/proxy/api/x?token=s3cret&noteId=a+b", "/proxy/api/x?token=s3cret"]
    for asked in wire.asked:
        assert "cookie" not in asked.headers
        assert asked.headers["user-agent"] == f"xharchive/{__version__}"
        assert asked.headers["accept"] == "application/json"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_override_of_the_api_host_keeps_its_name(address: str) -> None:
    """`--resolve api.justoneapi.com=…` sends the call there with the `Host` of production, in plain http."""
    async with listening_on(say(OK, then_hang_up=False)) as wire:
        place = HostOverride("api.justoneapi.com", address, wire.port)
        options = TransportOptions(token=Secret("s3cret"), borders=AllowList(overrides=(place,)))
        async with connect(options) as transport:
            if ":" in address:  # the wire is on IPv4 only: what counts is how the address is written
                url, _ = transport._api_url("https://api.justoneapi.com/api?x=1")
                assert url == f"http://[::1]:{wire.port}/api?x=1"
                return
            await transport.api_get("/api", {"noteId": "1"})
    (asked,) = wire.asked
    assert asked.headers["host"] == "api.justoneapi.com"
    assert asked.target == "/api?token=s3cret&noteId=1"


async def test_a_star_override_does_not_move_the_api() -> None:
    """`--resolve *=…` speaks of media hosts: the token does not follow."""
    async with (
        listening_on(say(OK, then_hang_up=False)) as api,
        listening_on(say(OK, then_hang_up=False)) as media,
        overridden(media, api_base=f"http://127.0.0.1:{api.port}") as transport,
    ):
        await transport.api_get("/api", {})
    assert len(api.asked) == 1
    assert media.connections == 0


async def test_an_echoed_token_is_taken_out_of_the_answer() -> None:
    """What is kept on disk must not hold the token, should the API send it back."""
    body = b'{"code": 100, "message": "s3cret+x/y s3cret%2Bx%2Fy"}'
    async with listening_on(say(head(200, length=len(body)) + body)) as wire:
        options = TransportOptions(api_base=f"http://127.0.0.1:{wire.port}", token=Secret("s3cret+x/y"))
        async with connect(options) as transport:
            answer = await transport.api_get("/api", {})
    assert b"s3cret" not in answer.body
    assert b"***" in answer.body


async def test_a_host_that_the_user_named_with_its_port_is_spoken_to_as_its_url_says() -> None:
    """`--allow-host 127.0.0.1:PORT` opens exactly that place, with plain http if the URL says so."""
    async with listening_on(say(OK, then_hang_up=False)) as wire:
        borders = AllowList(parse_allowed([f"127.0.0.1:{wire.port}", f"localhost:{wire.port}"]))
        async with connect(TransportOptions(borders=borders)) as transport:
            assert await read(transport, f"http://127.0.0.1:{wire.port}/a") == b"ok"
            assert await read(transport, f"http://localhost:{wire.port}/b") == b"ok"
    assert [asked.headers["host"] for asked in wire.asked] == [
        f"127.0.0.1:{wire.port}",
        f"localhost:{wire.port}",
    ]

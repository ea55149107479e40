"""Redirects: followed by hand, each through the borders, at most five, never out of https."""

import asyncio
from collections.abc import Mapping

import pytest
from support.raw_http import Asked, Says, Wire, head, listening_on, redirect

from xharchive.errors import BadResponse, NotAllowed
from xharchive.host_allowlist import AllowList, HostOverride, parse_allowed
from xharchive.http import TransportOptions, connect

HOST = "sns-img-bd.xhscdn.com"
OTHER = "sns-v8.rednotecdn.com"
OK = head(200, length=2) + b"ok"


def pages(answers: Mapping[str, bytes]) -> Says:
    """Answer by target; the connection stays open."""

    async def said(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[asked.target])
        await writer.drain()

    return said


async def follow(wire: Wire, url: str, *, allowed: str = "") -> tuple[int, str, bytes]:
    """Open a URL with every media host at the wire; return status, final host and body."""
    borders = AllowList(parse_allowed([allowed]), (HostOverride("*", "127.0.0.1", wire.port),))
    async with connect(TransportOptions(borders=borders)) as transport, transport.open(url, {}) as incoming:
        return incoming.status, incoming.host, await incoming.read()


def hops(count: int) -> dict[str, bytes]:
    """A chain of so many redirects, then an answer."""
    chain = {f"/{step}": redirect(302, f"/{step + 1}") for step in range(count)}
    return {**chain, f"/{count}": OK}


async def test_five_hops_are_followed() -> None:
    """Relative targets are joined to the URL they came from."""
    async with listening_on(pages(hops(5))) as wire:
        assert await follow(wire, f"https://{HOST}/0") == (200, HOST, b"ok")
    assert wire.targets == ["/0", "/1", "/2", "/3", "/4", "/5"]


async def test_six_hops_are_too_many() -> None:
    """The sixth redirect is not followed."""
    async with listening_on(pages(hops(6))) as wire:
        with pytest.raises(BadResponse, match="more than 5 redirects"):
            await follow(wire, f"https://{HOST}/0")
    assert len(wire.asked) == 6


async def test_a_loop_ends() -> None:
    """A page that leads to itself is asked six times in all."""
    async with listening_on(pages({"/loop": redirect(301, "/loop")})) as wire:
        with pytest.raises(BadResponse, match="redirects"):
            await follow(wire, f"https://{HOST}/loop")
    assert wire.targets == ["/loop"] * 6


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_cdn_host_is_followed_byte_for_byte(status: int) -> None:
    """Across true subdomains of the CDN, with the target's query as it stands."""
    target = "/b?imageView2/2/w/0|x&~=%7C&z&a"
    answers = {"/a": redirect(status, f"https://{OTHER}{target}"), target: OK}
    async with listening_on(pages(answers)) as wire:
        assert await follow(wire, f"https://{HOST}/a") == (200, OTHER, b"ok")
    assert [asked.headers["host"] for asked in wire.asked] == [HOST, OTHER]


async def test_the_target_of_a_redirect_is_encoded_where_it_could_not_be_sent() -> None:
    """Blanks and letters outside ASCII, be they UTF-8 or not."""
    sent = "/b%20%E9%9F%B3?x|%7C"
    answers = {"/a": redirect(302, f"https://{OTHER}/b 音?x|%7C"), sent: OK}
    async with listening_on(pages(answers)) as wire:
        assert await follow(wire, f"https://{HOST}/a") == (200, OTHER, b"ok")


@pytest.mark.parametrize("status", [300, 304, 305, 399])
async def test_other_3xx_are_handed_over(status: int) -> None:
    """Only real redirects are followed; what else a status means is the asker's affair."""
    async with listening_on(pages({"/a": head(status, "Location: /b", length=0)})) as wire:
        assert (await follow(wire, f"https://{HOST}/a"))[0] == status


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://evil.example/",
        "https://xhscdn.com.evil.example/",
        "https://notxhscdn.com/",
        f"https://{HOST}@evil.example/",
        f"https://user:word@{HOST}/",
        f"https://{HOST}:8080/",
        f"https://{HOST}:22/",
        "//evil.example/a",
        "file:///etc/passwd",
        "ftp://sns-img-bd.xhscdn.com/a",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        f"http://{HOST}:80/b",
        f"HTTP://{HOST}:8080/b",
        "https://[broken/",
        "//[broken/",
        "",
    ],
)
async def test_a_redirect_that_leaves_the_borders_is_refused(place: str) -> None:
    """Nothing is sent there, whatever the spelling."""
    async with listening_on(pages({"/a": redirect(302, place)})) as wire:
        with pytest.raises(NotAllowed):
            await follow(wire, f"https://{HOST}/a")
    assert wire.targets == ["/a"]


@pytest.mark.parametrize("host", [HOST, OTHER])
async def test_a_redirect_to_plain_http_is_treated_as_a_payloads_url(host: str) -> None:
    """Payloads say http everywhere and https is sent; a redirect that says http gets no worse."""
    answers = {"/a": redirect(302, f"http://{host}/b"), "/b": OK}
    async with listening_on(pages(answers)) as wire:
        assert await follow(wire, f"https://{HOST}/a") == (200, host, b"ok")
    borders = AllowList()
    async with connect(TransportOptions(borders=borders)) as transport:
        assert transport._scheme_to_use(borders.check(f"http://{host}/b")) == "https"


async def test_a_redirect_without_a_target_is_refused() -> None:
    """A Location must be there."""
    async with listening_on(pages({"/a": head(302, length=0)})) as wire:
        with pytest.raises(NotAllowed, match="without a usable target"):
            await follow(wire, f"https://{HOST}/a")


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://127.0.0.1/", "file:///etc/passwd", "", "//"]
)
async def test_a_url_outside_the_borders_is_not_asked(url: str) -> None:
    """The first address is checked as every further one is."""
    async with listening_on(pages({})) as wire:
        with pytest.raises(NotAllowed):
            await follow(wire, url)
    assert wire.connections == 0


async def test_a_host_that_the_user_added_may_be_redirected_to() -> None:
    """`--allow-host` adds to the borders, for redirects too."""
    answers = {"/a": redirect(302, "https://mirror.example/b"), "/b": OK}
    async with listening_on(pages(answers)) as wire:
        status, host, _ = await follow(wire, f"https://{HOST}/a", allowed="mirror.example")
    assert (status, host) == (200, "mirror.example")


async def test_the_api_is_never_followed_anywhere() -> None:
    """A redirect would carry the token along: refused, whatever its target."""
    async with (
        listening_on(pages({"/x?token=": redirect(307, "/y")})) as wire,
        connect(TransportOptions(api_base=f"http://127.0.0.1:{wire.port}")) as transport,
    ):
        with pytest.raises(BadResponse, match="never followed"):
            await transport.api_get("/x", {})
    assert len(wire.asked) == 1

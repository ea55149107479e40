"""Where a short link leads: its redirect is read, and never followed out of the shortener."""

from asyncio import StreamWriter

import pytest
from support.raw_http import Asked, Says, head, listening_on, redirect, say
from test_requests import overridden

from xharchive.errors import BadResponse, NotAllowed

LINK = "https://xhslink.com/a/AbC"
TARGET = "https://www.xiaohongshu.com/discovery/item/69aed4e2000000000e00c358?xsec_token=x"


def leading_to(*locations: str) -> Says:
    """Redirect to one place after another, the last one for ever."""
    left = list(locations)

    async def says(_asked: Asked, writer: StreamWriter) -> None:
        writer.write(redirect(302, left.pop(0) if len(left) > 1 else left[0]))
        await writer.drain()

    return says


async def test_the_target_is_told_and_not_asked() -> None:
    """One request, without a token, to the shortener alone."""
    async with listening_on(leading_to(TARGET)) as wire, overridden(wire) as transport:
        assert await transport.resolve_redirect(LINK) == TARGET
    assert wire.targets == ["/a/AbC"]


async def test_hops_within_the_shortener_are_followed() -> None:
    """From one of its pages to the next, also to its other domain, and no further."""
    hops = leading_to("/b", "http://xhslink.cn/c", TARGET)
    async with listening_on(hops) as wire, overridden(wire) as transport:
        assert await transport.resolve_redirect(LINK) == TARGET
    assert wire.targets == ["/a/AbC", "/b", "/c"]


@pytest.mark.parametrize(
    "target", ["xhsdiscover://item/x", "http://127.0.0.1/", "https://evil.example/", "ftp://x"]
)
async def test_whatever_the_target_it_is_only_told(target: str) -> None:
    """What it means is another's affair; nobody is asked there."""
    async with listening_on(leading_to(target)) as wire, overridden(wire) as transport:
        assert await transport.resolve_redirect(LINK) == target
    assert len(wire.targets) == 1


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_no_redirect_is_no_answer(status: int) -> None:
    """A page, an error."""
    async with listening_on(say(head(status, length=0))) as wire, overridden(wire) as transport:
        with pytest.raises(BadResponse, match=str(status)):
            await transport.resolve_redirect(LINK)


@pytest.mark.parametrize("location", ["", "  ", "https://[half/"])
async def test_a_redirect_to_nowhere(location: str) -> None:
    """It names no address: that is what is told."""
    async with listening_on(leading_to(location)) as wire, overridden(wire) as transport:
        assert await transport.resolve_redirect(LINK) == ""


async def test_a_circle_ends() -> None:
    """After a handful of hops."""
    async with listening_on(leading_to(LINK)) as wire, overridden(wire) as transport:
        with pytest.raises(BadResponse, match="redirects"):
            await transport.resolve_redirect(LINK)
    assert 2 < len(wire.targets) < 9


@pytest.mark.parametrize(
    "url", ["https://sns-img-bd.xhscdn.com/a", "https://xhslink.com.evil.example/a", "file:///a"]
)
async def test_nobody_else_is_asked(url: str) -> None:
    """The media hosts are no shortener, and the shortener is no media host."""
    async with listening_on(leading_to(LINK)) as wire, overridden(wire) as transport:
        with pytest.raises(NotAllowed):
            await transport.resolve_redirect(url)
        with pytest.raises(NotAllowed):
            async with transport.open(LINK, {}):
                pass
    assert wire.targets == []

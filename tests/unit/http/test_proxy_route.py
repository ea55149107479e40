"""Requests through a proxy: the allow-list judges the target first, and the guard knows the proxy only."""

import pytest
from support.raw_http import head, listening_on, redirect, say

from xharchive.errors import NotAllowed, ProxyFailed
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import TransportOptions, connect
from xharchive.http.sessions import AddressGuard
from xharchive.proxies import read_proxies

HOST = "sns-img-bd.xhscdn.com"


@pytest.mark.parametrize("url", ["https://evil.example/a", "http://127.0.0.1/a", "http://10.0.0.1:80/a"])
async def test_a_target_outside_the_allow_list_is_not_asked_of_the_proxy(url: str) -> None:
    """Although a proxy would take it."""
    async with listening_on(say(head(200, length=0))) as proxy:
        options = TransportOptions(proxies=read_proxies(f"127.0.0.1:{proxy.port}", {}))
        async with connect(options) as transport:
            with pytest.raises(NotAllowed):
                async with transport.open(url, {}):
                    pass
    assert proxy.connections == 0


async def test_a_redirect_out_of_the_allow_list_is_not_followed_through_the_proxy() -> None:
    """Here the first host is asked directly, because an override leads to it."""
    async with (
        listening_on(say(head(200, length=0))) as proxy,
        listening_on(say(redirect(302, "https://evil.example/a"))) as wire,
    ):
        borders = AllowList(overrides=(HostOverride(HOST, "127.0.0.1", wire.port),))
        options = TransportOptions(borders=borders, proxies=read_proxies(f"127.0.0.1:{proxy.port}", {}))
        async with connect(options) as transport:
            with pytest.raises(NotAllowed):
                async with transport.open(f"https://{HOST}/a", {}):
                    pass
    assert (proxy.connections, len(wire.asked)) == (0, 1)


@pytest.mark.parametrize("what", ["call", "short link"])
async def test_a_proxy_that_says_nothing_is_left_in_time(what: str) -> None:
    """It took the connection and does not answer CONNECT: nothing was sent to the target."""
    async with listening_on(say(then_hang_up=False)) as proxy:
        options = TransportOptions(
            proxies=read_proxies(f"127.0.0.1:{proxy.port}", {}), connect=0.1, stall=0.1, api_timeout=60
        )
        async with connect(options) as transport:
            asked = (
                transport.api_get("/api", {})
                if what == "call"
                else transport.resolve_redirect("https://xhslink.com/a")
            )
            with pytest.raises(ProxyFailed, match=f"127.0.0.1:{proxy.port}: no answer in time"):
                await asked
    assert proxy.connections == 1


async def test_the_address_of_the_proxy_is_open_and_no_other_local_one() -> None:
    """At its port only."""
    guard = AddressGuard(AllowList(), read_proxies("10.0.0.7:3128", {}).all)
    guard.make_socket((2, 1, 6, "", ("10.0.0.7", 3128))).close()
    for address in (("10.0.0.7", 443), ("10.0.0.8", 3128)):
        with pytest.raises(OSError, match="allow-list"):
            guard.make_socket((2, 1, 6, "", address))

"""How a request is told to go through a proxy, without aiohttp being loaded for it before it is needed."""

import base64
from typing import TYPE_CHECKING, TypedDict

from xharchive.errors import Forbidden
from xharchive.proxies import Proxy

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["Route", "password_wanted", "refuse_407", "route"]


class Route(TypedDict, total=False):
    """Arguments of a request that say how it travels."""

    headers: dict[str, str]
    proxy: "URL"
    proxy_headers: dict[str, str]


def route(proxy: Proxy | None, scheme: str, headers: dict[str, str]) -> Route:
    """Return what aiohttp needs to send a request with these headers directly or through an HTTP proxy.

    A SOCKS proxy has sessions of its own, which need nothing here.
    """
    if proxy is None or proxy.is_socks:
        return {"headers": headers}
    from yarl import URL

    address = URL.build(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
    login = _login(proxy)
    if scheme == "https":  # the login goes with CONNECT, and never to the target
        return {"headers": headers, "proxy": address, "proxy_headers": login}
    return {"headers": {**headers, **login}, "proxy": address}


def _login(proxy: Proxy) -> dict[str, str]:
    if proxy.user is None:
        return {}
    password = proxy.password.reveal() if proxy.password else ""
    text = base64.b64encode(f"{proxy.user.reveal()}:{password}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {text}"}


def refuse_407(status: int, proxy: Proxy | None) -> None:
    """Check that a proxy let a plain-http request through; no target answers 407.

    Raises:
        Forbidden: the proxy wants a user name and password, or other ones.
    """
    if status == 407 and proxy is not None:
        raise password_wanted(proxy)


def password_wanted(proxy: object) -> Forbidden:
    """Return what to raise where a proxy answers 407."""
    return Forbidden(
        f"the proxy {proxy} wants a user name and password (407), or other ones: "
        "name it as http://USER:PASSWORD@HOST:PORT"
    )

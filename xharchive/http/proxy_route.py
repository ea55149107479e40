"""Build the request arguments for a proxy, without an import of aiohttp."""

import base64
from typing import TYPE_CHECKING, TypedDict

from xharchive.errors import NotAllowed
from xharchive.proxies import Proxy

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["RequestArguments", "check_proxy_login", "proxy_login_error", "request_arguments"]


class RequestArguments(TypedDict, total=False):
    """Keyword arguments of an aiohttp request."""

    headers: dict[str, str]
    proxy: "URL"
    proxy_headers: dict[str, str]


def request_arguments(proxy: Proxy | None, scheme: str, headers: dict[str, str]) -> RequestArguments:
    """Return the arguments of a request: its headers, and the HTTP proxy with its login if there is one.

    A SOCKS proxy has its own sessions and needs no arguments.

    Args:
        proxy: the proxy; None for a direct connection.
        scheme: "http" or "https", of the target.
        headers: the headers of the request.
    """
    if proxy is None or proxy.is_socks:
        return {"headers": headers}
    from yarl import URL

    address = URL.build(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
    login = _login_headers(proxy)
    if scheme == "https":  # send the login with CONNECT, never to the target
        return {"headers": headers, "proxy": address, "proxy_headers": login}
    return {"headers": {**headers, **login}, "proxy": address}


def _login_headers(proxy: Proxy) -> dict[str, str]:
    if proxy.user is None:
        return {}
    password = proxy.password.reveal() if proxy.password else ""
    text = base64.b64encode(f"{proxy.user.reveal()}:{password}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {text}"}


def check_proxy_login(status: int, proxy: Proxy | None) -> None:
    """Check the status of a plain-http request through a proxy; only a proxy sends 407.

    Raises:
        NotAllowed: the proxy needs a user name and password, or rejects them.
    """
    if status == 407 and proxy is not None:
        raise proxy_login_error(proxy)


def proxy_login_error(proxy: object) -> NotAllowed:
    """Return the error for status 407 of a proxy."""
    return NotAllowed(
        f"the proxy {proxy} wants a user name and password (407), or other ones: "
        "name it as http://USER:PASSWORD@HOST:PORT"
    )

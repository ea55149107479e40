"""Define the options of HTTP requests and the arguments for a proxy, without an import of aiohttp."""

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from xharchive.errors import NotAllowed
from xharchive.host_allowlist import AllowList
from xharchive.http.min_rate import MinRate
from xharchive.models import LARGEST_REPLY
from xharchive.proxies import Proxies, Proxy
from xharchive.redaction import Secret

MIN_RATE = 256.0
"""The default least rate in bytes a second: the share of each of 16 transfers on a line of 33 kbit/s."""
_WINDOW_PER_STALL = 2.0  # the length of the window for the least rate, as a multiple of `stall`


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """Hosts, time-outs and limits of HTTP requests. Times are in seconds, sizes in bytes.

    - `api_base`, `token`: the URL of the API without a path, and the token.
    - `borders`, `proxies`: the allow-list and the proxies.
    - `connect`: time-out of a connection attempt.
    - `stall`: time-out without a byte of the body, and from a media request to the end of the headers. The
      body as a whole has no time-out, because a video may take an hour.
    - `min_rate`: bytes a second that a media body must bring, on average over a window of twice `stall`; 0
      for any rate.
    - `api_timeout`: time-out of a complete API call; the vendor advises 120 (docs/api.md#calls).
    - `jobs`, `per_host`: the most media connections, in all and to one host.
    - `api_jobs`: the most API connections.
    - `largest_reply`: the largest API response.
    """

    api_base: str = "https://api.justoneapi.com"
    token: Secret = field(default_factory=lambda: Secret(""))
    borders: AllowList = field(default_factory=AllowList)
    proxies: Proxies = field(default_factory=Proxies)
    connect: float = 10.0
    stall: float = 30.0
    min_rate: float = MIN_RATE
    api_timeout: float = 120.0
    jobs: int = 16
    per_host: int = 8
    api_jobs: int = 3
    largest_reply: int = LARGEST_REPLY

    @property
    def least_rate(self) -> MinRate | None:
        """The least rate of a media body; None if any rate is allowed."""
        window = _WINDOW_PER_STALL * self.stall
        return MinRate(self.min_rate * window, window) if self.min_rate else None


if TYPE_CHECKING:
    from yarl import URL


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

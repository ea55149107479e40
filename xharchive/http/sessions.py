"""The two sessions, made of aiohttp: their limits, time-outs and headers."""

import asyncio

import aiohttp
from aiohttp.connector import Connection

from xharchive import __version__
from xharchive.http.address_guard import AddressGuard, OverridingResolver
from xharchive.http.connectors import Connector, Limits, socks_connector
from xharchive.http.error_mapping import connecting
from xharchive.http.http_options import TransportOptions
from xharchive.proxies import Proxy

__all__ = ["api_session", "media_session"]

_READ_BUFFER = 256 * 1024  # the most of one read: docs/performance.md#bodies-hashes-and-disk
_LONGEST_LINE = 64 * 1024
"""Most bytes of a header line or status line; browsers accept more than aiohttp's default of 8190."""
_USER_AGENT = f"xharchive/{__version__}"


def api_session(options: TransportOptions, socks: Proxy | None = None) -> aiohttp.ClientSession:
    """Return the session of API calls, which is to be closed; all go through `socks` if it is given."""
    # A kept connection that died meanwhile would look like a call that may have been billed.
    limits: Limits = {"limit": options.api_jobs, "force_close": True}
    return aiohttp.ClientSession(
        connector=socks_connector(socks, limits) if socks else _with_proxy_wait(Connector(**limits), options),
        middlewares=(_only_once,),
        # A call that timed out may have been billed, an attempt to connect was not: the latter ends first.
        timeout=aiohttp.ClientTimeout(
            total=options.api_timeout, sock_connect=min(options.connect, options.api_timeout / 2)
        ),
        headers={"User-Agent": _USER_AGENT, "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
    )


def media_session(options: TransportOptions, socks: Proxy | None = None) -> aiohttp.ClientSession:
    """Return the session of media requests, which is to be closed; as in `api_session`."""
    return aiohttp.ClientSession(
        connector=_media_connector(options, socks),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=options.connect, sock_read=options.stall),
        # Ranges and digests are about the bytes the CDN holds, so no encoding in between.
        headers={"User-Agent": _USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        middlewares=(_only_once,),
        read_bufsize=_READ_BUFFER,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        response_class=_response_within(options.stall),
    )


def _media_connector(options: TransportOptions, socks: Proxy | None) -> aiohttp.TCPConnector:
    limits: Limits = {"limit": options.jobs, "limit_per_host": options.per_host}
    if socks is not None:
        return socks_connector(socks, limits)
    guard = AddressGuard(options.borders, options.proxies.all)
    resolver = OverridingResolver(options.borders, guard)
    connector = Connector(**limits, resolver=resolver, socket_factory=guard.make_socket)
    return _with_proxy_wait(connector, options)


def _with_proxy_wait(connector: Connector, options: TransportOptions) -> Connector:
    connector.proxy_wait = options.connect + options.stall
    return connector


def _response_within(seconds: float) -> type[aiohttp.ClientResponse]:
    """Return a class of responses whose headers must end so many seconds after the request was sent.

    aiohttp has a time-out for each read only, and reads on after an informational answer (1xx). The wait for
    a free connection does not count, so a time-out around the whole request would not do.
    """

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            async with asyncio.timeout(seconds):
                return await super().start(connection)

    return Response


async def _only_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request once: aiohttp silently repeats a GET whose connection broke, which would pay twice.

    It repeats on its own exceptions only, so they become ours before it sees them.
    """
    with connecting(request.url.host or ""):
        return await handler(request)

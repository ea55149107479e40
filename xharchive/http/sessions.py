"""Make the aiohttp sessions for the API and the CDN, with their limits, time-outs and headers."""

import asyncio

import aiohttp
from aiohttp.connector import Connection

from xharchive import __version__
from xharchive.http.address_guard import AddressGuard, OverridingResolver
from xharchive.http.connectors import ConnectionLimits, Connector, socks_connector
from xharchive.http.error_mapping import translate_connect_errors
from xharchive.http.http_options import TransportOptions
from xharchive.proxies import Proxy

__all__ = ["api_session", "media_session"]

_READ_BUFFER = 256 * 1024  # bytes, the most of one read: docs/performance.md#bodies-hashes-and-disk
_MAX_LINE_BYTES = 64 * 1024
"""The limit for a header line and the status line; browsers accept more than aiohttp's default of 8190."""
_USER_AGENT = f"xharchive/{__version__}"


def api_session(options: TransportOptions, socks: Proxy | None = None) -> aiohttp.ClientSession:
    """Open the session for API calls; the caller closes it.

    Args:
        options: time-outs and limits.
        socks: the SOCKS proxy for all connections; None for direct ones and HTTP proxies.
    """
    # Do not reuse connections: a dead one would look like a call that may have been billed.
    limits: ConnectionLimits = {"limit": options.api_jobs, "force_close": True}
    return aiohttp.ClientSession(
        connector=socks_connector(socks, limits) if socks else _with_proxy_wait(Connector(**limits), options),
        middlewares=(_send_once,),
        # A time-out of the call leaves the bill unknown, a failed connection costs nothing: let the latter
        # end first.
        timeout=aiohttp.ClientTimeout(
            total=options.api_timeout, sock_connect=min(options.connect, options.api_timeout / 2)
        ),
        headers={"User-Agent": _USER_AGENT, "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=_MAX_LINE_BYTES,
        max_field_size=_MAX_LINE_BYTES,
    )


def media_session(options: TransportOptions, socks: Proxy | None = None) -> aiohttp.ClientSession:
    """Open the session for media requests; the caller closes it.

    Args:
        options: time-outs and limits.
        socks: the SOCKS proxy for all connections; None for direct ones and HTTP proxies.
    """
    return aiohttp.ClientSession(
        connector=_media_connector(options, socks),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=options.connect, sock_read=options.stall),
        # Ranges and digests refer to the file's own bytes, so ask for no content coding.
        headers={"User-Agent": _USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        middlewares=(_send_once,),
        read_bufsize=_READ_BUFFER,
        max_line_size=_MAX_LINE_BYTES,
        max_field_size=_MAX_LINE_BYTES,
        response_class=_response_with_head_timeout(options.stall),
    )


def _media_connector(options: TransportOptions, socks: Proxy | None) -> aiohttp.TCPConnector:
    limits: ConnectionLimits = {"limit": options.jobs, "limit_per_host": options.per_host}
    if socks is not None:
        return socks_connector(socks, limits)
    guard = AddressGuard(options.borders, options.proxies.all)
    resolver = OverridingResolver(options.borders, guard)
    connector = Connector(**limits, resolver=resolver, socket_factory=guard.make_socket)
    return _with_proxy_wait(connector, options)


def _with_proxy_wait(connector: Connector, options: TransportOptions) -> Connector:
    connector.proxy_wait = options.connect + options.stall
    return connector


def _response_with_head_timeout(seconds: float) -> type[aiohttp.ClientResponse]:
    """Return a response class with a time-out from the end of the request to the end of the headers.

    aiohttp limits each read only, so a server could send informational responses (1xx) without end. A limit
    for the complete request would include the wait for a free connection.
    """

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            async with asyncio.timeout(seconds):
                return await super().start(connection)

    return Response


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from silently repeating a GET after a broken connection, which would pay twice.

    aiohttp repeats a request on its own exceptions only, so this middleware translates them first.
    """
    with translate_connect_errors(request.url.host or ""):
        return await handler(request)

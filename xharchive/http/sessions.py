"""Make the aiohttp sessions for the API and the CDN, with their proxies, limits, time-outs and headers.

The errors of a proxy name its part. They all happen before the request is sent, so an API call is not billed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from xharchive import __version__
from xharchive.errors import ConnectionFailed, NotAllowed, ProxyFailed
from xharchive.http.address_guard import AddressGuard, OverridingResolver
from xharchive.http.error_mapping import translate_connect_errors
from xharchive.http.http_options import TransportOptions, proxy_login_error
from xharchive.proxies import Proxy

_READ_BUFFER = 256 * 1024  # bytes, the most of one read: docs/performance.md#bodies-hashes-and-disk
_MAX_LINE_BYTES = 64 * 1024
"""The limit for a header line and the status line; browsers accept more than aiohttp's default of 8190."""
_USER_AGENT = f"xharchive/{__version__}"


class ConnectionLimits(TypedDict, total=False):
    """The most connections, in all and to one host; `force_close`: close each after its request."""

    limit: int
    limit_per_host: int
    force_close: bool


class Connector(aiohttp.TCPConnector):
    """Connect directly, or through the HTTP proxy of a request.

    `proxy_wait` is the most seconds for a connection through a proxy, because aiohttp itself has no time-out
    for the response to CONNECT. Callers never have more requests under way than `limit`, so no request waits
    here for another one to end.
    """

    proxy_wait: float | None = None

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> Connection:
        """Return a connection for a request.

        Raises:
            ProxyFailed: the proxy cannot be reached, or is no HTTP proxy.
            NotAllowed: the proxy refuses the connection.
            ConnectionFailed: the proxy cannot reach the host.
        """
        if req.proxy is None:
            return await super().connect(req, traces, timeout)
        proxy = f"{req.proxy.scheme}://{req.proxy.host}:{req.proxy.port}"
        with _translate_proxy_errors(proxy, req.url.host or ""):
            async with asyncio.timeout(self.proxy_wait):
                return await super().connect(req, traces, timeout)


def socks_connector(proxy: Proxy, limits: ConnectionLimits) -> aiohttp.TCPConnector:
    """Return a connector that sends requests through a SOCKS proxy. The proxy resolves host names."""
    from aiohttp_socks import ProxyConnector, ProxyError, ProxyType

    class SocksConnector(ProxyConnector):
        async def connect(
            self,
            req: aiohttp.ClientRequest,
            traces: list[Trace],
            timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
        ) -> Connection:
            host = req.url.host or ""
            try:
                with _translate_proxy_errors(str(proxy), host):
                    return await super().connect(req, traces, timeout)
            except aiohttp.ClientConnectorError:
                raise  # a TLS error of the target
            except ProxyError:
                raise ConnectionFailed(f"{host}: the proxy {proxy} does not connect to it") from None
            except OSError:  # includes a time-out
                raise ProxyFailed(f"the proxy {proxy}: no connection") from None

    return SocksConnector(
        proxy.host,
        proxy.port,
        proxy_type=ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else ProxyType.SOCKS5,
        username=proxy.user.reveal() if proxy.user else None,
        password=proxy.password.reveal() if proxy.password else None,
        rdns=True,
        **limits,
    )


@contextmanager
def _translate_proxy_errors(proxy: str, host: str) -> Iterator[None]:
    """Translate the errors of a connection to a host through a proxy.

    Raises:
        ProxyFailed: the proxy cannot be reached, or does not speak its protocol.
        NotAllowed: the proxy refuses the connection.
        ConnectionFailed: the proxy cannot reach the host.
    """
    try:
        yield
    except aiohttp.ClientHttpProxyError as error:
        if error.status == 407:
            raise proxy_login_error(proxy) from None
        if 400 <= error.status < 500:
            raise NotAllowed(f"{host}: the proxy {proxy} refuses to connect to it ({error.status})") from None
        raise ConnectionFailed(f"{host}: the proxy {proxy} does not connect to it ({error.status})") from None
    except aiohttp.ClientProxyConnectionError:
        raise ProxyFailed(f"the proxy {proxy}: no connection; is it running?") from None
    except aiohttp.ClientConnectorDNSError:
        raise ProxyFailed(f"the proxy {proxy}: its name cannot be resolved") from None
    except aiohttp.ClientConnectorError:
        raise  # a TLS error of the target
    except TimeoutError:
        raise ProxyFailed(f"the proxy {proxy}: no answer in time") from None
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        raise ConnectionFailed(f"{host}: the proxy {proxy} broke the connection") from None
    except aiohttp.ClientResponseError:
        raise ProxyFailed(f"the proxy {proxy}: it does not answer as an HTTP proxy") from None


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

"""Send requests with aiohttp: sessions, proxies, the address guard, and translated errors.

The text of an aiohttp exception is never used: some texts contain complete URLs with the token
(docs/reliability.md#http-client).
"""

import asyncio
import base64
import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.connector import Connection
from aiohttp.resolver import ThreadedResolver
from aiohttp.tracing import Trace
from yarl import URL

from xharchive import __version__
from xharchive.errors import BadResponse, ConnectionFailed, NotAllowed, ProxyFailed, Stalled
from xharchive.host_allowlist import AllowedHost, AllowList, is_public
from xharchive.http.http_options import TransportOptions
from xharchive.proxies import Proxy

REFUSED_MARK = "address outside the allow-list"
"""The text of the OSError for a refused address; aiohttp wraps that error."""

_WEB_PORTS = frozenset((80, 443))
_READ_BUFFER = 256 * 1024  # bytes, the most of one read: docs/performance.md#bodies-hashes-and-disk
_MAX_LINE_BYTES = 64 * 1024
"""The limit for a header line and the status line; browsers accept more than aiohttp's default of 8190."""
_USER_AGENT = f"xharchive/{__version__}"


class Sessions:
    """The sessions for the API and for media, each opened by its first request.

    They are separate, so that the session with the token never connects to a media host. A SOCKS proxy has
    sessions of its own, too.
    """

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._opened: dict[tuple[bool, Proxy | None], aiohttp.ClientSession] = {}

    async def get(
        self, url: str, headers: dict[str, str], proxy: Proxy | None, *, api: bool = False
    ) -> aiohttp.ClientResponse:
        """Send a GET once, and return the response when its headers are there, whatever its status.

        The URL is sent as it is: an encoded `|` would break a signature (docs/reliability.md#http-client).

        Args:
            url: the URL, encoded.
            headers: headers beside those of the session.
            proxy: the proxy; None for a direct connection.
            api: use the session of API calls.

        Raises:
            ConnectionFailed: the name has no address, there is no connection, or it broke; a retry may help.
            Stalled: no response arrived in time.
            NotAllowed: the address is not allowed, the certificate is invalid, or the proxy refuses.
            BadResponse: the response is not HTTP.
        """
        route = api, proxy if proxy is not None and proxy.is_socks else None
        if route not in self._opened:
            self._opened[route] = self.open_session(*route)
        with _translate_connect_errors(urlsplit(url).hostname or ""):
            address = URL(url, encoded=True)
            arguments = _request_arguments(address.scheme, headers, proxy)
            response = await self._opened[route].get(address, allow_redirects=False, **arguments)
        if response.status == 407 and proxy is not None:  # only a proxy sends it
            response.close()
            raise _proxy_login_error(proxy)
        return response

    def open_session(self, api: bool, socks: Proxy | None) -> aiohttp.ClientSession:
        """Open a session of API calls or of media requests, for one SOCKS proxy or for all other routes."""
        options = self._options
        return aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_send_once,),
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
            **(_api_arguments(options, socks) if api else _media_arguments(options, socks)),
        )

    async def close(self) -> None:
        """Close the sessions with their connections."""
        for session in self._opened.values():
            await session.close()


def _api_arguments(options: TransportOptions, socks: Proxy | None) -> dict[str, Any]:
    # Do not reuse connections: a dead one would look like a call that may have been billed.
    limits = {"limit": options.api_jobs, "force_close": True}
    # A time-out of the call leaves the bill unknown, a failed connection costs nothing: let the latter end
    # first.
    connect = min(options.connect, options.api_timeout / 2)
    return {
        "connector": _socks_connector(socks, limits) if socks else Connector(options, **limits),
        "timeout": aiohttp.ClientTimeout(total=options.api_timeout, sock_connect=connect),
        "headers": {"User-Agent": _USER_AGENT, "Accept": "application/json"},
    }


def _media_arguments(options: TransportOptions, socks: Proxy | None) -> dict[str, Any]:
    limits = {"limit": options.jobs, "limit_per_host": options.per_host}
    connector: aiohttp.TCPConnector
    if socks is not None:
        connector = _socks_connector(socks, limits)
    else:
        guard = AddressGuard(options.borders, options.proxies.all)
        connector = Connector(options, **limits, resolver=guard, socket_factory=guard.make_socket)
    return {
        "connector": connector,
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=options.connect, sock_read=options.stall),
        # Ranges and digests refer to the file's own bytes, so ask for no content coding.
        "headers": {"User-Agent": _USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        "auto_decompress": False,
        "read_bufsize": _READ_BUFFER,
        "response_class": _response_with_head_timeout(options.stall),
    }


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
    with _translate_connect_errors(request.url.host or ""):
        return await handler(request)


@contextmanager
def _translate_connect_errors(host: str) -> Iterator[None]:
    """Translate the errors until the headers of a response are there, as `Sessions.get` lists them."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError:
        raise NotAllowed(f"{host}: its TLS certificate is not valid for it") from None
    except aiohttp.ClientConnectorDNSError:
        raise ConnectionFailed(f"{host}: the name cannot be resolved") from None
    except aiohttp.ClientConnectorError as error:
        if REFUSED_MARK in str(error.os_error):
            raise NotAllowed(f"{host}: it resolves to an address that is not public") from None
        raise ConnectionFailed(f"{host}: no connection ({_os_error_text(error.os_error)})") from None
    except aiohttp.ConnectionTimeoutError:
        raise ConnectionFailed(f"{host}: no connection in time") from None
    except TimeoutError:
        raise Stalled(f"{host}: no answer in time") from None
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
        raise ConnectionFailed(f"{host}: the connection broke before an answer", sent=True) from None
    except (aiohttp.ClientError, ValueError):
        raise BadResponse(f"{host}: the answer is not valid HTTP") from None


def _os_error_text(error: OSError) -> str:
    return (error.strerror or type(error).__name__).partition(":")[0].lower()[:80]


class AddressGuard(ThreadedResolver):
    """Resolve hosts with the user's overrides, and make sockets for allowed addresses only.

    Allowed are public addresses on web ports, and those that the user named. aiohttp skips its resolver for
    IP literals, so each address is checked where its socket is made: literals, DNS answers, redirects and odd
    spellings all pass there (docs/reliability.md#http-client).

    Args:
        borders: the hosts and overrides that the user allows.
        proxies: the proxies, which are allowed too.
    """

    def __init__(self, borders: AllowList, proxies: Iterable[Proxy] = ()) -> None:
        super().__init__()
        self._allow_list = borders
        self._hosts = borders.hosts.union(AllowedHost(proxy.host, proxy.port) for proxy in proxies)
        self._addresses = {(rule.address, rule.port) for rule in borders.overrides}
        self._addresses |= {(named.host, named.port) for named in self._hosts if named.port is not None}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host: of the user's override, else those of DNS.

        Raises:
            OSError: DNS has no address for it.
        """
        rule = self._allow_list.override(host)
        if rule is not None:
            return [
                ResolveResult(
                    hostname=host,
                    host=rule.address,
                    port=rule.port,
                    family=socket.AF_INET6 if ":" in rule.address else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
            ]
        results = await super().resolve(host, port, family)
        self._addresses |= {
            (result["host"], result["port"])
            for result in results
            if AllowedHost(host, result["port"]) in self._hosts
        }
        return results

    def make_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Make a socket; the `socket_factory` of aiohttp.

        Raises:
            OSError: the address is not allowed.
        """
        family, kind, protocol, _, target = addr_info
        address, port = target[0], target[1]
        if (address, port) in self._addresses or (is_public(address) and port in _WEB_PORTS):
            return socket.socket(family=family, type=kind, proto=protocol)
        raise OSError(errno.EACCES, REFUSED_MARK)


def _request_arguments(scheme: str, headers: dict[str, str], proxy: Proxy | None) -> dict[str, Any]:
    """Return the arguments of a request: its headers, and the HTTP proxy with its login if there is one."""
    if proxy is None or proxy.is_socks:
        return {"headers": headers}
    address = URL.build(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
    login = {}
    if proxy.user is not None:
        password = proxy.password.reveal() if proxy.password else ""
        text = base64.b64encode(f"{proxy.user.reveal()}:{password}".encode()).decode()
        login = {"Proxy-Authorization": f"Basic {text}"}
    if scheme == "https":  # send the login with CONNECT, never to the target
        return {"headers": headers, "proxy": address, "proxy_headers": login}
    return {"headers": {**headers, **login}, "proxy": address}


def _proxy_login_error(proxy: object) -> NotAllowed:
    return NotAllowed(
        f"the proxy {proxy} wants a user name and password (407), or other ones: "
        "name it as http://USER:PASSWORD@HOST:PORT"
    )


class Connector(aiohttp.TCPConnector):
    """Connect directly, or through the HTTP proxy of a request.

    aiohttp has no time-out for the response to CONNECT, so a connection through a proxy has one here. Callers
    never have more requests under way than `limit`, so no request waits for another one to end.
    """

    def __init__(self, options: TransportOptions, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._proxy_wait = options.connect + options.stall

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> Connection:
        """Return a connection for a request; raise the errors of `_translate_proxy_errors`."""
        if req.proxy is None:
            return await super().connect(req, traces, timeout)
        proxy = f"{req.proxy.scheme}://{req.proxy.host}:{req.proxy.port}"
        with _translate_proxy_errors(proxy, req.url.host or ""):
            async with asyncio.timeout(self._proxy_wait):
                return await super().connect(req, traces, timeout)


def _socks_connector(proxy: Proxy, limits: dict[str, Any]) -> aiohttp.TCPConnector:
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
    """Translate the errors of a connection to a host through a proxy. The request was not sent.

    Raises:
        ProxyFailed: the proxy cannot be reached, or does not speak its protocol.
        NotAllowed: the proxy refuses the connection.
        ConnectionFailed: the proxy cannot reach the host.
    """
    try:
        yield
    except aiohttp.ClientHttpProxyError as error:
        if error.status == 407:
            raise _proxy_login_error(proxy) from None
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

"""Connect through proxies, and translate errors so that they name the proxy's part.

All these errors happen before the request is sent, so an API call is not billed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from xharchive.errors import ConnectionFailed, NotAllowed, ProxyFailed
from xharchive.http.proxy_route import proxy_login_error
from xharchive.proxies import Proxy

__all__ = ["ConnectionLimits", "Connector", "socks_connector"]


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

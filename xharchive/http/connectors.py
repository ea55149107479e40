"""Connections through a proxy, with errors that say what the proxy did.

Whatever fails here failed before the request was sent: an API call is not billed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from xharchive.errors import ConnectionFailed, Forbidden, ProxyFailed
from xharchive.http.proxy_route import password_wanted
from xharchive.proxies import Proxy

__all__ = ["Connector", "Limits", "socks_connector"]


class Limits(TypedDict, total=False):
    """How many connections a connector may have, and whether it closes each after its request."""

    limit: int
    limit_per_host: int
    force_close: bool


class Connector(aiohttp.TCPConnector):
    """Makes connections: direct ones, or through the HTTP proxy of a request.

    `proxy_wait` is the longest time in seconds until there is a connection through a proxy: aiohttp itself
    waits for the answer to CONNECT without an end. Callers have no more requests under way than `limit`
    allows, so that none waits here for another one.
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
            ProxyFailed, ConnectionFailed, Forbidden: the proxy cannot be reached, or does not connect.
        """
        if req.proxy is None:
            return await super().connect(req, traces, timeout)
        proxy = f"{req.proxy.scheme}://{req.proxy.host}:{req.proxy.port}"
        with _through(proxy, req.url.host or ""):
            async with asyncio.timeout(self.proxy_wait):
                return await super().connect(req, traces, timeout)


def socks_connector(proxy: Proxy, limits: Limits) -> aiohttp.TCPConnector:
    """Return what connects through a SOCKS proxy, which resolves the names of the targets itself."""
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
                with _through(str(proxy), host):
                    return await super().connect(req, traces, timeout)
            except aiohttp.ClientConnectorError:
                raise  # of TLS with the target
            except ProxyError:
                raise ConnectionFailed(f"{host}: the proxy {proxy} does not connect to it") from None
            except OSError:  # a time-out too
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
def _through(proxy: str, host: str) -> Iterator[None]:
    """Translate what a proxy does instead of connecting to a host.

    Raises:
        ProxyFailed: it cannot be reached, or is no such proxy.
        Forbidden: it refuses.
        ConnectionFailed: it does not reach the host.
    """
    try:
        yield
    except aiohttp.ClientHttpProxyError as problem:
        if problem.status == 407:
            raise password_wanted(proxy) from None
        if 400 <= problem.status < 500:
            raise Forbidden(
                f"{host}: the proxy {proxy} refuses to connect to it ({problem.status})"
            ) from None
        raise ConnectionFailed(
            f"{host}: the proxy {proxy} does not connect to it ({problem.status})"
        ) from None
    except aiohttp.ClientProxyConnectionError:
        raise ProxyFailed(f"the proxy {proxy}: no connection; is it running?") from None
    except aiohttp.ClientConnectorDNSError:
        raise ProxyFailed(f"the proxy {proxy}: its name cannot be resolved") from None
    except aiohttp.ClientConnectorError:
        raise  # of TLS with the target
    except TimeoutError:
        raise ProxyFailed(f"the proxy {proxy}: no answer in time") from None
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        raise ConnectionFailed(f"{host}: the proxy {proxy} broke the connection") from None
    except aiohttp.ClientResponseError:
        raise ProxyFailed(f"the proxy {proxy}: it does not answer as an HTTP proxy") from None

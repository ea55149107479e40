"""Resolve hosts with the user's overrides, and refuse connections to addresses that are not allowed.

aiohttp skips its resolver for IP literals, so the guard checks each address where its socket is made:
literals, DNS answers, redirects and odd spellings all pass there (docs/reliability.md#http-client).
"""

import errno
import socket
from collections.abc import Iterable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from xharchive.host_allowlist import AllowedHost, AllowList, HostOverride, is_public
from xharchive.http.error_mapping import REFUSED_MARK
from xharchive.proxies import Proxy

_WEB_PORTS = frozenset((80, 443))


class AddressGuard:
    """Make sockets, for allowed addresses only: public ones on web ports, and those that the user named.

    Args:
        borders: the hosts and overrides that the user allows.
        proxies: the proxies, which are allowed too.
    """

    def __init__(self, borders: AllowList, proxies: Iterable[Proxy] = ()) -> None:
        self._hosts = borders.hosts.union(AllowedHost(proxy.host, proxy.port) for proxy in proxies)
        self._addresses = {(rule.address, rule.port) for rule in borders.overrides}
        self._addresses |= {
            (allowed.host, allowed.port) for allowed in self._hosts if allowed.port is not None
        }

    def allow_resolved(self, host: str, address: str, port: int) -> None:
        """Allow a resolved address if the user named its host and port."""
        if any(allowed.host == host and allowed.port == port for allowed in self._hosts):
            self._addresses.add((address, port))

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


class OverridingResolver(AbstractResolver):
    """Resolve a host to the address of the user's override, else by DNS in a thread."""

    def __init__(self, borders: AllowList, guard: AddressGuard) -> None:
        self._allow_list = borders
        self._guard = guard
        self._dns = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: DNS has no address for it.
        """
        override = self._allow_list.override(host)
        if override is not None:
            return [_overridden(host, override)]
        results = await self._dns.resolve(host, port, family)
        for result in results:
            self._guard.allow_resolved(host, result["host"], result["port"])
        return results

    async def close(self) -> None:
        """Close the DNS resolver."""
        await self._dns.close()


def _overridden(host: str, override: HostOverride) -> ResolveResult:
    family = socket.AF_INET6 if ":" in override.address else socket.AF_INET
    return ResolveResult(
        hostname=host,
        host=override.address,
        port=override.port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )

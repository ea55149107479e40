"""Where connections may go: name resolution with the user's overrides, and a guard on the resolved address.

aiohttp skips its resolver for IP literals, so the guard sits where sockets are made: literals, DNS answers,
redirects and odd spellings all pass there (docs/reliability.md#http-client).
"""

import errno
import socket
from collections.abc import Iterable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from xharchive.allowlist import Borders, Override, Place, is_public
from xharchive.proxies import Proxy

__all__ = ["REFUSED_MARK", "AddressGuard", "OverridingResolver"]

REFUSED_MARK = "address outside the borders"
_WEB_PORTS = frozenset((80, 443))


class AddressGuard:
    """Knows the addresses that are open although not public, and makes sockets only for open ones."""

    def __init__(self, borders: Borders, proxies: Iterable[Proxy] = ()) -> None:
        self._places = borders.places.union(Place(proxy.host, proxy.port) for proxy in proxies)
        self._open = {(rule.address, rule.port) for rule in borders.overrides}
        self._open |= {(place.host, place.port) for place in self._places if place.port is not None}

    def open_place(self, host: str, address: str, port: int) -> None:
        """Open an address that a host and port named by the user resolved to."""
        if any(place.host == host and place.port == port for place in self._places):
            self._open.add((address, port))

    def make_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """aiohttp's `socket_factory`: a socket, or OSError for an address outside the borders."""
        family, kind, protocol, _, target = addr_info
        address, port = target[0], target[1]
        if (address, port) in self._open or (is_public(address) and port in _WEB_PORTS):
            return socket.socket(family=family, type=kind, proto=protocol)
        raise OSError(errno.EACCES, REFUSED_MARK)


class OverridingResolver(AbstractResolver):
    """Resolves a host to the address the user named for it, else by DNS in a thread."""

    def __init__(self, borders: Borders, guard: AddressGuard) -> None:
        self._borders = borders
        self._guard = guard
        self._dns = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises OSError when DNS knows none."""
        override = self._borders.override(host)
        if override is not None:
            return [_as_answer(host, override)]
        answers = await self._dns.resolve(host, port, family)
        for answer in answers:
            self._guard.open_place(host, answer["host"], answer["port"])
        return answers

    async def close(self) -> None:
        """Nothing is held open."""
        await self._dns.close()


def _as_answer(host: str, override: Override) -> ResolveResult:
    family = socket.AF_INET6 if ":" in override.address else socket.AF_INET
    return ResolveResult(
        hostname=host,
        host=override.address,
        port=override.port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )

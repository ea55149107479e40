"""Which hosts and addresses may be asked for media: the allow-list (docs/api.md#hosts), and overrides.

A URL is checked by name before each request and after each redirect, and again by the address it resolved
to, because names can point anywhere. Loopback and private addresses are open only as an exact `host:port`
that the user named; there is no "everything private".
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from xharchive.errors import Forbidden, UsageError

__all__ = [
    "MEDIA_DOMAINS",
    "SHORT_LINK_DOMAINS",
    "Borders",
    "Override",
    "Place",
    "is_local",
    "is_public",
    "parse_allowed",
    "parse_overrides",
]

MEDIA_DOMAINS = ("xhscdn.com", "rednotecdn.com", "xhscdn.net", "xiaohongshu.com")
"""The CDN's domains; only these and their true subdomains are asked unless the user adds hosts."""

SHORT_LINK_DOMAINS = ("xhslink.com", "xhslink.cn")
"""The platform's shortener: asked where a link leads that the user gave, never for media."""

_WELL_KNOWN_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*\.?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 4291 2.4: all public IPv6 lies here; `is_global` also says yes to ::127.0.0.1 and fec0::1.
_UNICAST = ipaddress.IPv6Network("2000::/3")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Place:
    """A host the user added; `port` is None where any well-known port will do."""

    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Requests to `host` ("*": to every media host) go to `address:port`, over plain http."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Borders:
    """What may be asked: the CDN's domains, `places` the user added, and `overrides` of where hosts live."""

    places: frozenset[Place] = frozenset()
    overrides: tuple[Override, ...] = ()

    def check(self, url: str, domains: tuple[str, ...] = MEDIA_DOMAINS) -> SplitResult:
        """Return the parts of a URL that lies in one of the domains, or in a place that the user added.

        Raises:
            Forbidden: its scheme, host, port or user part is outside the borders.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Forbidden("an address that is not a URL was refused") from None
        host = parts.hostname or ""
        if parts.scheme not in _WELL_KNOWN_PORTS or not host:
            raise Forbidden("only http and https addresses are asked for media")
        if parts.username is not None or parts.password is not None:
            raise Forbidden(f"an address with a user name in it was refused (host {host[:80]})")
        if not (":" in host or _HOST_NAME.fullmatch(host)):
            raise Forbidden(f"{host[:80]!r} is not a host name")
        if not self._admits(host, domains, _WELL_KNOWN_PORTS[parts.scheme] if port is None else port):
            shown = host if port is None else f"{host}:{port}"
            raise Forbidden(f"the host {shown[:80]} is not on the allow-list (--allow-host adds one)")
        return parts

    def _admits(self, host: str, domains: tuple[str, ...], port: int) -> bool:
        if Place(host, port) in self.places:
            return True
        if port not in _WELL_KNOWN_PORTS.values():
            return False
        known = any(host == domain or host.endswith("." + domain) for domain in domains)
        return known or Place(host) in self.places

    def names_port(self, host: str, port: int | None) -> bool:
        """Whether the user named exactly this host and port: such a server is spoken to as its URL says."""
        return port is not None and Place(host, port) in self.places

    def override(self, host: str) -> Override | None:
        """Where requests to this media host go instead, if the user said so; an exact name beats "*"."""
        exact = next((rule for rule in self.overrides if rule.host == host), None)
        return exact or next((rule for rule in self.overrides if rule.host == "*"), None)

    def exact_override(self, host: str) -> Override | None:
        """The override that names this very host; "*" speaks of media hosts only."""
        return next((rule for rule in self.overrides if rule.host == host), None)


def is_public(address: str) -> bool:
    """Whether an IP address is a public one: not private, loopback, link-local, multicast or reserved.

    IPv4 addresses wrapped in IPv6 (mapped, NAT64, 6to4) are judged by what they wrap, because Python's
    `is_global` calls some of them global (docs/reliability.md#http-client).
    """
    try:
        found: IPAddress = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        found = _unwrapped(found)
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return False
    return found.is_global and not found.is_multicast


def _unwrapped(address: ipaddress.IPv6Address) -> IPAddress:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address


def parse_allowed(texts: list[str]) -> frozenset[Place]:
    """Read `--allow-host` values: HOST or HOST:PORT, repeatable and comma-separated.

    Raises:
        UsageError: a value is no host, or a local address without its exact port.
    """
    entries = (entry.strip() for text in texts for entry in text.split(","))
    return frozenset(_place(entry) for entry in entries if entry)


def _place(entry: str) -> Place:
    host, port = _host_and_port(entry, "--allow-host")
    if port is None and is_local(host):
        shown = f"[{host}]" if ":" in host else host
        raise UsageError(f"--allow-host {entry[:80]}: a local address needs its exact port, as {shown}:8080")
    return Place(host, port)


def is_local(host: str) -> bool:
    """Whether a host, by its name or literal address alone, is this machine or a private network.

    The short and hexadecimal spellings of IPv4 that system resolvers take (127.1, 0x7f000001) count too.
    """
    host = host.removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
        ipaddress.ip_address(address)
    except (OSError, ValueError):
        return False
    return not is_public(address)


def _host_and_port(entry: str, option: str) -> tuple[str, int | None]:
    mistake = UsageError(f"{option} {entry[:80]}: expected HOST or HOST:PORT")
    # What urlsplit would drop in silence, or read as another part of a URL.
    if any(char in "/@?#\\" or char.isspace() for char in entry):
        raise mistake
    # A bare IPv6 address has more than one colon and no brackets.
    text = f"[{entry}]" if entry.count(":") > 1 and not entry.startswith("[") else entry
    try:
        parts = urlsplit("//" + text)
        host, port = parts.hostname or "", parts.port
        is_address = ":" in host and bool(ipaddress.ip_address(host))
    except ValueError:
        raise mistake from None
    behind = text.rpartition("]")[2]  # urlsplit drops what is glued to the bracket
    if port == 0 or not (behind[:1] in ("", ":") if is_address else _HOST_NAME.fullmatch(host)):
        raise mistake
    return host, port


def parse_overrides(texts: list[str]) -> tuple[Override, ...]:
    """Read `--resolve` values: HOST=ADDRESS:PORT, HOST may be "*" (curl's habit, one colon less).

    Raises:
        UsageError: a value is not of that form, or ADDRESS is not an IP address or localhost.
    """
    return tuple(_override(text.strip()) for text in texts)


def _override(text: str) -> Override:
    host, separator, target = text.partition("=")
    host = host.strip().lower()
    if not separator or not (host == "*" or _HOST_NAME.fullmatch(host)):
        raise UsageError(f"--resolve {text[:80]}: expected HOST=ADDRESS:PORT, as *=127.0.0.1:8080")
    address, port = _host_and_port(target.strip(), "--resolve")
    if port is None:
        raise UsageError(f"--resolve {text[:80]}: the port is missing, as {host}={address}:8080")
    if address == "localhost":
        address = "127.0.0.1"
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise UsageError(f"--resolve {text[:80]}: {address} is not an IP address") from None
    return Override(host, address, port)

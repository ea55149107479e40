"""The allow-list of hosts for media (docs/api.md#hosts), and address overrides.

The HTTP layer checks the host of a URL before each request and after each redirect. It also checks the
address that the host resolves to, because a name can point anywhere. A loopback or private address needs an
exact `host:port` from the user; there is no option for all private addresses.
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from xharchive.errors import NotAllowed, UsageError

MEDIA_DOMAINS = ("xhscdn.com", "rednotecdn.com", "xhscdn.net", "xiaohongshu.com")
"""The domains of the CDN. Requests for media go to them, their subdomains, and hosts that the user adds."""

SHORT_LINK_DOMAINS = ("xhslink.com", "xhslink.cn")
"""The domains of short links. Requests only follow links of the user, and never fetch media."""

_WELL_KNOWN_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*\.?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 4291 2.4: all public IPv6 addresses are here. `is_global` also accepts ::127.0.0.1 and fec0::1.
_UNICAST = ipaddress.IPv6Network("2000::/3")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A host that the user added. `port` None allows ports 80 and 443."""

    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class HostOverride:
    """Send requests for `host` ("*": for all media hosts) to `address:port`, over plain HTTP."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class AllowList:
    """The hosts that requests may go to: the CDN's domains, hosts of the user, and address overrides."""

    hosts: frozenset[AllowedHost] = frozenset()
    overrides: tuple[HostOverride, ...] = ()

    def check(self, url: str, domains: tuple[str, ...] = MEDIA_DOMAINS) -> SplitResult:
        """Return the parts of a URL, which leads to one of `domains` or to a host of the user.

        Raises:
            NotAllowed: its scheme, host, port or user part is not allowed.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise NotAllowed("an address that is not a URL was refused") from None
        host = parts.hostname or ""
        if parts.scheme not in _WELL_KNOWN_PORTS or not host:
            raise NotAllowed("only http and https addresses are asked for media")
        if parts.username is not None or parts.password is not None:
            raise NotAllowed(f"an address with a user name in it was refused (host {host[:80]})")
        if not (":" in host or _HOST_NAME.fullmatch(host)):
            raise NotAllowed(f"{host[:80]!r} is not a host name")
        known = any(host == domain or host.endswith("." + domain) for domain in domains)
        on_web_port = port is None or port in _WELL_KNOWN_PORTS.values()
        allowed = on_web_port and (known or AllowedHost(host) in self.hosts)
        if not allowed and AllowedHost(host, port or _WELL_KNOWN_PORTS[parts.scheme]) not in self.hosts:
            shown = host if port is None else f"{host}:{port}"
            raise NotAllowed(f"the host {shown[:80]} is not on the allow-list (--allow-host adds one)")
        return parts

    def allows_exact_port(self, host: str, port: int | None) -> bool:
        """Whether the user added exactly this host and port. Such a URL is requested with its own scheme."""
        return port is not None and AllowedHost(host, port) in self.hosts

    def override(self, host: str) -> HostOverride | None:
        """Return the override for a media host, None if there is none. A host name has priority over "*"."""
        return self.exact_override(host) or self.exact_override("*")

    def exact_override(self, host: str) -> HostOverride | None:
        """Return the override with this host name. "*" does not count, because it means media hosts only."""
        return next((rule for rule in self.overrides if rule.host == host), None)


def is_public(address: str) -> bool:
    """Whether an IP address is public: not private, loopback, link-local, multicast or reserved.

    For an IPv4 address inside IPv6 (mapped, NAT64, 6to4), the IPv4 address counts, because Python's
    `is_global` accepts some of them (docs/reliability.md#http-client).
    """
    try:
        found: IPAddress = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        in_nat64 = ipaddress.IPv4Address(found.packed[-4:]) if found in _NAT64 else None
        inner = found.ipv4_mapped or found.sixtofour or in_nat64
        if inner is None and found not in _UNICAST:
            return False
        found = inner or found
    return found.is_global and not found.is_multicast


def parse_allowed(texts: list[str]) -> frozenset[AllowedHost]:
    """Parse the values of `--allow-host`: HOST or HOST:PORT, repeatable and comma-separated.

    Raises:
        UsageError: a value is no host, or a local address without a port.
    """
    hosts = set()
    for entry in filter(None, (part.strip() for text in texts for part in text.split(","))):
        host, port = _host_and_port(entry, "--allow-host")
        if port is None and is_local(host):
            example = f"[{host}]:8080" if ":" in host else f"{host}:8080"
            raise UsageError(f"--allow-host {entry[:80]}: a local address needs its exact port, as {example}")
        hosts.add(AllowedHost(host, port))
    return frozenset(hosts)


def is_local(host: str) -> bool:
    """Whether a host name or literal address means this machine or a private network, without a look-up.

    The short and hexadecimal forms of IPv4 that system resolvers accept (127.1, 0x7f000001) count too.
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
    error = UsageError(f"{option} {entry[:80]}: expected HOST or HOST:PORT")
    # `urlsplit` would drop these silently, or read them as another part of a URL.
    if any(char in "/@?#\\" or char.isspace() for char in entry):
        raise error
    # A bare IPv6 address has more than one colon and no brackets.
    text = f"[{entry}]" if entry.count(":") > 1 and not entry.startswith("[") else entry
    try:
        parts = urlsplit("//" + text)
        host, port = parts.hostname or "", parts.port
        is_address = ":" in host and bool(ipaddress.ip_address(host))
    except ValueError:
        raise error from None
    after_bracket = text.rpartition("]")[2]  # `urlsplit` drops characters after the bracket
    if port == 0 or not (after_bracket[:1] in ("", ":") if is_address else _HOST_NAME.fullmatch(host)):
        raise error
    return host, port


def parse_overrides(texts: list[str]) -> tuple[HostOverride, ...]:
    """Parse the values of `--resolve`: HOST=ADDRESS:PORT, where HOST may be "*" (similar to curl's option).

    Raises:
        UsageError: a value has another form, or ADDRESS is no IP address and not localhost.
    """
    return tuple(_parse_override(text.strip()) for text in texts)


def _parse_override(text: str) -> HostOverride:
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
    return HostOverride(host, address, port)

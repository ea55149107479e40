"""Which proxy a request goes through: `--proxy`, else the environment as curl and others read it.

The allow-list judges the name of the target before a proxy is chosen. Which address a name leads to is up to
the proxy, which resolves it.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from xharchive.errors import UsageError
from xharchive.redaction import Secret

__all__ = ["Proxies", "Proxy", "read_proxies"]

_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; its text is its address without user name and password."""

    scheme: str
    host: str
    port: int
    user: Secret | None = None
    password: Secret | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS and not HTTP."""
        return self.scheme.startswith("socks")


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies by scheme of the target, and the targets that are asked without one (`NO_PROXY`)."""

    http: Proxy | None = None
    https: Proxy | None = None
    exempt: tuple[str, ...] = ()

    def proxy_for(self, scheme: str, host: str, port: int | None) -> Proxy | None:
        """Return the proxy for a target, None where it is asked directly.

        Loopback targets are always asked directly: they would be the proxy's own machine.
        """
        proxy = self.https if scheme == "https" else self.http
        if proxy is None or _is_loopback(host):
            return None
        actual = _PORTS[scheme] if port is None else port
        return None if any(_matches(entry, host, actual) for entry in self.exempt) else proxy

    @property
    def all(self) -> tuple[Proxy, ...]:
        """Each proxy once."""
        return tuple(dict.fromkeys(proxy for proxy in (self.http, self.https) if proxy is not None))


def read_proxies(option: str | None, environment: Mapping[str, str], *, off: bool = False) -> Proxies:
    """Return the proxies that `--proxy` or the environment names.

    Args:
        option: the value of `--proxy`, which beats the environment.
        environment: of which lower-case names beat upper-case ones, and `https_proxy` and `http_proxy` beat
            `all_proxy`. `no_proxy` holds for `--proxy` too.
        off: whether no proxy is wanted (`--no-proxy`).

    Raises:
        UsageError: a value is no address of a proxy. It is not repeated, since it may hold a password.
    """
    if off:
        return Proxies()
    exempt = _entries(_value("no_proxy", environment)[1])
    if option is not None:
        proxy = _proxy("--proxy", option)
        return Proxies(proxy, proxy, exempt)
    general = _value("all_proxy", environment)
    found = {}
    for scheme in ("http", "https"):
        name, text = _value(f"{scheme}_proxy", environment)
        found[scheme] = _proxy(name, text) if text else _proxy(*general) if general[1] else None
    return Proxies(found["http"], found["https"], exempt)


def _value(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the name under which a variable is set, and its value."""
    upper = name.upper()
    # In a CGI program HTTP_PROXY is a header that whoever asks may send (https://httpoxy.org).
    names = (name,) if upper == "HTTP_PROXY" and "REQUEST_METHOD" in environment else (name, upper)
    return next(((each, text) for each in names if (text := environment.get(each, "").strip())), (upper, ""))


def _proxy(name: str, text: str) -> Proxy:
    mistake = UsageError(
        f"{name}: expected the address of a proxy, as http://HOST:PORT or socks5h://HOST:PORT (with "
        "USER:PASSWORD@ before HOST where the proxy wants them, special characters percent-encoded)"
    )
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        raise mistake from None
    scheme = "socks5" if parts.scheme == "socks" else parts.scheme
    if scheme not in _PORTS or not parts.hostname or port == 0 or not _is_bare(parts):
        raise mistake
    user, password = (
        None if part is None else Secret(unquote(part)) for part in (parts.username, parts.password)
    )
    return Proxy(scheme, parts.hostname, port or _PORTS[scheme], user, password)


def _is_bare(parts: SplitResult) -> bool:
    """Whether the address has no path, query or blank: there a password that is not encoded ends up."""
    odd = any(char.isspace() or not char.isprintable() for char in parts.netloc)
    return parts.path in ("", "/") and not parts.query and not parts.fragment and not odd


def _entries(text: str) -> tuple[str, ...]:
    entries = (entry.strip().lower() for entry in text.replace(",", " ").split())
    return tuple(entry for entry in entries if entry)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is about a target: `*`, a domain with all below it, an address, a network.

    A port behind it narrows it to that port.
    """
    if entry == "*":
        return True
    name, separator, number = entry.rpartition(":")
    if separator and number.isdigit() and (name.count(":") == 0 or name.endswith("]")):
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass  # one of them is a name
    domain = entry.removeprefix("*").removeprefix(".").removesuffix(".")
    target = host.removesuffix(".")
    return bool(domain) and (target == domain or target.endswith(f".{domain}"))

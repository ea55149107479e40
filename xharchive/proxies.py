"""Choose the proxy of a request: `--proxy`, else the environment variables that curl and others use.

The allow-list checks the host name before. The proxy resolves the name, so its address is not checked here.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from xharchive.errors import UsageError
from xharchive.redaction import Secret

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. `str()` gives its URL without user name and password."""

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
        """Whether this is a SOCKS proxy, not an HTTP proxy."""
        return self.scheme.startswith("socks")


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies for http and https targets, and the targets without a proxy (`exempt`, from `NO_PROXY`)."""

    http: Proxy | None = None
    https: Proxy | None = None
    exempt: tuple[str, ...] = ()

    def proxy_for(self, scheme: str, host: str, port: int | None) -> Proxy | None:
        """Return the proxy for a target; None for a direct connection.

        Loopback targets are always direct: through a proxy they would be the proxy's own machine.
        """
        proxy = self.https if scheme == "https" else self.http
        if proxy is None or _is_loopback(host):
            return None
        actual_port = _DEFAULT_PORTS[scheme] if port is None else port
        return None if any(_matches(entry, host, actual_port) for entry in self.exempt) else proxy

    @property
    def all(self) -> tuple[Proxy, ...]:
        """The proxies, each once."""
        return tuple(dict.fromkeys(proxy for proxy in (self.http, self.https) if proxy is not None))


def read_proxies(option: str | None, environment: Mapping[str, str], *, off: bool = False) -> Proxies:
    """Return the proxies that `--proxy` or the environment names; `off` is `--no-proxy`.

    `--proxy` beats the environment, lower-case names beat upper-case ones, and `https_proxy` and `http_proxy`
    beat `all_proxy`. `no_proxy` applies to `--proxy` too.

    Raises:
        UsageError: a value is no URL of a proxy. The message does not repeat it, since it may contain a
            password.
    """
    if off:
        return Proxies()
    exempt = tuple(_variable("no_proxy", environment)[1].lower().replace(",", " ").split())
    if option is not None:
        proxy = _parse_proxy("--proxy", option)
        return Proxies(proxy, proxy, exempt)
    return Proxies(_proxy_of("http", environment), _proxy_of("https", environment), exempt)


def _proxy_of(scheme: str, environment: Mapping[str, str]) -> Proxy | None:
    variables = (_variable(name, environment) for name in (f"{scheme}_proxy", "all_proxy"))
    return next((_parse_proxy(name, text) for name, text in variables if text), None)


def _variable(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the name and the value of a variable; the value is "" if it is not set."""
    upper = name.upper()
    # In a CGI program HTTP_PROXY is a header that any client can set (https://httpoxy.org).
    names = (name,) if upper == "HTTP_PROXY" and "REQUEST_METHOD" in environment else (name, upper)
    return next(((each, text) for each in names if (text := environment.get(each, "").strip())), (upper, ""))


def _parse_proxy(name: str, text: str) -> Proxy:
    error = UsageError(
        f"{name}: expected the address of a proxy, as http://HOST:PORT or socks5h://HOST:PORT (with "
        "USER:PASSWORD@ before HOST where the proxy wants them, special characters percent-encoded)"
    )
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        raise error from None
    scheme = "socks5" if parts.scheme == "socks" else parts.scheme
    # An unencoded password would end up in the path, the query or the fragment.
    has_more = parts.path not in ("", "/") or parts.query or parts.fragment
    is_odd = any(char.isspace() or not char.isprintable() for char in parts.netloc)
    if scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0 or has_more or is_odd:
        raise error
    user, password = (
        None if part is None else Secret(unquote(part)) for part in (parts.username, parts.password)
    )
    return Proxy(scheme, parts.hostname, port or _DEFAULT_PORTS[scheme], user, password)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY (`*`, a domain, an address or a network, and a port) matches a target."""
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
        pass  # the entry or the host is a name
    domain = entry.removeprefix("*").removeprefix(".").removesuffix(".")
    target = host.removesuffix(".")
    return bool(domain) and (target == domain or target.endswith(f".{domain}"))

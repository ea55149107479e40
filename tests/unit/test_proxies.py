"""Which proxy a target is asked through: option, environment, exceptions."""

import pytest

from xharchive.errors import UsageError
from xharchive.proxies import Proxies, Proxy, read_proxies
from xharchive.redaction import Secret

HOST = "sns-img-bd.xhscdn.com"


@pytest.mark.parametrize(
    ("environment", "https", "http"),
    [
        ({}, "None", "None"),
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1", "None"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://a:1", "None"),
        ({"ALL_PROXY": "http://a:1"}, "http://a:1", "http://a:1"),
        ({"all_proxy": "a:1", "HTTP_PROXY": "b"}, "http://a:1", "http://b:80"),
        ({"all_proxy": "a:1", "HTTP_PROXY": "b", "REQUEST_METHOD": "GET"}, "http://a:1", "http://a:1"),
        ({"https_proxy": " "}, "None", "None"),
        ({"https_proxy": "https://a/"}, "https://a:443", "None"),
        ({"https_proxy": "socks://a"}, "socks5://a:1080", "None"),
        ({"https_proxy": "http://[::1]:3128"}, "http://[::1]:3128", "None"),
    ],
)
def test_the_environment_is_read_as_curl_reads_it(environment: dict[str, str], https: str, http: str) -> None:
    """Lower case first, a scheme's own variable before ALL_PROXY, no header of a web server's client."""
    proxies = read_proxies(None, environment)
    assert str(proxies.proxy_for("https", HOST, None)) == https
    assert str(proxies.proxy_for("http", HOST, 80)) == http


def test_the_option_beats_the_environment_and_can_turn_it_off() -> None:
    """NO_PROXY holds for the option too."""
    environment = {"https_proxy": "http://a:1", "NO_PROXY": "xhscdn.com"}
    proxies = read_proxies("http://b:2", environment)
    assert str(proxies.proxy_for("https", "api.justoneapi.com", None)) == "http://b:2"
    assert proxies.proxy_for("https", HOST, None) is None
    assert read_proxies(None, environment, off=True) == Proxies()


@pytest.mark.parametrize(
    ("entry", "host", "port", "exempt"),
    [
        ("*", HOST, None, True),
        ("xhscdn.com", HOST, None, True),
        (".xhscdn.com", HOST, None, True),
        ("*.XHSCDN.com", HOST, None, True),
        ("xhscdn.com.", HOST, None, True),
        ("scdn.com", HOST, None, False),
        ("other.org, xhscdn.com", HOST, None, True),
        ("xhscdn.com:443", HOST, None, True),
        ("xhscdn.com:80", HOST, None, False),
        ("10.0.0.0/8", "10.1.2.3", 8080, True),
        ("10.0.0.0/8", "11.1.2.3", 8080, False),
        ("10.1.2.3:8080", "10.1.2.3", 8080, True),
        ("10.0.0.0/8", "2001:db8::1", None, False),
        ("2001:db8::/32", "2001:db8::1", None, True),
        ("[2001:db8::1]:443", "2001:db8::1", None, True),
        (".", HOST, None, False),
        ("", HOST, None, False),
    ],
)
def test_no_proxy_names_domains_addresses_networks_and_ports(
    entry: str, host: str, port: int | None, exempt: bool
) -> None:
    """A domain stands for all below it, with or without a dot in front."""
    proxies = read_proxies("http://a:1", {"no_proxy": entry})
    assert (proxies.proxy_for("https", host, port) is None) == exempt


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_asked_directly(host: str) -> None:
    """As Go's net/http does it: a proxy's loopback is another machine's."""
    assert read_proxies("http://a:1", {}).proxy_for("http", host, 8080) is None


def test_a_proxy_shows_no_password() -> None:
    """Neither as text nor as a representation; the parts are there for the request."""
    (proxy,) = read_proxies("http://us%65r:p%40ss@h:1", {}).all
    assert proxy == Proxy("http", "h", 1, Secret("user"), Secret("p@ss"))
    assert "p@ss" not in f"{proxy} {proxy!r}"
    assert not proxy.is_socks
    assert read_proxies("socks5h://h", {}).all[0].is_socks


@pytest.mark.parametrize(
    "text", ["http://h:1/path", "http://h:1?x", "http://h:1#x", "http://[half", "h\x00:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """With the variable's name and without its value."""
    with pytest.raises(UsageError, match=r"^HTTPS_PROXY: expected") as raised:
        read_proxies(None, {"HTTPS_PROXY": text})
    assert text not in str(raised.value)

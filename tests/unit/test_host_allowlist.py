"""Which hosts and addresses are asked for media: nothing else, however it is spelled."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.errors import NotAllowed
from xharchive.host_allowlist import MEDIA_DOMAINS, AllowedHost, AllowList, HostOverride, is_local, is_public

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "223.5.5.5",
    "2400:3200::1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2001::1",
    "2001:db8::1",
    "100::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "5f00::1",
    "4000::1",
    # What an address must look like: system resolvers take these, the guard does not.
    "127.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "127.0.0.1 ",
    "[::1]",
    "127.0.0.1:80",
    "localhost",
    "",
    "１２７.0.0.1",
]
REFUSED = [
    # other hosts, however near
    "https://example.com/x",
    "https://xhscdn.com.evil.com/x",
    "https://evilxhscdn.com/x",
    "https://xhscdn.com.cn/x",
    "https://xhscdn/x",
    "https://com/x",
    "https://xhscdn.com-evil.com/x",
    "https://sns-img.xhscdn.comevil/x",
    # this machine and its neighbours, in every spelling
    "http://localhost/x",
    "http://localhost./x",
    "http://127.0.0.1/x",
    "http://127.1/x",
    "http://0x7f000001/x",
    "http://0x7f.0.0.1/x",
    "http://2130706433/x",
    "http://017700000001/x",
    "http://0.0.0.0/x",
    "http://[::1]/x",
    "http://[::]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[64:ff9b::7f00:1]/x",
    "http://[2002:7f00:1::]/x",
    "http://[fe80::1%25eth0]/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/x",
    "http://100.64.0.1/x",
    "http://192.168.1.1/x",
    "http://224.0.0.1/x",
    "http://8.8.8.8/x",
    # user parts
    "https://user@sns-img.xhscdn.com/x",
    "https://user:password@sns-img.xhscdn.com/x",
    "https://:@sns-img.xhscdn.com/x",
    "https://@sns-img.xhscdn.com/x",
    "https://sns-img.xhscdn.com@evil.com/x",
    "https://evil.com\\@sns-img.xhscdn.com/x",
    # ports
    "https://sns-img.xhscdn.com:22/x",
    "https://sns-img.xhscdn.com:8080/x",
    "https://sns-img.xhscdn.com:0/x",
    "https://sns-img.xhscdn.com:99999/x",
    "https://sns-img.xhscdn.com:-1/x",
    "https://sns-img.xhscdn.com:eighty/x",
    # schemes
    "ftp://sns-img.xhscdn.com/x",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/plain,x",
    "//sns-img.xhscdn.com/x",
    "sns-img.xhscdn.com/x",
    "/x",
    "",
    # host names that two programs could read in two ways
    "https://evil.com\\.xhscdn.com/x",
    "https://evil.com%2f.xhscdn.com/x",
    "https://evil.com%00.xhscdn.com/x",
    "https://evil。xhscdn.com/x",
    "https://evil com.xhscdn.com/x",
    "https://-.xhscdn.com/x",
    "https://..xhscdn.com/x",
    "https://sns-img.xhscdn.com./x",
    "https://[xhscdn.com/x",
    "https:///x",
    "https://?.xhscdn.com",
]
ADMITTED = [
    "https://sns-img-hw.xhscdn.com/a?x=1",
    "https://xhscdn.com/a",
    "http://sns-video-bd.xhscdn.com/stream/1.mp4?sign=a|b~",
    "https://ci.xiaohongshu.com/a",
    "https://sns-img.rednotecdn.com/a",
    "https://SNS-IMG.XHSCDN.COM/a",
    "HTTPS://sns-img.xhscdn.com/a",
    "https://sns-img.xhscdn.com:443/a",
    "https://sns-img.xhscdn.com:80/a",
    "http://sns-img.xhscdn.com:/a",
    "https://sns_img.xhscdn.net/a",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    """Also those that wrap a public IPv4 address."""
    assert is_public(address)
    assert not is_local(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is_public(address: str) -> None:
    """Private, loopback, link-local, multicast, reserved, wrapped, and what is no address at all."""
    assert not is_public(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}"]))
def test_wrapping_an_ipv4_address_changes_nothing(address: ipaddress.IPv4Address, wrapping: str) -> None:
    """An IPv4 address in IPv6 clothes is judged as itself."""
    assert is_public(wrapping.format(address)) == is_public(str(address))


@given(st.ip_addresses(v=6))
def test_no_public_ipv6_lies_outside_global_unicast(address: ipaddress.IPv6Address) -> None:
    """Whatever Python's tables say of the rest, 2000::/3 is all there is (RFC 4291), NAT64 apart."""
    if is_public(str(address)):
        assert address in ipaddress.IPv6Network("2000::/3") or str(address).startswith(
            ("::ffff:", "64:ff9b::")
        )


@pytest.mark.parametrize("url", REFUSED)
def test_nothing_outside_the_borders_is_asked(url: str) -> None:
    """By default the CDN's domains are open on the web's ports, and nothing else is."""
    with pytest.raises(NotAllowed) as raised:
        AllowList().check(url)
    assert "password" not in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("url", ADMITTED)
def test_the_cdn_is_open(url: str) -> None:
    """Its domains and their subdomains, in either case; the URL's parts come back as they were."""
    parts = AllowList().check(url)
    assert parts.hostname is not None
    assert parts.hostname.endswith(MEDIA_DOMAINS)
    assert parts.query == url.partition("?")[2]


@given(
    st.text(st.characters(), max_size=80), st.sampled_from(["", "http://", "https://", "https://xhscdn.com"])
)
def test_any_text_is_checked_or_refused(text: str, start: str) -> None:
    """No URL makes the check fail in another way, and what passes is a host of ours."""
    try:
        parts = AllowList().check(start + text)
    except NotAllowed:
        return
    assert parts.scheme in ("http", "https")
    assert (parts.hostname or "").endswith(MEDIA_DOMAINS)


def test_an_added_host_is_open_on_the_web_s_ports() -> None:
    """`--allow-host HOST` opens that very host: no subdomain of it, no other port."""
    borders = AllowList(frozenset({AllowedHost("media.example.com")}))
    assert borders.check("https://media.example.com/x")
    assert borders.check("http://MEDIA.example.com:80/x")
    for url in ("https://a.media.example.com/", "https://example.com/", "https://media.example.com:8443/"):
        with pytest.raises(NotAllowed):
            borders.check(url)


def test_an_added_host_and_port_is_open_there_only() -> None:
    """`--allow-host HOST:PORT` opens one port of one host, a local one too, in its exact spelling."""
    borders = AllowList(frozenset({AllowedHost("127.0.0.1", 8080), AllowedHost("::1", 8080)}))
    assert borders.check("http://127.0.0.1:8080/x")
    assert borders.check("http://[::1]:8080/x")
    for url in (
        "http://127.0.0.1/",
        "http://127.0.0.1:8081/",
        "http://127.0.0.2:8080/",
        "http://127.1:8080/",
    ):
        with pytest.raises(NotAllowed):
            borders.check(url)


def test_only_an_exactly_named_port_is_spoken_to_as_the_url_says() -> None:
    """Elsewhere http becomes https; the server the user named may have nothing but http."""
    borders = AllowList(frozenset({AllowedHost("127.0.0.1", 8080), AllowedHost("example.com")}))
    assert borders.allows_exact_port("127.0.0.1", 8080)
    assert not borders.allows_exact_port("127.0.0.1", None)
    assert not borders.allows_exact_port("example.com", 80)


def test_an_exact_override_beats_the_star() -> None:
    """ "*" speaks of every media host, but never of the API's."""
    star, exact = HostOverride("*", "127.0.0.1", 1), HostOverride("a.xhscdn.com", "127.0.0.2", 2)
    borders = AllowList(overrides=(star, exact))
    assert borders.override("a.xhscdn.com") == exact
    assert borders.override("b.xhscdn.com") == star
    assert borders.exact_override("a.xhscdn.com") == exact
    assert borders.exact_override("b.xhscdn.com") is None
    assert AllowList().override("a.xhscdn.com") is None


def test_an_override_opens_no_other_host() -> None:
    """It says where hosts live, not which may be asked."""
    with pytest.raises(NotAllowed):
        AllowList(overrides=(HostOverride("*", "127.0.0.1", 8080),)).check("https://example.com/x")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost.",
        "a.localhost",
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "10.1",
        "192.168.1.1",
        "::1",
        "::ffff:10.0.0.1",
        "fe80::1%eth0",
    ],
)
def test_local_hosts_are_known_by_name_and_address(host: str) -> None:
    """In every spelling that the system's resolver would take for one."""
    assert is_local(host)


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "8.8.8.8", "134744072", "", "a:b"])
def test_other_hosts_are_not_local(host: str) -> None:
    """A name may still resolve to anything: the socket's guard looks at that."""
    assert not is_local(host)

"""`--allow-host` and `--resolve`: what is understood, and what is refused in a helpful sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.errors import UsageError
from xharchive.host_allowlist import AllowedHost, HostOverride, parse_allowed, parse_overrides


@pytest.mark.parametrize(
    ("texts", "places"),
    [
        ([], set()),
        (["", " , ,"], set()),
        (["cdn.example.com"], {AllowedHost("cdn.example.com")}),
        (["CDN.Example.com:8443"], {AllowedHost("cdn.example.com", 8443)}),
        (
            ["a.com, b.com:81", "c.com"],
            {AllowedHost("a.com"), AllowedHost("b.com", 81), AllowedHost("c.com")},
        ),
        (["a.com", "a.com,a.com"], {AllowedHost("a.com")}),
        (["localhost:8080"], {AllowedHost("localhost", 8080)}),
        (["127.0.0.1:8080"], {AllowedHost("127.0.0.1", 8080)}),
        (["[::1]:8080"], {AllowedHost("::1", 8080)}),
        (["[2400:3200::1]"], {AllowedHost("2400:3200::1")}),
        (["2400:3200::1"], {AllowedHost("2400:3200::1")}),
        (["8.8.8.8"], {AllowedHost("8.8.8.8")}),
        (["with_underscore.example"], {AllowedHost("with_underscore.example")}),
        (["a.com:65535"], {AllowedHost("a.com", 65535)}),
    ],
)
def test_hosts_are_read_from_lists(texts: list[str], places: set[AllowedHost]) -> None:
    """Repeated or comma-separated, with or without a port, IPv6 with or without brackets."""
    assert parse_allowed(texts) == places


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "localhost.",
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "[::1]",
        "::1",
        "10.0.0.1",
        "fe80::1%eth0",
    ],
)
def test_a_local_address_needs_its_exact_port(text: str) -> None:
    """There is no "everything on this machine", in no spelling."""
    with pytest.raises(UsageError, match="needs its exact port"):
        parse_allowed([f"good.example.com,{text}"])


def test_the_hint_for_an_ipv6_address_can_be_pasted() -> None:
    """The form that the sentence proposes is understood."""
    with pytest.raises(UsageError) as raised:
        parse_allowed(["::1"])
    hint = str(raised.value).rpartition("as ")[2]
    assert parse_allowed([hint]) == {AllowedHost("::1", 8080)}


@pytest.mark.parametrize(
    "text",
    [
        "a.com:0",
        "a.com:99999",
        "a.com:-1",
        "a.com:http",
        "a.com:8٠",
        "https://a.com",
        "a.com/path",
        "user@a.com",
        "a.com?x",
        "a.com#x",
        "a.com\\x",
        "a b.com",
        "a\tb.com",
        "*.a.com",
        "*",
        ".a.com",
        "-a.com",
        "a..com",
        "[::1",
        "[::1]x",
        "[2400:3200::1]x:80",
        "a:b:c",
        "中国.cn",
        ":80",
        "[]",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    """With the value and the form that is expected; nothing is dropped in silence."""
    with pytest.raises(UsageError, match="expected HOST or HOST:PORT") as raised:
        parse_allowed([text])
    assert "--allow-host" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("*=127.0.0.1:8080", HostOverride("*", "127.0.0.1", 8080)),
        (" * = 127.0.0.1:8080 ", HostOverride("*", "127.0.0.1", 8080)),
        ("CI.xiaohongshu.com=10.0.0.5:80", HostOverride("ci.xiaohongshu.com", "10.0.0.5", 80)),
        ("a.com=[::1]:8080", HostOverride("a.com", "::1", 8080)),
        ("a.com=localhost:1", HostOverride("a.com", "127.0.0.1", 1)),
    ],
)
def test_overrides_are_read(text: str, override: HostOverride) -> None:
    """A host or "*", an IP address or localhost, and a port."""
    assert parse_overrides([text]) == (override,)


def test_overrides_keep_their_order() -> None:
    """The first that names a host holds."""
    found = parse_overrides(["*=127.0.0.1:1", "a.com=127.0.0.1:2"])
    assert [rule.port for rule in found] == [1, 2]
    assert parse_overrides([]) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected HOST=ADDRESS:PORT"),
        ("a.com", "expected HOST=ADDRESS:PORT"),
        ("a.com:127.0.0.1:80", "expected HOST=ADDRESS:PORT"),
        ("=127.0.0.1:80", "expected HOST=ADDRESS:PORT"),
        ("*.a.com=127.0.0.1:80", "expected HOST=ADDRESS:PORT"),
        ("a.com=127.0.0.1", "the port is missing"),
        ("a.com=[::1]", "the port is missing"),
        ("a.com=::1", "the port is missing"),
        ("a.com=127.0.0.1:0", "expected HOST or HOST:PORT"),
        ("a.com=127.0.0.1:99999", "expected HOST or HOST:PORT"),
        ("a.com=b.com:80", "b.com is not an IP address"),
        ("a.com=127.1:80", "127.1 is not an IP address"),
        ("a.com=", "expected HOST or HOST:PORT"),
        ("a.com=http://127.0.0.1:80", "expected HOST or HOST:PORT"),
    ],
)
def test_a_wrong_override_is_refused(text: str, words: str) -> None:
    """The sentence names the option and what is wrong with its value."""
    with pytest.raises(UsageError) as raised:
        parse_overrides([text])
    assert words in str(raised.value)
    assert "--resolve" in str(raised.value)


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No value makes the program fail in another way; the refusal stays short."""
    for parse in (parse_allowed, parse_overrides):
        try:
            parse([text])
        except UsageError as problem:
            assert len(str(problem)) < 400  # noqa: PT017 - either outcome is fine

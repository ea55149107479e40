"""Addresses with characters that a request line cannot carry."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xharchive.urls import encoded


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/one two.mp4", "https://h/one%20two.mp4"),
        ("https://h/音.mp4?name=曲 1", "https://h/%E9%9F%B3.mp4?name=%E6%9B%B2%201"),
        ("https://h/a\u00a0b\u3000c", "https://h/a%C2%A0b%E3%80%80c"),
        ("/relative 1", "/relative%201"),
        ("https://h/😀", "https://h/%F0%9F%98%80"),
        ("https://h/caf\udce9", "https://h/caf%E9"),
        ("https://名 字/x", "https://名 字/x"),
        ("//名/é", "//名/%C3%A9"),
    ],
)
def test_blanks_and_letters_outside_ascii_are_encoded(url: str, expected: str) -> None:
    """Behind the host, in path and query alike; a host is judged by the allow-list as it stands."""
    assert encoded(url) == expected


def test_half_a_surrogate_pair_is_refused() -> None:
    """JSON can say it, and no bytes stand for it."""
    with pytest.raises(ValueError, match="surrogates"):
        encoded("https://h/\ud800")


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_printable_ascii_stays_byte_for_byte(text: str) -> None:
    """`|`, `%`, `+` and quotation marks belong to signatures."""
    assert encoded(f"https://h/{text}") == f"https://h/{text}"

"""Text that no terminal obeys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xharchive.sanitize import JOINER, invisible_in, one_line, percent_encoded, printable, without_invisible

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(st.text(st.characters()))
def test_printed_text_commands_no_terminal(text: str) -> None:
    """No C0, C1, ESC, DEL or bidi character passes, and the place of each is kept."""
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in BIDI for char in shown)
    shown.encode("utf-8")


@given(st.text(st.characters()))
def test_one_line_is_printable_with_single_spaces(text: str) -> None:
    """Nothing is left that breaks or stretches a line."""
    line = one_line(text)
    assert line == printable(line)
    assert line.split(" ") == (line.split() or [""])


def test_what_joins_emoji_stays() -> None:
    """A family is one picture, and not four."""
    family = JOINER.join("👨👩👧👦")
    assert printable(family) == one_line(f"  {family}\u202e ") == family


@given(st.text(st.characters()))
def test_a_text_without_the_invisible_keeps_its_letters_and_spaces(text: str) -> None:
    """What is dropped shows nothing; what stays is in its order."""
    left = without_invisible(text)
    assert [char for char in text if char.isalnum() and char in left] == [
        char for char in left if char.isalnum()
    ]
    assert [char for char in text if char.isspace()] == [char for char in left if char.isspace()]
    assert without_invisible(left) == left


def test_the_invisible_is_named_once() -> None:
    """The first three kinds, as Unicode numbers them; a tab or a line break is no riddle."""
    assert invisible_in("a\u200bb\u200b\ufeff\t\n") == "U+200B, U+FEFF"
    assert invisible_in("\x1a\u2060\u200e\u202e") == "U+001A, U+2060, U+200E"
    assert invisible_in("plain 文字") == ""


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
    assert percent_encoded(url) == expected


def test_half_a_surrogate_pair_is_refused() -> None:
    """JSON can say it, and no bytes stand for it."""
    with pytest.raises(ValueError, match="surrogates"):
        percent_encoded("https://h/\ud800")


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_printable_ascii_stays_byte_for_byte(text: str) -> None:
    """`|`, `%`, `+` and quotation marks belong to signatures."""
    assert percent_encoded(f"https://h/{text}") == f"https://h/{text}"

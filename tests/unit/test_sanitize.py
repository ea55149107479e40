"""Text that no terminal obeys."""

from hypothesis import given
from hypothesis import strategies as st

from xharchive.sanitize import JOINER, invisible_in, one_line, printable, without_invisible

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

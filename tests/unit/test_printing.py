"""Text that no terminal obeys."""

from hypothesis import given
from hypothesis import strategies as st

from xharchive.printing import JOINER, one_line, printable

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

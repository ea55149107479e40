"""Columns that stay columns, whatever is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.cli.print_notes import cut, padded, width


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("豫园", 4),
        ("ｱ", 1),
        ("Ａ", 2),
        ("e\u0301", 1),
        ("👩\u200d🚀", 4),
        ("한", 2),
        ("·", 1),
    ],
)
def test_width(text: str, cells: int) -> None:
    """Han two, combining none."""
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("豫园", 4, "豫园"),
        ("豫园灯会", 5, "豫园…"),
        ("豫园灯会", 4, "豫…"),
        ("abcdef", 3, "ab…"),
        ("abc", 1, "…"),
    ],
)
def test_cut(text: str, cells: int, shown: str) -> None:
    """A text that does not fit ends with an ellipsis, and never in the middle of a character."""
    assert cut(text, cells) == shown


@given(st.text(max_size=20), st.integers(1, 12))
def test_padded_is_exactly_as_wide(text: str, cells: int) -> None:
    """So the next column begins where it should."""
    assert width(padded(text, cells)) == cells

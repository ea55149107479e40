"""Width of text in a terminal: a Chinese character takes two cells, a combining character none."""

import unicodedata
from itertools import accumulate

__all__ = ["cut", "padded", "width"]


def width(text: str) -> int:
    """Return the number of cells of a line."""
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, cells: int) -> str:
    """Return the text if it fits into `cells`, else its beginning and an ellipsis; "" without any cell."""
    if width(text) <= cells:
        return text
    if cells < 1:
        return ""
    ends = accumulate(map(_cells, text))  # one cell is for the ellipsis
    return text[: sum(end < cells for end in ends)] + "…"


def padded(text: str, cells: int) -> str:
    """Return the text, cut or padded with spaces to exactly `cells` cells."""
    shown = cut(text, cells)
    return shown + " " * (cells - width(shown))

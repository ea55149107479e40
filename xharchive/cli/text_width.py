"""Text in the cells of a terminal: a Chinese character takes two, a combining one none."""

import unicodedata
from itertools import accumulate

__all__ = ["cut", "padded", "width"]


def width(text: str) -> int:
    """Return how many cells a line takes."""
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, cells: int) -> str:
    """Return the text if it fits into so many cells, else its beginning and an ellipsis, if that fits."""
    if width(text) <= cells:
        return text
    if cells < 1:
        return ""
    ends = accumulate(map(_cells, text))  # one cell is the ellipsis's
    return text[: sum(end < cells for end in ends)] + "…"


def padded(text: str, cells: int) -> str:
    """Return the text cut and filled with spaces to exactly so many cells."""
    shown = cut(text, cells)
    return shown + " " * (cells - width(shown))

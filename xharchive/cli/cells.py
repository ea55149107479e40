"""Text in the cells of a terminal: a Chinese character takes two, a combining one none."""

import unicodedata

__all__ = ["cut", "padded", "width"]


def width(text: str) -> int:
    """Return how many cells a line takes."""
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, cells: int) -> str:
    """Return the text if it fits into so many cells, else its beginning and an ellipsis."""
    if width(text) <= cells:
        return text
    taken = 0
    for place, char in enumerate(text):
        taken += _cells(char)
        if taken >= cells:
            return text[:place] + "…"
    return text


def padded(text: str, cells: int) -> str:
    """Return the text cut and filled with spaces to exactly so many cells."""
    shown = cut(text, cells)
    return shown + " " * (cells - width(shown))

"""Text that is safe to print, whoever wrote it: nothing that a terminal obeys or a reader cannot see."""

import unicodedata

__all__ = ["JOINER", "one_line", "printable"]

JOINER = "\u200d"
"""Joins emoji into one picture; harmless inside a text, invisible at its ends."""

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def printable(text: str) -> str:
    """Return the text safe to print on one line: control, bidi and unassigned characters become spaces."""
    return "".join(" " if _is_hidden(char) else char for char in text)


def one_line(text: str) -> str:
    """Return the text as `printable` does, with single spaces only."""
    return " ".join(printable(text).split())


def _is_hidden(char: str) -> bool:
    return char != JOINER and unicodedata.category(char) in _INVISIBLE

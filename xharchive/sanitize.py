"""Text for people: numbers with their nouns, and foreign text made safe to print.

Safe is what holds nothing that a terminal obeys or a reader cannot see.
"""

import re
import unicodedata

__all__ = ["JOINER", "counted", "invisible_in", "one_line", "printable", "without_invisible"]

JOINER = "\u200d"
"""Joins emoji into one picture; harmless inside a text, invisible at its ends."""

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_DROPPED = frozenset(("Cc", "Cf"))
# Letters and marks that Unicode calls ignorable: joiners, fillers, variation selectors.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MOST_NAMED = 3


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: "1 note", "2 notes", "0 notes".

    Args:
        count: how many there are.
        singular: the noun, or a phrase that ends with it ("API call"), for one.
        plural: the same for any other number; by default the singular with an "s".
    """
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def printable(text: str) -> str:
    """Return the text safe to print on one line: control, bidi and unassigned characters become spaces."""
    if text.isprintable():
        return text
    return "".join(" " if _is_hidden(char) else char for char in text)


def one_line(text: str) -> str:
    """Return the text as `printable` does, with single spaces only."""
    return " ".join(printable(text).split())


def _is_hidden(char: str) -> bool:
    return char != JOINER and unicodedata.category(char) in _INVISIBLE


def without_invisible(text: str) -> str:
    """Return the text without control, format and other ignorable characters; white space stays."""
    if text.isascii() and text.isprintable():
        return text
    left = _IGNORABLE.sub("", text)
    if left.isprintable():
        return left
    return "".join(char for char in left if char.isspace() or unicodedata.category(char) not in _DROPPED)


def invisible_in(text: str) -> str:
    """Return the names of the invisible characters in a text, "" if there are none: "U+200B, U+FEFF".

    At most three are named. White space is not.
    """
    if text.isprintable() and not _IGNORABLE.search(text):
        return ""
    hidden = (char for char in text if _IGNORABLE.match(char) or unicodedata.category(char) in _INVISIBLE)
    different = dict.fromkeys(char for char in hidden if not char.isspace())
    return ", ".join(f"U+{ord(char):04X}" for char in list(different)[:_MOST_NAMED])

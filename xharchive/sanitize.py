"""Make untrusted text safe to print, to request and as a file name; write numbers with their nouns.

Safe text has no control character for a terminal, and no invisible character.
"""

import re
import unicodedata

JOINER = "\u200d"
"""Joins emoji into one picture. Harmless inside a text, invisible at its ends."""

PLAIN_NAME = re.compile(r"(?!\.\.?\Z)[^/\0]+")
"""A name of an entry in a folder, which leads nowhere else; use its `fullmatch`."""

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_DROPPED = frozenset(("Cc", "Cf"))
# Letters and marks that Unicode calls ignorable: joiners, fillers, variation selectors.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MOST_NAMED = 3
_AUTHORITY = re.compile(r"(?:[^/?#]*:)?//[^/?#]*")
_NOT_IN_URLS = re.compile(r"[ \u00a0-\U0010ffff]+")


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: "1 note", "0 notes"; the plural is by default formed with an "s"."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def printable(text: str) -> str:
    """Return the text with spaces for control, bidi and unassigned characters."""
    if text.isprintable():
        return text
    return "".join(" " if _is_hidden(char) else char for char in text)


def one_line(text: str) -> str:
    """Return the text as `printable` does, with single spaces."""
    return " ".join(printable(text).split())


def _is_hidden(char: str) -> bool:
    return char != JOINER and unicodedata.category(char) in _INVISIBLE


def without_invisible(text: str) -> str:
    """Return the text without control, format and ignorable characters. White space stays."""
    if text.isascii() and text.isprintable():
        return text
    visible = _IGNORABLE.sub("", text)
    if visible.isprintable():
        return visible
    return "".join(char for char in visible if char.isspace() or unicodedata.category(char) not in _DROPPED)


def invisible_in(text: str) -> str:
    """Return the names of up to three invisible characters in a text, such as "U+200B, U+FEFF".

    White space does not count. Return "" if there are none.
    """
    if text.isprintable() and not _IGNORABLE.search(text):
        return ""
    hidden = (char for char in text if _IGNORABLE.match(char) or unicodedata.category(char) in _INVISIBLE)
    different = dict.fromkeys(char for char in hidden if not char.isspace())
    return ", ".join(f"U+{ord(char):04X}" for char in list(different)[:_MOST_NAMED])


def percent_encoded(url: str) -> str:
    """Return the URL with spaces as %20 and non-ASCII characters as their UTF-8 bytes, as browsers send it.

    The host and all other characters stay, because a signed query must arrive byte for byte. A byte that is
    no UTF-8 (`surrogateescape`) is encoded as this byte.

    Raises:
        ValueError: the URL has half a surrogate pair, which has no UTF-8 bytes.
    """
    authority = _AUTHORITY.match(url)
    start = authority.end() if authority else 0
    return url[:start] + _NOT_IN_URLS.sub(_encode_characters, url[start:])


def _encode_characters(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))

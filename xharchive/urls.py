"""Percent-encode spaces and non-ASCII characters in URLs, which may contain names of users' files."""

import re

__all__ = ["encoded"]

_AUTHORITY = re.compile(r"(?:[^/?#]*:)?//[^/?#]*")
_TO_ENCODE = re.compile(r"[ \u00a0-\U0010ffff]+")


def encoded(url: str) -> str:
    """Return the URL with spaces as %20 and non-ASCII characters as their UTF-8 bytes, as browsers send it.

    The host and all other characters stay, because a signed query must arrive byte for byte. A byte that is
    no UTF-8 (`surrogateescape`) is encoded as this byte.

    Raises:
        ValueError: the URL has half a surrogate pair, which has no UTF-8 bytes.
    """
    authority = _AUTHORITY.match(url)
    start = authority.end() if authority else 0
    return url[:start] + _TO_ENCODE.sub(_percent_encoded, url[start:])


def _percent_encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))

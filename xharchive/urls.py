"""Percent-encoding of addresses that people's file names went into: blanks and characters outside ASCII."""

import re

__all__ = ["encoded"]

_AUTHORITY = re.compile(r"(?:[^/?#]*:)?//[^/?#]*")
_NOT_SENDABLE = re.compile(r"[ \u00a0-\U0010ffff]+")


def encoded(url: str) -> str:
    """Return the URL with blanks as %20 and characters outside ASCII as their UTF-8 bytes, as browsers do.

    Everything else stays as it is, because a signed query must be sent byte for byte. The host is left alone.
    A byte that was not UTF-8 (`surrogateescape`) is encoded as that byte.

    Raises:
        ValueError: the text has half a surrogate pair, which has no UTF-8 bytes.
    """
    authority = _AUTHORITY.match(url)
    start = authority.end() if authority else 0
    return url[:start] + _NOT_SENDABLE.sub(_percent_encoded, url[start:])


def _percent_encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))

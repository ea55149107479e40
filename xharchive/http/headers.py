"""Parse the headers that identify a file, a range of it and its coding (RFC 9110: 8.4, 8.8, 13.1.5, 14.4)."""

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,256}"')
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_DATE_PRECISION = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ContentRange:
    """A `Content-Range`: offsets of the first and the last byte, and the size of the complete file."""

    first: int
    last: int
    total: int


def parse_content_range(text: str | None) -> ContentRange | None:
    """Parse a `Content-Range`; None if it is missing, malformed or without the size of the file."""
    match = _CONTENT_RANGE.fullmatch((text or "").strip())
    if match is None:
        return None
    parsed = ContentRange(*map(int, match.groups()))
    return parsed if parsed.first <= parsed.last < parsed.total else None


def strong_validator(headers: Mapping[str, str]) -> str:
    """Return the value for a later `If-Range`, "" if the headers do not identify the bytes.

    A strong ETag is such a value. A weak ETag is none, and then Last-Modified is not used either, because the
    bytes may differ. Without an ETag, Last-Modified counts if it is at least a second older than Date: two
    changes may happen within one second.
    """
    etag = headers.get("ETag", "").strip()
    if etag:
        return etag if _STRONG_ETAG.fullmatch(etag) else ""
    modified = headers.get("Last-Modified", "").strip()
    try:
        is_past = parse_http_date(headers.get("Date")) - parse_http_date(modified) >= _DATE_PRECISION
    except (ValueError, TypeError, OverflowError):
        return ""
    return modified if is_past else ""


def parse_http_date(text: str | None) -> datetime:
    """Parse an HTTP date.

    Raises:
        ValueError, TypeError: the text is no HTTP date.
    """
    return email.utils.parsedate_to_datetime(text or "")


# The registered codings (IANA HTTP Content Coding Registry, RFC 9110 8.4.1) that change the bytes of a body.
_REGISTERED = frozenset(
    (
        "aes128gcm",
        "br",
        "compress",
        "dcb",
        "dcz",
        "deflate",
        "exi",
        "gzip",
        "pack200-gzip",
        "x-compress",
        "x-gzip",
        "zstd",
    )
)


def content_codings(header: str) -> str:
    """Return the registered codings of a Content-Encoding header, such as "gzip" or "gzip, br"; "" for none.

    Other names are ignored, as browsers do: storage services send `aws-chunked`, `utf-8` or `none` with
    bodies that are not encoded. If such a body is encoded nevertheless, the checks of the file's structure
    find it. `identity` is no coding either.
    """
    names = (name.strip().lower() for name in header.split(","))
    return ", ".join(name for name in names if name in _REGISTERED)

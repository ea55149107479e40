"""What an answer's headers prove of the file behind it: validators, ranges (RFC 9110: 8.8, 13.1.5, 14.4)."""

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["Span", "moment", "read_span", "strong_validator"]

_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]{1,256}"')
_SPAN = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_CLOCK_STEP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A `Content-Range`: the first and the last byte that come, and the size of the whole file."""

    first: int
    last: int
    total: int


def read_span(text: str | None) -> Span | None:
    """Return the span that a `Content-Range` names; None for none, one without a total, or nonsense."""
    found = _SPAN.fullmatch((text or "").strip())
    if found is None:
        return None
    span = Span(*map(int, found.groups()))
    return span if span.first <= span.last < span.total else None


def strong_validator(headers: Mapping[str, str]) -> str:
    """Return what may be sent as `If-Range` later on, "" if the answer has no such proof.

    A strong ETag; a weak one promises no equal bytes, so it forbids the date as well. Without any ETag the
    date of the last change, if the server's clock had moved on since: two changes may share one second.
    """
    tag = headers.get("ETag", "").strip()
    if tag:
        return tag if _STRONG_TAG.fullmatch(tag) else ""
    changed = headers.get("Last-Modified", "").strip()
    try:
        is_past = moment(headers.get("Date")) - moment(changed) >= _CLOCK_STEP
    except (ValueError, TypeError, OverflowError):
        return ""
    return changed if is_past else ""


def moment(text: str | None) -> datetime:
    """Read an HTTP date.

    Raises:
        ValueError, TypeError: it is none.
    """
    return email.utils.parsedate_to_datetime(text or "")

"""Reads single fields of a reply leniently: a wrong type or value counts as missing and is never an error.

The same field may be a number, a numeric string, "" or null in different replies
(docs/api.md#times-and-counts).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from urllib.parse import urlsplit

from xharchive.parsers.json_text import parse_json
from xharchive.sanitize import percent_encoded

_LARGEST_INTEGER = 2**63 - 1
_COUNT = re.compile(r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)([万萬亿億wWkK千]?)\+?")
_UNITS = {"": 1, "千": 10**3, "k": 10**3, "万": 10**4, "萬": 10**4, "w": 10**4, "亿": 10**8, "億": 10**8}
_MD5 = re.compile(r"[0-9a-f]{32}")
_FORBIDDEN_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_LONGEST_URL = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOO_LARGE_FOR_SECONDS = 10**11
"""In seconds the year 5138, in milliseconds 1973; decides the unit (docs/api.md#times-and-counts)."""
_UNITS_PER_SECOND = (1, 10**3, 10**6)


def as_object(value: object) -> Mapping[str, object]:
    """Return the JSON object, or an empty one if the value is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[object]:
    """Return the JSON array, or an empty one if the value is none."""
    return value if isinstance(value, list) else ()


def iter_objects(value: object) -> Iterator[Mapping[str, object]]:
    """Yield the JSON objects of an array; skip other values."""
    return (item for item in as_list(value) if isinstance(item, dict))


def nested(value: object, *names: str) -> object:
    """Return the value at a path of names in nested objects, or None."""
    for name in names:
        value = as_object(value).get(name)
    return value


def parse_object(value: object) -> Mapping[str, object]:
    """Return an object, parsed first if it is a JSON string (`widgets_context`, docs/api.md#upload-key)."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return {}
    return as_object(value)


def as_text(value: object) -> str:
    """Return a string unchanged, an integer as its digits, anything else as ""."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def stripped_text(value: object) -> str:
    """Return `as_text` without surrounding white space."""
    return as_text(value).strip()


def first_nonblank(source: Mapping[str, object], *names: str) -> str:
    """Return the first named field that is not blank, without surrounding white space."""
    return next(filter(None, (stripped_text(source.get(name)) for name in names)), "")


def as_integer(value: object) -> int | None:
    """Parse an integer from a number or a string such as "12", "1,234", "1.2万", "3亿" or "10+"."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = int(value) if isfinite(value) else None
    if isinstance(value, str):
        value = _parse_count(value)
    return value if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER else None


def _parse_count(value: str) -> int | None:
    match = _COUNT.fullmatch(re.sub(r"[,，\s]", "", value))
    return int(Decimal(match[1]) * _UNITS[match[2].lower()]) if match else None


def non_negative(value: object) -> int:
    """Return a non-negative integer; 0 if there is none."""
    return max(as_integer(value) or 0, 0)


def seconds_to_ms(value: object) -> int:
    """Convert a number of seconds, possibly with a fraction, to milliseconds; 0 if there is none."""
    if isinstance(value, float) and 0 < value < _LARGEST_INTEGER:
        return round(value * 1000)
    return non_negative(value) * 1000


def as_milliseconds(value: object) -> int:
    """Return a number of milliseconds; 0 if there is none."""
    return non_negative(value)


def as_md5(value: object) -> str:
    """Return an MD5 in lower-case hex, or "" if the value is none."""
    found = stripped_text(value).lower()
    return found if _MD5.fullmatch(found) else ""


def http_url(value: object) -> str:
    """Return an absolute http or https URL; "" for a relative path or anything else.

    Only blanks and non-ASCII characters are percent-encoded, because the query may be signed.
    """
    found = stripped_text(value)
    if found.startswith("//"):
        found = "https:" + found
    try:
        found = percent_encoded(found) if len(found) <= _LONGEST_URL else ""
        if len(found) > _LONGEST_URL or _FORBIDDEN_IN_URL.search(found):
            return ""
        parts = urlsplit(found)
    except ValueError:
        return ""
    return found if parts.scheme in ("http", "https") and parts.hostname else ""


def as_datetime(value: object) -> datetime | None:
    """Parse a time from Unix seconds, milliseconds or microseconds, or from China time "YYYY-MM-DD HH:MM".

    A number that is too large for microseconds is no time.

    Returns:
        The time in UTC, or None.
    """
    number = as_integer(value)
    if number is None:
        return _parse_china_time(stripped_text(value))
    if number <= 0:
        return None
    for units in _UNITS_PER_SECOND:
        if number < _TOO_LARGE_FOR_SECONDS * units:
            return _EPOCH + timedelta(microseconds=number * 10**6 // units)
    return None


def _parse_china_time(value: str) -> datetime | None:
    try:
        return datetime.strptime(f"{value} +0800", "%Y-%m-%d %H:%M %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def has_content(value: object) -> bool:
    """Whether a value holds more than the placeholders null, false, 0, "", [] and {}, also nested ones."""
    if isinstance(value, dict):
        return any(map(has_content, value.values()))
    if isinstance(value, list):
        return any(map(has_content, value))
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "null", "{}", "[]")
    return bool(value)

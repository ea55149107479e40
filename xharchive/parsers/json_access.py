"""Read fields of a reply leniently: a wrong type or value counts as missing and is never an error.

The same field may be a number, a numeric string, "" or null in different replies
(docs/api.md#times-and-counts).

A path such as "origin_img.width" names a nested field. Where a function takes fields, each is one path or
several alternatives, such as "width|origin_img.width"; the first alternative with a value counts.
"""

import re
from collections.abc import Mapping, Sequence
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


def objects_in(value: object) -> list[Mapping[str, object]]:
    """Return the JSON objects of an array."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def nested(value: object, path: str) -> object:
    """Return the value at a path, or None."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
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


def texts(source: object, *fields: str) -> list[str]:
    """Return the text of each field without surrounding white space; "" if it has none."""
    return [
        next((text for path in field.split("|") if (text := as_text(nested(source, path)).strip())), "")
        for field in fields
    ]


def numbers(source: object, *fields: str) -> list[int]:
    """Return the positive integer of each field; 0 if it has none."""
    return [
        next((found for path in field.split("|") if (found := as_integer(nested(source, path)) or 0) > 0), 0)
        for field in fields
    ]


def counts(source: object, *fields: str) -> list[int | None]:
    """Return the integer from 0 of each field; None if it has none."""
    found = [[as_integer(nested(source, path)) for path in field.split("|")] for field in fields]
    return [next((count for count in each if count is not None and count >= 0), None) for each in found]


def times(source: object, *fields: str) -> list[datetime | None]:
    """Return the time of each field, as `as_datetime` does."""
    found = [[as_datetime(nested(source, path)) for path in field.split("|")] for field in fields]
    return [next(filter(None, each), None) for each in found]


def milliseconds(source: object, field: str) -> int:
    """Return a duration that is given in seconds, possibly with a fraction; 0 if there is none."""
    for path in field.split("|"):
        value = nested(source, path)
        if isinstance(value, float) and 0 < value < _LARGEST_INTEGER:
            value = round(value * 1000)
        else:
            value = (as_integer(value) or 0) * 1000
        if value > 0:
            return value
    return 0


def http_urls(source: object, *paths: str) -> list[tuple[str, str]]:
    """Return each path that has a URL, and the URL, as `http_url` does."""
    return [(path, url) for path in paths if (url := http_url(nested(source, path)))]


def has_any(source: object, *paths: str) -> bool:
    """Return whether a path leads to content."""
    return any(has_content(nested(source, path)) for path in paths)


def as_integer(value: object) -> int | None:
    """Parse an integer from a number or a string such as "12", "1,234", "1.2万", "3亿" or "10+"."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = int(value) if isfinite(value) else None
    elif isinstance(value, str):
        match = _COUNT.fullmatch(re.sub(r"[,，\s]", "", value))
        value = int(Decimal(match[1]) * _UNITS[match[2].lower()]) if match else None
    return value if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER else None


def as_md5(value: object) -> str:
    """Return an MD5 in lower-case hex, or "" if the value is none."""
    found = as_text(value).strip().lower()
    return found if _MD5.fullmatch(found) else ""


def http_url(value: object) -> str:
    """Return an absolute http or https URL; "" for a relative path or anything else.

    Only blanks and non-ASCII characters are percent-encoded, because the query may be signed.
    """
    found = as_text(value).strip()
    if not found or len(found) > _LONGEST_URL:
        return ""
    if found.startswith("//"):
        found = "https:" + found
    try:
        if " " in found or not found.isascii():
            found = percent_encoded(found)
        parts = urlsplit(found)
    except ValueError:
        return ""
    is_sound = len(found) <= _LONGEST_URL and not _FORBIDDEN_IN_URL.search(found)
    return found if is_sound and parts.scheme in ("http", "https") and parts.hostname else ""


def as_datetime(value: object) -> datetime | None:
    """Parse a time from Unix seconds, milliseconds or microseconds, or from China time "YYYY-MM-DD HH:MM".

    A number that is too large for microseconds is no time.
    """
    number = as_integer(value)
    if number is None and isinstance(value, str):
        try:
            return datetime.strptime(f"{value.strip()} +0800", "%Y-%m-%d %H:%M %z").astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    for units in _UNITS_PER_SECOND:
        if number is not None and 0 < number < _TOO_LARGE_FOR_SECONDS * units:
            return _EPOCH + timedelta(microseconds=number * 10**6 // units)
    return None


def has_content(value: object) -> bool:
    """Return whether a value holds more than null, false, 0, "", [] and {}, also nested ones."""
    if isinstance(value, dict):
        return any(map(has_content, value.values()))
    if isinstance(value, list):
        return any(map(has_content, value))
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "null", "{}", "[]")
    return bool(value)

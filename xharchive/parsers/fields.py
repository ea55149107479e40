"""Single fields of a reply, read leniently: a wrong type or value reads as "not said", never as an error.

The same field comes as a number, a numeric string, "" or null in different replies
(docs/api.md#times-and-counts).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from urllib.parse import urlsplit

from xharchive.parsers.json_text import parse_json
from xharchive.urls import encoded

__all__ = [
    "address",
    "amount",
    "dig",
    "entries",
    "first_text",
    "integer",
    "md5",
    "milliseconds",
    "moment",
    "object_or_json",
    "objects",
    "says_something",
    "seconds",
    "sequence",
    "text",
    "word",
]

_LARGEST_INTEGER = 2**63 - 1
_COUNT = re.compile(r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)([万萬亿億wWkK千]?)\+?")
_UNITS = {"": 1, "千": 10**3, "k": 10**3, "万": 10**4, "萬": 10**4, "w": 10**4, "亿": 10**8, "億": 10**8}
_MD5 = re.compile(r"[0-9a-f]{32}")
_BREAKS_A_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_LONGEST_URL = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SURELY_NOT_SECONDS = 10**11
"""As seconds the year 5138, as milliseconds 1973: so it tells the unit (docs/api.md#times-and-counts)."""
_PARTS_OF_A_SECOND = (1, 10**3, 10**6)


def entries(value: object) -> Mapping[str, object]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """Return a JSON array, or an empty one for anything else."""
    return value if isinstance(value, list) else ()


def objects(value: object) -> Iterator[Mapping[str, object]]:
    """Yield the JSON objects of an array, passing over whatever else it holds."""
    return (item for item in sequence(value) if isinstance(item, dict))


def dig(value: object, *names: str) -> object:
    """Return what lies under the names, one inside the other, or None."""
    for name in names:
        value = entries(value).get(name)
    return value


def object_or_json(value: object) -> Mapping[str, object]:
    """Return an object that comes as itself or as JSON (`widgets_context`, docs/api.md#upload-key)."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return {}
    return entries(value)


def text(value: object) -> str:
    """Return a text as it stands; a whole number as its digits; anything else as ""."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def word(value: object) -> str:
    """Return a text without the white space around it."""
    return text(value).strip()


def first_text(source: Mapping[str, object], *names: str) -> str:
    """Return the first of the named fields that is not blank, without the white space around it."""
    return next(filter(None, (word(source.get(name)) for name in names)), "")


def integer(value: object) -> int | None:
    """Return a whole number from a number or a text such as "", "12", "1,234", "1.2万", "3亿" or "10+"."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = int(value) if isfinite(value) else None
    if isinstance(value, str):
        value = _counted(value)
    return value if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER else None


def _counted(value: str) -> int | None:
    match = _COUNT.fullmatch(re.sub(r"[,，\s]", "", value))
    return int(Decimal(match[1]) * _UNITS[match[2].lower()]) if match else None


def amount(value: object) -> int:
    """Return a whole number that is not negative; 0 when there is none."""
    return max(integer(value) or 0, 0)


def seconds(value: object) -> int:
    """Return the milliseconds of a field in seconds, which may have a fraction; 0 when there is none."""
    if isinstance(value, float) and 0 < value < _LARGEST_INTEGER:
        return round(value * 1000)
    return amount(value) * 1000


def milliseconds(value: object) -> int:
    """Return the milliseconds of a field in milliseconds; 0 when there is none."""
    return amount(value)


def md5(value: object) -> str:
    """Return an MD5 in lower-case hex, or "" where there is none."""
    found = word(value).lower()
    return found if _MD5.fullmatch(found) else ""


def address(value: object) -> str:
    """Return an absolute http or https URL, ready to be sent; "" for a relative path or anything else.

    Blanks and characters outside ASCII are percent-encoded. The rest is untouched, the query above all.
    """
    found = word(value)
    if found.startswith("//"):
        found = "https:" + found
    try:
        found = encoded(found) if len(found) <= _LONGEST_URL else ""
        if len(found) > _LONGEST_URL or _BREAKS_A_URL.search(found):
            return ""
        parts = urlsplit(found)
    except ValueError:
        return ""
    return found if parts.scheme in ("http", "https") and parts.hostname else ""


def moment(value: object) -> datetime | None:
    """Return a time in UTC from Unix seconds or parts of them, or from China time as "YYYY-MM-DD HH:MM".

    A number too large for microseconds is no time: read in a still smaller unit, any number would be one.
    """
    stamp = integer(value)
    if stamp is None:
        return _from_china_time(word(value))
    if stamp <= 0:
        return None
    for parts in _PARTS_OF_A_SECOND:
        if stamp < _SURELY_NOT_SECONDS * parts:
            return _EPOCH + timedelta(microseconds=stamp * 10**6 // parts)
    return None


def _from_china_time(value: str) -> datetime | None:
    try:
        return datetime.strptime(f"{value} +0800", "%Y-%m-%d %H:%M %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def says_something(value: object) -> bool:
    """Whether any part of a value is more than a placeholder: null, false, 0, "", [], {} or nests of them."""
    if isinstance(value, dict):
        return any(map(says_something, value.values()))
    if isinstance(value, list):
        return any(map(says_something, value))
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "null", "{}", "[]")
    return bool(value)

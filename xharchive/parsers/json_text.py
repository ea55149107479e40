"""Parse JSON as the vendor sends it, into values that can always be encoded and stored.

15 MB of JSON can have millions of values, and each parsed value takes about a hundred bytes. So the values
are counted in the raw bytes first. If there are too many, long lists are cut. The raw reply on disk stays
complete.
"""

import json
import re
from decimal import Decimal
from typing import Any

MOST_LEVELS = 100
"""Nesting limit: deeper values become None. Real replies have about fifteen levels."""

_MOST_DIGITS = 4000  # Python refuses to parse integers of more than 4,300 digits
_FIRST_UNSAFE_INTEGER = 2**53
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def parse_json(text: str, *, counted: bool = False) -> object:
    """Parse a JSON document.

    Integers keep all digits, because ids exceed 2^53. `NaN` and the infinities become None. Lone surrogates
    become U+FFFD, so that every string can be encoded. A reply costs money: an odd value in an unused field
    must not make the rest unusable.

    Args:
        counted: the caller has checked the number of values already.

    Raises:
        TooManyValues: the text has more than `MOST_VALUES` values; a ValueError.
        ValueError: the text is not JSON, or its nesting exceeds Python's limit.
    """
    if not counted and len(text) > MOST_VALUES and count_values(text) > MOST_VALUES:
        raise TooManyValues("the JSON text has too many values")
    try:
        value = json.loads(
            text, parse_float=_number, parse_int=_integer, parse_constant=lambda _: None, strict=False
        )
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None
    return _clean(value)


def _integer(text: str) -> object:
    return int(text) if len(text) < _MOST_DIGITS else text


def _number(text: str) -> object:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return None
    if abs(value) < _FIRST_UNSAFE_INTEGER:
        return value
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else value


def _clean(value: object) -> object:
    """Make every string encodable and cut deep nesting; change containers in place to save memory."""
    root = [value]
    containers: list[tuple[Any, int]] = [(root, 0)]  # lists and dicts, and their levels
    while containers:
        container, level = containers.pop()
        entries = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in entries:
            if level > MOST_LEVELS:
                container[key] = None
            elif isinstance(item, str):
                container[key] = _encodable(item)
            elif isinstance(item, list | dict):
                containers.append((item, level + 1))
        if isinstance(container, dict) and not all(map(str.isascii, container)):
            encodable = {_encodable(key): item for key, item in container.items()}
            container.clear()
            container.update(encodable)
    return root[0]


def _encodable(text: str) -> str:
    # Most strings are ASCII, and this check is fast.
    return text if text.isascii() else _LONE_SURROGATE.sub(_REPLACEMENT, text)


MOST_VALUES = 500_000
"""Limit of values in one JSON text. Real replies have some thousands."""
MOST_ITEMS = 1_000
"""Elements that remain of each list in a shortened reply; the parsers use fewer."""

_MOST_STEPS = 1_000_000
_DEEPEST = 100

# An unterminated string is one token too. Otherwise the pattern would try each quotation mark as a start.
_STRING = rb'"(?:[^"\\]++|\\.?)*+"?'
_UP_TO_SIGN = re.compile(rb'(?:[^\[\]{},"]++|' + _STRING + rb")*+", re.DOTALL)
_OPENING, _CLOSING, _LIST = frozenset(b"[{"), frozenset(b"]}"), ord("[")

# Atomic, or a text without a code would be tried in every way to divide it.
_CODE = re.compile(
    rb'[\s\xef\xbb\xbf]*+\{(?>[^\[\]{}"]+|' + _STRING + rb')*?"code"\s*+:\s*+"?(-?[0-9]{1,9})"?\s*+,',
    re.DOTALL,
)


def _flat_values(levels: int) -> re.Pattern[bytes]:
    """Return a pattern for scalars, and for containers of at most this many levels."""
    inside = rb'(?:[^\[\]{}"]++|' + _STRING + rb")*+"
    for _ in range(levels):
        inside = rb'(?:[^\[\]{}"]++|' + _STRING + rb"|[\[{]" + inside + rb"[\]}])*+"
    return re.compile(inside, re.DOTALL)


_UP_TO_DEEP_CONTAINER = _flat_values(levels=3)


class TooManyValues(ValueError):
    """A JSON text has more than `MOST_VALUES` values."""


def count_values(text: str | bytes) -> int:
    """Return an upper bound of the number of values; commas inside strings count too."""
    if isinstance(text, str):
        return text.count(",") + text.count("[") + text.count("{") + 1
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def shorten_lists(body: bytes) -> tuple[bytes, bool]:
    """Shorten a JSON text to at most `MOST_VALUES` values.

    A text with more values keeps the first `MOST_ITEMS` elements of each list; containers that are nested too
    deeply become empty. What is omitted may be invalid JSON.

    Returns:
        The text, and whether it was shortened.

    Raises:
        TooManyValues: the text still has too many values, or the ends of its lists take too long to find.
    """
    if count_values(body) <= MOST_VALUES:
        return body, False
    pieces: list[bytes] = []
    items: list[int] = []  # elements left for each open container
    values = steps = begin = at = omitted_levels = 0
    is_omitting = False
    while (at := _offset_after(_UP_TO_DEEP_CONTAINER if is_omitting else _UP_TO_SIGN, body, at)) < len(body):
        steps += 1
        if steps > _MOST_STEPS or values > MOST_VALUES:
            raise TooManyValues("the JSON text has too many values or parts")
        sign, end = body[at], at + 1
        if is_omitting:
            omitted_levels += 1 if sign in _OPENING else -1
            if omitted_levels < 0:  # the end of the container, which is not omitted
                begin, is_omitting = at, False
                continue
        elif sign in _CLOSING:
            del items[-1:]
        else:
            values += 1
            if sign in _OPENING:
                items.append(MOST_ITEMS if sign == _LIST else len(body))
                is_omitting = len(items) > _DEEPEST
            elif items:
                items[-1] -= 1
                is_omitting = not items[-1]
            if is_omitting:
                pieces.append(body[begin : end if sign in _OPENING else at])
                begin, omitted_levels = len(body), 0
        at = end
    return b"".join((*pieces, body[begin:])), bool(pieces)


def _offset_after(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    found = pattern.match(body, at)
    return found.end() if found else at  # pragma: no branch - the patterns match the empty string too


def leading_code(body: bytes) -> int | None:
    """Return the `code` of a JSON object without parsing the rest; None if a list or object precedes it."""
    found = _CODE.match(body)
    return int(found[1]) if found and body.rstrip().endswith(b"}") else None

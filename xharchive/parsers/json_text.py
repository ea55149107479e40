"""Parses JSON as the vendor sends it, into values that can always be encoded and stored."""

import json
import re
from decimal import Decimal

from xharchive.parsers.value_count import MOST_VALUES, TooManyValues, count_values

__all__ = ["MOST_LEVELS", "parse_json"]

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
    return _clean(value, MOST_LEVELS)


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


def _clean(value: object, levels: int) -> object:
    """Make every string encodable; change containers in place to save memory."""
    if levels < 0:
        return None
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, list):
        for index, item in enumerate(value):
            value[index] = _clean(item, levels - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            value[key] = _clean(item, levels - 1)
        if not all(map(str.isascii, value)):
            return {_encodable(key): item for key, item in value.items()}
    return value


def _encodable(text: str) -> str:
    # Most strings are ASCII, and this check is fast.
    return text if text.isascii() else _LONE_SURROGATE.sub(_REPLACEMENT, text)

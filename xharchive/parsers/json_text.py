"""JSON as this vendor sends it, read into values that nothing later can stumble over."""

import json
import re
from decimal import Decimal

from xharchive.parsers.value_count import MOST_VALUES, TooManyValues, count_values

__all__ = ["MOST_LEVELS", "parse_json"]

MOST_LEVELS = 100
"""How deep a document is read; deeper values become None. Real replies have some fifteen levels."""

_MOST_DIGITS = 4000  # Python refuses to read integers of more than 4,300 digits

_FIRST_UNSAFE_INTEGER = 2**53
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def parse_json(text: str, *, counted: bool = False) -> object:
    """Return the value of a JSON document.

    Numbers that look like ids keep all their digits (ids above 2^53 occur), `NaN` and the infinities become
    None, and lone surrogates become U+FFFD, so that every string can be encoded later. A reply is paid for:
    what is odd in a field that nobody reads must not cost the rest of it.

    `counted`: the caller knows already that the values are few enough.

    Raises:
        TooManyValues: the text has more than `MOST_VALUES` values; a ValueError.
        ValueError: the text is not JSON, or nests deeper than Python reads.
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
    """Return the value with every string encodable; containers are changed in place to save memory."""
    if levels < 0:
        return None
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, list):
        for place, item in enumerate(value):
            value[place] = _clean(item, levels - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            value[key] = _clean(item, levels - 1)
        if not all(map(str.isascii, value)):
            return {_encodable(key): item for key, item in value.items()}
    return value


def _encodable(text: str) -> str:
    # Most strings are addresses and names: asking whether one is ASCII is free.
    return text if text.isascii() else _LONE_SURROGATE.sub(_REPLACEMENT, text)

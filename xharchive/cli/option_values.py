"""Values of options: what `type=` of an option calls to read them."""

import argparse
import os
import re
from collections.abc import Callable

__all__ = ["number", "positive_seconds", "price", "rate", "rate_text", "seconds", "user_path"]

_RATE = re.compile(r"([1-9][0-9]{0,5})/([smh])")
_SECONDS_IN = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DAY = 86_400  # seconds


def user_path(text: str) -> str:
    """Return a path with a leading `~` expanded, as a shell does."""
    return os.path.expanduser(text)  # noqa: PTH111 - keeps a `~name` of no user as it is


def number(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least} to {most}, not {text}")
        return value

    read.__name__ = "number"  # argparse names it in "invalid number value"
    return read


def rate(text: str) -> float:
    """Return the seconds between two calls at a rate such as 2/s, 30/m or 500/h.

    Raises:
        ArgumentTypeError: the text has another form.
    """
    found = _RATE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            "expected a number of calls per second, minute or hour, as 2/s, 30/m or 500/h"
        )
    return _SECONDS_IN[found[2]] / int(found[1])


def rate_text(interval: float) -> str:
    """Return the rate of calls that are `interval` seconds apart, in the form that `rate` reads."""
    for unit, length in _SECONDS_IN.items():
        calls = round(length / interval)
        if calls and abs(calls * interval - length) < 1e-6 * length:
            return f"{calls}/{unit}"
    return f"{max(1, int(_SECONDS_IN['h'] / interval))}/h"


def price(text: str) -> float:
    """Return the price of a call, in any currency.

    Raises:
        ValueError: the text is no number.
        ArgumentTypeError: the number is negative or infinite.
    """
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a price, not {text}")
    return value


def seconds(text: str) -> float:
    """Return a number of seconds from 0 to a day.

    Raises:
        ValueError: the text is no number.
        ArgumentTypeError: the number is out of range.
    """
    value = float(text)
    if not 0 <= value <= _DAY:
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to {_DAY}, not {text}")
    return value


def positive_seconds(text: str) -> float:
    """Return a number of seconds above 0, up to a day.

    Raises:
        ValueError: the text is no number.
        ArgumentTypeError: the number is out of range.
    """
    value = seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("expected more than 0 seconds")
    return value

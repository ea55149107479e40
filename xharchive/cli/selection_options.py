"""Options that say which notes, and the readers of option values (`type=`)."""

import argparse
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from xharchive.cli.help import CommandParser
from xharchive.utf8_mode import text_of_argument

MOST = 1_000_000_000
"""Largest number of notes, pages or calls that an option accepts."""

_CHINA = timezone(timedelta(hours=8))
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


def add_note_filters(parser: CommandParser) -> None:
    """Add the filters and the forms of output."""
    _add_filters(parser.group("selection"))
    _add_forms(parser.group("output").add_mutually_exclusive_group())


def _add_filters(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--author",
        metavar="WHO",
        type=text_of_argument,
        default="",
        help="only notes by this author: part of the name, or an id",
    )
    add_type(group)
    group.add_argument(
        "--state",
        metavar="STATE",
        choices=("complete", "partial", "empty"),
        help="only notes in this state: complete, partial, empty",
    )
    add_days(group)
    group.add_argument(
        "--tag", metavar="TAG", type=text_of_argument, default="", help="only notes with this tag"
    )
    group.add_argument("--limit", metavar="N", type=number(1, MOST), help="only the first N notes")


def _add_forms(group: "argparse._MutuallyExclusiveGroup") -> None:
    group.add_argument("--json", action="store_true", help="print JSON lines, each with the note's folder")
    group.add_argument("--ids", action="store_true", help="print an id per line, as `get -` reads them")
    group.add_argument("--folders", action="store_true", help="print a folder per line")


def add_listing_options(parser: CommandParser, *, pages: int | None) -> None:
    """Add the options that all listings share.

    Args:
        pages: how many pages a listing reads by default; None: all.
    """
    group = parser.group("selection")
    group.add_argument("--limit", metavar="N", type=number(1, MOST), help="stop after N notes")
    group.add_argument(
        "--pages",
        metavar="N",
        type=number(1, MOST),
        help=f"read at most N pages (default: {pages or 'all'}; with --limit: as many as it needs)",
    )
    add_days(group)
    parser.group("archive").add_argument(
        "--get", action="store_true", help="archive the notes too, into the folder of -d"
    )
    parser.group("money").add_argument(
        "--anew",
        action="store_true",
        help="pay for all pages again, from the first; do not continue an unfinished listing",
    )
    parser.group("output").add_argument(
        "--ids", action="store_true", help="print an id per line instead of JSON lines"
    )
    parser.common |= {
        "type": "only notes of this type",
        "limit": "stop after N notes",
        "pages": f"read at most N pages (default: {pages or 'all'})",
        "after": "only notes published on this day or later",
        "before": "only notes published before this day",
        "ids": "print an id per line instead of JSON lines",
        "get": "archive the notes too, into the folder of -d",
    }


def add_type(group: "argparse._ArgumentGroup") -> None:
    """Add --type of a listing or of archived notes."""
    group.add_argument("--type", choices=("image", "video"), help="only notes of this type")


def add_days(group: "argparse._ArgumentGroup") -> None:
    """Add the filters for the day of publication."""
    group.add_argument(
        "--after", metavar="DATE", type=_day, help="only notes published on this day (YYYY-MM-DD) or later"
    )
    group.add_argument(
        "--before", metavar="DATE", type=_day, help="only notes published before this day (YYYY-MM-DD)"
    )


def _day(text: str) -> datetime:
    """Return the start of a day in China, the time zone of the platform."""
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=_CHINA)

"""Options of the listing commands (search, author, topic, feed), and the start of their run."""

import argparse
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from xharchive.cli.help import CommandParser
from xharchive.cli.option_values import number
from xharchive.cli.options import add_directory, add_run_options

if TYPE_CHECKING:
    from xharchive.models import ShortLink
    from xharchive.parsers.listing_endpoints import Listing

__all__ = ["MOST", "add_days", "add_listing_options", "add_type", "run_listing"]

_CHINA = timezone(timedelta(hours=8))
MOST = 1_000_000_000
"""Largest number of notes or pages that an option accepts."""


def add_listing_options(parser: CommandParser, *, pages: int | None) -> None:
    """Add the options that all listings share.

    Args:
        pages: how many pages a listing reads by default; None: all.
    """
    parser.set_defaults(default_pages=pages, continue_with="the same command again")
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
    add_directory(parser)
    add_run_options(parser)


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


def run_listing(
    args: argparse.Namespace,
    sources: "Callable[[], Sequence[Listing]]",
    *,
    newest_first: bool = False,
    link: "ShortLink | None" = None,
    if_it_fails: str = "",
) -> int:
    """List notes, print them, and archive them with --get; return the exit code.

    Args:
        args: the options.
        sources: returns the endpoints to try for the listing, in order.
        newest_first: whether the notes come in order of time, so that only older ones follow.
        link: short link to the user whose notes are listed; `sources` is called after it is followed.
        if_it_fails: added to the message about a page that cannot be loaded.
    """
    from xharchive.cli.listing_runner import ListingRun

    return ListingRun(args, sources, newest_first=newest_first, link=link, if_it_fails=if_it_fails).run()

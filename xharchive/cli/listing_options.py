"""What the listing verbs share: their options, and the run that shows notes, or archives them too."""

import argparse
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from xharchive.cli.options import add_directory, add_run_options, number

if TYPE_CHECKING:
    from xharchive.links import ShortLink
    from xharchive.parsers.listing_endpoints import Listing

__all__ = ["MOST", "add_listing_options", "add_selection", "run_listing"]

_CHINA = timezone(timedelta(hours=8))
MOST = 1_000_000_000
"""As many notes or pages as anybody may ask for."""


def add_listing_options(parser: argparse.ArgumentParser, *, pages: int | None) -> None:
    """Add what every listing verb takes; `pages` is how many are read unless the user says otherwise."""
    group = parser.add_argument_group("listing: every page is a paid call")
    many = f"{pages}" if pages else "as many as there are"
    group.add_argument("--limit", metavar="N", type=number(1, MOST), help="stop after N notes")
    group.add_argument(
        "--pages",
        metavar="N",
        type=number(1, MOST),
        help=f"read N pages at most (default: {many}; with --limit as many as that needs)",
    )
    parser.set_defaults(default_pages=pages, go_on="the same command again")
    add_selection(group)
    group.add_argument(
        "--anew",
        action="store_true",
        help="begin with the first page, and pay for it, although an unfinished run has kept pages",
    )
    group.add_argument("--ids", action="store_true", help="print bare ids, one a line, instead of JSON lines")
    group.add_argument("--get", action="store_true", help="archive the notes too, into the folder of -d")
    add_directory(parser)
    add_run_options(parser)


def add_selection(group: "argparse._ArgumentGroup") -> None:
    """Add the filters that cost nothing."""
    group.add_argument(
        "--after", metavar="DATE", type=_day, help="only notes published on this day or later (YYYY-MM-DD)"
    )
    group.add_argument(
        "--before", metavar="DATE", type=_day, help="only notes published before this day (YYYY-MM-DD)"
    )


def _day(text: str) -> datetime:
    """A day in China, where the platform's days begin."""
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=_CHINA)


def run_listing(
    args: argparse.Namespace,
    sources: "Callable[[], Sequence[Listing]]",
    *,
    newest_first: bool = False,
    link: "ShortLink | None" = None,
    if_it_fails: str = "",
) -> int:
    """List, show, and with --get archive; return the exit code.

    `newest_first`: its notes come by time, so that older ones follow older ones. `link` leads to the user
    whose notes are meant; then `sources` is called when it was followed. `if_it_fails` is added to what is
    said then.
    """
    from xharchive.cli.listing_runner import ListingRun

    return ListingRun(args, sources, newest_first=newest_first, link=link, if_it_fails=if_it_fails).run()

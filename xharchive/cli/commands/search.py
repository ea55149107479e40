"""`xharchive search`: list notes by keyword."""

import argparse

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_run_options
from xharchive.cli.selection_options import add_listing_options, add_type
from xharchive.utf8_mode import text_of_argument

_PAGES = 1  # by default


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Search notes by keyword, and print a JSON line per note. Each page is a paid\ncall.",
        examples="""\
  xharchive search 豫园 --limit 50
  xharchive search 豫园 --limit 50 | xharchive get -d out -
  xharchive search 豫园 --pages 3 --after 2026-01-01 --get -d out
  xharchive search 'shanghai food' --sort newest --type video --within week --ids
""",
    )
    parser.add_argument("keyword", metavar="KEYWORD", type=text_of_argument, help="text to search for")
    group = parser.group("selection")
    group.add_argument(
        "--sort",
        metavar="ORDER",
        choices=("general", "popular", "newest", "comments", "collects"),
        default="general",
        help="order of the results: general, popular, newest, comments, collects (default: general)",
    )
    add_type(group)
    group.add_argument(
        "--within",
        metavar="AGE",
        choices=("day", "week", "half-year"),
        help="only notes of this age: day, week, half-year; the vendor does not always keep to it",
    )
    parser.common |= {
        "sort": "general, popular, newest, comments or collects",
        "within": "only notes of this age: day, week, half-year",
    }
    add_listing_options(parser, pages=_PAGES)
    add_directory(parser)
    add_run_options(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """List the notes, and archive them with --get; return the exit code."""
    from xharchive.cli.listing_runner import listing_command, run_listing
    from xharchive.errors import UsageError
    from xharchive.models import NoteType
    from xharchive.parsers.listing_endpoints import MaxAge, Sort, search

    keyword = args.keyword.strip()
    if any(0xD800 <= ord(letter) < 0xE000 for letter in keyword):
        raise UsageError("the keyword is not text in the encoding of this terminal")
    if not keyword:
        raise UsageError("the keyword is empty; name what to look for, as: xharchive search 豫园")
    kind = NoteType(args.type) if args.type else NoteType.UNKNOWN
    within = MaxAge(args.within) if args.within else None
    sources = search(keyword, Sort(args.sort), kind, within)
    return run_listing(
        listing_command(args, sources, default_pages=_PAGES, newest_first=args.sort == "newest"), console
    )

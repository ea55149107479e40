"""`xharchive author`: list the notes of a user."""

import argparse

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_resolve_links, add_run_options
from xharchive.cli.selection_options import add_listing_options, add_type

_PAGES = None  # by default: all


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="List the notes of a user, newest first, and print a JSON line per note. Each\n"
        "page is a paid call.",
        examples="""\
  xharchive author 6276a4d10000000021026c1f
  xharchive author http://xhslink.com/m/AbCdEf --ids
  xharchive author 6276a4d10000000021026c1f --after 2026-01-01 --get -d out
  xharchive author https://www.xiaohongshu.com/user/profile/6276a4d10000000021026c1f --limit 100
""",
    )
    parser.add_argument(
        "user",
        metavar="USER",
        help="id of a user (24 hex digits), link to a profile, or short link to one",
    )
    parser.common["user"] = "id of a user, link or short link to a profile"
    add_resolve_links(parser, "a short link that cannot be followed: a paid call")
    add_type(parser.group("selection"))
    add_listing_options(parser, pages=_PAGES)
    add_directory(parser)
    add_run_options(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """List the notes, and archive them with --get; return the exit code."""
    from xharchive.cli.listing_runner import listing_command, run_listing
    from xharchive.parsers.listing_endpoints import author_notes
    from xharchive.sources.links import find_short_link, parse_user_id

    source = find_short_link(args.user) or author_notes(parse_user_id(args.user))
    command = listing_command(args, source, default_pages=_PAGES, newest_first=True)
    return run_listing(command, console)

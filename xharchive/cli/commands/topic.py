"""`xharchive topic`: list the notes of a topic."""

import argparse

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_run_options
from xharchive.cli.selection_options import add_listing_options, add_type

_PAGES = 1  # by default


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="List the notes of a topic (the page of a tag), and print a JSON line per note.\n"
        "Each page is a paid call.",
        examples="""\
  xharchive topic 5be00ef34ba51d0001c5e1d5
  xharchive topic 5be00ef34ba51d0001c5e1d5 --newest --limit 40
  xharchive topic 5be00ef34ba51d0001c5e1d5 --ids
""",
    )
    parser.add_argument("topic", metavar="ID", help="id of the topic (24 hex digits)")
    group = parser.group("selection")
    group.add_argument(
        "--newest", action="store_true", help="list the newest notes first (default: the popular ones)"
    )
    add_type(group)
    parser.common["newest"] = "list the newest notes first (default: the popular)"
    add_listing_options(parser, pages=_PAGES)
    add_directory(parser)
    add_run_options(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """List the notes, and archive them with --get; return the exit code."""
    from xharchive.cli.listing_runner import listing_command, run_listing
    from xharchive.parsers.listing_endpoints import topic_notes
    from xharchive.sources.links import parse_topic_id

    sources = topic_notes(parse_topic_id(args.topic), newest=args.newest)
    return run_listing(
        listing_command(args, sources, default_pages=_PAGES, newest_first=args.newest), console
    )

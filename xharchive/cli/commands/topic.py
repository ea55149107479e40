"""`xharchive topic`: list the notes of a topic."""

import argparse

from xharchive.cli.help import CommandParser
from xharchive.cli.listing_options import add_listing_options, add_type, run_listing

__all__ = ["configure", "run"]


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
    add_listing_options(parser, pages=1)


def run(args: argparse.Namespace) -> int:
    """List the notes, and archive them with --get; return the exit code."""
    from xharchive.links import parse_topic_id
    from xharchive.parsers.listing_endpoints import topic_notes

    topic = parse_topic_id(args.topic)
    return run_listing(args, lambda: topic_notes(topic, newest=args.newest), newest_first=args.newest)

"""`xharchive feed`: list the notes that the platform recommends."""

import argparse

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_run_options
from xharchive.cli.selection_options import add_listing_options, add_type

_PAGES = 1  # by default


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="List the notes of a channel of the feed, and print a JSON line per note. Each\n"
        "page is a paid call. The vendor's current specification lacks this endpoint:\n"
        "it may no longer work.",
        examples="""\
  xharchive feed food --pages 2
  xharchive feed --list-channels
  xharchive feed travel --limit 20 --ids
""",
    )
    parser.add_argument(
        "channel", metavar="CHANNEL", nargs="?", default="recommend", help="channel (default: recommend)"
    )
    group = parser.group("selection")
    group.add_argument("--list-channels", action="store_true", help="print the channels; send nothing")
    add_type(group)
    parser.common["list_channels"] = "print the channels; send nothing"
    add_listing_options(parser, pages=_PAGES)
    add_directory(parser)
    add_run_options(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """List the notes, and archive them with --get; return the exit code."""
    import sys

    from xharchive.cli.listing_runner import listing_command, run_listing
    from xharchive.errors import UsageError
    from xharchive.parsers.listing_endpoints import CHANNELS, feed

    if args.list_channels:
        sys.stdout.write("\n".join(CHANNELS) + "\n")
        return 0
    if args.channel not in CHANNELS:
        raise UsageError(f"{args.channel[:40]} is no channel of the feed; see xharchive feed --list-channels")
    gone = "the feed is not in the vendor's current specification; it may be gone"
    why = f" ({gone}; try xharchive search)"
    return run_listing(
        listing_command(args, feed(args.channel), default_pages=_PAGES, if_it_fails=why), console
    )

"""`xharchive feed`: notes that the platform recommends."""

import argparse

from xharchive.cli.listing_options import add_listing_options, run_listing
from xharchive.cli.options import add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "feed",
        run,
        summary="list what a channel of the feed recommends",
        description="List the notes of a channel of the feed.\n"
        "Prints a JSON line a note, bare ids with --ids; --get archives them.\n"
        "The vendor's current specification has it no more: it may be gone.",
        examples="""\
  xharchive feed food --pages 2
  xharchive feed --list-channels
  xharchive feed travel --limit 20 --ids
""",
    )
    parser.add_argument(
        "channel", metavar="CHANNEL", nargs="?", default="recommend", help="channel (default: recommend)"
    )
    parser.add_argument("--list-channels", action="store_true", help="print the channels, and ask nobody")
    parser.add_argument("--type", choices=("image", "video"), help="only notes of this type")
    add_listing_options(parser, pages=1)


def run(args: argparse.Namespace) -> int:
    """List, and archive if asked to; return the exit code."""
    import sys

    from xharchive.errors import UsageError
    from xharchive.parsers.listing_endpoints import CHANNELS, feed

    if args.list_channels:
        sys.stdout.write("\n".join(CHANNELS) + "\n")
        return 0
    if args.channel not in CHANNELS:
        raise UsageError(f"{args.channel[:40]} is no channel of the feed; see xharchive feed --list-channels")
    gone = "the feed is not in the vendor's current specification; it may be gone"
    return run_listing(args, lambda: feed(args.channel), if_it_fails=f" ({gone}; try xharchive search)")

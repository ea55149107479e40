"""`xharchive topic`: the notes of a topic."""

import argparse

from xharchive.cli.listing_options import add_listing_options, run_listing
from xharchive.cli.options import add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "topic",
        run,
        summary="list the notes of a topic",
        description="List the notes of a topic (a tag's page).\n"
        "Prints a JSON line a note, bare ids with --ids; --get archives them.",
        examples="""\
  xharchive topic 5be00ef34ba51d0001c5e1d5
  xharchive topic 5be00ef34ba51d0001c5e1d5 --newest --limit 40
  xharchive topic 5be00ef34ba51d0001c5e1d5 --ids
""",
    )
    parser.add_argument("topic", metavar="ID", help="the topic's id (24 hex digits)")
    parser.add_argument("--newest", action="store_true", help="the newest first (default: the popular ones)")
    parser.add_argument("--type", choices=("image", "video"), help="only notes of this type")
    add_listing_options(parser, pages=1)


def run(args: argparse.Namespace) -> int:
    """List, and archive if asked to; return the exit code."""
    from xharchive.links import parse_topic_id
    from xharchive.parsers.listing_endpoints import topic_notes

    topic = parse_topic_id(args.topic)
    return run_listing(args, lambda: topic_notes(topic, newest=args.newest), newest_first=args.newest)

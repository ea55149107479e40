"""`xharchive ls`: list archived notes."""

import argparse

from xharchive.cli.filter_options import add_note_filters
from xharchive.cli.help import CommandParser

__all__ = ["configure", "run"]


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="List archived notes, newest first: date, id, state, type, files, author, title.\n"
        "A terminal gets the columns that fit; a pipe or a file gets all. Sends nothing.",
        examples="""\
  xharchive ls
  xharchive ls --author 小满 --after 2026-01-01
  xharchive ls --state partial --ids | xharchive get -
  xharchive ls -d ~/notes --type video --json
  xharchive ls --tag 豫园 --folders
""",
    )
    add_note_filters(parser)


def run(args: argparse.Namespace) -> int:
    """Print the notes; return 0."""
    from xharchive.cli.note_list import print_notes

    return print_notes(args)

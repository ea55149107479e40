"""`xharchive ls`: list archived notes."""

import argparse

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory
from xharchive.cli.selection_options import add_note_filters


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
    add_directory(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the notes; return 0."""
    from xharchive.cli.note_list import note_filters, note_form, print_notes

    return print_notes(args.directory, note_filters(args), note_form(args))

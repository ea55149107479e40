"""`xharchive ls`: the notes of the archive, a line each."""

import argparse

from xharchive.cli.filter_options import add_choice
from xharchive.cli.options import add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "ls",
        run,
        summary="list the notes of the archive",
        description="List notes, newest first: date, id, state, type, pictures, live photos and videos,\n"
        "author, title. A terminal gets the columns that fit, a pipe or a file all of them.\n"
        "Makes no request, changes no note, needs no token.",
        examples="""\
  xharchive ls
  xharchive ls --author 小满 --after 2026-01-01
  xharchive ls --state partial --ids | xharchive get -
  xharchive ls -d ~/notes --type video --json
  xharchive ls --tag 豫园 --folders
""",
    )
    add_choice(parser)


def run(args: argparse.Namespace) -> int:
    """Print the notes; return 0."""
    from xharchive.cli.note_list import print_notes

    return print_notes(args)

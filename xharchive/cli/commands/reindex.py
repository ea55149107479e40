"""`xharchive reindex`: build the index again from the manifests."""

import argparse
import json
import sys

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_json


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Read each manifest and build the index (.xharchive/catalog.sqlite3) again.\n"
        "xharchive keeps the index up to date by itself; use this when in doubt. The old\n"
        "index stays until the new one is complete. Changes no note.",
        examples="""\
  xharchive reindex
  xharchive reindex -d ~/notes
  xharchive reindex -d ~/notes --json
""",
    )
    add_directory(parser)
    add_json(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Build the index again and print the number of notes; return 0, or 5 if folders are unreadable."""
    from xharchive.cli.open_archive import existing_archive, print_skipped_folders, report_unreadable
    from xharchive.sanitize import counted

    store = existing_archive(args.directory)
    with store.held():
        done = store.reindex()
    print_skipped_folders(store)
    if args.json:
        sys.stdout.write(json.dumps({"notes": done.notes, "unreadable": done.unreadable}) + "\n")
        return int(report_unreadable(store, done.closed))
    sys.stdout.write(f"{counted(done.notes, 'note')} in the new index\n")
    if done.unreadable:
        folders = counted(done.unreadable, "folder left out: it has", "folders left out: they have")
        sys.stdout.write(f"{folders} no manifest that can be read\n")
    return int(report_unreadable(store, done.closed))

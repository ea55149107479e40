"""`xharchive reindex`: the catalog made anew from the manifests."""

import argparse
import json
import sys
from pathlib import Path

from xharchive.cli.options import add_directory, add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "reindex",
        run,
        summary="make the catalog anew from the manifests",
        description="Read every manifest and make the catalog (.xharchive/index.sqlite3) anew from them.\n"
        "It holds nothing else, and xharchive keeps it true by itself; this is for when in doubt. The old\n"
        "catalog stays until the new one is whole. Changes no note.",
        examples="""\
  xharchive reindex
  xharchive reindex -d ~/notes
  xharchive reindex -d ~/notes --json
""",
    )
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """Make the catalog anew, say of how many notes; return 0.

    Raises:
        UsageError: there is no archive.
        ArchiveError: another process holds it, or the disk would not.
    """
    from xharchive.archived_notes import reindex
    from xharchive.cli.existing_archive import existing_store, print_passed_over
    from xharchive.cli.unreadable import report_closed
    from xharchive.sanitize import counted

    store = existing_store(Path(args.directory))
    with store.held():
        done = reindex(store)
    print_passed_over(store)
    if args.json:
        sys.stdout.write(json.dumps({"notes": done.notes, "unreadable": done.unreadable}) + "\n")
        return int(report_closed(store, done.closed))
    sys.stdout.write(f"{counted(done.notes, 'note')} in the new catalog\n")
    if done.unreadable:
        folders = counted(done.unreadable, "folder left out: it has", "folders left out: they have")
        sys.stdout.write(f"{folders} no manifest that can be read\n")
    return int(report_closed(store, done.closed))

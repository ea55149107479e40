"""`xharchive status`: count archived notes, missing assets and paid calls."""

import argparse
import shlex
import sys

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_json


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Count notes by state, files, missing assets and API calls. Sends nothing,\n"
        "changes no note.",
        examples="""\
  xharchive status
  xharchive status -d ~/notes
  xharchive status -d ~/notes --json
""",
    )
    add_directory(parser)
    add_json(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the figures; return 0, or 5 if this user may not read some files."""
    from xharchive.api.ledger import LedgerTotals, ledger_totals
    from xharchive.cli.open_archive import existing_archive, print_skipped_folders, report_unreadable
    from xharchive.errors import PermissionDenied
    from xharchive.progress import json_text, size_text
    from xharchive.sanitize import counted
    from xharchive.sources.requested_notes import NoteList

    directory, as_json = str(args.directory), bool(args.json)
    store = existing_archive(directory)
    with store.opened(read_only=True), NoteList() as unfinished:
        print_skipped_folders(store)
        closed = []
        try:
            for want in store.notes_to_resume():
                unfinished.add(want.target)
        except PermissionDenied as problem:
            closed.append(str(problem))
        try:
            calls: LedgerTotals | None = ledger_totals(store.ledger)
        except PermissionDenied as problem:
            calls = None
            closed.append(str(problem))
        tally, left = store.totals, len(unfinished) + len(unfinished.links)
        closed += store.closed
    if as_json:
        figures = {
            "archive": str(store.root.resolve()),
            "notes": tally.notes,
            "unfinished": left,
            "files": tally.originals,
            "bytes": tally.bytes,
            "gaps": tally.gaps,
            "calls": calls
            and {
                "sent": calls.calls,
                "billed": calls.billed,
                "free": calls.free,
                "unknown": calls.unknown,
            },
        }
        sys.stdout.write(json_text(figures, indent=2) + "\n")
        return int(report_unreadable(store, closed))
    paid = "unknown"
    if calls is not None:
        paid = f"{calls.calls}: {calls.billed} billed, {calls.free} free, {calls.unknown} unknown"
    notes = ", ".join(f"{count} {state}" for state, count in tally.notes.items())
    sys.stdout.write(
        f"archive     {store.root.resolve()}\n"
        f"notes       {notes}\n"
        f"files       {counted(tally.originals, 'original')}, {size_text(tally.bytes)}\n"
        f"missing     {tally.gaps}\n"
        f"API calls   {paid}\n"
    )
    if left:
        sys.stdout.write(f"unfinished  {left}; continue with: xharchive resume -d {shlex.quote(directory)}\n")
    return int(report_unreadable(store, closed))

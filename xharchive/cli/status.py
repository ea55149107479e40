"""`xharchive status`: what the archive holds, what is missing, what was paid."""

import argparse
import shlex
import sys
from pathlib import Path

from xharchive.cli.options import add_directory, add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "status",
        run,
        summary="what the archive holds, what is missing, what was paid",
        description="Count notes by state, files, gaps and API calls. Asks nobody, changes no note.",
        examples="""\
  xharchive status
  xharchive status -d ~/notes
  xharchive status -d ~/notes --json
""",
    )
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """Print the figures; return 0, or 5 if there is something that this user may not read."""
    from xharchive.archived_notes import open_archived_notes
    from xharchive.cli.existing_archive import existing_store, print_passed_over
    from xharchive.cli.unreadable import report_closed
    from xharchive.errors import PermissionDenied
    from xharchive.inputs import spool
    from xharchive.progress import json_text, size_text
    from xharchive.replies import LedgerTotals, ledger_totals
    from xharchive.sanitize import counted

    store = existing_store(Path(args.directory))
    with open_archived_notes(store, read_only=True) as holdings, spool() as unfinished:
        print_passed_over(store)
        closed = []
        try:
            for want in holdings.leftovers():
                unfinished.want(want, "")
        except PermissionDenied as problem:
            closed.append(str(problem))
        try:
            calls: LedgerTotals | None = ledger_totals(store.ledger)
        except PermissionDenied as problem:
            calls = None
            closed.append(str(problem))
        tally, left = holdings.tally(), len(unfinished) + unfinished.links
        closed += holdings.closed
    if args.json:
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
        return int(report_closed(store, closed))
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
        sys.stdout.write(
            f"unfinished  {left}; go on with: xharchive resume -d {shlex.quote(args.directory)}\n"
        )
    return int(report_closed(store, closed))

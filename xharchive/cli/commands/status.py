"""`xharchive status` and `xharchive cost`: what an archive has, and what its API calls cost."""

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from xharchive.cli.console import Console
from xharchive.cli.options import DIRECTORY, JSON_OBJECT, price
from xharchive.cli.parser import Verb, option
from xharchive.sanitize import counted, printable

if TYPE_CHECKING:
    from xharchive.api.ledger import LedgerReport, LedgerTotals

VERBS = {
    "status": Verb(
        "Count notes by state, files, missing assets and API calls. Sends nothing,\nchanges no note.",
        """\
  xharchive status
  xharchive status -d ~/notes
  xharchive status -d ~/notes --json""",
        (DIRECTORY, JSON_OBJECT),
    ),
    "cost": Verb(
        "Add up the ledger: calls that were billed, free (also attempts that never left\n"
        "this machine), or unknown (perhaps billed: timed out, broken off, or cut off by\n"
        "a crash). Sends nothing, changes nothing.",
        """\
  xharchive cost
  xharchive cost -d ~/notes --price 0.15
  xharchive cost -d ~/notes --json""",
        (
            DIRECTORY,
            option("money: --price P", "price of a billed call, in your currency", type=price),
            JSON_OBJECT,
        ),
    ),
}


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the figures; return 0, or 5 if this user may not read some files."""
    if args.verb == "cost":
        return _cost(args.directory, args.price, as_json=args.json)
    return _status(args.directory, as_json=args.json)


def _status(directory: str, *, as_json: bool) -> int:
    from xharchive.api.ledger import LedgerTotals, ledger_totals
    from xharchive.cli.open_archive import existing_archive, print_skipped_folders, report_unreadable
    from xharchive.errors import PermissionDenied
    from xharchive.progress import json_text, size_text
    from xharchive.sources.requested_notes import NoteList

    store = existing_archive(directory)
    calls: LedgerTotals | None = None
    closed = []
    with store.opened(read_only=True), NoteList() as unfinished:
        print_skipped_folders(store)
        try:
            for want in store.notes_to_resume():
                unfinished.add(want.target)
        except PermissionDenied as problem:
            closed.append(str(problem))
        try:
            calls = ledger_totals(store.ledger)
        except PermissionDenied as problem:
            closed.append(str(problem))
        totals, left = store.totals, len(unfinished) + len(unfinished.links)
        closed += store.closed
    archive = str(store.root.resolve())
    if as_json:
        figures = {
            "archive": archive,
            "notes": totals.notes,
            "unfinished": left,
            "files": totals.originals,
            "bytes": totals.bytes,
            "gaps": totals.gaps,
            "calls": None
            if calls is None
            else {"sent": calls.calls, "billed": calls.billed, "free": calls.free, "unknown": calls.unknown},
        }
        sys.stdout.write(json_text(figures, indent=2) + "\n")
        return report_unreadable(store, closed)
    sys.stdout.write(
        f"archive     {archive}\n"
        f"notes       {', '.join(f'{count} {state}' for state, count in totals.notes.items())}\n"
        f"files       {counted(totals.originals, 'original')}, {size_text(totals.bytes)}\n"
        f"missing     {totals.gaps}\n"
        f"API calls   {_calls_text(calls) if calls is not None else 'unknown'}\n"
    )
    if left:
        sys.stdout.write(f"unfinished  {left}; continue with: xharchive resume -d {shlex.quote(directory)}\n")
    return report_unreadable(store, closed)


def _cost(directory: str, price: float | None, *, as_json: bool) -> int:
    from xharchive.api.ledger import ledger_report
    from xharchive.cli.open_archive import existing_archive
    from xharchive.progress import json_text

    report = ledger_report(existing_archive(directory).ledger)
    if as_json:
        figures: dict[str, object] = asdict(report)
        if price is not None:
            figures["cost"] = dict(zip(("least", "most"), _range(report.total, price), strict=True))
        sys.stdout.write(json_text(figures, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_cost_lines(report, price)) + "\n")
    return 0


def _cost_lines(report: "LedgerReport", price: float | None) -> Iterator[str]:
    yield f"API calls    {_calls_text(report.total)}"
    parts = {"endpoint": report.by_endpoint, "reason": report.by_reason, "month": report.by_month}
    for aspect, sums in parts.items():
        title = f"by {aspect}"
        for name, totals in sums.items():
            yield f"{title:<12} {printable(name):<9} {_calls_text(totals)}"
            title = ""
    if price is not None:
        least, most = _range(report.total, price)
        yield f"cost         {least:.2f}" if least == most else f"cost         {least:.2f} to {most:.2f}"


def _calls_text(totals: "LedgerTotals") -> str:
    return f"{totals.calls}: {totals.billed} billed, {totals.free} free, {totals.unknown} unknown"


def _range(totals: "LedgerTotals", price: float) -> tuple[float, float]:
    return totals.billed * price, (totals.billed + totals.unknown) * price

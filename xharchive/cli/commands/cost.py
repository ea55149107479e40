"""`xharchive cost`: add up the API calls of an archive from its ledger."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_json
from xharchive.cli.selection_options import price
from xharchive.sanitize import printable

if TYPE_CHECKING:
    from xharchive.api.ledger import LedgerReport, LedgerTotals


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Add up the ledger: calls that were billed, free (also attempts that never left\n"
        "this machine), or unknown (perhaps billed: timed out, broken off, or cut off by\n"
        "a crash). Sends nothing, changes nothing.",
        examples="""\
  xharchive cost
  xharchive cost -d ~/notes --price 0.15
  xharchive cost -d ~/notes --json
""",
    )
    add_directory(parser)
    parser.group("money").add_argument(
        "--price", metavar="P", type=price, help="price of a billed call, in your currency"
    )
    add_json(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the sums; return 0."""
    from xharchive.api.ledger import ledger_report
    from xharchive.cli.open_archive import existing_archive
    from xharchive.progress import json_text

    price: float | None = args.price
    report = ledger_report(existing_archive(args.directory).ledger)
    if args.json:
        figures: dict[str, object] = asdict(report)
        if price is not None:
            figures["cost"] = dict(zip(("least", "most"), _cost(report.total, price), strict=True))
        sys.stdout.write(json_text(figures, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(report, price)) + "\n")
    return 0


def _lines(report: "LedgerReport", price: float | None) -> Iterator[str]:
    yield f"API calls    {_words(report.total)}"
    parts = {"endpoint": report.by_endpoint, "reason": report.by_reason, "month": report.by_month}
    for aspect, sums in parts.items():
        yield from _table(aspect, sums)
    if price is not None:
        least, most = _cost(report.total, price)
        yield f"cost         {least:.2f}" if least == most else f"cost         {least:.2f} to {most:.2f}"


def _table(aspect: str, sums: "Mapping[str, LedgerTotals]") -> Iterator[str]:
    title = f"by {aspect}"
    for name, totals in sums.items():
        yield f"{title:<12} {printable(name):<9} {_words(totals)}"
        title = ""


def _words(totals: "LedgerTotals") -> str:
    return f"{totals.calls}: {totals.billed} billed, {totals.free} free, {totals.unknown} unknown"


def _cost(totals: "LedgerTotals", price: float) -> tuple[float, float]:
    return totals.billed * price, (totals.billed + totals.unknown) * price

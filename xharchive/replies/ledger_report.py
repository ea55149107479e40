"""What the ledger says: every call with its bill, their sums, and the calls whose end nobody knows."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from xharchive.archive_path import ArchivePath
from xharchive.disk import ours, short_lines
from xharchive.replies.ledger import Billed

__all__ = [
    "CutOff",
    "LedgerReport",
    "LedgerTotals",
    "PaidCall",
    "cut_off_calls",
    "ledger_report",
    "ledger_totals",
    "paid_calls",
]

_OUR_LINE = re.compile(rb'"event": "(intent|outcome)", "call": "([^"\\\\]+)"')

_LONGEST_LINE = 64 * 1024
"""Bytes; a line that is longer is none of ours, and passed over as a damaged one is."""

CutOff = Mapping[tuple[str, str], tuple[str, ...]]
"""Ids of calls that were cut off, by note (or listing's page) and endpoint."""


@dataclass(frozen=True, slots=True)
class PaidCall:
    """One call of the ledger; `at` is when it was sent (ISO 8601, UTC), `code` the vendor's, if one came."""

    note: str
    endpoint: str
    reason: str
    at: str
    code: int | None
    billed: Billed


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Calls sent, and how many of them were billed, were not, or may have been."""

    calls: int = 0
    billed: int = 0
    free: int = 0
    unknown: int = 0


def ledger_totals(path: ArchivePath) -> LedgerTotals:
    """Add the ledger up.

    Raises:
        ArchiveError: the ledger is there and cannot be read.
    """
    return _totals(Counter(call.billed for call in paid_calls(path)))


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The sums of a ledger: all of it, and by endpoint, reason and month ("2026-11", UTC), each by name."""

    total: LedgerTotals
    by_endpoint: Mapping[str, LedgerTotals]
    by_reason: Mapping[str, LedgerTotals]
    by_month: Mapping[str, LedgerTotals]


def ledger_report(path: ArchivePath) -> LedgerReport:
    """Add the ledger up in every way.

    Raises:
        ArchiveError: the ledger is there and cannot be read.
    """
    total: Counter[Billed] = Counter()
    parts: tuple[dict[str, Counter[Billed]], ...] = ({}, {}, {})
    for call in paid_calls(path):
        total[call.billed] += 1
        for part, name in zip(parts, (call.endpoint, call.reason, call.at[:7]), strict=True):
            part.setdefault(name or "unknown", Counter())[call.billed] += 1
    sums = [{name: _totals(part[name]) for name in sorted(part)} for part in parts]
    return LedgerReport(_totals(total), *sums)


def _totals(bills: Counter[Billed]) -> LedgerTotals:
    return LedgerTotals(bills.total(), bills[Billed.YES], bills[Billed.NO], bills[Billed.UNKNOWN])


def paid_calls(path: ArchivePath) -> Iterator[PaidCall]:
    """Yield every call, in the order of their ends; those without an end come last, their bill is unknown.

    A torn or damaged line (power loss) is passed over; an outcome whose intent is gone still counts.

    Raises:
        ArchiveError: the ledger is there and cannot be read.
    """
    begun: dict[str, dict[str, object]] = {}
    for record in _records(path):
        call = _text(record, "call")
        if record.get("event") == "intent":
            begun[call] = record
        elif record.get("event") == "outcome" and (billed := _bill(record)):
            yield _paid(begun.pop(call, record), record, billed)
    for intent in begun.values():
        yield _paid(intent, {}, Billed.UNKNOWN)


def cut_off_calls(path: ArchivePath) -> CutOff:
    """Return the calls that may have been billed and whose answer nobody has: a run ended inside them.

    Their ids, by note and endpoint. A later call that came to its end settles the matter.

    Raises:
        ArchiveError: the ledger is there and cannot be read.
    """
    if _all_settled(path):
        return {}
    asked: dict[str, tuple[str, str]] = {}
    open_calls: dict[tuple[str, str], dict[str, None]] = {}
    for record in _records(path):
        call = _text(record, "call")
        if record.get("event") == "intent":
            asked[call] = _text(record, "note"), _text(record, "endpoint")
            open_calls.setdefault(asked[call], {})[call] = None
        elif record.get("event") == "outcome" and call in asked:
            open_calls.pop(asked[call], None)
    return {about: tuple(calls) for about, calls in open_calls.items()}


def _all_settled(path: ArchivePath) -> bool:
    """Look through a healthy ledger without reading its JSON: it has two lines for every call ever made."""
    open_calls: set[bytes] = set()
    with ours(f"reading {path}"), _opened(path) as lines:
        for line in lines:
            found = _OUR_LINE.search(line)
            if found is None:
                return False
            if found[1] == b"intent":
                open_calls.add(found[2])
            else:
                open_calls.discard(found[2])
    return not open_calls


def _bill(outcome: dict[str, object]) -> Billed | None:
    try:
        return Billed(_text(outcome, "billed"))
    except ValueError:
        return None


def _paid(intent: dict[str, object], outcome: dict[str, object], billed: Billed) -> PaidCall:
    code = outcome.get("code")
    note, endpoint, reason, at = (_text(intent, name) for name in ("note", "endpoint", "reason", "at"))
    return PaidCall(note, endpoint, reason, at, code if isinstance(code, int) else None, billed)


def _text(record: dict[str, object], name: str) -> str:
    value = record.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _records(path: ArchivePath) -> Iterator[dict[str, object]]:
    with ours(f"reading {path}"), _opened(path) as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record


@contextmanager
def _opened(path: ArchivePath) -> Iterator[Iterable[bytes]]:
    """Open the ledger, a regular file; none is an empty one."""
    try:
        file = path.open()
    except FileNotFoundError:
        yield ()
        return
    with file:
        yield short_lines(file, _LONGEST_LINE)

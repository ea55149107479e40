"""Read the ledger: each call with its bill, the totals, and the calls without a recorded outcome."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from xharchive.api.ledger import Billed
from xharchive.archive_path import ArchivePath, translate_os_errors
from xharchive.disk import bounded_lines

_RECORD = re.compile(rb'"event": "(intent|outcome)", "call": "([^"\\\\]+)"')

_MAX_LINE_BYTES = 64 * 1024
"""A longer line is skipped, as a damaged line is; the program never writes one."""

CutOff = Mapping[tuple[str, str], tuple[str, ...]]
"""Ids of calls without an outcome, by subject (a note, a listing page or a short link) and endpoint."""


@dataclass(frozen=True, slots=True)
class PaidCall:
    """One call of the ledger.

    `note` is the subject, `at` the time of the intent (ISO 8601, UTC), `code` the vendor's code, None without
    one.
    """

    note: str
    endpoint: str
    reason: str
    at: str
    code: int | None
    billed: Billed


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """The number of calls, and of those that were billed, were free, and may have been billed."""

    calls: int = 0
    billed: int = 0
    free: int = 0
    unknown: int = 0


def ledger_totals(path: ArchivePath) -> LedgerTotals:
    """Return the totals of a ledger; a missing file is an empty ledger.

    Raises:
        ArchiveError: the ledger cannot be read.
    """
    return _totals(Counter(call.billed for call in paid_calls(path)))


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The totals of a ledger, and of each endpoint, reason and month ("2026-11", UTC), sorted by name."""

    total: LedgerTotals
    by_endpoint: Mapping[str, LedgerTotals]
    by_reason: Mapping[str, LedgerTotals]
    by_month: Mapping[str, LedgerTotals]


def ledger_report(path: ArchivePath) -> LedgerReport:
    """Return the totals of a ledger and of its parts; a missing file is an empty ledger.

    Raises:
        ArchiveError: the ledger cannot be read.
    """
    total: Counter[Billed] = Counter()
    groupings: tuple[dict[str, Counter[Billed]], ...] = ({}, {}, {})
    for call in paid_calls(path):
        total[call.billed] += 1
        for groups, name in zip(groupings, (call.endpoint, call.reason, call.at[:7]), strict=True):
            groups.setdefault(name or "unknown", Counter())[call.billed] += 1
    totals = [{name: _totals(groups[name]) for name in sorted(groups)} for groups in groupings]
    return LedgerReport(_totals(total), *totals)


def _totals(bills: Counter[Billed]) -> LedgerTotals:
    return LedgerTotals(bills.total(), bills[Billed.YES], bills[Billed.NO], bills[Billed.UNKNOWN])


def paid_calls(path: ArchivePath) -> Iterator[PaidCall]:
    """Yield each call in a ledger file in the order of their ends; those without an outcome come last.

    Skip lines that a power cut damaged. Count an outcome whose first line, the intent, is damaged.

    Raises:
        ArchiveError: the ledger cannot be read.
    """
    intents: dict[str, dict[str, object]] = {}
    for record in _records(path):
        call = _text(record, "call")
        if record.get("event") == "intent":
            intents[call] = record
        elif record.get("event") == "outcome" and (billed := _read_billed(record)):
            yield _paid_call(intents.pop(call, record), record, billed)
    for intent in intents.values():
        yield _paid_call(intent, {}, Billed.UNKNOWN)


def cut_off_calls(path: ArchivePath) -> CutOff:
    """Return the calls without an outcome: a run ended inside them, and they may have been billed.

    A call is not returned if a later call for the same subject and endpoint has an outcome.

    Raises:
        ArchiveError: the ledger cannot be read.
    """
    if _all_have_outcomes(path):
        return {}
    targets: dict[str, tuple[str, str]] = {}
    open_calls: dict[tuple[str, str], dict[str, None]] = {}
    for record in _records(path):
        call = _text(record, "call")
        if record.get("event") == "intent":
            targets[call] = _text(record, "note"), _text(record, "endpoint")
            open_calls.setdefault(targets[call], {})[call] = None
        elif record.get("event") == "outcome" and call in targets:
            open_calls.pop(targets[call], None)
    return {target: tuple(calls) for target, calls in open_calls.items()}


def _all_have_outcomes(path: ArchivePath) -> bool:
    """Return whether each intent has an outcome, without parsing JSON; False if any line looks unusual."""
    open_calls: set[bytes] = set()
    with translate_os_errors(f"reading {path}"), _open_lines(path) as lines:
        for line in lines:
            found = _RECORD.search(line)
            if found is None:
                return False
            if found[1] == b"intent":
                open_calls.add(found[2])
            else:
                open_calls.discard(found[2])
    return not open_calls


def _read_billed(outcome: dict[str, object]) -> Billed | None:
    try:
        return Billed(_text(outcome, "billed"))
    except ValueError:
        return None


def _paid_call(intent: dict[str, object], outcome: dict[str, object], billed: Billed) -> PaidCall:
    code = outcome.get("code")
    note, endpoint, reason, at = (_text(intent, name) for name in ("note", "endpoint", "reason", "at"))
    return PaidCall(note, endpoint, reason, at, code if isinstance(code, int) else None, billed)


def _text(record: dict[str, object], name: str) -> str:
    value = record.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _records(path: ArchivePath) -> Iterator[dict[str, object]]:
    with translate_os_errors(f"reading {path}"), _open_lines(path) as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record


@contextmanager
def _open_lines(path: ArchivePath) -> Iterator[Iterable[bytes]]:
    """Open the lines of the ledger; a missing file has none."""
    try:
        file = path.open()
    except FileNotFoundError:
        yield ()
        return
    with file:
        yield bounded_lines(file, _MAX_LINE_BYTES)

"""The append-only ledger of paid calls: two lines a call, each synced to disk before the next step.

Order of a call: append the intent, sync; send the request; save the raw body, sync; append the outcome. An
intent without an outcome is a call that may have been billed (promise 2).

Whatever cannot be read or written raises `ArchiveError`; without its intent a call must not be sent. A
missing ledger is an empty one; lines that a power cut damaged are skipped.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from xharchive.api.status_codes import Billed
from xharchive.archive_path import ArchivePath, makedirs, translate_os_errors
from xharchive.disk import append_line, atomic_write, bounded_lines

_UNUSABLE_FOLDER = "unusable"
_RECORD = re.compile(rb'"event": "(intent|outcome)", "call": "([^"\\\\]+)"')
_BILLS = {billed.value: billed for billed in Billed}
_LONGEST_LINE = 64 * 1024  # bytes; a longer line is skipped, and this program writes none

CutOff = Mapping[tuple[str, str], tuple[str, ...]]
"""Ids of calls without an outcome, by subject (a note, a listing page or a short link) and endpoint."""


class Ledger:
    """Append to `ledger.jsonl`. The ids of calls begin with `run`, a name that no other run has."""

    def __init__(self, path: ArchivePath, run: str, now: Callable[[], datetime]) -> None:
        self._path = path
        self._run = run
        self._now = now
        self._calls = 0
        self._is_file_synced = False

    async def record_intent(self, note: str, endpoint: str, reason: str) -> str:
        """Record that a call is about to be sent, and return the id of the call.

        Args:
            note: the subject: a note id, or the name of a listing page or short link.
            reason: why the call is made: "first", "cascade", "retry" and so on.
        """
        self._calls += 1
        call = f"{self._run}-{self._calls}"
        await self._append(event="intent", call=call, note=note, endpoint=endpoint, reason=reason)
        return call

    async def record_outcome(
        self,
        call: str,
        *,
        code: int | None,
        status: int | None,
        billed: Billed,
        sent: bool = True,
        body: str = "",
    ) -> None:
        """Record how a call ended.

        Args:
            code: the vendor's code; None without an envelope.
            status: the HTTP status; None without a response.
            sent: False if the request never left this machine.
            body: the name that `save_body` returned, if it was called.
        """
        rare = {**({} if sent else {"sent": False}), **({"body": body} if body else {})}
        await self._append(event="outcome", call=call, code=code, http=status, billed=billed, **rare)

    async def save_body(self, call: str, body: bytes, *, is_cut: bool) -> str:
        """Save the body of a call that may have been billed but has no usable reply.

        Args:
            is_cut: only the beginning of the body is there; the file name says so.

        Returns:
            The file's path relative to the ledger's folder.
        """
        folder = self._path.parent / _UNUSABLE_FOLDER
        name = f"{call}.cut.body" if is_cut else f"{call}.body"
        with translate_os_errors(f"making {folder}"):
            await asyncio.to_thread(makedirs, folder, durable=True)
        await atomic_write(folder / name, body)
        return f"{_UNUSABLE_FOLDER}/{name}"

    async def _append(self, **fields: object) -> None:
        record = {"at": self._now().astimezone(UTC).isoformat(timespec="milliseconds"), **fields}
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        # Of lines written in parallel any may have made the file, so each syncs the folder until one has.
        await asyncio.to_thread(append_line, self._path, line, named=self._is_file_synced)
        self._is_file_synced = True


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


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The totals of a ledger, and of each endpoint, reason and month ("2026-11", UTC), sorted by name."""

    total: LedgerTotals
    by_endpoint: Mapping[str, LedgerTotals]
    by_reason: Mapping[str, LedgerTotals]
    by_month: Mapping[str, LedgerTotals]


def ledger_totals(path: ArchivePath) -> LedgerTotals:
    """Return the totals of a ledger."""
    return _totals(Counter(call.billed for call in paid_calls(path)))


def ledger_report(path: ArchivePath) -> LedgerReport:
    """Return the totals of a ledger and of its parts."""
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

    Count an outcome whose first line, the intent, is damaged.
    """
    intents: dict[str, dict[str, object]] = {}
    for record in _records(path):
        call = _text(record, "call")
        if record.get("event") == "intent":
            intents[call] = record
        elif record.get("event") == "outcome" and (billed := _BILLS.get(_text(record, "billed"))):
            yield _paid_call(intents.pop(call, record), record, billed)
    for intent in intents.values():
        yield _paid_call(intent, {}, Billed.UNKNOWN)


def _paid_call(intent: dict[str, object], outcome: dict[str, object], billed: Billed) -> PaidCall:
    code = outcome.get("code")
    note, endpoint, reason, at = (_text(intent, name) for name in ("note", "endpoint", "reason", "at"))
    return PaidCall(note, endpoint, reason, at, code if isinstance(code, int) else None, billed)


def cut_off_calls(path: ArchivePath) -> CutOff:
    """Return the calls without an outcome: a run ended inside them, and they may have been billed.

    A call is not returned if a later call for the same subject and endpoint has an outcome.
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
    with _open_lines(path) as lines:
        for line in lines:
            found = _RECORD.search(line)
            if found is None:
                return False
            if found[1] == b"intent":
                open_calls.add(found[2])
            else:
                open_calls.discard(found[2])
    return not open_calls


def _text(record: dict[str, object], name: str) -> str:
    value = record.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _records(path: ArchivePath) -> Iterator[dict[str, object]]:
    with _open_lines(path) as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record


@contextmanager
def _open_lines(path: ArchivePath) -> Iterator[Iterable[bytes]]:
    with translate_os_errors(f"reading {path}"):
        try:
            file = path.open()
        except FileNotFoundError:
            yield ()
            return
        with file:
            yield bounded_lines(file, _LONGEST_LINE)

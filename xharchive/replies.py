"""Every paid reply kept before it is read, and the append-only ledger of paid calls (promise 2).

Order of a call: intent into the ledger, fsync; request; raw body on disk, fsync; outcome into the ledger. An
intent without an outcome is a call whose bill is unknown.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from xharchive.disk import append_line, make_folders, ours, read_whole, sync_folder, write_whole

__all__ = ["Billed", "Ledger", "LedgerTotals", "ReplyShelf", "ledger_totals"]


class Billed(StrEnum):
    """Whether a call costs money."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Ledger:
    """Appends to `ledger.jsonl`: two lines a call, each fsynced before the call goes on.

    `run` tells this run's calls from those of other runs; `now` is the clock.
    """

    def __init__(self, path: Path, run: str, now: Callable[[], datetime]) -> None:
        self._path = path
        self._run = run
        self._now = now
        self._calls = 0

    async def intend(self, note: str, endpoint: str, reason: str) -> str:
        """Record that a call is about to be sent and return its id.

        Raises:
            ArchiveError: the ledger cannot be written; then nothing may be sent.
        """
        self._calls += 1
        call = f"{self._run}-{self._calls}"
        await self._append(event="intent", call=call, note=note, endpoint=endpoint, reason=reason)
        return call

    async def settle(self, call: str, *, code: int | None, status: int | None, billed: Billed) -> None:
        """Record how a call ended: the vendor's code, the HTTP status, and whether it was billed.

        Raises:
            ArchiveError: the ledger cannot be written.
        """
        await self._append(event="outcome", call=call, code=code, http=status, billed=billed.value)

    async def _append(self, **fields: object) -> None:
        record = {"at": self._now().astimezone(UTC).isoformat(timespec="milliseconds"), **fields}
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        await asyncio.to_thread(append_line, self._path, line)


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Calls sent, and how many of them were billed, were not, or may have been."""

    calls: int = 0
    billed: int = 0
    free: int = 0
    unknown: int = 0


def ledger_totals(path: Path) -> LedgerTotals:
    """Add the ledger up; a torn line (power loss) is passed over.

    Raises:
        ArchiveError: the ledger is there and cannot be read.
    """
    calls = 0
    bills = {Billed.YES: 0, Billed.NO: 0, Billed.UNKNOWN: 0}
    for record in _records(path):
        if record.get("event") == "intent":
            calls += 1
        elif record.get("event") == "outcome" and record.get("billed") in tuple(Billed):
            bills[Billed(str(record["billed"]))] += 1
    calls = max(calls, sum(bills.values()))  # an intent may be lost with a damaged line
    unsettled = calls - sum(bills.values())
    return LedgerTotals(calls, bills[Billed.YES], bills[Billed.NO], bills[Billed.UNKNOWN] + unsettled)


def _records(path: Path) -> Iterator[dict[str, object]]:
    with ours("reading the ledger"):
        if not path.exists():
            return
        with path.open("rb") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    yield record


class ReplyShelf:
    """The kept replies of one note: new ones go to `folder`, older ones are looked for in `also`."""

    def __init__(self, folder: Path, also: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self._also = also

    async def find(self, endpoint: str) -> bytes | None:
        """Return the kept body of this endpoint, or None.

        Raises:
            ArchiveError: it is there and cannot be read.
        """
        for folder in (self.folder, *self._also):
            body = await read_whole(folder / f"{endpoint}.json")
            if body is not None:
                return body
        return None

    async def endpoints(self) -> frozenset[str]:
        """Return the names of the endpoints whose replies are kept.

        Raises:
            ArchiveError: a folder is there and cannot be listed.
        """
        with ours("listing kept replies"):
            return await asyncio.to_thread(self._endpoints)

    def _endpoints(self) -> frozenset[str]:
        found: set[str] = set()
        for folder in (self.folder, *self._also):
            if folder.is_dir() and not folder.is_symlink():
                found.update(entry.stem for entry in folder.iterdir() if entry.suffix == ".json")
        return frozenset(found)

    @property
    def fresh(self) -> "ReplyShelf":
        """Where a new reply waits that is to take an older one's place: none is given up for an empty one."""
        return ReplyShelf(self.folder / "fresh")

    async def supersede(self, endpoint: str) -> None:
        """Let the fresh reply of an endpoint take the place of the old one, which stays beside it.

        Raises:
            ArchiveError: the disk would not.
        """
        old = await self.find(endpoint)
        if old is not None:
            await self.keep(f"{endpoint}.{hashlib.sha256(old).hexdigest()[:8]}", old)
        with ours("replacing a reply"):
            await asyncio.to_thread(self._take_over, endpoint)

    def _take_over(self, endpoint: str) -> None:
        name = f"{endpoint}.json"
        (self.fresh.folder / name).replace(self.folder / name)
        sync_folder(self.folder)

    async def keep(self, endpoint: str, body: bytes) -> None:
        """Put a body on disk for good, before anybody reads it.

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("making the folder for replies"):
            await asyncio.to_thread(make_folders, self.folder)
        await write_whole(self.folder / f"{endpoint}.json", body)

    async def drop(self, endpoint: str) -> None:
        """Forget a body that was no answer (an error that costs nothing).

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("removing a reply"):
            await asyncio.to_thread((self.folder / f"{endpoint}.json").unlink, missing_ok=True)

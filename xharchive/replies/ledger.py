"""The append-only ledger of paid calls: two lines a call, each on the platter before the call goes on."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from xharchive.archive_path import ArchivePath
from xharchive.disk import append_line, make_folders_for_good, ours, write_whole

__all__ = ["Billed", "Ledger"]

_UNUSABLE = "unusable"


class Billed(StrEnum):
    """Whether a call costs money."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Ledger:
    """Appends to `ledger.jsonl`.

    `run` tells this run's calls from those of other runs; `now` is the clock.
    """

    def __init__(self, path: ArchivePath, run: str, now: Callable[[], datetime]) -> None:
        self._path = path
        self._run = run
        self._now = now
        self._calls = 0
        self._named = False

    async def intend(self, note: str, endpoint: str, reason: str) -> str:
        """Record that a call is about to be sent and return its id.

        Raises:
            ArchiveError: the ledger cannot be written; then nothing may be sent.
        """
        self._calls += 1
        call = f"{self._run}-{self._calls}"
        await self._append(event="intent", call=call, note=note, endpoint=endpoint, reason=reason)
        return call

    async def settle(
        self,
        call: str,
        *,
        code: int | None,
        status: int | None,
        billed: Billed,
        sent: bool = True,
        body: str = "",
    ) -> None:
        """Record how a call ended: the vendor's code, the HTTP status, and whether it was billed.

        `sent` is False if the request never left this machine. `body` is the name that `save_body` returned.

        Raises:
            ArchiveError: the ledger cannot be written.
        """
        unsent: dict[str, object] = {} if sent else {"sent": False}
        saved: dict[str, object] = {"body": body} if body else {}
        outcome = {"event": "outcome", "call": call, "code": code, "http": status, "billed": billed.value}
        await self._append(**outcome, **unsent, **saved)

    async def save_body(self, call: str, body: bytes, *, cut: bool = False) -> str:
        """Save the body of a call that may have been billed and has no usable reply, beside the ledger.

        Returns:
            The file's name relative to the ledger's folder. It says so if the body was `cut`.

        Raises:
            ArchiveError: the body cannot be written.
        """
        folder = self._path.parent / _UNUSABLE
        name = f"{call}.cut.body" if cut else f"{call}.body"
        with ours(f"making {folder}"):
            await asyncio.to_thread(make_folders_for_good, folder)
        await write_whole(folder / name, body)
        return f"{_UNUSABLE}/{name}"

    async def _append(self, **fields: object) -> None:
        record = {"at": self._now().astimezone(UTC).isoformat(timespec="milliseconds"), **fields}
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        # Lines written at once cannot tell which of them made the file: until one is safe, each sees to it.
        await asyncio.to_thread(append_line, self._path, line, named=self._named)
        self._named = True

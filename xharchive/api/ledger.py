"""Write the append-only ledger of paid calls: two lines a call, each synced to disk before the next step.

Order of a call: append the intent, sync; send the request; save the raw body, sync; append the outcome. An
intent without an outcome is a call that may have been billed (promise 2).
"""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from xharchive.archive_path import ArchivePath, makedirs, translate_os_errors
from xharchive.disk import append_line, atomic_write

_UNUSABLE_FOLDER = "unusable"


class Billed(StrEnum):
    """Whether a call costs money."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Ledger:
    """Append to `ledger.jsonl`.

    Args:
        path: the ledger file.
        run: a name that no other run has; the ids of calls begin with it.
        now: the clock.
    """

    def __init__(self, path: ArchivePath, run: str, now: Callable[[], datetime]) -> None:
        self._path = path
        self._run = run
        self._now = now
        self._calls = 0
        self._is_file_synced = False

    async def record_intent(self, note: str, endpoint: str, reason: str) -> str:
        """Record that a call is about to be sent.

        Args:
            note: the subject: a note id, or the name of a listing page or short link.
            endpoint: the endpoint's name.
            reason: why the call is made: "first", "cascade", "retry" and so on.

        Returns:
            The id of the call.

        Raises:
            ArchiveError: the ledger cannot be written. The call must not be sent then.
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
            call: the id of the call.
            code: the vendor's code; None without an envelope.
            status: the HTTP status; None without a response.
            billed: whether the call costs money.
            sent: False if the request never left this machine.
            body: the name that `save_body` returned, if it was called.

        Raises:
            ArchiveError: the ledger cannot be written.
        """
        unsent: dict[str, object] = {} if sent else {"sent": False}
        saved: dict[str, object] = {"body": body} if body else {}
        outcome = {"event": "outcome", "call": call, "code": code, "http": status, "billed": billed.value}
        await self._append(**outcome, **unsent, **saved)

    async def save_body(self, call: str, body: bytes, *, cut: bool = False) -> str:
        """Save the body of a call that may have been billed but has no usable reply.

        Args:
            call: the id of the call.
            body: the body.
            cut: whether only the beginning of the body is there; the file name says so.

        Returns:
            The file's path relative to the ledger's folder.

        Raises:
            ArchiveError: the body cannot be written.
        """
        folder = self._path.parent / _UNUSABLE_FOLDER
        name = f"{call}.cut.body" if cut else f"{call}.body"
        with translate_os_errors(f"making {folder}"):
            await asyncio.to_thread(makedirs, folder, durable=True)
        await atomic_write(folder / name, body)
        return f"{_UNUSABLE_FOLDER}/{name}"

    async def _append(self, **fields: object) -> None:
        record = {"at": self._now().astimezone(UTC).isoformat(timespec="milliseconds"), **fields}
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        # Of lines written in parallel any may have made the file, so each syncs the folder until one has done
        # it.
        await asyncio.to_thread(append_line, self._path, line, named=self._is_file_synced)
        self._is_file_synced = True

"""Bring the file of one URL into a part file, and resume it if it is cut.

A part file is continued only if the server proves that it is the same file (docs/decisions/0007).
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from xharchive.cancel_shield import finish_before_cancel
from xharchive.download.file_checks import CheckedBody, FetchRequest, check_file
from xharchive.download.hosts import BUSY_STATUSES, HostThroughput, SlowHost, TransferSpeed
from xharchive.download.part_file import PartFile
from xharchive.download.receive import Receiver, detect_format
from xharchive.download.scheduler import Multipart
from xharchive.errors import (
    BadResponse,
    BelowMinimumRate,
    CandidateFailed,
    ConnectionFailed,
    IncompleteBody,
    NetworkError,
    NotAllowed,
    Stalled,
)
from xharchive.events import Listener
from xharchive.http import StreamResponse
from xharchive.models import Candidate

_REFERER = "https://www.xiaohongshu.com/"  # one project reports that pictures need it (docs/api.md#delivery)
_NOT_FOUND_STATUSES = frozenset((404, 410))
_WRONG_BYTES = frozenset(("not-media", "unknown-format", "wrong-kind", "too-large", "cut"))
_RANGE_STATUSES = frozenset((206, 416))
_MIN_PROGRESS = 1024 * 1024  # bytes that a cut transfer must have delivered to be resumed at once
_MIN_PROGRESS_DIVISOR = 16  # or the size of the file divided by this
_MAX_WAIT = 10.0  # seconds; a wait costs less than to fetch the same bytes again from a mirror


class RetryAfter(Exception):
    """A host asked for a pause during a transfer. The transfer can be resumed."""


class Ranges(Enum):
    """How the bytes of a file are requested.

    `ALLOWED`: ranges over idle slots. `USED`: helper connections brought some; the rest comes over one
    connection. `CUT_SHORT`: that one was cut after few bytes. `PLAIN`: as if there were no ranges.
    """

    ALLOWED = auto()
    USED = auto()
    CUT_SHORT = auto()
    PLAIN = auto()


@dataclass(slots=True)
class Transfer:
    """The state of one candidate's transfer, kept while its host makes a pause.

    Args:
        is_retry: This run already tried the URL.
        is_new: Neither this run nor an earlier one left bytes in the part file.
        mirrors: Candidates of the same file, for whose hosts a slow transfer may be left.
        ranges_proven: One response to a helper delivered at least 1 MiB.
        from_zero: The next request is for the complete file, from its first byte.
        has_waited: A Retry-After of the host was obeyed.
    """

    request: FetchRequest
    candidate: Candidate
    host: str
    is_retry: bool
    is_new: bool
    mirrors: tuple[Candidate, ...] = ()
    ranges: Ranges = Ranges.ALLOWED
    ranges_proven: bool = False
    from_zero: bool = False
    has_waited: bool = False
    file: PartFile = field(init=False)

    @property
    def used_helpers(self) -> bool:
        """Whether helper connections brought bytes, so that a cut may be the fault of ranges."""
        return self.ranges in (Ranges.USED, Ranges.CUT_SHORT)


class Downloader:
    """Download files for one run. `boot` names this boot of the machine (see `part_file`)."""

    def __init__(self, throughput: HostThroughput, multipart: Multipart, listen: Listener, boot: str) -> None:
        self._transport = multipart.transport
        self._health = multipart.health
        self._throughput = throughput
        self._threads = multipart.threads
        self._multipart = multipart
        self._listen = listen
        self._boot = boot

    async def fetch(self, transfer: Transfer) -> CheckedBody:
        """Download the complete body of a candidate to the part file of its request, and check the file.

        Raises:
            RetryAfter: The host asked for a pause; call again after it to resume.
            CandidateFailed: This URL does not give the file. The bytes that came stay in the part file.
            ArchiveError: The part file cannot be read or written.
        """
        url, with_md5 = transfer.candidate.url, bool(transfer.candidate.md5)
        file = transfer.file = PartFile(
            transfer.request.part, url, with_md5=with_md5, boot=self._boot, is_new=transfer.is_new
        )
        transfer.is_new = False
        if file.has_record:
            await asyncio.get_running_loop().run_in_executor(self._threads, file.load)
        before = file.size
        if file.is_complete:  # an earlier run ended before its checks
            with suppress(CandidateFailed):
                request, candidate = transfer.request, transfer.candidate
                found = detect_format(file.head, request.asset.slot.kind)
                checks = partial(check_file, request, candidate, file, found, length_proven=True)
                return await asyncio.get_running_loop().run_in_executor(self._threads, checks)
            file.reset()
        try:
            return await self._download(transfer)
        except CandidateFailed as problem:
            if not before or file.size or problem.reason not in _WRONG_BYTES:
                raise
        # Perhaps the older bytes were wrong. They are deleted now, so try the URL again.
        return await self._download(transfer)

    async def _download(self, transfer: Transfer) -> CheckedBody:
        """Download the file. Resume a cut transfer at once, as long as each request delivers much."""
        headers: dict[str, str] = {}
        while True:
            before, from_zero = transfer.file.size, transfer.from_zero
            try:
                with self._multipart.slots.transfer(transfer.host):
                    checked = await self._request(transfer, headers)
            except _Forbidden:
                if headers:
                    raise
                headers = {"Referer": _REFERER}
                continue
            except NetworkError as problem:
                began_again = from_zero and not transfer.from_zero
                gained = transfer.file.size - (0 if began_again else before)
                is_cut = isinstance(problem, IncompleteBody | Stalled)
                if not is_cut or not self._should_resume(problem, transfer, gained):
                    raise self._to_candidate_failure(problem, transfer) from None
                self._check_retry_after(transfer)
                continue
            self._health.record_success(transfer.host)
            return checked

    def _check_retry_after(self, transfer: Transfer) -> None:
        """Check that the host may be asked for the missing bytes now.

        Only a Retry-After matters, not a backoff after failures of other files.

        Raises:
            RetryAfter: The host asked for a pause.
            CandidateFailed: The pause is long. Not raised if helper connections were used: then we cut the
                transfer ourselves, so it waits.
        """
        left = self._health.retry_after_left(transfer.host)
        if left > _MAX_WAIT and not transfer.used_helpers:
            self._health.check(transfer.host)
        if left:
            transfer.has_waited = True
            raise RetryAfter

    def _should_resume(self, problem: NetworkError, transfer: Transfer, gained: int) -> bool:
        """Return whether to resume at once after a cut.

        Sets `from_zero` if the download must restart at the first byte. The first response would have been
        complete, but helper connections took its place. So if ranges deliver little, the rest is requested
        once more. After that the complete file is requested, because perhaps only ranges are cut; but not if
        some range delivered much and this one delivered something.

        A transfer below the minimum rate counts as little, however much it delivered: mirrors come first.
        A stall already cost a complete time-out, so after one the next host is preferred unless much arrived.
        """
        total, enough = transfer.file.total, _MIN_PROGRESS
        if total and not isinstance(problem, Stalled):
            enough = min(_MIN_PROGRESS, total // _MIN_PROGRESS_DIVISOR + 1)
        if not isinstance(problem, BelowMinimumRate) and gained >= enough:
            transfer.ranges = Ranges.USED if transfer.used_helpers else Ranges.PLAIN
            return True
        if not transfer.used_helpers:
            transfer.ranges = Ranges.PLAIN
            return False
        self._multipart.without_ranges.add(transfer.host)
        if transfer.ranges is Ranges.USED:
            transfer.ranges = Ranges.CUT_SHORT
            return True
        transfer.ranges = Ranges.PLAIN
        transfer.from_zero = not (transfer.ranges_proven and gained)
        return transfer.from_zero

    async def _request(self, transfer: Transfer, headers: dict[str, str]) -> CheckedBody:
        """Request the missing bytes if the server proves that the file is the same, else all bytes."""
        file = transfer.file
        while True:
            range_headers = {} if transfer.from_zero else file.resume_headers
            async with self._transport.open(transfer.candidate.url, {**headers, **range_headers}) as incoming:
                is_rest = bool(range_headers) and incoming.status in _RANGE_STATUSES
                if is_rest and not file.remote.matches_rest(incoming, file.size):
                    file.reset()
                    continue
                if is_rest:
                    file.resume(incoming)
                elif incoming.whole:
                    file.restart(incoming)
                    transfer.from_zero = False  # the bytes of this response can be resumed again
                else:
                    raise self._refusal(incoming, transfer)
                return await self._receive(incoming, transfer, headers)

    async def _receive(
        self, incoming: StreamResponse, transfer: Transfer, headers: dict[str, str]
    ) -> CheckedBody:
        """Append the body of a response to the part file, and check the result.

        If the transfer is cut or cancelled, its bytes stay in the part file, with a record to resume it.
        """
        file, length = transfer.file, incoming.length or 0
        receiver = Receiver(transfer.request, transfer.candidate, file, incoming, self._threads, self._listen)
        speed = TransferSpeed(
            self._throughput, self._health, transfer.host, transfer.mirrors, file.size + length, length
        )
        try:
            if transfer.ranges is Ranges.ALLOWED and self._multipart.applies_to(
                incoming, file, transfer.host
            ):
                from xharchive.download.multipart import MultipartBody

                async with MultipartBody(
                    self._multipart, incoming, file, transfer.candidate.url, transfer.host, headers
                ) as body:
                    try:
                        await receiver.pump(body, speed, body)
                    finally:
                        transfer.ranges = Ranges.USED if body.plan.is_split else transfer.ranges
                        transfer.ranges_proven |= body.ranges_proven
            else:
                await receiver.pump(incoming, speed)
            return await receiver.finish()
        except (NetworkError, asyncio.CancelledError):
            await finish_before_cancel(receiver.save_progress())
            raise
        except CandidateFailed:
            if not receiver.is_finished:
                await finish_before_cancel(receiver.discard())
            raise
        finally:
            if not receiver.is_finished:
                await finish_before_cancel(receiver.close())

    def _refusal(self, incoming: StreamResponse, transfer: Transfer) -> CandidateFailed:
        """Return the error of a response without the file, and record it where it is the host's fault.

        Raises:
            RetryAfter: The host asks to wait before the rest of a split body, for the first time.
        """
        status, host = incoming.status, transfer.host
        if status == 403:
            return _Forbidden("forbidden", f"{host} answered 403: the URL is refused or has expired")
        if status in _NOT_FOUND_STATUSES:
            return CandidateFailed("not-found", f"{host} answered {status}: it does not have the file")
        if status in BUSY_STATUSES or status >= 500:
            self._health.record_failure(host, is_retry=transfer.is_retry)
        if status in BUSY_STATUSES:
            if incoming.retry_after:
                self._health.back_off(host, incoming.retry_after)
                if transfer.used_helpers and not transfer.has_waited:
                    self._check_retry_after(transfer)
            return CandidateFailed("busy", f"{host} answered {status}: not now")
        reason = "server-error" if status >= 500 else "http-status"
        return CandidateFailed(reason, f"{host} answered {status}")

    def _to_candidate_failure(self, problem: NetworkError, transfer: Transfer) -> CandidateFailed:
        """Translate a network error, and record it where it is a failure of the host."""
        match problem:
            case SlowHost():
                return CandidateFailed("slow", str(problem))
            case NotAllowed():
                return CandidateFailed("outside-borders", str(problem))
            case BadResponse():
                return CandidateFailed("bad-answer", str(problem))
        unreachable = isinstance(problem, ConnectionFailed) and not problem.sent
        self._health.record_failure(transfer.host, unreachable=unreachable, is_retry=transfer.is_retry)
        reason = "unreachable" if unreachable else "stalled" if isinstance(problem, Stalled) else "cut"
        return CandidateFailed(reason, str(problem))


class _Forbidden(CandidateFailed):
    """Status 403. One retry with a Referer may succeed."""

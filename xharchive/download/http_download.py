"""Download the file of one URL.

A part file is continued only if the server proves that it is the same file.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from xharchive.archive_path import ArchivePath
from xharchive.download.attempts import host_of
from xharchive.download.host_backoff import BUSY_STATUSES, HostHealth
from xharchive.download.multipart_policy import MultipartPolicy
from xharchive.download.part_file import PartFile
from xharchive.download.stream_to_file import Body, BodyStream, describe_complete, receive
from xharchive.download.throughput import HostThroughput, MonitoredStream, SlowHost, single_connection
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
from xharchive.events import Listener, Progressed
from xharchive.http import StreamResponse, Transport
from xharchive.media import AssetKind
from xharchive.models import Candidate

_Result = TypeVar("_Result")
_CheckResult = TypeVar("_CheckResult")

_REFERER = "https://www.xiaohongshu.com/"
_NOT_FOUND_STATUSES = frozenset((404, 410))
_WRONG_BYTES = frozenset(("not-media", "unknown-format", "wrong-kind", "too-large", "cut"))
_RANGE_STATUSES = frozenset((206, 416))
_MIN_PROGRESS = 1024 * 1024  # bytes that a cut transfer must have delivered to be resumed at once
_MIN_PROGRESS_DIVISOR = 16  # or the size of the file divided by this
_MAX_WAIT = 10.0  # seconds; a wait costs less than to fetch the same bytes again from a mirror


@dataclass(slots=True)
class RangeState:
    """Record how byte ranges worked for one file.

    Args:
        may_split: Helper connections may fetch ranges. False once a transfer was cut.
        helpers_used: Helper connections fetched ranges.
        ranges_proven: One of their responses delivered at least 1 MiB.
        was_cut_short: The last response was cut after few bytes.
        from_zero: The next request is for the complete file, from its first byte.
        has_waited: The download waited for a Retry-After of the host.
    """

    may_split: bool = True
    helpers_used: bool = False
    ranges_proven: bool = False
    was_cut_short: bool = False
    from_zero: bool = False
    has_waited: bool = False


class RetryAfter(Exception):
    """Report that a host asked for a pause during a transfer. The transfer can be resumed."""


@dataclass(frozen=True, slots=True)
class _Job(Generic[_CheckResult]):
    """Describe one URL to download.

    Args:
        is_retry: This run already tried the URL.
        mirrors: Hosts that have the same file and would be tried next.
    """

    url: str
    host: str
    kind: AssetKind
    part_file: PartFile
    check_body: Callable[[Body], _CheckResult]
    is_retry: bool
    ranges: RangeState
    mirrors: Sequence[str] = ()


class Downloader:
    """Download files for one run.

    Args:
        boot: Name of this boot of the machine (see `part_file`).
    """

    def __init__(  # noqa: PLR0913 - wires the parts of the room, once a run
        self,
        transport: Transport,
        health: HostHealth,
        throughput: HostThroughput,
        threads: Executor,
        listen: Listener,
        boot: str,
        multipart: MultipartPolicy,
    ) -> None:
        self._transport = transport
        self._health = health
        self._throughput = throughput
        self._threads = threads
        self._listen = listen
        self._boot = boot
        self._multipart = multipart

    async def fetch(  # noqa: PLR0913 - what one download needs, named by its caller
        self,
        candidate: Candidate,
        kind: AssetKind,
        part: ArchivePath,
        check_body: Callable[[Body], _CheckResult],
        ranges: RangeState,
        *,
        is_retry: bool = False,
        is_new: bool = False,
        mirrors: Sequence[str] = (),
    ) -> _CheckResult:
        """Download the complete body of a candidate to `part`.

        Of the content, only the first bytes are checked here.

        Args:
            check_body: Called with the complete body, in a thread.
            ranges: State of this file's ranges, kept between calls.
            is_retry: This run already tried the candidate.
            is_new: Neither this run nor an earlier one left bytes in the part file.
            mirrors: Hosts for which a slow transfer is left if one of them is much faster.

        Returns:
            The result of `check_body`.

        Raises:
            RetryAfter: The host asked for a pause; call again after it to resume.
            CandidateFailed: This URL does not give the file. The bytes that came stay in the part file.
            ArchiveError: The part file cannot be read or written.
        """
        part_file = PartFile(
            part, candidate.url, with_md5=bool(candidate.md5), boot=self._boot, is_new=is_new
        )
        if part_file.has_record:
            await self._in_thread(part_file.load)
        before = part_file.size
        if part_file.is_complete:  # an earlier run ended before its checks
            with suppress(CandidateFailed):
                body = describe_complete(part_file, kind)
                return await self._in_thread(lambda: check_body(body))
            part_file.reset()
        job = _Job(candidate.url, host_of(candidate), kind, part_file, check_body, is_retry, ranges, mirrors)
        try:
            return await self._download(job)
        except CandidateFailed as problem:
            if not before or part_file.size or problem.reason not in _WRONG_BYTES:
                raise
        # Perhaps the older bytes were wrong. They are deleted now, so try the URL again.
        return await self._download(job)

    async def _download(self, job: _Job[_CheckResult]) -> _CheckResult:
        """Download the file. Retry a 403 once with a Referer, and translate network errors."""
        try:
            try:
                checked = await self._request_until_complete(job, {})
            except _Refused403:
                # One project reports that pictures need a Referer (docs/api.md#delivery).
                checked = await self._request_until_complete(job, {"Referer": _REFERER})
        except NetworkError as problem:
            raise self._to_candidate_failure(problem, job) from None
        self._health.record_success(job.host)
        return checked

    async def _request_until_complete(self, job: _Job[_CheckResult], headers: dict[str, str]) -> _CheckResult:
        """Download the file. Resume a cut transfer at once, as long as each request delivers much."""
        while True:
            before = 0 if job.ranges.from_zero else job.part_file.size
            try:
                with self._multipart.transfer(job.host):
                    return await self._request(job, headers)
            except (IncompleteBody, Stalled) as problem:
                if not self._should_resume(problem, job, job.part_file.size - before):
                    raise
            self._check_retry_after(job)

    def _check_retry_after(self, job: _Job[_CheckResult]) -> None:
        """Check that the host may be asked for the missing bytes now.

        Only a Retry-After matters, not a backoff after failures of other files.

        Raises:
            RetryAfter: The host asked for a pause.
            CandidateFailed: The pause is long. Not raised if helper connections were used: then we cut the
                transfer ourselves, so it waits.
        """
        left = self._health.retry_after_left(job.host)
        if left > _MAX_WAIT and not job.ranges.helpers_used:
            self._health.check(job.host)
        if left:
            job.ranges.has_waited = True
            raise RetryAfter

    def _should_resume(self, problem: NetworkError, job: _Job[_CheckResult], gained: int) -> bool:
        """Return whether to resume at once after a cut.

        Sets `from_zero` if the download must restart at the first byte. The first response would have been
        complete, but helper connections took its place. So if ranges deliver little, the rest is requested
        once more. After that the complete file is requested, because perhaps only ranges are cut; but not if
        some range delivered much and this one delivered something.

        A transfer below the minimum rate counts as little, however much it delivered: mirrors come first.
        """
        ranges = job.ranges
        ranges.may_split = False
        if not isinstance(problem, BelowMinimumRate) and gained >= _min_progress(problem, job.part_file):
            ranges.was_cut_short = False
            return True
        if not ranges.helpers_used:
            return False
        self._multipart.disable_ranges(job.host)
        if not ranges.was_cut_short:
            ranges.was_cut_short = True
            return True
        ranges.helpers_used, ranges.from_zero = False, not (ranges.ranges_proven and gained)
        return ranges.from_zero

    async def _request(self, job: _Job[_CheckResult], headers: dict[str, str]) -> _CheckResult:
        """Request the missing bytes if the server proves that the file is the same, else all bytes."""
        part_file = job.part_file
        range_headers = {} if job.ranges.from_zero else part_file.resume_headers
        async with self._transport.open(job.url, {**headers, **range_headers}) as incoming:
            if range_headers and incoming.status in _RANGE_STATUSES:
                if part_file.matches_rest(incoming):
                    part_file.resume(incoming)
                    return await self._receive(incoming, job, headers)
                part_file.reset()
            else:
                self._check_status(incoming, job)
                part_file.restart(incoming)
                job.ranges.from_zero = False  # the bytes of this response can be resumed again
                return await self._receive(incoming, job, headers)
        return await self._request(job, headers)

    async def _receive(
        self, incoming: StreamResponse, job: _Job[_CheckResult], headers: dict[str, str]
    ) -> _CheckResult:
        if not (job.ranges.may_split and self._multipart.applies_to(incoming, job.part_file, job.host)):
            return await self._receive_stream(incoming, job)
        async with self._multipart.open_body(incoming, job.part_file, job.url, headers) as stream:
            try:
                return await self._receive_stream(stream, job, lambda: (stream.buffered, stream.helpers + 1))
            finally:
                job.ranges.helpers_used |= stream.is_split
                job.ranges.ranges_proven |= stream.ranges_proven

    async def _receive_stream(
        self,
        stream: BodyStream,
        job: _Job[_CheckResult],
        parallel: Callable[[], tuple[int, int]] = single_connection,
    ) -> _CheckResult:
        monitored = MonitoredStream(
            stream,
            job.part_file.size,
            job.host,
            self._throughput,
            lambda: self._usable_mirrors(job),
            parallel,
        )
        return await receive(
            monitored, job.part_file, job.kind, self._threads, self._report_progress, job.check_body
        )

    def _usable_mirrors(self, job: _Job[_CheckResult]) -> list[str]:
        """Return the hosts that a slow transfer can be left for."""
        return [host for host in job.mirrors if host != job.host and not self._health.backoff_left(host)]

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _report_progress(self, size: int) -> None:
        self._listen(Progressed(size))

    def _check_status(self, incoming: StreamResponse, job: _Job[_CheckResult]) -> None:
        status, host = incoming.status, job.host
        if incoming.whole:
            return
        if status == 403:
            raise _Refused403("forbidden", f"{host} answered 403: the URL is refused or has expired")
        if status in _NOT_FOUND_STATUSES:
            raise CandidateFailed("not-found", f"{host} answered {status}: it does not have the file")
        if status in BUSY_STATUSES:
            self._health.record_failure(host, is_retry=job.is_retry)
            if incoming.retry_after:
                self._health.back_off(host, incoming.retry_after)
                if job.ranges.helpers_used and not job.ranges.has_waited:
                    self._check_retry_after(job)
            raise CandidateFailed("busy", f"{host} answered {status}: not now")
        if status >= 500:
            self._health.record_failure(host, is_retry=job.is_retry)
            raise CandidateFailed("server-error", f"{host} answered {status}")
        raise CandidateFailed("http-status", f"{host} answered {status}")

    def _to_candidate_failure(self, problem: NetworkError, job: _Job[_CheckResult]) -> CandidateFailed:
        """Translate a network error, and record it where it is a failure of the host."""
        if isinstance(problem, SlowHost):
            return CandidateFailed("slow", str(problem))
        if isinstance(problem, NotAllowed):
            return CandidateFailed("outside-borders", str(problem))
        if isinstance(problem, BadResponse):
            return CandidateFailed("bad-answer", str(problem))
        unreachable = isinstance(problem, ConnectionFailed) and not problem.sent
        self._health.record_failure(job.host, unreachable=unreachable, is_retry=job.is_retry)
        if unreachable:
            return CandidateFailed("unreachable", str(problem))
        return CandidateFailed("stalled" if isinstance(problem, Stalled) else "cut", str(problem))


class _Refused403(CandidateFailed):
    """Report status 403. One retry with a Referer may succeed."""


def _min_progress(problem: NetworkError, part_file: PartFile) -> int:
    """Return the bytes that a transfer must have delivered to be resumed at once.

    A stall already cost a complete time-out, so after one the next host is preferred unless much arrived.
    """
    if isinstance(problem, Stalled) or not part_file.total:
        return _MIN_PROGRESS
    return min(_MIN_PROGRESS, part_file.total // _MIN_PROGRESS_DIVISOR + 1)

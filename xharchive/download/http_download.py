"""One address, one download: whole, or the rest of what an earlier transfer left, with proof."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from xharchive.archive_path import ArchivePath
from xharchive.download.attempts import host_of
from xharchive.download.host_backoff import BUSY, HostHealth
from xharchive.download.multipart_policy import Splits
from xharchive.download.part_file import Partial
from xharchive.download.stream_to_file import Body, Stream, receive, received
from xharchive.download.throughput import Paced, Speeds, TooSlow, alone
from xharchive.errors import (
    BadAnswer,
    BodyCut,
    CandidateFailed,
    ConnectionFailed,
    Forbidden,
    NetworkError,
    Stalled,
    TooLittle,
)
from xharchive.events import Listener, Progressed
from xharchive.http import Incoming, Transport
from xharchive.media import AssetKind
from xharchive.models import Candidate

__all__ = ["Downloads", "HostRests", "Ranges"]

_Made = TypeVar("_Made")
_Examined = TypeVar("_Examined")

_SITE = "https://www.xiaohongshu.com/"
_GONE = frozenset((404, 410))
_ABOUT_THE_BYTES = frozenset(("not-media", "unknown-format", "wrong-kind", "too-large", "cut"))
_RANGE_ANSWERS = frozenset((206, 416))
_ENOUGH = 1024 * 1024  # bytes of a transfer that broke off which make it worth going on at once
_ENOUGH_OF_SMALL = 16  # or this part of the file
_LONGEST_WAIT = 10.0  # seconds, with bytes in hand that another mirror would have to bring once more


@dataclass(slots=True)
class Ranges:
    """Whether helpers may bring a file's ranges: not any more once it broke off.

    `used`: they did; `work`: one of their answers brought much. `broke_off`: the last answer brought little.
    `in_one`: nothing that is there is gone on with; the next answer is to bring all of it. `waited`: for a
    rest that the host asked for.
    """

    allowed: bool = True
    used: bool = False
    work: bool = False
    broke_off: bool = False
    in_one: bool = False
    waited: bool = False


class HostRests(Exception):
    """A host asked to be left alone while a body is under way: what came is kept, to be gone on with."""


@dataclass(frozen=True, slots=True)
class _Job(Generic[_Examined]):
    """One address to have a file from; `again`: it was tried before in this run.

    `mirrors` are the hosts that would be asked next for the same file.
    """

    url: str
    host: str
    kind: AssetKind
    partial: Partial
    examine: Callable[[Body], _Examined]
    again: bool
    ranges: Ranges
    mirrors: Sequence[str] = ()


class Downloads:
    """Downloads for one run. `boot` names this boot of the machine (see `partial`)."""

    def __init__(
        self,
        transport: Transport,
        health: HostHealth,
        speeds: Speeds,
        threads: Executor,
        listen: Listener,
        boot: str,
        splits: Splits,
    ) -> None:
        self._transport = transport
        self._health = health
        self._speeds = speeds
        self._threads = threads
        self._listen = listen
        self._boot = boot
        self._splits = splits

    async def fetch(
        self,
        candidate: Candidate,
        kind: AssetKind,
        part: ArchivePath,
        examine: Callable[[Body], _Examined],
        ranges: Ranges,
        *,
        again: bool = False,
        untouched: bool = False,
        mirrors: Sequence[str] = (),
    ) -> _Examined:
        """Have the whole body of a candidate in `part`, and return what `examine` says of it, in a thread.

        Nothing but its first bytes is checked here. `again`: it was tried before in this run; `untouched`:
        nobody put anything into the part yet, nor any earlier run. `ranges` is what is known of this file's.
        `mirrors`: for one of these hosts the address is left if it is far slower.

        Raises:
            HostRests: it can be gone on with when the host has had the rest that it asked for.
            CandidateFailed: this address does not give it; what came of it stays for another transfer.
            ArchiveError: the disk would not.
        """
        partial = Partial(
            part, candidate.url, with_md5=bool(candidate.md5), boot=self._boot, untouched=untouched
        )
        if partial.was_begun:
            await self._in_thread(partial.load)
        before = partial.size
        if partial.is_whole:  # it was all there when an earlier run ended
            with suppress(CandidateFailed):
                body = received(partial, kind)
                return await self._in_thread(lambda: examine(body))
            partial.forget()
        job = _Job(candidate.url, host_of(candidate), kind, partial, examine, again, ranges, mirrors)
        try:
            return await self._done(job)
        except CandidateFailed as problem:
            if not before or partial.size or problem.reason not in _ABOUT_THE_BYTES:
                raise
        # Perhaps the fault is in the older bytes, which are gone now: the address deserves another try.
        return await self._done(job)

    async def _done(self, job: _Job[_Examined]) -> _Examined:
        try:
            try:
                examined = await self._all_of(job, {})
            except _Refused403:
                # One project reports that pictures want a Referer, so a 403 gets one: docs/api.md#delivery.
                examined = await self._all_of(job, {"Referer": _SITE})
        except NetworkError as problem:
            raise self._meaning(problem, job) from None
        self._health.worked(job.host)
        return examined

    async def _all_of(self, job: _Job[_Examined], headers: dict[str, str]) -> _Examined:
        """Download a file; where it breaks off, go on at once from there, as long as that brings much."""
        while True:
            before = 0 if job.ranges.in_one else job.partial.size
            try:
                with self._splits.transfer(job.host):
                    return await self._request(job, headers)
            except (BodyCut, Stalled) as problem:
                if not self._goes_on(problem, job, job.partial.size - before):
                    raise
            self._heed_rest(job)

    def _heed_rest(self, job: _Job[_Examined]) -> None:
        """Do nothing if the host may be asked for what is missing, though others may have failed there.

        Raises:
            HostRests: not yet, as it asked to be left alone.
            CandidateFailed: it did so for long. Only we broke off a body that came in pieces: that one waits.
        """
        rest = self._health.asked_rest_left(job.host)
        if rest > _LONGEST_WAIT and not job.ranges.used:
            self._health.check(job.host)
        if rest:
            job.ranges.waited = True
            raise HostRests

    def _goes_on(self, problem: NetworkError, job: _Job[_Examined], brought: int) -> bool:
        """Whether a transfer that broke off is gone on with at once, and if with all of it anew.

        The first answer was whole until helpers took its place. So where the rest brings little, it is asked
        for once more; then perhaps only ranges break off here. Not if one brought much, and this one some.
        A host below the least rate is not preferred to its mirrors, however much it brought at that rate.
        """
        ranges = job.ranges
        ranges.allowed = False
        if not isinstance(problem, TooLittle) and brought >= _worth_going_on(problem, job.partial):
            ranges.broke_off = False
            return True
        if not ranges.used:
            return False
        self._splits.give_up(job.host)
        if not ranges.broke_off:
            ranges.broke_off = True
            return True
        ranges.used, ranges.in_one = False, not (ranges.work and brought)
        return ranges.in_one

    async def _request(self, job: _Job[_Examined], headers: dict[str, str]) -> _Examined:
        """Ask for what is missing, if the server proves that it is of the same file; else for all of it."""
        partial = job.partial
        rest = {} if job.ranges.in_one else partial.headers
        async with self._transport.open(job.url, {**headers, **rest}) as incoming:
            if rest and incoming.status in _RANGE_ANSWERS:
                if partial.fits(incoming):
                    partial.go_on(incoming)
                    return await self._receive(incoming, job, headers)
                partial.forget()
            else:
                self._check_status(incoming, job)
                partial.start_over(incoming)
                job.ranges.in_one = False  # what this one brings can be gone on with again
                return await self._receive(incoming, job, headers)
        return await self._request(job, headers)

    async def _receive(self, incoming: Incoming, job: _Job[_Examined], headers: dict[str, str]) -> _Examined:
        if not (job.ranges.allowed and self._splits.suits(incoming, job.partial, job.host)):
            return await self._from(incoming, job)
        async with self._splits.over(incoming, job.partial, job.url, headers) as stream:
            try:
                return await self._from(stream, job, lambda: (stream.ahead, stream.helpers + 1))
            finally:
                job.ranges.used |= stream.is_divided
                job.ranges.work |= stream.ranges_work

    async def _from(
        self, stream: Stream, job: _Job[_Examined], beside: Callable[[], tuple[int, int]] = alone
    ) -> _Examined:
        paced = Paced(stream, job.partial.size, job.host, self._speeds, lambda: self._usable(job), beside)
        return await receive(paced, job.partial, job.kind, self._threads, self._seen, job.examine)

    def _usable(self, job: _Job[_Examined]) -> list[str]:
        return [host for host in job.mirrors if host != job.host and not self._health.rest_left(host)]

    async def _in_thread(self, work: Callable[[], _Made]) -> _Made:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _seen(self, size: int) -> None:
        self._listen(Progressed(size))

    def _check_status(self, incoming: Incoming, job: _Job[_Examined]) -> None:
        status, host = incoming.status, job.host
        if incoming.whole:
            return
        if status == 403:
            raise _Refused403("forbidden", f"{host} answered 403: the address is refused or past its time")
        if status in _GONE:
            raise CandidateFailed("not-found", f"{host} answered {status}: it does not have the file")
        if status in BUSY:
            self._health.failed(host, again=job.again)
            if incoming.retry_after:
                self._health.rest(host, incoming.retry_after)
                if job.ranges.used and not job.ranges.waited:
                    self._heed_rest(job)
            raise CandidateFailed("busy", f"{host} answered {status}: not now")
        if status >= 500:
            self._health.failed(host, again=job.again)
            raise CandidateFailed("server-error", f"{host} answered {status}")
        raise CandidateFailed("http-status", f"{host} answered {status}")

    def _meaning(self, problem: NetworkError, job: _Job[_Examined]) -> CandidateFailed:
        """Give a network error its meaning for one candidate, and remember what it says about the host."""
        if isinstance(problem, TooSlow):
            return CandidateFailed("slow", str(problem))
        if isinstance(problem, Forbidden):
            return CandidateFailed("outside-borders", str(problem))
        if isinstance(problem, BadAnswer):
            return CandidateFailed("bad-answer", str(problem))
        unreachable = isinstance(problem, ConnectionFailed) and not problem.sent
        self._health.failed(job.host, unreachable=unreachable, again=job.again)
        if unreachable:
            return CandidateFailed("unreachable", str(problem))
        return CandidateFailed("stalled" if isinstance(problem, Stalled) else "cut", str(problem))


class _Refused403(CandidateFailed):
    """Status 403, which one more try with a Referer may heal."""


def _worth_going_on(problem: NetworkError, partial: Partial) -> int:
    """The bytes that a transfer must have brought for another to go on from there at once.

    A silence cost a whole time-out already, so the next host comes first unless much was won.
    """
    if isinstance(problem, Stalled) or not partial.total:
        return _ENOUGH
    return min(_ENOUGH, partial.total // _ENOUGH_OF_SMALL + 1)

"""A few worker processes that take one request at a time, and survive each other's deaths.

Each worker is an interpreter of its own on two pipes: one line of JSON in, one line out. A worker that dies,
is killed or hangs therefore takes exactly one picture with it. That, and three things `ProcessPoolExecutor`
cannot give, is why it is not used: the workers' environment never holds the token, the program's main module
is not run again in them, and a dead one breaks nobody else's work.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf

from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.images.work_budget import WorkBudget
from xharchive.images.worker_died import WorkerDied
from xharchive.images.worker_process import Job, Seat, remove

__all__ = ["WorkerDied", "WorkerPool"]

_WORTH_A_START = 0.1
"""Seconds that a request waits before another worker is started for it; a start costs nearly as much CPU."""


class WorkerPool:
    """At most `workers` processes, started when needed; a request may take `seconds` by the clock.

    `arguments` make a Python interpreter a worker. For one event loop, which is never blocked.
    """

    def __init__(self, arguments: Sequence[str], workers: int, seconds: float) -> None:
        # These start and bury processes, and sleep otherwise.
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="xharchive-convert")
        self._seats = tuple(
            Seat(tuple(arguments), seconds, self._threads, self._go_on) for _ in range(workers)
        )
        self._waiting: deque[Job] = deque()
        self._look_again: asyncio.TimerHandle | None = None
        self._closed = False

    async def ask(
        self, request: bytes, leftover: ArchivePath | None, budget: WorkBudget | None = None
    ) -> bytes | WorkerDied:
        """Return a worker's answer to a request of one line.

        The seconds that a worker takes for it are taken off the `budget`; it may take no more than that has.

        `leftover` is the file the worker may leave half-written: it is removed when the worker dies and when
        the caller is cancelled. Closing the pool cancels the callers that still wait.

        Raises:
            ArchiveError: no worker starts.
        """
        if self._closed:
            raise RuntimeError("the picture workers are closed")
        job = Job(request, leftover, asyncio.get_running_loop(), budget.left if budget else inf)
        self._waiting.append(job)
        self._hand_out()
        try:
            answer = await job.answer
        except asyncio.CancelledError:
            await self._withdraw(job)
            raise
        if budget is not None:
            budget.spend(job.spent)
        if isinstance(answer, ArchiveError):
            raise answer
        return answer

    async def _withdraw(self, job: Job) -> None:
        """Make sure that nobody works on a request, or will; whoever had it is ended."""
        if job in self._waiting:
            self._waiting.remove(job)
        for seat in self._seats:
            if job in seat.jobs:
                job.gone = asyncio.get_running_loop().create_future()
                seat.kill("cancelled", (job,))
                await job.gone
        remove(job.leftover)

    async def close(self) -> None:
        """Kill every worker and wait until none is left; safe to call twice."""
        self._closed = True
        if self._look_again is not None:
            self._look_again.cancel()
        jobs = [*self._waiting, *(job for seat in self._seats for job in seat.jobs)]
        self._waiting.clear()
        lives = [life for seat in self._seats if (life := seat.close()) is not None]
        for job in jobs:
            job.answer.cancel()
        await asyncio.gather(*lives)
        await asyncio.to_thread(self._threads.shutdown)

    def _go_on(self, again: Iterable[Job]) -> None:
        """A worker has started, answered or ended: hand out more; what it did not come to goes first."""
        self._waiting.extendleft(reversed([job for job in again if not job.answer.done()]))
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and not self._closed:
            seat = self._seat_for(self._waiting[0])
            if seat is None:
                self._come_back()
                return
            seat.give(self._waiting.popleft())

    def _seat_for(self, job: Job) -> Seat | None:
        """Return an idle worker, a place for a new one, or a busy one that may have the next request ready.

        That one need not wait for the event loop between two pictures. Only with more requests waiting than
        there are workers: else a picture would wait behind a slow one, and another worker would idle.
        """
        loads = {seat.load: seat for seat in self._seats}
        if 0 in loads:
            return loads[0]
        empty = next((seat for seat in self._seats if seat.is_empty), None)
        if empty is not None and self._is_worth_a_start(job):
            return empty
        return loads.get(1) if len(self._waiting) > len(self._seats) else None

    def _is_worth_a_start(self, job: Job) -> bool:
        """Whether a worker is to be started: the first is, one for a derivative is, a mere check can wait."""
        if job.leftover is not None or all(seat.is_empty for seat in self._seats):
            return True
        if any(seat.is_starting for seat in self._seats):
            return False
        return asyncio.get_running_loop().time() >= self._patient_until(job)

    def _patient_until(self, job: Job) -> float:
        return max(job.since, *(seat.ready_since for seat in self._seats)) + _WORTH_A_START

    def _come_back(self) -> None:
        """See to it that a request that has waited long gets a new worker, even if nothing else happens."""
        if any(seat.is_starting for seat in self._seats):
            return  # it will say when it is ready
        if self._look_again is None and any(seat.is_empty for seat in self._seats):
            when = self._patient_until(self._waiting[0])
            self._look_again = asyncio.get_running_loop().call_at(when, self._looked)

    def _looked(self) -> None:
        self._look_again = None
        self._hand_out()

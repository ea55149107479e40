"""Monitor a run for the bottleneck report: count work by stage, and sample CPU and writer times."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock, get_ident
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from xharchive.bottleneck import Bottleneck, Machine, Stage, Usage

__all__ = ["RunMonitor", "WriterThreads"]

_SAMPLE_INTERVAL = 1.0  # seconds
_P = ParamSpec("_P")
_Made = TypeVar("_Made")


class WriterThreads(ThreadPoolExecutor):
    """The threads that hash and write media, with the sum of their busy seconds."""

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(threads, "media")
        self.threads = threads
        self._clock = clock
        self._lock = Lock()
        self._done = 0.0
        self._job_starts: dict[int, float] = {}  # start of the current job, by thread

    def submit(self, work: Callable[_P, _Made], /, *args: _P.args, **named: _P.kwargs) -> Future[_Made]:
        """Run the work in a thread, and measure its time."""
        return super().submit(self._timed, partial(work, *args, **named))

    def _timed(self, work: Callable[[], _Made]) -> _Made:
        thread, began = get_ident(), self._clock()
        with self._lock:
            self._job_starts[thread] = began
        try:
            return work()
        finally:
            with self._lock:
                del self._job_starts[thread]
                self._done += self._clock() - began

    @property
    def busy(self) -> float:
        """The sum of the seconds of all jobs so far, running ones included."""
        with self._lock:
            now = self._clock()
            return self._done + sum(now - since for since in self._job_starts.values())


class RunMonitor:
    """Monitor a run while the context is open.

    Args:
        capacity: how much work each stage can do at once.
        cores: CPU cores of this machine.
        writers: the threads that hash and write.
        wait: sleeps for a number of seconds.
    """

    def __init__(
        self,
        capacity: Mapping[Stage, int],
        cores: int,
        writers: WriterThreads,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bottleneck = Bottleneck(capacity, Machine(cores, writers.threads))
        self._writers = writers
        self._wait = wait
        self._before = Usage()
        self._sampling: asyncio.Task[None] | None = None
        self.counter_of = self._bottleneck.counter_of

    async def __aenter__(self) -> Self:
        self._before = self._used()
        self._sampling = asyncio.create_task(self._sample_regularly())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            with suppress(asyncio.CancelledError):
                await self._sampling

    def shares(self) -> dict[str, float]:
        """Return the part of the run's time so far (0 to 1) by bottleneck."""
        self._sample()
        return self._bottleneck.shares()

    def waiting(self, stage: Stage) -> Callable[[float], Awaitable[None]]:
        """Return a sleep function whose time counts as work of a stage, such as the backoff of a host."""
        count = self.counter_of(stage)

        async def wait(seconds: float) -> None:
            count(1)
            try:
                await self._wait(seconds)
            finally:
                count(-1)

        return wait

    async def _sample_regularly(self) -> None:
        while True:
            await self._wait(_SAMPLE_INTERVAL)
            self._sample()

    def _sample(self) -> None:
        used, before = self._used(), self._before
        self._bottleneck.sample(
            Usage(used.loop - before.loop, used.process - before.process, used.writers - before.writers)
        )

    def _used(self) -> Usage:
        # `thread_time` is that of the event loop, because this runs in its thread.
        return Usage(time.thread_time(), time.process_time(), self._writers.busy)

"""Watches a run: gives the rooms their counters, and now and then looks what the machine is doing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock, get_ident
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from xharchive.bottleneck import Bound, Bounds, Machine, Use

__all__ = ["Watch", "WriterThreads"]

_EVERY = 1.0  # seconds
_P = ParamSpec("_P")
_Made = TypeVar("_Made")


class WriterThreads(ThreadPoolExecutor):
    """The threads that hash and write, and how long they were busy together; `clock` counts seconds."""

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(threads, "media")
        self.threads = threads
        self._clock = clock
        self._lock = Lock()
        self._done = 0.0
        self._since: dict[int, float] = {}  # when the job began that a thread is at

    def submit(self, work: Callable[_P, _Made], /, *args: _P.args, **named: _P.kwargs) -> Future[_Made]:
        """Have a thread do the work."""
        return super().submit(self._timed, partial(work, *args, **named))

    def _timed(self, work: Callable[[], _Made]) -> _Made:
        thread, began = get_ident(), self._clock()
        with self._lock:
            self._since[thread] = began
        try:
            return work()
        finally:
            with self._lock:
                del self._since[thread]
                self._done += self._clock() - began

    @property
    def busy(self) -> float:
        """The seconds that jobs took so far, those under way included."""
        with self._lock:
            now = self._clock()
            return self._done + sum(now - since for since in self._since.values())


class Watch:
    """Watches a run from when it is entered; `places` is how much of its work a stage can do at once."""

    def __init__(
        self,
        places: Mapping[Bound, int],
        cores: int,
        writers: WriterThreads,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bounds = Bounds(places, Machine(cores, writers.threads))
        self._writers = writers
        self._wait = wait
        self._before = Use()
        self._looking: asyncio.Task[None] | None = None
        self.stage = self._bounds.stage

    async def __aenter__(self) -> Self:
        self._before = self._used()
        self._looking = asyncio.create_task(self._look_again_and_again())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    def shares(self) -> dict[str, float]:
        """Return which part of the run's time so far was spent waiting for what."""
        self._look()
        return self._bounds.shares()

    def waiting(self, stage: Bound) -> Callable[[float], Awaitable[None]]:
        """Return a way to wait that counts as work of a stage: as for a host that is left alone a while."""
        tell = self.stage(stage)

        async def wait(seconds: float) -> None:
            tell(1)
            try:
                await self._wait(seconds)
            finally:
                tell(-1)

        return wait

    async def _look_again_and_again(self) -> None:
        while True:
            await self._wait(_EVERY)
            self._look()

    def _look(self) -> None:
        used, before = self._used(), self._before
        self._bounds.look(
            Use(used.loop - before.loop, used.process - before.process, used.writers - before.writers)
        )

    def _used(self) -> Use:
        # The thread's own clock: this is called where the event loop runs.
        return Use(time.thread_time(), time.process_time(), self._writers.busy)

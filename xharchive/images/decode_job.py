"""Define a request to a worker process, with its state."""

import asyncio
from math import inf

from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.images.worker_died import WorkerDied

__all__ = ["Job"]


class Job:
    """One request and its state.

    Attributes:
        request: one line for the worker.
        output: the file that the worker writes, or None.
        seconds: its time limit.
        queued_at: time of its creation, on the event loop's clock.
        started_at: time at which the worker began; None if no worker works on it.
        seconds_spent: how long workers worked on it.
        response: future of the worker's response or its failure.
        released: future that is done when no worker can write `output` any more; only for a cancelled caller.
        failure: why there will be no response, or "".
    """

    __slots__ = (
        "failure",
        "output",
        "queued_at",
        "released",
        "request",
        "response",
        "seconds",
        "seconds_spent",
        "started_at",
    )

    def __init__(
        self,
        request: bytes,
        output: ArchivePath | None,
        loop: asyncio.AbstractEventLoop,
        seconds: float = inf,
    ) -> None:
        self.request = request
        self.output = output
        self.seconds = seconds
        self.queued_at = loop.time()
        self.started_at: float | None = None
        self.seconds_spent = 0.0
        self.response: asyncio.Future[bytes | WorkerDied | ArchiveError] = loop.create_future()
        self.released: asyncio.Future[None] | None = None
        self.failure = ""

    def start_clock(self, now: float) -> None:
        """Record that a worker begins with the request."""
        self.started_at = now

    def stop_clock(self, now: float) -> None:
        """Add the time since `start_clock` to `seconds_spent`."""
        if self.started_at is not None:
            self.seconds_spent += now - self.started_at
            self.started_at = None

    def finish(self, response: bytes | WorkerDied | ArchiveError) -> None:
        """Give the response to the caller, unless it was cancelled."""
        if not self.response.done():
            self.response.set_result(response)
        self._mark_released()

    def fail(self, error: BaseException) -> None:
        """Raise an unexpected error in the caller."""
        if not self.response.done():
            self.response.set_exception(error)
        self._mark_released()

    def _mark_released(self) -> None:
        if self.released is not None and not self.released.done():
            self.released.set_result(None)

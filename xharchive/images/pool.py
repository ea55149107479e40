"""Distribute requests over worker processes.

Each worker is a separate interpreter with two pipes: one line of JSON in, one line out. A worker that dies or
hangs costs exactly one image. `ProcessPoolExecutor` cannot replace this pool: a dead process breaks all its
requests, its processes inherit the token in the environment, and they import the program's main module again.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf

from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.images.decode_job import Job
from xharchive.images.work_budget import WorkBudget
from xharchive.images.worker_died import WorkerDied
from xharchive.images.worker_process import WorkerProcess, remove_output

__all__ = ["WorkerDied", "WorkerPool"]

_START_DELAY = 0.1
"""Seconds that a request waits before the pool starts another worker, which costs about as much CPU time."""


class WorkerPool:
    """A pool of worker processes, started on demand. For one event loop, which it never blocks.

    Args:
        arguments: arguments for the Python interpreter to run a worker.
        workers: the greatest number of processes.
        seconds: time limit of one request by the clock.
    """

    def __init__(self, arguments: Sequence[str], workers: int, seconds: float) -> None:
        # These threads start processes and wait for their end.
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="xharchive-convert")
        self._workers = tuple(
            WorkerProcess(tuple(arguments), seconds, self._threads, self._on_worker_change)
            for _ in range(workers)
        )
        self._queue: deque[Job] = deque()
        self._start_timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def execute(
        self, request: bytes, output: ArchivePath | None, budget: WorkBudget | None = None
    ) -> bytes | WorkerDied:
        """Let a worker execute a request. `close` cancels the callers that still wait.

        Args:
            request: one line.
            output: the file that the worker writes, or None. The pool removes it if the worker dies or the
                caller is cancelled.
            budget: a further time limit, from which the pool subtracts the seconds of the worker.

        Returns:
            The worker's response, one line; or the reason of its death.

        Raises:
            ArchiveError: no worker starts.
        """
        if self._closed:
            raise RuntimeError("the picture workers are closed")
        job = Job(request, output, asyncio.get_running_loop(), budget.left if budget else inf)
        self._queue.append(job)
        self._dispatch()
        try:
            response = await job.response
        except asyncio.CancelledError:
            await self._cancel(job)
            raise
        if budget is not None:
            budget.spend(job.seconds_spent)
        if isinstance(response, ArchiveError):
            raise response
        return response

    async def _cancel(self, job: Job) -> None:
        """Remove a request from the queue, or kill the worker that has it."""
        if job in self._queue:
            self._queue.remove(job)
        for worker in self._workers:
            if job in worker.jobs:
                job.released = asyncio.get_running_loop().create_future()
                worker.kill("cancelled", (job,))
                await job.released
        remove_output(job.output)

    async def close(self) -> None:
        """Kill all workers and wait for their end. A second call does nothing."""
        self._closed = True
        if self._start_timer is not None:
            self._start_timer.cancel()
        jobs = [*self._queue, *(job for worker in self._workers for job in worker.jobs)]
        self._queue.clear()
        exits = [exit_task for worker in self._workers if (exit_task := worker.close()) is not None]
        for job in jobs:
            job.response.cancel()
        await asyncio.gather(*exits)
        await asyncio.to_thread(self._threads.shutdown)

    def _on_worker_change(self, unanswered: Iterable[Job]) -> None:
        """Put the unanswered requests of a dead worker first in the queue, and assign requests again."""
        self._queue.extendleft(reversed([job for job in unanswered if not job.response.done()]))
        self._dispatch()

    def _dispatch(self) -> None:
        while self._queue and not self._closed:
            worker = self._choose_worker(self._queue[0])
            if worker is None:
                self._schedule_start()
                return
            worker.assign(self._queue.popleft())

    def _choose_worker(self, job: Job) -> WorkerProcess | None:
        """Return the worker for the next request: an idle one, a new one, or one with a single request.

        A busy worker with a second request in its pipe need not wait for the event loop between two images.
        The pool does this only if more requests wait than there are workers: otherwise a request could wait
        for a slow image while another worker is idle.
        """
        loads = {worker.load: worker for worker in self._workers}
        if 0 in loads:
            return loads[0]
        stopped = next((worker for worker in self._workers if worker.is_stopped), None)
        if stopped is not None and self._should_start_worker(job):
            return stopped
        return loads.get(1) if len(self._queue) > len(self._workers) else None

    def _should_start_worker(self, job: Job) -> bool:
        """Whether to start a worker: at once for a derivative or as the first one, else after a delay."""
        if job.output is not None or all(worker.is_stopped for worker in self._workers):
            return True
        if any(worker.is_starting for worker in self._workers):
            return False
        return asyncio.get_running_loop().time() >= self._start_time(job)

    def _start_time(self, job: Job) -> float:
        return max(job.queued_at, *(worker.ready_since for worker in self._workers)) + _START_DELAY

    def _schedule_start(self) -> None:
        """Set a timer to start another worker for a request that waits long, if no other event comes."""
        if any(worker.is_starting for worker in self._workers):
            return  # its callback comes when it is ready
        if self._start_timer is None and any(worker.is_stopped for worker in self._workers):
            when = self._start_time(self._queue[0])
            self._start_timer = asyncio.get_running_loop().call_at(when, self._on_start_timer)

    def _on_start_timer(self) -> None:
        self._start_timer = None
        self._dispatch()

"""Distribute requests over worker processes.

Each worker is a separate interpreter with two pipes: one line of JSON in, one line out. A worker that dies or
hangs costs exactly one image. Process pools of libraries cannot replace this one: they run whatever a worker
answers as a pickle, beside the token (decision 0037).
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from xharchive.archive_path import ArchivePath
from xharchive.cancel_shield import finish_before_cancel
from xharchive.child_process import environment_of_workers
from xharchive.errors import ArchiveError

_START_DELAY = 0.1
"""Seconds that a request waits before the pool starts another worker, which costs about as much CPU time."""

_START_TIMEOUT = 60.0
_EXIT_TIMEOUT = 2.0
_READY = b"ready\n"  # the first line of `worker.serve`
_MAX_RESPONSE_BYTES = 65_536

# mallopt(3). The buffers of an image are large and short-lived. By default glibc returns each to the kernel,
# which clears all pages for the next one: a third of the CPU time for a large HEIC, half for a small WebP.
_MALLOC_SETTINGS = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The worker ended without a response. `reason` is a short sentence."""

    reason: str


@dataclass(slots=True)
class WorkBudget:
    """The seconds left to workers for the images of one asset. Waiting for a worker does not count."""

    left: float


class WorkerPool:
    """A pool of worker processes, started on demand. For one event loop, which it never blocks.

    Args:
        arguments: arguments for the Python interpreter to run a worker.
        workers: the greatest number of processes.
        seconds: time limit of one request by the clock.

    Attributes:
        size: the number of processes, those that start or end included.
    """

    def __init__(self, arguments: Sequence[str], workers: int, seconds: float) -> None:
        self.size = 0
        self._arguments = arguments
        self._limit = workers
        self._seconds = seconds
        self._starting = 0
        # None, and a worker that is not idle any more, stand for the right to start another one.
        self._free = asyncio.LifoQueue[WorkerProcess | None]()
        self._tasks: set[asyncio.Task[bytes | WorkerDied]] = set()
        self._closed = False

    async def execute(
        self, request: bytes, output: ArchivePath | None, budget: WorkBudget | None = None, share: float = 1.0
    ) -> bytes | WorkerDied:
        """Let a worker execute a request. `close` cancels the callers that still wait.

        Args:
            request: one line.
            output: the file that the worker writes, or None. The pool removes it if the worker dies or the
                caller is cancelled.
            budget: a further time limit, from which the pool subtracts the seconds of the worker.
            share: the part of the budget that this request may use.

        Returns:
            The worker's response, one line; or the reason of its death.

        Raises:
            ArchiveError: no worker starts.
        """
        if self._closed:
            raise RuntimeError("the picture workers are closed")
        # A cancelled caller waits for the end of this task: then no worker writes `output` any more.
        task = asyncio.create_task(self._execute(request, output, budget or WorkBudget(self._seconds), share))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            response = await task
        except asyncio.CancelledError:
            _remove(output)
            raise
        if isinstance(response, WorkerDied):
            await asyncio.to_thread(_remove, output)
        return response

    async def close(self) -> None:
        """Kill all workers and wait for their end. A second call does nothing."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while not self._free.empty():
            worker = self._free.get_nowait()
            if worker is not None:
                await worker.end()
            self.size -= 1

    async def _execute(
        self, request: bytes, output: ArchivePath | None, budget: WorkBudget, share: float
    ) -> bytes | WorkerDied:
        worker = await self._acquire(at_once=output is not None)
        try:
            if worker is None:
                try:
                    worker = await WorkerProcess.spawn(self._arguments)
                    await worker.wait_until_ready()
                finally:
                    self._starting -= 1
            clock = asyncio.get_running_loop().time
            begun = clock()
            response = await worker.ask(request, min(self._seconds, share * budget.left))
            budget.left = max(0.0, budget.left - (clock() - begun))
            return response
        finally:
            if worker is not None and not worker.is_idle:
                await finish_before_cancel(worker.end())
            self._free.put_nowait(worker)

    async def _acquire(self, *, at_once: bool) -> "WorkerProcess | None":
        """Wait for an idle worker, or for the right to start one, which is None.

        A request starts a worker at once if it makes a derivative or if there is no other worker. Otherwise
        it does so after a delay in which no worker became idle or was started.
        """
        while True:
            may_start = self.size < self._limit
            if self._free.empty() and may_start and (at_once or not self.size):
                self.size += 1
                self._starting += 1
                return None
            try:
                async with asyncio.timeout(_START_DELAY if may_start else None):
                    worker = await self._free.get()
            except TimeoutError:
                at_once = not self._starting
                continue
            if worker is not None and worker.is_idle:
                return worker
            self.size -= 1


class WorkerProcess(asyncio.SubprocessProtocol):
    """One worker process, which executes one request at a time. asyncio calls the methods of a protocol.

    Attributes:
        is_idle: whether the worker lives and waits for a request.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.is_idle = self._is_killed = self._is_silent = False
        self._incoming = bytearray()
        self._line: asyncio.Future[bytes | None] = loop.create_future()  # None: there will be no more lines
        self._exited: asyncio.Future[None] = loop.create_future()

    @classmethod
    async def spawn(cls, arguments: Sequence[str]) -> "WorkerProcess":
        """Start a process with these arguments for the Python interpreter.

        Raises:
            ArchiveError: it cannot be started.
        """
        try:
            _, worker = await asyncio.get_running_loop().subprocess_exec(
                cls,
                sys.executable,
                # -P: do not load modules from the current folder, which is the user's.
                # utf8: encode file names as this process does, whatever the locale (decision 0027).
                *("-P", "-X", "utf8", *arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=None,
                # The user's own allocator settings take precedence.
                env=_MALLOC_SETTINGS | environment_of_workers(os.environ),
                # Requests have absolute paths. A relative path of a library must not lead to a user's file.
                cwd="/",
                # Ctrl-C in the terminal goes to the program only, which then closes the pool.
                start_new_session=True,
            )
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            words = error.strerror if isinstance(error, OSError) else error
            raise ArchiveError(f"A picture worker process cannot be started: {words}.") from error
        return worker

    async def wait_until_ready(self) -> None:
        """Wait until the worker has loaded its libraries.

        Raises:
            ArchiveError: it ended before, or takes too long.
        """
        first = await self._receive(_START_TIMEOUT)
        if first != _READY:
            how = first.reason if isinstance(first, WorkerDied) else "it says something else"
            raise ArchiveError(
                f"A picture worker process does not start ({how}): is Pillow installed correctly?"
            )

    async def ask(self, request: bytes, seconds: float) -> bytes | WorkerDied:
        """Let the worker execute a request.

        Returns:
            Its response, one line; or why there is none: it ended, or `seconds` have passed.
        """
        self.is_idle = False
        self._line = asyncio.get_running_loop().create_future()
        if self._exited.done():
            self._line.set_result(None)
        else:
            cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0)).write(request + b"\n")
        return await self._receive(seconds)

    def kill(self) -> None:
        """Kill the worker."""
        self.is_idle = False
        if not self._is_killed and not self._exited.done():
            self._is_killed = True  # asyncio loses the exit code if it kills a process twice
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()

    async def end(self) -> None:
        """Kill the worker and wait for its end."""
        self.kill()
        await self._exited
        self._transport.close()

    async def _receive(self, seconds: float) -> bytes | WorkerDied:
        try:
            async with asyncio.timeout(seconds):
                line = await self._line
        except TimeoutError:
            return WorkerDied(f"no answer within {round(seconds, 1):g} seconds")
        if line is None:
            return WorkerDied(_describe_exit(self._transport.get_returncode() or 0))
        self.is_idle = not (self._is_killed or self._exited.done())
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the process."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        """Read a line; kill a worker that talks unasked or without end."""
        self._incoming += data
        end = self._incoming.find(b"\n") + 1
        if end and not self._line.done():
            self._line.set_result(bytes(self._incoming[:end]))
            del self._incoming[:end]
        if self._incoming and (self._line.done() or len(self._incoming) >= _MAX_RESPONSE_BYTES):
            self.kill()

    def pipe_connection_lost(self, fd: int, _error: Exception | None) -> None:
        """Kill a worker that closed a pipe, unless it ends by itself."""
        self._is_silent |= fd == 1
        asyncio.get_running_loop().call_later(_EXIT_TIMEOUT, self.kill)
        self._expect_no_line()

    def process_exited(self) -> None:
        """Note the end of the process. Its last response may still be in the pipe."""
        self.is_idle = False
        self._exited.set_result(None)
        asyncio.get_running_loop().call_later(_EXIT_TIMEOUT, self._transport.close)
        self._expect_no_line()

    def _expect_no_line(self) -> None:
        """Stop to wait for a line once the process has ended and its pipe is empty."""
        if self._exited.done() and self._is_silent:
            self._transport.close()
            if not self._line.done():
                self._line.set_result(None)


def _describe_exit(code: int) -> str:
    """Return a sentence on how a process with this exit code ended."""
    if code >= 0:
        return f"the decoder's process ended by itself with code {code}"
    if code == -signal.SIGXCPU:
        return "the decoder used up its CPU time"
    return f"the decoder's process was ended by {signal.Signals(-code).name}"


def _remove(output: ArchivePath | None) -> None:
    """Remove an incomplete file of a worker. A failure is ignored: no later step uses the file."""
    if output is not None:
        with contextlib.suppress(OSError):
            output.unlink(missing_ok=True)

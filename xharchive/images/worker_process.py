"""Run one worker process, with two pipes that the event loop watches. No thread waits for a response."""

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import IO, cast

from xharchive.archive_path import ArchivePath
from xharchive.child_process import environment_of_workers
from xharchive.errors import ArchiveError
from xharchive.images.decode_job import Job
from xharchive.images.worker_died import READY, WorkerDied

__all__ = ["WorkerProcess", "remove_output"]

_MAX_RESPONSE_BYTES = 65_536
_EXIT_TIMEOUT = 2.0

# mallopt(3). The buffers of an image are large and short-lived. By default glibc returns each to the kernel,
# which clears all pages for the next one: a third of the CPU time for a large HEIC, half for a small WebP.
_MALLOC_SETTINGS = {"MALLOC_MMAP_THRESHOLD_": 32 << 20, "MALLOC_TRIM_THRESHOLD_": 256 << 20}

_Process = subprocess.Popen[bytes]


class WorkerProcess:
    """Manages one worker process, which executes its requests in order. The first request starts it.

    Args:
        arguments: arguments for the Python interpreter to run a worker.
        seconds: time limit of a request by the clock; a request may have a lower one.
        threads: threads that start the process and wait for its end.
        on_change: callback for each start, response and end of the worker. Its argument are the requests to
            assign again.
    """

    def __init__(
        self,
        arguments: tuple[str, ...],
        seconds: float,
        threads: Executor,
        on_change: Callable[[Iterable[Job]], None],
    ) -> None:
        self._arguments = arguments
        self._seconds = seconds
        self._threads = threads
        self._on_change = on_change
        self._run_task: asyncio.Task[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self._process: _Process | None = None
        self._jobs: deque[Job] = deque()
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._disconnected: asyncio.Future[None] | None = None
        self._ready = self._killed = False
        self.ready_since = 0.0

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The worker's requests, in order."""
        return tuple(self._jobs)

    @property
    def is_stopped(self) -> bool:
        """Whether there is no process, nor one that starts or ends."""
        return self._run_task is None

    @property
    def is_starting(self) -> bool:
        """Whether the process is starting."""
        return self._run_task is not None and not self._ready and not self._killed

    @property
    def load(self) -> int | None:
        """The number of the worker's requests; None if it accepts none now."""
        return len(self._jobs) if self._ready and not self._killed and not self._is_disconnected else None

    def assign(self, job: Job) -> None:
        """Add a request to the worker's requests."""
        loop = asyncio.get_running_loop()
        if self._process is not None and not self._jobs and self._process.poll() is not None:
            self._disconnect()  # it died while idle, so no image is the cause
            self._on_change((job,))
            return
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._start_timer(loop)
        if self._run_task is None:
            self._disconnected = loop.create_future()
            self._run_task = loop.create_task(self._run(self._disconnected))
            self._run_task.add_done_callback(self._on_crash)
        elif self._ready:
            self._send_request(job)

    def kill(self, why: str, jobs: Iterable[Job]) -> None:
        """Kill the worker because of these requests. The pool assigns its other requests again."""
        for job in jobs:
            job.failure = job.failure or why
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> "asyncio.Task[None] | None":
        """Kill the worker; return the task that ends with it, or None if there is no worker."""
        if self._run_task is not None:
            self.kill("closed", self._jobs)
        return self._run_task

    async def _run(self, disconnected: "asyncio.Future[None]") -> None:
        """Start the worker, wait for its end, and clean up after it."""
        loop = asyncio.get_running_loop()
        try:
            self._process = process = await loop.run_in_executor(
                self._threads, _spawn, self._arguments, disconnected.cancelled
            )
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            disconnected.cancel()  # otherwise the executor would start the process later
            words = error.strerror if isinstance(error, OSError) else error
            self._on_exit(ArchiveError(f"A picture worker process cannot be started: {words}."), "")
            return
        if self._killed:
            process.kill()
        loop.add_reader(cast("IO[bytes]", process.stdout), self._on_readable)
        await disconnected
        code = await loop.run_in_executor(self._threads, _reap, process, [job.output for job in self._jobs])
        how = _describe_exit(code)
        start_error = None if self._ready or self._killed else ArchiveError(_start_failure(how))
        self._on_exit(start_error, "" if self._killed else how)

    def _on_crash(self, run_task: "asyncio.Task[None]") -> None:
        """On an unexpected error, fail all waiting requests and kill the worker."""
        error = None if run_task.cancelled() else run_task.exception()
        if error is None:
            return
        if self._process is not None:
            self._process.kill()
        for job in self._jobs:
            job.fail(error)
        self._run_task = None
        self._reset()
        self._on_change(())

    def _on_exit(self, start_error: ArchiveError | None, reason: str) -> None:
        """Fail the request that ended the worker, return the others to the pool, and reset the state.

        A worker works on its first unanswered request. So that request is the cause if the worker ended by
        itself.

        Args:
            start_error: why the worker did not start, or None.
            reason: how the worker ended; "" if `kill` ended it or it did not start.
        """
        jobs = tuple(self._jobs)
        if self._timer is not None:
            self._timer.cancel()
        self._run_task = None
        self._reset()
        if jobs and (reason or start_error):
            jobs[0].failure = jobs[0].failure or reason or "no start"
        now = asyncio.get_running_loop().time()
        for job in jobs:
            job.stop_clock(now)
            if job.failure:
                job.finish(start_error if start_error and job is jobs[0] else WorkerDied(job.failure))
        self._on_change(job for job in jobs if not job.failure)

    def _on_readable(self) -> None:
        """Read from the worker, and handle complete lines."""
        stdout = cast("IO[bytes]", cast("_Process", self._process).stdout)
        data = os.read(stdout.fileno(), _MAX_RESPONSE_BYTES)
        self._incoming += data
        while not self._is_disconnected and (end := self._incoming.find(b"\n") + 1):
            line = bytes(self._incoming[:end])
            del self._incoming[:end]
            self._handle_line(line)
        if not data or len(self._incoming) >= _MAX_RESPONSE_BYTES:
            self._disconnect()

    @property
    def _is_disconnected(self) -> bool:
        return self._disconnected is None or self._disconnected.done()

    def _handle_line(self, line: bytes) -> None:
        if not self._ready:
            if line != READY:
                self._disconnect()
                return
            self._ready = True
            self.ready_since = asyncio.get_running_loop().time()
            for job in self._jobs:
                self._send_request(job)
        elif self._jobs:
            loop = asyncio.get_running_loop()
            job = self._jobs.popleft()
            job.stop_clock(loop.time())
            job.finish(line)
            self._start_timer(loop)
        else:
            self._disconnect()  # a response without a request
        self._on_change(())

    def _disconnect(self) -> None:
        """Stop communication with a worker that ended or breaks the protocol."""
        loop, process = asyncio.get_running_loop(), cast("_Process", self._process)
        loop.remove_reader(cast("IO[bytes]", process.stdout))
        loop.remove_writer(cast("IO[bytes]", process.stdin))
        if self._disconnected is not None and not self._disconnected.done():
            self._disconnected.set_result(None)

    def _send_request(self, job: Job) -> None:
        self._outgoing += job.request + b"\n"
        self._flush()

    def _flush(self) -> None:
        """Write as much as the pipe accepts, and the rest once it accepts more."""
        loop = asyncio.get_running_loop()
        stdin = cast("IO[bytes]", cast("_Process", self._process).stdin)
        try:
            del self._outgoing[: os.write(stdin.fileno(), self._outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            self._disconnect()  # it has closed its end
            return
        if self._outgoing:
            loop.add_writer(stdin, self._flush)
        else:
            loop.remove_writer(stdin)

    def _start_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the clock of the first request. One timer serves many requests: it compares the deadline."""
        if not self._jobs:
            return
        job, now = self._jobs[0], loop.time()
        job.start_clock(now)
        self._deadline = now + min(self._seconds, job.seconds)
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = loop.call_at(self._deadline, self._on_timeout)

    def _on_timeout(self) -> None:
        self._timer = None
        if not self._jobs or self._killed:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._deadline:
            job = self._jobs[0]
            seconds = round(min(self._seconds, job.seconds), 1)
            self.kill(f"no answer within {seconds:g} seconds", (job,))
        else:
            self._timer = loop.call_at(self._deadline, self._on_timeout)


def _spawn(arguments: tuple[str, ...], is_cancelled: Callable[[], bool]) -> _Process:
    if is_cancelled():
        raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, nothing from outside
        # -P: do not load modules from the current folder, which is the user's.
        # utf8: encode file names as this process does, whatever the locale (decision 0027).
        [sys.executable, "-P", "-X", "utf8", *arguments],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        # Requests have absolute paths. A relative path of a library must not lead to a file of the user.
        cwd="/",
        # A separate group: Ctrl-C in the terminal goes to the program, which then closes the pool.
        process_group=0,
    )
    for pipe in (process.stdin, process.stdout):
        os.set_blocking(cast("IO[bytes]", pipe).fileno(), False)
    return process


def _environment() -> dict[str, str]:
    """Return the environment for a worker. The user's own allocator settings take precedence."""
    allocator = {setting: str(amount) for setting, amount in _MALLOC_SETTINGS.items()}
    return allocator | environment_of_workers(os.environ)


def _reap(process: _Process, outputs: Iterable[ArchivePath | None]) -> int:
    """Wait for the process to end, or kill it; close its pipes, remove its outputs; return its exit code."""
    try:
        code = process.wait(_EXIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            cast("IO[bytes]", pipe).close()
    for output in outputs:
        remove_output(output)
    return code


def _start_failure(how: str) -> str:
    return f"A picture worker process does not start ({how}): is Pillow installed correctly?"


def _describe_exit(code: int) -> str:
    """Return a sentence on how a process with this exit code ended."""
    if code >= 0:
        return f"the decoder's process ended by itself with code {code}"
    if code == -signal.SIGXCPU:
        return "the decoder used up its CPU time"
    return f"the decoder's process was ended by {signal.Signals(-code).name}"


def remove_output(output: ArchivePath | None) -> None:
    """Remove an incomplete file of a worker. A failure is ignored: no later step uses the file."""
    if output is not None:
        with contextlib.suppress(OSError):
            output.unlink(missing_ok=True)

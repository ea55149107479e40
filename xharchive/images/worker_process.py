"""A place for one worker process, on two pipes that the event loop watches: no thread waits for an answer."""

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
from math import inf
from typing import IO, cast

from xharchive.archive_path import ArchivePath
from xharchive.child_process import environment_of_workers
from xharchive.errors import ArchiveError
from xharchive.images.worker_died import READY, WorkerDied

__all__ = ["Job", "Seat", "remove"]

_LONGEST_ANSWER = 65_536
_SECONDS_TO_END = 2.0

# mallopt(3). A picture's buffers are large and short-lived; by default glibc gives each back to the kernel,
# which has to clear every page again for the next one: a third of a large HEIC's CPU, half of a small WebP's.
_KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": 32 << 20, "MALLOC_TRIM_THRESHOLD_": 256 << 20}

_Process = subprocess.Popen[bytes]


class Job:
    """One request: what is asked, since when, the file that may be left half-written, and the answer.

    A worker may take `seconds` for it; `spent` is how many it took. `fate` says why there will be no answer;
    `gone` is done when no worker can touch the leftover any more.
    """

    __slots__ = ("answer", "began", "fate", "gone", "leftover", "request", "seconds", "since", "spent")

    def __init__(
        self,
        request: bytes,
        leftover: ArchivePath | None,
        loop: asyncio.AbstractEventLoop,
        seconds: float = inf,
    ) -> None:
        self.request = request
        self.leftover = leftover
        self.seconds = seconds
        self.since = loop.time()
        self.began: float | None = None
        self.spent = 0.0
        self.answer: asyncio.Future[bytes | WorkerDied | ArchiveError] = loop.create_future()
        self.gone: asyncio.Future[None] | None = None
        self.fate = ""

    def begin(self, now: float) -> None:
        """Note that a worker has begun to work on the request."""
        self.began = now

    def end(self, now: float) -> None:
        """Add the time since the work began to what was spent."""
        if self.began is not None:
            self.spent += now - self.began
            self.began = None

    def settle(self, answer: bytes | WorkerDied | ArchiveError) -> None:
        """Tell whoever waits; somebody who was cancelled does not wait any more."""
        if not self.answer.done():
            self.answer.set_result(answer)
        self._be_gone()

    def fail(self, bug: BaseException) -> None:
        """Raise what nobody expected where somebody waits."""
        if not self.answer.done():
            self.answer.set_exception(bug)
        self._be_gone()

    def _be_gone(self) -> None:
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)


class Seat:
    """Takes requests, which its worker answers one after the other; the worker is started for the first one.

    A request may take `seconds` by the clock, or its own seconds if they are fewer. `changed` is called
    whenever an answer came or the worker started or ended, with the requests that must be asked again, of a
    fresh worker.
    """

    def __init__(
        self,
        arguments: tuple[str, ...],
        seconds: float,
        threads: Executor,
        changed: Callable[[Iterable[Job]], None],
    ) -> None:
        self._arguments = arguments
        self._seconds = seconds
        self._threads = threads
        self._changed = changed
        self._life: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._process: _Process | None = None
        self._jobs: deque[Job] = deque()
        self._unsent = bytearray()
        self._heard = bytearray()
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] | None = None
        self._ready = self._killed = False
        self.ready_since = 0.0

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The requests it has, in their order."""
        return tuple(self._jobs)

    @property
    def is_empty(self) -> bool:
        """Whether there is no worker, and none starting or ending."""
        return self._life is None

    @property
    def is_starting(self) -> bool:
        """Whether a worker is being started."""
        return self._life is not None and not self._ready and not self._killed

    @property
    def load(self) -> int | None:
        """How many requests the worker has; None if it can take none now."""
        return len(self._jobs) if self._ready and not self._killed and not self._is_over else None

    def give(self, job: Job) -> None:
        """Put a request to the worker, behind those it has."""
        loop = asyncio.get_running_loop()
        if self._process is not None and not self._jobs and self._process.poll() is not None:
            self._end()  # it died while idle: no picture's fault
            self._changed((job,))
            return
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._watch(loop)
        if self._life is None:
            self._ended = loop.create_future()
            self._life = loop.create_task(self._live(self._ended))
            self._life.add_done_callback(self._came_to_grief)
        elif self._ready:
            self._send(job)

    def kill(self, why: str, jobs: Iterable[Job]) -> None:
        """End the worker at once on account of these requests; the others are to be asked again."""
        for job in jobs:
            job.fate = job.fate or why
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> "asyncio.Task[None] | None":
        """Kill the worker, and return what is done when it is gone."""
        if self._life is not None:
            self.kill("closed", self._jobs)
        return self._life

    async def _live(self, ended: "asyncio.Future[None]") -> None:
        """Start a worker, wait for its end, and settle what it leaves behind."""
        loop = asyncio.get_running_loop()
        try:
            self._process = process = await loop.run_in_executor(
                self._threads, _spawn, self._arguments, ended.cancelled
            )
        except (OSError, RuntimeError) as error:  # the latter: no thread can be started
            ended.cancel()  # the job waits for a thread all the same
            words = error.strerror if isinstance(error, OSError) else error
            self._over(ArchiveError(f"A picture worker process cannot be started: {words}."), "")
            return
        if self._killed:
            process.kill()
        loop.add_reader(cast("IO[bytes]", process.stdout), self._listen)
        await ended
        code = await loop.run_in_executor(self._threads, _bury, process, [job.leftover for job in self._jobs])
        how = _ending(code)
        failed = None if self._ready or self._killed else ArchiveError(_no_start(how))
        self._over(failed, "" if self._killed else how)

    def _came_to_grief(self, life: "asyncio.Task[None]") -> None:
        """Tell what nobody expected to those who wait, who would wait for ever; the worker goes with it."""
        bug = None if life.cancelled() else life.exception()
        if bug is None:
            return
        if self._process is not None:
            self._process.kill()
        for job in self._jobs:
            job.fail(bug)
        self._life = None
        self._begin()
        self._changed(())

    def _over(self, failed: ArchiveError | None, how: str) -> None:
        """Answer the request that the worker ended on, and hand the others back; the seat is as new.

        A worker that ended by itself did so on the first request that it had not answered.
        """
        jobs = tuple(self._jobs)
        if self._alarm is not None:
            self._alarm.cancel()
        self._life = None
        self._begin()
        if jobs and (how or failed):
            jobs[0].fate = jobs[0].fate or how or "no start"
        now = asyncio.get_running_loop().time()
        for job in jobs:
            job.end(now)
            if job.fate:
                job.settle(failed if failed and job is jobs[0] else WorkerDied(job.fate))
        self._changed(job for job in jobs if not job.fate)

    def _listen(self) -> None:
        """Take what the worker says."""
        source = cast("IO[bytes]", cast("_Process", self._process).stdout)
        said = os.read(source.fileno(), _LONGEST_ANSWER)
        self._heard += said
        while not self._is_over and (end := self._heard.find(b"\n") + 1):
            line = bytes(self._heard[:end])
            del self._heard[:end]
            self._understand(line)
        if not said or len(self._heard) >= _LONGEST_ANSWER:
            self._end()

    @property
    def _is_over(self) -> bool:
        return self._ended is None or self._ended.done()

    def _understand(self, line: bytes) -> None:
        if not self._ready:
            if line != READY:
                self._end()
                return
            self._ready = True
            self.ready_since = asyncio.get_running_loop().time()
            for job in self._jobs:
                self._send(job)
        elif self._jobs:
            loop = asyncio.get_running_loop()
            job = self._jobs.popleft()
            job.end(loop.time())
            job.settle(line)
            self._watch(loop)
        else:
            self._end()  # nobody asked
        self._changed(())

    def _end(self) -> None:
        """Hear no more of this worker: it is gone, or talks nonsense."""
        loop, process = asyncio.get_running_loop(), cast("_Process", self._process)
        loop.remove_reader(cast("IO[bytes]", process.stdout))
        loop.remove_writer(cast("IO[bytes]", process.stdin))
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _send(self, job: Job) -> None:
        self._unsent += job.request + b"\n"
        self._write()

    def _write(self) -> None:
        """Write what the pipe takes; the rest when it takes more."""
        loop = asyncio.get_running_loop()
        sink = cast("IO[bytes]", cast("_Process", self._process).stdin)
        try:
            del self._unsent[: os.write(sink.fileno(), self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._end()  # it hears nothing any more
            return
        if self._unsent:
            loop.add_writer(sink, self._write)
        else:
            loop.remove_writer(sink)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the time of the first request; one alarm does for many, and looks at the clock again."""
        if not self._jobs:
            return
        job, now = self._jobs[0], loop.time()
        job.begin(now)
        self._deadline = now + min(self._seconds, job.seconds)
        if self._alarm is not None and self._alarm.when() > self._deadline:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None:
            self._alarm = loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if not self._jobs or self._killed:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._deadline:
            job = self._jobs[0]
            seconds = round(min(self._seconds, job.seconds), 1)
            self.kill(f"no answer within {seconds:g} seconds", (job,))
        else:
            self._alarm = loop.call_at(self._deadline, self._ring)


def _spawn(arguments: tuple[str, ...], is_unwanted: Callable[[], bool]) -> _Process:
    if is_unwanted():
        raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, nothing from outside
        # -P: the current folder is the user's, no place to load modules from.
        # utf8: requests name files as this process does, whatever the locale (decision 0027).
        [sys.executable, "-P", "-X", "utf8", *arguments],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        # Requests name files by absolute paths. A relative one, of a library, leads to no file of the user's.
        cwd="/",
        # A group of its own: Ctrl-C at the terminal is for the program, which then closes the pool.
        process_group=0,
    )
    for pipe in (process.stdin, process.stdout):
        os.set_blocking(cast("IO[bytes]", pipe).fileno(), False)
    return process


def _environment() -> dict[str, str]:
    """Return the environment for a worker; the user's own settings of the allocator stay."""
    allocator = {setting: str(amount) for setting, amount in _KEEP_FREED_MEMORY.items()}
    return allocator | environment_of_workers(os.environ)


def _bury(process: _Process, leftovers: Iterable[ArchivePath | None]) -> int:
    """Wait for the worker to be gone, release what it held and left, and return its exit code."""
    try:
        code = process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            cast("IO[bytes]", pipe).close()
    for leftover in leftovers:
        remove(leftover)
    return code


def _no_start(how: str) -> str:
    return f"A picture worker process does not start ({how}): is Pillow whole?"


def _ending(code: int) -> str:
    """Say how a process with this exit code ended."""
    if code >= 0:
        return f"the decoder's process ended by itself with code {code}"
    if code == -signal.SIGXCPU:
        return "the decoder used up its CPU time"
    return f"the decoder's process was ended by {signal.Signals(-code).name}"


def remove(leftover: ArchivePath | None) -> None:
    """Remove what a worker may have left half-written, if the disk lets us: nobody uses it as it is."""
    if leftover is not None:
        with contextlib.suppress(OSError):
            leftover.unlink(missing_ok=True)

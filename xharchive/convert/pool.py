"""A few worker processes that take one request each, and survive each other's deaths.

Each worker is an interpreter of its own on two pipes: one line of JSON in, one line out, and a thread here
that waits for it. A worker that crashes, is killed or hangs therefore takes exactly one picture with it.
That, and three things `ProcessPoolExecutor` cannot give, is why it is not used: the workers' environment
never holds the token, the program's main module is not run again in them, and a dead one breaks nobody else's
work.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import IO, cast

from xharchive.convert.dialogue import READY, WorkerDied
from xharchive.errors import ArchiveError

__all__ = ["WorkerDied", "WorkerPool"]

_LONGEST_ANSWER = 65_536
_SECONDS_TO_END = 2.0
_OWN_SETTINGS = "XHARCHIVE_"

# mallopt(3). A picture's buffers are large and short-lived; by default glibc gives each back to the kernel,
# which has to clear every page again for the next one: a third of a large HEIC's CPU, half of a small WebP's.
_KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": 32 << 20, "MALLOC_TRIM_THRESHOLD_": 256 << 20}


class WorkerPool:
    """At most `workers` processes, started when first needed; a request may take `seconds` by the clock.

    `arguments` make a Python interpreter a worker. For one event loop, which is never blocked.
    """

    def __init__(self, arguments: Sequence[str], workers: int, seconds: float) -> None:
        self._arguments = tuple(arguments)
        self._seconds = seconds
        # Every waiting caller is one suspended coroutine here: nothing piles up in a queue.
        self._turns = asyncio.Semaphore(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="xharchive-convert")
        self._free = [_Seat(self._arguments) for _ in range(workers)]
        self._taken: set[_Seat] = set()
        self._closed = False

    async def ask(self, request: bytes, leftover: Path | None) -> bytes | WorkerDied:
        """Return a worker's answer to a request of one line.

        `leftover` is the file the worker may leave half-written: it is removed when the worker dies and when
        the caller is cancelled. Closing the pool cancels the callers that still wait.

        Raises:
            ArchiveError: no worker starts.
        """
        if self._closed:
            raise RuntimeError("the picture workers are closed")
        async with self._turns:
            if self._closed:
                raise asyncio.CancelledError
            answer = await self._ask_one(self._free.pop(), request, leftover)
        if self._closed:
            raise asyncio.CancelledError
        if isinstance(answer, ArchiveError):
            raise answer
        return answer

    async def _ask_one(
        self, seat: "_Seat", request: bytes, leftover: Path | None
    ) -> bytes | WorkerDied | ArchiveError:
        self._taken.add(seat)
        job = asyncio.get_running_loop().run_in_executor(self._threads, seat.ask, request, leftover)
        try:
            await asyncio.wait({job}, timeout=self._seconds)
            if not job.done():
                seat.kill(f"no answer within {self._seconds:g} seconds")
                await asyncio.wait({job})
        except asyncio.CancelledError:
            seat.kill("cancelled")
            await asyncio.wait({job})
            _remove(leftover)
            raise
        finally:
            self._taken.discard(seat)
            self._free.append(self._usable(seat))
        return job.result()

    def _usable(self, seat: "_Seat") -> "_Seat":
        """Return the seat, or a fresh one for a seat whose worker was killed from here."""
        if not seat.doomed or self._closed:
            return seat
        self._threads.submit(seat.bury)
        return _Seat(self._arguments)

    async def close(self) -> None:
        """Kill every worker and wait until none is left; safe to call twice."""
        self._closed = True
        seats = (*self._free, *self._taken)
        for seat in seats:
            seat.kill("closed")
        await asyncio.to_thread(self._wind_up, seats)

    def _wind_up(self, seats: "tuple[_Seat, ...]") -> None:
        self._threads.shutdown(wait=True)
        for seat in seats:
            seat.bury()


class _Seat:
    """A place for one worker process, which is started when there is a request and none is running.

    `ask` and `bury` block and belong to a thread; `kill` may be called from anywhere and makes `ask` return.
    """

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = Lock()
        self._doom = ""

    @property
    def doomed(self) -> bool:
        """Whether `kill` was called: this seat is not to be used again."""
        return bool(self._doom)

    def kill(self, why: str) -> None:
        """End the worker at once; a request in work is answered with `why`."""
        with self._starting:
            self._doom = self._doom or why
            if self._process is not None:
                self._process.kill()

    def ask(self, request: bytes, leftover: Path | None) -> bytes | WorkerDied | ArchiveError:
        """Return the worker's answer, or how it ended; errors are values: none is lost with its caller."""
        if self._process is not None and self._process.poll() is not None:
            self.bury()  # it died while idle: no picture's fault
        process = self._process or self._start()
        if not isinstance(process, subprocess.Popen):
            return process
        answer = _exchange(process, request)
        if answer.endswith(b"\n"):
            return answer
        died = WorkerDied(self.bury())
        _remove(leftover)
        return died

    def bury(self) -> str:
        """Wait for the worker to be gone, release what it held, and say how it ended."""
        process = self._process
        if process is None:
            return self._doom
        try:
            code = process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        for pipe in (process.stdin, process.stdout):
            # Closing flushes what the dead worker did not take; that has no receiver any more.
            with contextlib.suppress(OSError):
                cast("IO[bytes]", pipe).close()
        with self._starting:
            self._process = None
        return self._doom or _ending(code)

    def _start(self) -> "subprocess.Popen[bytes] | WorkerDied | ArchiveError":
        with self._starting:
            if self._doom:
                return WorkerDied(self._doom)
            try:
                self._process = process = _spawn(self._arguments)
            except OSError as error:
                return ArchiveError(f"A picture worker process cannot be started: {error.strerror}.")
        if _read_line(process) == READY:
            return process
        how = self.bury()
        if self.doomed:
            return WorkerDied(how)
        return ArchiveError(f"A picture worker process does not start ({how}): is Pillow whole?")


def _spawn(arguments: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module, nothing from outside
        # -P: the current folder is the user's, no place to load modules from.
        [sys.executable, "-P", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        # A group of its own: Ctrl-C at the terminal is for the program, which then closes the pool.
        process_group=0,
    )


def _environment() -> dict[str, str]:
    """Return this process's environment without the token and our settings, with this package first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_SETTINGS)}
    package_home = os.fspath(Path(__file__).parents[2])
    for setting, amount in _KEEP_FREED_MEMORY.items():
        kept.setdefault(setting, str(amount))
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (package_home, kept.get("PYTHONPATH"))))
    return kept


def _exchange(process: "subprocess.Popen[bytes]", request: bytes) -> bytes:
    """Return the worker's line, or what there was of it when it ended."""
    try:
        sink = cast("IO[bytes]", process.stdin)
        sink.write(request + b"\n")
        sink.flush()
    except OSError:
        return b""
    return _read_line(process)


def _read_line(process: "subprocess.Popen[bytes]") -> bytes:
    return cast("IO[bytes]", process.stdout).readline(_LONGEST_ANSWER)


def _ending(code: int) -> str:
    """Say how a process with this exit code ended."""
    if code >= 0:
        return f"the decoder's process ended by itself with code {code}"
    if code == -signal.SIGXCPU:
        return "the decoder used up its CPU time"
    return f"the decoder's process was ended by {signal.Signals(-code).name}"


def _remove(leftover: Path | None) -> None:
    if leftover is not None:
        leftover.unlink(missing_ok=True)

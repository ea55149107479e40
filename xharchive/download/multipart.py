"""Download one large body over several connections (docs/decisions/0013).

The main connection delivers the body from its beginning. Helper connections, which use idle transfer slots,
fetch ranges from farther ahead into a buffer. `read` returns all bytes in order, as if they came over one
connection. So the part file contains only bytes in order, hashed as they are appended, and the rules to
resume it stay simple.

When a helper has proved that the server gives ranges of the same file, the main connection ends where the
helper's range began. From then on its slot fetches ranges too. If the main connection is slow or is cut
before that point, its missing bytes are divided into ranges like others. Buffered ranges of an earlier
transfer are continued: the server proved that it gives ranges when it resumed the part file.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from xharchive.cancel_shield import finish_before_cancel
from xharchive.download.out_of_order import OutOfOrderBuffer
from xharchive.download.ranges import MAX_LATE_STARTS, RangePart, RangePlan
from xharchive.download.scheduler import Loan
from xharchive.errors import IncompleteBody, NetworkError
from xharchive.http import StreamResponse

SPLIT_ABOVE = 16 * 1024 * 1024
"""A body is split if more bytes than this are missing."""

_BLOCK = 128 * 1024  # bytes that a helper collects before it writes them; a kill loses them
_MAX_BLOCK_SECONDS = 0.25  # after this it writes fewer, so that its speed can be measured
_READ = 1024 * 1024
_PROVEN_SIZE = 1024 * 1024  # bytes of one range that prove that ranges work on this host
_MAX_HELPERS = 3
_MAX_FAILURES = 2

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class MultipartSource:
    """What a download over several connections needs from outside: ranges, and connections to use.

    Args:
        request: Requests the bytes from the first to the last, both included.
        matches: Returns whether a response delivers exactly these bytes of the same file.
        is_available: Returns whether the host may be used now.
        on_refused: Called with a response that does not match.
        on_split: Called when the main connection stops before the end of the file, as others bring the rest.
        borrow_slot: Borrows an idle transfer slot, if there is one. Its second argument is called when the
            slot must be returned.
        return_slot: Returns the slot.
        is_needed_elsewhere: Returns whether an extra connection would help another download more.
    """

    host: str
    request: Callable[[int, int], AbstractAsyncContextManager[StreamResponse]]
    matches: Callable[[StreamResponse, int, int], bool]
    is_available: Callable[[], bool]
    on_refused: Callable[[StreamResponse], None]
    on_split: Callable[[], None]
    borrow_slot: Callable[["MultipartDownload", Callable[[], None]], Loan | None]
    return_slot: Callable[[Loan], None]
    is_needed_elsewhere: Callable[["MultipartDownload"], bool]


class _WrongRange(Exception):
    """Report a response that is not the requested range of the file."""


class MultipartDownload:
    """Read a body in order from byte `start`, over as many connections as there are idle transfer slots.

    Use it as an async context manager: all helpers end with the context.

    Args:
        main: Response of the main connection.
        source: Requests ranges of the same body.
        buffer: Stores the bytes that arrive out of order. They stay there for a later transfer.
        now: Monotonic clock in seconds.
        resumes: An earlier transfer may have left bytes in the buffer.
    """

    def __init__(  # noqa: PLR0913 - what one download needs, named by its caller
        self,
        main: StreamResponse,
        start: int,
        source: MultipartSource,
        threads: Executor,
        buffer: OutOfOrderBuffer,
        now: Callable[[], float],
        *,
        resumes: bool = False,
    ) -> None:
        self._main = main
        self._source = source
        self._threads = threads
        self.encoding, self.length, self.chunked = main.encoding, main.length, main.chunked
        self._now = now
        self._plan = RangePlan(start, start + (main.length or 0), now)
        self._buffer = buffer
        self._resumes = resumes
        self._tasks: set[asyncio.Task[None]] = set()
        self._unproven: set[asyncio.Task[None]] = set()
        self._max_helpers = _MAX_HELPERS
        self._main_ended = False
        self._own_slot_task: asyncio.Task[None] | None = None
        self._failures = 0
        self.ranges_proven = False
        self._bug: BaseException | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._resumes:
            try:
                self._plan.restore(await self._in_thread(self._buffer.load))
            except asyncio.CancelledError:
                await finish_before_cancel(self._close())
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await finish_before_cancel(self._close())
        if problem is None or isinstance(problem, Exception):  # an interruption comes first
            self._raise_bug()

    async def read(self) -> bytes:
        """Return the next bytes in order, b"" at the end of the body.

        Raises:
            NetworkError: The main connection failed, or no connection delivers the next bytes. The bytes so
                far are valid.
        """
        self._raise_bug()
        self._start_helper()
        if not self._main_ended:
            block = await self._read_main()
            if block or not self._main_ended:
                return block
        while self._plan.position < self._plan.total:
            self._raise_bug()
            if (part := self._plan.next_buffered) is not None:
                return await self._read_buffered(part)
            if not self._tasks:
                raise IncompleteBody(f"{self._source.host}: the requested ranges did not arrive")
            await self._wait_for_change()
        return b""

    async def _read_main(self) -> bytes:
        plan = self._plan
        if plan.position == plan.main_end < plan.total:  # an earlier transfer left the next bytes
            self._end_main()
            return b""
        try:
            chunk = await self._main.read()
        except NetworkError:
            if not plan.is_split:
                raise
            chunk = b""
        block = chunk[: plan.main_end - plan.position]  # a helper may have started meanwhile
        plan.advance(len(block))
        if plan.is_split and not block:
            self._count_failure()
            if not plan.replace_main():
                raise IncompleteBody(f"{self._source.host}: the body ended before its end")
        if plan.is_split and plan.position == plan.main_end:
            self._end_main()
        return block

    def _end_main(self) -> None:
        self._main.drop()
        self._main_ended = True
        self._own_slot_task = self._start_task(self._run_own_slot)

    async def _read_buffered(self, part: RangePart) -> bytes:
        offset, size = self._plan.position - part.start, min(part.position - self._plan.position, _READ)
        try:
            block = await self._in_thread(self._buffer.read, part.region, offset, size)
        except OSError:
            raise IncompleteBody(
                f"{self._source.host}: bytes in the buffer file cannot be read back"
            ) from None
        self._plan.advance(size)
        self._changed.set()
        return block

    @property
    def is_split(self) -> bool:
        """Whether ranges replace the end of the main response."""
        return self._plan.is_split

    @property
    def helpers(self) -> int:
        """The number of connections besides the body's own."""
        return sum(task is not self._own_slot_task for task in self._tasks)

    @property
    def remaining(self) -> int:
        """The number of bytes that have not arrived."""
        return self._plan.total - self._plan.position - self._plan.buffered

    @property
    def remaining_per_connection(self) -> float:
        """The number of missing bytes divided by the number of connections."""
        return self.remaining / (self.helpers + 1)

    @property
    def buffered(self) -> int:
        """The number of bytes that arrived but are not read yet."""
        return self._plan.buffered

    @property
    def wants_helper(self) -> bool:
        """Whether one more connection would be useful."""
        return (
            self.helpers < self._max_helpers
            and self._may_use_helpers
            and self._plan.is_slow
            and self._plan.has_work()
        )

    @property
    def _may_use_helpers(self) -> bool:
        """Whether helpers are not disabled, did not start too late too often, and the host is available."""
        return (
            bool(self._max_helpers)
            and self._plan.late_starts < MAX_LATE_STARTS
            and self._source.is_available()
        )

    def _start_helper(self) -> None:
        """Start one more helper if a slot is idle. The next one starts when this one is proven."""
        if self._unproven or not self.wants_helper:
            return

        def stop() -> None:
            task.cancel()

        loan = self._source.borrow_slot(self, stop)
        if loan is not None:
            task = self._start_task(self._run_helper, loan)
            self._unproven.add(task)

    def _start_task(
        self, work: Callable[[], Coroutine[None, None, None]], loan: Loan | None = None
    ) -> "asyncio.Task[None]":
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._on_task_done(task, loan))
        return task

    def _on_task_done(self, task: "asyncio.Task[None]", loan: Loan | None) -> None:
        # A callback, because a task that is cancelled before its first step runs no `finally`.
        self._tasks.discard(task)
        self._unproven.discard(task)
        if loan is not None:
            self._source.return_slot(loan)
        if not task.cancelled() and task.exception() is not None:
            self._bug = task.exception()
        self._changed.set()

    def _raise_bug(self) -> None:
        """Raise an unexpected error of a helper, once. It ends the run, even if the body is complete."""
        problem, self._bug = self._bug, None
        if problem is not None:
            raise problem

    async def _run_helper(self) -> None:
        """Fetch ranges as long as there are any. After a failure, the other connections fetch them."""
        try:
            if not self._buffer.is_open:
                await self._in_thread(self._buffer.open, self._plan.total - self._plan.position)
            speed = None
            while self._may_use_helpers and (part := self._plan.claim(speed, self.helpers)) is not None:
                speed = await self._fetch(part)
                if self._source.is_needed_elsewhere(self):
                    return
        except NetworkError:
            self._count_failure()
        except (_WrongRange, OSError):
            self._max_helpers = 0

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= _MAX_FAILURES:
            self._max_helpers = 0

    async def _run_own_slot(self) -> None:
        """Fetch ranges over the body's own slot until the last one, unless the host becomes unavailable.

        If this fails, the caller requests the missing bytes over one connection, and that response shows the
        cause.
        """
        speed = None
        while self._plan.position < self._plan.total and self._source.is_available():
            part = self._plan.claim(speed, self.helpers)
            try:
                speed = await (self._wait_for_change() if part is None else self._fetch(part))
            except NetworkError:
                self._count_failure()
                if not self._max_helpers:
                    return
            except (_WrongRange, OSError):
                self._max_helpers = 0
                return

    async def _fetch(self, part: RangePart) -> float | None:
        """Request a range and buffer it. Return its bytes per second, None if too short to measure."""
        try:
            first, last = part.position, part.end - 1
            async with self._source.request(first, last) as incoming:
                if not self._source.matches(incoming, first, last):
                    self._source.on_refused(incoming)
                    raise _WrongRange
                await self._store(incoming, part)
            return part.speed(self._now())
        finally:
            self._plan.release(part)
            self._changed.set()

    def _split_main(self, part: RangePart) -> bool:
        """End the main connection where the first helper's range begins, unless it is already past that."""
        has_split = self._plan.split_at(part)
        if has_split:
            self._source.on_split()
        return has_split

    def _mark_proven(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._unproven.discard(task)

    async def _store(self, incoming: StreamResponse, part: RangePart) -> None:
        while part.missing:
            gathered: list[bytes] = []
            try:
                await self._read_block(incoming, part.missing, gathered)
            finally:  # the bytes of a response that was cut, or of a recalled helper, are valid
                # The first bytes are the proof: a host may promise a range and send nothing.
                if gathered and (part.is_planned or self._split_main(part)):
                    self._mark_proven()
                    await finish_before_cancel(self._write(part, b"".join(gathered)[: part.missing]))
            if not part.is_planned:
                return
            self.ranges_proven |= part.position - part.claimed_from >= _PROVEN_SIZE

    async def _write(self, part: RangePart, block: bytes) -> None:
        await self._in_thread(self._buffer.write, part, block)
        # Another connection may have taken over the end of the range meanwhile.
        part.position = min(part.position + len(block), part.end)
        self._changed.set()

    async def _read_block(self, incoming: StreamResponse, limit: int, gathered: list[bytes]) -> None:
        """Append the next bytes of a response to `gathered`: up to `limit`, about 128 KiB, fewer if slow."""
        size, until = 0, self._now() + _MAX_BLOCK_SECONDS
        while size < min(_BLOCK, limit) and (not gathered or self._now() < until):
            chunk = await incoming.read()
            if not chunk:
                raise IncompleteBody(f"{incoming.host}: a range ended before its end")
            gathered.append(chunk)
            size += len(chunk)

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _in_thread(
        self, work: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs
    ) -> _Result:
        # Not cancelled halfway: the region must not be reused, nor the file closed, while a thread writes.
        loop = asyncio.get_running_loop()
        return await finish_before_cancel(loop.run_in_executor(self._threads, lambda: work(*given, **named)))

    async def _close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._buffer.is_open:
            await self._in_thread(self._buffer.close)

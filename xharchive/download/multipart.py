"""Download one large body over several connections (docs/decisions/0013, 0041).

The main connection delivers the body from its beginning. Helper connections, which use idle transfer slots,
fetch ranges of at most 8 MiB from farther ahead, each into a file of its own beside the part file. `read`
returns all bytes in order, as if they came over one connection: so the rules to resume the part file stay
simple.

When a helper has proved that the server gives ranges of the same file, the main connection ends where the
helper's range began. From then on its slot fetches ranges too.
"""

import asyncio
import errno
import os
import resource
from functools import partial
from types import TracebackType
from typing import Self

from xharchive.archive_path import translate_os_errors
from xharchive.cancel_shield import finish_before_cancel
from xharchive.disk import free_bytes
from xharchive.download.part_file import PartFile, range_paths
from xharchive.download.ranges import (
    MAX_LATE_STARTS,
    MAX_RANGES,
    RANGE_SIZE,
    RangePart,
    RangePlan,
    load_range,
)
from xharchive.download.scheduler import Loan, Multipart
from xharchive.errors import IncompleteBody, NetworkError
from xharchive.http import StreamResponse

_BLOCK = 128 * 1024  # bytes that a helper collects before it writes them; a kill loses them
_BLOCK_SECONDS = 1.0  # after this it writes fewer
_READ = 1024 * 1024
_PROVEN_SIZE = 1024 * 1024  # bytes of one range that prove that ranges work on this host
_MAX_HELPERS = 3
_MAX_FAILURES = 2
_FREE_SPACE_RESERVE = 256 * 1024 * 1024
_DESCRIPTORS_IN_RESERVE = 24  # for records, pipes of worker processes, databases, and folders to sync


class _WrongRange(Exception):
    """A response is not the requested range of the file."""


class MultipartBody:
    """Read a body in order, over as many connections as there are idle transfer slots.

    All helpers end with the context. `main` is the response with the bytes that `part_file` lacks, to a
    request with `headers`.
    """

    def __init__(
        self,
        run: Multipart,
        main: StreamResponse,
        part_file: PartFile,
        url: str,
        host: str,
        headers: dict[str, str],
    ) -> None:
        self._run = run
        self._main = main
        self._part_file = part_file
        self._url = url
        self._host = host
        self._headers = headers
        start = part_file.size
        total = start + (main.length or 0)  # `Multipart.applies_to` refuses an unknown length
        self.plan = RangePlan(part_file.path, part_file.remote.body_id, start, total, run.now)
        self.ranges_proven = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._own_slot_task: asyncio.Task[None] | None = None
        self._unproven: asyncio.Task[None] | None = None
        self._spent: list[RangePart] = []
        self._max_helpers = _MAX_HELPERS
        self._failures = 0
        self._has_room = False
        self._bug: BaseException | None = None
        self._changed = asyncio.Event()
        self._borrower = run.slots.borrower()
        # Not cancelled halfway: a file must not be read while a thread writes it.
        self._in_thread = partial(asyncio.get_running_loop().run_in_executor, run.threads)

    async def __aenter__(self) -> Self:
        if self._part_file.has_ranges:
            with translate_os_errors(f"reading ranges of {self._part_file.path.name}"):
                self.plan.restore(await finish_before_cancel(self._in_thread(self._load)))
        self._part_file.has_ranges = True
        self._borrower.__enter__()
        return self

    def _load(self) -> list[RangePart]:
        body_id, found = self._part_file.remote.body_id, range_paths(self._part_file.path)
        parts = (load_range(path, body_id, start) for start, path in found.items())
        return [part for part in parts if part is not None]

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._borrower.__exit__(None, None, None)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await finish_before_cancel(asyncio.wait(list(self._tasks)))
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
        if self._own_slot_task is None:
            block = await self._read_main()
            if block or self._own_slot_task is None:
                return block
        while self.plan.position < self.plan.total:
            self._raise_bug()
            if (part := self.plan.front) is not None:
                return await self._read_range(part)
            if not self._tasks:
                raise IncompleteBody(f"{self._host}: the requested ranges did not arrive")
            await self._wait_for_change()
        return b""

    async def _read_main(self) -> bytes:
        plan, block = self.plan, b""
        if not plan.is_split or plan.position < plan.main_end:
            try:
                block = await self._main.read()
            except NetworkError:
                if not plan.is_split:
                    raise
            block = block[: plan.main_end - plan.position]  # a helper may have started meanwhile
            plan.advance(len(block))
            if plan.is_split and not block:
                self._count_failure()
                plan.replace_main()
        if plan.is_split and plan.position == plan.main_end:
            self._main.drop()
            self._own_slot_task = self._start_task(None)
        return block

    async def _read_range(self, part: RangePart) -> bytes:
        position, size = self.plan.position, min(part.position - self.plan.position, _READ)
        try:
            block = await finish_before_cancel(self._in_thread(self._read_and_clean, part, position, size))
        except OSError:
            raise IncompleteBody(f"{self._host}: bytes of a range cannot be read back") from None
        if (spent := self.plan.advance(size)) is not None:
            self._spent.append(spent)
        self._changed.set()
        return block

    def _read_and_clean(self, part: RangePart, position: int, size: int) -> bytes:
        # The bytes before these are on their way to the part file; those of two blocks ago are there.
        while self._spent and position - self._spent[0].end >= 2 * _READ:
            self._spent.pop(0).path.unlink(missing_ok=True)
        return part.read(position, size)

    @property
    def helpers(self) -> int:
        """The number of connections besides the body's own."""
        return sum(task is not self._own_slot_task for task in self._tasks)

    @property
    def _may_use_helpers(self) -> bool:
        is_late = self.plan.late_starts >= MAX_LATE_STARTS
        return bool(self._max_helpers) and not is_late and self._run.is_available(self._host)

    def _start_helper(self) -> None:
        # The next helper starts when this one is proven.
        helpers, slots = self.helpers, self._run.slots
        if (
            self._unproven is not None
            or not slots.free
            or helpers >= min(self._max_helpers, slots.fair_share)
        ):
            return
        if not (self._may_use_helpers and self.plan.is_slow and self.plan.has_work()):
            return
        if has_descriptors_for(2 * slots.free) and (loan := slots.lend(self._host)) is not None:
            self._unproven = loan.task = self._start_task(loan)

    def _start_task(self, loan: Loan | None) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._fetch_ranges(loan))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._on_task_done(task, loan))
        return task

    def _on_task_done(self, task: "asyncio.Task[None]", loan: Loan | None) -> None:
        # A callback, because a task that is cancelled before its first step runs no `finally`.
        self._tasks.discard(task)
        if self._unproven is task:
            self._unproven = None
        if loan is not None:
            self._run.slots.end_loan(loan)
        if not task.cancelled() and task.exception() is not None:
            self._bug = task.exception()
        self._changed.set()

    def _raise_bug(self) -> None:
        """Raise an unexpected error of a helper, once. It ends the run, even if the body is complete."""
        problem, self._bug = self._bug, None
        if problem is not None:
            raise problem

    async def _fetch_ranges(self, loan: Loan | None) -> None:
        """Fetch ranges as long as there are any: over a lent slot, or over the body's own until the end.

        After a failure, the other connections fetch them. If none does, the caller requests the missing
        bytes over one connection, and that response shows the cause.
        """
        plan = self.plan
        while plan.position < plan.total and (
            self._may_use_helpers if loan else self._run.is_available(self._host)
        ):
            part = plan.claim(self.helpers + 1)
            if part is None and loan:
                return
            try:
                await (self._wait_for_change() if part is None else self._fetch(part))
            except NetworkError:
                self._count_failure()
                if loan or not self._max_helpers:
                    return
            except (_WrongRange, OSError):
                self._max_helpers = 0
                return
            if loan and self.helpers > self._run.slots.fair_share:
                return

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= _MAX_FAILURES:
            self._max_helpers = 0

    async def _fetch(self, part: RangePart) -> None:
        """Request the missing bytes of a range, and store them until it is complete or given up."""
        first, last, began = part.position, part.end - 1, self._run.now()
        headers = {**self._headers, **self._part_file.remote.range_headers(first, last)}
        try:
            if not self._has_room:
                await finish_before_cancel(self._in_thread(self._check_room))
                self._has_room = True
            async with self._run.transport.open(self._url, headers) as incoming:
                if not self._part_file.remote.matches_range(incoming, first, last):
                    self._run.refuse(incoming, self._host)
                    raise _WrongRange
                while part.missing and await self._store_block(incoming, part):
                    self.ranges_proven |= part.position - first >= _PROVEN_SIZE
                    seconds = self._run.now() - began
                    if seconds >= _BLOCK_SECONDS and self.plan.give_up(
                        part, (part.position - first) / seconds
                    ):
                        return
        finally:
            part.is_claimed = False
            self._changed.set()

    def _check_room(self) -> None:
        needed = self.plan.total - self.plan.position + MAX_RANGES * RANGE_SIZE + _FREE_SPACE_RESERVE
        if free_bytes(self._part_file.path) < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def _store_block(self, incoming: StreamResponse, part: RangePart) -> bool:
        """Store the next bytes of a response. Return False if the main connection has them already."""
        gathered: list[bytes] = []
        size, until = 0, self._run.now() + _BLOCK_SECONDS
        try:
            while size < min(_BLOCK, part.missing) and (not gathered or self._run.now() < until):
                chunk = await incoming.read()
                if not chunk:
                    raise IncompleteBody(f"{incoming.host}: a range ended before its end")
                gathered.append(chunk)
                size += len(chunk)
                if not self._prove(part):
                    return False
        finally:  # the bytes of a response that was cut, or of a recalled helper, are valid
            if gathered and part.is_planned:
                await finish_before_cancel(self._in_thread(part.write, b"".join(gathered)[: part.missing]))
                self._changed.set()
        return True

    def _prove(self, part: RangePart) -> bool:
        """End the main connection where the first helper's range begins, unless it is already past that.

        The first bytes are the proof: a host may promise a range and send nothing.
        """
        if not part.is_planned and not self.plan.split_at(part):
            return False
        self._part_file.assembled = True
        if self._unproven is asyncio.current_task():
            self._unproven = None
        return True

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def has_descriptors_for(needed: int) -> bool:
    """Return whether a helper may open a socket and a file, if `needed` more are to follow.

    The lowest free descriptor is a portable estimate of the number that is open.
    """
    try:
        lowest = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return False
    os.close(lowest)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit == resource.RLIM_INFINITY or lowest + needed + _DESCRIPTORS_IN_RESERVE < limit

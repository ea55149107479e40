"""One large body over several connections: helpers bring ranges over idle slots, read on in order (0013).

Whoever receives the body reads a stream in order, as if it came over one connection, so everything that
resuming rests on stays as it is: the part holds bytes in order only, hashed as they are appended. The first
connection, the trunk, is the ordinary answer. When a helper has proved that the server gives ranges of the
same file, the trunk ends where the helper began, and its slot brings pieces like the helpers do.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from xharchive.errors import BodyCut, NetworkError
from xharchive.fetch.ahead import LANES, PIECE, Ahead
from xharchive.fetch.slots import Loan
from xharchive.finishing import to_its_end
from xharchive.transport import Incoming

__all__ = ["LARGE", "Source", "Split"]

LARGE = 16 * 1024 * 1024
"""How many bytes must be to come for a body to be worth it."""

_LEAST = 1024 * 1024  # of a piece: a request costs a round trip
_FOR_HALVES = 3  # lanes: where one is slow and all wait for its piece, there must be room to take over
_WORTH_HALVING = 1024 * 1024  # of what somebody else still has to bring
_BLOCK = 256 * 1024  # what a helper holds in memory before it is written
_READ = 1024 * 1024
_MOST_HELPERS = 3
_MOST_LATE = 3
_MOST_FAILURES = 2
_FAST = 16e6  # bytes a second: one connection with that is bounded by something that others would share
_LOOKED_AT = 0.1  # seconds before its speed is judged
_AHEAD_OF_TRUNK = 0.5  # seconds of its way: the first helper begins where the trunk is not yet

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Source:
    """Where ranges of a body come from.

    `ask` requests the bytes from the first to the last, both included. `fits` tells whether an answer brings
    exactly them, of the very same file. `is_open` tells whether the host may be asked now, `refused` is told
    of an answer that does not fit. `lend` gives the body an idle slot, if there is one; it is handed a
    function that is called when the slot is needed back, and `take_back` the slot. `is_needed_more` tells
    whether another body has so much less help that a helper should go there.
    """

    host: str
    ask: Callable[[int, int], AbstractAsyncContextManager[Incoming]]
    fits: Callable[[Incoming, int, int], bool]
    is_open: Callable[[], bool]
    refused: Callable[[Incoming], None]
    lend: Callable[["Split", Callable[[], None]], Loan | None]
    take_back: Callable[[Loan], None]
    is_needed_more: Callable[["Split"], bool]


@dataclass(eq=False, slots=True)
class _Piece:
    """Bytes `start` to `end` of the file, in a lane; those before `at` are there.

    `joined`: they follow in order what is or will be there; so they are waited for.
    """

    start: int
    end: int
    lane: int
    at: int
    taken: bool = False
    joined: bool = False

    @property
    def missing(self) -> int:
        """How many bytes are still to come."""
        return self.end - self.at


class _Unfit(Exception):
    """An answer that is not the range of the file that was asked for."""


class Split:
    """A body in order, from byte `start` to its end, over as many connections as there are idle slots for.

    `now` is a clock in seconds. Use it as a context; no helper and no file outlives that.
    """

    def __init__(
        self,
        trunk: Incoming,
        start: int,
        source: Source,
        threads: Executor,
        folder: Path,
        now: Callable[[], float],
    ) -> None:
        self._trunk = trunk
        self._source = source
        self._threads = threads
        self._now = now
        self.encoding, self.length, self.chunked = trunk.encoding, trunk.length, trunk.chunked
        self._start = self._at = start
        self._total = self._trunk_end = self._frontier = start + (trunk.length or 0)
        self._began = now()
        self._pieces: deque[_Piece] = deque()
        self._lanes = list(range(LANES))
        self._ahead = Ahead(folder)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unproven: set[asyncio.Task[None]] = set()
        self._most_helpers = _MOST_HELPERS
        self._left_trunk = False
        self._late = self._failures = 0
        self._bug: BaseException | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_its_end(self._close())

    async def read(self) -> bytes:
        """Return the next bytes in order, b"" at the end of the body.

        Raises:
            NetworkError: the trunk broke off, or nobody brings what comes next; what was read is good.
        """
        self._recruit()
        if not self._left_trunk:
            return await self._from_trunk()
        while self._at < self._total:
            if self._bug is not None:
                raise self._bug
            head = self._pieces[0] if self._pieces else None
            if head is not None and head.at > self._at:
                return await self._from_piece(head)
            if not self._tasks:
                raise BodyCut(f"{self._source.host}: the rest did not come as asked for")
            await self._change()
        return b""

    async def _from_trunk(self) -> bytes:
        arrived = await self._trunk.read()
        block = arrived[: self._trunk_end - self._at]  # a helper may have joined while it was waited for
        self._at += len(block)
        if self._is_divided:
            if not block:
                raise BodyCut(f"{self._source.host}: the body ended before its end")
            if self._at == self._trunk_end:
                self._leave_trunk()
        return block

    def _leave_trunk(self) -> None:
        self._trunk.drop()
        self._left_trunk = True
        self._start_task(self._go_on)

    async def _from_piece(self, piece: _Piece) -> bytes:
        at, size = self._at - piece.start, min(piece.at - self._at, _READ)
        try:
            block = await self._in_thread(self._ahead.read, piece.lane, at, size)
        except OSError:
            raise BodyCut(f"{self._source.host}: what came ahead cannot be read back") from None
        self._at += size
        if self._at == piece.end:
            self._pieces.popleft()
            self._lanes.append(piece.lane)
        self._changed.set()
        return block

    @property
    def helpers(self) -> int:
        """How many connections there are besides the body's own."""
        return len(self._tasks) - self._left_trunk

    @property
    def _is_divided(self) -> bool:
        """Whether a helper has proved itself, and the trunk ends before the body."""
        return self._trunk_end < self._total

    @property
    def wants_help(self) -> bool:
        """Whether one more connection would be of use."""
        return (
            self.helpers < self._most_helpers
            and self._late < _MOST_LATE
            and self._has_work()
            and (self._is_divided or not self._is_fast())
            and self._source.is_open()
        )

    def _recruit(self) -> None:
        """Take one more helper, if a slot is idle; the next one when this one has proved itself."""
        if self._unproven or not self.wants_help or self._elapsed() < _LOOKED_AT:
            return

        def leave() -> None:
            task.cancel()

        loan = self._source.lend(self, leave)
        if loan is not None:
            task = self._start_task(self._help, loan)
            self._unproven.add(task)

    def _is_fast(self) -> bool:
        return self._at - self._start >= _FAST * max(self._elapsed(), _LOOKED_AT)

    def _elapsed(self) -> float:
        return self._now() - self._began

    def _has_work(self) -> bool:
        if any(not piece.taken and piece.missing for piece in self._pieces):
            return True
        longest = max((piece.missing for piece in self._pieces), default=0)
        if longest >= _WORTH_HALVING and self._lanes:
            return True
        return len(self._lanes) > _FOR_HALVES and self._total - self._next_start() >= _LEAST

    def _next_start(self) -> int:
        """Where the next new piece begins: behind the others, or well ahead of the trunk."""
        if self._is_divided:
            return self._frontier
        speed = (self._at - self._start) / max(self._elapsed(), _LOOKED_AT)
        return self._at + max(_LEAST, int(speed * _AHEAD_OF_TRUNK)) * (1 + self._late)

    def _start_task(
        self, work: Callable[[], Coroutine[None, None, None]], loan: Loan | None = None
    ) -> "asyncio.Task[None]":
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._over(task, loan))
        return task

    def _over(self, task: "asyncio.Task[None]", loan: Loan | None) -> None:
        # A callback, because a task that is cancelled before its first step runs no `finally`.
        self._tasks.discard(task)
        self._unproven.discard(task)
        if loan is not None:
            self._source.take_back(loan)
        if not task.cancelled() and task.exception() is not None:
            self._bug = task.exception()
        self._changed.set()

    async def _help(self) -> None:
        """Bring pieces as long as there are any. Whatever goes wrong: the others bring them."""
        try:
            if not self._ahead.is_open:
                await self._in_thread(self._ahead.open, self._total - self._at)
            while self._late < _MOST_LATE and (piece := self._take()) is not None:
                await self._bring(piece)
                if self._source.is_needed_more(self):
                    return
        except NetworkError:
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self._most_helpers = 0
        except (_Unfit, OSError):
            self._most_helpers = 0

    async def _go_on(self) -> None:
        """Bring pieces over the body's own slot, to the last."""
        try:
            while self._at < self._total:
                piece = self._take()
                await (self._change() if piece is None else self._bring(piece))
        except (NetworkError, _Unfit, OSError):
            # What is missing is asked for anew, over one connection, and that answer tells what is wrong.
            self._most_helpers = 0

    def _take(self) -> _Piece | None:
        """Return a piece that nobody brings, the one that is needed first; None if there is none now."""
        untaken = (piece for piece in self._pieces if not piece.taken and piece.missing)
        piece = next(untaken, None) or self._new_piece() or self._second_half()
        if piece is not None:
            piece.taken = True
        return piece

    def _new_piece(self) -> _Piece | None:
        start = self._next_start()
        left = self._total - start
        if len(self._lanes) <= _FOR_HALVES or left <= 0:
            return None
        size = min(PIECE, left, max(_LEAST, left // (self.helpers + 1)))
        piece = _Piece(start, start + size, self._lanes.pop(), start)
        if self._is_divided:
            self._join(piece, len(self._pieces))
            self._frontier = piece.end
        return piece

    def _second_half(self) -> _Piece | None:
        """Take over half of the longest way that somebody else still has, so that all end together."""
        if not self._lanes or not self._is_divided:
            return None
        longest = max(self._pieces, key=lambda piece: piece.missing, default=None)
        if longest is None or longest.missing < _WORTH_HALVING:
            return None
        half = longest.at + longest.missing // 2
        piece = _Piece(half, longest.end, self._lanes.pop(), half)
        longest.end = half
        self._join(piece, self._pieces.index(longest) + 1)
        return piece

    def _join(self, piece: _Piece, place: int) -> None:
        piece.joined = True
        self._pieces.insert(place, piece)

    async def _bring(self, piece: _Piece) -> None:
        try:
            first, last = piece.at, piece.end - 1
            async with self._source.ask(first, last) as incoming:
                if not self._source.fits(incoming, first, last):
                    self._source.refused(incoming)
                    raise _Unfit
                if piece.joined or self._divides(piece):
                    self._prove()
                    await self._pour(incoming, piece)
        finally:
            piece.taken = False
            if not piece.joined:
                self._lanes.append(piece.lane)
            self._changed.set()

    def _divides(self, piece: _Piece) -> bool:
        """End the trunk where the first helper's piece begins, unless the trunk is past it already."""
        if self._at >= piece.start:
            self._late += 1
            return False
        self._trunk_end = piece.start
        self._join(piece, 0)
        self._frontier = piece.end
        return True

    def _prove(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._unproven.discard(task)

    async def _pour(self, incoming: Incoming, piece: _Piece) -> None:
        while piece.missing:
            block = await _block(incoming, piece.missing)
            await self._in_thread(self._ahead.write, piece.lane, piece.at - piece.start, block)
            piece.at = min(piece.at + len(block), piece.end)  # its second half may be somebody else's by now
            self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _in_thread(
        self, work: Callable[_Given, _Made], *given: _Given.args, **named: _Given.kwargs
    ) -> _Made:
        # To its end even if cancelled: nobody may use a lane, or close the file, while a thread is at it.
        loop = asyncio.get_running_loop()
        return await to_its_end(loop.run_in_executor(self._threads, lambda: work(*given, **named)))

    async def _close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._ahead.is_open:
            await self._in_thread(self._ahead.close)


async def _block(incoming: Incoming, most: int) -> bytes:
    """Return the next bytes of an answer, some 256 KiB of them or `most`, never none."""
    pieces: list[bytes] = []
    size = 0
    while size < min(_BLOCK, most):
        arrived = await incoming.read()
        if not arrived:
            raise BodyCut(f"{incoming.host}: a range ended before its end")
        pieces.append(arrived)
        size += len(arrived)
    return b"".join(pieces)[:most]

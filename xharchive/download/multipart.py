"""One large body over several connections: helpers bring ranges over idle slots, read on in order (0013).

Whoever receives the body reads a stream in order, as if it came over one connection, so everything that
resuming rests on stays as it is: the part holds bytes in order only, hashed as they are appended. The first
connection, the trunk, is the ordinary answer. When a helper has proved that the server gives ranges of the
same file, the trunk ends where the helper began, and its slot brings pieces like the helpers do. What a trunk
that is slow or breaks off after that still had to bring is divided like other pieces. Pieces that an earlier
transfer left are gone on with: the answer that brings the rest proved that the server gives ranges.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from xharchive.download.out_of_order import Ahead
from xharchive.download.ranges import MOST_LATE, Piece, Pieces
from xharchive.download.scheduler import Loan
from xharchive.errors import BodyCut, NetworkError
from xharchive.http import Incoming
from xharchive.shielded import to_its_end

__all__ = ["LARGE", "Source", "Split"]

LARGE = 16 * 1024 * 1024
"""How many bytes must be to come for a body to be worth it."""

_BLOCK = 128 * 1024  # what a helper holds in memory before it is written, and a kill loses
_LONGEST_BLOCK = 0.25  # seconds, after which it is written anyway: how fast it is must be seen
_READ = 1024 * 1024
_TELLING = 1024 * 1024  # bytes of one range, after which ranges do not break off as such
_MOST_HELPERS = 3
_MOST_FAILURES = 2

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Source:
    """Where ranges of a body come from.

    `ask` requests the bytes from the first to the last, both included. `fits` tells whether an answer brings
    exactly them, of the very same file. `is_open` tells whether the host may be asked now, `refused` is told
    of an answer that does not fit, `divided` when the body comes in pieces from now on. `lend` gives the body
    an idle slot, if there is one; it is handed a function that is called when the slot is needed back, and
    `take_back` the slot. `is_needed_more` tells whether another body will end so much later that a helper
    should go there.
    """

    host: str
    ask: Callable[[int, int], AbstractAsyncContextManager[Incoming]]
    fits: Callable[[Incoming, int, int], bool]
    is_open: Callable[[], bool]
    refused: Callable[[Incoming], None]
    divided: Callable[[], None]
    lend: Callable[["Split", Callable[[], None]], Loan | None]
    take_back: Callable[[Loan], None]
    is_needed_more: Callable[["Split"], bool]


class _Unfit(Exception):
    """An answer that is not the range of the file that was asked for."""


class Split:
    """A body in order, from byte `start` to its end, over as many connections as there are idle slots for.

    `now` is a clock in seconds. Use it as a context; no helper outlives that. What came before its turn waits
    in `ahead`; with `goes_on`, an earlier transfer may have left something there. It is left there again.
    """

    def __init__(
        self,
        trunk: Incoming,
        start: int,
        source: Source,
        threads: Executor,
        ahead: Ahead,
        now: Callable[[], float],
        *,
        goes_on: bool = False,
    ) -> None:
        self._trunk = trunk
        self._source = source
        self._threads = threads
        self.encoding, self.length, self.chunked = trunk.encoding, trunk.length, trunk.chunked
        self._now = now
        self._pieces = Pieces(start, start + (trunk.length or 0), now)
        self._ahead = ahead
        self._goes_on = goes_on
        self._tasks: set[asyncio.Task[None]] = set()
        self._unproven: set[asyncio.Task[None]] = set()
        self._most_helpers = _MOST_HELPERS
        self._left_trunk = False
        self._going_on: asyncio.Task[None] | None = None
        self._failures = 0
        self.ranges_work = False
        self._bug: BaseException | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._goes_on:
            try:
                self._pieces.restore(await self._in_thread(self._ahead.load))
            except asyncio.CancelledError:
                await to_its_end(self._close())
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_its_end(self._close())
        if problem is None or isinstance(problem, Exception):  # an interruption has the first word
            self._tell_bug()

    async def read(self) -> bytes:
        """Return the next bytes in order, b"" at the end of the body.

        Raises:
            NetworkError: the trunk broke off, or nobody brings what comes next; what was read is good.
        """
        self._tell_bug()
        self._recruit()
        if not self._left_trunk:
            block = await self._from_trunk()
            if block or not self._left_trunk:
                return block
        while self._pieces.at < self._pieces.total:
            self._tell_bug()
            if (head := self._pieces.head) is not None:
                return await self._from_piece(head)
            if not self._tasks:
                raise BodyCut(f"{self._source.host}: the rest did not come as asked for")
            await self._change()
        return b""

    async def _from_trunk(self) -> bytes:
        way = self._pieces
        if way.at == way.trunk_end < way.total:  # the next bytes are there since an earlier transfer
            self._leave_trunk()
            return b""
        try:
            arrived = await self._trunk.read()
        except NetworkError:
            if not way.is_divided:
                raise
            arrived = b""
        block = arrived[: way.trunk_end - way.at]  # a helper may have joined while it was waited for
        way.was_read(len(block))
        if way.is_divided and not block:
            self._failed()
            if not way.replace_trunk():
                raise BodyCut(f"{self._source.host}: the body ended before its end")
        if way.is_divided and way.at == way.trunk_end:
            self._leave_trunk()
        return block

    def _leave_trunk(self) -> None:
        self._trunk.drop()
        self._left_trunk = True
        self._going_on = self._start_task(self._go_on)

    async def _from_piece(self, piece: Piece) -> bytes:
        at, size = self._pieces.at - piece.start, min(piece.at - self._pieces.at, _READ)
        try:
            block = await self._in_thread(self._ahead.read, piece.lane, at, size)
        except OSError:
            raise BodyCut(f"{self._source.host}: what came ahead cannot be read back") from None
        self._pieces.was_read(size)
        self._changed.set()
        return block

    @property
    def is_divided(self) -> bool:
        """Whether pieces took part of the first answer's place."""
        return self._pieces.is_divided

    @property
    def helpers(self) -> int:
        """How many connections there are besides the body's own."""
        return sum(task is not self._going_on for task in self._tasks)

    @property
    def to_come(self) -> int:
        """How many bytes are still to come."""
        return self._pieces.total - self._pieces.at - self._pieces.ahead

    @property
    def to_come_each(self) -> float:
        """How many over each connection."""
        return self.to_come / (self.helpers + 1)

    @property
    def ahead(self) -> int:
        """How many bytes have come that are not read yet."""
        return self._pieces.ahead

    @property
    def wants_help(self) -> bool:
        """Whether one more connection would be of use."""
        return (
            self.helpers < self._most_helpers
            and self._is_welcome
            and self._pieces.is_slow
            and self._pieces.has_work()
        )

    @property
    def _is_welcome(self) -> bool:
        """Whether help has not come to nothing, and the host may be asked."""
        return bool(self._most_helpers) and self._pieces.late < MOST_LATE and self._source.is_open()

    def _recruit(self) -> None:
        """Take one more helper, if a slot is idle; the next one when this one has proved itself."""
        if self._unproven or not self.wants_help:
            return

        def leave() -> None:
            task.cancel()

        loan = self._source.lend(self, leave)
        if loan is not None:
            task = self._start_task(self._help, loan)
            self._unproven.add(task)

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

    def _tell_bug(self) -> None:
        """Raise what nobody expected in a helper, once: it ends the run, whether the body is whole or not."""
        bug, self._bug = self._bug, None
        if bug is not None:
            raise bug

    async def _help(self) -> None:
        """Bring pieces as long as there are any. Whatever goes wrong: the others bring them."""
        try:
            if not self._ahead.is_open:
                await self._in_thread(self._ahead.open, self._pieces.total - self._pieces.at)
            speed = None
            while self._is_welcome and (piece := self._pieces.take(speed, self.helpers)) is not None:
                speed = await self._bring(piece)
                if self._source.is_needed_more(self):
                    return
        except NetworkError:
            self._failed()
        except (_Unfit, OSError):
            self._most_helpers = 0

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            self._most_helpers = 0

    async def _go_on(self) -> None:
        """Bring pieces over the body's own slot, to the last, unless the host is to be left alone.

        Where it cannot, what is missing is asked for anew, over one connection; that answer tells what is
        wrong.
        """
        speed = None
        while self._pieces.at < self._pieces.total and self._source.is_open():
            piece = self._pieces.take(speed, self.helpers)
            try:
                speed = await (self._change() if piece is None else self._bring(piece))
            except NetworkError:
                self._failed()
                if not self._most_helpers:
                    return
            except (_Unfit, OSError):
                self._most_helpers = 0
                return

    async def _bring(self, piece: Piece) -> float | None:
        """Ask for a piece and put it into its lane; return how many bytes a second came, if that tells."""
        try:
            first, last = piece.at, piece.end - 1
            async with self._source.ask(first, last) as incoming:
                if not self._source.fits(incoming, first, last):
                    self._source.refused(incoming)
                    raise _Unfit
                await self._pour(incoming, piece)
            return piece.speed(self._now())
        finally:
            self._pieces.give_back(piece)
            self._changed.set()

    def _divides(self, piece: Piece) -> bool:
        """End the trunk where the first helper's piece begins, unless the trunk is past it already."""
        divides = self._pieces.divide(piece)
        if divides:
            self._source.divided()
        return divides

    def _prove(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._unproven.discard(task)

    async def _pour(self, incoming: Incoming, piece: Piece) -> None:
        while piece.missing:
            gathered: list[bytes] = []
            try:
                await self._gather(incoming, piece.missing, gathered)
            finally:  # what came of an answer that breaks off, or of a helper that must leave, is good
                # Its first bytes are the proof: a host may promise a range and send nothing of it.
                if gathered and (piece.joined or self._divides(piece)):
                    self._prove()
                    await to_its_end(self._put(piece, b"".join(gathered)[: piece.missing]))
            if not piece.joined:
                return
            self.ranges_work |= piece.at - piece.first >= _TELLING

    async def _put(self, piece: Piece, block: bytes) -> None:
        await self._in_thread(self._ahead.write, piece, block)
        piece.at = min(piece.at + len(block), piece.end)  # its second half may be somebody else's by now
        self._changed.set()

    async def _gather(self, incoming: Incoming, most: int, gathered: list[bytes]) -> None:
        """Append the next bytes of an answer: some 128 KiB of them or `most`, fewer if slow."""
        size, until = 0, self._now() + _LONGEST_BLOCK
        while size < min(_BLOCK, most) and (not gathered or self._now() < until):
            arrived = await incoming.read()
            if not arrived:
                raise BodyCut(f"{incoming.host}: a range ended before its end")
            gathered.append(arrived)
            size += len(arrived)

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

"""Limit how many transfers run at once, with priorities, and decide which bodies are split.

Each transfer needs a transfer slot. All assets wait for one in a single queue
(docs/performance.md#connections-and-ranges). Free slots are lent to helper connections of large bodies, and
recalled as soon as an asset needs one.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count

from xharchive.download.hosts import BUSY_STATUSES, HostHealth
from xharchive.download.part_file import PLAIN, PartFile
from xharchive.http import StreamResponse, Transport

SPLIT_ABOVE = 16 * 1024 * 1024
"""A body is split if more bytes than this are missing."""
_NO_LIMIT = 1 << 30
_RANGE_STATUSES = frozenset((200, 206, 416))  # the complete file; a wrong range or file; no such range
_MAX_SHORT_BACKOFF = 10.0  # seconds


@dataclass(eq=False, slots=True)
class Loan:
    """A slot that is lent to a helper connection, whose `task` is cancelled to get it back."""

    host: str
    task: "asyncio.Task[None] | None" = None
    is_recalled: bool = False

    def recall(self) -> None:
        """Have the helper return the slot."""
        self.is_recalled = True
        if self.task is not None:
            self.task.cancel()


class TransferScheduler:
    """Act as a fair semaphore with priorities.

    Args:
        per_host: Limit of simultaneous transfers from one host, helper connections included.

    Attributes:
        changed: Set when the queue gets shorter. Who waits for it clears it.
    """

    def __init__(self, limit: int, per_host: int = _NO_LIMIT) -> None:
        self._free = limit
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._per_host = per_host
        self._at_host: Counter[str] = Counter()
        self._loans: list[Loan] = []
        self._borrowers = 0
        self.changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of assets in the queue."""
        return len(self._queue)

    @property
    def free(self) -> int:
        """The number of slots that no asset needs now."""
        return 0 if self._queue else self._free

    @asynccontextmanager
    async def acquire(self, priority: int) -> AsyncIterator[None]:
        """Wait for a slot and occupy it. A lower `priority` number goes first, then an earlier caller."""
        if self._free and not self._queue:
            self._free -= 1
        else:
            await self._wait_for_turn(priority)
        try:
            yield
        finally:
            self._release()

    @contextmanager
    def transfer(self, host: str) -> Iterator[None]:
        """Count an asset's own transfer from a host. Beyond the limit, recall a helper of that host."""
        self._at_host[host] += 1
        if self._at_host[host] > self._per_host:
            self._recall(host)
        try:
            yield
        finally:
            self._leave_host(host)

    @contextmanager
    def borrower(self) -> Iterator[None]:
        """Count a body that may borrow slots. They share what is idle, so that all end together."""
        self._borrowers += 1
        try:
            yield
        finally:
            self._borrowers -= 1

    @property
    def fair_share(self) -> int:
        """The number of slots that each borrower may have, rounded up."""
        return -(-(self.free + len(self._loans)) // max(self._borrowers, 1))

    def lend(self, host: str) -> Loan | None:
        """Lend a free slot without waiting; None if there is none. End the loan with `end_loan`."""
        if not self.free or self._at_host[host] >= self._per_host:
            return None
        self._free -= 1
        self._at_host[host] += 1
        loan = Loan(host)
        self._loans.append(loan)
        return loan

    def end_loan(self, loan: Loan) -> None:
        """Take a lent slot back."""
        self._loans.remove(loan)
        self._leave_host(loan.host)
        self._release()

    def _leave_host(self, host: str) -> None:
        self._at_host[host] -= 1
        if not self._at_host[host]:
            del self._at_host[host]

    def _recall(self, host: str = "") -> None:
        """Recall the slot that was lent last; only one of `host` if that is given."""
        for loan in reversed(self._loans):
            if not loan.is_recalled and host in ("", loan.host):
                loan.recall()
                return

    async def _wait_for_turn(self, priority: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        entry = (priority, next(self._order), turn)
        heapq.heappush(self._queue, entry)
        self._recall()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            elif entry in self._queue:
                self._queue.remove(entry)
                heapq.heapify(self._queue)
                self.changed.set()
            raise

    def _release(self) -> None:
        while self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():  # a waiter that was just cancelled may still be in the queue
                turn.set_result(None)
                self.changed.set()
                return
        self._free += 1


@dataclass(frozen=True, slots=True)
class Multipart:
    """What the split bodies of a run share. `enabled`: split large bodies at all."""

    transport: Transport
    health: HostHealth
    slots: TransferScheduler
    threads: Executor
    now: Callable[[], float]
    enabled: bool = True
    without_ranges: set[str] = field(default_factory=set)

    def applies_to(self, incoming: StreamResponse, part_file: PartFile, host: str) -> bool:
        """Return whether to split the body of a response.

        Its length must be known. It must be large enough, or have ranges of an earlier transfer, and must
        allow a proof that ranges are of the same file.
        """
        return (
            incoming.length is not None
            and (incoming.length > SPLIT_ABOVE or (part_file.has_ranges and part_file.size > 0))
            and self.enabled
            and host not in self.without_ranges
            and incoming.encoding in PLAIN
            and part_file.remote.can_be_split
        )

    def is_available(self, host: str) -> bool:
        """Return whether ranges may be requested from a host now."""
        return host not in self.without_ranges and not self.health.backoff_left(host)

    def refuse(self, incoming: StreamResponse, host: str) -> None:
        """Record a wrong response to a helper.

        This is not a failure of the host, since the body also arrives without the helper. Most such responses
        say nothing about ranges, so they end the helpers of this body only. A long Retry-After disables
        ranges for the host: it shows that the host counts connections, and each split body would have to wait
        as long.
        """
        rest = (incoming.status in BUSY_STATUSES and incoming.retry_after) or 0.0
        if rest:
            self.health.back_off(host, rest)
        if incoming.status in _RANGE_STATUSES or rest > _MAX_SHORT_BACKOFF:
            self.without_ranges.add(host)

"""The places in which transfers run: `count` at once, the most urgent waiter first.

This is the one queue of assets (docs/performance.md#connections-and-ranges): whoever waits for a slot stands
in it. Places that nobody needs are lent to helpers of large bodies, and asked back as soon as an asset needs
one.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count

__all__ = ["Loan", "Slots"]

_NO_LIMIT = 1 << 30


@dataclass(eq=False, slots=True)
class Loan:
    """A place that is lent for a transfer from `host`; `recall` is called once, when an asset needs it."""

    host: str
    recall: Callable[[], None]
    recalled: bool = False


class Slots:
    """A fair semaphore with priorities; `on_change` is called whenever the queue gets shorter.

    `on_demand` is told of every asset that comes for a place (1) and that is through with it (-1). `per_host`
    is how many transfers one host may have at once, helpers among them.
    """

    def __init__(
        self,
        places: int,
        on_change: Callable[[], None] = lambda: None,
        on_demand: Callable[[int], None] = lambda _: None,
        per_host: int = _NO_LIMIT,
    ) -> None:
        self._free = places
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._per_host = per_host
        self._at_host: Counter[str] = Counter()
        self._loans: list[Loan] = []
        self.on_change = on_change
        self.on_demand = on_demand

    @property
    def waiting(self) -> int:
        """How many assets stand in the queue."""
        return len(self._queue)

    @property
    def free(self) -> int:
        """How many places nobody needs at the moment."""
        return 0 if self._queue else self._free

    @asynccontextmanager
    async def one(self, urgency: int) -> AsyncIterator[None]:
        """Wait for a place and hold it; a lower `urgency` number goes first, then who came first."""
        self.on_demand(1)
        try:
            await self._take(urgency)
            try:
                yield
            finally:
                self._give_back()
        finally:
            self.on_demand(-1)

    @contextmanager
    def transfer(self, host: str) -> Iterator[None]:
        """Count an asset's own transfer from a host; a helper makes room for it if it is one too many."""
        self._at_host[host] += 1
        if self._at_host[host] > self._per_host:
            self._recall(host)
        try:
            yield
        finally:
            self._left(host)

    def lend(self, host: str, recall: Callable[[], None]) -> Loan | None:
        """Take a place that nobody needs, without waiting; None if there is none. `take_back` ends it."""
        if not self.free or self._at_host[host] >= self._per_host:
            return None
        self._free -= 1
        self._at_host[host] += 1
        loan = Loan(host, recall)
        self._loans.append(loan)
        return loan

    def take_back(self, loan: Loan) -> None:
        """A helper is through with its place."""
        self._loans.remove(loan)
        self._left(loan.host)
        self._give_back()

    def _left(self, host: str) -> None:
        self._at_host[host] -= 1
        if not self._at_host[host]:
            del self._at_host[host]

    def _recall(self, host: str = "") -> None:
        """Ask one place back, the one that was lent last; of a certain host if one is named."""
        for loan in reversed(self._loans):
            if not loan.recalled and host in ("", loan.host):
                loan.recalled = True
                loan.recall()
                return

    async def _take(self, urgency: int) -> None:
        if self._free and not self._queue:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        entry = (urgency, next(self._order), turn)
        heapq.heappush(self._queue, entry)
        self._recall()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()
            elif entry in self._queue:
                self._queue.remove(entry)
                heapq.heapify(self._queue)
                self.on_change()
            raise

    def _give_back(self) -> None:
        while self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():  # a waiter cancelled a moment ago may still stand in the queue
                turn.set_result(None)
                self.on_change()
                return
        self._free += 1

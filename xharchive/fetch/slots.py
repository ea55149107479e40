"""The places in which transfers run: `count` at once, the most urgent waiter first.

This is the one queue of assets of PERFORMANCE section 7: whoever waits for a slot stands in it.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

__all__ = ["Slots"]


class Slots:
    """A fair semaphore with priorities; `on_change` is called whenever the queue gets shorter.

    `on_demand` is told of every asset that comes for a place (1) and that is through with it (-1).
    """

    def __init__(
        self,
        places: int,
        on_change: Callable[[], None] = lambda: None,
        on_demand: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._free = places
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self.on_change = on_change
        self.on_demand = on_demand

    @property
    def waiting(self) -> int:
        """How many assets stand in the queue."""
        return len(self._queue)

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

    async def _take(self, urgency: int) -> None:
        if self._free and not self._queue:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        entry = (urgency, next(self._order), turn)
        heapq.heappush(self._queue, entry)
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

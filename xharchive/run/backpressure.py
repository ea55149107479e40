"""How far notes are resolved ahead of the downloads (docs/performance.md#connections-and-ranges).

Far enough that the queue of assets never runs dry, no further, so that signed URLs do not age in it and
memory does not grow with the list.

Where calls come at a rate, one that does not go out at its time is lost: a heap of work behind a few large
notes must not hold up the next call, because there may be little to do for the notes that follow. Then only
the number of notes bounds how far the calls run ahead: minutes, while signed URLs live for a day.
"""

import asyncio
import math
from collections.abc import Callable

__all__ = ["Lookahead"]

_ALIVE = 64
_ALIVE_AT_A_RATE = 128


class Lookahead:
    """Admits a note when the queue of assets is short and few enough notes are alive.

    With `at_a_rate` the queue may have any length, and one note more than calls may run is made ready, so
    that there is always one at the gate when it opens.
    """

    def __init__(
        self, jobs: int, api_jobs: int, waiting_assets: Callable[[], int], *, at_a_rate: bool = False
    ) -> None:
        self._deep_enough = math.inf if at_a_rate else 2 * jobs
        self._most_resolving = api_jobs + at_a_rate
        self._most_alive = max(_ALIVE_AT_A_RATE if at_a_rate else _ALIVE, 4 * jobs)
        self._waiting_assets = waiting_assets
        self._resolving = 0
        self._alive = 0
        self._changed = asyncio.Event()

    async def admit(self) -> None:
        """Wait until another note is wanted, and count it as alive and resolving."""
        while not self._wanted():
            self._changed.clear()
            await self._changed.wait()
        self._resolving += 1
        self._alive += 1

    def _wanted(self) -> bool:
        return (
            self._resolving < self._most_resolving
            and self._alive < self._most_alive
            and self._waiting_assets() < self._deep_enough
        )

    def resolved(self) -> None:
        """A note's assets stand in the queue now, or it has none."""
        self._resolving -= 1
        self.look()

    def finished(self) -> None:
        """A note is through."""
        self._alive -= 1
        self.look()

    def look(self) -> None:
        """Something changed: whoever waits may look again."""
        self._changed.set()

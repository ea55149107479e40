"""When calls may go out: one gate for all of them, the rate at which it opens, and a note's retries."""

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["Pace", "Rate", "Retries", "Turn"]

Turn = asyncio.Future[None]
"""A call's leave to go out; done when it went."""


class Retries:
    """The retries that one note may use, over all endpoints together."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._once_taken = False
        self.spent = 0

    def spend(self, *, once: bool) -> bool:
        """Take one retry; False when none is left. With `once` a note has a single one."""
        if self.spent >= self._retries or (once and self._once_taken):
            return False
        self._once_taken = self._once_taken or once
        self.spent += 1
        return True


class Rate:
    """At most one call in `every` seconds, whichever stage of a run makes it; `clock` counts seconds.

    What was not used is not saved up: after a quiet hour calls are as far apart as ever.
    """

    def __init__(self, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._due = clock()

    @property
    def left(self) -> float:
        """The seconds until a call may go out; 0 or less if one may."""
        return self._due - self._clock()

    def take(self) -> None:
        """A call goes out now."""
        self._due = self._clock() + self._every


class Pace:
    """One gate before all calls, shut whenever the API asks for fewer, and between two at a rate.

    `tell` hears for how many seconds it is shut at the API's wish; of the rate, which is the user's, it hears
    nothing.
    """

    def __init__(
        self,
        wait: Callable[[float], Awaitable[None]],
        rate: Rate | None = None,
        tell: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._wait = wait
        self._rate = rate
        self._tell = tell
        self._owed = 0.0
        self._gate = asyncio.Lock()
        self._resting: asyncio.Future[None] | None = None
        self._last: Turn | None = None
        self._over = False

    def slow_down(self, seconds: float) -> None:
        """Shut the gate for at least so many seconds."""
        self._owed = max(self._owed, seconds)

    def recover(self) -> None:
        """A call went through: whatever was owed meanwhile is enough."""
        self._owed = 0.0

    def let_go(self) -> None:
        """No call will go out any more: nobody need wait to be told so."""
        self._over = True
        if self._resting is not None:
            self._resting.cancel()

    async def pause(self) -> Turn:
        """Wait until the gate is open, first come, first served; whoever comes first waits for all.

        At a rate nobody passes until the one before has gone out: what is written down before a call goes
        takes its time, and two that passed the gate in order must not leave together.
        """
        turn: Turn = asyncio.get_running_loop().create_future()
        async with self._gate:
            if self._rate is not None and self._last is not None and not self._over:
                await asyncio.wait({self._last})
            while not self._over and (seconds := self._shut_for()) > 0:
                await self._rest(seconds)
            self._last = turn
        return turn

    def go_out(self, turn: Turn) -> None:
        """The call goes out now, or never will; the second time does not count."""
        if not turn.done():
            turn.set_result(None)
            if self._rate is not None and not self._over:
                self._rate.take()

    def _shut_for(self) -> float:
        owed, self._owed = self._owed, 0.0
        if owed > 0:
            self._tell(owed)
            return owed
        return self._rate.left if self._rate is not None else 0.0

    async def _rest(self, seconds: float) -> None:
        resting = self._resting = asyncio.ensure_future(self._wait(seconds))
        try:
            await asyncio.wait({resting})
        finally:
            resting.cancel()
            self._resting = None
        if not resting.cancelled():
            resting.result()

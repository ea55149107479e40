"""Decide when paid calls may be sent: the rate limiter that all calls pass, and the retries of one note."""

import asyncio
import time
from collections.abc import Awaitable, Callable

Permit = asyncio.Future[None]
"""Permission to send one call; done when the call was sent, or will not be."""


class Retries:
    """Count the retries that one note may use, over all endpoints together."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._once_spent = False
        self.spent = 0

    def spend(self, *, once: bool) -> bool:
        """Use up one retry.

        Args:
            once: count the retry among those of which a note has a single one.

        Returns:
            False if no retry is left.
        """
        if self.spent >= self._retries or (once and self._once_spent):
            return False
        self._once_spent = self._once_spent or once
        self.spent += 1
        return True


class Rate:
    """Space calls at least `interval` seconds apart, whichever stage of a run makes them.

    Unused time does not add up: a pause without calls does not allow a burst after it.

    Args:
        interval: seconds between two calls.
        clock: the current time in seconds.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._next_at = clock()

    @property
    def seconds_left(self) -> float:
        """The seconds until the next call may be sent; 0 or less if it may be sent now."""
        return self._next_at - self._clock()

    def record_call(self) -> None:
        """Record that a call is sent now."""
        self._next_at = self._clock() + self._interval


class RateLimiter:
    """Make all calls wait where the API asks for a pause, and keep them apart at a rate.

    Args:
        wait: sleeps for a number of seconds.
        rate: the rate that the user set; None for no limit.
        on_pause: receives the seconds of a pause that the API asked for. Waits for the rate are not reported.
    """

    def __init__(
        self,
        wait: Callable[[float], Awaitable[None]],
        rate: Rate | None = None,
        on_pause: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._wait = wait
        self._rate = rate
        self._on_pause = on_pause
        self._requested_pause = 0.0
        self._lock = asyncio.Lock()
        self._sleeping: asyncio.Future[None] | None = None
        self._last: Permit | None = None
        self._is_cancelled = False

    def slow_down(self, seconds: float) -> None:
        """Make the next call, and all after it, wait for at least this many seconds."""
        self._requested_pause = max(self._requested_pause, seconds)

    def recover(self) -> None:
        """Forget a requested pause, because a call has succeeded since."""
        self._requested_pause = 0.0

    def cancel_waiters(self) -> None:
        """End all waits, now and later: the caller refuses every further call."""
        self._is_cancelled = True
        if self._sleeping is not None:
            self._sleeping.cancel()

    async def acquire(self) -> Permit:
        """Wait until a call may be sent, first come, first served.

        With a rate, the wait also covers the time until the call before was really sent. The ledger is
        written between permit and request, so without this rule two calls could be sent at once.

        Returns:
            A permit, to be passed to `release`.
        """
        permit: Permit = asyncio.get_running_loop().create_future()
        async with self._lock:
            if self._rate is not None and self._last is not None and not self._is_cancelled:
                await asyncio.wait({self._last})
            while not self._is_cancelled and (seconds := self._seconds_to_wait()) > 0:
                await self._sleep(seconds)
            self._last = permit
        return permit

    def release(self, permit: Permit) -> None:
        """Record that the call of a permit is sent now, or never will be; only the first time counts."""
        if not permit.done():
            permit.set_result(None)
            if self._rate is not None and not self._is_cancelled:
                self._rate.record_call()

    def _seconds_to_wait(self) -> float:
        pause, self._requested_pause = self._requested_pause, 0.0
        if pause > 0:
            self._on_pause(pause)
            return pause
        return self._rate.seconds_left if self._rate is not None else 0.0

    async def _sleep(self, seconds: float) -> None:
        """Sleep until the time is over or `cancel_waiters` is called."""
        sleeping = self._sleeping = asyncio.ensure_future(self._wait(seconds))
        try:
            await asyncio.wait({sleeping})
        finally:
            sleeping.cancel()
            self._sleeping = None
        if not sleeping.cancelled():
            sleeping.result()

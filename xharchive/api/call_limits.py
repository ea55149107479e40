"""Decide whether and when a paid call may be sent: by retries, budget, rate limiter and circuit breaker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum

from xharchive.errors import Refused
from xharchive.sanitize import counted

Permit = asyncio.Future[None]
"""Permission to send one call; done when the call was sent, or will not be."""


class Retries:
    """Count the retries that one note may use, over all endpoints together."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._once_spent = False
        self.spent = 0

    def spend(self, *, once: bool) -> bool:
        """Use up one retry; return False if none is left. A note has a single retry of the kind `once`."""
        if self.spent >= self._retries or (once and self._once_spent):
            return False
        self._once_spent = self._once_spent or once
        self.spent += 1
        return True


class Budget:
    """Allow at most `limit` calls; None for no limit.

    A call that never left this machine is free, so a call is counted when it ends. `spent` includes the calls
    of earlier stages of the run.
    """

    def __init__(self, limit: int | None, spent: int = 0) -> None:
        self._limit = limit
        self._reserved = 0
        self._changed = asyncio.Event()
        self.spent = spent

    @property
    def is_spent(self) -> bool:
        """Whether the budget is used up."""
        return self._limit is not None and self.spent >= self._limit

    def check(self) -> None:
        """Raise `Refused` if the budget is used up."""
        if self._limit is not None and self.is_spent:
            raise Refused(f"the budget of {counted(self._limit, 'API call')} (--max-calls) is used up")

    async def reserve(self) -> None:
        """Reserve one call, or raise `Refused`. Wait while the calls under way could use up the budget."""
        while self._limit is not None and self.spent + self._reserved >= self._limit:
            self.check()
            self._changed.clear()
            await self._changed.wait()
        self._reserved += 1

    def release(self, *, sent: bool) -> None:
        """End a reserved call, and count it if it was sent."""
        self._reserved -= 1
        self.spent += sent
        self._changed.set()


class Rate:
    """Space calls at least `interval` seconds apart, whichever stage of a run makes them.

    Unused time does not add up: a pause without calls does not allow a burst after it. `clock` gives seconds.
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

    `on_pause` receives the seconds of a pause that the API asked for; waits for the rate are not reported.
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
        """Wait until a call may be sent, first come, first served; return a permit to `release`.

        With a rate, the wait also covers the time until the call before was really sent. The ledger is
        written between permit and request, so without this rule two calls could be sent at once.
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
        sleeping = self._sleeping = asyncio.ensure_future(self._wait(seconds))
        try:
            await asyncio.wait({sleeping})
        finally:
            sleeping.cancel()
            self._sleeping = None
        if not sleeping.cancelled():
            sleeping.result()


_FAILURES_UNTIL_OPEN = 5


class Silence(Enum):
    """Why the API did not reply to the calls for a note."""

    NONE = "none"
    """No outage: the API replied, or replied to other notes soon after."""
    UNDECIDED = "undecided"
    """No note got a reply since, but too few were tried to call it an outage."""
    OUTAGE = "outage"
    """The calls fell into an outage."""


class CircuitBreaker:
    """Detect an outage of the API, and let single probes through until it replies.

    The circuit opens after five subjects in a row without a reply. A subject is a note, a page of a listing
    or a short link; each counts once. `pauses` are the seconds before each probe.
    """

    def __init__(
        self,
        pauses: Sequence[float],
        wait: Callable[[float], Awaitable[None]],
        warn: Callable[[str], None],
    ) -> None:
        self._pauses = pauses
        self._wait = wait
        self._warn = warn
        self._probes = 0
        self._probe_lock = asyncio.Lock()
        self._silent: dict[str, None] = {}  # an ordered set: the subjects in a row without a reply
        self._in_outage: set[str] = set()
        self._last_error = ""
        self._is_cancelled = False

    @property
    def is_open(self) -> bool:
        """Whether there is an outage now."""
        return len(self._silent) >= _FAILURES_UNTIL_OPEN

    @property
    def reason(self) -> str:
        """The sentence that explains why an outage ended the run."""
        return (
            f"the API did not reply to {counted(len(self._silent), 'note')} in a row ({self._last_error}); "
            "run `xharchive resume` when it does"
        )

    def cancel_waiters(self) -> None:
        """Start no further pause before a probe: the caller refuses every further call."""
        self._is_cancelled = True

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wait until a call may be made; make the call inside the context.

        Without an outage, calls run in parallel. In an outage each is a probe: one at a time, each after a
        longer pause.

        Raises:
            Refused: the last probe got no reply either.
        """
        if not self.is_open:
            yield
            return
        async with self._probe_lock:
            if await self._begin_probe():
                yield
                return
        yield  # the outage is over: run in parallel again, without the lock

    async def _begin_probe(self) -> bool:
        """Wait until a probe may be made; return False if the outage ended meanwhile."""
        if self._is_cancelled or not self.is_open:
            return self.is_open
        if self._probes == len(self._pauses):
            raise Refused(self.reason)
        pause = self._pauses[self._probes]
        self._probes += 1
        self._warn(f"no reply from the API ({self._last_error}); asking again in {pause:g} seconds")
        await self._wait(pause)
        return self.is_open

    def record_silence(self, subject: str, error: str) -> None:
        """Record that all calls for a subject ended without a reply; `error` describes the last one."""
        self._silent[subject] = None
        self._last_error = error

    def record_reply(self) -> None:
        """Record a reply of the API, which ends an outage."""
        if self.is_open:
            silent = counted(len(self._silent), "note")
            self._warn(f"the API replies again; {silent} without a reply are left for later")
        self.close()

    def close(self) -> None:
        """Close the circuit, and attribute the calls without a reply to an outage if there was one."""
        if self.is_open:
            self._in_outage.update(self._silent)
        self._silent.clear()
        self._probes = 0

    def silence_about(self, subject: str) -> Silence:
        """Return why a subject got no reply, as far as known now."""
        if subject in self._in_outage or (self.is_open and subject in self._silent):
            return Silence.OUTAGE
        return Silence.UNDECIDED if subject in self._silent else Silence.NONE

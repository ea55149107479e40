"""Stop calls during an outage of the API, and probe it at growing pauses until it replies again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum

from xharchive.errors import Refused
from xharchive.sanitize import counted

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

"""A brake for an outage of the API: after some notes in a row without a reply, probes at growing pauses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum

from xharchive.errors import Refused
from xharchive.sanitize import counted

__all__ = ["Outage", "Silence"]

_NOTES_IN_A_ROW = 5


class Silence(Enum):
    """What it means for a note that the API did not reply to its calls."""

    NONE = "none"
    """The API replied, or replied to other notes soon after: no outage."""
    UNDECIDED = "undecided"
    """There was no reply to any note since, but too few were asked to call it an outage."""
    OUTAGE = "outage"
    """The note was asked for during an outage."""


class Outage:
    """Notices that the API does not reply to anything, and lets single probes through until it does.

    Notes, pages of listings and short links count alike, each once. `pauses` are the seconds before each
    probe; `warn` receives a sentence for the user.
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
        self._probing = asyncio.Lock()
        self._silent: dict[str, None] = {}  # in a row, those without a reply
        self._affected: set[str] = set()
        self._trouble = ""
        self._over = False

    @property
    def on(self) -> bool:
        """Whether there is an outage now."""
        return len(self._silent) >= _NOTES_IN_A_ROW

    @property
    def reason(self) -> str:
        """A sentence that ends a run during an outage."""
        return (
            f"the API did not reply to {counted(len(self._silent), 'note')} in a row ({self._trouble}); "
            "run `xharchive resume` when it does"
        )

    def let_go(self) -> None:
        """Stop making calls wait: each will be refused."""
        self._over = True

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Wait until a call may be made, and make it inside.

        Without an outage calls do not wait for each other. In one they are probes: one at a time, each after
        a longer pause.

        Raises:
            Refused: the last probe brought no reply either.
        """
        if not self.on:
            yield
            return
        async with self._probing:
            if await self._begin_probe():
                yield
                return
        yield  # the outage is over: those who waited need not go one by one

    async def _begin_probe(self) -> bool:
        """Wait until a probe may be made; return False if the outage is over by then."""
        if self._over or not self.on:
            return self.on
        if self._probes == len(self._pauses):
            raise Refused(self.reason)
        pause = self._pauses[self._probes]
        self._probes += 1
        self._warn(f"no reply from the API ({self._trouble}); asking again in {pause:g} seconds")
        await self._wait(pause)
        return self.on

    def no_reply(self, about: str, trouble: str) -> None:
        """Note that all calls about a note ended without a reply."""
        self._silent[about] = None
        self._trouble = trouble

    def reply(self) -> None:
        """Note that the API replied to somebody: an outage is over."""
        if self.on:
            silent = counted(len(self._silent), "note")
            self._warn(f"the API replies again; {silent} without a reply are left for later")
        self.end()

    def end(self) -> None:
        """Decide about the notes without a reply: the run goes on, or ends."""
        if self.on:
            self._affected.update(self._silent)
        self._silent.clear()
        self._probes = 0

    def silence_about(self, about: str) -> Silence:
        """Return what a note's lack of a reply means, by what is known now."""
        if about in self._affected or (self.on and about in self._silent):
            return Silence.OUTAGE
        return Silence.UNDECIDED if about in self._silent else Silence.NONE

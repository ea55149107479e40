"""When calls may go out: one gate for all of them, and the retries that one note may use."""

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["Pace", "Retries"]


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


class Pace:
    """One gate before all calls: shut for a while whenever the API asks for fewer calls."""

    def __init__(self, wait: Callable[[float], Awaitable[None]]) -> None:
        self._wait = wait
        self._owed = 0.0
        self._gate = asyncio.Lock()

    def slow_down(self, seconds: float) -> None:
        """Shut the gate for at least so many seconds."""
        self._owed = max(self._owed, seconds)

    def recover(self) -> None:
        """A call went through: whatever was owed meanwhile is enough."""
        self._owed = 0.0

    async def pause(self) -> None:
        """Wait until the gate is open; whoever comes first waits for all."""
        async with self._gate:
            while self._owed > 0:
                owed, self._owed = self._owed, 0.0
                await self._wait(owed)

"""The budget of a run, in API calls that left this machine."""

import asyncio

from xharchive.errors import Refused
from xharchive.sanitize import counted

__all__ = ["Budget"]


class Budget:
    """Allows at most `most` calls (None: any number); `spent` were made by earlier stages of the run.

    Whether an attempt counts is known when it ends, because one that never left this machine is free.
    """

    def __init__(self, most: int | None, spent: int = 0) -> None:
        self._most = most
        self._under_way = 0
        self._changed = asyncio.Event()
        self.spent = spent

    @property
    def is_spent(self) -> bool:
        """Whether no call may be made any more."""
        return self._most is not None and self.spent >= self._most

    def check(self) -> None:
        """Look whether there is anything left.

        Raises:
            Refused: there is not.
        """
        if self._most is not None and self.is_spent:
            raise Refused(f"the budget of {counted(self._most, 'API call')} (--max-calls) is used up")

    async def reserve(self) -> None:
        """Reserve one call; while calls under way could use up the rest, wait for their ends.

        Raises:
            Refused: the budget is used up.
        """
        while self._most is not None and self.spent + self._under_way >= self._most:
            self.check()
            self._changed.clear()
            await self._changed.wait()
        self._under_way += 1

    def settle(self, *, sent: bool) -> None:
        """End a reserved call, and count it if it was sent."""
        self._under_way -= 1
        self.spent += sent
        self._changed.set()

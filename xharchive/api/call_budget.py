"""Limit how many API calls a run may send."""

import asyncio

from xharchive.errors import Refused
from xharchive.sanitize import counted

__all__ = ["Budget"]


class Budget:
    """Allow at most `limit` calls.

    A call that never left this machine is free, so a call is counted when it ends.

    Args:
        limit: the most calls; None for no limit.
        spent: calls that earlier stages of the run sent.
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
        """Check that the budget is not used up.

        Raises:
            Refused: the budget is used up.
        """
        if self._limit is not None and self.is_spent:
            raise Refused(f"the budget of {counted(self._limit, 'API call')} (--max-calls) is used up")

    async def reserve(self) -> None:
        """Reserve one call. Wait while the calls under way could use up the budget.

        Raises:
            Refused: the budget is used up.
        """
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

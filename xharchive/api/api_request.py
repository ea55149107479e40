"""Define an API request, the limits and the budget of calls, and the errors without a usable reply."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from xharchive.api.ledger_report import CutOff
from xharchive.api.rate_limit import Rate
from xharchive.errors import NoteFailed, Refused, ReplyUnusable
from xharchive.retry import RetryPolicy
from xharchive.sanitize import counted


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Retries, parallel calls, rate and budget of the calls of a run.

    - `api_jobs`: calls in parallel.
    - `patience`: seconds that an interrupted run waits for the responses to calls under way.
    - `rate`: the rate of all stages of the run together; None for no limit.
    - `max_calls`: the budget of the run, in calls sent; None for no limit.
    - `spent`: the calls that earlier stages of the run sent.
    - `refused`: why an earlier stage may make no more calls, which holds for this stage too; "" if it may.
    - `cut_off`: calls of earlier runs, by subject and endpoint, that may have been billed. They must not be
      repeated.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    api_jobs: int = 3
    patience: float = 4.0
    rate: Rate | None = None
    max_calls: int | None = None
    spent: int = 0
    refused: str = ""
    cut_off: CutOff = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One API request.

    - `endpoint`, `path`, `parameters`: the endpoint's name, its URL path, and the query without the token.
    - `subject`: a note id, or the name of a listing page or short link; the ledger records it.
    - `saved_as`: the name of the saved reply.
    - `identifier`: describes the requested object in messages, such as "the note id".
    """

    endpoint: str
    path: str
    parameters: Mapping[str, str]
    subject: str
    saved_as: str
    identifier: str = "the note id"


class NoUsableReply(ReplyUnusable):
    """One endpoint gave no usable reply after all retries; no reply is saved."""


class NoReply(NoteFailed):
    """The API's host did not respond to a call; the other endpoints on it are not tried for the subject."""


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

"""Which bodies are split over several connections, and what an answer to a helper tells about its host."""

import os
import resource
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from xharchive.download.host_backoff import BUSY, HostHealth
from xharchive.download.multipart import LARGE, Source, Split
from xharchive.download.out_of_order import Ahead
from xharchive.download.part_file import Partial
from xharchive.download.scheduler import Loan, Slots
from xharchive.http import Incoming, Transport

__all__ = ["FetchOptions", "Splits"]

_ABOUT_RANGES = frozenset((200, 206, 416))  # all of it; other bytes, or of another file; none
_SHORT_REST = 10.0  # seconds
_DESCRIPTORS_IN_RESERVE = 24  # for records, workers' pipes, databases and folders that are to be synced


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """With `ranges` a large body may come over several connections, while slots are idle.

    `patience` is how many seconds one asset is waited for in all, between tries and for busy hosts; for None
    see `Patience`.
    """

    ranges: bool = True
    patience: float | None = None


class Splits:
    """Splits the bodies of one run; remembers the hosts that give no ranges. `now` is a clock in seconds."""

    def __init__(
        self,
        transport: Transport,
        health: HostHealth,
        slots: Slots,
        threads: Executor,
        now: Callable[[], float],
        options: FetchOptions,
    ) -> None:
        self._transport = transport
        self._health = health
        self._slots = slots
        self._threads = threads
        self._now = now
        self._options = options
        self._without_ranges: set[str] = set()
        self._running: set[Split] = set()

    def transfer(self, host: str) -> AbstractContextManager[None]:
        """Count an asset's own transfer: helpers make room for it at its host."""
        return self._slots.transfer(host)

    def suits(self, incoming: Incoming, partial: Partial, host: str) -> bool:
        """Whether an answer, which `partial` goes on with, is worth splitting and can be held to its word."""
        return (
            self._options.ranges
            and host not in self._without_ranges
            and ((incoming.length or 0) > LARGE or partial.has_ahead)
            and incoming.encoding in ("", "identity")
            and partial.can_be_split
        )

    @asynccontextmanager
    async def over(
        self, trunk: Incoming, partial: Partial, url: str, headers: dict[str, str]
    ) -> AsyncIterator[Split]:
        """Yield the body as a stream in order; `url` and `headers` are those that it was asked for with."""
        host = urlsplit(url).hostname or ""
        source = Source(
            host,
            ask=lambda first, last: self._transport.open(url, {**headers, **partial.asking_for(first, last)}),
            fits=partial.fits_between,
            is_open=lambda: host not in self._without_ranges and not self._health.rest_left(host),
            refused=lambda incoming: self._refused(incoming, host),
            divided=partial.come_in_pieces,
            lend=lambda split, recall: self._lend(split, host, recall),
            take_back=self._slots.take_back,
            is_needed_more=self._is_needed_more,
        )
        goes_on = partial.has_ahead
        ahead = Ahead(partial.place_ahead(), partial.body)
        async with Split(
            trunk, partial.size, source, self._threads, ahead, self._now, goes_on=goes_on
        ) as split:
            self._running.add(split)
            try:
                yield split
            finally:
                self._running.remove(split)

    def _lend(self, split: Split, host: str, recall: Callable[[], None]) -> Loan | None:
        """Lend an idle slot, but leave one for each body that will end later: all end at the same time."""
        poorer = sum(other.to_come_each > split.to_come_each and other.wants_help for other in self._running)
        if self._slots.free <= poorer or not _may_open_more(2 * self._slots.free):
            return None
        return self._slots.lend(host, recall)

    def _is_needed_more(self, split: Split) -> bool:
        """Whether a helper had better go elsewhere now, between two pieces: its body still ends earlier."""
        without = split.to_come / max(split.helpers, 1)
        return not self._slots.free and any(
            other.to_come_each > without and other.wants_help for other in self._running
        )

    def give_up(self, host: str) -> None:
        """Ask this host for no ranges any more: what it sent of them did not come to an end."""
        self._without_ranges.add(host)

    def _refused(self, incoming: Incoming, host: str) -> None:
        """A helper was answered otherwise: nobody's failure, for the body comes without it too.

        Most such answers say nothing of ranges; so they end help for the body, not for the host. One that
        sends a helper away for long counts connections: each body in pieces would have to wait as long.
        """
        rest = incoming.retry_after if incoming.status in BUSY else None
        if rest:
            self._health.rest(host, rest)
        if incoming.status in _ABOUT_RANGES or (rest or 0) > _SHORT_REST:
            self.give_up(host)


def _may_open_more(needed: int) -> bool:
    """Whether a helper may open a socket and a file, with `needed` others to come and what a run opens.

    The lowest free descriptor tells how many are open, near enough, everywhere.
    """
    try:
        lowest = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return False
    os.close(lowest)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit == resource.RLIM_INFINITY or lowest + needed + _DESCRIPTORS_IN_RESERVE < limit

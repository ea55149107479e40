"""Decide which bodies to download over several connections, and from which hosts."""

import os
import resource
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from xharchive.download.host_backoff import BUSY_STATUSES, HostHealth
from xharchive.download.multipart import SPLIT_ABOVE, MultipartDownload, MultipartSource
from xharchive.download.out_of_order import OutOfOrderBuffer
from xharchive.download.part_file import PartFile
from xharchive.download.scheduler import Loan, TransferScheduler
from xharchive.http import StreamResponse, Transport

_RANGE_STATUSES = frozenset((200, 206, 416))  # the complete file; a wrong range or file; no such range
_MAX_SHORT_BACKOFF = 10.0  # seconds
_DESCRIPTORS_IN_RESERVE = 24  # for records, pipes of worker processes, databases, and folders to sync


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Set options of all downloads of a run.

    Args:
        ranges: Download a large body over several connections while transfer slots are idle.
        patience: Limit in seconds for all waits of one asset, between tries and for busy hosts. None for the
            defaults of `WaitBudget`.
    """

    ranges: bool = True
    patience: float | None = None


class MultipartPolicy:
    """Split the bodies of one run over connections. Remember the hosts that give no ranges.

    Args:
        now: Monotonic clock in seconds.
    """

    def __init__(
        self,
        transport: Transport,
        health: HostHealth,
        slots: TransferScheduler,
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
        self._running: set[MultipartDownload] = set()

    def transfer(self, host: str) -> AbstractContextManager[None]:
        """Count an asset's own transfer. Helpers make room for it at its host."""
        return self._slots.transfer(host)

    def applies_to(self, incoming: StreamResponse, part_file: PartFile, host: str) -> bool:
        """Return whether to split the body of a response.

        It must be large enough, or have buffered ranges, and must allow a proof that ranges are of the same
        file.
        """
        return (
            self._options.ranges
            and host not in self._without_ranges
            and ((incoming.length or 0) > SPLIT_ABOVE or part_file.has_buffer)
            and incoming.encoding in ("", "identity")
            and part_file.can_be_split
        )

    @asynccontextmanager
    async def open_body(
        self, main: StreamResponse, part_file: PartFile, url: str, headers: dict[str, str]
    ) -> AsyncIterator[MultipartDownload]:
        """Yield the body as a stream in order.

        Args:
            url: The URL that `main` was requested with.
            headers: The headers that `main` was requested with.
        """
        host = urlsplit(url).hostname or ""
        source = MultipartSource(
            host,
            request=lambda first, last: self._transport.open(
                url, {**headers, **part_file.range_headers(first, last)}
            ),
            matches=part_file.matches_range,
            is_available=lambda: host not in self._without_ranges and not self._health.backoff_left(host),
            on_refused=lambda incoming: self._on_refused(incoming, host),
            on_split=part_file.mark_multipart,
            borrow_slot=lambda split, recall: self._borrow_slot(split, host, recall),
            return_slot=self._slots.end_loan,
            is_needed_elsewhere=self._is_needed_elsewhere,
        )
        resumes = part_file.has_buffer
        buffer = OutOfOrderBuffer(part_file.buffer_path(), part_file.body_id)
        async with MultipartDownload(
            main, part_file.size, source, self._threads, buffer, self._now, resumes=resumes
        ) as split:
            self._running.add(split)
            try:
                yield split
            finally:
                self._running.remove(split)

    def _borrow_slot(self, split: MultipartDownload, host: str, recall: Callable[[], None]) -> Loan | None:
        """Borrow an idle slot, but leave one for each body that will end later: so all end together."""
        needier = sum(
            other.remaining_per_connection > split.remaining_per_connection and other.wants_helper
            for other in self._running
        )
        if self._slots.free <= needier or not _has_descriptors_for(2 * self._slots.free):
            return None
        return self._slots.lend(host, recall)

    def _is_needed_elsewhere(self, split: MultipartDownload) -> bool:
        """Return whether a helper should go to another body: this one ends earlier even without it."""
        without = split.remaining / max(split.helpers, 1)
        return not self._slots.free and any(
            other.remaining_per_connection > without and other.wants_helper for other in self._running
        )

    def disable_ranges(self, host: str) -> None:
        """Request no more ranges from this host in this run."""
        self._without_ranges.add(host)

    def _on_refused(self, incoming: StreamResponse, host: str) -> None:
        """Record a wrong response to a helper.

        This is not a failure of the host, since the body also arrives without the helper. Most such responses
        say nothing about ranges, so they end the helpers of this body only. A long Retry-After disables
        ranges for the host: it shows that the host counts connections, and each split body would have to wait
        as long.
        """
        rest = incoming.retry_after if incoming.status in BUSY_STATUSES else None
        if rest:
            self._health.back_off(host, rest)
        if incoming.status in _RANGE_STATUSES or (rest or 0) > _MAX_SHORT_BACKOFF:
            self.disable_ranges(host)


def _has_descriptors_for(needed: int) -> bool:
    """Return whether a helper may open a socket and a file, if `needed` more are to follow.

    The lowest free descriptor is a portable estimate of the number that is open.
    """
    try:
        lowest = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return False
    os.close(lowest)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit == resource.RLIM_INFINITY or lowest + needed + _DESCRIPTORS_IN_RESERVE < limit

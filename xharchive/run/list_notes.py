"""Read a listing page by page with paid calls, save the pages, and yield their notes one by one."""

import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from xharchive.archive import Archive
from xharchive.errors import NoteFailed, Refused
from xharchive.events import Listener, ignore
from xharchive.http import connect
from xharchive.listing import Lister, ListingStats, listing_key
from xharchive.models import ListedNote
from xharchive.parsers.listing_endpoints import Listing
from xharchive.run.run_options import ArchiveOptions, api_client, now
from xharchive.run.stats import RunStats


@dataclass(frozen=True, slots=True)
class ListingResult:
    """The result of reading a listing.

    Attributes:
        pages: the pages and notes that were read.
        calls: API calls: the sum of `billed`, `perhaps_billed` and `free`.
        spent: how many calls of the run's budget are spent, earlier stages included.
        stopped: the reason why the API or the budget refuses further calls, or "".
        problem: the reason why a page could not be read, or "".
        held_back: the reason is an interrupted call of an earlier run, which may have been billed.
    """

    pages: ListingStats = field(default_factory=ListingStats)
    calls: int = 0
    billed: int = 0
    perhaps_billed: int = 0
    free: int = 0
    spent: int = 0
    stopped: str = ""
    problem: str = ""
    held_back: bool = False

    @property
    def finished(self) -> bool:
        """Whether the listing was read to its end, or as far as the user asked for."""
        return not (self.stopped or self.problem)


class ListedNotes:
    """The notes of a listing, read page by page with paid calls. The caller holds the lock of the archive.

    Pages are saved in the archive. A later run of the same listing continues after them, until
    `close_listing`. Reading raises ArchiveError if a page cannot be saved or loaded.

    Args:
        sources: endpoints that serve the listing, the first choice first.
        store: the archive.
        options: the settings of the run.
        max_pages: the most pages to read; None means no limit.
        listen: called with each event.

    Attributes:
        notes: yields the notes until the listing ends, the API refuses all calls, or a page cannot be read.
        result: what was read and paid, once `notes` is closed.
    """

    def __init__(
        self,
        sources: Sequence[Listing],
        store: Archive,
        options: ArchiveOptions,
        max_pages: int | None,
        listen: Listener = ignore,
    ) -> None:
        self._sources = sources
        self._store = store
        self._options = options
        self._max_pages = max_pages
        self._stats = RunStats(listen)
        self.notes = self._read()
        self.result = ListingResult(spent=options.spent, stopped=options.refused)

    async def _read(self) -> AsyncGenerator[ListedNote, None]:
        stopped = problem = ""
        async with connect(self._options.transport) as transport:
            random = Random(os.urandom(16))  # noqa: S311 - spreads retries; it protects no secret
            api = api_client(transport, self._store, self._options, self._stats, random)
            lister = Lister(api, self._options.retry.retries)
            replies = self._store.reply_store("listings", listing_key(self._sources))
            try:
                async for note in lister.notes(self._sources, replies, self._max_pages):
                    yield note
            except Refused as refused:
                stopped = str(refused)
            except NoteFailed as failed:
                problem = str(failed)
            finally:
                report = self._stats.report(0, stopped)
                bills = (report.calls, report.billed, report.perhaps_billed, report.free)
                held_back = bool(api.held_back)
                self.result = ListingResult(lister.tally, *bills, api.spent, stopped, problem, held_back)


def close_listing(store: Archive, sources: Sequence[Listing]) -> None:
    """Close a listing whose notes are archived. If it is read again, all pages are paid again.

    Raises:
        ArchiveError: the folder of its pages cannot be moved.
    """
    store.reply_store("listings", listing_key(sources)).set_aside(now())


def saved_pages(store: Archive, sources: Sequence[Listing]) -> tuple[int, datetime | None]:
    """Return how many pages of a listing are saved, and when the first was saved (None without pages)."""
    folder = store.reply_store("listings", listing_key(sources)).folder
    pages = [(folder / name).lstat() for name in folder.entries() if name.endswith(".json")]
    times = [page.st_mtime for page in pages]
    return len(times), datetime.fromtimestamp(min(times), UTC) if times else None

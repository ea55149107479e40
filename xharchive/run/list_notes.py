"""Read a listing page by page with paid calls, save the pages, and show their notes one by one."""

import os
from collections.abc import Callable, Sequence
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

__all__ = ["ListingResult", "close_listing", "list_notes", "saved_pages"]


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


async def list_notes(
    sources: Sequence[Listing],
    store: Archive,
    options: ArchiveOptions,
    show: Callable[[ListedNote], bool],
    max_pages: int | None,
    listen: Listener = ignore,
) -> ListingResult:
    """Read the notes of a listing. The caller holds the lock of the archive.

    Save pages in the archive. A later run of the same listing continues after them, until `close_listing`.

    Args:
        sources: endpoints that serve the listing, the first choice first.
        store: the archive.
        options: the settings of the run.
        show: called with each note; returns whether to continue.
        max_pages: the most pages to read; None means no limit.
        listen: called with each event.

    Raises:
        ArchiveError: a page cannot be saved or loaded.
    """
    stats = RunStats(listen)
    stopped = problem = ""
    async with connect(options.transport) as transport:
        random = Random(os.urandom(16))  # noqa: S311 - spreads retries; it protects no secret
        calls = api_client(transport, store, options, stats, random)
        lister = Lister(calls, options.retry.retries)
        try:
            async for note in lister.notes(
                sources, store.reply_store("listings", listing_key(sources)), max_pages
            ):
                if not show(note):
                    break
        except Refused as refused:
            stopped = str(refused)
        except NoteFailed as failed:
            problem = str(failed)
        held_back = bool(calls.held_back)
    report = stats.report(0, stopped)
    return ListingResult(
        lister.tally,
        report.calls,
        report.billed,
        report.perhaps_billed,
        report.free,
        calls.spent,
        stopped,
        problem,
        held_back,
    )


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

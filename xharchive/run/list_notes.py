"""The story of a listing: pages are paid for and kept, their notes shown one by one."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from xharchive.archive import PosixStore
from xharchive.errors import NoteFailed, Refused
from xharchive.events import Listener, ignore
from xharchive.http import connect
from xharchive.listing import Lister, Tally, key_of
from xharchive.models import Listed
from xharchive.parsers.listing_endpoints import Listing
from xharchive.replies import ReplyShelf
from xharchive.run.run_options import ArchiveOptions, calls_of, now
from xharchive.run.stats import Tally as RunTally

__all__ = ["Found", "kept_pages", "list_notes", "put_aside"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a listing came across, and how many calls that took, by their bills.

    `spent` of the run's budget is used up, earlier stages included.
    `stopped`: why the API, or the budget, refuses every further call. `problem`: why a page could not be had.
    `held_back`: that is because a call for it was cut off in an earlier run, and may have been billed.
    """

    pages: Tally = field(default_factory=Tally)
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
        """Whether it came to its end, or to as much as was wanted of it."""
        return not (self.stopped or self.problem)


async def list_notes(
    ways: Sequence[Listing],
    store: PosixStore,
    options: ArchiveOptions,
    show: Callable[[Listed], bool],
    most_pages: int | None,
    listen: Listener = ignore,
) -> Found:
    """Show the notes of a listing in a store whose lock is held, until `show` says that it is enough.

    Its pages are kept in the archive: listed again, it goes on at its page, until `put_aside`.

    Raises:
        ArchiveError: the disk would not.
    """
    tally = RunTally(listen)
    stopped = problem = ""
    async with connect(options.transport) as transport:
        random = Random(os.urandom(16))  # noqa: S311 - spreads retries; nothing secret hangs on it
        calls = calls_of(transport, store, options, tally, random)
        lister = Lister(calls, options.retry.retries)
        try:
            async for note in lister.notes(ways, ReplyShelf(store.listing(key_of(ways))), most_pages):
                if not show(note):
                    break
        except Refused as refused:
            stopped = str(refused)
        except NoteFailed as failed:
            problem = str(failed)
        held_back = bool(calls.held_back)
    report = tally.report(0, stopped)
    return Found(
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


def put_aside(store: PosixStore, ways: Sequence[Listing]) -> None:
    """Put the pages of a listing aside that was dealt with: listed again, it begins anew, at its price.

    Raises:
        ArchiveError: the disk would not.
    """
    store.finish_listing(key_of(ways), now())


def kept_pages(store: PosixStore, ways: Sequence[Listing]) -> tuple[int, datetime | None]:
    """Return how many pages of a listing an unfinished run has kept, and when it kept the first."""
    folder = store.listing(key_of(ways))
    pages = [(folder / name).lstat() for name in folder.entries() if name.endswith(".json")]
    times = [page.st_mtime for page in pages]
    return len(times), datetime.fromtimestamp(min(times), UTC) if times else None

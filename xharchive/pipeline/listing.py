"""The story of a listing: pages are paid for and kept, their notes shown one by one."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from xharchive.endpoints.sources import Listing
from xharchive.errors import Refused
from xharchive.events import Listener, ignore
from xharchive.lister import Lister, Tally, key_of
from xharchive.models import Listed
from xharchive.pipeline.options import ArchiveOptions, calls_of, now
from xharchive.pipeline.tally import Tally as RunTally
from xharchive.replies import ReplyShelf
from xharchive.stores import PosixStore
from xharchive.transport import connect

__all__ = ["Found", "kept_pages", "list_notes"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a listing came across, how many calls that took, and why it ended early ("" if it did not)."""

    pages: Tally = field(default_factory=Tally)
    calls: int = 0
    billed: int = 0
    stopped: str = ""


async def list_notes(
    ways: Sequence[Listing],
    store: PosixStore,
    options: ArchiveOptions,
    show: Callable[[Listed], bool],
    most_pages: int | None,
    listen: Listener = ignore,
) -> Found:
    """Show the notes of a listing in a store whose lock is held, until `show` says that it is enough.

    Its pages are kept in the archive. One that ends early goes on at its page next time; one that came to its
    end begins anew.

    Raises:
        NoteFailed: a page cannot be had.
        ArchiveError: the disk would not.
    """
    key = key_of(ways)
    tally = RunTally(listen)
    stopped = ""
    async with connect(options.transport) as transport:
        random = Random(os.urandom(16))  # noqa: S311 - spreads retries; nothing secret hangs on it
        lister = Lister(calls_of(transport, store, options, tally, random), options.retry.retries)
        try:
            async for note in lister.notes(ways, ReplyShelf(store.listing(key)), most_pages):
                if not show(note):
                    break
        except Refused as refused:
            stopped = str(refused)
    if not stopped:
        store.finish_listing(key, now())
    report = tally.report(0, stopped)
    return Found(lister.tally, report.calls, report.billed, stopped)


def kept_pages(store: PosixStore, ways: Sequence[Listing]) -> int:
    """Return how many pages of a listing an unfinished run has kept."""
    folder = store.listing(key_of(ways))
    return sum(1 for _ in folder.glob("*.json")) if folder.is_dir() else 0

"""The story of a list with short links: each gives way to the note it leads to, a few at a time."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from xharchive.archive import PosixStore
from xharchive.errors import NoteFailed, Refused
from xharchive.events import Listener, ignore
from xharchive.http import connect
from xharchive.links import ShortLink
from xharchive.replies import ReplyShelf
from xharchive.run.first_error import first_of
from xharchive.run.run_options import ArchiveOptions, calls_of
from xharchive.run.stats import Tally
from xharchive.short_links import ShortLinks, known_target

__all__ = ["Followed", "follow", "followed_before"]

_AT_ONCE = 4  # of one host, which is not a CDN


@dataclass(frozen=True, slots=True)
class Followed:
    """How following short links went: calls made, links that wait for a decision, why it ended early.

    `spent` of the run's budget is used up.
    """

    calls: int = 0
    billed: int = 0
    perhaps_billed: int = 0
    free: int = 0
    spent: int = 0
    held_back: int = 0
    stopped: str = ""


async def followed_before(link: ShortLink, store: PosixStore) -> str:
    """Return where a link leads that was followed before, "" if it was not; nobody is asked.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    return await known_target(_shelf(store, link))


async def follow(
    links: Iterable[ShortLink],
    store: PosixStore,
    options: ArchiveOptions,
    leads: Callable[[ShortLink, str], None],
    fails: Callable[[ShortLink, str], None],
    listen: Listener = ignore,
    *,
    pay: bool,
) -> Followed:
    """Tell where each link leads, a note or a profile, or why nobody knows; the store's lock is held.

    With `pay` the API is asked about those that cannot be followed. A link of which neither is told was not
    reached.

    Raises:
        ArchiveError: the disk would not.
    """
    tally = Tally(listen)
    async with connect(options.transport) as transport:
        random = Random(os.urandom(16))  # noqa: S311 - spreads retries; nothing secret hangs on it
        calls = calls_of(transport, store, options, tally, random)
        short_links = ShortLinks(transport, calls, options.retry.retries, pay=pay)

        async def work(waiting: Iterator[ShortLink]) -> None:
            for link in waiting:
                try:
                    leads(link, await short_links.target(link, _shelf(store, link)))
                except NoteFailed as problem:
                    fails(link, str(problem))
                except Refused:
                    return  # the calls remember it

        waiting = iter(links)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(work(waiting))
        except BaseExceptionGroup as problems:
            raise first_of(problems) from None
        calls.end()
        report = tally.report(0, str(calls.refused or ""))
        return Followed(
            report.calls,
            report.billed,
            report.perhaps_billed,
            report.free,
            calls.spent,
            calls.held_back,
            report.stopped,
        )


def _shelf(store: PosixStore, link: ShortLink) -> ReplyShelf:
    return ReplyShelf(store.link(link.key))

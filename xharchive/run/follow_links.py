"""Follow short links to the notes or profiles that they lead to, a few at a time."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from xharchive.archive import Archive, ReplyStore
from xharchive.errors import NoteFailed, Refused
from xharchive.events import Listener, ignore
from xharchive.http import connect
from xharchive.links import ShortLink
from xharchive.run.first_error import first_error
from xharchive.run.run_options import ArchiveOptions, api_client
from xharchive.run.stats import RunStats
from xharchive.short_links import ShortLinks, saved_target

__all__ = ["FollowedLinks", "find_targets", "target_in_archive"]

_PARALLEL = 4  # requests to one host, which is no CDN


@dataclass(frozen=True, slots=True)
class FollowedLinks:
    """The result of following short links.

    Attributes:
        calls: API calls: the sum of `billed`, `perhaps_billed` and `free`.
        spent: how many calls of the run's budget are spent.
        held_back: how many links need a decision about an interrupted call.
        stopped: the reason why the API or the budget refuses further calls, or "".
    """

    calls: int = 0
    billed: int = 0
    perhaps_billed: int = 0
    free: int = 0
    spent: int = 0
    held_back: int = 0
    stopped: str = ""


async def target_in_archive(link: ShortLink, store: Archive) -> str:
    """Return the saved target of a short link, "" if there is none. Make no request.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    return await saved_target(_reply_store(store, link))


async def find_targets(
    links: Iterable[ShortLink],
    store: Archive,
    options: ArchiveOptions,
    leads: Callable[[ShortLink, str], None],
    fails: Callable[[ShortLink, str], None],
    listen: Listener = ignore,
    *,
    pay: bool,
) -> FollowedLinks:
    """Follow short links, and report each target. The caller holds the lock of the archive.

    Links for which neither `leads` nor `fails` is called remain for a later run.

    Args:
        links: the links.
        store: the archive, where targets are saved.
        options: the settings of the run.
        leads: called with a link and its target, the URL of a note or a profile.
        fails: called with a link and the reason why its target is unknown.
        listen: called with each event.
        pay: call the API about links that cannot be followed.

    Raises:
        ArchiveError: a target cannot be saved or loaded.
    """
    stats = RunStats(listen)
    async with connect(options.transport) as transport:
        random = Random(os.urandom(16))  # noqa: S311 - spreads retries; it protects no secret
        calls = api_client(transport, store, options, stats, random)
        short_links = ShortLinks(transport, calls, options.retry.retries, pay=pay)

        async def work(waiting: Iterator[ShortLink]) -> None:
            for link in waiting:
                try:
                    leads(link, await short_links.target(link, _reply_store(store, link)))
                except NoteFailed as error:
                    fails(link, str(error))
                except Refused:
                    return  # `calls` remembers it

        waiting = iter(links)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_PARALLEL):
                    group.create_task(work(waiting))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None
        calls.end()
        report = stats.report(0, str(calls.refused or ""))
        return FollowedLinks(
            report.calls,
            report.billed,
            report.perhaps_billed,
            report.free,
            calls.spent,
            calls.held_back,
            report.stopped,
        )


def _reply_store(store: Archive, link: ShortLink) -> ReplyStore:
    return store.reply_store("links", link.key)

"""Follow short links to the notes or profiles that they lead to, a few at a time."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from xharchive.archive import ArchiveFolder
from xharchive.errors import NoteFailed, Refused
from xharchive.events import Listener, ignore
from xharchive.http import connect
from xharchive.links import ShortLink
from xharchive.replies import ReplyStore
from xharchive.run.first_error import first_error
from xharchive.run.run_options import ArchiveOptions, api_client
from xharchive.run.stats import RunStats
from xharchive.short_links import ShortLinks, saved_target

__all__ = ["FollowedLinks", "find_targets", "target_in_archive"]

_PARALLEL = 4  # requests to one host, which is no CDN


@dataclass(frozen=True, slots=True)
class FollowedLinks:
    """The result of following short links. Links without target and problem remain for a later run.

    Attributes:
        targets: by link, the URL of the note or profile that it leads to.
        problems: by link, the reason why its target is unknown, and what the user can do.
        calls: API calls: the sum of `billed`, `perhaps_billed` and `free`.
        spent: how many calls of the run's budget are spent.
        held_back: how many links need a decision about an interrupted call.
        stopped: the reason why the API or the budget refuses further calls, or "".
    """

    targets: Mapping[ShortLink, str] = field(default_factory=dict)
    problems: Mapping[ShortLink, str] = field(default_factory=dict)
    calls: int = 0
    billed: int = 0
    perhaps_billed: int = 0
    free: int = 0
    spent: int = 0
    held_back: int = 0
    stopped: str = ""


async def target_in_archive(link: ShortLink, store: ArchiveFolder) -> str:
    """Return the saved target of a short link, "" if there is none. Make no request.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    return await saved_target(_reply_store(store, link))


async def find_targets(
    links: Iterable[ShortLink],
    store: ArchiveFolder,
    options: ArchiveOptions,
    listen: Listener = ignore,
    *,
    pay: bool,
) -> FollowedLinks:
    """Follow short links. The caller holds the lock of the archive.

    Args:
        links: the links, each once.
        store: the archive, where targets are saved.
        options: the settings of the run.
        listen: called with each event.
        pay: call the API about links that cannot be followed.

    Raises:
        ArchiveError: a target cannot be saved or loaded.
    """
    stats = RunStats(listen)
    targets: dict[ShortLink, str] = {}
    problems: dict[ShortLink, str] = {}
    async with connect(options.transport) as transport:
        random = Random(os.urandom(16))  # noqa: S311 - spreads retries; it protects no secret
        calls = api_client(transport, store, options, stats, random)
        short_links = ShortLinks(transport, calls, options.retry.retries, pay=pay)

        async def work(waiting: Iterator[ShortLink]) -> None:
            for link in waiting:
                try:
                    targets[link] = await short_links.target(link, _reply_store(store, link))
                except NoteFailed as error:
                    problems[link] = str(error)
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
            targets,
            problems,
            report.calls,
            report.billed,
            report.perhaps_billed,
            report.free,
            calls.spent,
            calls.held_back,
            report.stopped,
        )


def _reply_store(store: ArchiveFolder, link: ShortLink) -> ReplyStore:
    return ReplyStore(store.link(link.key))

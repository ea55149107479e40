"""Find notes before a run: follow short links, and read listings page by page.

Targets and pages are saved in the archive, so that each is requested and paid for once.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from xharchive.api import ApiClient, ApiRequest, NoUsableReply, Retries
from xharchive.archive import Archive, ReplyStore
from xharchive.errors import NetworkError, NoteFailed, Refused, ReplyUnusable, first_error
from xharchive.events import Listener
from xharchive.http import Transport
from xharchive.listing import Lister, ListingStats, listing_key
from xharchive.models import ListedNote, ShortLink
from xharchive.parsers import read_envelope
from xharchive.parsers.envelope import SHARE_URL, SHARE_URL_PATH, read_target
from xharchive.parsers.listing_endpoints import Listing
from xharchive.run.run_options import ArchiveOptions, connected
from xharchive.run.run_stats import RunStats
from xharchive.sources.links import NotANote, canonical_target

_PARALLEL = 4  # requests to one host, which is no CDN
_REDIRECT = "redirect"
_NOT_PAID = "open it in a browser and paste the long link, or let the API be asked with --resolve-links"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCosts:
    """What the calls of a stage cost.

    Attributes:
        calls: API calls: the sum of `billed`, `perhaps_billed` and `free`.
        spent: how many calls of the run's budget are spent, earlier stages included.
        held_back: how many subjects need a decision about an interrupted call of an earlier run.
        stopped: the reason why the API or the budget refuses further calls, or "".
    """

    calls: int = 0
    billed: int = 0
    perhaps_billed: int = 0
    free: int = 0
    spent: int = 0
    held_back: int = 0
    stopped: str = ""


def _costs(stats: RunStats, api: ApiClient, stopped: Refused | None) -> dict[str, Any]:
    """Return the fields of `StageCosts`."""
    report = stats.report(0, str(stopped or ""), api.held_back)
    shared = ("calls", "billed", "perhaps_billed", "free", "held_back", "stopped")
    return {"spent": api.spent, **{name: getattr(report, name) for name in shared}}


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedLinks(StageCosts):
    """The result of following short links. Links without target and problem remain for a later run.

    Attributes:
        targets: by link, the URL of the note or profile that it leads to.
        problems: by link, the reason why its target is unknown, and what the user can do.
    """

    targets: Mapping[ShortLink, str]
    problems: Mapping[ShortLink, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingResult(StageCosts):
    """The result of reading a listing.

    Attributes:
        pages: the pages and notes that were read.
        problem: the reason why a page could not be read, or "".
    """

    pages: ListingStats = field(default_factory=ListingStats)
    problem: str = ""

    @property
    def finished(self) -> bool:
        """Whether the listing was read to its end, or as far as the user asked for."""
        return not (self.stopped or self.problem)


async def target_in_archive(link: ShortLink, store: Archive) -> str:
    """Return the saved target of a short link, "" if there is none. Make no request."""
    return await _saved_target(_link_replies(store, link))


async def find_targets(
    links: Iterable[ShortLink],
    store: Archive,
    options: ArchiveOptions,
    listen: Listener,
    *,
    pay: bool,
) -> FollowedLinks:
    """Follow short links, a few at a time. The caller holds the lock of the archive.

    A redirect, which is free, shows the target; else a paid call does, if `pay` allows it. ArchiveError: a
    target cannot be saved or loaded.
    """
    stats = RunStats(listen)
    targets: dict[ShortLink, str] = {}
    problems: dict[ShortLink, str] = {}
    waiting = iter(links)
    async with connected(store, options, stats) as (transport, api):
        follower = _LinkFollower(transport, api, options.retry.retries, pay)

        async def work() -> None:
            for link in waiting:
                try:
                    targets[link] = await follower.target(link, _link_replies(store, link))
                except NoteFailed as error:
                    problems[link] = str(error)
                except Refused:
                    return  # `api` remembers it

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_PARALLEL):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None
        api.end()
    return FollowedLinks(targets=targets, problems=problems, **_costs(stats, api, api.refused))


def _link_replies(store: Archive, link: ShortLink) -> ReplyStore:
    return store.reply_store("links", link.key)


async def _saved_target(replies: ReplyStore) -> str:
    for name in (_REDIRECT, SHARE_URL):
        body = await replies.find(name)
        try:
            if body is not None:
                return canonical_target(read_target(read_envelope(body)))
        except (ReplyUnusable, NotANote):
            continue
    return ""


@dataclass(frozen=True, slots=True)
class _LinkFollower:
    """Finds the targets of short links; `pay`: also by a paid call, where a redirect leads nowhere.

    Raises:
        NoteFailed: the link leads to neither note nor profile, or its target is unknown.
        Refused: the API refuses all further calls.
        ArchiveError: a reply or the ledger cannot be written.
    """

    transport: Transport
    api: ApiClient
    retries: int
    pay: bool

    async def target(self, link: ShortLink, replies: ReplyStore) -> str:
        """Return the URL of the note or profile that a short link leads to, without tracking parameters."""
        await self.api.reconcile(str(link), SHARE_URL, replies, SHARE_URL)
        saved = await _saved_target(replies)
        if saved:
            return saved
        try:
            return await self._follow_redirect(link, replies)
        except NoteFailed as error:
            if not self.pay:
                raise NoteFailed(error.reason, f"{error}; {_NOT_PAID}") from None
        return await self._target_by_call(link, replies)

    async def _follow_redirect(self, link: ShortLink, replies: ReplyStore) -> str:
        """Return the target of the redirect, and save it in the form of a reply."""
        try:
            target = canonical_target(await self.transport.resolve_redirect(link.url))
        except (NetworkError, NotANote) as error:
            raise NoteFailed("short-link", str(error)) from None
        envelope = {"code": 0, "message": None, "data": {"redirect_url": target}}
        await replies.save(_REDIRECT, json.dumps(envelope).encode())
        return target

    async def _target_by_call(self, link: ShortLink, replies: ReplyStore) -> str:
        """Return the target that a paid call names; a link is paid for once."""
        if await replies.find(SHARE_URL) is not None:
            raise NoteFailed("short-link", "the API was asked before, and named neither a note nor a profile")
        parameters = {"shareUrl": link.url}
        request = ApiRequest(SHARE_URL, SHARE_URL_PATH, parameters, str(link), SHARE_URL, "the short link")
        try:
            _, envelope = await self.api.call(request, replies, Retries(self.retries), "first")
            return canonical_target(read_target(envelope))
        except NoUsableReply as error:
            raise NoteFailed(error.reason, str(error)) from None
        except (ReplyUnusable, NotANote) as error:
            raise NoteFailed("short-link", str(error)) from None


class ListedNotes:
    """The notes of a listing, read page by page with paid calls. The caller has the archive's lock.

    A later run of the same listing continues after the saved pages, until the listing is closed. Reading
    raises ArchiveError if a page cannot be saved or loaded.

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
        listen: Listener,
    ) -> None:
        self.notes = self._read(sources, store, options, max_pages, RunStats(listen))
        self.result = ListingResult(spent=options.spent, stopped=options.refused)

    async def _read(
        self,
        sources: Sequence[Listing],
        store: Archive,
        options: ArchiveOptions,
        max_pages: int | None,
        stats: RunStats,
    ) -> AsyncGenerator[ListedNote, None]:
        stopped, problem, replies = None, "", listing_replies(store, sources)
        async with connected(store, options, stats) as (_, api):
            lister = Lister(api, options.retry.retries)
            try:
                async for note in lister.notes(sources, replies, max_pages):
                    yield note
            except Refused as refused:
                stopped = refused
            except NoteFailed as failed:
                problem = str(failed)
            finally:
                costs = _costs(stats, api, stopped)
                self.result = ListingResult(pages=lister.tally, problem=problem, **costs)


def listing_replies(store: Archive, sources: Sequence[Listing]) -> ReplyStore:
    """Return the saved pages of a listing."""
    return store.reply_store("listings", listing_key(sources))


def saved_pages(store: Archive, sources: Sequence[Listing]) -> tuple[int, datetime | None]:
    """Return how many pages of a listing are saved, and when the first was saved (None without pages)."""
    folder = listing_replies(store, sources).folder
    times = [(folder / name).lstat().st_mtime for name in folder.entries() if name.endswith(".json")]
    return len(times), datetime.fromtimestamp(min(times), UTC) if times else None

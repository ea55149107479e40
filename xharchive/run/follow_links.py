"""Follow short links to the notes or profiles that they lead to, a few at a time.

A redirect, which is free, shows the target, else a paid call. The target is saved in the archive, so that
each link is requested only once.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from xharchive.api import ApiClient, ApiRequest, NoUsableReply, Retries
from xharchive.archive import Archive, ReplyStore
from xharchive.errors import NetworkError, NoteFailed, Refused, ReplyUnusable, first_error
from xharchive.events import Listener, ignore
from xharchive.http import Transport, connect
from xharchive.models import ShortLink
from xharchive.parsers import read_envelope
from xharchive.parsers.envelope import SHARE_URL, SHARE_URL_PATH, read_target
from xharchive.run.run_options import ArchiveOptions, api_client
from xharchive.run.stats import RunStats
from xharchive.sources.links import NotANote, canonical_target

_PARALLEL = 4  # requests to one host, which is no CDN
_REDIRECT = "redirect"
_NOT_PAID = "open it in a browser and paste the long link, or let the API be asked with --resolve-links"


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


async def target_in_archive(link: ShortLink, store: Archive) -> str:
    """Return the saved target of a short link, "" if there is none. Make no request.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    return await _saved_target(_replies(store, link))


async def find_targets(
    links: Iterable[ShortLink],
    store: Archive,
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
        api = api_client(transport, store, options, stats, random)
        follower = _LinkFollower(transport, api, options.retry.retries, pay)

        async def work(waiting: Iterator[ShortLink]) -> None:
            for link in waiting:
                try:
                    targets[link] = await follower.target(link, _replies(store, link))
                except NoteFailed as error:
                    problems[link] = str(error)
                except Refused:
                    return  # `api` remembers it

        waiting = iter(links)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_PARALLEL):
                    group.create_task(work(waiting))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None
        api.end()
    report = stats.report(0, str(api.refused or ""))
    bills = (report.calls, report.billed, report.perhaps_billed, report.free)
    return FollowedLinks(targets, problems, *bills, api.spent, api.held_back, report.stopped)


def _replies(store: Archive, link: ShortLink) -> ReplyStore:
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

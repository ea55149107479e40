"""A short link in, where it leads out: a note or a profile, by its redirect for nothing, else by a paid call.

Either answer is kept in the archive before it is read: the same link is asked for once.
"""

import json

from xharchive.api import Calls, Question, Retries, Unanswered
from xharchive.errors import NetworkError, NoteFailed, ReplyUnusable
from xharchive.http import Transport
from xharchive.links import NotANote, ShortLink, bare_target
from xharchive.parsers import read_envelope
from xharchive.parsers.link_target import SHARE_URL, SHARE_URL_PATH, read_target
from xharchive.replies import ReplyShelf

__all__ = ["ShortLinks", "known_target"]

_REDIRECT = "redirect"
_NOT_PAID = "open it in a browser and paste the long link, or let the API be asked with --resolve-links"


async def known_target(shelf: ReplyShelf) -> str:
    """Return the link of the note or profile that a kept answer names, "" if there is none; nobody is asked.

    Raises:
        ArchiveError: an answer cannot be read.
    """
    for name in (_REDIRECT, SHARE_URL):
        body = await shelf.find(name)
        try:
            if body is not None:
                return bare_target(read_target(read_envelope(body)))
        except (ReplyUnusable, NotANote):
            continue
    return ""


class ShortLinks:
    """Finds out where short links lead, for one run; with `pay` the API is asked where all else fails."""

    def __init__(self, transport: Transport, calls: Calls, retries: int, *, pay: bool) -> None:
        self._transport = transport
        self._calls = calls
        self._retries = retries
        self._pay = pay

    async def target(self, link: ShortLink, shelf: ReplyShelf) -> str:
        """Return the link of the note or profile that a short link leads to, with nothing else in it.

        Raises:
            NoteFailed: it leads to neither, or nobody says where; the text says what to do.
            Refused: the API refuses every call from now on.
            ArchiveError: the answer or the ledger cannot be written.
        """
        await self._calls.recall(str(link), SHARE_URL, shelf, SHARE_URL)
        known = await known_target(shelf)
        if known:
            return known
        try:
            return await self._followed(link, shelf)
        except NoteFailed as problem:
            if not self._pay:
                raise NoteFailed(problem.reason, f"{problem}; {_NOT_PAID}") from None
        return await self._paid(link, shelf)

    async def _followed(self, link: ShortLink, shelf: ReplyShelf) -> str:
        try:
            target = bare_target(await self._transport.lead(link.url))
        except (NetworkError, NotANote) as problem:
            raise NoteFailed("short-link", str(problem)) from None
        answer = {"code": 0, "message": None, "data": {"redirect_url": target}}
        await shelf.keep(_REDIRECT, json.dumps(answer).encode())
        return target

    async def _paid(self, link: ShortLink, shelf: ReplyShelf) -> str:
        question = Question(
            SHARE_URL, SHARE_URL_PATH, {"shareUrl": link.url}, str(link), SHARE_URL, "the short link"
        )
        if await shelf.find(SHARE_URL) is not None:
            raise NoteFailed("short-link", "the API was asked before, and named neither a note nor a profile")
        try:
            _, envelope = await self._calls.pay(question, shelf, Retries(self._retries), "first")
            return bare_target(read_target(envelope))
        except Unanswered as trouble:
            raise NoteFailed(trouble.reason, str(trouble)) from None
        except (ReplyUnusable, NotANote) as problem:
            raise NoteFailed("short-link", str(problem)) from None

"""A short link in, the note it leads to out: by its redirect, which costs nothing, else by a paid call.

Either answer is kept in the archive before it is read: the same link is asked for once.
"""

import hashlib
import json

from xharchive.calls import Calls, Question, Retries, Unanswered
from xharchive.endpoints import read_envelope
from xharchive.endpoints.short_links import SHARE_URL, SHARE_URL_PATH, read_target
from xharchive.errors import CandidateFailed, NetworkError, NoteFailed, ReplyUnusable
from xharchive.links import NotANote, ShortLink, target_of
from xharchive.models import NoteId
from xharchive.replies import ReplyShelf
from xharchive.transport import Transport

__all__ = ["ShortLinks", "key_of", "known_note"]

_REDIRECT = "redirect"
_NOT_PAID = "open it in a browser and paste the long link, or let the API be asked with --resolve-links"


def key_of(link: ShortLink) -> str:
    """Return a word for the link that can name a folder: 16 hex digits."""
    return hashlib.sha256(link.url.encode()).hexdigest()[:16]


async def known_note(shelf: ReplyShelf) -> NoteId | None:
    """Return the note that a kept answer names, None if there is none; nobody is asked.

    Raises:
        ArchiveError: an answer cannot be read.
    """
    for name in (_REDIRECT, SHARE_URL):
        body = await shelf.find(name)
        try:
            if body is not None:
                return target_of(read_target(read_envelope(body)))
        except (ReplyUnusable, NotANote):
            continue
    return None


class ShortLinks:
    """Finds out where short links lead, for one run; with `pay` the API is asked where all else fails."""

    def __init__(self, transport: Transport, calls: Calls, retries: int, *, pay: bool) -> None:
        self._transport = transport
        self._calls = calls
        self._retries = retries
        self._pay = pay

    async def note(self, link: ShortLink, shelf: ReplyShelf) -> NoteId:
        """Return the note that a link leads to.

        Raises:
            NoteFailed: it leads to none, or nobody says where; the text says what to do.
            Refused: the API refuses every call from now on.
            ArchiveError: the answer or the ledger cannot be written.
        """
        await self._calls.recall(str(link), SHARE_URL, shelf, SHARE_URL)
        known = await known_note(shelf)
        if known is not None:
            return known
        try:
            return await self._followed(link, shelf)
        except NoteFailed as problem:
            if not self._pay:
                raise NoteFailed(problem.reason, f"{problem}; {_NOT_PAID}") from None
        return await self._paid(link, shelf)

    async def _followed(self, link: ShortLink, shelf: ReplyShelf) -> NoteId:
        try:
            note_id = target_of(await self._transport.lead(link.url))
        except (NetworkError, CandidateFailed, NotANote) as problem:
            raise NoteFailed("short-link", str(problem)) from None
        # Only the note's own address: what else stands in a redirect says who shared it.
        target = f"https://www.xiaohongshu.com/explore/{note_id}"
        answer = {"code": 0, "message": None, "data": {"redirect_url": target}}
        await shelf.keep(_REDIRECT, json.dumps(answer).encode())
        return note_id

    async def _paid(self, link: ShortLink, shelf: ReplyShelf) -> NoteId:
        question = Question(SHARE_URL, SHARE_URL_PATH, {"shareUrl": link.url}, str(link), SHARE_URL)
        if await shelf.find(SHARE_URL) is not None:
            raise NoteFailed("short-link", "the API was asked before, and named no note")
        try:
            _, envelope = await self._calls.pay(question, shelf, Retries(self._retries), "first")
            return target_of(read_target(envelope))
        except Unanswered as trouble:
            raise NoteFailed(trouble.reason, str(trouble)) from None
        except (ReplyUnusable, NotANote) as problem:
            raise NoteFailed("short-link", str(problem)) from None

"""Find the note or profile that a short link leads to: by its redirect, which is free, else by a paid call.

The result is saved in the archive, so that each link is requested only once.
"""

import json

from xharchive.api import ApiClient, ApiRequest, NoUsableReply, Retries
from xharchive.archive import ReplyStore
from xharchive.errors import NetworkError, NoteFailed, ReplyUnusable
from xharchive.http import Transport
from xharchive.links import NotANote, ShortLink, canonical_target
from xharchive.parsers import read_envelope
from xharchive.parsers.envelope import SHARE_URL, SHARE_URL_PATH, read_target

__all__ = ["ShortLinks", "saved_target"]

_REDIRECT = "redirect"
_NOT_PAID = "open it in a browser and paste the long link, or let the API be asked with --resolve-links"


async def saved_target(shelf: ReplyStore) -> str:
    """Return the target in a saved reply, "" without one. Send no request.

    Raises:
        ArchiveError: a saved reply cannot be read.
    """
    for name in (_REDIRECT, SHARE_URL):
        body = await shelf.find(name)
        try:
            if body is not None:
                return canonical_target(read_target(read_envelope(body)))
        except (ReplyUnusable, NotANote):
            continue
    return ""


class ShortLinks:
    """Find the targets of short links for one run.

    Args:
        transport: follows redirects.
        calls: makes the paid calls.
        retries: the retries of one link.
        pay: whether to make a paid call for a link whose redirect leads nowhere.
    """

    def __init__(self, transport: Transport, calls: ApiClient, retries: int, *, pay: bool) -> None:
        self._transport = transport
        self._api = calls
        self._retries = retries
        self._may_pay = pay

    async def target(self, link: ShortLink, shelf: ReplyStore) -> str:
        """Return the URL of the note or profile that a short link leads to, without tracking parameters.

        Raises:
            NoteFailed: the link leads to neither, or its target is unknown; the text says what the user can
                do.
            Refused: the API refuses all further calls.
            ArchiveError: a reply or the ledger cannot be written.
        """
        await self._api.reconcile(str(link), SHARE_URL, shelf, SHARE_URL)
        saved = await saved_target(shelf)
        if saved:
            return saved
        try:
            return await self._follow_redirect(link, shelf)
        except NoteFailed as error:
            if not self._may_pay:
                raise NoteFailed(error.reason, f"{error}; {_NOT_PAID}") from None
        return await self._target_by_call(link, shelf)

    async def _follow_redirect(self, link: ShortLink, shelf: ReplyStore) -> str:
        """Return the target of the redirect, and save it in the form of a reply."""
        try:
            target = canonical_target(await self._transport.resolve_redirect(link.url))
        except (NetworkError, NotANote) as error:
            raise NoteFailed("short-link", str(error)) from None
        envelope = {"code": 0, "message": None, "data": {"redirect_url": target}}
        await shelf.save(_REDIRECT, json.dumps(envelope).encode())
        return target

    async def _target_by_call(self, link: ShortLink, shelf: ReplyStore) -> str:
        """Return the target that a paid call names; a link is paid for once."""
        request = ApiRequest(
            SHARE_URL, SHARE_URL_PATH, {"shareUrl": link.url}, str(link), SHARE_URL, "the short link"
        )
        if await shelf.find(SHARE_URL) is not None:
            raise NoteFailed("short-link", "the API was asked before, and named neither a note nor a profile")
        try:
            _, envelope = await self._api.call(request, shelf, Retries(self._retries), "first")
            return canonical_target(read_target(envelope))
        except NoUsableReply as error:
            raise NoteFailed(error.reason, str(error)) from None
        except (ReplyUnusable, NotANote) as error:
            raise NoteFailed("short-link", str(error)) from None

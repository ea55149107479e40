"""Resolve a note id to a note: use the saved replies, and call further endpoints only where needed.

A saved reply is never paid for again. When the API refuses all calls, notes with a saved reply still finish.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from xharchive.api import ApiClient, ApiRequest, NoUsableReply, Retries, Silence
from xharchive.archive import ReplyStore
from xharchive.errors import NoteFailed, Refused
from xharchive.manifest import ReplyEntry
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers import ENDPOINTS, Endpoint
from xharchive.resolver.saved_replies import (
    Known,
    endpoints_to_call,
    is_worth_calling,
    merged,
    newer_replies,
    parse_reply,
    read_saved,
    read_saved_replies,
    reply_entry,
)

__all__ = [
    "Resolution",
    "Resolver",
    "ResolverOptions",
    "endpoints_to_call",
    "merged",
    "read_saved_replies",
    "resolution_of",
]


@dataclass(frozen=True, slots=True)
class Resolution:
    """A note as its replies declare it; `note` is None if all endpoints replied without it."""

    note: Note | None
    replies: tuple[ReplyEntry, ...]


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """How to resolve notes.

    - `endpoints`: the endpoints to call, in this order.
    - `retries`: the retries of a note, over all endpoints together.
    - `renew`: whether to pay once more for URLs that have expired.
    """

    endpoints: Sequence[Endpoint]
    retries: int = 2
    renew: bool = True


class Resolver:
    """Resolve notes for one run."""

    def __init__(self, calls: ApiClient, options: ResolverOptions) -> None:
        self._api = calls
        self._options = options

    @property
    def refused(self) -> Refused | None:
        """Why the API refuses all further calls; None while it does not."""
        return self._api.refused

    @property
    def held_back(self) -> int:
        """The number of notes that wait for the user's decision about a call that was cut off."""
        return self._api.held_back

    def silence_about(self, note: str) -> Silence:
        """Return why the calls for a note got no reply."""
        return self._api.silence_about(note)

    def end(self) -> None:
        """End the calls of this run. During an outage this counts as a refusal."""
        self._api.end()

    async def resolve(
        self,
        note_id: NoteId,
        shelf: ReplyStore,
        *,
        failed_videos_of: Collection[str] = (),
        recheck: bool = False,
        hint: NoteType = NoteType.UNKNOWN,
    ) -> Resolution:
        """Return a note, merged from its replies. Pay only for replies that are not saved.

        All saved replies count, also those of endpoints that are not in the order any more.

        Args:
            note_id: the note.
            shelf: its saved replies.
            failed_videos_of: endpoints whose video could not be downloaded. Their video is ignored, so that
                other endpoints may be called for one.
            recheck: call the endpoints again if no saved reply has the note.
            hint: the type that a listing named. For a video, call the endpoints that serve videos first.

        Raises:
            NoteFailed: no reply has the note, and at least one call failed, so the note may still exist.
            Refused: no reply has the note, and the API refuses all further calls.
            ArchiveError: a reply or the ledger cannot be written.
        """
        known = await self._load_saved(note_id, shelf)
        if recheck and merged(known) is None:
            known = {}
        unanswered: list[NoUsableReply] = []
        retries = Retries(self._options.retries)
        for endpoint in _in_call_order(self._options.endpoints, hint):
            if endpoint.name in known or not is_worth_calling(endpoint, merged(known, failed_videos_of)):
                continue
            reason = "refresh" if recheck else "cascade" if known or unanswered else "first"
            try:
                body, envelope = await self._api.call(_request_for(note_id, endpoint), shelf, retries, reason)
            except NoUsableReply as error:
                unanswered.append(error)
                continue
            except (NoteFailed, Refused):
                if merged(known) is None:
                    raise
                break  # archive what is paid for; another run can fetch the missing assets
            known[endpoint.name] = parse_reply(body, envelope, endpoint, note_id)
        if unanswered and merged(known) is None:
            raise NoteFailed(unanswered[0].reason, str(unanswered[0]))
        return await resolution_of(known, shelf)

    async def renew(self, note_id: NoteId, shelf: ReplyStore, endpoint: str) -> Resolution | None:
        """Pay once more for a reply whose URLs have expired.

        The new reply counts only if it has the note, and gives only new URLs for the assets that the old one
        declared.

        Returns:
            The note with its new URLs; None without a new reply.

        Raises:
            ArchiveError: a reply or the ledger cannot be written.
        """
        if not self._options.renew:
            return None
        retries = Retries(self._options.retries)
        with suppress(NoUsableReply, NoteFailed, Refused):
            await self._api.call(
                _request_for(note_id, ENDPOINTS[endpoint]), shelf.incoming, retries, "expired"
            )
        if not await self._promote_incoming(note_id, shelf):
            return None
        return await resolution_of(await self._load_saved(note_id, shelf), shelf)

    async def _promote_incoming(self, note_id: NoteId, shelf: ReplyStore) -> bool:
        """Promote incoming replies that have the note (after a crash too), and delete the others.

        Returns:
            Whether a reply was promoted.
        """
        promoted = False
        for name in await shelf.incoming.endpoints():
            found = await read_saved(note_id, shelf.incoming, name)
            if found is not None and found[0] is not None:
                await shelf.promote(name)
                promoted = True
            else:
                await shelf.incoming.delete(name)
        return promoted

    async def _load_saved(self, note_id: NoteId, shelf: ReplyStore) -> Known:
        """Record outcomes that a crash left open, promote incoming replies, and read all saved replies."""
        for name in ENDPOINTS:
            for store in (shelf.incoming, shelf):
                await self._api.reconcile(note_id.text, name, store, name)
        await self._promote_incoming(note_id, shelf)
        return await read_saved_replies(note_id, shelf, self._options.endpoints)


def _in_call_order(order: Sequence[Endpoint], hint: NoteType) -> Sequence[Endpoint]:
    """Return the endpoints that serve videos first if the note is known to be a video."""
    return sorted(order, key=lambda endpoint: hint is NoteType.VIDEO and hint not in endpoint.serves)


def _request_for(note_id: NoteId, endpoint: Endpoint) -> ApiRequest:
    return ApiRequest(endpoint.name, endpoint.path, {"noteId": note_id.text}, note_id.text, endpoint.name)


async def resolution_of(known: Known, shelf: ReplyStore) -> Resolution:
    """Return the merged note of replies, with the manifest entries of all replies, newer ones included.

    Raises:
        ArchiveError: a saved reply cannot be read.
    """
    newer = [
        reply_entry(name, body, "renewal")
        for name in newer_replies(await shelf.endpoints(), known)
        if (body := await shelf.find(name)) is not None
    ]
    return Resolution(merged(known), (*(entry for _, entry in known.values()), *newer))

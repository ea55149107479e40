"""Resolve a note id to a note: use the saved replies, and call further endpoints only where needed.

A saved reply is never paid for again. When the API refuses all calls, notes with a saved reply still finish.
Everything here raises `ArchiveError` if a reply or the ledger cannot be read or written.
"""

import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce

from xharchive.api import ApiClient, ApiRequest, NoUsableReply, Retries, Silence, find_reply
from xharchive.archive import ReplyStore
from xharchive.errors import NoteFailed, Refused, ReplyUnusable
from xharchive.manifest import ReplyEntry
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers import (
    ENDPOINTS,
    Endpoint,
    Envelope,
    is_sufficient,
    merge,
    read_note,
    with_fresh_urls,
)

Known = dict[str, tuple[Note | None, ReplyEntry]]
"""The note (if any) and the manifest entry of each endpoint's reply, by endpoint name, best first."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A note as its replies declare it; `note` is None if all endpoints replied without it."""

    note: Note | None
    replies: tuple[ReplyEntry, ...]


class Resolver:
    """Resolve notes for one run.

    Args:
        api: makes the paid calls.
        endpoints: the endpoints to call, in this order.
        retries: the retries of a note, over all endpoints together.
        renew: whether to pay once more for URLs that have expired.
    """

    def __init__(
        self, api: ApiClient, endpoints: Sequence[Endpoint], retries: int = 2, *, renew: bool = True
    ) -> None:
        self._api = api
        self._endpoints = endpoints
        self._retries = retries
        self._renew = renew

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
        """
        known = await self._load_saved(note_id, shelf)
        if recheck and merged(known) is None:
            known = {}
        unanswered: list[NoUsableReply] = []
        retries = Retries(self._retries)
        for endpoint in sorted(
            self._endpoints, key=lambda each: hint is NoteType.VIDEO and hint not in each.serves
        ):
            if endpoint.name in known or not is_worth_calling(endpoint, merged(known, failed_videos_of)):
                continue
            reason = "refresh" if recheck else "cascade" if known or unanswered else "first"
            try:
                body, envelope = await self._api.call(_request_for(note_id, endpoint), shelf, retries, reason)
            except NoUsableReply as error:
                unanswered.append(error)
            except (NoteFailed, Refused):
                if merged(known) is None:
                    raise
                break  # archive what is paid for; another run can fetch the missing assets
            else:
                known[endpoint.name] = _parse_reply(body, envelope, endpoint, note_id)
        if unanswered and merged(known) is None:
            raise NoteFailed(unanswered[0].reason, str(unanswered[0]))
        return await resolution_of(known, shelf)

    async def renew(self, note_id: NoteId, shelf: ReplyStore, endpoint: str) -> Resolution | None:
        """Pay once more for a reply whose URLs have expired; return the note with its new URLs.

        The new reply counts only if it has the note, and gives only new URLs for the assets that the old one
        declared. None without a new reply.
        """
        if not self._renew:
            return None
        request, retries = _request_for(note_id, ENDPOINTS[endpoint]), Retries(self._retries)
        with suppress(NoUsableReply, NoteFailed, Refused):
            await self._api.call(request, shelf.incoming, retries, "expired")
        if not await _promote_incoming(note_id, shelf):
            return None
        return await resolution_of(await self._load_saved(note_id, shelf), shelf)

    async def _load_saved(self, note_id: NoteId, shelf: ReplyStore) -> Known:
        """Record outcomes that a crash left open, promote incoming replies, and read all saved replies."""
        for name in ENDPOINTS:
            for store in (shelf.incoming, shelf):
                await self._api.reconcile(note_id.text, name, store, name)
        await _promote_incoming(note_id, shelf)
        return await read_saved_replies(note_id, shelf, self._endpoints)


def _request_for(note_id: NoteId, endpoint: Endpoint) -> ApiRequest:
    return ApiRequest(endpoint.name, endpoint.path, {"noteId": note_id.text}, note_id.text, endpoint.name)


async def _promote_incoming(note_id: NoteId, shelf: ReplyStore) -> bool:
    """Promote incoming replies that have the note (after a crash too), and delete the others.

    Return whether one was promoted.
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


def is_worth_calling(endpoint: Endpoint, note: Note | None) -> bool:
    """Return whether this endpoint may add something that the note still lacks (docs/decisions/0002)."""
    if note is None:
        return True
    if is_sufficient(note) or note.type not in (NoteType.UNKNOWN, *endpoint.serves):
        return False
    lacks_only_motion = is_sufficient(replace(note, motion_known=True))
    return endpoint.declares_motion or not lacks_only_motion


def endpoints_to_call(known: Known, order: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return the endpoints that may have to be called for a note, in order; none if the replies suffice."""
    note = merged(known)
    return tuple(each for each in order if each.name not in known and is_worth_calling(each, note))


async def read_saved_replies(note_id: NoteId, shelf: ReplyStore, order: Sequence[Endpoint]) -> Known:
    """Read all saved replies without any call: the endpoints of `order` first, then all others."""
    names = await shelf.endpoints()
    known: Known = {}
    for endpoint in dict.fromkeys((*order, *ENDPOINTS.values())):
        if endpoint.name in names and (found := await read_saved(note_id, shelf, endpoint.name)):
            known[endpoint.name] = found
    for name in newer_replies(names, known):
        endpoint_name = name.partition(".")[0]
        older, entry = known[endpoint_name]
        newer = await read_saved(note_id, shelf, name)
        if older is not None and newer is not None and newer[0] is not None:
            known[endpoint_name] = with_fresh_urls(older, newer[0]), entry
    return known


def newer_replies(names: Collection[str], known: Collection[str]) -> list[str]:
    """Return the names of the newer replies of known endpoints, such as "v1.2", oldest first."""
    parts = [name.partition(".") for name in names]
    numbered = [(int(number), endpoint) for endpoint, _, number in parts if number.isdecimal()]
    return [f"{endpoint}.{number}" for number, endpoint in sorted(numbered) if endpoint in known]


async def read_saved(note_id: NoteId, shelf: ReplyStore, name: str) -> tuple[Note | None, ReplyEntry] | None:
    """Return the note (if any) and the manifest entry of a saved reply; None if there is no usable one."""
    endpoint = ENDPOINTS.get(name.partition(".")[0])
    found = await find_reply(shelf, name) if endpoint else None
    return _parse_reply(*found, endpoint, note_id) if endpoint and found else None


def _parse_reply(
    body: bytes, envelope: Envelope, endpoint: Endpoint, note_id: NoteId
) -> tuple[Note | None, ReplyEntry]:
    try:
        return read_note(envelope, endpoint, note_id), _reply_entry(endpoint.name, body, "note")
    except ReplyUnusable as error:
        return None, _reply_entry(endpoint.name, body, error.reason)


def _reply_entry(name: str, body: bytes, outcome: str) -> ReplyEntry:
    """Return the manifest entry of a saved reply; `name` is its file name without the suffix."""
    digest = hashlib.sha256(body).hexdigest()
    return ReplyEntry(name.partition(".")[0], f"replies/{name}.json", len(body), digest, outcome)


def merged(known: Known, failed_videos_of: Collection[str] = ()) -> Note | None:
    """Return the merged note of all replies, without videos of `failed_videos_of`; None without a note."""
    notes = [
        _without_video(note) if name in failed_videos_of else note
        for name, (note, _) in known.items()
        if note is not None
    ]
    return reduce(merge, notes) if notes else None


def _without_video(note: Note) -> Note:
    assets = tuple(asset for asset in note.assets if asset.slot.kind is not AssetKind.VIDEO)
    return replace(note, assets=assets)


async def resolution_of(known: Known, shelf: ReplyStore) -> Resolution:
    """Return the merged note of replies, with the manifest entries of all replies, newer ones included."""
    newer = [
        _reply_entry(name, body, "renewal")
        for name in newer_replies(await shelf.endpoints(), known)
        if (body := await shelf.find(name)) is not None
    ]
    return Resolution(merged(known), (*(entry for _, entry in known.values()), *newer))

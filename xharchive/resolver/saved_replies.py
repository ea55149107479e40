"""Read the saved replies of a note, merge them, and decide which further endpoints may add something."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import reduce

from xharchive.api.status_codes import Action, meaning_of_code
from xharchive.archive import ReplyStore
from xharchive.errors import ReplyUnusable
from xharchive.manifest import ReplyEntry
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers import (
    ENDPOINTS,
    Endpoint,
    Envelope,
    is_sufficient,
    merge,
    read_envelope,
    read_note,
    with_fresh_urls,
)

Known = dict[str, tuple[Note | None, ReplyEntry]]
"""The note (if any) and the manifest entry of each endpoint's reply, by endpoint name, best first."""


async def read_saved_replies(note_id: NoteId, shelf: ReplyStore, order: Sequence[Endpoint]) -> Known:
    """Read all saved replies without any call: the endpoints of `order` first, then all others.

    Raises:
        ArchiveError: a reply cannot be read.
    """
    names = await shelf.endpoints()
    known: Known = {}
    for endpoint in dict.fromkeys((*order, *ENDPOINTS.values())):
        found = await read_saved(note_id, shelf, endpoint.name) if endpoint.name in names else None
        if found is not None:
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
    """Read one saved reply.

    Returns:
        The note (if any) and the manifest entry. None if there is no usable reply: a crash may leave a body
        that the run would have deleted.

    Raises:
        ArchiveError: the reply cannot be read.
    """
    body, endpoint = await shelf.find(name), ENDPOINTS.get(name.partition(".")[0])
    if body is None or endpoint is None:
        return None
    try:
        envelope = read_envelope(body)
    except ReplyUnusable:
        return None
    if meaning_of_code(envelope.code).action is not Action.READ:
        return None
    return parse_reply(body, envelope, endpoint, note_id)


def parse_reply(
    body: bytes, envelope: Envelope, endpoint: Endpoint, note_id: NoteId
) -> tuple[Note | None, ReplyEntry]:
    """Return the note of a reply (None if the reply does not have it) and the reply's manifest entry."""
    note: Note | None = None
    outcome = "note"
    try:
        note = read_note(envelope, endpoint, note_id)
    except ReplyUnusable as error:
        outcome = error.reason
    return note, reply_entry(endpoint.name, body, outcome)


def reply_entry(name: str, body: bytes, outcome: str) -> ReplyEntry:
    """Return the manifest entry of a saved reply; `name` is its file name without the suffix."""
    endpoint = name.partition(".")[0]
    digest = hashlib.sha256(body).hexdigest()
    return ReplyEntry(endpoint, f"replies/{name}.json", len(body), digest, outcome)


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


def is_worth_calling(endpoint: Endpoint, note: Note | None) -> bool:
    """Return whether this endpoint may add something that the note still lacks (docs/decisions/0002)."""
    if note is None or note.type is NoteType.UNKNOWN:
        return note is None or not is_sufficient(note)
    if is_sufficient(note) or note.type not in endpoint.serves:
        return False
    lacks_only_motion = is_sufficient(replace(note, motion_known=True))
    return endpoint.declares_motion or not lacks_only_motion


def endpoints_to_call(known: Known, order: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return the endpoints that may have to be called for a note, in order; none if the replies suffice."""
    note = merged(known)
    return tuple(
        endpoint for endpoint in order if endpoint.name not in known and is_worth_calling(endpoint, note)
    )

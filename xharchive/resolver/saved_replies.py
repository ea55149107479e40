"""What is known of a note from the replies that are kept, and what another endpoint could add."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import reduce

from xharchive.errors import ReplyUnusable
from xharchive.manifest import ReplyEntry
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers import (
    ENDPOINTS,
    Endpoint,
    Envelope,
    merge,
    read_envelope,
    read_note,
    refreshed,
    satisfied,
)
from xharchive.replies import ReplyShelf
from xharchive.status_codes import Action, meaning_of_code

__all__ = [
    "Known",
    "entry_of",
    "merged",
    "outlook",
    "read",
    "read_kept",
    "read_one",
    "renewals",
    "worth_asking",
]

Known = dict[str, tuple[Note | None, ReplyEntry]]
"""What each endpoint's reply says, by the endpoint's name, the one that counts most first."""


async def read_kept(note_id: NoteId, shelf: ReplyShelf, order: Sequence[Endpoint]) -> Known:
    """Read what is kept, nobody is asked: the endpoints of the order first, then all others.

    Raises:
        ArchiveError: a reply is there and cannot be read.
    """
    names = await shelf.endpoints()
    known: Known = {}
    for endpoint in dict.fromkeys((*order, *ENDPOINTS.values())):
        found = await read_one(note_id, shelf, endpoint.name) if endpoint.name in names else None
        if found is not None:
            known[endpoint.name] = found
    for name in renewals(names, known):
        endpoint_name = name.partition(".")[0]
        older, entry = known[endpoint_name]
        newer = await read_one(note_id, shelf, name)
        if older is not None and newer is not None and newer[0] is not None:
            known[endpoint_name] = refreshed(older, newer[0]), entry
    return known


def renewals(names: Collection[str], known: Collection[str]) -> list[str]:
    """Return the names of the newer replies of known endpoints, in the order in which they came."""
    found = [name.partition(".") for name in names]
    numbered = [(int(number), endpoint) for endpoint, _, number in found if number.isdecimal()]
    return [f"{endpoint}.{number}" for number, endpoint in sorted(numbered) if endpoint in known]


async def read_one(note_id: NoteId, shelf: ReplyShelf, name: str) -> tuple[Note | None, ReplyEntry] | None:
    """Read one kept reply; None if it is no answer: a crash may leave one that would have been dropped.

    Raises:
        ArchiveError: it is there and cannot be read.
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
    return read(body, envelope, endpoint, note_id)


def read(
    body: bytes, envelope: Envelope, endpoint: Endpoint, note_id: NoteId
) -> tuple[Note | None, ReplyEntry]:
    """Return the note that a reply holds, if any, and the reply's own record."""
    found: Note | None = None
    outcome = "note"
    try:
        found = read_note(envelope, endpoint, note_id)
    except ReplyUnusable as problem:
        outcome = problem.reason
    return found, entry_of(endpoint.name, body, outcome)


def entry_of(name: str, body: bytes, outcome: str) -> ReplyEntry:
    """Return the record of a kept reply; `name` is its file's, without the suffix."""
    endpoint = name.partition(".")[0]
    digest = hashlib.sha256(body).hexdigest()
    return ReplyEntry(endpoint, f"replies/{name}.json", len(body), digest, outcome)


def merged(known: Known, dead_videos_of: Collection[str] = ()) -> Note | None:
    """Return the note that all replies together tell of, without the videos that proved not to be had."""
    notes = [
        _without_video(note) if name in dead_videos_of else note
        for name, (note, _) in known.items()
        if note is not None
    ]
    return reduce(merge, notes) if notes else None


def _without_video(note: Note) -> Note:
    kept = tuple(asset for asset in note.assets if asset.slot.kind is not AssetKind.VIDEO)
    return replace(note, assets=kept)


def worth_asking(endpoint: Endpoint, note: Note | None) -> bool:
    """Whether this endpoint may add what is still missing (docs/decisions/0002)."""
    if note is None or note.type is NoteType.UNKNOWN:
        return note is None or not satisfied(note)
    if satisfied(note) or note.type not in endpoint.serves:
        return False
    pictured = satisfied(replace(note, motion_known=True))
    return endpoint.tells_motion or not pictured


def outlook(known: Known, order: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return the endpoints that may have to be asked about a note: none, or the first one at least."""
    note = merged(known)
    return tuple(
        endpoint for endpoint in order if endpoint.name not in known and worth_asking(endpoint, note)
    )

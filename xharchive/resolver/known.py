"""What is known of a note from the replies that are kept, and what another endpoint could add."""

import hashlib
from collections.abc import Collection
from dataclasses import replace
from functools import reduce

from xharchive.endpoints import Endpoint, Envelope, merge, read_note, satisfied
from xharchive.errors import ReplyUnusable
from xharchive.manifest import ReplyEntry
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType

__all__ = ["Known", "entry_of", "merged", "read", "worth_asking"]

Known = dict[str, tuple[Note | None, ReplyEntry]]
"""What each endpoint's reply says, by the endpoint's name, the one that counts most first."""


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

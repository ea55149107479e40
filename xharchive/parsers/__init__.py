"""The list of note endpoints, and the parsers for their replies (docs/api.md).

Contract: a parser turns the bytes of a reply into a `Note`, or raises `ReplyUnusable`. It raises nothing
else.

To add an endpoint, add a row to `ENDPOINTS`. To add a shape of note, add a module with a function
`(FoundNote, NoteId, endpoint name) -> Note` that never raises, a case in `_parse_note` below, and a sample
reply under `tests/data`. The content of a reply decides its shape; the endpoint does not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xharchive.errors import ReplyUnusable, UsageError
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers.app_note import read_app_note
from xharchive.parsers.envelope import Envelope, FoundNote, find_note, read_envelope
from xharchive.parsers.merging import is_sufficient, merge, missing_slots, with_fresh_urls
from xharchive.parsers.pgy import is_pgy_note, read_pgy_note
from xharchive.parsers.size_limits import limit_size

__all__ = [
    "DEFAULT_ORDER",
    "ENDPOINTS",
    "Endpoint",
    "Envelope",
    "is_sufficient",
    "merge",
    "missing_slots",
    "parse_endpoint_order",
    "read_envelope",
    "read_note",
    "with_fresh_urls",
]

_CODES_WITH_A_NOTE = frozenset({0, 201})
_IMAGE = frozenset({NoteType.IMAGE})
_VIDEO = frozenset({NoteType.VIDEO})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One API path that returns a note (docs/api.md#note-endpoints).

    A reply with code 0 or 201 is billed, even an empty one (docs/api.md#billing).

    Attributes:
        path: absolute path on the API host; takes the note id as the query parameter `noteId`.
        serves: types of note whose media it declares completely.
        declares_motion: whether it declares the motions of live photos.
    """

    name: str
    path: str
    serves: frozenset[NoteType]
    declares_motion: bool = True


ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        endpoint.name: endpoint
        for endpoint in (
            Endpoint("v1", "/api/xiaohongshu/get-note-detail/v1", _IMAGE),
            Endpoint("v3", "/api/xiaohongshu/get-note-detail/v3", _IMAGE),
            Endpoint("v7", "/api/xiaohongshu/get-note-detail/v7", _IMAGE),
            Endpoint("v6", "/api/xiaohongshu/get-note-detail/v6", _VIDEO),
            Endpoint(
                "pgy",
                "/api/xiaohongshu-pgy/api/solar/note/noteId/detail/v1",
                _IMAGE | _VIDEO,
                declares_motion=False,
            ),
        )
    }
)
"""All known endpoints by name (docs/api.md#note-endpoints)."""

DEFAULT_ORDER = ("v1", "v6", "pgy")
"""The default order of endpoints (docs/api.md#order-of-endpoints)."""


def parse_endpoint_order(text: str) -> tuple[Endpoint, ...]:
    """Parse an order of endpoints such as "v1,v6,pgy"; drop repeated names.

    Raises:
        UsageError: the text is empty or has an unknown name.
    """
    names = dict.fromkeys(re.findall(r"[^,\s]+", text.lower()))
    known = ", ".join(ENDPOINTS)
    if not names:
        raise UsageError(f"The order of endpoints is empty; known endpoints: {known}.")
    if unknown := [name for name in names if name not in ENDPOINTS]:
        raise UsageError(f"Unknown endpoint {unknown[0][:40]!r} in the order; known endpoints: {known}.")
    return tuple(ENDPOINTS[name] for name in names)


def read_note(envelope: Envelope, endpoint: Endpoint, note_id: NoteId) -> Note:
    """Parse the note in a reply.

    Raises:
        ReplyUnusable: `code`: the vendor reports an error. `empty`: there is no note; the note may still
            exist (docs/api.md#empty-replies). `mismatch`: there are only other notes. `too-heavy`: the reply
            was shortened, and no note is in the rest.
    """
    if envelope.code not in _CODES_WITH_A_NOTE:
        raise ReplyUnusable("code", f"The reply of {endpoint.name} carries code {envelope.code}, not a note.")
    try:
        found = find_note(envelope.data, note_id)
    except ReplyUnusable:
        if envelope.shortened:
            raise ReplyUnusable("too-heavy", f"The reply of {endpoint.name} has too many values.") from None
        raise
    note = _parse_note(found, note_id, endpoint.name)
    return limit_size(note, shortened=envelope.shortened)


def _parse_note(found: FoundNote, note_id: NoteId, endpoint: str) -> Note:
    read = read_pgy_note if is_pgy_note(found.note) else read_app_note
    return read(found, note_id, endpoint)

"""The list of note endpoints, and the parsers for their replies (docs/api.md).

Contract: a parser turns the bytes of a reply into a `Note`, or raises `ReplyUnusable`. It raises nothing
else.

To add an endpoint, add a row to `ENDPOINTS`. To add a shape of note, add its fields to `note_fields`,
`image_assets` and `video_assets`, and a sample reply under `tests/data`. The content of a reply decides its
shape; the endpoint does not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xharchive.errors import ReplyUnusable, UsageError
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers.envelope import Envelope, find_note, read_envelope
from xharchive.parsers.merging import is_sufficient, merge, missing_slots, with_fresh_urls
from xharchive.parsers.note_fields import read_note_object

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

    Attributes:
        path: absolute path on the API host; takes the note id as the query parameter `noteId`.
        serves: types of note whose media it declares completely.
        declares_motion: whether it declares the motions of live photos.
    """

    name: str
    path: str
    serves: frozenset[NoteType]
    declares_motion: bool = True


_DETAIL = "/api/xiaohongshu/get-note-detail"
_PGY = "/api/xiaohongshu-pgy/api/solar/note/noteId/detail/v1"
ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        "v1": Endpoint("v1", f"{_DETAIL}/v1", _IMAGE),
        "v3": Endpoint("v3", f"{_DETAIL}/v3", _IMAGE),
        "v7": Endpoint("v7", f"{_DETAIL}/v7", _IMAGE),
        "v6": Endpoint("v6", f"{_DETAIL}/v6", _VIDEO),
        "pgy": Endpoint("pgy", _PGY, _IMAGE | _VIDEO, declares_motion=False),
    }
)
"""All known endpoints by name."""

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
    return read_note_object(found, note_id, endpoint.name, shortened=envelope.shortened)

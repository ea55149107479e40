"""Who can be asked about a note, and how every shape of reply is read (docs/api.md).

The contract of this room: bytes of a reply in, a `Note` out, or `ReplyUnusable`; no other error on any bytes.

Adding an endpoint is a row in `ENDPOINTS`. Adding a shape of note is a file here with a function
`(Found, NoteId, endpoint name) -> Note` that never raises, a test for it in `_read_note` below, and a sample
reply under `tests/data`. Shapes are told by evidence: an endpoint names a path, not a shape.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xharchive.errors import ReplyUnusable, UsageError
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers.app_note import read_app_note
from xharchive.parsers.containers import Found, pick
from xharchive.parsers.envelope import Envelope, read_envelope
from xharchive.parsers.merging import merge, missing, refreshed, satisfied
from xharchive.parsers.pgy import is_pgy_note, read_pgy_note
from xharchive.parsers.size_limits import within_bounds

__all__ = [
    "DEFAULT_ORDER",
    "ENDPOINTS",
    "Endpoint",
    "Envelope",
    "merge",
    "missing",
    "parse_order",
    "read_envelope",
    "read_note",
    "read_reply",
    "refreshed",
    "satisfied",
]

_CODES_WITH_A_NOTE = frozenset({0, 201})
_IMAGE = frozenset({NoteType.IMAGE})
_VIDEO = frozenset({NoteType.VIDEO})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One API path that can be asked about a note.

    `path` is absolute on the API's host and takes the note's id as the query parameter `noteId`. `serves` are
    the types of note it gives all media of; others come without some, or empty. `tells_motion` is whether it
    knows of live photos. Every reply with code 0 or 201 is billed, an empty one too (docs/api.md#billing).
    `remark` is for humans.
    """

    name: str
    path: str
    serves: frozenset[NoteType]
    tells_motion: bool = True
    deprecated: bool = False
    remark: str = ""


ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        endpoint.name: endpoint
        for endpoint in (
            Endpoint(
                "v1",
                "/api/xiaohongshu/get-note-detail/v1",
                _IMAGE,
                remark="recommended by the vendor; of a video note it gives the cover only",
            ),
            Endpoint("v3", "/api/xiaohongshu/get-note-detail/v3", _IMAGE, remark="hidden; replies like v1"),
            Endpoint(
                "v7",
                "/api/xiaohongshu/get-note-detail/v7",
                _IMAGE,
                deprecated=True,
                remark="replies like v1; may be removed",
            ),
            Endpoint(
                "v6",
                "/api/xiaohongshu/get-note-detail/v6",
                _VIDEO,
                remark="video notes only; an image note is answered empty, slowly and at full price",
            ),
            Endpoint(
                "pgy",
                "/api/xiaohongshu-pgy/api/solar/note/noteId/detail/v1",
                _IMAGE | _VIDEO,
                tells_motion=False,
                remark="images and video with the upload's key; knows no live photos, counts may be missing",
            ),
        )
    }
)
"""All known endpoints by name (docs/api.md#note-endpoints)."""

DEFAULT_ORDER = ("v1", "v6", "pgy")
"""The order in which endpoints are asked unless a setting says otherwise (docs/api.md#order-of-endpoints)."""


def parse_order(text: str) -> tuple[Endpoint, ...]:
    """Return the endpoints that a setting such as "v1,v6,pgy" names, in its order, each once.

    Raises:
        UsageError: a name is unknown, or there is none.
    """
    names = dict.fromkeys(re.findall(r"[^,\s]+", text.lower()))
    known = ", ".join(ENDPOINTS)
    if not names:
        raise UsageError(f"The order of endpoints is empty; known endpoints: {known}.")
    if unknown := [name for name in names if name not in ENDPOINTS]:
        raise UsageError(f"Unknown endpoint {unknown[0][:40]!r} in the order; known endpoints: {known}.")
    return tuple(ENDPOINTS[name] for name in names)


def read_reply(body: bytes, endpoint: Endpoint, note_id: NoteId) -> Note:
    """Return the note that a raw reply declares.

    Raises:
        ReplyUnusable: as `read_note`; or `not-json`: no envelope can be read.
    """
    return read_note(read_envelope(body), endpoint, note_id)


def read_note(envelope: Envelope, endpoint: Endpoint, note_id: NoteId) -> Note:
    """Return the note that a reply's envelope holds.

    Raises:
        ReplyUnusable: `code`: the vendor reports an error; `empty`: there is no note in it, which proves
            nothing about it (docs/api.md#empty-replies); `mismatch`: it has others; `too-heavy`: it
            has too many values to be read whole, so neither can be said.
    """
    if envelope.code not in _CODES_WITH_A_NOTE:
        raise ReplyUnusable("code", f"The reply of {endpoint.name} carries code {envelope.code}, not a note.")
    try:
        found = pick(envelope.data, note_id)
    except ReplyUnusable:
        if envelope.shortened:
            raise ReplyUnusable("too-heavy", f"The reply of {endpoint.name} has too many values.") from None
        raise
    note = _read_note(found, note_id, endpoint.name)
    return within_bounds(note, shortened=envelope.shortened)


def _read_note(found: Found, note_id: NoteId, endpoint: str) -> Note:
    read = read_pgy_note if is_pgy_note(found.note) else read_app_note
    return read(found, note_id, endpoint)

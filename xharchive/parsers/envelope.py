"""Parse the envelope of a reply, `{code, message, data}` (docs/api.md#envelope), and find what was asked for.

The containers of a note are those of docs/api.md#containers: blocks with a `note_list`, a flat list, one
object, `items` with a `note_card`, or any of these as a JSON string. The content decides which one it is,
never the endpoint: the vendor moves shapes between endpoints.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xharchive.errors import ReplyUnusable
from xharchive.models import NoteId
from xharchive.parsers.json_access import as_object, has_content, nested, stripped_text
from xharchive.parsers.json_text import TooManyValues, leading_code, parse_json, shorten_lists

_CODE = re.compile(r"-?[0-9]{1,9}")
_LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class Envelope:
    """The result code, message and data of a reply.

    Attributes:
        shortened: the reply had too many values. Its long lists were cut, or `data` is None because cutting
            was not enough.
    """

    code: int
    message: str
    data: object
    shortened: bool = False


def read_envelope(body: bytes) -> Envelope:
    """Parse the envelope of a raw reply.

    The code may be a number or a numeric string; the message is optional. A byte order mark is skipped.
    Invalid UTF-8 becomes U+FFFD, so that one broken character of a title does not cost a paid reply.

    Raises:
        ReplyUnusable: `not-json`: the body is not a JSON object with a code.
    """
    try:
        readable, shortened = shorten_lists(body)
        reply = parse_json(readable.decode("utf-8-sig", errors="replace"), counted=True)
    except TooManyValues:
        return _read_code_only(body)
    except ValueError:
        raise _unreadable(body) from None
    if not isinstance(reply, dict):
        raise ReplyUnusable("not-json", "The reply is JSON, but not an object with a code.")
    code = _code(reply.get("code"))
    if code is None:
        raise ReplyUnusable("not-json", "The reply is a JSON object without a numeric code.")
    message = reply.get("message")
    message = message[:_LONGEST_MESSAGE] if isinstance(message, str) else ""
    return Envelope(code, message, reply.get("data"), shortened)


def _read_code_only(body: bytes) -> Envelope:
    """Return the envelope of a reply with so many values that only its code can be read in bounded memory."""
    code = leading_code(body)
    if code is None:
        raise _unreadable(body)
    return Envelope(code, "", None, shortened=True)


def _unreadable(body: bytes) -> ReplyUnusable:
    return ReplyUnusable("not-json", f"The reply ({len(body)} bytes) is not JSON that can be read.")


def _code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    if isinstance(value, str) and _CODE.fullmatch(value.strip()):
        return int(value)
    return None


_ID_FIELDS = ("id", "note_id", "noteId")
_WRAPPERS = ("note_list", "notes", "items", "note_card", "note", "noteDetail", "note_detail", "data")
_MEDIA_FIELDS = (
    "images_list",
    "imagesList",
    "image_list",
    "video_info_v2",
    "video_info",
    "videoInfo",
    "video",
)
_TEXT_FIELDS = ("title", "desc", "content")
_MOST_WRAPPERS = 8


@dataclass(frozen=True, slots=True)
class FoundNote:
    """A note object, its ids (possibly none), and the author that its container names."""

    note: Mapping[str, object]
    ids: frozenset[str] = frozenset()
    author: Mapping[str, object] = field(default_factory=dict)


def find_note(data: object, note_id: NoteId) -> FoundNote:
    """Find the note with this id (docs/api.md#containers).

    A single note without an id counts as the requested one. Among several, only an equal id counts: the
    others are recommended notes of other authors.

    Raises:
        ReplyUnusable: `empty`: there is no note. `mismatch`: there are only other notes. `too-heavy`: a JSON
            string in the reply has too many values to parse.
    """
    found = list(_find_notes(data, _Context(), 0))
    if not found:
        raise ReplyUnusable("empty", f"The reply holds no note for {note_id}.")
    for each in found:
        if note_id.text in each.ids:
            return each
    if len(found) == 1 and not found[0].ids:
        return found[0]
    others = ", ".join(sorted(other[:40] for each in found[:3] for other in each.ids))
    raise ReplyUnusable("mismatch", f"The reply holds {len(found)} other note(s) ({others}), not {note_id}.")


@dataclass(frozen=True, slots=True)
class _Context:
    """Ids and author from the containers around a note."""

    ids: frozenset[str] = frozenset()
    author: Mapping[str, object] = field(default_factory=dict)


def _find_notes(value: object, context: _Context, depth: int) -> Iterator[FoundNote]:
    if depth > _MOST_WRAPPERS:
        return
    if isinstance(value, str):
        value = _parse_packed(value)
    if isinstance(value, list):
        for item in value:
            yield from _find_notes(item, context, depth + 1)
    elif isinstance(value, dict):
        yield from _find_in_object(value, context, depth)


def _find_in_object(value: Mapping[str, object], context: _Context, depth: int) -> Iterator[FoundNote]:
    ids = _ids_of(value)
    # Media first: a note may contain lists of other notes, but a wrapper never has images.
    if any(has_content(value.get(name)) for name in _MEDIA_FIELDS):
        yield FoundNote(value, ids or context.ids, context.author)
        return
    inside = _Context(ids or context.ids, as_object(value.get("user")) or context.author)
    wrapped = [
        found for name in _WRAPPERS if name in value for found in _find_notes(value[name], inside, depth + 1)
    ]
    if wrapped:
        yield from wrapped
    elif inside.ids and any(stripped_text(value.get(name)) for name in _TEXT_FIELDS):
        # Without media, a note needs an id: an error object has text too (docs/api.md#envelope).
        yield FoundNote(value, inside.ids, context.author)


def _ids_of(value: Mapping[str, object]) -> frozenset[str]:
    return frozenset(
        found for name in _ID_FIELDS if (found := stripped_text(value.get(name))) not in ("", "0")
    )


def _parse_packed(value: str) -> object:
    if not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return parse_json(value)
    except TooManyValues:
        raise ReplyUnusable("too-heavy", "The reply holds a packed text of too many values.") from None
    except ValueError:
        return None


SHARE_URL = "share-url-transfer-v1"
"""The endpoint's name in the ledger."""
_LONGEST_TARGET = 4096
SHARE_URL_PATH = "/api/xiaohongshu/share-url-transfer/v1"


def read_target(envelope: Envelope) -> str:
    """Return the URL that a short link leads to.

    Raises:
        ReplyUnusable: `empty`: the reply has no URL.
    """
    data = envelope.data
    target = stripped_text(
        data if isinstance(data, str) else nested(data, "redirect_url") or nested(data, "redirectUrl")
    )
    if not 0 < len(target) <= _LONGEST_TARGET:
        raise ReplyUnusable("empty", "the API does not know where it leads")
    return target

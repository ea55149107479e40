"""Parse the envelope of a reply, `{code, message, data}` (docs/api.md#envelope), and find what was asked for.

The containers of a note are those of docs/api.md#containers: blocks with a `note_list`, a flat list, one
object, `items` with a `note_card`, or any of these as a JSON string. The content decides which one it is,
never the endpoint: the vendor moves shapes between endpoints.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from xharchive.errors import ReplyUnusable
from xharchive.models import NoteId
from xharchive.parsers.json_access import as_object, has_any, texts
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
        fields = as_object(parse_json(readable.decode("utf-8-sig", errors="replace"), counted=True))
    except TooManyValues:
        # Only the code can be read in bounded memory.
        fields, shortened = {"code": leading_code(body)}, True
    except ValueError:
        fields, shortened = {}, False
    code, message = _code(fields.get("code")), fields.get("message")
    if code is None:
        raise ReplyUnusable("not-json", f"The reply ({len(body)} bytes) is not a JSON object with a code.")
    message = message[:_LONGEST_MESSAGE] if isinstance(message, str) else ""
    return Envelope(code, message, fields.get("data"), shortened)


def _code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return int(value) if isinstance(value, str) and _CODE.fullmatch(value.strip()) else None


_ID_FIELDS = ("id", "note_id", "noteId")
_WRAPPERS = ("note_list", "notes", "items", "note_card", "note", "noteDetail", "note_detail", "data")
APP_MEDIA = ("images_list", "image_list", "video_info_v2", "video_info", "video")
CAMEL_CASE_MEDIA = ("imagesList", "videoInfo")
_MOST_WRAPPERS = 8


@dataclass(frozen=True, slots=True)
class FoundNote:
    """A note object, its ids (possibly none), and the author that its container names."""

    note: Mapping[str, object]
    ids: frozenset[str]
    author: Mapping[str, object]


def find_note(data: object, note_id: NoteId) -> FoundNote:
    """Find the note with this id (docs/api.md#containers).

    A single note without an id counts as the requested one. Among several, only an equal id counts: the
    others are recommended notes of other authors.

    Raises:
        ReplyUnusable: `empty`: there is no note. `mismatch`: there are only other notes. `too-heavy`: a JSON
            string in the reply has too many values to parse.
    """
    found = _find_notes(data, frozenset(), {}, _MOST_WRAPPERS)
    if not found:
        raise ReplyUnusable("empty", f"The reply holds no note for {note_id}.")
    for each in found:
        if note_id.text in each.ids:
            return each
    if len(found) == 1 and not found[0].ids:
        return found[0]
    others = ", ".join(sorted(other[:40] for each in found[:3] for other in each.ids))
    raise ReplyUnusable("mismatch", f"The reply holds {len(found)} other note(s) ({others}), not {note_id}.")


def _find_notes(
    value: object, ids: frozenset[str], author: Mapping[str, object], levels: int
) -> list[FoundNote]:
    """Return the notes inside a value; `ids` and `author` are those of the containers around it."""
    if levels < 0:
        return []
    if isinstance(value, str):
        value = _parse_packed(value)
    if isinstance(value, list):
        return [found for item in value for found in _find_notes(item, ids, author, levels - 1)]
    if not isinstance(value, dict):
        return []
    ids = frozenset(texts(value, *_ID_FIELDS)) - {"", "0"} or ids
    # Media first: a note may contain lists of other notes, but a wrapper never has images.
    if has_any(value, *APP_MEDIA, *CAMEL_CASE_MEDIA):
        return [FoundNote(value, ids, author)]
    user = as_object(value.get("user")) or author
    wrapped = [value[name] for name in _WRAPPERS if name in value]
    notes = [found for inside in wrapped for found in _find_notes(inside, ids, user, levels - 1)]
    if not notes and ids and any(texts(value, "title", "desc", "content")):
        # Without media, a note needs an id: an error object has text too (docs/api.md#envelope).
        return [FoundNote(value, ids, author)]
    return notes


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
SHARE_URL_PATH = "/api/xiaohongshu/share-url-transfer/v1"
_LONGEST_TARGET = 4096


def read_target(envelope: Envelope) -> str:
    """Return the URL that a short link leads to.

    Raises:
        ReplyUnusable: `empty`: the reply has no URL.
    """
    data = envelope.data
    target = data.strip() if isinstance(data, str) else texts(data, "redirect_url|redirectUrl")[0]
    if not 0 < len(target) <= _LONGEST_TARGET:
        raise ReplyUnusable("empty", "the API does not know where it leads")
    return target

"""Finds the note in the data of a reply, whatever it is packed in, and only the note that was asked for.

The packings are those of docs/api.md#containers: blocks with a `note_list`, a flat list, one object, `items`
with a `note_card`, or any of these as a JSON string. The shape is told by evidence, never by the endpoint's
name: the vendor moves shapes between endpoints.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xharchive.errors import ReplyUnusable
from xharchive.models import NoteId
from xharchive.parsers.fields import entries, says_something, word
from xharchive.parsers.json_text import parse_json
from xharchive.parsers.value_count import TooManyValues

__all__ = ["Found", "pick"]

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
_DEEPEST_WRAPPING = 8


@dataclass(frozen=True, slots=True)
class Found:
    """A note object, the ids it goes by (none is possible), and the author its surroundings name."""

    note: Mapping[str, object]
    ids: frozenset[str] = frozenset()
    author: Mapping[str, object] = field(default_factory=dict)


def pick(data: object, note_id: NoteId) -> Found:
    """Return the note that was asked for (docs/api.md#containers).

    One note without an id is taken for it. Of several only the one with the equal id is: the others are
    recommended strangers.

    Raises:
        ReplyUnusable: `empty`, when there is no note; `mismatch`, when there are only others; `too-heavy`,
            when the note may be packed in a text of too many values.
    """
    found = list(_notes_in(data, _Around(), 0))
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
class _Around:
    """What the wrappers passed on the way say of the notes inside them."""

    ids: frozenset[str] = frozenset()
    author: Mapping[str, object] = field(default_factory=dict)


def _notes_in(value: object, around: _Around, depth: int) -> Iterator[Found]:
    if depth > _DEEPEST_WRAPPING:
        return
    if isinstance(value, str):
        value = _unpacked(value)
    if isinstance(value, list):
        for item in value:
            yield from _notes_in(item, around, depth + 1)
    elif isinstance(value, dict):
        yield from _notes_at(value, around, depth)


def _notes_at(value: Mapping[str, object], around: _Around, depth: int) -> Iterator[Found]:
    ids = _ids_of(value)
    # Media first: a real note may carry lists of other notes, and a wrapper never carries pictures.
    if any(says_something(value.get(name)) for name in _MEDIA_FIELDS):
        yield Found(value, ids or around.ids, around.author)
        return
    inside = _Around(ids or around.ids, entries(value.get("user")) or around.author)
    wrapped = [
        found for name in _WRAPPERS if name in value for found in _notes_in(value[name], inside, depth + 1)
    ]
    if wrapped:
        yield from wrapped
    elif inside.ids and any(word(value.get(name)) for name in _TEXT_FIELDS):
        # Words alone make a note only under an id: an error in disguise has words too (docs/api.md#envelope).
        yield Found(value, inside.ids, around.author)


def _ids_of(value: Mapping[str, object]) -> frozenset[str]:
    return frozenset(found for name in _ID_FIELDS if (found := word(value.get(name))) not in ("", "0"))


def _unpacked(value: str) -> object:
    if not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return parse_json(value)
    except TooManyValues:
        raise ReplyUnusable("too-heavy", "The reply holds a packed text of too many values.") from None
    except ValueError:
        return None

"""Finds the requested note in the data of a reply.

The containers are those of docs/api.md#containers: blocks with a `note_list`, a flat list, one object,
`items` with a `note_card`, or any of these as a JSON string. The content decides which one it is, never the
endpoint: the vendor moves shapes between endpoints.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xharchive.errors import ReplyUnusable
from xharchive.models import NoteId
from xharchive.parsers.json_access import as_object, has_content, stripped_text
from xharchive.parsers.json_text import parse_json
from xharchive.parsers.value_count import TooManyValues

__all__ = ["FoundNote", "find_note"]

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

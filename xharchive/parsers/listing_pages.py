"""Pages of listings: search, feed, a user's notes, a topic's. Which notes they show, and how they go on.

Seeds 003 and 004; docs/api.md#pages-and-cards. The shape is told by evidence: a list of cards, bare or under
one of several names; a card is a note or wraps one. What is no note (suggestions, advertisements, live
streams) is skipped and counted, never taken for one.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from xharchive.errors import ReplyUnusable
from xharchive.models import Author, ListedNote, NoteId
from xharchive.parsers.envelope import Envelope
from xharchive.parsers.fields import address, dig, entries, first_text, integer, moment, objects, word
from xharchive.parsers.note_fields import note_type, read_author
from xharchive.parsers.size_limits import LONGEST_NAME

__all__ = ["Page", "read_page"]

_LISTS = ("items", "notes", "note_list", "noteList", "list", "feeds", "data")
_WRAPPED = ("note", "note_card", "noteCard", "note_info")
_IDS = ("id", "note_id", "noteId")
_TITLES = ("title", "display_title", "displayTitle", "name")
_LIKES = ("liked_count", "likes", "likedCount", "like_count", "nice_count")
_NO_NOTES = re.compile(
    r"hot_query|rec_query|query|ads?|live(?:_v\d+)?|user|goods|topic|card|banner", re.IGNORECASE
)
_CODES_WITH_A_PAGE = frozenset((0, 201))
_LONGEST_TITLE = 300
_LONGEST_CURSOR = 1_000
_MOST_CARDS = 1_000  # real pages have some twenty


@dataclass(frozen=True, slots=True)
class Page:
    """What one page of a listing shows.

    `skipped` counts what is no note or not asked for, by kind: "card", "advertisement", "stranger". `cursor`
    is what the next page may be asked with, "" if nothing says; `goes_on` is None where the reply does not
    say whether there is more. `session` are values to be handed back with the next page. `unreadable`: there
    are data, and no list of notes in them.
    """

    notes: tuple[ListedNote, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    cursor: str = ""
    goes_on: bool | None = None
    session: Mapping[str, str] = field(default_factory=dict)
    unreadable: bool = False


def read_page(envelope: Envelope, *, author: str = "") -> Page:
    """Return the notes of a page, in its order; with `author` (a user's id) only that user's.

    Raises:
        ReplyUnusable: `code`: the vendor reports an error.
    """
    if envelope.code not in _CODES_WITH_A_PAGE:
        raise ReplyUnusable("code", f"The reply carries code {envelope.code}, not a page.")
    notes: list[ListedNote] = []
    skipped: Counter[str] = Counter()
    last_cursor = ""
    wraps, cards = _unpacked(envelope.data)
    # A shortened reply has no more than that in any list, however many came.
    if cards and len(cards) > _MOST_CARDS - envelope.shortened:
        skipped[f"rest of a list of more than {_MOST_CARDS:,}"] = 1
    for card in islice(objects(cards), _MOST_CARDS):
        note = next((entries(card[name]) for name in _WRAPPED if entries(card.get(name))), card)
        last_cursor = first_text(note, "cursor") or first_text(card, "cursor") or last_cursor
        listed = _listed(card, note)
        reason = _why_not(card, note, listed, author)
        if reason or listed is None:
            skipped[reason or "card"] += 1
        else:
            notes.append(listed)
    cursors = (first_text(wrap, "cursor", "last_cursor", "lastCursor") for wrap in wraps)
    cursor = next(filter(None, cursors), "") or last_cursor
    said = (_goes_on(wrap) for wrap in wraps)
    return Page(
        tuple(notes),
        dict(skipped),
        cursor if len(cursor) <= _LONGEST_CURSOR else "",
        next((more for more in said if more is not None), None),
        {name: value for wrap in reversed(wraps) for name, value in _session(wrap)},
        unreadable=cards is None and (bool(envelope.data) or envelope.shortened),
    )


def _unpacked(data: object) -> tuple[list[Mapping[str, object]], Sequence[object] | None]:
    """Return the cards, however deep their list is packed, and the objects around it, the innermost first.

    None in place of the cards: there is no list of them.
    """
    wraps: list[Mapping[str, object]] = []
    for _ in range(6):
        if isinstance(data, list):
            wrap = entries(data[0]) if len(data) == 1 else {}
            if not _wraps_a_list(wrap):
                return wraps, data if not data or any(map(entries, data)) else None
            data = data[0]
        else:
            wraps.insert(0, entries(data))
            named = [wraps[0][name] for name in _LISTS if name in wraps[0]]
            data = next((value for value in named if isinstance(value, list | dict) and value), None)
            if data is None:
                return wraps, () if named else None
    return wraps, None


def _wraps_a_list(item: Mapping[str, object]) -> bool:
    """Whether an object is no card but holds cards: it names no note itself."""
    if any(_note_id(text) for text in _ids(item, *(entries(item.get(name)) for name in _WRAPPED))):
        return False
    return any(isinstance(item.get(name), list) for name in _LISTS)


def _why_not(
    card: Mapping[str, object], note: Mapping[str, object], listed: ListedNote | None, author: str
) -> str:
    if any(entries(item).get("is_ads") is True or _says_ad(item) for item in (card, note)):
        return "advertisement"
    kinds = (word(item.get(name)) for item in (card, note) for name in ("model_type", "modelType", "type"))
    if any(_NO_NOTES.fullmatch(kind) for kind in kinds):
        return "card"
    if author and listed and listed.author.id and listed.author.id != author:
        return "stranger"
    return ""


def _says_ad(item: Mapping[str, object]) -> bool:
    """Whether a card carries an advertiser's data."""
    return bool(entries(item.get("ads_info")) or entries(item.get("ad")))


def _listed(card: Mapping[str, object], note: Mapping[str, object]) -> ListedNote | None:
    note_id = next(filter(None, map(_note_id, _ids(note, card))), None)
    if note_id is None:
        return None
    users = tuple(entries(note.get(name)) for name in ("user", "author", "userInfo"))
    return ListedNote(
        note_id,
        note_type(note.get("type")),
        _title(note),
        _author(*users) if any(users) else Author(),
        _published(note),
        _likes(note),
        _cover(note),
    )


def _author(*users: Mapping[str, object]) -> Author:
    author = read_author(*users)
    return Author(author.id[:LONGEST_NAME], author.name[:LONGEST_NAME], author.red_id[:LONGEST_NAME])


def _ids(*sources: Mapping[str, object]) -> Iterator[str]:
    for source in sources:
        for name in _IDS:
            yield word(source.get(name)).lower()


def _note_id(text: str) -> NoteId | None:
    try:
        return NoteId(text)
    except ValueError:
        return None


def _title(note: Mapping[str, object]) -> str:
    title = first_text(note, *_TITLES) or first_text(note, "desc").partition("\n")[0]
    return title[:_LONGEST_TITLE].strip()


def _published(note: Mapping[str, object]) -> datetime | None:
    stamps = (moment(note.get(name)) for name in ("timestamp", "time", "create_time", "createTime"))
    return next(filter(None, stamps), None)


def _likes(note: Mapping[str, object]) -> int | None:
    inner = entries(note.get("interact_info")) or entries(note.get("interactInfo"))
    counts = (integer(source.get(name)) for source in (note, inner) for name in _LIKES)
    return next((count for count in counts if count is not None), None)


def _cover(note: Mapping[str, object]) -> str:
    pictures = (next(objects(note.get(name)), {}) for name in ("images_list", "imagesList", "image_list"))
    found = next(filter(None, pictures), {}) or entries(note.get("cover"))
    urls = (address(found.get(name)) for name in ("url_size_large", "url", "url_default", "urlDefault"))
    return next(filter(None, urls), "") or address(note.get("cover"))


def _goes_on(data: Mapping[str, object]) -> bool | None:
    for name in ("has_more", "hasMore"):
        said = data.get(name)
        if isinstance(said, bool):
            return said
        if word(said).lower() in ("0", "1", "true", "false"):
            return word(said).lower() in ("1", "true")
    return None


def _session(data: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What search v4 wants back with its next page (`data.api_info`)."""
    for ours, theirs in (("searchId", "search_id"), ("sessionId", "session_id")):
        value = word(dig(data, "api_info", theirs))
        if 0 < len(value) <= _LONGEST_CURSOR:
            yield ours, value

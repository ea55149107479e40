"""Parses the pages of listings: search, feed, author and topic.

MediaSource: seeds 003 and 004; docs/api.md#pages-and-cards. A page is a list of cards, bare or under one of
several names; a card is a note or wraps one. Other cards (suggestions, advertisements, live streams) are
skipped and counted.
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
from xharchive.parsers.json_access import (
    as_datetime,
    as_integer,
    as_object,
    first_nonblank,
    http_url,
    iter_objects,
    nested,
    stripped_text,
)
from xharchive.parsers.note_fields import parse_note_type, read_author
from xharchive.parsers.size_limits import LONGEST_NAME

_LISTS = ("items", "notes", "note_list", "noteList", "list", "feeds", "data")
_WRAPPED = ("note", "note_card", "noteCard", "note_info")
_IDS = ("id", "note_id", "noteId")
_TITLES = ("title", "display_title", "displayTitle", "name")
_LIKES = ("liked_count", "likes", "likedCount", "like_count", "nice_count")
_OTHER_CARD_TYPES = re.compile(
    r"hot_query|rec_query|query|ads?|live(?:_v\d+)?|user|goods|topic|card|banner", re.IGNORECASE
)
_CODES_WITH_A_PAGE = frozenset((0, 201))
_LONGEST_TITLE = 300
_LONGEST_CURSOR = 1_000
_MOST_CARDS = 1_000  # real pages have about twenty


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Attributes:
        notes: the notes, in the order of the page.
        skipped: number of other cards by reason: "card", "advertisement", "stranger".
        cursor: cursor for the next page; "" if the reply has none.
        has_more: whether there are more pages; None if the reply does not say.
        session: query parameters to send with the next page.
        unreadable: the reply has data, but no list of notes.
    """

    notes: tuple[ListedNote, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    cursor: str = ""
    has_more: bool | None = None
    session: Mapping[str, str] = field(default_factory=dict)
    unreadable: bool = False


def read_page(envelope: Envelope, *, author: str = "") -> Page:
    """Parse a page.

    Args:
        author: id of a user; notes of other users are skipped. "" keeps all notes.

    Raises:
        ReplyUnusable: `code`: the vendor reports an error.
    """
    if envelope.code not in _CODES_WITH_A_PAGE:
        raise ReplyUnusable("code", f"The reply carries code {envelope.code}, not a page.")
    notes: list[ListedNote] = []
    skipped: Counter[str] = Counter()
    last_cursor = ""
    wrappers, cards = _find_cards(envelope.data)
    # `shorten_lists` leaves as many elements in each list of a shortened reply.
    if cards and len(cards) > _MOST_CARDS - envelope.shortened:
        skipped[f"rest of a list of more than {_MOST_CARDS:,}"] = 1
    for card in islice(iter_objects(cards), _MOST_CARDS):
        note = next((as_object(card[name]) for name in _WRAPPED if as_object(card.get(name))), card)
        last_cursor = first_nonblank(note, "cursor") or first_nonblank(card, "cursor") or last_cursor
        listed = _read_note(card, note)
        reason = _skip_reason(card, note, listed, author)
        if reason or listed is None:
            skipped[reason or "card"] += 1
        else:
            notes.append(listed)
    cursors = (first_nonblank(wrapper, "cursor", "last_cursor", "lastCursor") for wrapper in wrappers)
    cursor = next(filter(None, cursors), "") or last_cursor
    answers = (_has_more(wrapper) for wrapper in wrappers)
    return Page(
        tuple(notes),
        dict(skipped),
        cursor if len(cursor) <= _LONGEST_CURSOR else "",
        next((answer for answer in answers if answer is not None), None),
        {name: value for wrapper in reversed(wrappers) for name, value in _session(wrapper)},
        unreadable=cards is None and (bool(envelope.data) or envelope.shortened),
    )


def _find_cards(data: object) -> tuple[list[Mapping[str, object]], Sequence[object] | None]:
    """Find the list of cards inside the data of a reply.

    Returns:
        The objects around the list, innermost first; and the cards, or None if there is no list.
    """
    wrappers: list[Mapping[str, object]] = []
    for _ in range(6):
        if isinstance(data, list):
            wrapper = as_object(data[0]) if len(data) == 1 else {}
            if not _wraps_a_list(wrapper):
                return wrappers, data if not data or any(map(as_object, data)) else None
            data = data[0]
        else:
            wrappers.insert(0, as_object(data))
            named = [wrappers[0][name] for name in _LISTS if name in wrappers[0]]
            data = next((value for value in named if isinstance(value, list | dict) and value), None)
            if data is None:
                return wrappers, () if named else None
    return wrappers, None


def _wraps_a_list(item: Mapping[str, object]) -> bool:
    """Whether an object contains a list of cards and is no card itself: it has no note id."""
    if any(_note_id(text) for text in _ids(item, *(as_object(item.get(name)) for name in _WRAPPED))):
        return False
    return any(isinstance(item.get(name), list) for name in _LISTS)


def _skip_reason(
    card: Mapping[str, object], note: Mapping[str, object], listed: ListedNote | None, author: str
) -> str:
    """Return why a card is not listed; "" for a note that is."""
    if any(as_object(item).get("is_ads") is True or _has_ad_data(item) for item in (card, note)):
        return "advertisement"
    kinds = (
        stripped_text(item.get(name)) for item in (card, note) for name in ("model_type", "modelType", "type")
    )
    if any(_OTHER_CARD_TYPES.fullmatch(kind) for kind in kinds):
        return "card"
    if author and listed and listed.author.id and listed.author.id != author:
        return "stranger"
    return ""


def _has_ad_data(item: Mapping[str, object]) -> bool:
    """Whether a card has data of an advertiser."""
    return bool(as_object(item.get("ads_info")) or as_object(item.get("ad")))


def _read_note(card: Mapping[str, object], note: Mapping[str, object]) -> ListedNote | None:
    note_id = next(filter(None, map(_note_id, _ids(note, card))), None)
    if note_id is None:
        return None
    users = tuple(as_object(note.get(name)) for name in ("user", "author", "userInfo"))
    return ListedNote(
        note_id,
        parse_note_type(note.get("type")),
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
            yield stripped_text(source.get(name)).lower()


def _note_id(text: str) -> NoteId | None:
    try:
        return NoteId(text)
    except ValueError:
        return None


def _title(note: Mapping[str, object]) -> str:
    title = first_nonblank(note, *_TITLES) or first_nonblank(note, "desc").partition("\n")[0]
    return title[:_LONGEST_TITLE].strip()


def _published(note: Mapping[str, object]) -> datetime | None:
    stamps = (as_datetime(note.get(name)) for name in ("timestamp", "time", "create_time", "createTime"))
    return next(filter(None, stamps), None)


def _likes(note: Mapping[str, object]) -> int | None:
    inner = as_object(note.get("interact_info")) or as_object(note.get("interactInfo"))
    counts = (as_integer(source.get(name)) for source in (note, inner) for name in _LIKES)
    return next((count for count in counts if count is not None), None)


def _cover(note: Mapping[str, object]) -> str:
    pictures = (
        next(iter_objects(note.get(name)), {}) for name in ("images_list", "imagesList", "image_list")
    )
    found = next(filter(None, pictures), {}) or as_object(note.get("cover"))
    urls = (http_url(found.get(name)) for name in ("url_size_large", "url", "url_default", "urlDefault"))
    return next(filter(None, urls), "") or http_url(note.get("cover"))


def _has_more(data: Mapping[str, object]) -> bool | None:
    for name in ("has_more", "hasMore"):
        value = data.get(name)
        if isinstance(value, bool):
            return value
        if stripped_text(value).lower() in ("0", "1", "true", "false"):
            return stripped_text(value).lower() in ("1", "true")
    return None


def _session(data: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the parameters that search v4 expects with the next page (`data.api_info`)."""
    for parameter, name in (("searchId", "search_id"), ("sessionId", "session_id")):
        value = stripped_text(nested(data, "api_info", name))
        if 0 < len(value) <= _LONGEST_CURSOR:
            yield parameter, value

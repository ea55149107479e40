"""The listing endpoints (search, feed, author, topic): the parameters of their pages, and the pages.

Source: seeds 003 and 004, docs/api.md#listings, docs/api.md#pages-and-cards, and the vendor's current
specification (justoneapi-python `openapi/public-api.json`). The vendor changed its parameter values between
versions, so the program's own options are mapped to the values of each version.

A page is a list of cards, bare or under one of several names; a card is a note or wraps one. Other cards
(suggestions, advertisements, live streams) are skipped and counted.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from xharchive.errors import ReplyUnusable
from xharchive.models import Author, ListedNote, NoteId, NoteType
from xharchive.parsers.envelope import Envelope
from xharchive.parsers.json_access import as_object, counts, http_urls, nested, objects_in, texts, times
from xharchive.parsers.note_fields import LONGEST_NAME, parse_note_type, read_author

_LISTS = ("items", "notes", "note_list", "noteList", "list", "feeds", "data")
_WRAPPED = ("note", "note_card", "noteCard", "note_info")
_IDS = ("id", "note_id", "noteId")
_TITLE = "title|display_title|displayTitle|name"
_LIKES = "|".join(
    f"{source}{name}"
    for source in ("", "interact_info.", "interactInfo.")
    for name in ("liked_count", "likes", "likedCount", "like_count", "nice_count")
)
_OTHER_CARD_TYPES = re.compile(
    r"hot_query|rec_query|query|ads?|live(?:_v\d+)?|user|goods|topic|card|banner", re.IGNORECASE
)
_CODES_WITH_A_PAGE = frozenset((0, 201))
_LONGEST_TITLE = 300
_LONGEST_CURSOR = 1_000
_MOST_CARDS = 1_000  # real pages have about twenty
_MOST_WRAPPERS = 6


class Sort(StrEnum):
    """The order of search results."""

    GENERAL = "general"
    POPULAR = "popular"
    NEWEST = "newest"
    COMMENTS = "comments"
    COLLECTS = "collects"


class MaxAge(StrEnum):
    """The maximum age of search results. The vendor does not guarantee it."""

    DAY = "day"
    WEEK = "week"
    HALF_YEAR = "half-year"


_LONGEST_SUBJECT = 200
_API = "/api/xiaohongshu/"
_SORTS = {
    Sort.GENERAL: "general",
    Sort.POPULAR: "popularity_descending",
    Sort.NEWEST: "time_descending",
    Sort.COMMENTS: "comment_descending",
    Sort.COLLECTS: "collect_descending",
}
_TYPES_V2 = {NoteType.UNKNOWN: "_0", NoteType.VIDEO: "_1", NoteType.IMAGE: "_2"}
_TYPES_V4 = {NoteType.UNKNOWN: "ALL", NoteType.VIDEO: "VIDEO_NOTE", NoteType.IMAGE: "NORMAL_NOTE"}
_WITHIN = {MaxAge.DAY: "ONE_DAY", MaxAge.WEEK: "ONE_WEEK", MaxAge.HALF_YEAR: "HALF_YEAR"}
_WITHIN_OF_2025 = {MaxAge.DAY: "一天内", MaxAge.WEEK: "一周内", MaxAge.HALF_YEAR: "半年内"}

_OTHER_CHANNELS = {"recommend": "homefeed_recommend", "live": "homefeed_live"}
_NUMBERED_CHANNELS = (
    *("video", "fashion", "books", "nails", "painting", "cartoon", "photography", "food", "celebrity"),
    *("profile_photo", "gaming", "cosmetics", "stationery", "love", "music", "movie_and_tv", "handmade"),
    *("education", "digital_technology", "household_product", "hair", "pets", "travel", "lose_weight"),
    *("dance", "skincare", "home_decoration", "fashion_shoes", "wallpaper", "career", "funny", "maternity"),
    *("cars", "weddings", "bags", "trend_art", "designer_toys", "science_popularization", "variety_show"),
)
CHANNELS: Mapping[str, str] = MappingProxyType(
    {**_OTHER_CHANNELS, **{name.replace("_", "-"): f"homefeed_{name}_v3" for name in _NUMBERED_CHANNELS}}
)
"""The channels of the feed: from readable name to the API's id (seed 004)."""


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


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing at one endpoint.

    Attributes:
        endpoint: the endpoint's name in the ledger.
        parameters: query parameters of every page.
        cursor: name of the cursor parameter, which takes the cursor of the previous page; "" if pages have
            numbers instead, sent as `page`.
        author: id of the user whose notes are listed; "" for notes of all users.
        identifier: what is listed, in words for messages.
    """

    endpoint: str
    path: str
    parameters: Mapping[str, str]
    cursor: str = ""
    author: str = ""
    identifier: str = "the keyword"

    @property
    def subject(self) -> str:
        """The author, topic or search, as the ledger names it. A digest replaces the end of a long one."""
        words = " ".join(f"{name}={value}" for name, value in sorted(self.parameters.items()))
        subject = f"{self.endpoint} {words}"
        if len(subject) <= _LONGEST_SUBJECT:
            return subject
        return f"{subject[:_LONGEST_SUBJECT]}… {hashlib.sha256(subject.encode()).hexdigest()[:8]}"

    def page(self, number: int, previous: Page | None) -> Mapping[str, str]:
        """Return the query parameters of page `number` (from 1), given the previous page."""
        parameters = dict(self.parameters)
        if not self.cursor:
            parameters["page"] = str(number)
        if previous is not None:
            parameters |= previous.session
            if self.cursor:
                parameters[self.cursor] = previous.cursor
        return parameters

    def is_last(self, page: Page) -> bool:
        """Whether a page is the last: it says so, it is empty, or it lacks the next cursor."""
        is_empty = not (page.notes or page.skipped or page.unreadable)
        return page.has_more is False or is_empty or bool(self.cursor and not page.cursor)


def search(
    keyword: str, sort: Sort = Sort.GENERAL, kind: NoteType = NoteType.UNKNOWN, within: MaxAge | None = None
) -> tuple[Listing, ...]:
    """Return the search endpoints, best first: v2, v4, and v2 with its older values (seed 003)."""
    parameters_v2 = {"keyword": keyword, "sort": _SORTS[sort], "noteType": _TYPES_V2[kind]}
    parameters_v4 = {"keyword": keyword, "sortType": _SORTS[sort], "noteType": _TYPES_V4[kind]}
    path_v2, path_v4 = _API + "search-note/v2", _API + "search-note/v4"
    if within is None:
        return Listing("search-v2", path_v2, parameters_v2), Listing("search-v4", path_v4, parameters_v4)
    return (
        Listing("search-v2", path_v2, {**parameters_v2, "noteTime": _WITHIN[within]}),
        Listing("search-v4", path_v4, {**parameters_v4, "timeFilter": _WITHIN[within]}),
        Listing("search-v2", path_v2, {**parameters_v2, "noteTime": _WITHIN_OF_2025[within]}),
    )


def feed(channel: str) -> tuple[Listing, ...]:
    """Return the endpoint of a channel of the feed; `channel` is a key of `CHANNELS`."""
    path, parameters = _API + "get-note-feed/v1", {"oid": CHANNELS[channel]}
    return (Listing("feed-v1", path, parameters, identifier=f"the channel {channel}"),)


def author_notes(user: str) -> tuple[Listing, ...]:
    """Return the endpoint of the notes of an author; `user` is the user id."""
    path, identifier = _API + "get-user-note-list/v4", f"the user id {user}"
    return (Listing("author-v4", path, {"userId": user}, "lastCursor", user, identifier),)


def topic_notes(topic: str, *, newest: bool = False) -> tuple[Listing, ...]:
    """Return the endpoint of the notes of a topic, by popularity or newest first; `topic` is the topic id."""
    path, parameters = (
        _API + "get-topic-note-list/v1",
        {"topicId": topic, "sort": "time" if newest else "hot"},
    )
    return (Listing("topic-v1", path, parameters, "cursor", identifier=f"the topic id {topic}"),)


def read_page(envelope: Envelope, *, author: str = "") -> Page:
    """Parse a page.

    Args:
        author: id of a user; notes of other users are skipped. "" keeps all notes.

    Raises:
        ReplyUnusable: `code`: the vendor reports an error.
    """
    if envelope.code not in _CODES_WITH_A_PAGE:
        raise ReplyUnusable("code", f"The reply carries code {envelope.code}, not a page.")
    wrappers, cards = _find_cards(envelope.data)
    notes: list[ListedNote] = []
    skipped: Counter[str] = Counter()
    # `shorten_lists` leaves as many elements in each list of a shortened reply.
    if cards and len(cards) > _MOST_CARDS - envelope.shortened:
        skipped[f"rest of a list of more than {_MOST_CARDS:,}"] = 1
    cursors = [texts(wrapper, "cursor|last_cursor|lastCursor")[0] for wrapper in wrappers]
    last_cursor = ""
    for card in objects_in(cards)[:_MOST_CARDS]:
        note = next((as_object(card[name]) for name in _WRAPPED if as_object(card.get(name))), card)
        last_cursor = next(filter(None, texts(note, "cursor") + texts(card, "cursor")), last_cursor)
        listed = _read_note(card, note)
        reason = _skip_reason(card, note, listed, author)
        if reason or listed is None:
            skipped[reason or "card"] += 1
        else:
            notes.append(listed)
    cursor = next(filter(None, cursors), last_cursor)
    answers = [_has_more(wrapper) for wrapper in wrappers]
    return Page(
        tuple(notes),
        dict(skipped),
        cursor if len(cursor) <= _LONGEST_CURSOR else "",
        next((answer for answer in answers if answer is not None), None),
        _session(wrappers),
        unreadable=cards is None and (bool(envelope.data) or envelope.shortened),
    )


def _find_cards(data: object) -> tuple[list[Mapping[str, object]], Sequence[object] | None]:
    """Find the list of cards inside the data of a reply.

    Returns:
        The objects around the list, innermost first; and the cards, or None if there is no list.
    """
    wrappers: list[Mapping[str, object]] = []
    for _ in range(_MOST_WRAPPERS):
        if isinstance(data, list):
            if not (len(data) == 1 and _wraps_a_list(as_object(data[0]))):
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
    if _note_id(item, *(as_object(item.get(name)) for name in _WRAPPED)):
        return False
    return any(isinstance(item.get(name), list) for name in _LISTS)


def _skip_reason(
    card: Mapping[str, object], note: Mapping[str, object], listed: ListedNote | None, author: str
) -> str:
    """Return why a card is not listed; "" for a note that is."""
    for item in (card, note):
        if item.get("is_ads") is True or as_object(item.get("ads_info")) or as_object(item.get("ad")):
            return "advertisement"
    kinds = [kind for item in (card, note) for kind in texts(item, "model_type", "modelType", "type")]
    if any(map(_OTHER_CARD_TYPES.fullmatch, kinds)):
        return "card"
    return "stranger" if author and listed and listed.author.id not in ("", author) else ""


def _read_note(card: Mapping[str, object], note: Mapping[str, object]) -> ListedNote | None:
    note_id = _note_id(note, card)
    if note_id is None:
        return None
    title, text = texts(note, _TITLE, "desc")
    author = read_author(*(as_object(note.get(name)) for name in ("user", "author", "userInfo")))
    return ListedNote(
        note_id,
        parse_note_type(note.get("type")),
        (title or text.partition("\n")[0])[:_LONGEST_TITLE].strip(),
        Author(author.id[:LONGEST_NAME], author.name[:LONGEST_NAME], author.red_id[:LONGEST_NAME]),
        times(note, "timestamp|time|create_time|createTime")[0],
        counts(note, _LIKES)[0],
        _cover(note),
    )


def _note_id(*sources: Mapping[str, object]) -> NoteId | None:
    for text in (text for source in sources for text in texts(source, *_IDS)):
        try:
            return NoteId(text.lower())
        except ValueError:
            continue
    return None


def _cover(note: Mapping[str, object]) -> str:
    pictures = [objects_in(note.get(name)) for name in ("images_list", "imagesList", "image_list")]
    found = next((each[0] for each in pictures if each and each[0]), note.get("cover"))
    urls = http_urls(found, "url_size_large", "url", "url_default", "urlDefault")
    urls += http_urls(note, "cover")
    return urls[0][1] if urls else ""


def _has_more(wrapper: Mapping[str, object]) -> bool | None:
    for name in ("has_more", "hasMore"):
        value = wrapper.get(name)
        word = str(value).lower() if isinstance(value, bool) else texts(wrapper, name)[0].lower()
        if word in ("0", "1", "true", "false"):
            return word in ("1", "true")
    return None


def _session(wrappers: Sequence[Mapping[str, object]]) -> Mapping[str, str]:
    """Return the parameters that search v4 expects with the next page (`data.api_info`)."""
    session: dict[str, str] = {}
    for wrapper in reversed(wrappers):
        found = texts(nested(wrapper, "api_info"), "search_id", "session_id")
        named = zip(("searchId", "sessionId"), found, strict=True)
        session |= {name: value for name, value in named if 0 < len(value) <= _LONGEST_CURSOR}
    return session

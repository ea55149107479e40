"""Describes the listing endpoints: search, feed, author and topic; builds the parameters of each page.

Source: seeds 003 and 004, docs/api.md#listings, and the vendor's current specification (justoneapi-python
`openapi/public-api.json`). The vendor changed its parameter values between versions, so the program's own
options are mapped to the values of each version.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from xharchive.models import NoteType
from xharchive.parsers.listing_pages import Page


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
class Listing:
    """One listing at one endpoint.

    Attributes:
        endpoint: the endpoint's name in the ledger.
        parameters: query parameters of every page.
        numbered: pages have numbers, sent as `page`. Otherwise a page needs the cursor of the previous one.
        cursor: name of the cursor parameter.
        author: id of the user whose notes are listed; "" for notes of all users.
        identifier: what is listed, in words for messages.
    """

    endpoint: str
    path: str
    parameters: Mapping[str, str]
    numbered: bool = True
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
        if self.numbered:
            parameters["page"] = str(number)
        if previous is not None:
            parameters |= previous.session
            if not self.numbered:
                parameters[self.cursor] = previous.cursor
        return parameters

    def is_last(self, page: Page) -> bool:
        """Whether a page is the last: it says so, it is empty, or it lacks the next cursor."""
        has_cards = bool(page.notes or page.skipped)
        return (
            page.has_more is False or not (has_cards or page.unreadable) or not (self.numbered or page.cursor)
        )


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
    return (
        Listing(
            "feed-v1",
            _API + "get-note-feed/v1",
            {"oid": CHANNELS[channel]},
            identifier=f"the channel {channel}",
        ),
    )


def author_notes(user: str) -> tuple[Listing, ...]:
    """Return the endpoint of the notes of an author; `user` is the user id."""
    path = _API + "get-user-note-list/v4"
    return (
        Listing(
            "author-v4",
            path,
            {"userId": user},
            numbered=False,
            cursor="lastCursor",
            author=user,
            identifier=f"the user id {user}",
        ),
    )


def topic_notes(topic: str, *, newest: bool = False) -> tuple[Listing, ...]:
    """Return the endpoint of the notes of a topic, by popularity or newest first; `topic` is the topic id."""
    parameters = {"topicId": topic, "sort": "time" if newest else "hot"}
    path = _API + "get-topic-note-list/v1"
    identifier = f"the topic id {topic}"
    return (Listing("topic-v1", path, parameters, numbered=False, cursor="cursor", identifier=identifier),)

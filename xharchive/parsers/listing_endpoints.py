"""Where notes are listed: search, feed, a user's notes, a topic's; their paths, words, and next pages.

Seeds 003 and 004, docs/api.md#listings, and the vendor's current specification (justoneapi-python
`openapi/public-api.json`). Our own words are mapped to what each version wants: the vendor changed them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from xharchive.models import NoteType
from xharchive.parsers.listing_pages import Page

__all__ = ["CHANNELS", "Listing", "Sort", "Within", "author_notes", "feed", "search", "topic_notes"]


class Sort(StrEnum):
    """The order of a search's results."""

    GENERAL = "general"
    POPULAR = "popular"
    NEWEST = "newest"
    COMMENTS = "comments"
    COLLECTS = "collects"


class Within(StrEnum):
    """How old a search's results may be; the vendor does not promise to keep to it."""

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
_WITHIN = {Within.DAY: "ONE_DAY", Within.WEEK: "ONE_WEEK", Within.HALF_YEAR: "HALF_YEAR"}
_WITHIN_OF_2025 = {Within.DAY: "一天内", Within.WEEK: "一周内", Within.HALF_YEAR: "半年内"}

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
"""The feed's channels by readable names (seed 004)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing at one endpoint: `endpoint` is its name in the ledger, `parameters` those of every page.

    `counted`: pages are asked for by number, as `page`; else by `cursor`, the name of the parameter. `author`
    is the user whose notes are wanted, "" where anybody's are. `identifier` says in words what is looked for.
    """

    endpoint: str
    path: str
    parameters: Mapping[str, str]
    counted: bool = True
    cursor: str = ""
    author: str = ""
    identifier: str = "the keyword"

    @property
    def subject(self) -> str:
        """What is listed, in words, for the ledger; long words are cut, and told apart by a digest."""
        words = " ".join(f"{name}={value}" for name, value in sorted(self.parameters.items()))
        subject = f"{self.endpoint} {words}"
        if len(subject) <= _LONGEST_SUBJECT:
            return subject
        return f"{subject[:_LONGEST_SUBJECT]}… {hashlib.sha256(subject.encode()).hexdigest()[:8]}"

    def page(self, number: int, before: Page | None) -> Mapping[str, str]:
        """Return the parameters that ask for page `number` (from 1), given the page before it."""
        parameters = dict(self.parameters)
        if self.counted:
            parameters["page"] = str(number)
        if before is not None:
            parameters |= before.session
            if not self.counted:
                parameters[self.cursor] = before.cursor
        return parameters

    def ends_with(self, page: Page) -> bool:
        """Whether nothing can follow a page: it says so, it is empty, or it gives no way on."""
        shown = bool(page.notes or page.skipped)
        return page.goes_on is False or not (shown or page.unreadable) or not (self.counted or page.cursor)


def search(
    keyword: str, sort: Sort = Sort.GENERAL, kind: NoteType = NoteType.UNKNOWN, within: Within | None = None
) -> tuple[Listing, ...]:
    """Return the ways to search, best first: v2 as specified now, v4, v2 with its older words (seed 003)."""
    first = {"keyword": keyword, "sort": _SORTS[sort], "noteType": _TYPES_V2[kind]}
    fourth = {"keyword": keyword, "sortType": _SORTS[sort], "noteType": _TYPES_V4[kind]}
    second = _API + "search-note/v2"
    if within is None:
        return Listing("search-v2", second, first), Listing("search-v4", _API + "search-note/v4", fourth)
    return (
        Listing("search-v2", second, {**first, "noteTime": _WITHIN[within]}),
        Listing("search-v4", _API + "search-note/v4", {**fourth, "timeFilter": _WITHIN[within]}),
        Listing("search-v2", second, {**first, "noteTime": _WITHIN_OF_2025[within]}),
    )


def feed(channel: str) -> tuple[Listing, ...]:
    """Return the way to a channel of the feed, by its readable name (a key of CHANNELS)."""
    return (
        Listing(
            "feed-v1",
            _API + "get-note-feed/v1",
            {"oid": CHANNELS[channel]},
            identifier=f"the channel {channel}",
        ),
    )


def author_notes(user: str) -> tuple[Listing, ...]:
    """Return the way to a user's notes; `user` is the user's id."""
    path = _API + "get-user-note-list/v4"
    return (
        Listing(
            "author-v4",
            path,
            {"userId": user},
            counted=False,
            cursor="lastCursor",
            author=user,
            identifier=f"the user id {user}",
        ),
    )


def topic_notes(topic: str, *, newest: bool = False) -> tuple[Listing, ...]:
    """Return the way to a topic's notes, the popular ones or the newest first; `topic` is the topic's id."""
    parameters = {"topicId": topic, "sort": "time" if newest else "hot"}
    path = _API + "get-topic-note-list/v1"
    identifier = f"the topic id {topic}"
    return (Listing("topic-v1", path, parameters, counted=False, cursor="cursor", identifier=identifier),)

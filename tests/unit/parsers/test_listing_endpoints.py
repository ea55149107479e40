"""Where notes are listed: the vendor's words of every version, and the way to the next page."""

import re
from typing import Any

import pytest

from xharchive.models import ListedNote, NoteId, NoteType
from xharchive.parsers.listing_endpoints import (
    CHANNELS,
    Listing,
    MaxAge,
    Page,
    Sort,
    author_notes,
    feed,
    search,
    topic_notes,
)

SHOWN = (ListedNote(NoteId("69abb71200000000160" + "00001")),)


def page(**said: Any) -> Page:
    return Page(**{"notes": SHOWN, **said})


def test_a_search_in_the_words_of_today_and_of_the_seed() -> None:
    """v2 as specified now, v4 as the fallback, v2 as document 003 has it."""
    first, fourth, older = search("豫园 夜景", Sort.NEWEST, NoteType.VIDEO, MaxAge.WEEK)
    assert first.path == older.path == "/api/xiaohongshu/search-note/v2"
    assert first.page(1, None) == {
        "keyword": "豫园 夜景",
        "sort": "time_descending",
        "noteType": "_1",
        "noteTime": "ONE_WEEK",
        "page": "1",
    }
    assert older.page(2, page())["noteTime"] == "一周内"
    assert older.page(2, page())["page"] == "2"
    assert fourth.path == "/api/xiaohongshu/search-note/v4"
    assert fourth.page(2, page(session={"searchId": "s"})) == {
        "keyword": "豫园 夜景",
        "sortType": "time_descending",
        "noteType": "VIDEO_NOTE",
        "timeFilter": "ONE_WEEK",
        "page": "2",
        "searchId": "s",
    }


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("kind", NoteType)
@pytest.mark.parametrize("within", [None, *MaxAge])
def test_every_word_of_ours_is_one_of_theirs(sort: Sort, kind: NoteType, within: MaxAge | None) -> None:
    """The vocabularies of document 003 and of the specification, and nothing else."""
    sorts = {
        "general",
        "popularity_descending",
        "time_descending",
        "comment_descending",
        "collect_descending",
    }
    times = {"ONE_DAY", "ONE_WEEK", "HALF_YEAR", "一天内", "一周内", "半年内", None}
    for way in search("x", sort, kind, within):
        asked = way.parameters
        assert (asked.get("sort") or asked.get("sortType")) in sorts
        assert asked["noteType"] in {"_0", "_1", "_2", "ALL", "VIDEO_NOTE", "NORMAL_NOTE"}
        assert (asked.get("noteTime") or asked.get("timeFilter")) in times


def test_every_channel_of_the_seed_has_a_readable_name() -> None:
    """41 of them, as document 004 lists them."""
    assert len(CHANNELS) == 41
    assert CHANNELS["movie-and-tv"] == "homefeed_movie_and_tv_v3"
    assert (CHANNELS["recommend"], CHANNELS["live"]) == ("homefeed_recommend", "homefeed_live")
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in CHANNELS)
    (way,) = feed("lose-weight")
    assert way.page(1, None) == {"oid": "homefeed_lose_weight_v3", "page": "1"}


def test_a_users_notes_go_on_with_the_cursor() -> None:
    """No cursor for the first page, the last note's for the next one."""
    (way,) = author_notes("6276a4d10000000021026c1f")
    assert way.page(1, None) == {"userId": "6276a4d10000000021026c1f"}
    assert way.page(2, page(cursor="c")) == {"userId": "6276a4d10000000021026c1f", "lastCursor": "c"}
    (way,) = topic_notes("t", newest=True)
    assert way.page(2, page(cursor="c")) == {"topicId": "t", "sort": "time", "cursor": "c"}
    assert topic_notes("t")[0].page(1, None) == {"topicId": "t", "sort": "hot"}


@pytest.mark.parametrize(
    ("way", "found", "ends"),
    [
        (feed("food")[0], page(), False),
        (feed("food")[0], page(has_more=True), False),
        (feed("food")[0], page(has_more=False), True),
        (feed("food")[0], Page(()), True),
        (feed("food")[0], Page((), {"card": 3}), False),
        (author_notes("u")[0], page(cursor="c"), False),
        (author_notes("u")[0], page(), True),
        (author_notes("u")[0], page(cursor="c", has_more=False), True),
        (author_notes("u")[0], Page((), {}, "c", True), True),
    ],
)
def test_when_a_listing_ends(way: Listing, found: Page, ends: bool) -> None:
    """It says so, a page is empty, or nothing says how to go on."""
    assert way.is_last(found) is ends

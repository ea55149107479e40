"""Pages of listings: which notes they show, what is skipped, how they go on."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.errors import ReplyUnusable
from xharchive.models import Author, ListedNote, NoteId, NoteType
from xharchive.parsers import read_envelope
from xharchive.parsers.listing_endpoints import Page, read_page

SEEDS = Path(__file__).parents[2] / "data" / "seeds"
ONE, TWO, THREE = (f"69abb71200000000160{number:05x}" for number in (1, 2, 3))


def page(data: Any, *, author: str = "", code: object = 0) -> Page:
    body = json.dumps({"code": code, "message": None, "recordTime": None, "data": data}).encode()
    return read_page(read_envelope(body), author=author)


def ids(found: Page) -> list[str]:
    return [note.id.text for note in found.notes]


def note(note_id: str = ONE, **fields: Any) -> dict[str, Any]:
    return {"id": note_id, "type": "normal", **fields}


def test_the_seed_of_the_search() -> None:
    """Document 003, as it stands."""
    found = read_page(read_envelope((SEEDS / "search-v2.json").read_bytes()))
    assert found.notes == (
        ListedNote(
            NoteId("69abb712000000001600a32a"),
            NoteType.IMAGE,
            "#海信洗衣机 这是海信全家筒·棉花糖U7S,一款全球首创的6合1热泵洗护站,"
            "主打“衣鞋同净、分区健康洗护”。 核心亮点",
            Author("6276a4d10000000021026c1f", "郑州卖海信电视容声冰箱团购处", "1527435277"),
            datetime(2026, 3, 7, 5, 26, 42, tzinfo=UTC),
            15,
            "https://sns-na-i8-a.xhscdn.com/notes_uhdr/1040g3qg31tdcat495m005ojmkj8ocr0v9fjbf2g?imageView2/2/w/14...",
        ),
    )
    assert (found.skipped, found.cursor, found.has_more) == ({}, "", None)


def test_the_seed_of_the_feed() -> None:
    """Document 004, as it stands."""
    (shown,) = read_page(read_envelope((SEEDS / "feed-v1.json").read_bytes())).notes
    assert (shown.id.text, shown.type, shown.likes) == ("699fdc5c000000000e00f4cd", NoteType.IMAGE, 4)
    assert shown.title == "成都!这棵樱花树开爆了!!!竟然没人拍!!!"
    assert shown.author == Author("6200be1e00000000210245c6", "贪玩小晕吖")
    assert shown.cover.startswith(
        "https://sns-i8.rednotecdn.com/notes_pre_post/1040g3k031t1pl2kf5kc05og0nof8che60g76fco"
    )


@pytest.mark.parametrize(
    "data",
    [
        [note(ONE), note(TWO)],
        {"items": [{"model_type": "note", "note": note(ONE)}, {"note": note(TWO)}]},
        {"items": [{"id": ONE, "note_card": {"type": "normal"}}, {"id": TWO, "noteCard": {"type": "video"}}]},
        {"notes": [note(ONE), note(TWO)], "has_more": True},
        {"note_list": [note(ONE), note(TWO)]},
        {"list": [{"noteId": ONE}, {"note_id": TWO}]},
        [{"note_list": [note(ONE), note(TWO)], "user": {}}],
        {"data": {"notes": [note(ONE), note(TWO)]}},
        {"items": [], "notes": [note(ONE), note(TWO)]},
        {"items": [note(ONE.upper()), note(TWO), None, 5, "x"]},
    ],
)
def test_notes_are_found_however_they_are_packed(data: Any) -> None:
    """A list, or one under any of its names; cards that are notes or wrap one."""
    assert ids(page(data)) == [ONE, TWO]


@pytest.mark.parametrize(
    "data", [None, [], {}, {"items": None}, {"items": {}}, [{"notes": []}], {"data": {"list": []}}]
)
def test_an_empty_page_is_empty(data: Any) -> None:
    """No notes, nothing skipped; code 201 is an empty page too."""
    assert page(data) == Page(())
    assert page(data, code=201).notes == ()


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ({"model_type": "hot_query", "id": ONE}, "card"),
        ({"model_type": "live_v2", "note": note()}, "card"),
        ({"model_type": "note", "note": note(type="live")}, "card"),
        ({"model_type": "rec_query"}, "card"),
        (note(note_id="too short"), "card"),
        ({"model_type": "ads", "note": note()}, "card"),
        (note(is_ads=True), "advertisement"),
        ({"model_type": "note", "note": note(), "ads_info": {"id": 1}}, "advertisement"),
        (note(user={"userid": "somebody else"}), "stranger"),
    ],
)
def test_what_is_no_note_is_counted_and_passed_over(card: dict[str, Any], reason: str) -> None:
    """Suggestions, advertisements, live streams; in a user's list also the notes of others."""
    found = page({"items": [card, note(TWO, user={"userid": "wanted"}), note(THREE)]}, author="wanted")
    assert ids(found) == [TWO, THREE]
    assert found.skipped == {reason: 1}


@pytest.mark.parametrize(
    ("data", "cursor", "has_more"),
    [
        ({"notes": [note(cursor="c1"), note(TWO, cursor="c2")], "has_more": True}, "c2", True),
        ({"notes": [note(cursor="c1")], "cursor": "whole", "hasMore": False}, "whole", False),
        ({"notes": [note()], "has_more": "0"}, "", False),
        ({"notes": [note()], "has_more": 1}, "", True),
        ({"notes": [note()], "has_more": None}, "", None),
        ({"notes": [{"cursor": "c9", "model_type": "ads"}]}, "c9", None),
        ([note(cursor="c1")], "c1", None),
    ],
)
def test_how_a_listing_goes_on(data: Any, cursor: str, has_more: bool | None) -> None:
    """By the page's cursor, else the last card's (docs/api.md#pages-and-cards); and whether it says so."""
    found = page(data)
    assert (found.cursor, found.has_more) == (cursor, has_more)


def test_search_v4_hands_a_session_on() -> None:
    """What `api_info` says goes back with the next page."""
    data = {"notes": [note()], "api_info": {"search_id": "s1", "session_id": 5}}
    assert page(data).session == {"searchId": "s1", "sessionId": "5"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"liked_count": "1.2万"}, 12_000),
        ({"likes": 4}, 4),
        ({"interact_info": {"liked_count": "7"}}, 7),
        ({"liked_count": "", "likes": None}, None),
    ],
)
def test_likes_in_any_form(fields: dict[str, Any], expected: int | None) -> None:
    """Numbers, words, nested; None where nobody says."""
    assert page([note(**fields)]).notes[0].likes == expected


@pytest.mark.parametrize(
    ("fields", "cover"),
    [
        ({"images_list": [{"url": "https://a.xhscdn.com/1"}]}, "https://a.xhscdn.com/1"),
        ({"images_list": [{"url": "x", "url_size_large": "http://a.xhscdn.com/2"}]}, "http://a.xhscdn.com/2"),
        ({"cover": {"url_default": "//a.xhscdn.com/3"}}, "https://a.xhscdn.com/3"),
        ({"cover": "https://a.xhscdn.com/4"}, "https://a.xhscdn.com/4"),
        ({"cover": "javascript:alert(1)", "images_list": []}, ""),
    ],
)
def test_a_cover_is_an_address_or_nothing(fields: dict[str, Any], cover: str) -> None:
    """From the pictures, or from the card's own field."""
    assert page([note(**fields)]).notes[0].cover == cover


def test_an_error_is_no_page() -> None:
    """The vendor's code decides."""
    with pytest.raises(ReplyUnusable, match="code 301"):
        page([note()], code=301)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([ONE, "note"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["items", "notes", "note", "id", "type", "cover", "user", "cursor", "data", "title"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_json, st.sampled_from(["", "wanted"]))
def test_any_page_is_read(data: Any, author: str) -> None:
    """Whatever the vendor sends, a page comes out, and its notes have ids."""
    found = read_page(read_envelope(json.dumps({"code": 0, "data": data}).encode()), author=author)
    assert all(len(shown.id.text) == 24 for shown in found.notes)


DEEP: Any = [note()]
for _ in range(9):
    DEEP = {"data": DEEP}


@pytest.mark.parametrize(
    "data", ["text", 5, [[]], [["x"]], {"result": {"x": []}}, {"code": -1, "msg": "x"}, DEEP]
)
def test_data_without_a_list_of_notes_are_said_to_be_unreadable(data: Any) -> None:
    """They are not taken for an empty page: somebody should know."""
    assert page(data) == Page((), unreadable=True)


@pytest.mark.parametrize(
    "data",
    [
        {"data": {"note_list": [note()], "cursor": "c", "has_more": True, "api_info": {"search_id": "s"}}},
        [{"note_list": [note()], "cursor": "c", "has_more": 1, "api_info": {"search_id": "s"}}],
        {"data": {"items": [note()]}, "cursor": "c", "hasMore": "true", "api_info": {"search_id": "s"}},
    ],
)
def test_the_way_on_is_found_beside_the_list_however_deep(data: Any) -> None:
    """Cursor, more, session: in the object that holds the list, or in one around it."""
    found = page(data)
    assert (ids(found), found.cursor, found.has_more, found.session) == ([ONE], "c", True, {"searchId": "s"})


@pytest.mark.parametrize("name", ["items", "notes", "list", "data", "feeds"])
@pytest.mark.parametrize("inner", [[], [{"id": TWO}], ["x"]])
def test_one_card_is_a_card_whatever_lists_it_has(name: str, inner: Any) -> None:
    """It names a note itself, bare or wrapped."""
    assert ids(page([note(**{name: inner})])) == [ONE]
    assert ids(page({"items": [{"note": note(), name: inner}]})) == [ONE]

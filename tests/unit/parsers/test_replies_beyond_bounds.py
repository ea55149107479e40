"""Replies with more values, longer texts or longer lists than any honest note: bounded, with a remark."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reply_samples import NOTE_ID, STRANGER, STREAMS, app_note, asset, read, read_app

from xharchive.errors import ReplyUnusable
from xharchive.media import AssetKind
from xharchive.parsers import ENDPOINTS, json_text, merge, read_envelope, read_note
from xharchive.parsers.json_text import MOST_ITEMS, MOST_VALUES, TooManyValues, parse_json, shorten_lists
from xharchive.parsers.listing_endpoints import read_page
from xharchive.parsers.note_fields import LONGEST_NAME, LONGEST_TEXT, MOST_SWITCHES, MOST_TAGS
from xharchive.parsers.video_assets import MOST_SOURCES

JUNK = "[[]]," * (MOST_VALUES // 2) + "0"
"""List elements of more values than are read."""


def values_in(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(values_in, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(values_in, value))
    return 1


def cut_in_python(value: object, most: int) -> object:
    """What `cut_down` is to do to the lists of a document, done to its values."""
    if isinstance(value, dict):
        return {key: cut_in_python(item, most) for key, item in value.items()}
    if isinstance(value, list):
        return [cut_in_python(item, most) for item in value[:most]]
    return value


def mention(number: int) -> dict[str, str]:
    return {"userid": f"{number:024x}", "nickname": f"somebody {number}"}


_DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"\\[]{},: é') | st.text(),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner, max_size=5),
    max_leaves=60,
)


@given(_DOCUMENTS, st.integers(1, 4), st.sampled_from([None, 1]))
def test_lists_are_cut_where_a_reader_of_values_would_cut_them(
    value: Any, most: int, indent: int | None
) -> None:
    """Whatever strings hold and however values are nested, each list keeps exactly its first elements."""
    body = json.dumps(value, ensure_ascii=False, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "MOST_ITEMS", most)
        patch.setattr(json_text, "MOST_VALUES", json_text.count_values(body) - 1)
        try:
            cut, is_cut = shorten_lists(body)
        except TooManyValues:
            return
        assert is_cut == (cut != body)
        assert json.loads(cut) == cut_in_python(value, most)


@given(_DOCUMENTS)
def test_the_count_is_never_below_the_number_of_values(value: Any) -> None:
    """The count decides how much memory a text may take, so it errs upwards only."""
    text = json.dumps(value, ensure_ascii=False)
    assert json_text.count_values(text) == json_text.count_values(text.encode()) >= values_in(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_cut_or_refused(body: bytes) -> None:
    """What is no JSON raises nothing else either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "MOST_ITEMS", 1)
        patch.setattr(json_text, "MOST_VALUES", 1)
        with suppress(TooManyValues):
            assert len(shorten_lists(body)[0]) <= len(body)


def test_what_nests_too_deeply_is_emptied_in_a_heavy_text() -> None:
    """A hundred levels are enough for every reply."""
    deep = b"[" * 300 + b"]" * 300
    cut, is_cut = shorten_lists(b'{"deep": ' + deep + b', "x": [' + JUNK.encode() + b"]}")
    found = json.loads(cut)
    assert is_cut
    assert found["deep"] == json.loads(b"[" * 100 + b"]" * 100)
    assert len(found["x"]) == MOST_ITEMS


def test_a_heavy_text_that_ends_inside_a_list_stays_cut_off() -> None:
    """It is no JSON before, and none afterwards."""
    cut, is_cut = shorten_lists(b'{"x": [' + JUNK.encode())
    assert is_cut
    with pytest.raises(ReplyUnusable):
        read_envelope(cut)


def test_a_comma_before_the_first_list_is_passed_over() -> None:
    """It is no JSON, and the list behind it is cut all the same."""
    cut, is_cut = shorten_lists(b"0,[" + JUNK.encode() + b"]")
    assert is_cut
    assert cut.startswith(b"0,[")
    assert len(json.loads(cut.removeprefix(b"0,"))) == MOST_ITEMS


def test_a_text_that_cannot_be_cut_in_a_bounded_number_of_steps_is_refused() -> None:
    """Millions of small deep values are not walked through one by one."""
    with pytest.raises(TooManyValues, match="parts"):
        shorten_lists(b'{"x": [' + b"[[[[[[]]]]]]," * 300_000 + b"0]}")


def test_a_note_with_hundreds_of_thousands_of_mentions_is_read() -> None:
    """The first of them are recorded, the remarks say so, and everything else is as ever."""
    note = read_app(title="still here", ats=[mention(number) for number in range(200_000)])
    assert note.title == "still here"
    assert len(note.mentions) == MOST_TAGS
    assert note.mentions[0].name == "somebody 0"
    assert note.remarks == (
        "v1: the reply has too many values; of each list the first 1,000 were read",
        "v1: mentions: the first 500 of 1,000 are recorded",
    )


def test_a_note_beside_junk_is_read() -> None:
    """Values in a field that nobody reads do not cost the note, wherever they stand."""
    for reply in (
        '{"code": 0, "junk": [%s], "data": [%s]}',
        '{"code": 0, "data": [%s, %s]}'.replace("%s, %s", "[%s], %s"),
    ):
        body = (reply % (JUNK, json.dumps(app_note()))).encode()
        note = read_note(read_envelope(body), ENDPOINTS["v1"], NOTE_ID)
        assert asset(note, AssetKind.IMAGE, 1).sources
        assert len(note.remarks) == 1


def test_a_note_that_stands_behind_what_was_read_is_not_called_missing() -> None:
    """Where a list was cut, the note may have been in the rest: neither empty nor a mismatch."""
    strangers = [app_note(id=STRANGER)] * MOST_ITEMS
    for found in ([], strangers):
        data = json.dumps([*found, *[[[]]] * MOST_VALUES, app_note()])
        envelope = read_envelope(f'{{"code": 0, "data": {data}}}'.encode())
        with pytest.raises(ReplyUnusable) as caught:
            read_note(envelope, ENDPOINTS["v1"], NOTE_ID)
        assert caught.value.reason == "too-heavy"


WIDE = "{" + ",".join(f'"{number}":0' for number in range(MOST_VALUES + 1)) + "}"


@pytest.mark.parametrize(
    "before", ["", '"message": "a \\"quoted\\" word", "recordTime": null, "n": -1.5e3, ']
)
def test_of_a_reply_that_is_heavy_without_its_lists_only_the_code_is_read(before: str) -> None:
    """An answer it is, and paid for; but what it holds is not read."""
    body = f'{{{before}"code": 0, "data": {WIDE}}}'.encode()
    envelope = read_envelope(body)
    assert (envelope.code, envelope.data, envelope.shortened) == (0, None, True)
    with pytest.raises(ReplyUnusable) as caught:
        read_note(read_envelope(body), ENDPOINTS["v1"], NOTE_ID)
    assert caught.value.reason == "too-heavy"


@pytest.mark.parametrize(
    "body",
    [f'{{"data": {WIDE}, "code": 0}}', f'{{"code": 0, "data": {WIDE[:-1]}', WIDE],
    ids=["late", "cut", "none"],
)
def test_without_a_code_at_its_beginning_such_a_reply_cannot_be_read(body: str) -> None:
    """Nor if it is cut off."""
    with pytest.raises(ReplyUnusable) as caught:
        read_envelope(body.encode())
    assert caught.value.reason == "not-json"


def test_a_packed_text_of_too_many_values_is_too_heavy() -> None:
    """A note that is packed as JSON in a string is counted too."""
    with pytest.raises(ReplyUnusable) as caught:
        read(f"[{json.dumps(app_note())}, {WIDE}]")
    assert caught.value.reason == "too-heavy"
    with pytest.raises(TooManyValues):
        parse_json(WIDE)


def test_a_text_of_commas_is_a_text() -> None:
    """Signs inside a string are no values."""
    note = read_app(desc="," * (MOST_VALUES + 1))
    assert note.text == "," * LONGEST_TEXT
    assert note.remarks == ("v1: text: the first 100,000 of 500,001 characters are recorded",)


def test_long_texts_are_cut_each_with_a_remark() -> None:
    """Every text that is recorded has a bound."""
    long = "长" * (LONGEST_TEXT + 1)
    note = read_app(
        title=long,
        desc=long,
        user={"id": long, "nickname": long, "red_id": long},
        ip_location=long,
        text_language_code=long,
        hash_tag=[{"name": f"{number}{long}"} for number in range(3)],
        ats=[{"userid": long, "nickname": long}],
    )
    assert (note.title, note.text) == (long[:LONGEST_TEXT],) * 2
    names = (note.author.id, note.author.name, note.author.red_id, note.place, note.language, *note.tags)
    names += (note.mentions[0].id, note.mentions[0].name)
    assert {len(name) for name in names} == {LONGEST_NAME}
    assert "v1: text: the first 100,000 of 100,001 characters are recorded" in note.remarks
    assert "v1: author's name: the first 300 of 100,001 characters are recorded" in note.remarks
    assert len(note.remarks) == 10


def test_what_an_honest_note_has_is_recorded_whole() -> None:
    """At its bounds nothing is cut, and there is no remark."""
    note = read_app(
        title="a" * LONGEST_TEXT,
        desc="b" * LONGEST_TEXT,
        hash_tag=[{"name": f"{number:0{LONGEST_NAME}}"} for number in range(MOST_TAGS)],
        ats=[mention(number) for number in range(MOST_TAGS)],
        function_switch=[{"type": "image_download", "enable": False}] * MOST_SWITCHES,
        media_save_config={"disable_save": True},
    )
    assert note.remarks == ()
    assert len(note.tags) == len(note.mentions) == MOST_TAGS
    assert len(note.switches) == MOST_SWITCHES
    assert note.save_config == {"disable_save": True}


def test_tags_that_the_text_marks_are_bounded_too() -> None:
    """They need no list in the reply."""
    note = read_app(desc="".join(f"#{number}[话题]#" for number in range(2_000)))
    assert len(note.tags) == MOST_TAGS
    assert note.remarks == ("v1: tags: the first 500 of 2,000 are recorded",)


def test_settings_of_the_author_are_bounded() -> None:
    """They are recorded as the platform words them, as long as they are few and short."""
    note = read_app(function_switch=[{"type": "x" * 1_000}] * 60, media_save_config={"x": ["y" * 20_000]})
    assert len(note.switches) == 19
    assert note.save_config == {}
    assert note.remarks == (
        "v1: function_switch: the first 50 of 60 are recorded",
        "v1: function_switch: more than 20,000 characters; the rest is not recorded",
        "v1: media_save_config: more than 20,000 characters; the rest is not recorded",
    )


def test_streams_of_one_asset_are_bounded() -> None:
    """A video and a motion have a bounded number of addresses, and the remark names the asset."""
    streams = {"h264": [{"master_url": f"{STREAMS}/{number}.mp4"} for number in range(300)]}
    picture = {"fileid": "notes/a", "live_photo": {"media": {"stream": streams}}}
    note = read_app(images_list=[picture])
    assert len(asset(note, AssetKind.LIVE, 1).sources) == MOST_SOURCES
    assert note.remarks == ("v1: live-1: of its addresses the first 64 were read",)


def test_merged_notes_have_the_remarks_of_both() -> None:
    """Each remark names the reply that it is about, once."""
    first, later = read_app(title="a" * (LONGEST_TEXT + 1)), read_app(desc="b" * (LONGEST_TEXT + 1))
    assert merge(first, later).remarks == first.remarks + later.remarks
    assert merge(first, first).remarks == first.remarks


def test_a_heavy_page_of_a_listing_shows_its_first_notes() -> None:
    """The rest is counted as skipped, and the page as one that goes on."""
    cards = ",".join(f'{{"id": "69abb71200000000{number:08x}"}}' for number in range(5_000))
    for junk in ("0", JUNK):
        body = f'{{"code": 0, "data": {{"items": [{cards}], "has_more": true, "junk": [{junk}]}}}}'
        page = read_page(read_envelope(body.encode()))
        assert len(page.notes) == MOST_ITEMS
        assert page.skipped == {"rest of a list of more than 1,000": 1}
        assert page.has_more


def test_a_page_of_which_only_the_code_is_read_is_unreadable() -> None:
    """It is no end of the listing."""
    page = read_page(read_envelope(f'{{"code": 0, "data": {WIDE}}}'.encode()))
    assert (page.notes, page.unreadable) == ((), True)


def test_values_that_the_next_page_is_asked_with_are_bounded() -> None:
    """They go into an address."""
    long = "x" * 1_001
    data = {
        "items": [{"id": STRANGER, "user": {"nickname": long}}],
        "cursor": long,
        "api_info": {"search_id": long},
    }
    page = read_page(read_envelope(json.dumps({"code": 0, "data": data}).encode()))
    assert (page.cursor, page.session) == ("", {})
    assert len(page.notes[0].author.name) == LONGEST_NAME


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ('{"code":0,"message":"ok"', 0),
        ('\ufeff{ "message" : "[1] {2}, \\"code\\":7,", "code" : "302"', 302),
        ('{"message":"code","code":-1', -1),
        ('{"more":[1],"code":0', None),
        ('{"message":"code"', None),
    ],
)
def test_the_code_of_a_reply_with_too_many_values_is_read_before_its_lists_and_objects(
    head: str, code: int | None
) -> None:
    """Without its code a reply counts as unusable, and would be paid for again."""
    members = ",".join(f'"k{number}":{number}' for number in range(MOST_VALUES + 2))
    body = f'{head},"data":{{{members}}}}}'.encode()
    if code is None:
        with pytest.raises(ReplyUnusable):
            read_envelope(body)
    else:
        envelope = read_envelope(body)
        assert (envelope.code, envelope.shortened) == (code, True)

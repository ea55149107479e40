"""Which object of a reply is the note, in every packing the vendor has used (docs/api.md#containers)."""

import json
from typing import Any

import pytest
from reply_samples import NOTE_ID, STRANGER, app_note, read

from xharchive.errors import ReplyUnusable
from xharchive.models import NoteId

_NOTE = app_note(title="asked for")
_OTHER = app_note(id=STRANGER, title="stranger")
_WITHOUT_ID = {key: value for key, value in _NOTE.items() if key != "id"}


@pytest.mark.parametrize(
    "data",
    [
        [{"user": {}, "note_list": [_NOTE], "comment_list": []}],
        [_NOTE],
        [_NOTE, _OTHER, _OTHER],
        [_OTHER, _NOTE],
        [{"note_list": [_OTHER]}, {"note_list": [_NOTE]}],
        _NOTE,
        {"note_list": [_NOTE]},
        {"notes": [_OTHER, _NOTE], "has_more": True},
        {"items": [{"id": NOTE_ID.text, "note_card": _WITHOUT_ID}]},
        {"items": [{"model_type": "note", "note": _NOTE}, {"model_type": "ads", "ads": {}}]},
        {"success": True, "data": {"items": [{"note_card": _NOTE}]}},
        json.dumps([_NOTE]),
        "  " + json.dumps({"note_list": json.dumps([_NOTE])}),
        [_WITHOUT_ID],
        [{**_WITHOUT_ID, "note_id": NOTE_ID.text}],
        [{**_WITHOUT_ID, "noteId": NOTE_ID.text, "id": 137}],
        [None, 3, "stray text", "{broken", [], _NOTE],
        [{"id": NOTE_ID.text, "title": "asked for"}],
    ],
    ids=str,
)
def test_the_note_is_found_in_every_packing(data: object) -> None:
    """Blocks, flat lists, objects, cards and JSON strings all give the one note."""
    assert read(data).title == "asked for"


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        "",
        "null",
        0,
        True,
        "笔记不存在",
        [{}],
        [[]],
        [{"user": {"id": "1"}, "note_list": []}],
        [{"user": {"id": "1"}, "note_list": None}],
        {"code": -1, "msg": "笔记不存在或已删除"},
        {"code": -1, "title": "error"},
        {"items": [{"note_card": {}}]},
        {"noteId": NOTE_ID.text, "title": None, "imagesList": None, "videoInfo": None},
        {"id": NOTE_ID.text},
    ],
    ids=str,
)
def test_no_note_object_is_empty(data: object) -> None:
    """Code 0 with nothing in it is an ordinary answer; words are never judged (docs/api.md#envelope)."""
    with pytest.raises(ReplyUnusable) as refusal:
        read(data)
    assert refusal.value.reason == "empty"


@pytest.mark.parametrize(
    "data",
    [
        [_OTHER],
        _OTHER,
        [_OTHER, _OTHER],
        [_OTHER, _WITHOUT_ID],
        [_WITHOUT_ID, _WITHOUT_ID],
        {"items": [{"id": STRANGER, "note_card": _WITHOUT_ID}]},
    ],
    ids=str,
)
def test_a_stranger_is_never_archived(data: object) -> None:
    """Other ids, or several notes of which none has the id, archive nothing (docs/api.md#containers)."""
    with pytest.raises(ReplyUnusable) as refusal:
        read(data)
    assert refusal.value.reason == "mismatch"


def test_ids_are_compared_as_text() -> None:
    """An id that came as a number is the same id."""
    digits = NoteId("6" * 24)
    assert read([{**_NOTE, "id": int("6" * 24)}], note_id=digits).id == digits


@pytest.mark.parametrize("blank", [None, "", 0, "0"])
def test_a_blank_id_is_no_id(blank: object) -> None:
    """One note with an empty id field is the one asked for (docs/api.md#containers)."""
    assert read([{**_NOTE, "id": blank}]).title == "asked for"


def test_a_note_with_lists_of_other_notes_is_itself() -> None:
    """Recommendations inside a note never take its place."""
    assert read([{**_NOTE, "notes": [_OTHER], "items": [_OTHER]}]).title == "asked for"


def test_wrapping_without_end_is_empty() -> None:
    """A reply that only wraps itself holds no note."""
    data: Any = [_NOTE]
    for _ in range(20):
        data = {"data": data}
    with pytest.raises(ReplyUnusable, match="no note"):
        read(data)


@pytest.mark.parametrize("code", [201, "201", "0"])
def test_codes_that_can_carry_a_note(code: object) -> None:
    """0 and 201 are read alike, as numbers or text."""
    assert read([_NOTE], code=code).title == "asked for"


def test_an_error_code_is_never_read_as_a_note() -> None:
    """Whatever lies in the data of an error, it is not archived."""
    with pytest.raises(ReplyUnusable) as refusal:
        read([_NOTE], code=301)
    assert refusal.value.reason == "code"


def test_the_blocks_user_stands_in_for_a_missing_author() -> None:
    """In blocks the author stands beside the note."""
    note = read([{"user": {"userid": "u1", "nickname": "N"}, "note_list": [_NOTE]}])
    assert (note.author.id, note.author.name) == ("u1", "N")

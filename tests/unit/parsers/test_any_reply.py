"""Whatever JSON a reply holds, it is read or refused; nothing else happens."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reply_samples import SEED_IDS, seed

from xharchive.demo.world import load_notes
from xharchive.errors import ReplyUnusable
from xharchive.media import AssetKind
from xharchive.models import NoteId
from xharchive.parsers import ENDPOINTS, is_sufficient, merge, missing_slots, read_envelope, read_note
from xharchive.url_candidates import Preference, rank_candidates

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**53, max_value=2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "0", "1.2万", "video", "normal", "//h/p", "http://[", "{}", '{"a":[1]}', "\ud800"]),
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_NAMES = st.sampled_from(sorted(SEED_IDS))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with every key or index into it."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _read_or_refuse(body: bytes, endpoint: str, note_id: NoteId) -> None:
    try:
        note = read_note(read_envelope(body), ENDPOINTS[endpoint], note_id)
    except ReplyUnusable:
        return
    assert note.id == note_id
    slots = [asset.slot for asset in note.assets]
    assert len(slots) == len(set(slots))
    covers = sum(slot.kind is AssetKind.COVER for slot in slots)
    assert covers <= 1
    is_sufficient(note)
    missing_slots(note)
    assert merge(note, note).assets == note.assets
    json.dumps([dict(note.save_config), [dict(switch) for switch in note.switches]], allow_nan=False)
    for asset in note.assets:
        for prefer in Preference:
            assert all(candidate.url.startswith("https://") for candidate in rank_candidates(asset, prefer))


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_damaged_seed_is_read_or_refused(data: st.DataObject) -> None:
    """Dropped keys and values of any other type, up to six in one reply, never break a parser."""
    name = data.draw(_NAMES)
    reply = seed(name)
    for _ in range(data.draw(st.integers(1, 6))):
        places = list(_places(reply))
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        if data.draw(st.booleans()):
            del container[key]
        else:
            container[key] = data.draw(_JSON)
        if not reply:
            break
    _read_or_refuse(json.dumps(reply).encode(), name, SEED_IDS[name])


_TOLD = [
    (endpoint, note.id, json.loads(reply))
    for note in load_notes()
    for endpoint, reply in note.replies.items()
]
"""Every reply of the demo, with the note it is about."""


def _hurt(container: Any, key: Any, how: str, value: object) -> None:
    """Change one place of a document in one way."""
    old = container[key]
    if how == "delete":
        del container[key]
    elif how == "retype":
        container[key] = copy.deepcopy(value)  # one of the extremes may be hurt in its turn
    elif how == "nest":
        container[key] = [{"data": [old]}] if isinstance(value, bool) else {key: old} if key else [old]
    elif how == "deepen":
        for _ in range(150):
            old = [old]
        container[key] = old
    elif how == "repeat" and isinstance(container, list):
        container.extend(copy.deepcopy(old) for _ in range(130))
    elif how == "swap":
        other = next(iter(container)) if isinstance(container, dict) else 0
        container[key], container[other] = container[other], old


_HOW = st.sampled_from(["delete", "retype", "nest", "deepen", "repeat", "swap"])
_EXTREMES = _JSON | st.sampled_from(
    [
        10**4000,
        -(10**400),
        2**63,
        -1,
        1e308,
        "9" * 5000,
        "\ud83d",
        "\udc00\ud800",
        "\0",
        "../" * 90,
        [[]],
        {"": {}},
    ]
)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_reply_that_was_hurt_in_its_structure(data: st.DataObject) -> None:
    """Values deleted, retyped, wrapped, sunk 150 levels deep, repeated 130 times, swapped with others."""
    endpoint, note, told = data.draw(st.sampled_from(_TOLD))
    reply = copy.deepcopy(told)
    for _ in range(data.draw(st.integers(1, 5))):
        places = list(_places(reply))
        if not places:
            break
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        _hurt(container, key, data.draw(_HOW), data.draw(_EXTREMES))
    _read_or_refuse(json.dumps(reply).encode(), endpoint, NoteId(note))


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_reply_whose_keys_stand_twice(data: st.DataObject) -> None:
    """JSON lets a key stand twice; which value counts is nobody's promise, but nothing breaks."""
    endpoint, note, told = data.draw(st.sampled_from(_TOLD))
    text = json.dumps(told)
    key = data.draw(st.sampled_from(sorted(set(re.findall(r'"\w+": ', text)))))
    twice = text.replace(key, f"{key}{json.dumps(data.draw(_EXTREMES))}, {key}", data.draw(st.integers(1, 3)))
    _read_or_refuse(twice.encode(), endpoint, NoteId(note))


@settings(deadline=None, max_examples=100)
@given(_JSON, st.sampled_from(sorted(ENDPOINTS)))
def test_any_data_is_read_or_refused(value: object, endpoint: str) -> None:
    """The same for data that never was a note."""
    body = json.dumps({"code": 0, "data": value}).encode()
    _read_or_refuse(body, endpoint, SEED_IDS["v7"])


_FIELDS = st.sampled_from(
    [
        "images_list",
        "imagesList",
        "image_list",
        "video",
        "video_info",
        "video_info_v2",
        "videoInfo",
        "widgets_context",
        "user",
        "ats",
        "hash_tag",
        "native_voice_info",
        "simple_music_info",
        "interact_info",
        "time",
        "function_switch",
        "media_save_config",
        "live_photo",
        "media",
        "stream",
        "subtitles",
        "source",
        "h264",
        "master_url",
        "backup_urls",
        "url",
        "fileid",
        "fileId",
        "type",
        "id",
        "noteId",
        "title",
        "desc",
    ]
)


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        _FIELDS,
        st.recursive(
            _SCALARS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner, max_size=4),
            max_leaves=15,
        ),
        max_size=10,
    )
)
def test_a_note_of_known_words_in_wrong_places(value: object) -> None:
    """The fields' own names, filled with each other, are read or refused."""
    body = json.dumps({"code": 0, "data": [value]}).encode()
    _read_or_refuse(body, "v1", SEED_IDS["v7"])

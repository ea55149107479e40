"""The camelCase note (docs/api.md#pgy-pictures, docs/api.md#pgy-video), wherever it turns up."""

from datetime import UTC, datetime

import pytest
from reply_samples import CDN, NOTE_ID, asset, read, read_app, slots

from xharchive.media import AssetKind
from xharchive.models import Author, Counts, Mention, Note, NoteType, Quality, Slot
from xharchive.parsers import is_sufficient, missing_slots
from xharchive.parsers.image_assets import MOST_PICTURES


def _read(**fields: object) -> Note:
    pictures = [{"fileId": "a"}]
    return read({"noteId": NOTE_ID.text, "type": 1, "imagesList": pictures, **fields}, endpoint="pgy")


def test_an_image_note_does_not_know_its_motions() -> None:
    """Pictures alone never make a PGY note complete: motions are unknown (docs/api.md#pgy-pictures)."""
    note = _read()
    assert (note.type, note.motion_known, slots(note)) == (NoteType.IMAGE, False, ["image-1"])
    assert not is_sufficient(note)


def test_the_shape_is_told_by_evidence() -> None:
    """A camelCase note from an app endpoint, and an app note from the PGY endpoint, are both read right."""
    camel = read([{"id": NOTE_ID.text, "imagesList": [{"fileId": "a"}]}], endpoint="v1")
    snake = read({"noteId": NOTE_ID.text, "images_list": [{"fileid": "a"}]}, endpoint="pgy")
    web = read({"noteId": NOTE_ID.text, "image_list": [{"trace_id": "a"}]}, endpoint="pgy")
    assert (camel.motion_known, snake.motion_known, web.motion_known) == (False, True, True)
    assert all(slots(note) == ["image-1"] for note in (camel, snake, web))
    assert (camel.replies, snake.replies) == (("v1",), ("pgy",))


def test_a_note_known_by_its_id_alone_is_of_this_shape() -> None:
    """A title under `noteId` is a note without media."""
    assert read({"noteId": NOTE_ID.text, "title": "t"}).motion_known is False


def test_picture_entries_keep_their_places() -> None:
    """A null entry is a gap, and trace id or URLs stand in for a missing file id."""
    note = _read(imagesList=[{"traceId": "a", "original": None}, None, {"original": f"{CDN}/c", "url": ""}])
    assert [source.field for each in note.assets for source in each.sources] == [
        "imagesList[0].traceId",
        "imagesList[2].original",
    ]
    assert missing_slots(note) == (Slot(AssetKind.IMAGE, 2),)


def test_more_pictures_than_the_bound_leave_a_visible_gap() -> None:
    """As for every other shape."""
    note = _read(imagesList=[{"fileId": "a"}] * (MOST_PICTURES + 9))
    assert missing_slots(note) == (Slot(AssetKind.IMAGE, MOST_PICTURES + 1),)


def test_a_video_without_pictures_takes_its_first_frame() -> None:
    """The thumbnail is a relative path and no cover; the first frame may be a URL."""
    info = {"videoKey": "stream/1/a_258.mp4", "thumbnail": "110/0/x.webp", "firstFrame": f"{CDN}/frame"}
    note = _read(type=2, imagesList=None, videoInfo=info)
    assert slots(note) == ["video", "cover"]
    assert asset(note, AssetKind.COVER).sources[0].quality is Quality.DEGRADED
    assert asset(note, AssetKind.VIDEO).sources[0].key == "stream/1/a_258.mp4"


def test_a_declared_video_without_a_way_to_it_is_a_gap() -> None:
    """An id alone declares the video."""
    assert missing_slots(_read(type="2", videoInfo={"id": "112137331", "videoUrl": ""})) == (
        Slot(AssetKind.VIDEO),
    )


@pytest.mark.parametrize("info", [None, {}, {"gifKey": "", "videoKeyList": [], "hasFragments": False}])
def test_blank_video_fields_declare_nothing(info: object) -> None:
    """On image notes the field is null or all blank."""
    assert slots(_read(videoInfo=info)) == ["image-1"]


def test_evidence_decides_where_the_type_does_not() -> None:
    """A video that can be had makes a video note."""
    assert _read(type=None, videoInfo={"videoKey": "k"}).type is NoteType.VIDEO
    assert _read(type=None, videoInfo={"id": "1"}).type is NoteType.UNKNOWN
    assert _read(type=None).type is NoteType.UNKNOWN


def test_words_about_the_note() -> None:
    """Names, mentions, real counts, and an edit that came after the publication."""
    note = _read(
        title="t",
        desc="x #山[话题]#",
        userInfo={"userId": "u", "nickName": "N", "redId": "7"},
        atUserList=[{"userId": "m", "nickName": "M"}],
        likeNum=5,
        favNum=0,
        time={"createTime": None, "userUpdateTime": 1707142186000},
        createTime="2024-02-05 18:10",
    )
    assert note.author == Author("u", "N", "7")
    assert note.mentions == (Mention("m", "M"),)
    assert note.counts == Counts(likes=5, collects=0)
    assert note.tags == ("山",)
    assert note.published == datetime(2024, 2, 5, 10, 10, tzinfo=UTC)
    assert note.updated == datetime(2024, 2, 5, 14, 9, 46, tzinfo=UTC)


@pytest.mark.parametrize(
    "stray", [{"videoInfo": None}, {"imagesList": []}, {"noteId": "69aed4e2000000000e00c358"}]
)
def test_an_app_note_with_a_stray_camel_case_key_keeps_its_pictures(stray: dict[str, object]) -> None:
    """The shape is told by the media that are there, not by a key that is empty."""
    note = read_app(images_list=[{"fileid": "notes/1"}, {"fileid": "notes/2"}], **stray)
    assert slots(note) == ["image-1", "image-2"]


@pytest.mark.parametrize(
    "blank",
    [{"images_list": [None]}, {"image_list": [{}]}, {"video": {"id": ""}}, {"video_info_v2": {"a": 0}}],
)
def test_blank_app_fields_do_not_hide_a_pgy_notes_pictures(blank: dict[str, object]) -> None:
    """A placeholder of the other shape is no evidence for it."""
    note = _read(**blank)
    assert (slots(note), note.motion_known) == (["image-1"], False)


@pytest.mark.parametrize(
    "stray", [{"videoInfo": None}, {"imagesList": []}, {"noteId": ""}, {"noteId": NOTE_ID.text}]
)
def test_blank_camel_case_fields_do_not_make_an_app_note_pgy(stray: dict[str, object]) -> None:
    """Without media the app's own id outweighs an empty key, or a second id."""
    note = read([{"id": NOTE_ID.text, "title": "t", "ip_location": "Hebei", **stray}])
    assert (note.motion_known, note.place) == (True, "Hebei")

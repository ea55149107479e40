"""Pictures, live photos and covers of app notes (docs/api.md#pictures)."""

import pytest
from reply_samples import CDN, STREAMS, asset, read, read_app, slots

from xharchive.media import AssetKind
from xharchive.models import Quality, Slot
from xharchive.parsers import missing_slots
from xharchive.parsers.image_assets import MOST_PICTURES


def _live(name: str) -> dict[str, object]:
    return {"media": {"stream": {"h265": [{"master_url": f"{STREAMS}/{name}.mp4"}]}}}


def test_motions_stay_with_their_stills() -> None:
    """Live photos 2 and 4 of 5 are motions 2 and 4: aligned by position, never compacted."""
    pictures = [{"fileid": f"notes/{number}", "index": 0} for number in range(1, 6)]
    for number in (2, 4):
        pictures[number - 1] |= {
            "live_photo": _live(str(number)),
            "live_photo_file_id": f"livephoto/{number}",
        }
    note = read_app(images_list=pictures)
    assert slots(note) == ["image-1", "image-2", "live-2", "image-3", "image-4", "live-4", "image-5"]
    for number in (2, 4):
        assert asset(note, AssetKind.IMAGE, number).sources[0].key == f"notes/{number}"
        assert asset(note, AssetKind.LIVE, number).sources[0].url == f"{STREAMS}/{number}.mp4"
        assert asset(note, AssetKind.LIVE, number).sources[1].key == f"livephoto/{number}"


def test_the_index_field_is_not_believed() -> None:
    """It is 0 on every picture of real replies, so the place in the list counts."""
    pictures = [{"fileid": "a", "index": 7}, {"fileid": "b", "index": 0}]
    note = read_app(images_list=pictures)
    assert [each.sources[0].key for each in note.assets] == ["a", "b"]


@pytest.mark.parametrize("broken", [None, "x", 3, [], {}])
def test_an_entry_that_cannot_be_read_keeps_its_place(broken: object) -> None:
    """A broken entry becomes a gap and shifts nobody."""
    note = read_app(images_list=[{"fileid": "a"}, broken, {"fileid": "c", "live_photo": _live("c")}])
    assert slots(note) == ["image-1", "image-2", "image-3", "live-3"]
    assert missing_slots(note) == (Slot(AssetKind.IMAGE, 2),)


@pytest.mark.parametrize("still", [None, "", {}, [], False, {"image": {"first_frame": ""}, "capa": {"n": 0}}])
def test_blank_live_fields_make_a_still(still: object) -> None:
    """Null, "" and {} are what stills have there."""
    assert slots(
        read_app(images_list=[{"fileid": "a", "live_photo": still, "live_photo_file_id": None}])
    ) == ["image-1"]


@pytest.mark.parametrize("live", [{"media": {"video_id": 137833492955647227}}, True, "live", [1]])
def test_a_motion_that_cannot_be_had_is_a_gap(live: object) -> None:
    """A live photo without streams or key is declared, so it is never silently a still."""
    note = read_app(images_list=[{"fileid": "a", "live_photo": live}])
    assert missing_slots(note) == (Slot(AssetKind.LIVE, 1),)


def test_a_key_alone_makes_a_motion() -> None:
    """A live photo file id without streams is one unproven way."""
    note = read_app(images_list=[{"fileid": "a", "live_photo_file_id": "livephoto/k"}])
    (source,) = asset(note, AssetKind.LIVE, 1).sources
    assert (source.key, source.unproven, source.quality) == ("livephoto/k", True, Quality.ORIGINAL)


def test_every_codec_key_is_read() -> None:
    """Unknown keys, single objects, nulls and camelCase spellings: each stream with a URL is a source."""
    stream = {
        "h264": None,
        "h265": {},
        "h266": "soon",
        "EF5": [{"masterUrl": f"{STREAMS}/e.mp4", "backupUrls": [f"{STREAMS}/f.mp4"], "avgBitrate": 9}],
        "av1": {"master_url": f"{STREAMS}/g.mp4", "width": 4, "height": 3, "video_bitrate": 8},
        "h267": [None, {"backup_urls": [None, f"{STREAMS}/h.mp4", f"{STREAMS}/h.mp4"]}],
    }
    note = read_app(images_list=[{"fileid": "a", "live_photo": {"media": {"stream": stream}}}])
    sources = asset(note, AssetKind.LIVE, 1).sources
    assert [source.url[-5] for source in sources] == ["e", "g", "h"]
    assert [source.codec for source in sources] == ["EF5", "av1", "h267"]
    assert [source.bitrate for source in sources] == [9, 8, 0]
    assert [source.pixels for source in sources] == [0, 12, 0]
    assert sources[0].backups == (f"{STREAMS}/f.mp4",)
    assert sources[0].field == "images_list[0].live_photo.media.stream.EF5[0]"


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ({"stream_type": 19}, Quality.DEGRADED),
        ({"streamType": "259"}, Quality.DEGRADED),
        ({"stream_desc": "WEB_LIVEPHOTO_19"}, Quality.DEGRADED),
        ({"streamDesc": "WM_X264_MP4_WEB"}, Quality.DEGRADED),
        ({"desc": "X264_WM"}, Quality.DEGRADED),
        ({"stream_desc": "R265_MP4_2K_198_ANDR_exp", "stream_type": 198}, Quality.RENDITION),
        ({"stream_desc": "newmp4"}, Quality.RENDITION),
        ({}, Quality.RENDITION),
    ],
)
def test_watermarked_streams_are_degraded(mark: dict[str, object], expected: Quality) -> None:
    """Types 19 and 259, and descriptions that say WM, have the logo burned in (docs/api.md#streams)."""
    stream = {"h264": [{"master_url": f"{STREAMS}/a.mp4", **mark}]}
    note = read_app(images_list=[{"fileid": "a", "live_photo": {"media": {"stream": stream}}}])
    assert asset(note, AssetKind.LIVE, 1).sources[0].quality is expected


def test_the_order_and_deduplication_of_a_pictures_sources() -> None:
    """Key first, then URLs in the order of docs/api.md#app-pictures, the same string only once."""
    same = f"{CDN}/k?imageView2/2/w/1440"
    entry = {
        "trace_id": "k",
        "url": f"{CDN}/k?u",
        "url_multi_level": {"low": same, "medium": same, "high": same},
        "url_size_large": f"{CDN}/k?l",
        "original": f"{CDN}/k?o",
        "url_8k": f"{CDN}/k?8",
        "origin_img": {"size": 0, "width": 30, "height": 40},
    }
    picture = asset(read_app(images_list=[entry]), AssetKind.IMAGE, 1)
    assert [source.field.removeprefix("images_list[0].") for source in picture.sources] == [
        "trace_id",
        "url_8k",
        "original",
        "url_size_large",
        "url_multi_level.high",
        "url",
    ]
    assert all(source.quality is None for source in picture.sources[1:])
    assert (picture.width, picture.height) == (30, 40)


def test_the_single_picture_of_a_video_note_is_its_cover() -> None:
    """It is not listed as an image too, and its motion would follow it."""
    note = read_app(type="video", images_list=[{"fileid": "a", "live_photo": _live("a")}])
    assert slots(note) == ["cover", "live"]


@pytest.mark.parametrize("index", [0, 1])
def test_several_pictures_of_a_video_note_are_content(index: int) -> None:
    """A slideshow's pictures are images, whatever the cover index says (docs/api.md#note-types)."""
    note = read_app(type="video", images_list=[{"fileid": "a"}, {"fileid": "b"}], cover_image_index=index)
    assert slots(note) == ["image-1", "image-2"]


def test_a_video_note_without_pictures_takes_a_frame_for_its_cover() -> None:
    """Frames are not the uploaded cover, so degraded; a relative path is none (docs/api.md#app-video)."""
    video = {"image": {"first_frame": "110/0/a.webp", "thumbnail": f"{CDN}/frame"}}
    note = read_app(type="video", images_list=[], video_info_v2=video)
    (source,) = asset(note, AssetKind.COVER).sources
    assert (source.field, source.quality) == ("video_info_v2.image.thumbnail", Quality.DEGRADED)


def test_a_video_note_without_any_frame_has_no_cover() -> None:
    """Nothing declared, nothing missing."""
    assert slots(
        read_app(type="video", images_list=None, video={"thumbnail": "110/0/a.webp"}, title="t")
    ) == ["video"]


def test_a_frame_whose_address_cannot_be_read_is_a_missing_cover() -> None:
    """An address with a scheme is no relative path."""
    note = read_app(type="video", images_list=None, video={"first_frame": "http://h\\x/a.webp"}, title="t")
    assert Slot(AssetKind.COVER) in missing_slots(note)


def test_a_stream_that_cannot_be_read_beside_a_web_picture_is_a_missing_motion() -> None:
    """The stream itself declares the motion, whatever the flag beside it says."""
    entry = {"file_id": "a", "live_photo": False, "stream": {"h264": [{"master_url": "h/a.mp4"}], "av1": []}}
    assert missing_slots(read_app(images_list=None, image_list=[entry])) == (Slot(AssetKind.LIVE, 1),)


def test_more_pictures_than_the_bound_leave_a_visible_gap() -> None:
    """An absurd list is cut, and the note can never pass for complete."""
    note = read_app(images_list=[{"fileid": str(number)} for number in range(MOST_PICTURES + 5)])
    assert len(note.assets) == MOST_PICTURES + 1
    assert missing_slots(note) == (Slot(AssetKind.IMAGE, MOST_PICTURES + 1),)
    assert f"more than {MOST_PICTURES} pictures" in note.assets[-1].left_out


def test_the_web_list_is_read_where_the_app_list_is_missing() -> None:
    """Web cards: styles, scenes, marked copies, a live flag and a stream (docs/api.md#web-pictures)."""
    entry = {
        "file_id": "",
        "trace_id": "",
        "url_default": "http://sns-webpic-qc.xhscdn.com/202611200101/" + "0" * 32 + "/k!nd_dft",
        "url_pre": "http://sns-webpic-qc.xhscdn.com/202611200101/" + "0" * 32 + "/k!nd_prv",
        "info_list": [
            {"image_scene": "CRD_WM_WEBP", "url": "http://sns-webpic-qc.xhscdn.com/w"},
            {"image_scene": "WB_DFT", "url": "http://sns-webpic-qc.xhscdn.com/d"},
            {"image_scene": "WB_PRV", "url": ""},
        ],
        "live_photo": True,
        "stream": {"h264": [{"master_url": f"{STREAMS}/a.mp4"}]},
        "width": 3,
        "height": 4,
    }
    card = {"note_id": "69aed4e2000000000e00c358", "type": "normal", "image_list": [entry, None]}
    note = read({"items": [{"note_card": card}]})
    assert slots(note) == ["image-1", "live-1", "image-2"]
    picture = asset(note, AssetKind.IMAGE, 1)
    assert [source.field.removeprefix("image_list[0].") for source in picture.sources] == [
        "url_default",
        "info_list[0].url",
        "info_list[1].url",
        "url_pre",
    ]
    assert picture.sources[1].quality is Quality.DEGRADED
    assert asset(note, AssetKind.LIVE, 1).sources[0].url == f"{STREAMS}/a.mp4"

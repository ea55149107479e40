"""Videos, subtitles, sound and words of app notes (docs/api.md#video-and-sound)."""

import json
from datetime import UTC, datetime

import pytest
from reply_samples import CDN, STREAMS, asset, read, read_app, slots

from xharchive.media import AssetKind
from xharchive.models import Author, Counts, Mention, Note, NoteType, Quality, Slot
from xharchive.parsers import is_sufficient, missing_slots
from xharchive.parsers.video_assets import MOST_SUBTITLES

_MD5 = "0123456789abcdef0123456789abcdef"
_STREAM = {"h264": [{"master_url": f"{STREAMS}/a_258.mp4", "size": 9}]}


def _video(**media: object) -> dict[str, object]:
    return {"media": {"video": {"md5": _MD5, "width": 4, "height": 3, "duration": 7}, **media}}


def test_the_upload_comes_before_its_renditions() -> None:
    """The origin key is the original and the only file the MD5 belongs to (docs/api.md#app-video)."""
    note = read_app(
        type="video",
        video_info_v2=_video(stream=_STREAM),
        widgets_context=json.dumps({"origin_video_key": "pre_post/k"}),
    )
    video = asset(note, AssetKind.VIDEO)
    upload, stream = video.sources
    assert (upload.key, upload.quality, upload.md5) == ("pre_post/k", Quality.ORIGINAL, _MD5)
    assert (stream.url, stream.md5, stream.size) == (f"{STREAMS}/a_258.mp4", "", 9)
    assert (video.width, video.height, video.duration_ms) == (4, 3, 7000)
    assert is_sufficient(note)


@pytest.mark.parametrize("context", ['{"origin_video_key":"k"}', {"origin_video_key": "k"}])
def test_the_hidden_key_in_both_forms(context: object) -> None:
    """`widgets_context` is a string or an object."""
    note = read_app(type="video", widgets_context=context)
    assert asset(note, AssetKind.VIDEO).sources[0].key == "k"


@pytest.mark.parametrize("context", ["", None, "{broken", '{"origin_video_key":""}', [], 3])
def test_a_context_that_says_nothing(context: object) -> None:
    """A video note without any video field declares none: the next endpoint may."""
    note = read_app(type="video", widgets_context=context)
    assert slots(note) == ["cover"]
    assert not is_sufficient(note)
    assert missing_slots(note) == (Slot(AssetKind.VIDEO),)


def test_the_web_video_is_read() -> None:
    """`video.consumer.origin_video_key` and `video.media.stream` (docs/api.md#upload-key)."""
    video = {"consumer": {"origin_video_key": "k"}, **_video(stream=_STREAM)}
    note = read_app(type="video", video=video)
    assert [source.field for source in asset(note, AssetKind.VIDEO).sources] == [
        "video.consumer.origin_video_key",
        "video.media.stream.h264[0]",
    ]


def test_the_legacy_video_is_read() -> None:
    """A list of URLs with sizes, and a `url` that often repeats one (docs/api.md#older-video-fields)."""
    listed = [
        {"desc": "hevc", "url": f"{STREAMS}/a.mp4", "width": 4, "height": 3, "avg_bitrate": 5},
        {"desc": "h264", "url": f"{STREAMS}/b.mp4"},
    ]
    video = {"url": f"{STREAMS}/b.mp4", "url_info_list": listed, "duration": 12}
    note = read_app(type="video", video=video, video_info={"url": f"{STREAMS}/c.mp4", "gif_url": ""})
    found = asset(note, AssetKind.VIDEO)
    assert [source.url[-5] for source in found.sources] == ["a", "b", "c"]
    assert (found.sources[0].pixels, found.sources[0].bitrate) == (12, 5)
    assert found.duration_ms == 12000


def test_a_declared_video_without_a_way_to_it_is_a_gap() -> None:
    """Streams that are all empty do not make the video go away."""
    note = read_app(type="video", video_info_v2=_video(stream={"h264": [], "h265": None}))
    assert missing_slots(note) == (Slot(AssetKind.VIDEO),)
    assert not is_sufficient(note)


@pytest.mark.parametrize("leftover", [None, {}, "", {"consumer": {"can_super_resolution": True}}])
def test_leftovers_on_an_image_note_declare_no_video(leftover: object) -> None:
    """An empty video field of an image note is not a gap for ever."""
    assert slots(read_app(video_info_v2=leftover)) == ["image-1"]


def test_media_on_an_image_note_is_a_declared_video() -> None:
    """Promise 4: what says it has media is not passed over because of its type."""
    assert slots(read_app(video_info_v2=_video())) == ["video", "image-1"]


@pytest.mark.parametrize("kind", [None, "multi", "live_v2", 9])
def test_a_video_that_can_be_had_makes_a_video_note(kind: object) -> None:
    """Where the type says nothing the evidence does."""
    assert read_app(type=kind, video_info_v2=_video(stream=_STREAM)).type is NoteType.VIDEO
    assert read_app(type=kind, video_info_v2=_video()).type is NoteType.UNKNOWN
    assert read_app(type=kind).type is NoteType.UNKNOWN


def _with_subtitles(subtitles: object) -> Note:
    return read_app(
        type="video", video_info_v2={"media": {"stream": _STREAM, "video": {"subtitles": subtitles}}}
    )


def _srt(name: str, **more: object) -> dict[str, object]:
    return {"url": f"https://sns-subtitle-s1.rednotecdn.com/{name}.srt?sign=1", **more}


def test_subtitles_are_labelled_by_language() -> None:
    """The source's label is its own language, others have their key's; the same file is listed once."""
    note = _with_subtitles(
        {
            "source": [_srt("a", language="zh-CN"), _srt("b")],
            "zh-CN": [_srt("a"), _srt("c")],
            "ZH-cn": _srt("d"),
            "en_US/../x": [_srt("e", language="ignored")],
            "语言": [_srt("f"), None, {"url": ""}],
            "fr": "none",
        }
    )
    labels = [each.slot.label for each in note.assets if each.slot.kind is AssetKind.SUBTITLE]
    assert sorted(labels) == sorted(["zh-CN", "source", "zh-CN-2", "ZH-cn-3", "en-US-x", "und"])


def test_a_subtitle_whose_address_cannot_be_read_is_missing() -> None:
    """Once for each address, behind the readable ones, whose labels do not change by it."""
    note = _with_subtitles({"zh-CN": [{"url": "h/x.srt"}, _srt("a"), {"url": "h/x.srt"}, {"url": 5}]})
    assert asset(note, AssetKind.SUBTITLE, label="zh-CN").sources
    assert missing_slots(note) == (
        Slot(AssetKind.SUBTITLE, 0, "zh-CN-2"),
        Slot(AssetKind.SUBTITLE, 0, "zh-CN-3"),
    )


def test_unreadable_addresses_count_for_the_bound() -> None:
    """However many there are, the gaps are as few as the subtitles that are read of one note."""
    note = _with_subtitles({"xx": [{"url": f"h/{number}.srt"} for number in range(MOST_SUBTITLES + 5)]})
    assert len(missing_slots(note)) == MOST_SUBTITLES + 1


@pytest.mark.parametrize("field", [{"url": "h/a.mp4"}, {"url_info_list": [{"url": "h/a.mp4"}]}])
def test_a_video_address_on_an_image_note_that_cannot_be_read_is_missing(field: object) -> None:
    """It would be a video if it could be read."""
    assert slots(read_app(video=field)) == ["video", "image-1"]


def test_long_labels_stay_short_and_unique() -> None:
    """Twenty characters are enough for any language tag."""
    note = _with_subtitles({"a" * 30: [_srt("a")], "a" * 31: [_srt("b")]})
    labels = [each.slot.label for each in note.assets if each.slot.kind is AssetKind.SUBTITLE]
    assert sorted(labels) == ["a" * 17 + "-2", "a" * 20]


def test_more_subtitles_than_the_bound_leave_a_visible_gap() -> None:
    """An absurd list is cut, and the note can never pass for complete."""
    note = _with_subtitles({"xx": [_srt(str(number)) for number in range(MOST_SUBTITLES + 5)]})
    assert missing_slots(note) == (Slot(AssetKind.SUBTITLE, 0, "more"),)
    assert f"more than {MOST_SUBTITLES} subtitles" in asset(note, AssetKind.SUBTITLE, label="more").left_out


def test_sound_and_music() -> None:
    """The declared sound, the context's other URL behind it, and music (docs/api.md#sound-and-music)."""
    note = read_app(
        native_voice_info={
            "url": "http://sns-v10.rednotecdn.com/a.wav",
            "duration": 46250,
            "md5sum": "short",
        },
        widgets_context={"note_sound_info": {"url": "http://sns-v10.rednotecdn.com/b.m4a", "duration": 1}},
        simple_music_info={"url": "http://sns-music.xhscdn.com/m", "cover": f"{CDN}/cover"},
    )
    assert slots(note) == ["image-1", "sound", "music"]
    sound = asset(note, AssetKind.SOUND)
    assert [source.url[-5:] for source in sound.sources] == ["a.wav", "b.m4a"]
    assert (sound.duration_ms, sound.sources[0].md5) == (46250, "")


@pytest.mark.parametrize("url", ["h/x.wav", "http://h/a\tb", ["http://h/x"], 7])
def test_a_sound_whose_address_cannot_be_read_is_missing(url: object) -> None:
    """Promise 4: what is declared is archived or missing, in either place and for the music too."""
    for voice in (
        {"native_voice_info": {"url": url}},
        {"widgets_context": {"note_sound_info": {"url": url}}},
    ):
        note = read_app(simple_music_info={"url": url}, **voice)
        assert missing_slots(note) == (Slot(AssetKind.SOUND), Slot(AssetKind.MUSIC))


@pytest.mark.parametrize("info", [{"url": ""}, {"url": None}, {"url": "0"}, {"duration": 7}, None, "x"])
def test_a_sound_without_an_address_declares_nothing(info: object) -> None:
    """The fields stand in every reply, with blanks where there is no sound."""
    assert slots(read_app(native_voice_info=info, simple_music_info=info)) == ["image-1"]


def test_the_readable_one_of_two_addresses_is_enough() -> None:
    """An address that cannot be read beside one that can leaves no gap."""
    note = read_app(
        native_voice_info={"url": "no scheme"},
        widgets_context={"note_sound_info": {"url": "http://sns-v10.rednotecdn.com/b.m4a"}},
    )
    assert missing_slots(note) == ()


def test_the_context_is_enough_for_a_sound() -> None:
    """Without the native field the context's copy is the sound."""
    note = read_app(
        native_voice_info={"disable_panel": True, "url": ""},
        widgets_context={"note_sound_info": {"url": "http://sns-v10.rednotecdn.com/b.m4a", "duration": 5}},
    )
    assert asset(note, AssetKind.SOUND).duration_ms == 5


def test_words_about_the_note_from_other_fields() -> None:
    """Author, tags, counts and times have twins; blanks and odd types are passed over."""
    note = read(
        {
            "note_id": "69aed4e2000000000e00c358",
            "content": "go #山[话题]# #水[话题]# #山[话题]#",
            "image_list": [{"trace_id": "k"}],
            "user": {"user_id": "u", "nickname": "N"},
            "at_user_list": [{"user_id": "m", "nickname": "M"}, {"user_id": "m", "nickname": "M"}, {}, 3],
            "interact_info": {"liked_count": "1.2万", "collected_count": "10+", "share_count": "", "x": 1},
            "time": 1773065442000,
            "last_update_time": 1773065443000,
            "function_switch": [{"type": "a"}, 3],
            "media_save_config": [],
        }
    )
    assert note.tags == ("山", "水")
    assert note.author == Author("u", "N")
    assert note.mentions == (Mention("m", "M"),)
    assert note.counts == Counts(likes=12000, collects=10)
    assert note.updated == datetime(2026, 3, 9, 14, 10, 43, tzinfo=UTC)
    assert note.switches == ({"type": "a"},)
    assert note.save_config == {}


def test_the_author_of_the_context_is_better_than_none() -> None:
    """The context names the author where nothing else does."""
    assert read_app(widgets_context={"author_id": 7, "author_name": "N"}).author == Author("7", "N")


def test_negative_counts_say_nothing() -> None:
    """-1 stands for hidden, not for a number."""
    assert read_app(liked_count=-1, view_count=5).counts == Counts(views=5)

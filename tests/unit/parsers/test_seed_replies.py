"""The three replies the project was created from, read whole."""

from datetime import UTC, datetime

from reply_samples import SEED_IDS, SEEDS, asset, slots

from xharchive.media import AssetKind
from xharchive.models import Author, Counts, MediaSource, Mention, Note, NoteType, Quality, Slot
from xharchive.parsers import ENDPOINTS, is_sufficient, missing_slots, read_envelope, read_note


def _read(name: str) -> Note:
    envelope = read_envelope((SEEDS / f"{name}.json").read_bytes())
    return read_note(envelope, ENDPOINTS[name], SEED_IDS[name])


def test_the_live_photo_note_of_v7() -> None:
    """Seed 000: one picture, its motion, and everything said about the note."""
    note = _read("v7")
    assert slots(note) == ["image-1", "live-1"]
    assert (note.type, note.replies, note.motion_known) == (NoteType.IMAGE, ("v7",), True)
    assert note.title == "被豫园的氛围感硬控了"
    assert note.text.startswith("#绿水青山天高云淡[话题]#\n")
    assert note.author == Author("62642c06000000001000bb40", "搞笑女的肉体改造日记", "2947938100")
    assert note.tags == ("绿水青山天高云淡", "我的天高云淡", "上大豫园追灯会", "来上海过年")
    assert note.mentions == (Mention("687f08f3000000001b0238e8", "甜润徽派"),)
    assert note.counts == Counts(likes=11, collects=1, comments=0, shares=0, views=None)
    assert (note.place, note.language) == ("安徽", "zh")
    assert (note.published, note.updated) == (datetime(2026, 3, 9, 14, 10, 42, tzinfo=UTC), None)
    assert note.switches == ({"type": "image_download", "enable": True},)
    assert note.save_config["disable_save"] is False
    assert is_sufficient(note)
    assert missing_slots(note) == ()


def test_the_sources_of_the_live_photo() -> None:
    """Seed 000: the key first, URLs best first and each once; the motion's stream, then the unproven key."""
    note = _read("v7")
    picture, motion = asset(note, AssetKind.IMAGE, 1), asset(note, AssetKind.LIVE, 1)
    assert picture.sources[0] == MediaSource(
        "images_list[0].fileid",
        key="notes_uhdr/1040g3qo31tgdnb2m5m705oj45g341eq04lpa130",
        quality=Quality.ORIGINAL,
    )
    assert [source.field.rpartition("]")[2] for source in picture.sources[1:]] == [
        ".url_8k",
        ".original",
        ".url_multi_level.high",
        ".url",
    ]
    assert (picture.width, picture.height) == (5712, 4284)
    stream, key = motion.sources
    assert stream.backups == (
        "http://sns-v10.rednotecdn.com/stream/1/10/66/01e9aed4e1c5ccfb010050019cd2efcf84_66.mp4",
    )
    assert (stream.pixels, stream.bitrate, stream.size) == (1440 * 1080, 3354684, 1048339)
    assert (stream.codec, stream.md5, stream.quality, stream.preferred) == (
        "hevc",
        "",
        Quality.RENDITION,
        True,
    )
    assert key.unproven
    assert key.key == "livephoto/1040g39031tgde2g75s7g5oj45g341eq015fldk0"
    assert (motion.width, motion.height, motion.duration_ms) == (1920, 1440, 3000)


def test_the_video_note_of_v1_has_no_video() -> None:
    """Seed 001: an image endpoint gives cover and sound, and the video is known to be missing."""
    note = _read("v1")
    assert slots(note) == ["cover", "sound"]
    assert note.type is NoteType.VIDEO
    assert not is_sufficient(note)
    assert missing_slots(note) == (Slot(AssetKind.VIDEO),)
    sound = asset(note, AssetKind.SOUND)
    assert len(sound.sources) == 1
    assert (sound.sources[0].md5, sound.duration_ms) == ("1f045bc1a69f1c19ed373ec5452d3da5", 46250)
    assert note.switches[0]["reason"] == "作者已关闭下载权限，无法保存"


def test_the_video_note_of_pgy() -> None:
    """Seed 002: the upload's key, the signed rendition and its bare key; counts that were not filled in."""
    note = _read("pgy")
    assert slots(note) == ["video", "cover"]
    assert (note.type, note.motion_known) == (NoteType.VIDEO, False)
    video = asset(note, AssetKind.VIDEO)
    assert [source.field for source in video.sources] == [
        "videoInfo.originVideoKey",
        "videoInfo.videoUrl",
        "videoInfo.videoKey",
    ]
    assert [source.quality for source in video.sources] == [
        Quality.ORIGINAL,
        Quality.RENDITION,
        Quality.RENDITION,
    ]
    assert (video.width, video.height, video.duration_ms) == (1080, 1920, 23000)
    assert note.counts == Counts()
    assert note.tags == ("电影狙击手", "曹操来了", "明星")
    assert note.author == Author("62060e8c0000000010008f55", "曹操来了")
    assert (note.published, note.updated) == (datetime(2024, 2, 5, 10, 10, 4, tzinfo=UTC), None)
    assert is_sufficient(note)


def test_nothing_that_is_not_the_notes_own_is_an_asset() -> None:
    """Avatars, share images, thumbs of mini programs, topic images and sound covers are left alone."""
    for name in SEED_IDS:
        said = [f"{source.url}{source.key}" for each in _read(name).assets for source in each.sources]
        assert not [text for text in said if "avatar" in text or "qlogo" in text or "r_120w" in text]
        assert not [text for text in said if "w/360" in text or "w/540" in text]

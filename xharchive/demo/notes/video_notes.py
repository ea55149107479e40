"""Demo notes of videos: which endpoint declares the video, which rendition is best (docs/api.md#streams)."""

from functools import partial

from xharchive.demo.media.make_picture import PictureFormat
from xharchive.demo.media.make_sound import make_subtitles
from xharchive.demo.media.make_video import Codec, make_movie
from xharchive.demo.notes.demo_note import PGY, V6, VIDEOS, DemoNote, JsonObject, StoredFile, storage_key
from xharchive.demo.notes.reply_templates import DemoAuthor, Post, flat_reply, pgy_reply
from xharchive.demo.notes.still_images import still_replies
from xharchive.demo.notes.uploaded_media import EXPIRES, DemoPicture, DemoStream, image_entry, signature

__all__ = ["VIDEO_NOTES"]

_BAKER = DemoAuthor("5c1f2e3d0000000007009a8b", "面包房的早班", "316847205")
_RIDER = DemoAuthor("61d2c3b4000000000100e5f6", "骑车去看海", "884120563")
_POTTER = DemoAuthor("5ea7b8c9000000000100d0e1", "泥巴先生", "270913845")
_STRANGER = DemoAuthor("5b9a8f7e000000000100c2d3", "不认识的推荐作者", "100200300")

_HD, _FULL_HD, _TWO_K = (720, 960), (1080, 1440), (1440, 1920)


def _stream_key(note_id: str, stream_type: int) -> str:
    return f"stream/1/110/{stream_type}/01e9{signature(note_id)[:30]}_{stream_type}.mp4"


def _video(
    note_id: str,
    stream_type: int,
    size: int,
    pixels: tuple[int, int],
    bitrate: int,
    description: str,
    *,
    codec: Codec = "h265",
    is_default: bool = False,
) -> DemoStream:
    """Return a signed rendition of the note's video; all renditions of a note show the same scene."""
    return DemoStream(
        key=_stream_key(note_id, stream_type),
        seed=int(note_id[:8], 16) % 1000,
        stream_type=stream_type,
        size=size,
        pixels=pixels,
        bitrate=bitrate,
        codec=codec,
        description=description,
        host="sns-v10.rednotecdn.com",
        backups=("sns-v8.rednotecdn.com", "sns-bak-v1.xhscdn.com"),
        is_default=is_default,
        signed=True,
        milliseconds=3000,
    )


def _upload(key: str, codec: Codec, note_id: str) -> StoredFile:
    """Return the upload of a phone: a MOV with more pixels than any rendition."""
    published = int(note_id[:8], 16)
    pixels = (432, 576) if codec == "h264" else (336, 448)
    make = partial(make_movie, codec, published % 1000, pixels, 30, created=published, quicktime=True)
    return StoredFile(key, VIDEOS, "video/quicktime", make)


def _subtitle_entry(language: str, key: str) -> JsonObject:
    url = f"https://sns-subtitle-s1.rednotecdn.com/{key}?sign={signature(key)}&t={EXPIRES}"
    return {"language": language, "url": url, "type": 1, "format": "srt"}


def _legacy_entry(stream: DemoStream) -> JsonObject:
    width, height = stream.pixels
    return {
        "desc": stream.description,
        "url": f"http://sns-video-bd.xhscdn.com/{stream.key}",
        "width": width,
        "height": height,
        "avg_bitrate": stream.bitrate,
        "vmaf": -1,
    }


def _all_renditions() -> DemoNote:
    note_id, title = "69637d24000000001b01d5f2", "凌晨四点的面包房｜一炉可颂的诞生"
    cover = DemoPicture(storage_key(f"{note_id}/cover"), 27)
    origin = storage_key(f"{note_id}/upload", "pre_post/")
    streams = (
        _video(note_id, 258, 905_432, _HD, 2_804_120, "X264_MP4", codec="h264", is_default=True),
        _video(note_id, 259, 955_301, _TWO_K, 6_904_550, "WM_X264_MP4", codec="h264"),
        _video(note_id, 114, 580_114, _HD, 1_210_042, "R265_MP4_720P_ANDR"),
        _video(note_id, 115, 740_115, _FULL_HD, 2_402_977, "R265_MP4_1080P_ANDR"),
    )
    subtitles = {
        "zh-CN": ("凌晨四点，城市还没醒。", "面团已经睡了一整夜。", "一炉可颂，三百六十层。"),
        "en-US": (
            "Four in the morning, the city sleeps.",
            "So did the dough.",
            "Three hundred and sixty layers.",
        ),
    }
    texts = {
        language: StoredFile(
            f"subtitle/1/{signature(note_id + language)}_{language}.srt",
            VIDEOS,
            "application/x-subrip",
            partial(make_subtitles, lines),
        )
        for language, lines in subtitles.items()
    }
    post = Post(
        note_id,
        title,
        "跟拍了一整个早班。可颂要折三次，每次都要等。\n完整配方在主页合集里。",
        _BAKER,
        [image_entry(cover, int(note_id[:8], 16) + 20, host="sns-i10.rednotecdn.com", is_cover=True)],
        tags=("面包日记", "可颂", "vlog"),
        is_video=True,
        place="广东",
        likes=15230,
        extra={"cover_image_index": 0},
    )
    declared: JsonObject = {
        language: [_subtitle_entry(language, item.key)] for language, item in texts.items()
    }
    return DemoNote(
        note_id,
        title,
        "a video in four renditions, one with a watermark; widgets_context has the upload's key; subtitles",
        replies={**still_replies(post), V6: flat_reply(post, streams, origin=origin, subtitles=declared)},
        stored=(
            cover.stored,
            *(stream.stored for stream in streams),
            _upload(origin, "h265", note_id),
            *texts.values(),
        ),
        originals={
            "cover": cover.key,
            "video": origin,
            **{f"subtitle-{language}": item.key for language, item in texts.items()},
        },
    )


def _with_stranger() -> DemoNote:
    note_id, title = "697ab3c8000000000b0297ae", "沿着海岸线骑了80公里，风把烦恼都吹走了"
    cover = DemoPicture(storage_key(f"{note_id}/cover"), 16, "webp")
    streams = (
        _video(note_id, 258, 880_258, _HD, 2_504_120, "X264_MP4", codec="h264", is_default=True),
        _video(note_id, 309, 720_309, _FULL_HD, 1_902_977, "R265_MP4_1080P"),
    )
    post = Post(
        note_id,
        title,
        "路线：东钱湖出发→象山港→松兰山。全程补给点我都标好了。",
        _RIDER,
        [image_entry(cover, int(note_id[:8], 16) + 20, is_cover=True)],
        tags=("骑行", "海岸线"),
        is_video=True,
        place="浙江",
        likes=642,
    )
    recommended = DemoPicture(storage_key("stranger/cover"), 99, "webp")
    stranger = Post(
        "697ab10e000000000a01c3d0",
        "别人的笔记：不要下载我",
        "这是推荐流里混进来的一篇。",
        _STRANGER,
        [image_entry(recommended, int(note_id[:8], 16) + 20, is_cover=True)],
        is_video=True,
    )
    return DemoNote(
        note_id,
        title,
        "v6 adds a recommended note of another author: only the requested one may be archived",
        replies={**still_replies(post), V6: flat_reply(post, streams, strangers=(stranger,))},
        stored=(cover.stored, recommended.stored, *(stream.stored for stream in streams)),
        originals={"cover": cover.key, "video": streams[1].key},
    )


def _only_pgy() -> DemoNote:
    note_id, title = "69922f5a000000001a00b4c6", "拉坯失败合集｜第七个终于站住了"
    cover = DemoPicture(storage_key(f"{note_id}/cover", "spectrum/"), 34, "jpeg")
    stream = _video(note_id, 258, 870_258, _HD, 2_110_440, "X264_MP4", codec="h264")
    post = Post(
        note_id,
        title,
        "泥巴不说谎，手一抖它就歪。看到最后有惊喜。",
        _POTTER,
        [image_entry(cover, int(note_id[:8], 16) + 20, is_cover=True)],
        tags=("陶艺", "手作"),
        is_video=True,
        place="江西",
        likes=318,
    )
    return DemoNote(
        note_id,
        title,
        "v1 has the cover, v6 has nothing, only PGY has the video",
        replies={**still_replies(post), PGY: pgy_reply(post, stream, cover=cover.key)},
        stored=(cover.stored, stream.stored),
        originals={"cover": cover.key, "video": stream.key},
    )


def _legacy() -> DemoNote:
    note_id, title = "5f3d2c1b000000000101e7a8", "三年前的夏天，第一次学会做冰粉"
    cover = DemoPicture(storage_key(f"{note_id}/cover"), 41, "jpeg", size=(720, 960))
    weak, good = (
        _video(note_id, 258, 850_258, _HD, 1_104_000, "h264", codec="h264"),
        _video(note_id, 115, 660_115, _FULL_HD, 2_204_000, "h265"),
    )
    entries = [_legacy_entry(stream) for stream in (weak, good)]
    video: JsonObject = {
        "id": signature(note_id)[:24],
        "url": entries[0]["url"],
        "url_info_list": entries,
        "adaptive_streaming_url_set": [],
        "duration": 3,
        "width": 1080,
        "height": 1440,
        "first_frame": "",
        "thumbnail": "",
        "thumbnail_dim": "",
        "preload_size": 1048576,
        "volume": 0,
        "played_count": 0,
    }
    post = Post(
        note_id,
        title,
        "搓冰粉真的很解压。红糖水要自己熬才香！",
        _POTTER,
        [image_entry(cover, int(note_id[:8], 16) + 20, is_cover=True)],
        is_video=True,
        place="重庆",
        likes="9876",
        extra={"video": video},
    )
    return DemoNote(
        note_id,
        title,
        "an old note: v1 has the video in its older form, and `url` is the worse rendition",
        replies=still_replies(post),
        stored=(cover.stored, weak.stored, good.stored),
        originals={"cover": cover.key, "video": good.key},
    )


def _slideshow() -> DemoNote:
    note_id, title = "69c0a9e4000000002102d8f3", "春日胶片｜把这一周剪成了幻灯片"
    kinds: tuple[PictureFormat, ...] = ("jpeg", "heic", "webp")
    pictures = [
        DemoPicture(storage_key(f"{note_id}/{at}", "notes_pre_post/"), 46 + at, kind)
        for at, kind in enumerate(kinds)
    ]
    origin = storage_key(f"{note_id}/upload")
    stream = _video(note_id, 114, 690_114, _HD, 1_310_042, "R265_MP4_720P_ANDR")
    post = Post(
        note_id,
        title,
        "三张照片，一段配乐，就是我的三月。",
        _RIDER,
        [image_entry(picture, int(note_id[:8], 16) + 20) for picture in pictures],
        tags=("胶片感", "春天"),
        is_video=True,
        likes=205,
        extra={"cover_image_index": 1},
    )
    return DemoNote(
        note_id,
        title,
        "a slideshow: a video note whose three images are content, not covers",
        replies={**still_replies(post), V6: flat_reply(post, (stream,), origin=origin)},
        stored=(
            *(picture.stored for picture in pictures),
            stream.stored,
            _upload(origin, "h264", note_id),
        ),
        originals={
            **{f"image-{position}": picture.key for position, picture in enumerate(pictures, start=1)},
            "video": origin,
        },
    )


VIDEO_NOTES = (_all_renditions(), _with_stranger(), _only_pgy(), _legacy(), _slideshow())

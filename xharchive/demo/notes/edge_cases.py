"""Demo notes with sounds (docs/api.md#sound-and-music), unusual texts and counts, and author's switches."""

from functools import partial

from xharchive.demo.media.make_picture import PictureFormat
from xharchive.demo.media.make_sound import make_m4a, make_wav
from xharchive.demo.notes.demo_note import (
    V1,
    V3,
    V7,
    VIDEOS,
    DemoNote,
    JsonObject,
    Md5Lookup,
    StoredFile,
    storage_key,
)
from xharchive.demo.notes.reply_templates import DemoAuthor, Post, answer
from xharchive.demo.notes.still_images import still_replies
from xharchive.demo.notes.uploaded_media import DemoPicture, image_entry, signature

__all__ = ["ODD_NOTES"]

_SINGER = DemoAuthor("5a6b7c8d000000000100f0a1", "窗边的小吉他", "639058127")
_HACKER = DemoAuthor("64c5d6e7000000000b00a2b3", "../%2e%2e/<b>作者</b>", "0")
_FARMER = DemoAuthor("58c9d0e1000000000600b4c5", "阿婆的菜园子", "5518837724")
_PAINTER = DemoAuthor("62e3f4a5000000001b00d6e7", "不想被保存的画", "772640918")

_HOSTILE_TITLE = (
    "../../../etc/passwd\0 \N{IZAKAYA LANTERN}\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\N{RIGHT-TO-LEFT MARK}"
    '\x1b[31m红\x1b[0m\r\n C:\\CON.aux:*?"<>| <script>alert(1)</script> ' + "很长很长的标题" * 40 + " ."
)


def _note_with(
    note_id: str,
    title: str,
    shows: str,
    text: str,
    writer: DemoAuthor,
    kinds: tuple[PictureFormat, ...],
    **fields: object,
) -> DemoNote:
    """Return a note of images; `fields` replace those of the note object."""
    pictures = _pictures(note_id, kinds)
    post = Post(note_id, title, text, writer, _entries(note_id, pictures), extra=fields)
    return DemoNote(
        note_id,
        title,
        shows,
        replies=still_replies(post),
        stored=tuple(picture.stored for picture in pictures),
        originals=_slots(pictures),
    )


def _pictures(note_id: str, kinds: tuple[PictureFormat, ...]) -> list[DemoPicture]:
    first = int(note_id[:8], 16) % 1000
    return [DemoPicture(storage_key(f"{note_id}/{at}"), first + at, kind) for at, kind in enumerate(kinds)]


def _entries(note_id: str, pictures: list[DemoPicture]) -> list[JsonObject]:
    return [image_entry(picture, int(note_id[:8], 16) + 15) for picture in pictures]


def _slots(pictures: list[DemoPicture]) -> dict[str, str]:
    return {f"image-{position}": picture.key for position, picture in enumerate(pictures, start=1)}


def _sounding() -> DemoNote:
    note_id, title = "69d7e2b6000000001d01a6c9", "练了一个月的指弹，录给你听"
    pictures = _pictures(note_id, ("webp", "jpeg"))
    voice = StoredFile(
        f"audio/1/02e9{signature(note_id)[:30]}_0.wav", VIDEOS, "audio/x-wav", partial(make_wav, 5, 6.0)
    )
    music = StoredFile(
        storage_key(f"{note_id}/music"),
        VIDEOS,
        "application/octet-stream",
        partial(make_m4a, 5, 12.0, created=int(note_id[:8], 16)),
    )
    voice_url = f"http://sns-v10.rednotecdn.com/{voice.key}"
    sound: JsonObject = {
        "sound_id": "1146600070351388999",
        "name": "窗边的小吉他的原声",
        "duration": 6000,
        "url": voice_url,
    }
    post = Post(
        note_id,
        title,
        "手指磨出茧了，但是值得。背景里有海的声音。",
        _SINGER,
        _entries(note_id, pictures),
        tags=("指弹吉他", "练琴打卡"),
        likes=431,
        extra={
            "has_music": True,
            "widgets_context": {"origin_video_key": "", "flags": {}, "note_sound_info": sound},
            "simple_music_info": {
                "id": "62d0f0e1000000000100aa11",
                "name": "海浪",
                "singer": "xharchive demo",
                "duration": 12,
                "url": f"http://sns-music.xhscdn.com/{music.key}",
            },
        },
    )

    def make(md5_of: Md5Lookup) -> JsonObject:
        voiced = post.entry | {"native_voice_info": sound | {"md5sum": md5_of(voice.key), "use_count": 1}}
        block = {"user": post.writer.entry, "note_list": [voiced], "comment_list": [], "model_type": "note"}
        return answer([block], note_id=note_id)

    return DemoNote(
        note_id,
        title,
        "images with the author's own sound, and background music without suffix or media type",
        replies=dict.fromkeys((V1, V3, V7), make),
        stored=(*(picture.stored for picture in pictures), voice, music),
        originals={**_slots(pictures), "sound": voice.key, "music": music.key},
    )


_GONE = DemoNote(
    id="6a064da2000000001c03e8d7",
    title="",
    shows="nothing: every endpoint sends code 0 without data, as for a deleted note",
    state="empty",
)

_HOSTILE = _note_with(
    "6a1d8bee000000000f02c1a4",
    _HOSTILE_TITLE,
    "a title that is dangerous as a file name, in a terminal and in a page",
    '</textarea><img src=x onerror="alert(1)"> \x1b]0;owned\x07 {{7*7}} %s ${HOME} 余额不足 笔记不存在',
    _HACKER,
    ("jpeg",),
)

_COUNTED = _note_with(
    "6a34c6f0000000000900d3b8",
    "",
    'no title, and counts as the app words them: "1.2万", "", "10万+"',
    "今年的番茄丰收啦🍅🍅🍅 送了半个村子还没送完",
    _FARMER,
    ("webp", "webp"),
    liked_count="1.2万",
    collected_count="10万+",
    comments_count="",
    shared_count=None,
    widgets_context="",
)

_UNWILLING = _note_with(
    "6a63481c000000000e02a9d5",
    "新画的荷塘，请勿保存转载",
    "an author who disabled saving; the reply says so, and has the images nevertheless",
    "水彩，300g粗纹。画了整整三天。",
    _PAINTER,
    ("png", "heic"),
    function_switch=[{"type": "image_download", "enable": False, "reason": "作者已关闭下载权限，无法保存"}],
    media_save_config={"disable_save": True, "disable_watermark": True, "disable_weibo_cover": False},
)

ODD_NOTES = (_sounding(), _GONE, _HOSTILE, _COUNTED, _UNWILLING)

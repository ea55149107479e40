"""Demo notes with live photos, which replies declare in different ways (docs/api.md#live-photos)."""

from functools import partial

from xharchive.demo.media.make_picture import Camera
from xharchive.demo.media.make_video import make_movie
from xharchive.demo.notes.demo_note import CI_HOST, DEAD_HOST, VIDEOS, DemoNote, StoredFile, storage_key
from xharchive.demo.notes.reply_templates import DemoAuthor, Post
from xharchive.demo.notes.still_images import still_replies
from xharchive.demo.notes.uploaded_media import DemoMotion, DemoPicture, DemoStream, image_entry, signature

__all__ = ["LIVE_NOTES"]

_TRAVELLER = DemoAuthor("5f0e9d8c000000000100b7a6", "路上的小满", "703358216")
_CAT = DemoAuthor("63b4c5d6000000002600f1e2", "橘座驾到", "4259017736")

_FULL_HD, _TWO_K, _HD = (1080, 1440), (1440, 1920), (720, 960)


def _motion_key(note_id: str, position: int, stream_type: int) -> str:
    return f"stream/1/10/{stream_type}/01e9{signature(f'{note_id}/{position}')[:30]}_{stream_type}.mp4"


def _file_id(note_id: str, position: int) -> str:
    return storage_key(f"{note_id}/live/{position}", "livephoto_pre_post/")


def _mixed_lives() -> DemoNote:
    note_id, title = "691e44b2000000001f00c8d1", "洱海边的五分钟｜第2张和第4张会动"
    camera = Camera(taken="2025:11:19 17:52:08")
    pictures = [
        DemoPicture(storage_key(f"{note_id}/{at}", "notes_pre_post/"), seed, camera=camera)
        for at, seed in enumerate((1, 2, 8, 9, 15))
    ]
    only_h264 = DemoStream(
        _motion_key(note_id, 2, 7),
        2,
        stream_type=7,
        size=704_512,
        pixels=_HD,
        bitrate=1_800_000,
        codec="h264",
        description="X264_MP4_LIVE",
        backups=None,
        is_default=True,
        milliseconds=2000,
    )
    usual = DemoStream(
        _motion_key(note_id, 4, 66),
        9,
        stream_type=66,
        size=333_333,
        pixels=_FULL_HD,
        bitrate=3_354_684,
        description="livephoto_r256_1080p_66_andr",
        backups=("sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com"),
        is_default=True,
    )
    best = DemoStream(
        _motion_key(note_id, 4, 198),
        9,
        stream_type=198,
        size=498_765,
        pixels=_TWO_K,
        bitrate=6_204_110,
        description="R265_MP4_2K_198_ANDR_exp",
        host="sns-v10.rednotecdn.com",
        backups=("sns-v10.rednotecdn.com", "sns-v10.rednotecdn.com", "sns-bak-v6.xhscdn.com"),
    )
    motions = {
        2: DemoMotion(_file_id(note_id, 2), 137833492955647227, (only_h264,)),
        4: DemoMotion(_file_id(note_id, 4), "137833492955647233", (usual, best)),
    }
    uploaded = partial(make_movie, "h265", 9, (288, 384), 25, created=0x691E44B2, quicktime=True)
    issued = int(note_id[:8], 16) + 600
    post = Post(
        note_id,
        title,
        "日落大概只有五分钟，风很大，裙子和浪都在动。\n住在双廊，走路两分钟到海边。",
        _TRAVELLER,
        [
            image_entry(picture, issued, motion=motions.get(position), host="sns-i27-ae.rednotecdn.com")
            for position, picture in enumerate(pictures, start=1)
        ],
        tags=("大理", "洱海日落", "live图"),
        place="云南",
        likes=1206,
    )
    return DemoNote(
        note_id,
        title,
        "five images; the second and fourth are live photos, and the default rendition is not the best",
        replies=still_replies(post),
        stored=(
            *(picture.stored for picture in pictures),
            *(stream.stored for stream in (only_h264, usual, best)),
            StoredFile(_file_id(note_id, 4), VIDEOS, "video/quicktime", uploaded),
        ),
        originals={
            **{f"image-{position}": picture.key for position, picture in enumerate(pictures, start=1)},
            "live-2": only_h264.key,
            "live-4": best.key,
        },
    )


def _odd_keys() -> DemoNote:
    note_id, title = "6935a0f0000000001e02f3a7", "我家猫的两个表情包（会动版）"
    pictures = (
        DemoPicture(storage_key(f"{note_id}/0"), 6, "heic", size=(800, 800)),
        DemoPicture(storage_key(f"{note_id}/1"), 13, "jpeg", size=(800, 800)),
    )
    camel = DemoStream(
        _motion_key(note_id, 1, 66), 6, stream_type=66, size=300_001, pixels=_FULL_HD, bitrate=2_911_000
    )
    odd = DemoStream(
        _motion_key(note_id, 2, 77),
        13,
        stream_type=77,
        size=310_002,
        pixels=_HD,
        bitrate=1_410_000,
        codec="EF5",
    )
    first, second = (
        DemoMotion(_file_id(note_id, position), f"13783349295564{position:04}", (stream,))
        for position, stream in enumerate((camel, odd), start=1)
    )
    issued = int(note_id[:8], 16) + 45
    with_camels = image_entry(pictures[0], issued, motion=first)
    with_camels["live_photo"] = _in_camel_case(first.entry)
    post = Post(
        note_id,
        title,
        "第一张：你好。第二张：不好。\n动起来更好笑，建议长按。",
        _CAT,
        [with_camels, image_entry(pictures[1], issued, motion=second)],
        tags=("猫咪表情包", "橘猫"),
        place="四川",
        likes=3045,
    )
    return DemoNote(
        note_id,
        title,
        "live photos declared with camelCase keys, and with an unknown codec name",
        replies=still_replies(post),
        stored=(*(picture.stored for picture in pictures), camel.stored, odd.stored),
        originals={
            "image-1": pictures[0].key,
            "live-1": camel.key,
            "image-2": pictures[1].key,
            "live-2": odd.key,
        },
    )


def _dead_mirrors() -> DemoNote:
    note_id, title = "69ef13c8000000000c00f2b5", "雨夜的老弄堂，路灯一盏一盏亮起来"
    pictures = (
        DemoPicture(
            storage_key(f"{note_id}/0", "notes_pre_post/"), 24, "webp", absent_from=frozenset({CI_HOST})
        ),
        DemoPicture(
            storage_key(f"{note_id}/1", "notes_pre_post/"), 14, camera=Camera(taken="2026:04:27 20:15:31")
        ),
    )
    stream = DemoStream(
        _motion_key(note_id, 2, 66),
        14,
        stream_type=66,
        size=345_678,
        pixels=_FULL_HD,
        bitrate=3_021_000,
        host=DEAD_HOST,
        backups=("sns-v10.rednotecdn.com",),
        is_default=True,
    )
    motion = DemoMotion(_file_id(note_id, 2), "137833492955649901", (stream,))
    issued = int(note_id[:8], 16) + 90
    post = Post(
        note_id,
        title,
        "下雨天不想回家，就在永康路附近绕了一圈又一圈。",
        _TRAVELLER,
        [image_entry(pictures[0], issued), image_entry(pictures[1], issued, motion=motion)],
        tags=("雨夜", "上海弄堂"),
        likes=77,
    )
    return DemoNote(
        note_id,
        title,
        "hosts that fail: an image is missing on its usual mirror, and the first host of the motion is down",
        replies=still_replies(post),
        stored=(*(picture.stored for picture in pictures), stream.stored),
        originals={"image-1": pictures[0].key, "image-2": pictures[1].key, "live-2": stream.key},
    )


def _in_camel_case(value: object) -> object:
    """Return a JSON value with its `snake_case` keys in camelCase, as in search replies."""
    if isinstance(value, dict):
        return {_camel(str(key)): _in_camel_case(part) for key, part in value.items()}
    return [_in_camel_case(part) for part in value] if isinstance(value, list) else value


def _camel(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(map(str.title, others))


LIVE_NOTES = (_mixed_lives(), _odd_keys(), _dead_mirrors())

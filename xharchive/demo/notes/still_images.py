"""Demo notes of images: formats, numbers, and an image with few fields."""

from xharchive.demo.media.make_picture import Camera, PictureFormat
from xharchive.demo.notes.demo_note import V1, V3, V7, DemoNote, ReplyMaker, storage_key
from xharchive.demo.notes.reply_templates import DemoAuthor, Post, block_reply
from xharchive.demo.notes.uploaded_media import DemoPicture, image_entry

__all__ = ["STILL_NOTES", "still_replies"]

_WALKER = DemoAuthor("5d8f1a2c000000000100e4b7", "江南慢慢走", "528716403")
_COLOURS = DemoAuthor("60a1b2c3000000000100d9f8", "城市色卡研究所", "961204775")
_LENS = DemoAuthor("5e77c0de0000000001003a5b", "十比特的阿树", "187340526")


def still_replies(post: Post, *, code: object = 0) -> dict[str, ReplyMaker]:
    """Return the same reply for each endpoint with this shape."""
    return dict.fromkeys((V1, V3, V7), block_reply(post, code=code))


def _mixed() -> DemoNote:
    note_id, title = "68f2b6a0000000000703a1c4", "周末去苏州园林｜随手拍都是明信片"
    kinds: tuple[PictureFormat, ...] = ("heic", "webp", "jpeg", "png", "heic")
    camera = Camera(taken="2025:10:18 09:41:26")
    pictures = [
        DemoPicture(
            storage_key(f"{note_id}/{at}", "notes_pre_post/"),
            at * 8 + 5,
            kind,
            camera=Camera(orientation=6, taken=camera.taken) if at == 0 else camera,
        )
        for at, kind in enumerate(kinds)
    ]
    post = Post(
        note_id,
        title,
        "早上八点半的拙政园还没什么人，花窗一格一景。\n建议路线：拙政园→苏博→平江路，走累了就喝茶🍵",
        _WALKER,
        [
            image_entry(picture, int(note_id[:8], 16) + 3600, host="sns-i11.rednotecdn.com")
            for picture in pictures
        ],
        tags=("苏州园林", "江南", "周末去哪儿"),
        place="江苏",
        likes=2317,
    )
    return DemoNote(
        note_id,
        title,
        "five images in four formats: HEIC, WebP, JPEG, PNG; EXIF rotates the first one",
        replies=still_replies(post),
        stored=tuple(picture.stored for picture in pictures),
        originals={f"image-{at}": picture.key for at, picture in enumerate(pictures, start=1)},
    )


def _eighteen() -> DemoNote:
    note_id, title = "6907c1d8000000000d02b7e9", "一口气看完18张｜这座城市的秋天色卡"
    kinds: tuple[PictureFormat, ...] = ("jpeg", "webp", "heic")
    pictures = [
        DemoPicture(storage_key(f"{note_id}/{at}"), 30 + at, kinds[at % 3], size=(600, 800))
        for at in range(18)
    ]
    post = Post(
        note_id,
        title,
        "从银杏黄到砖墙红，按颜色整理了一遍相册。\n你最喜欢第几张？评论区告诉我。",
        _COLOURS,
        [
            image_entry(picture, int(note_id[:8], 16) + 60, host="sns-na-i4.xhscdn.com")
            for picture in pictures
        ],
        tags=("城市色卡", "秋天", "配色灵感"),
        place="北京",
        likes=864,
    )
    return DemoNote(
        note_id,
        title,
        "eighteen images, the most that a note may have",
        replies=still_replies(post),
        stored=tuple(picture.stored for picture in pictures),
        originals={f"image-{at}": picture.key for at, picture in enumerate(pictures, start=1)},
    )


def _only_file_ids() -> DemoNote:
    note_id, title = "694c7be6000000002200e19b", "冬至夜的一碗热汤圆"
    pictures = [
        DemoPicture(storage_key(f"{note_id}/{at}", "spectrum/"), 20 + at * 14, "webp", size=(900, 1200))
        for at in range(2)
    ]
    full = image_entry(pictures[0], int(note_id[:8], 16) + 5) | {
        "live_photo": None,
        "live_photo_file_id": None,
    }
    post = Post(
        note_id,
        title,
        "黑芝麻馅永远的神。做法放在第二张啦～",
        _WALKER,
        [full, {"fileid": pictures[1].key, "live_photo": {}, "live_photo_file_id": ""}],
        tags=("冬至", "汤圆"),
        place="Zhejiang",
        likes=56,
    )
    return DemoNote(
        note_id,
        title,
        'an image for which the reply has only the storage key; the code is the text "0"',
        replies=still_replies(post, code="0"),
        stored=tuple(picture.stored for picture in pictures),
        originals={f"image-{at}": picture.key for at, picture in enumerate(pictures, start=1)},
    )


def _deep_colours() -> DemoNote:
    note_id, title = "6a4c0a12000000002001f7e6", "HDR夏夜｜十比特天空到底有多丝滑"
    key = storage_key
    pictures = (
        DemoPicture(
            key(f"{note_id}/0", "notes_uhdr/"), 2, "heic10", camera=Camera(taken="2026:07:05 21:03:44")
        ),
        DemoPicture(
            key(f"{note_id}/1", "note_pre_post_uhdr/"),
            9,
            "heic",
            camera=Camera(model="Demo Camera Z", taken="2026:07:05 21:10:02", maker_note=80_000),
        ),
    )
    post = Post(
        note_id,
        title,
        "第一张10bit直出，第二张相机直传（EXIF里塞满了厂商信息）。放大看渐变，没有断层！",
        _LENS,
        [
            image_entry(picture, int(note_id[:8], 16) + 30, host="sns-na-i11.xhscdn.com")
            for picture in pictures
        ],
        tags=("HDR摄影", "手机摄影"),
        place="云南",
        likes=491,
        extra={"widgets_context": None},
    )
    return DemoNote(
        note_id,
        title,
        "a HEIC with ten bits per channel, and one with more EXIF than fits into a JPEG",
        replies=still_replies(post),
        stored=tuple(picture.stored for picture in pictures),
        originals={f"image-{at}": picture.key for at, picture in enumerate(pictures, start=1)},
    )


STILL_NOTES = (_mixed(), _eighteen(), _only_file_ids(), _deep_colours())

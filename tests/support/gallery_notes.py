"""Cards and pages for the gallery's tests: friendly ones, and every text that has ever broken a gallery."""

from collections.abc import Sequence
from datetime import UTC, datetime

from xharchive.gallery.pages import (
    Card,
    Cue,
    Neighbour,
    NotePage,
    PagePicture,
    Sound,
    Subtitle,
    TextSpan,
    Video,
    index_href,
)
from xharchive.manifest import FileEntry, MissingAsset, Role
from xharchive.media import AssetKind
from xharchive.models import Quality, Slot

__all__ = ["HOSTILE_TEXTS", "a_card", "a_note_page", "an_empty_page", "many_cards"]

HOSTILE_TEXTS: Sequence[str] = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "]]><!--<script>alert(1)//-->",
    "{{ 7*7 }}{% raw %}${alert(1)}`",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202egnp.exe\u202c 山",
    "\u2066\u2067\u2068 אבג \u2069",
    "a\u2028alert(1)\u2029b",
    "\x00\x08\x1b[31m\x7f\x9b",
    "\ud83d half \udc4d",
    "__proto__",
    "\\u003cimg\\u003e \\",
    "Z̸̡̧͎̦̘͚͉̞̀a̶l̷g̵o̴" + "\u0301" * 60,
    "字" * 2000,
    "x" * 3000,
)

_TITLES = (
    "被豫园的氛围感硬控了",
    "洱海边的五分钟｜第2张会动",
    "雨夜的老弄堂，路灯一盏一盏亮起来",
    "A long walk home through the tea hills",
    "我家猫的两个表情包",
    "春天第一杯手冲",
    "武康路散步地图",
)
_AUTHORS = (("路上的小满", "5f0e01"), ("橘座驾到", "63b402"), ("Jasmine", "a10003"))
_PLACES = ("上海", "云南", "")
_TAGS = ("灯会", "citywalk", "猫咪", "手冲咖啡", "洱海日落")


def a_card(number: int) -> Card:
    """The card of a note; a higher number is a newer note."""
    author, author_id = _AUTHORS[number % len(_AUTHORS)]
    return Card(
        id=f"{number:024x}",
        folder=f"2026_%E8%B1%AB_{number}/",
        title=_TITLES[number % len(_TITLES)],
        text=f"下午四点到的，人还不多。第{number}篇",
        author=author,
        author_id=author_id,
        tags=(_TAGS[number % len(_TAGS)],),
        place=_PLACES[number % len(_PLACES)],
        published=f"{2024 + number % 3}-{1 + number % 12:02}-{1 + number % 28:02}T20:15:00+08:00",
        kind="video" if number % 5 == 2 else "image",
        pictures=number % 9,
        motions=1 if number % 4 == 1 else 0,
        video=number % 5 == 2,
        partial=number % 10 == 3,
        counts=(number * 37 % 40_000, 5, 3, None),
        thumb=(f"gallery/thumbs/{number % 6}.webp", 360, 480) if number % 11 else ("", 0, 0),
    )


def many_cards(count: int) -> list[Card]:
    """Cards of so many notes, the oldest first."""
    return [a_card(number) for number in range(count)]


def a_note_page() -> NotePage:
    """A page with one of everything, and a picture that is missing."""
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    return NotePage(
        id="69aed4e2000000000e00c358",
        title="被豫园的氛围感硬控了",
        pieces=(
            TextSpan("下午四点到的。\n和 "),
            TextSpan("@橘座驾到", index_href(author="63b402")),
            TextSpan(" 一起，"),
            TextSpan("#灯会", index_href(tag="灯会")),
        ),
        author="路上的小满",
        author_href=index_href(author="5f0e01"),
        author_address="https://www.xiaohongshu.com/user/profile/5f0e01",
        address="https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358",
        place="上海",
        published="2026-03-09T20:15:00+08:00",
        updated="2026-03-10T08:00:00+08:00",
        archived="2026-11-20T09:30:00+08:00",
        counts=(12345, 876, 0, None),
        tags=(TextSpan("#灯会", index_href(tag="灯会")), TextSpan("#citywalk", index_href(tag="citywalk"))),
        pictures=(
            PagePicture(1, "01.jpg", "01.jpg", 240, 320),
            PagePicture(2, "02.jpg", "02.heic", 320, 240, "02.mp4"),
            PagePicture(3, "03.jpg", "03.jpg", 240, 320, "03.mp4"),
            PagePicture(4, "", "", 0, 0, missing="every address answered 403"),
        ),
        videos=(
            Video(
                "video.mp4",
                "cover.jpg",
                width=96,
                height=64,
                seconds=2,
                subtitles=(Subtitle("中文", (Cue(0, 0.9, "你好 <b>灯会</b> & 我"), Cue(1, 2, "再见"))),),
            ),
        ),
        sounds=(Sound("music", "audio.wav", 1.0), Sound("sound", "audio.wav")),
        missing=(
            MissingAsset(Slot(AssetKind.IMAGE, 4), Role.ORIGINAL, "forbidden", "every address answered 403"),
        ),
        files=(
            FileEntry(
                "01.jpg",
                Role.ORIGINAL,
                Slot(AssetKind.IMAGE, 1),
                2_345_678,
                digest,
                "image/jpeg",
                240,
                320,
                quality=Quality.ORIGINAL,
                host="ci.xiaohongshu.com",
                endpoint="v1",
                fetched=datetime(2026, 11, 20, 1, 30, tzinfo=UTC),
            ),
            FileEntry(
                "02.jpg",
                Role.DERIVATIVE,
                Slot(AssetKind.IMAGE, 2),
                1,
                "",
                "image/jpeg",
                derived_from="02.heic",
                settings="jpeg q92",
            ),
        ),
        switches=("image_download: 作者已关闭下载权限，无法保存",),
        newer=Neighbour("../newer/index.html", "洱海边的五分钟"),
        older=Neighbour("../older/index.html", "雨夜的老弄堂"),
    )


def an_empty_page() -> NotePage:
    """The page of a note of which nobody told anything."""
    return NotePage("69aed4e2000000000e00c359")

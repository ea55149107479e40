"""The three notes in the vendor's documentation: the documented replies, with media made for them.

The image of 24 megapixels is smaller in the demo, and its reply declares the smaller size.
"""

import copy
import json
from functools import cache, partial
from importlib.resources import files
from typing import Any, cast

from xharchive.demo.media.make_picture import Camera
from xharchive.demo.media.make_sound import make_wav
from xharchive.demo.media.make_video import make_movie
from xharchive.demo.notes.demo_note import (
    PGY,
    V1,
    V3,
    V6,
    V7,
    VIDEOS,
    DemoNote,
    JsonObject,
    Md5Lookup,
    StoredFile,
)
from xharchive.demo.notes.reply_templates import answer, video_info
from xharchive.demo.notes.uploaded_media import DemoPicture, DemoStream

__all__ = ["SEED_NOTES"]

_LANTERN_PICTURE = "notes_uhdr/1040g3qo31tgdnb2m5m705oj45g341eq04lpa130"
_LANTERN_MOTION = "stream/1/10/66/01e9aed4e1c5ccfb010050019cd2efcf84_66.mp4"
_LANTERN_MOTION_SIZE = 1_048_339
_PORTRAIT_COVER = "1040g00831sd37bs2lk405n684dak6j4m6ekoci0"
_PORTRAIT_SOUND = "audio/1/02e98ab06689295a010370039c45c11f80_0.wav"
_PORTRAIT_SECONDS = 46.25
_FILM_COVER = "spectrum/1040g0k030ups4ufllg005og61q6413qltc9ngeo"
_FILM_UPLOAD = "spectrum/1040g0jg30ups4uac5i005og61q6413ql180l93g"
_FILM_STREAM = "stream/110/258/01e5c0b37e064fea010376038d78bf83b6_258.mp4"

_PORTRAIT_STREAMS = (
    DemoStream(
        key="stream/1/110/258/01e98ab0666b1c2a010370039c45c0a1f1_258.mp4",
        seed=4,
        stream_type=258,
        size=587_214,
        pixels=(720, 1280),
        bitrate=1_604_220,
        codec="h264",
        description="X264_MP4",
        is_default=True,
        signed=True,
    ),
    DemoStream(
        key="stream/1/110/115/01e98ab0666b1c2a010370039c45c0b7d4_115.mp4",
        seed=4,
        stream_type=115,
        size=412_870,
        pixels=(1080, 1920),
        bitrate=1_404_870,
        description="R265_MP4_1080P_ANDR",
        host="sns-v10.rednotecdn.com",
        backups=("sns-bak-v1.xhscdn.com",),
        signed=True,
    ),
)


@cache
def _load_seed(name: str) -> JsonObject:
    return cast(
        "JsonObject", json.loads((files("xharchive.demo") / "seeds" / name).read_text(encoding="utf-8"))
    )


_LANTERN_SIZE, _COVER_SIZE = (1200, 900), (1080, 1920)


def _as_documented(name: str, _md5_of: Md5Lookup) -> JsonObject:
    return _load_seed(name)


def _lantern_block(_md5_of: Md5Lookup) -> JsonObject:
    reply = copy.deepcopy(_load_seed("note-detail-v7.json"))
    _declare_size(_only_note(reply)["images_list"][0], _LANTERN_SIZE)
    return reply


def _declare_size(entry: dict[str, Any], size: tuple[int, int]) -> None:
    """Change the upload's size in all fields of an entry that declare it."""
    for declares in (entry, entry.get("origin_img")):
        if declares:
            declares["width"], declares["height"] = size


def _portrait_block(md5_of: Md5Lookup) -> JsonObject:
    """Return the documented reply, with the MD5 of the demo's sound."""
    reply = copy.deepcopy(_load_seed("note-detail-v1.json"))
    _only_note(reply)["native_voice_info"]["md5sum"] = md5_of(_PORTRAIT_SOUND)
    return reply


def _portrait_flat(md5_of: Md5Lookup) -> JsonObject:
    """Return the same note as a flat v6 reply, with the video that v1 omits."""
    note = _only_note(_portrait_block(md5_of))
    return answer([note | {"video_info_v2": video_info(_PORTRAIT_STREAMS)}], note_id=str(note["id"]))


def _only_note(reply: JsonObject) -> dict[str, Any]:
    note: dict[str, Any] = cast("Any", reply["data"])[0]["note_list"][0]
    return note


_LANTERNS = DemoNote(
    id="69aed4e2000000000e00c358",
    title="被豫园的氛围感硬控了",
    shows="a live photo: a HEIC with its motion (the vendor's example of v7)",
    replies=dict.fromkeys((V1, V3, V7), _lantern_block),
    stored=(
        DemoPicture(
            _LANTERN_PICTURE, 7, size=_LANTERN_SIZE, camera=Camera(orientation=6, taken="2026:03:09 18:52:11")
        ).stored,
        StoredFile(
            _LANTERN_MOTION,
            VIDEOS,
            "video/mp4",
            partial(make_movie, "h265", 7, (384, 288), 25, created=0x69AED4E2, size=_LANTERN_MOTION_SIZE),
        ),
    ),
    originals={"image-1": _LANTERN_PICTURE, "live-1": _LANTERN_MOTION},
)

_PORTRAIT = DemoNote(
    id="698ab064000000001503876d",
    title="国潮才是永恒审美！新年写真我太想进步了",
    shows="a video note: v1 knows its cover and sound, only v6 knows the video; the author forbids saving",
    replies={V1: _portrait_block, V3: _portrait_block, V7: _portrait_block, V6: _portrait_flat},
    stored=(
        DemoPicture(_PORTRAIT_COVER, 4, size=_COVER_SIZE).stored,
        *(stream.stored for stream in _PORTRAIT_STREAMS),
        StoredFile(_PORTRAIT_SOUND, VIDEOS, "audio/x-wav", partial(make_wav, 1, _PORTRAIT_SECONDS)),
    ),
    originals={"cover": _PORTRAIT_COVER, "video": _PORTRAIT_STREAMS[1].key, "sound": _PORTRAIT_SOUND},
)

_FILM = DemoNote(
    id="65c0b3fc000000002c037a49",
    title="",
    shows="a video note without a title that only PGY knows; its key gives the uploaded MOV",
    replies={PGY: partial(_as_documented, "pgy-note-detail-v1.json")},
    stored=(
        DemoPicture(_FILM_COVER, 3, "jpeg", size=_COVER_SIZE).stored,
        StoredFile(
            _FILM_UPLOAD,
            VIDEOS,
            "video/quicktime",
            partial(make_movie, "h264", 3, (288, 512), 23, created=0x65C0B3FC, quicktime=True, rate=1),
        ),
        StoredFile(
            _FILM_STREAM,
            VIDEOS,
            "video/mp4",
            partial(make_movie, "h264", 3, (144, 256), 23, created=0, rate=1),
        ),
    ),
    originals={"cover": _FILM_COVER, "video": _FILM_UPLOAD},
)

SEED_NOTES = (_LANTERNS, _PORTRAIT, _FILM)

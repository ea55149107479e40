"""Writes the API's replies about the notes of a corpus, with all the fields of real ones (docs/api.md)."""

import hashlib
import json
from base64 import b32hexencode
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DeclaredMovie", "DeclaredPicture", "storage_key", "v1_reply"]

_AUTHOR = "5d8f1a2c000000000100e4b7"
_TEXT = "一篇用来量速度的笔记"
_STREAM_HOSTS = ("sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com", "sns-v11.rednotecdn.com")


@dataclass(frozen=True, slots=True)
class DeclaredPicture:
    """A picture of a note: its key at the CDN, width and height in pixels."""

    key: str
    pixels: tuple[int, int]


@dataclass(frozen=True, slots=True)
class DeclaredMovie:
    """The movie of a note: its key at the CDN, its size in bytes."""

    key: str
    size: int


def storage_key(name: str) -> str:
    """Return a key like the platform's: 40 letters and digits."""
    letters = b32hexencode(hashlib.sha256(name.encode()).digest()).decode().lower()
    return f"1040g{letters[:35]}"


def v1_reply(
    note_id: str, number: int, pictures: Sequence[DeclaredPicture], movie: DeclaredMovie | None
) -> dict[str, object]:
    """Return the reply of v1 about the note of this number in its corpus."""
    user = _user()
    note = _note(note_id, f"第{number}篇笔记", user, pictures, is_video=movie is not None)
    if movie:
        note["video_info_v2"] = _video(movie, number)
    block = {"user": user, "note_list": [note], "comment_list": [], "track_id": "", "model_type": "note"}
    return {"code": 0, "message": None, "recordTime": None, "requestId": _digits(note_id), "data": [block]}


def _digits(text: str) -> str:
    """Return 32 hex digits in the form of the CDN's signatures."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _user() -> dict[str, object]:
    return {
        "id": _AUTHOR,
        "userid": _AUTHOR,
        "name": "江南慢慢走",
        "nickname": "江南慢慢走",
        "red_id": "528716403",
        "image": f"https://sns-avatar-qc.xhscdn.com/avatar/{_digits(_AUTHOR)}.jpg?imageView2/2/w/120/format/jpg",
        "fstatus": "none",
        "followed": False,
        "track_duration": 0,
        "level": {"image": ""},
        "red_official_verified": False,
        "red_official_verify_type": 0,
        "show_red_official_verify_icon": False,
    }


def _note(
    note_id: str, title: str, user: object, pictures: Sequence[DeclaredPicture], *, is_video: bool
) -> dict[str, object]:
    kind = "video" if is_video else "normal"
    issued = int(note_id[:8], 16)
    thumb = f"http://sns-img-qc.xhscdn.com/{pictures[0].key}?imageView2/2/w/360/format/jpg/q/75"
    link = f"https://www.xiaohongshu.com/discovery/item/{note_id}?xsec_source=app_share&type={kind}"
    context = {"origin_video_key": "", "flags": {}, "author_id": _AUTHOR, "author_name": "江南慢慢走"}
    return {
        "id": note_id,
        "type": kind,
        "model_type": "note",
        "title": title,
        "desc": _TEXT,
        "time": issued,
        "last_update_time": 0,
        "user": user,
        "ip_location": "上海",
        "text_language_code": "zh",
        "liked_count": 128,
        "collected_count": 36,
        "comments_count": 9,
        "shared_count": 4,
        "view_count": 0,
        "has_music": False,
        "images_list": [_image(picture, issued, is_cover=is_video) for picture in pictures],
        "hash_tag": [],
        "topics": [],
        "ats": [],
        "share_info": {"image": thumb, "link": link, "title": title, "content": _TEXT},
        "mini_program_info": {"thumb": thumb, "user_name": "gh_52be748ce5b7"},
        "function_switch": [{"type": "video_download" if is_video else "image_download", "enable": True}],
        "media_save_config": {
            "disable_save": False,
            "disable_watermark": False,
            "disable_weibo_cover": False,
        },
        "widgets_context": json.dumps(context, ensure_ascii=False),
        "privacy": {"type": 0, "show_tips": False, "nick_names": ""},
        "cooperate_binds": [],
        "goods_info": {},
        "in_censor": False,
    }


def _image(picture: DeclaredPicture, issued: int, *, is_cover: bool) -> dict[str, object]:
    end = f"&redImage/frame/0&ap=1&sc=%s&sign={_digits(picture.key)}&t={issued:x}&src=A"
    start = f"https://sns-i8.rednotecdn.com/{picture.key}?imageView2/2/w/"
    preview = "576/format/heif/q/%d|imageMogr2/strip" if is_cover else "1440/format/heif/q/%d"
    detail = start + preview % 75 + end % ("V_PRV" if is_cover else "DETAIL")
    width, height = picture.pixels
    return {
        "fileid": picture.key,
        "trace_id": picture.key,
        "index": 0,
        "width": width,
        "height": height,
        "original": start + "5000/h/5000/format/heif/q/56" + end % ("V_ORG" if is_cover else "ORIGINAL"),
        "url_size_large": "",
        "url_multi_level": {"low": detail, "medium": detail, "high": detail},
        "url": start + preview % (58 if is_cover else 45) + end % ("V_PRV" if is_cover else "DETAIL"),
        "origin_img": {"size": 0, "width": width, "height": height},
        "need_load_original_image": True,
        "scale_to_large": 4,
        "text_intention": 0,
        "latitude": 0,
        "longitude": 0,
    }


def _video(movie: DeclaredMovie, number: int) -> dict[str, object]:
    return {
        "id": "137833492955647301",
        "capa": {"duration": 3, "frame_ts": 0, "is_upload": True},
        "image": {"first_frame": "", "thumbnail": "", "thumbnail_dim": ""},
        "media": {
            "video_id": 137833492955647301,
            "user_level": 0,
            "video": {
                "biz_name": 110,
                "duration": 2,
                "md5": "",
                "width": 2160,
                "height": 3840,
                "hdr_type": 0,
                "stream_types": [258],
                "subtitles": {},
                "opaque1": {"domestic": "0", "amend": "18"},
            },
            "stream": {"h264": [_stream(movie, number)], "h265": [], "h266": [], "av1": []},
        },
        "consumer": {"can_super_resolution": True},
    }


def _stream(movie: DeclaredMovie, number: int) -> dict[str, object]:
    """Declare the movie on one of three hosts, the next one as backup."""
    host, backup = (_STREAM_HOSTS[(number + step) % len(_STREAM_HOSTS)] for step in (0, 1))
    return {
        "stream_type": 258,
        "stream_desc": "",
        "default_stream": 0,
        "format": "mp4",
        "width": 1080,
        "height": 1920,
        "duration": 2500,
        "size": movie.size,
        "volume": 0,
        "avg_bitrate": 4_000_000,
        "video_bitrate": 3_800_000,
        "fps": 30,
        "video_codec": "h264",
        "audio_codec": "aac",
        "audio_channels": 2,
        "rotate": 0,
        "hdr_type": 0,
        "vmaf": -1,
        "psnr": 36.5,
        "ssim": 0,
        "weight": 258,
        "quality_type": "FHD",
        "master_url": f"http://{host}/{movie.key}",
        "backup_urls": [f"http://{backup}/{movie.key}"],
        "token": "",
        "sr": 0,
    }

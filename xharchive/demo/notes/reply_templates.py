"""The three shapes of note replies (docs/api.md#containers): blocks, flat, and PGY."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xharchive.demo.notes.demo_note import JsonObject, Md5Lookup, ReplyMaker
from xharchive.demo.notes.uploaded_media import EXPIRES, DemoStream, signature, streams_by_codec

__all__ = [
    "DemoAuthor",
    "Post",
    "answer",
    "block_reply",
    "flat_reply",
    "origin_context",
    "pgy_reply",
    "video_info",
]

_SHARE_IMAGE = "http://sns-img-qc.xhscdn.com/%s?imageView2/2/w/360/format/jpg/q/75"


@dataclass(frozen=True, slots=True)
class DemoAuthor:
    """The author of a note."""

    id: str
    name: str
    red_id: str

    @property
    def entry(self) -> JsonObject:
        """The `user` object."""
        return {
            "id": self.id,
            "userid": self.id,
            "name": self.name,
            "nickname": self.name,
            "red_id": self.red_id,
            "image": f"https://sns-avatar-qc.xhscdn.com/avatar/{signature(self.id)}.jpg?imageView2/2/w/120/format/jpg",
            "fstatus": "none",
            "followed": False,
            "track_duration": 0,
            "level": {"image": ""},
            "red_official_verified": False,
            "red_official_verify_type": 0,
            "show_red_official_verify_icon": False,
        }


@dataclass(frozen=True, slots=True)
class Post:
    """The texts of a note, and the `images_list` of app replies. `extra` overrides fields."""

    id: str
    title: str
    text: str
    writer: DemoAuthor
    images: Sequence[Mapping[str, object]]
    tags: tuple[str, ...] = ()
    is_video: bool = False
    place: str = "上海"
    likes: object = 128
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def time(self) -> int:
        """The publish time in Unix seconds, from the id."""
        return int(self.id[:8], 16)

    @property
    def entry(self) -> JsonObject:
        """The note object of app replies."""
        kind = "video" if self.is_video else "normal"
        thumb = _SHARE_IMAGE % self.images[0].get("fileid", "")
        description = self.text + "".join(f" #{tag}[话题]#" for tag in self.tags)
        entry: JsonObject = {
            "id": self.id,
            "type": kind,
            "model_type": "note",
            "title": self.title,
            "desc": description,
            "time": self.time,
            "last_update_time": 0,
            "user": self.writer.entry,
            "ip_location": self.place,
            "text_language_code": "zh",
            "liked_count": self.likes,
            "collected_count": 36,
            "comments_count": 9,
            "shared_count": 4,
            "view_count": 0,
            "has_music": False,
            "images_list": list(self.images),
            "hash_tag": [{"id": signature(tag)[:24], "name": tag, "type": "topic"} for tag in self.tags],
            "topics": [
                {"name": tag, "image": "http://ci.xiaohongshu.com/topic@r_120w_120h.jpg"}
                for tag in self.tags[:1]
            ],
            "ats": [],
            "share_info": {
                "image": thumb,
                "link": f"https://www.xiaohongshu.com/discovery/item/{self.id}?xsec_source=app_share&type={kind}",
                "title": self.title,
                "content": description,
            },
            "mini_program_info": {"thumb": thumb, "user_name": "gh_52be748ce5b7"},
            "function_switch": [
                {"type": "video_download" if self.is_video else "image_download", "enable": True}
            ],
            "media_save_config": {
                "disable_save": False,
                "disable_watermark": False,
                "disable_weibo_cover": False,
            },
            "widgets_context": json.dumps(
                {
                    "origin_video_key": "",
                    "flags": {},
                    "author_id": self.writer.id,
                    "author_name": self.writer.name,
                },
                ensure_ascii=False,
            ),
            "privacy": {"type": 0, "show_tips": False, "nick_names": ""},
            "cooperate_binds": [],
            "goods_info": {},
            "in_censor": False,
        }
        return entry | dict(self.extra)


def answer(data: object, *, code: object = 0, note_id: str = "") -> JsonObject:
    """Return a reply with the vendor's envelope (docs/api.md#envelope)."""
    request = signature(f"{note_id}/{code}")
    return {"code": code, "message": None, "recordTime": None, "requestId": request, "data": data}


def block_reply(post: Post, *, code: object = 0) -> ReplyMaker:
    """Return a reply of v1, v3 and v7: a list of blocks, each with a list of notes."""

    def make(_md5_of: Md5Lookup) -> JsonObject:
        block = {
            "user": post.writer.entry,
            "note_list": [post.entry],
            "comment_list": [],
            "track_id": "",
            "model_type": "note",
        }
        return answer([block], code=code, note_id=post.id)

    return make


def flat_reply(
    post: Post,
    streams: Sequence[DemoStream],
    *,
    origin: str = "",
    subtitles: JsonObject | None = None,
    strangers: Sequence[Post] = (),
) -> ReplyMaker:
    """Return a reply of v6: a list of notes.

    Args:
        origin: key of the uploaded video, whose MD5 the reply declares.
        strangers: recommended notes of other authors, behind the requested one.
    """

    def make(md5_of: Md5Lookup) -> JsonObject:
        video = video_info(streams, md5=md5_of(origin) if origin else "", subtitles=subtitles)
        flat = post.entry | {"video_info_v2": video}
        if origin:
            flat["widgets_context"] = origin_context(origin)
        return answer([flat, *(stranger.entry for stranger in strangers)], note_id=post.id)

    return make


def origin_context(origin: str) -> str:
    """Return a `widgets_context` that names the uploaded video (docs/api.md#upload-key)."""
    return json.dumps({"video": True, "origin_video_key": origin, "flags": {"sound_track": True}})


def video_info(
    streams: Sequence[DemoStream], *, md5: str = "", subtitles: JsonObject | None = None
) -> JsonObject:
    """Return the `video_info_v2` object; `md5` is the digest of the upload."""
    milliseconds = streams[0].milliseconds
    return {
        "id": "137833492955647301",
        "capa": {"duration": milliseconds // 1000 + 1, "frame_ts": 0, "is_upload": True},
        "image": {"first_frame": "", "thumbnail": "", "thumbnail_dim": ""},
        "media": {
            "video_id": 137833492955647301,
            "user_level": 0,
            "video": {
                "biz_name": 110,
                "duration": milliseconds // 1000,
                "md5": md5,
                "width": 2160,
                "height": 3840,
                "hdr_type": 0,
                "stream_types": [stream.stream_type for stream in streams],
                "subtitles": subtitles or {},
                "opaque1": {"domestic": "0", "amend": "18"},
            },
            "stream": streams_by_codec(streams),
        },
        "consumer": {"can_super_resolution": True},
    }


def pgy_reply(post: Post, stream: DemoStream, *, origin: str = "", cover: str) -> ReplyMaker:
    """Return a reply of PGY: one camelCase object; `cover` and `origin` are storage keys."""

    def make(_md5_of: Md5Lookup) -> JsonObject:
        picture = f"http://ci.xiaohongshu.com/{cover}"
        width, height = stream.pixels
        data: JsonObject = {
            "noteId": post.id,
            "noteLink": f"https://www.xiaohongshu.com/explore/{post.id}?xsec_source=pc_pgy",
            "userId": post.writer.id,
            "name": post.writer.name,
            "type": 2,
            "title": post.title,
            "content": post.text,
            "imagesList": [
                {
                    "fileId": cover,
                    "traceId": cover,
                    "url": f"{picture}?imageView2/2/w/1080/format/jpg",
                    "original": None,
                    "width": 900,
                    "height": 1200,
                    "sticker": None,
                }
            ],
            "videoInfo": {
                "id": "112137999",
                "videoKey": stream.key,
                "originVideoKey": origin,
                "meta": {"width": width, "height": height, "duration": 3, "videoId": "136727240850690555"},
                "videoUrl": f"http://v.xiaohongshu.com/{stream.key}?sign={signature(stream.key)}&t={EXPIRES}",
                "gifKey": "",
                "gifUrl": None,
                "videoKeyList": [],
                "hasFragments": False,
                "thumbnail": "110/0/thumbnail_0.webp",
                "firstFrame": None,
                "volume": 0,
                "chapters": None,
            },
            "time": {
                "createTime": post.time * 1000,
                "updateTime": post.time * 1000,
                "userUpdateTime": post.time * 1000,
            },
            "likeNum": 0,
            "favNum": 0,
            "cmtNum": 0,
            "userInfo": {"nickName": post.writer.name, "userId": post.writer.id, "fansNum": 1024},
        }
        return answer(data, note_id=post.id)

    return make

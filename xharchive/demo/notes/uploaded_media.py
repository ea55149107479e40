"""The media of demo notes: the files on the CDN, and their declarations in replies (docs/api.md)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from xharchive.demo.media.make_picture import Camera, PictureFormat, make_picture
from xharchive.demo.media.make_video import Codec, make_movie
from xharchive.demo.notes.demo_note import IMAGES, VIDEOS, JsonObject, StoredFile

__all__ = [
    "EXPIRES",
    "DemoMotion",
    "DemoPicture",
    "DemoStream",
    "image_entry",
    "signature",
    "streams_by_codec",
]

EXPIRES = "7a42bb00"
"""The `t` of signed video URLs: 2035-01-01 00:00 CST in hex seconds (docs/api.md#signatures-and-expiry)."""

_MEDIA_TYPES: dict[PictureFormat, str] = {
    "heic": "image/heic",
    "heic10": "image/heic",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "png": "image/png",
}
_UPRIGHT = (900, 1200)


def signature(key: str) -> str:
    """Return 32 hex digits in the form of the CDN's signature; the demo does not check signatures."""
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class DemoPicture:
    """An uploaded image: a scene drawn from `seed`, stored under `key`."""

    key: str
    seed: int
    kind: PictureFormat = "heic"
    size: tuple[int, int] = _UPRIGHT
    camera: Camera | None = None
    absent_from: frozenset[str] = frozenset()

    @property
    def stored(self) -> StoredFile:
        """The original upload on the image hosts."""
        make = partial(make_picture, self.kind, self.seed, self.size, self.camera)
        return StoredFile(self.key, IMAGES, _MEDIA_TYPES[self.kind], make, self.absent_from)


@dataclass(frozen=True, slots=True)
class DemoStream:
    """One encoded version of a video, or of the motion of a live photo, that the demo's CDN serves.

    Attributes:
        size: exact length in bytes.
        pixels: declared width and height; the demo's frames are smaller.
        codec: the key under which the reply lists it, such as `h264`.
        backups: hosts of the backup URLs; None makes the reply say `null` in their place.
    """

    key: str
    seed: int
    stream_type: int
    size: int
    pixels: tuple[int, int]
    bitrate: int
    codec: str = "h265"
    description: str = ""
    host: str = "sns-v8.rednotecdn.com"
    backups: tuple[str, ...] | None = ("sns-v10.rednotecdn.com",)
    is_default: bool = False
    signed: bool = False
    milliseconds: int = 2500
    upright: bool = True

    @property
    def stored(self) -> StoredFile:
        """The rendition's file on the video hosts."""
        made: Codec = "h264" if self.codec == "h264" else "h265"
        frame = (288, 384) if self.upright else (384, 288)
        make = partial(
            make_movie, made, self.seed, frame, self.milliseconds // 100, created=0, size=self.size
        )
        return StoredFile(self.key, VIDEOS, "video/mp4", make)

    @property
    def entry(self) -> JsonObject:
        """The entry in `stream.<codec>[]`."""
        width, height = self.pixels
        query = f"?sign={signature(self.key)}&t={EXPIRES}" if self.signed else ""
        backups = None if self.backups is None else [f"http://{host}/{self.key}" for host in self.backups]
        return {
            "stream_type": self.stream_type,
            "stream_desc": self.description,
            "default_stream": int(self.is_default),
            "format": "mp4",
            "width": width,
            "height": height,
            "duration": self.milliseconds,
            "size": self.size,
            "volume": 0,
            "avg_bitrate": self.bitrate,
            "video_bitrate": self.bitrate * 19 // 20,
            "fps": 30,
            "video_codec": "h264" if self.codec == "h264" else "hevc",
            "audio_codec": "aac",
            "audio_channels": 2,
            "rotate": 0,
            "hdr_type": 0,
            "vmaf": -1,
            "psnr": 36.5,
            "ssim": 0,
            "weight": self.stream_type,
            "quality_type": "FHD" if min(self.pixels) >= 1080 else "HD",
            "master_url": f"http://{self.host}/{self.key}{query}",
            "backup_urls": backups,
            "token": "",
            "sr": 0,
        }


def streams_by_codec(streams: Sequence[DemoStream]) -> JsonObject:
    """Return the `stream` object: a list for each codec; the usual codecs also if empty."""
    found: dict[str, list[JsonObject]] = {"h264": [], "h265": [], "h266": [], "av1": []}
    for stream in streams:
        found.setdefault(stream.codec, []).append(stream.entry)
    return dict(found)


@dataclass(frozen=True, slots=True)
class DemoMotion:
    """The motion of a live photo. The platform sends `video_id` as text or integer."""

    file_id: str
    video_id: str | int
    streams: tuple[DemoStream, ...]

    @property
    def entry(self) -> JsonObject:
        """The `live_photo` object."""
        return {
            "media": {
                "video_id": self.video_id,
                "video": {
                    "biz_name": 10,
                    "duration": 3,
                    "md5": "",
                    "hdr_type": 0,
                    "stream_types": [stream.stream_type for stream in self.streams[:1]],
                    "width": 1440,
                    "height": 1920,
                    "opaque1": {"livephoto_flag": "1", "amend": "18"},
                },
                "stream": streams_by_codec(self.streams),
                "user_level": 0,
            },
            "image": {"first_frame": ""},
            "capa": {"duration": 0, "frame_ts": 0},
            "consumer": {"can_super_resolution": True},
        }


def image_entry(
    picture: DemoPicture,
    issued: int,
    *,
    motion: DemoMotion | None = None,
    host: str = "sns-i8.rednotecdn.com",
    is_cover: bool = False,
) -> JsonObject:
    """Return the entry of an image in `images_list[]`; `issued` is the reply's time in Unix seconds."""
    end = f"&redImage/frame/0&ap=1&sc=%s&sign={signature(picture.key)}&t={issued:x}&src=A"
    start = f"https://{host}/{picture.key}?imageView2/2/w/"
    preview = "576/format/heif/q/%d|imageMogr2/strip" if is_cover else "1440/format/heif/q/%d"
    detail = start + preview % 75 + end % ("V_PRV" if is_cover else "DETAIL")
    width, height = picture.size
    entry: JsonObject = {
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
    if motion:
        entry |= {"live_photo_file_id": motion.file_id, "live_photo": motion.entry}
    return entry

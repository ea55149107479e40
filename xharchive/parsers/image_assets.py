"""Parse the images of a note and the motions of its live photos (docs/api.md#pictures).

The position of an image counts the entries of the reply's list from 1. Its `index` field is 0 in all real
replies. A motion is in the entry of its still. No current endpoint sends the `image_list` of the web; kept
replies have it.
"""

from collections.abc import Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, Quality, Slot
from xharchive.parsers.json_access import (
    as_list,
    as_object,
    as_text,
    has_any,
    http_urls,
    milliseconds,
    nested,
    numbers,
    objects_in,
    parse_object,
    texts,
)
from xharchive.parsers.video_assets import deduplicate, read_streams

MOST_PICTURES = 100
"""Limit of images per note (the app allows 18). One asset without sources stands for the excess."""

# Of each list the names of the storage key (docs/api.md#derived-addresses), and the paths of the URLs.
_IMAGE_LISTS = {
    "images_list": (
        ("fileid", "trace_id"),
        (
            "url_8k",
            "original",
            "url_size_large",
            "url_multi_level.high",
            "url_multi_level.medium",
            "url_multi_level.low",
            "url",
            "origin_img.url",
        ),
    ),
    "imagesList": (("fileId", "traceId"), ("original", "url")),
    "image_list": (("file_id", "trace_id"), ()),  # its URLs: `_image_sources`
}
_FRAMES = (
    "video_info_v2.image.first_frame",
    "video_info_v2.image.thumbnail",
    "video.first_frame",
    "video.thumbnail",
    "video_info.first_frame",
    "video_info.thumbnail",
    "videoInfo.firstFrame",
    "videoInfo.thumbnail",
)


def read_images(note: Mapping[str, object], field: str, endpoint: str, *, of_video: bool) -> list[Asset]:
    """Parse a list of images: a still for each entry, also for one that is no object, and its motion.

    The single image of a video note is its cover; several are a slideshow (docs/api.md#note-types).
    """
    entries = as_list(note.get(field))
    if of_video and len(entries) == 1:
        return _still_and_motion(entries[0], field, 0, Slot(AssetKind.COVER), endpoint)
    assets: list[Asset] = []
    for index, entry in enumerate(entries[:MOST_PICTURES]):
        assets += _still_and_motion(entry, field, index, Slot(AssetKind.IMAGE, index + 1), endpoint)
    if len(entries) > MOST_PICTURES:
        sentence = f"the note declares more than {MOST_PICTURES} pictures; of one note no more are read"
        assets.append(Asset(Slot(AssetKind.IMAGE, MOST_PICTURES + 1), endpoint, (), left_out=sentence))
    return assets


def _still_and_motion(entry: object, field: str, index: int, slot: Slot, endpoint: str) -> list[Asset]:
    picture, path = as_object(entry), f"{field}[{index}]"
    width, height = numbers(picture, "width|origin_img.width", "height|origin_img.height")
    still = Asset(slot, endpoint, _image_sources(picture, field, path), width, height)
    motion = _read_motion(picture, path, Slot(AssetKind.LIVE, slot.position), endpoint)
    return [still, motion] if motion else [still]


def _image_sources(picture: Mapping[str, object], field: str, path: str) -> tuple[MediaSource, ...]:
    names, urls = _IMAGE_LISTS[field]
    keys = [(name, key) for name, key in zip(names, texts(picture, *names), strict=True) if key]
    sources = [MediaSource(f"{path}.{name}", key=key, quality=Quality.ORIGINAL) for name, key in keys[:1]]
    watermarked = set()
    if field == "image_list":
        scenes = {
            f"info_list[{index}]": each for index, each in enumerate(objects_in(picture.get("info_list")))
        }
        picture = {**picture, **scenes}
        urls = ("url_default", *(f"{name}.url" for name in scenes), "url", "url_pre")
        watermarked = {
            f"{name}.url"
            for name, scene in scenes.items()
            if "_WM" in as_text(scene.get("image_scene")).upper()
        }
    for name, url in http_urls(picture, *urls):
        # The quality of the others is judged by their URLs.
        quality = Quality.DEGRADED if name in watermarked else None
        sources.append(MediaSource(f"{path}.{name}", url=url, quality=quality))
    return deduplicate(sources)


def _read_motion(picture: Mapping[str, object], path: str, slot: Slot, endpoint: str) -> Asset | None:
    """Parse the motion that an image entry declares; None for a plain image (docs/api.md#live-photos)."""
    if not has_any(picture, "live_photo", "stream", "live_photo_file_id"):
        return None
    live = parse_object(picture.get("live_photo"))
    sources = [
        *read_streams(nested(live, "media.stream"), f"{path}.live_photo.media.stream"),
        *read_streams(live.get("stream"), f"{path}.live_photo.stream"),
        *read_streams(picture.get("stream"), f"{path}.stream"),
    ]
    if key := as_text(picture.get("live_photo_file_id")).strip():
        # Only one other program derives a URL from this key.
        field = f"{path}.live_photo_file_id"
        sources.append(MediaSource(field, key=key, quality=Quality.ORIGINAL, unproven=True))
    width, height = numbers(live, "media.video.width", "media.video.height")
    duration = milliseconds(live, "media.video.duration")
    return Asset(slot, endpoint, deduplicate(sources), width, height, duration)


def read_cover_frame(note: Mapping[str, object], endpoint: str) -> list[Asset]:
    """Return video frames as the cover of a video note without images: one asset, or none.

    A frame is not the uploaded cover, so its quality is DEGRADED. A relative path declares nothing
    (docs/api.md#app-video). An unusable URL gives an asset without sources.
    """
    sources = [
        MediaSource(field, url=url, quality=Quality.DEGRADED) for field, url in http_urls(note, *_FRAMES)
    ]
    is_declared = any("//" in text for text in texts(note, *_FRAMES))
    return [Asset(Slot(AssetKind.COVER), endpoint, deduplicate(sources))] if is_declared else []

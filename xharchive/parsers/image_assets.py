"""Parse the images of a note and the motions of its live photos.

The position of an image counts the entries of the reply's list from 1. Its `index` field is 0 in all real
replies. A motion is in the entry of its still (docs/api.md#pictures). No current endpoint sends the
`image_list` of the web (docs/api.md#web-pictures); kept replies have it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, Quality, Slot
from xharchive.parsers.json_access import (
    as_object,
    has_content,
    http_url,
    iter_objects,
    nested,
    non_negative,
    parse_object,
    seconds_to_ms,
    stripped_text,
)
from xharchive.parsers.streams import deduplicate, read_streams

MOST_PICTURES = 100
"""Limit of images per note (the app allows 18). One asset without sources stands for the excess."""

_APP_URLS = (
    ("url_8k",),
    ("original",),
    ("url_size_large",),
    ("url_multi_level", "high"),
    ("url_multi_level", "medium"),
    ("url_multi_level", "low"),
    ("url",),
    ("origin_img", "url"),
)


@dataclass(frozen=True, slots=True)
class LiveMotion:
    """The motion of a live photo. Without sources it is declared but cannot be downloaded."""

    sources: tuple[MediaSource, ...]
    width: int = 0
    height: int = 0
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One entry of an image list. Without sources it is declared but cannot be downloaded."""

    sources: tuple[MediaSource, ...] = ()
    width: int = 0
    height: int = 0
    motion: LiveMotion | None = None


def read_images(value: object, field: str) -> list[ImageEntry]:
    """Parse the `images_list` of an app reply: one result per entry, also for an entry that is no object."""
    listed = value if isinstance(value, list) else []
    return [
        _read_image(as_object(entry), f"{field}[{index}]")
        for index, entry in enumerate(listed[: MOST_PICTURES + 1])
    ]


def _read_image(entry: Mapping[str, object], field: str) -> ImageEntry:
    return ImageEntry(
        deduplicate((*key_source(entry, field, "fileid", "trace_id"), *url_sources(entry, field, _APP_URLS))),
        non_negative(entry.get("width")) or non_negative(nested(entry, "origin_img", "width")),
        non_negative(entry.get("height")) or non_negative(nested(entry, "origin_img", "height")),
        read_motion(entry, field),
    )


def key_source(entry: Mapping[str, object], field: str, *names: str) -> Iterator[MediaSource]:
    """Yield the first storage key found under the names (docs/api.md#derived-addresses)."""
    for name in names:
        if key := stripped_text(entry.get(name)):
            yield MediaSource(f"{field}.{name}", key=key, quality=Quality.ORIGINAL)
            return


def url_sources(
    entry: Mapping[str, object], field: str, paths: Iterable[tuple[str, ...]]
) -> Iterator[MediaSource]:
    """Yield a source for each URL of an entry at any of the paths. `rank_candidates` judges quality."""
    for path in paths:
        if url := http_url(nested(entry, *path)):
            yield MediaSource(".".join((field, *path)), url=url)


def read_motion(entry: Mapping[str, object], field: str) -> LiveMotion | None:
    """Parse the motion that an image entry declares; None for a plain image (docs/api.md#live-photos)."""
    live = entry.get("live_photo")
    live_object = parse_object(live)
    sources = (
        *read_streams(nested(live_object, "media", "stream"), f"{field}.live_photo.media.stream"),
        *read_streams(live_object.get("stream"), f"{field}.live_photo.stream"),
        *read_streams(entry.get("stream"), f"{field}.stream"),
        *_motion_key(entry, field),
    )
    if not sources and not has_content(live) and not has_content(entry.get("stream")):
        return None
    video = as_object(nested(live_object, "media", "video"))
    return LiveMotion(
        deduplicate(sources),
        non_negative(video.get("width")),
        non_negative(video.get("height")),
        seconds_to_ms(video.get("duration")),
    )


def _motion_key(entry: Mapping[str, object], field: str) -> Iterator[MediaSource]:
    """Yield a source from a key that only one other program uses, unconfirmed (docs/api.md#live-photos)."""
    if key := stripped_text(entry.get("live_photo_file_id")):
        yield MediaSource(f"{field}.live_photo_file_id", key=key, quality=Quality.ORIGINAL, unproven=True)


def assets_of_images(pictures: Sequence[ImageEntry], endpoint: str, *, of_video: bool) -> list[Asset]:
    """Return images and motions as assets.

    The single image of a video note is its cover; several are a slideshow (docs/api.md#note-types).
    """
    if of_video and len(pictures) == 1:
        return list(_still_and_motion(pictures[0], AssetKind.COVER, 0, endpoint))
    placed = [
        asset
        for position, picture in enumerate(pictures[:MOST_PICTURES], 1)
        for asset in _still_and_motion(picture, AssetKind.IMAGE, position, endpoint)
    ]
    if len(pictures) > MOST_PICTURES:
        sentence = f"the note declares more than {MOST_PICTURES} pictures; of one note no more are read"
        more = Slot(AssetKind.IMAGE, MOST_PICTURES + 1)
        placed.append(Asset(more, endpoint, (), left_out=sentence))
    return placed


def _still_and_motion(picture: ImageEntry, kind: AssetKind, position: int, endpoint: str) -> Iterator[Asset]:
    yield Asset(Slot(kind, position), endpoint, picture.sources, picture.width, picture.height)
    if (motion := picture.motion) is not None:
        slot = Slot(AssetKind.LIVE, position)
        yield Asset(slot, endpoint, motion.sources, motion.width, motion.height, motion.duration_ms)


def cover_from_frames(endpoint: str, *fields: tuple[str, object]) -> list[Asset]:
    """Return video frames as the cover of a video note without images.

    A frame is not the uploaded cover, so its quality is DEGRADED. A relative path declares nothing
    (docs/api.md#app-video). An unusable URL gives an asset without sources.

    Args:
        fields: pairs of a field's name and its value.

    Returns:
        One asset, or none.
    """
    frames = (
        MediaSource(field, url=url, quality=Quality.DEGRADED)
        for field, value in fields
        if (url := http_url(value))
    )
    sources = deduplicate(frames)
    is_declared = any("//" in stripped_text(value) for _, value in fields)
    return [Asset(Slot(AssetKind.COVER), endpoint, sources)] if is_declared else []


def read_web_images(value: object, field: str) -> list[ImageEntry]:
    """Parse an `image_list`: one result per entry, also for an entry that is no object."""
    listed = value if isinstance(value, list) else []
    return [
        _read_web_image(as_object(entry), f"{field}[{index}]")
        for index, entry in enumerate(listed[: MOST_PICTURES + 1])
    ]


def _read_web_image(entry: Mapping[str, object], field: str) -> ImageEntry:
    sources = (
        *key_source(entry, field, "file_id", "trace_id"),
        *url_sources(entry, field, [("url_default",)]),
        *_scene_sources(entry, field),
        *url_sources(entry, field, [("url",), ("url_pre",)]),
    )
    return ImageEntry(
        deduplicate(sources),
        non_negative(entry.get("width")),
        non_negative(entry.get("height")),
        read_motion(entry, field),
    )


def _scene_sources(entry: Mapping[str, object], field: str) -> Iterator[MediaSource]:
    for index, scene in enumerate(iter_objects(entry.get("info_list"))):
        if url := http_url(scene.get("url")):
            is_watermarked = "_WM" in stripped_text(scene.get("image_scene")).upper()
            quality = Quality.DEGRADED if is_watermarked else None
            yield MediaSource(f"{field}.info_list[{index}].url", url=url, quality=quality)

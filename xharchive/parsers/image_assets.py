"""Pictures of every shape, and the motion of live photos, put into their slots.

A picture's slot is its place in the list, counted from 1. The `index` field is 0 on all of them in real
replies, and the motions are aligned with their stills, not compacted (docs/api.md#pictures).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, Quality, Slot
from xharchive.parsers.fields import (
    address,
    amount,
    dig,
    entries,
    object_or_json,
    says_something,
    seconds,
    word,
)
from xharchive.parsers.streams import distinct, read_streams

__all__ = [
    "MOST_PICTURES",
    "Motion",
    "Picture",
    "frame_cover",
    "key_source",
    "place_pictures",
    "read_motion",
    "read_pictures",
    "url_sources",
]

MOST_PICTURES = 100
"""Pictures read of one note (the app allows 18). One more becomes an asset without sources: a visible gap."""

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
class Motion:
    """The moving half of a live photo; without sources it is declared but cannot be had."""

    sources: tuple[MediaSource, ...]
    width: int = 0
    height: int = 0
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """One entry of a picture list; without sources it is declared but cannot be had."""

    sources: tuple[MediaSource, ...] = ()
    width: int = 0
    height: int = 0
    motion: Motion | None = None


def read_pictures(value: object, field: str) -> list[Picture]:
    """Return the entries of an app reply's `images_list`, one picture for each entry whatever it is."""
    listed = value if isinstance(value, list) else []
    return [
        _read_picture(entries(entry), f"{field}[{index}]")
        for index, entry in enumerate(listed[: MOST_PICTURES + 1])
    ]


def _read_picture(entry: Mapping[str, object], field: str) -> Picture:
    return Picture(
        distinct((*key_source(entry, field, "fileid", "trace_id"), *url_sources(entry, field, _APP_URLS))),
        amount(entry.get("width")) or amount(dig(entry, "origin_img", "width")),
        amount(entry.get("height")) or amount(dig(entry, "origin_img", "height")),
        read_motion(entry, field),
    )


def key_source(entry: Mapping[str, object], field: str, *names: str) -> Iterator[MediaSource]:
    """Yield an entry's first storage key under the names, if any (docs/api.md#derived-addresses)."""
    for name in names:
        if key := word(entry.get(name)):
            yield MediaSource(f"{field}.{name}", key=key, quality=Quality.ORIGINAL)
            return


def url_sources(
    entry: Mapping[str, object], field: str, paths: Iterable[tuple[str, ...]]
) -> Iterator[MediaSource]:
    """Yield a source for each URL an entry has under the paths; what they are worth the URLs tell later."""
    for path in paths:
        if url := address(dig(entry, *path)):
            yield MediaSource(".".join((field, *path)), url=url)


def read_motion(entry: Mapping[str, object], field: str) -> Motion | None:
    """Return the motion that a picture's entry declares, or None for a still (docs/api.md#live-photos)."""
    live = entry.get("live_photo")
    live_object = object_or_json(live)
    sources = (
        *read_streams(dig(live_object, "media", "stream"), f"{field}.live_photo.media.stream"),
        *read_streams(live_object.get("stream"), f"{field}.live_photo.stream"),
        *read_streams(entry.get("stream"), f"{field}.stream"),
        *_unproven_key(entry, field),
    )
    if not sources and not says_something(live) and not says_something(entry.get("stream")):
        return None
    video = entries(dig(live_object, "media", "video"))
    return Motion(
        distinct(sources),
        amount(video.get("width")),
        amount(video.get("height")),
        seconds(video.get("duration")),
    )


def _unproven_key(entry: Mapping[str, object], field: str) -> Iterator[MediaSource]:
    """Only one app is known to fetch motions by this key, unconfirmed (docs/api.md#live-photos)."""
    if key := word(entry.get("live_photo_file_id")):
        yield MediaSource(f"{field}.live_photo_file_id", key=key, quality=Quality.ORIGINAL, unproven=True)


def place_pictures(pictures: Sequence[Picture], endpoint: str, *, of_video: bool) -> list[Asset]:
    """Return pictures and motions as assets.

    The single picture of a video note is its cover; several are a slideshow (docs/api.md#note-types).
    """
    if of_video and len(pictures) == 1:
        return list(_picture_assets(pictures[0], AssetKind.COVER, 0, endpoint))
    placed = [
        asset
        for position, picture in enumerate(pictures[:MOST_PICTURES], 1)
        for asset in _picture_assets(picture, AssetKind.IMAGE, position, endpoint)
    ]
    if len(pictures) > MOST_PICTURES:
        sentence = f"the note declares more than {MOST_PICTURES} pictures; of one note no more are read"
        more = Slot(AssetKind.IMAGE, MOST_PICTURES + 1)
        placed.append(Asset(more, endpoint, (), left_out=sentence))
    return placed


def _picture_assets(picture: Picture, kind: AssetKind, position: int, endpoint: str) -> Iterator[Asset]:
    yield Asset(Slot(kind, position), endpoint, picture.sources, picture.width, picture.height)
    if (motion := picture.motion) is not None:
        slot = Slot(AssetKind.LIVE, position)
        yield Asset(slot, endpoint, motion.sources, motion.width, motion.height, motion.duration_ms)


def frame_cover(endpoint: str, *places: tuple[str, object]) -> list[Asset]:
    """Return a cover made of video frames, for a video note without any picture, or nothing.

    `places` are pairs of a field's name and its value. A frame is not the uploaded cover, so it is DEGRADED;
    relative paths are passed over (docs/api.md#app-video). An address that cannot be read is a
    missing cover.
    """
    frames = (
        MediaSource(field, url=url, quality=Quality.DEGRADED)
        for field, value in places
        if (url := address(value))
    )
    sources = distinct(frames)
    is_declared = any("//" in word(value) for _, value in places)
    return [Asset(Slot(AssetKind.COVER), endpoint, sources)] if is_declared else []

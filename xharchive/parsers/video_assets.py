"""The video and the subtitles of an app or web note (docs/api.md#video-and-sound)."""

import re
from collections.abc import Iterator, Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, NoteType, Quality, Slot
from xharchive.parsers.fields import (
    address,
    amount,
    dig,
    entries,
    first_text,
    md5,
    object_or_json,
    objects,
    says_something,
    seconds,
)
from xharchive.parsers.streams import distinct, read_streams, upload_keys

__all__ = ["MOST_SUBTITLES", "frames_of", "read_subtitles", "read_video"]

MOST_SUBTITLES = 60
"""Subtitles read of one note. One more becomes an asset without sources: a visible gap."""

_VIDEO_FIELDS = ("video_info_v2", "video", "video_info")
_FRAMES = (
    ("video_info_v2", "image", "first_frame"),
    ("video_info_v2", "image", "thumbnail"),
    ("video", "first_frame"),
    ("video", "thumbnail"),
    ("video_info", "first_frame"),
    ("video_info", "thumbnail"),
)
_LONGEST_LABEL = 20


def read_video(note: Mapping[str, object], declared: NoteType, endpoint: str) -> Asset | None:
    """Return the video of a note, or None where the reply declares none.

    A declared video without a way to it is an asset without sources. On an image note the leftovers of an
    empty video field declare nothing; there it takes something under `media`, or where an address stands.
    """
    fields = {name: entries(note.get(name)) for name in _VIDEO_FIELDS}
    sources = distinct((*_uploads(note, fields), *_renditions(fields)))
    if not sources and not _is_declared(fields, declared):
        return None
    media = next(filter(None, (entries(dig(field, "media", "video")) for field in fields.values())), {})
    return Asset(
        Slot(AssetKind.VIDEO),
        endpoint,
        sources,
        amount(media.get("width")),
        amount(media.get("height")),
        _duration(fields),
    )


def _is_declared(fields: Mapping[str, Mapping[str, object]], declared: NoteType) -> bool:
    if declared is NoteType.IMAGE:
        places = ("media", "url", "url_info_list")
        return any(says_something(field.get(name)) for field in fields.values() for name in places)
    return any(map(says_something, fields.values()))


def _uploads(note: Mapping[str, object], fields: Mapping[str, Mapping[str, object]]) -> Iterator[MediaSource]:
    context = object_or_json(note.get("widgets_context"))
    digests = filter(None, (md5(dig(field, "media", "video", "md5")) for field in fields.values()))
    consumers = (
        (f"{name}.consumer.{key}", dig(field, "consumer", key))
        for name, field in fields.items()
        for key in ("origin_video_key", "originVideoKey")
    )
    hidden = ("widgets_context.origin_video_key", context.get("origin_video_key"))
    yield from upload_keys(*consumers, hidden, md5=next(digests, ""))


def _renditions(fields: Mapping[str, Mapping[str, object]]) -> Iterator[MediaSource]:
    for name, field in fields.items():
        yield from read_streams(dig(field, "media", "stream"), f"{name}.media.stream")
        yield from read_streams(field.get("url_info_list"), f"{name}.url_info_list")
        if url := address(field.get("url")):
            yield MediaSource(f"{name}.url", url=url, quality=Quality.RENDITION)


def _duration(fields: Mapping[str, Mapping[str, object]]) -> int:
    paths = (("media", "video", "duration"), ("capa", "duration"), ("duration",))
    found = (seconds(dig(field, *path)) for path in paths for field in fields.values())
    return next(filter(None, found), 0)


def frames_of(note: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return the places of a note that may hold a frame of its video, and what they hold."""
    return [(".".join(path), dig(note, *path)) for path in _FRAMES]


def read_subtitles(note: Mapping[str, object], endpoint: str) -> list[Asset]:
    """Return the declared subtitles; their labels differ even where case does not count.

    Those whose address cannot be read have no sources, and come last: they change no label of the others.
    """
    assets: dict[str, Asset] = {}
    seen: set[str] = set()
    for language, field, url, written in sorted(_declared_subtitles(note), key=lambda found: not found[2]):
        path = url.partition("?")[0] or written
        if path in seen:
            continue
        seen.add(path)
        if len(assets) == MOST_SUBTITLES:
            sentence = f"the note declares more than {MOST_SUBTITLES} subtitles; of one note no more are read"
            more = Asset(Slot(AssetKind.SUBTITLE, 0, "more"), endpoint, (), left_out=sentence)
            return [*assets.values(), more]
        label = _unused(_tag(language), assets)
        sources = (MediaSource(field, url=url, quality=Quality.RENDITION),) if url else ()
        assets[label.lower()] = Asset(Slot(AssetKind.SUBTITLE, 0, label), endpoint, sources)
    return list(assets.values())


def _declared_subtitles(note: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    """Yield language, field, address ("" if it cannot be read), and the address as it is written."""
    for name in _VIDEO_FIELDS:
        for key, listed in entries(dig(note, name, "media", "video", "subtitles")).items():
            for index, entry in enumerate(objects(listed if isinstance(listed, list) else [listed])):
                language = first_text(entry, "language") if key == "source" else ""
                written = entry.get("url")
                if says_something(written):
                    field = f"{name}.media.video.subtitles.{key[:40]}[{index}]"
                    yield language or key, field, address(written), repr(written)


def _tag(language: str) -> str:
    tag = re.sub(r"[^A-Za-z0-9]+", "-", language).strip("-")[:_LONGEST_LABEL].strip("-")
    return tag or "und"


def _unused(label: str, taken: Mapping[str, Asset]) -> str:
    number, free = 1, label
    while free.lower() in taken:
        number += 1
        free = f"{label[: _LONGEST_LABEL - 3]}-{number}"
    return free

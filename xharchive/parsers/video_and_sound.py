"""Parse video, subtitles, sound and background music of a note (docs/api.md#video-and-sound)."""

import re
from collections.abc import Iterator, Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, NoteType, Quality, Slot
from xharchive.parsers.json_access import (
    as_md5,
    as_milliseconds,
    as_object,
    first_nonblank,
    has_content,
    http_url,
    iter_objects,
    nested,
    non_negative,
    parse_object,
    seconds_to_ms,
)
from xharchive.parsers.streams import deduplicate, read_streams, upload_sources

MOST_SUBTITLES = 60
"""Limit of subtitles per note. One asset without sources stands for the excess."""

_VIDEO_FIELDS = ("video_info_v2", "video", "video_info")
_FRAME_FIELDS = (
    ("video_info_v2", "image", "first_frame"),
    ("video_info_v2", "image", "thumbnail"),
    ("video", "first_frame"),
    ("video", "thumbnail"),
    ("video_info", "first_frame"),
    ("video_info", "thumbnail"),
)
_LONGEST_LABEL = 20


def read_video(note: Mapping[str, object], declared: NoteType, endpoint: str) -> Asset | None:
    """Parse the video of a note; None if the reply declares none.

    A video without a usable URL or key is an asset without sources. An image note may have the remains of an
    empty video field: there only `media` or a URL field declares a video.
    """
    fields = {name: as_object(note.get(name)) for name in _VIDEO_FIELDS}
    sources = deduplicate((*_upload_sources(note, fields), *_rendition_sources(fields)))
    if not sources and not _is_declared(fields, declared):
        return None
    media = next(filter(None, (as_object(nested(field, "media", "video")) for field in fields.values())), {})
    return Asset(
        Slot(AssetKind.VIDEO),
        endpoint,
        sources,
        non_negative(media.get("width")),
        non_negative(media.get("height")),
        _duration(fields),
    )


def _is_declared(fields: Mapping[str, Mapping[str, object]], declared: NoteType) -> bool:
    if declared is NoteType.IMAGE:
        names = ("media", "url", "url_info_list")
        return any(has_content(field.get(name)) for field in fields.values() for name in names)
    return any(map(has_content, fields.values()))


def _upload_sources(
    note: Mapping[str, object], fields: Mapping[str, Mapping[str, object]]
) -> Iterator[MediaSource]:
    context = parse_object(note.get("widgets_context"))
    digests = filter(None, (as_md5(nested(field, "media", "video", "md5")) for field in fields.values()))
    consumers = (
        (f"{name}.consumer.{key}", nested(field, "consumer", key))
        for name, field in fields.items()
        for key in ("origin_video_key", "originVideoKey")
    )
    hidden = ("widgets_context.origin_video_key", context.get("origin_video_key"))
    yield from upload_sources(*consumers, hidden, md5=next(digests, ""))


def _rendition_sources(fields: Mapping[str, Mapping[str, object]]) -> Iterator[MediaSource]:
    for name, field in fields.items():
        yield from read_streams(nested(field, "media", "stream"), f"{name}.media.stream")
        yield from read_streams(field.get("url_info_list"), f"{name}.url_info_list")
        if url := http_url(field.get("url")):
            yield MediaSource(f"{name}.url", url=url, quality=Quality.RENDITION)


def _duration(fields: Mapping[str, Mapping[str, object]]) -> int:
    paths = (("media", "video", "duration"), ("capa", "duration"), ("duration",))
    found = (seconds_to_ms(nested(field, *path)) for path in paths for field in fields.values())
    return next(filter(None, found), 0)


def video_frames(note: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return the fields that may have a frame of the video: pairs of name and value."""
    return [(".".join(path), nested(note, *path)) for path in _FRAME_FIELDS]


def read_subtitles(note: Mapping[str, object], endpoint: str) -> list[Asset]:
    """Parse the subtitles. Their labels differ also without regard to case.

    Subtitles with an unusable URL have no sources. They come last, so that they do not change the labels of
    the others.
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
        label = _unique_label(_language_label(language), assets)
        sources = (MediaSource(field, url=url, quality=Quality.RENDITION),) if url else ()
        assets[label.lower()] = Asset(Slot(AssetKind.SUBTITLE, 0, label), endpoint, sources)
    return list(assets.values())


def _declared_subtitles(note: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    """Yield language, field, URL ("" if unusable), and the URL as written in the reply."""
    for name in _VIDEO_FIELDS:
        for key, listed in as_object(nested(note, name, "media", "video", "subtitles")).items():
            for index, entry in enumerate(iter_objects(listed if isinstance(listed, list) else [listed])):
                language = first_nonblank(entry, "language") if key == "source" else ""
                written = entry.get("url")
                if has_content(written):
                    field = f"{name}.media.video.subtitles.{key[:40]}[{index}]"
                    yield language or key, field, http_url(written), repr(written)


def _language_label(language: str) -> str:
    tag = re.sub(r"[^A-Za-z0-9]+", "-", language).strip("-")[:_LONGEST_LABEL].strip("-")
    return tag or "und"


def _unique_label(label: str, taken: Mapping[str, Asset]) -> str:
    number, free = 1, label
    while free.lower() in taken:
        number += 1
        free = f"{label[: _LONGEST_LABEL - 3]}-{number}"
    return free


def read_sounds(note: Mapping[str, object], endpoint: str) -> list[Asset]:
    """Return the sound and the music that a note declares.

    A blank `url` declares nothing. An unusable `url` gives an asset without sources, so that it is reported
    as missing.
    """
    context = parse_object(note.get("widgets_context"))
    voice = as_object(note.get("native_voice_info"))
    copy = as_object(nested(context, "note_sound_info"))
    music = as_object(note.get("simple_music_info"))
    sound = deduplicate(
        (*_source("native_voice_info", voice), *_source("widgets_context.note_sound_info", copy))
    )
    assets = []
    if any(has_content(info.get("url")) for info in (voice, copy)):
        duration = as_milliseconds(voice.get("duration")) or as_milliseconds(copy.get("duration"))
        assets.append(Asset(Slot(AssetKind.SOUND), endpoint, sound, duration_ms=duration))
    if has_content(music.get("url")):
        sources = _source("simple_music_info", music)
        duration = as_milliseconds(music.get("duration"))
        assets.append(Asset(Slot(AssetKind.MUSIC), endpoint, sources, duration_ms=duration))
    return assets


def _source(name: str, info: Mapping[str, object]) -> tuple[MediaSource, ...]:
    url = http_url(info.get("url"))
    if not url:
        return ()
    return (MediaSource(f"{name}.url", url=url, quality=Quality.RENDITION, md5=as_md5(info.get("md5sum"))),)

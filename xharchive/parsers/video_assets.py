"""Parse streams, and the video, subtitles, sound and music of a note (docs/api.md#video-and-sound).

Every codec of a stream list counts, known or not. So do both spellings of a field: one reply may have
`master_url` and `masterUrl`.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain, count

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, NoteType, Quality, Slot
from xharchive.parsers.json_access import (
    as_list,
    as_md5,
    as_object,
    as_text,
    has_any,
    has_content,
    http_url,
    http_urls,
    milliseconds,
    nested,
    numbers,
    objects_in,
    texts,
)

MOST_SOURCES = 64
"""Limit of sources per asset. Real replies have at most about ten."""
MOST_SUBTITLES = 60
"""Limit of subtitles per note. One asset without sources stands for the excess."""

_MOST_BACKUPS = 16
_WATERMARKED_TYPES = frozenset({19, 259})
_WATERMARK_WORD = re.compile(r"(?<![a-z])wm(?![a-z])|web_livephoto", re.IGNORECASE)
_LONGEST_LABEL = 20
_VIDEO_FIELDS = ("video_info_v2", "video", "video_info", "videoInfo")
_UPLOAD_KEYS = (
    *(
        f"{name}.{key}"
        for name in _VIDEO_FIELDS
        for key in ("consumer.origin_video_key", "consumer.originVideoKey", "originVideoKey")
    ),
    "widgets_context.origin_video_key",
)
_SIGNS_ON_IMAGE_NOTE = (
    *(f"{name}.{key}" for name in _VIDEO_FIELDS for key in ("media", "url", "url_info_list")),
    "videoInfo",
)
_SOUND_FIELDS = {
    AssetKind.SOUND: ("native_voice_info", "widgets_context.note_sound_info"),
    AssetKind.MUSIC: ("simple_music_info",),
}


def _of_video(*paths: str) -> str:
    return "|".join(f"{name}.{path}" for path in paths for name in _VIDEO_FIELDS)


_WIDTH = _of_video("media.video.width", "meta.width")
_HEIGHT = _of_video("media.video.height", "meta.height")
_DURATION = _of_video("media.video.duration", "capa.duration", "duration", "meta.duration")
_MD5 = _of_video("media.video.md5")


def deduplicate(sources: Iterable[MediaSource]) -> tuple[MediaSource, ...]:
    """Drop sources with a repeated URL and key.

    Stops at `MOST_SOURCES` + 1 sources; the additional one shows that there are too many.
    """
    kept: dict[tuple[str, str], MediaSource] = {}
    for source in sources:
        kept.setdefault((source.url, source.key), source)
        if len(kept) > MOST_SOURCES:
            break
    return tuple(kept.values())


def read_streams(value: object, field: str) -> tuple[MediaSource, ...]:
    """Return one source for each stream with a URL, in the order of the reply.

    Streams with a burned-in watermark are DEGRADED (docs/api.md#streams).

    Args:
        value: a `stream` object (codec → list or single stream) or a list of streams.
        field: path of the value in the reply.
    """
    by_codec = as_object(value) or {"": value}
    return deduplicate(
        source
        for codec, streams in by_codec.items()
        for index, stream in enumerate(as_list(streams) or [streams])
        for source in _stream_sources(stream, ".".join(filter(None, (field, codec[:40]))), index, codec[:40])
    )


def _stream_sources(stream: object, field: str, index: int, codec: str) -> Iterator[MediaSource]:
    """Yield the source of a stream with a URL: its master URL and its backups, each once."""
    if not isinstance(stream, dict):
        return
    backups = stream.get("backup_urls") or stream.get("backupUrls")
    listed = [stream.get(name) for name in ("master_url", "masterUrl", "url")]
    listed += as_list(backups)[:_MOST_BACKUPS] or [backups]
    urls = tuple(dict.fromkeys(filter(None, map(http_url, listed))))
    if not urls:
        return
    width, height, size, duration, bitrate, default, stream_type = numbers(
        stream,
        "width",
        "height",
        "size",
        "duration",
        "avg_bitrate|avgBitrate|video_bitrate|videoBitrate",
        "default_stream|defaultStream",
        "stream_type|streamType",
    )
    own_codec, description = texts(stream, "video_codec|videoCodec", "stream_desc|streamDesc|desc")
    is_watermarked = stream_type in _WATERMARKED_TYPES or _WATERMARK_WORD.search(description)
    yield MediaSource(
        f"{field}[{index}]",
        url=urls[0],
        backups=urls[1:],
        quality=Quality.DEGRADED if is_watermarked else Quality.RENDITION,
        pixels=width * height,
        bitrate=bitrate,
        size=size,
        codec=own_codec or codec,
        preferred=default > 0,
        duration_ms=duration,
    )


def read_video(note: Mapping[str, object], declared: NoteType, endpoint: str) -> Asset | None:
    """Parse the video of a note; None if the reply declares none.

    A video without a usable URL or key is an asset without sources. An image note may have the remains of an
    empty video field: there only `media` or a URL field of the app declares a video.
    """
    fields = {name: field for name in _VIDEO_FIELDS if isinstance(field := note.get(name), dict)}
    sources = deduplicate(chain(_upload_sources(note), _rendition_sources(fields)))
    signs = _SIGNS_ON_IMAGE_NOTE if declared is NoteType.IMAGE else _VIDEO_FIELDS
    if not sources and not has_any(fields, *signs):
        return None
    width, height = numbers(fields, _WIDTH, _HEIGHT)
    return Asset(Slot(AssetKind.VIDEO), endpoint, sources, width, height, milliseconds(fields, _DURATION))


def _upload_sources(note: Mapping[str, object]) -> Iterator[MediaSource]:
    md5 = as_md5(texts(note, _MD5)[0])
    for path, key in zip(_UPLOAD_KEYS, texts(note, *_UPLOAD_KEYS), strict=True):
        if key:
            yield MediaSource(path, key=key, quality=Quality.ORIGINAL, md5=md5)


def _rendition_sources(fields: Mapping[str, Mapping[str, object]]) -> Iterator[MediaSource]:
    for name, field in fields.items():
        yield from read_streams(nested(field, "media.stream"), f"{name}.media.stream")
        yield from read_streams(field.get("url_info_list"), f"{name}.url_info_list")
        for path, url in http_urls(field, "url", "videoUrl"):
            yield MediaSource(f"{name}.{path}", url=url, quality=Quality.RENDITION)
        if key := as_text(field.get("videoKey")).strip():
            yield MediaSource(f"{name}.videoKey", key=key, quality=Quality.RENDITION)


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
        label = _free_label(language, assets)
        sources = (MediaSource(field, url=url, quality=Quality.RENDITION),) if url else ()
        assets[label.lower()] = Asset(Slot(AssetKind.SUBTITLE, 0, label), endpoint, sources)
    return list(assets.values())


def _declared_subtitles(note: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    """Yield language, field, URL ("" if unusable), and the URL as written in the reply."""
    for name in _VIDEO_FIELDS:
        for key, listed in as_object(nested(note, f"{name}.media.video.subtitles")).items():
            for index, entry in enumerate(objects_in(listed if isinstance(listed, list) else [listed])):
                if has_content(written := entry.get("url")):
                    (language,) = texts(entry, "language") if key == "source" else [""]
                    field = f"{name}.media.video.subtitles.{key[:40]}[{index}]"
                    yield language or key, field, http_url(written), repr(written)


def _free_label(language: str, taken: Container[str]) -> str:
    tag = re.sub(r"[^A-Za-z0-9]+", "-", language).strip("-")[:_LONGEST_LABEL].strip("-") or "und"
    numbered = (f"{tag[: _LONGEST_LABEL - 3]}-{number}" for number in count(2))
    return next(label for label in chain([tag], numbered) if label.lower() not in taken)


def read_sounds(note: Mapping[str, object], endpoint: str) -> list[Asset]:
    """Return the sound and the music that a note declares.

    A blank `url` declares nothing. An unusable `url` gives an asset without sources, so that it is reported
    as missing.
    """
    assets = []
    for kind, names in _SOUND_FIELDS.items():
        if has_any(note, *(f"{name}.url" for name in names)):
            sources = [
                MediaSource(f"{name}.url", url=url, quality=Quality.RENDITION, md5=as_md5(info.get("md5sum")))
                for name in names
                if (info := as_object(nested(note, name))) and (url := http_url(info.get("url")))
            ]
            (duration,) = numbers(note, "|".join(f"{name}.duration" for name in names))
            assets.append(Asset(Slot(kind), endpoint, deduplicate(sources), duration_ms=duration))
    return assets

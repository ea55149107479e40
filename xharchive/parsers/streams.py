"""Parses the stream lists of videos and live photos: one source per rendition (docs/api.md#streams).

Every codec key counts, known or not. So do both spellings of a field: one reply may have `master_url` and
`masterUrl`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from xharchive.models import MediaSource, Quality
from xharchive.parsers.json_access import (
    as_list,
    as_object,
    first_nonblank,
    http_url,
    non_negative,
    stripped_text,
)

MOST_SOURCES = 64
"""Limit of sources per asset. Real replies have at most about ten."""

_MOST_BACKUPS = 16
_WATERMARKED_TYPES = frozenset({19, 259})
_WATERMARK_WORD = re.compile(r"(?<![a-z])wm(?![a-z])|web_livephoto", re.IGNORECASE)


def read_streams(value: object, field: str) -> tuple[MediaSource, ...]:
    """Return one source for each stream with a URL, in the order of the reply.

    Streams with a burned-in watermark are DEGRADED (docs/api.md#streams).

    Args:
        value: a `stream` object (codec → list or single stream) or a list of streams.
        field: path of the value in the reply.
    """
    found = (_source(stream, path, codec) for stream, path, codec in _streams_in(value, field))
    return deduplicate(source for source in found if source)


def _streams_in(value: object, field: str) -> Iterator[tuple[Mapping[str, object], str, str]]:
    lists = [("", field, value)] if isinstance(value, list) else _lists_by_codec(value, field)
    for codec, path, streams in lists:
        for index, stream in enumerate(as_list(streams) or [streams]):
            yield as_object(stream), f"{path}[{index}]", codec


def _lists_by_codec(value: object, field: str) -> list[tuple[str, str, object]]:
    return [(codec[:40], f"{field}.{codec[:40]}", streams) for codec, streams in as_object(value).items()]


def _source(stream: Mapping[str, object], field: str, codec: str) -> MediaSource | None:
    addresses = _urls(stream)
    if not addresses:
        return None
    return MediaSource(
        field,
        url=addresses[0],
        backups=addresses[1:],
        quality=Quality.DEGRADED if _is_watermarked(stream) else Quality.RENDITION,
        pixels=non_negative(stream.get("width")) * non_negative(stream.get("height")),
        bitrate=non_negative(_first_of_two(stream, "avg_bitrate", "avgBitrate"))
        or non_negative(_first_of_two(stream, "video_bitrate", "videoBitrate")),
        size=non_negative(stream.get("size")),
        codec=first_nonblank(stream, "video_codec", "videoCodec") or codec,
        preferred=non_negative(_first_of_two(stream, "default_stream", "defaultStream")) > 0,
        duration_ms=non_negative(stream.get("duration")),
    )


def _urls(stream: Mapping[str, object]) -> tuple[str, ...]:
    """Return the master URL and its backups, each once (docs/api.md#streams)."""
    masters = [stream.get(name) for name in ("master_url", "masterUrl", "url")]
    backups = _first_of_two(stream, "backup_urls", "backupUrls")
    listed = (*masters, *(as_list(backups)[:_MOST_BACKUPS] or [backups]))
    return tuple(dict.fromkeys(found for each in listed if (found := http_url(each))))


def _is_watermarked(stream: Mapping[str, object]) -> bool:
    kind = non_negative(_first_of_two(stream, "stream_type", "streamType"))
    description = first_nonblank(stream, "stream_desc", "streamDesc", "desc")
    return kind in _WATERMARKED_TYPES or bool(_WATERMARK_WORD.search(description))


def _first_of_two(stream: Mapping[str, object], name: str, twin: str) -> object:
    return stream.get(name) or stream.get(twin)


def upload_sources(*fields: tuple[str, object], md5: str = "") -> tuple[MediaSource, ...]:
    """Return sources for the storage keys of an uploaded video.

    Args:
        fields: pairs of a field's name and its value.
        md5: digest of the uploaded file (docs/api.md#app-video, `media.video.md5`).
    """
    return tuple(
        MediaSource(field, key=key, quality=Quality.ORIGINAL, md5=md5)
        for field, value in fields
        if (key := stripped_text(value))
    )


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

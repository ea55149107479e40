"""The stream lists of videos and live photos: one source a rendition (docs/api.md#streams).

Every codec key is read, known or not, and both spellings of a field: `master_url` and `masterUrl` come in one
and the same reply.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from xharchive.models import MediaSource, Quality
from xharchive.parsers.fields import address, amount, entries, first_text, sequence, word

__all__ = ["MOST_SOURCES", "distinct", "read_streams", "upload_keys"]

MOST_SOURCES = 64
"""Sources kept of one asset. Real replies have at most some ten; the best are found long before the end."""

_MOST_BACKUPS = 16
_WATERMARKED_TYPES = frozenset({19, 259})
_WATERMARK_WORD = re.compile(r"(?<![a-z])wm(?![a-z])|web_livephoto", re.IGNORECASE)


def read_streams(value: object, field: str) -> tuple[MediaSource, ...]:
    """Return one source for each stream that has a URL, in the order of the reply.

    `value` is a `stream` object (codec → list or single stream; null is nothing) or a plain list of streams;
    `field` is its place in the reply. Renditions with the logo burned in are DEGRADED (docs/api.md#streams).
    """
    found = (_source(stream, place, codec) for stream, place, codec in _streams_in(value, field))
    return distinct(source for source in found if source)


def _streams_in(value: object, field: str) -> Iterator[tuple[Mapping[str, object], str, str]]:
    lists = [("", field, value)] if isinstance(value, list) else _lists_by_codec(value, field)
    for codec, place, streams in lists:
        for index, stream in enumerate(sequence(streams) or [streams]):
            yield entries(stream), f"{place}[{index}]", codec


def _lists_by_codec(value: object, field: str) -> list[tuple[str, str, object]]:
    return [(codec[:40], f"{field}.{codec[:40]}", streams) for codec, streams in entries(value).items()]


def _source(stream: Mapping[str, object], field: str, codec: str) -> MediaSource | None:
    addresses = _addresses(stream)
    if not addresses:
        return None
    return MediaSource(
        field,
        url=addresses[0],
        backups=addresses[1:],
        quality=Quality.DEGRADED if _is_watermarked(stream) else Quality.RENDITION,
        pixels=amount(stream.get("width")) * amount(stream.get("height")),
        bitrate=amount(_either(stream, "avg_bitrate", "avgBitrate"))
        or amount(_either(stream, "video_bitrate", "videoBitrate")),
        size=amount(stream.get("size")),
        codec=first_text(stream, "video_codec", "videoCodec") or codec,
        preferred=amount(_either(stream, "default_stream", "defaultStream")) > 0,
        duration_ms=amount(stream.get("duration")),
    )


def _addresses(stream: Mapping[str, object]) -> tuple[str, ...]:
    """The master and its backups, each once: they may repeat each other (docs/api.md#streams)."""
    masters = [stream.get(name) for name in ("master_url", "masterUrl", "url")]
    backups = _either(stream, "backup_urls", "backupUrls")
    listed = (*masters, *(sequence(backups)[:_MOST_BACKUPS] or [backups]))
    return tuple(dict.fromkeys(found for each in listed if (found := address(each))))


def _is_watermarked(stream: Mapping[str, object]) -> bool:
    kind = amount(_either(stream, "stream_type", "streamType"))
    description = first_text(stream, "stream_desc", "streamDesc", "desc")
    return kind in _WATERMARKED_TYPES or bool(_WATERMARK_WORD.search(description))


def _either(stream: Mapping[str, object], name: str, twin: str) -> object:
    return stream.get(name) or stream.get(twin)


def upload_keys(*places: tuple[str, object], md5: str = "") -> tuple[MediaSource, ...]:
    """Return the uploaded video's storage keys, from pairs of a field's name and its value.

    `md5` is the uploaded file's and belongs to no other source (docs/api.md#app-video, `media.video.md5`).
    """
    return tuple(
        MediaSource(field, key=key, quality=Quality.ORIGINAL, md5=md5)
        for field, value in places
        if (key := word(value))
    )


def distinct(sources: Iterable[MediaSource]) -> tuple[MediaSource, ...]:
    """Return the sources without those that name a URL or key again.

    At most `MOST_SOURCES` and one more, which shows that there are too many, are looked for.
    """
    kept: dict[tuple[str, str], MediaSource] = {}
    for source in sources:
        kept.setdefault((source.url, source.key), source)
        if len(kept) > MOST_SOURCES:
            break
    return tuple(kept.values())

"""Parses the `image_list` of the web (docs/api.md#web-pictures). No current endpoint sends it."""

from collections.abc import Iterator, Mapping

from xharchive.models import MediaSource, Quality
from xharchive.parsers.image_assets import MOST_PICTURES, ImageEntry, key_source, read_motion, url_sources
from xharchive.parsers.json_access import as_object, http_url, iter_objects, non_negative, stripped_text
from xharchive.parsers.streams import deduplicate

__all__ = ["read_web_images"]


def read_web_images(value: object, field: str) -> list[ImageEntry]:
    """Parse an `image_list`: one result per entry, also for an entry that is no object."""
    listed = value if isinstance(value, list) else []
    return [
        _read_image(as_object(entry), f"{field}[{index}]")
        for index, entry in enumerate(listed[: MOST_PICTURES + 1])
    ]


def _read_image(entry: Mapping[str, object], field: str) -> ImageEntry:
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

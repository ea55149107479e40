"""Pictures of the web's `image_list` (docs/api.md#web-pictures): no endpoint in use sends it."""

from collections.abc import Iterator, Mapping

from xharchive.models import MediaSource, Quality
from xharchive.parsers.fields import address, amount, entries, objects, word
from xharchive.parsers.image_assets import MOST_PICTURES, Picture, key_source, read_motion, url_sources
from xharchive.parsers.streams import distinct

__all__ = ["read_web_pictures"]


def read_web_pictures(value: object, field: str) -> list[Picture]:
    """Return the entries of an `image_list`, one picture for each entry whatever it is."""
    listed = value if isinstance(value, list) else []
    return [
        _read_picture(entries(entry), f"{field}[{index}]")
        for index, entry in enumerate(listed[: MOST_PICTURES + 1])
    ]


def _read_picture(entry: Mapping[str, object], field: str) -> Picture:
    sources = (
        *key_source(entry, field, "file_id", "trace_id"),
        *url_sources(entry, field, [("url_default",)]),
        *_scenes(entry, field),
        *url_sources(entry, field, [("url",), ("url_pre",)]),
    )
    return Picture(
        distinct(sources), amount(entry.get("width")), amount(entry.get("height")), read_motion(entry, field)
    )


def _scenes(entry: Mapping[str, object], field: str) -> Iterator[MediaSource]:
    for index, scene in enumerate(objects(entry.get("info_list"))):
        if url := address(scene.get("url")):
            marked = "_WM" in word(scene.get("image_scene")).upper()
            quality = Quality.DEGRADED if marked else None
            yield MediaSource(f"{field}.info_list[{index}].url", url=url, quality=quality)

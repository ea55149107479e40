"""Parses the sound of a note and its background music (docs/api.md#sound-and-music)."""

from collections.abc import Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, Quality, Slot
from xharchive.parsers.json_access import (
    as_md5,
    as_milliseconds,
    as_object,
    has_content,
    http_url,
    nested,
    parse_object,
)
from xharchive.parsers.streams import deduplicate

__all__ = ["read_sounds"]


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

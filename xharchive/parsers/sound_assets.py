"""The sound of a note and its background music (docs/api.md#sound-and-music)."""

from collections.abc import Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, Quality, Slot
from xharchive.parsers.fields import (
    address,
    dig,
    entries,
    md5,
    milliseconds,
    object_or_json,
    says_something,
)
from xharchive.parsers.streams import distinct

__all__ = ["read_sounds"]


def read_sounds(note: Mapping[str, object], endpoint: str) -> list[Asset]:
    """Return the sound and the music of a note; a field whose `url` is blank declares none.

    Where the `url` says something and is no address, the asset has no sources: it is missing, not undeclared.
    """
    context = object_or_json(note.get("widgets_context"))
    voice = entries(note.get("native_voice_info"))
    copy = entries(dig(context, "note_sound_info"))
    music = entries(note.get("simple_music_info"))
    sound = distinct(
        (*_source("native_voice_info", voice), *_source("widgets_context.note_sound_info", copy))
    )
    assets = []
    if any(says_something(info.get("url")) for info in (voice, copy)):
        duration = milliseconds(voice.get("duration")) or milliseconds(copy.get("duration"))
        assets.append(Asset(Slot(AssetKind.SOUND), endpoint, sound, duration_ms=duration))
    if says_something(music.get("url")):
        sources = _source("simple_music_info", music)
        duration = milliseconds(music.get("duration"))
        assets.append(Asset(Slot(AssetKind.MUSIC), endpoint, sources, duration_ms=duration))
    return assets


def _source(name: str, info: Mapping[str, object]) -> tuple[MediaSource, ...]:
    url = address(info.get("url"))
    if not url:
        return ()
    return (MediaSource(f"{name}.url", url=url, quality=Quality.RENDITION, md5=md5(info.get("md5sum"))),)

"""Parses the camelCase note of the PGY (蒲公英) endpoint (docs/api.md#pgy-pictures, docs/api.md#pgy-video).

It declares no live photos, so `motion_known` is False.
"""

from collections.abc import Iterator, Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, Author, Counts, MediaSource, Note, NoteId, NoteType, Quality, Slot
from xharchive.parsers.envelope import FoundNote
from xharchive.parsers.image_assets import (
    MOST_PICTURES,
    ImageEntry,
    assets_of_images,
    cover_from_frames,
    key_source,
    url_sources,
)
from xharchive.parsers.json_access import (
    as_datetime,
    as_object,
    as_text,
    has_content,
    http_url,
    nested,
    non_negative,
    seconds_to_ms,
    stripped_text,
)
from xharchive.parsers.note_fields import (
    first_count,
    parse_note_type,
    read_author,
    read_mentions,
    sort_assets,
    tags_in_text,
)
from xharchive.parsers.streams import deduplicate, upload_sources

_URLS = (("original",), ("url",))
_APP_MEDIA = ("images_list", "image_list", "video_info_v2", "video_info", "video")
_OWN_MEDIA = ("imagesList", "videoInfo")
_APP_IDS = ("id", "note_id")


def is_pgy_note(note: Mapping[str, object]) -> bool:
    """Whether a note object has this shape.

    Media fields decide. Those of the app come first, because only `read_app_note` parses motions. Without
    media fields the name of the id field decides.
    """
    if _has_any(note, _APP_MEDIA):
        return False
    return _has_any(note, _OWN_MEDIA) or (has_content(note.get("noteId")) and not _has_any(note, _APP_IDS))


def _has_any(note: Mapping[str, object], names: tuple[str, ...]) -> bool:
    return any(has_content(note.get(name)) for name in names)


def read_pgy_note(found: FoundNote, note_id: NoteId, endpoint: str) -> Note:
    """Parse a PGY note object. Never raises."""
    note = found.note
    video = _read_video(note, endpoint)
    kind = parse_note_type(note.get("type"))
    if kind is NoteType.UNKNOWN and video is not None and video.sources:
        kind = NoteType.VIDEO
    body = as_text(note.get("content")) or as_text(note.get("desc"))
    created = as_datetime(nested(note, "time", "createTime")) or as_datetime(note.get("createTime"))
    edited = as_datetime(nested(note, "time", "userUpdateTime"))
    return Note(
        id=note_id,
        type=kind,
        replies=(endpoint,),
        title=as_text(note.get("title")),
        text=body,
        author=_author(found),
        tags=tags_in_text(body),
        mentions=read_mentions(note.get("atUserList")),
        counts=_counts(note),
        published=created,
        # Both times are equal if the note was never edited (seed 002).
        updated=edited if edited != created else None,
        motion_known=False,
        assets=_assets(note, kind, video, endpoint),
    )


def _assets(
    note: Mapping[str, object], kind: NoteType, video: Asset | None, endpoint: str
) -> tuple[Asset, ...]:
    pictures = _read_images(note.get("imagesList"))
    assets = assets_of_images(pictures, endpoint, of_video=kind is NoteType.VIDEO)
    if kind is NoteType.VIDEO and not pictures:
        frames = (
            (f"videoInfo.{name}", nested(note, "videoInfo", name)) for name in ("firstFrame", "thumbnail")
        )
        assets = cover_from_frames(endpoint, *frames)
    if video is not None:
        assets.append(video)
    return sort_assets(assets)


def _read_images(value: object) -> list[ImageEntry]:
    listed = value if isinstance(value, list) else []
    return [
        _read_image(as_object(entry), f"imagesList[{index}]")
        for index, entry in enumerate(listed[: MOST_PICTURES + 1])
    ]


def _read_image(entry: Mapping[str, object], field: str) -> ImageEntry:
    sources = (*key_source(entry, field, "fileId", "traceId"), *url_sources(entry, field, _URLS))
    return ImageEntry(
        deduplicate(sources), non_negative(entry.get("width")), non_negative(entry.get("height"))
    )


def _read_video(note: Mapping[str, object], endpoint: str) -> Asset | None:
    info = as_object(note.get("videoInfo"))
    sources = deduplicate(_video_sources(info))
    if not sources and not has_content(info):
        return None
    meta = as_object(info.get("meta"))
    return Asset(
        Slot(AssetKind.VIDEO),
        endpoint,
        sources,
        non_negative(meta.get("width")),
        non_negative(meta.get("height")),
        seconds_to_ms(meta.get("duration")),
    )


def _video_sources(info: Mapping[str, object]) -> Iterator[MediaSource]:
    yield from upload_sources(("videoInfo.originVideoKey", info.get("originVideoKey")))
    if url := http_url(info.get("videoUrl")):
        yield MediaSource("videoInfo.videoUrl", url=url, quality=Quality.RENDITION)
    if key := stripped_text(info.get("videoKey")):
        yield MediaSource("videoInfo.videoKey", key=key, quality=Quality.RENDITION)


def _author(found: FoundNote) -> Author:
    note = found.note
    own = {name: note.get(name) for name in ("userId", "name", "redId")}
    return read_author(own, as_object(note.get("userInfo")), found.author)


def _counts(note: Mapping[str, object]) -> Counts:
    numbers = [first_count(note.get(name)) for name in ("likeNum", "favNum", "cmtNum", "shareNum", "readNum")]
    # All zeros mean missing: seed 002 has them, though its author has half a million followers.
    return Counts(*numbers) if any(numbers) else Counts()

"""The camelCase note of the PGY (蒲公英) endpoint: docs/api.md#pgy-pictures, docs/api.md#pgy-video.

It never tells of live photos, so a note read from it alone does not know its motions.
"""

from collections.abc import Iterator, Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, Author, Counts, MediaSource, Note, NoteId, NoteType, Quality, Slot
from xharchive.parsers.asset_order import in_order
from xharchive.parsers.containers import Found
from xharchive.parsers.fields import (
    address,
    amount,
    dig,
    entries,
    moment,
    says_something,
    seconds,
    text,
    word,
)
from xharchive.parsers.image_assets import (
    MOST_PICTURES,
    Picture,
    frame_cover,
    key_source,
    place_pictures,
    url_sources,
)
from xharchive.parsers.note_fields import count, note_type, read_author, read_mentions, tags_in
from xharchive.parsers.streams import distinct, upload_keys

__all__ = ["is_pgy_note", "read_pgy_note"]

_URLS = (("original",), ("url",))
_APP_MEDIA = ("images_list", "image_list", "video_info_v2", "video_info", "video")
_OWN_MEDIA = ("imagesList", "videoInfo")
_APP_IDS = ("id", "note_id")


def is_pgy_note(note: Mapping[str, object]) -> bool:
    """Whether a note object is of this shape, wherever it came from.

    Media decide, the app's before its own: only the app's reader knows motions. Without any, the id does.
    """
    if _says_any(note, _APP_MEDIA):
        return False
    return _says_any(note, _OWN_MEDIA) or (
        says_something(note.get("noteId")) and not _says_any(note, _APP_IDS)
    )


def _says_any(note: Mapping[str, object], names: tuple[str, ...]) -> bool:
    return any(says_something(note.get(name)) for name in names)


def read_pgy_note(found: Found, note_id: NoteId, endpoint: str) -> Note:
    """Return the note that a PGY note object declares. Never raises."""
    note = found.note
    video = _video(note, endpoint)
    kind = note_type(note.get("type"))
    if kind is NoteType.UNKNOWN and video is not None and video.sources:
        kind = NoteType.VIDEO
    body = text(note.get("content")) or text(note.get("desc"))
    created = moment(dig(note, "time", "createTime")) or moment(note.get("createTime"))
    touched = moment(dig(note, "time", "userUpdateTime"))
    return Note(
        id=note_id,
        type=kind,
        replies=(endpoint,),
        title=text(note.get("title")),
        text=body,
        author=_author(found),
        tags=tags_in(body),
        mentions=read_mentions(note.get("atUserList")),
        counts=_counts(note),
        published=created,
        # On a note that was never edited it equals the creation (seed 002).
        updated=touched if touched != created else None,
        motion_known=False,
        assets=_assets(note, kind, video, endpoint),
    )


def _assets(
    note: Mapping[str, object], kind: NoteType, video: Asset | None, endpoint: str
) -> tuple[Asset, ...]:
    pictures = _pictures(note.get("imagesList"))
    assets = place_pictures(pictures, endpoint, of_video=kind is NoteType.VIDEO)
    if kind is NoteType.VIDEO and not pictures:
        frames = ((f"videoInfo.{name}", dig(note, "videoInfo", name)) for name in ("firstFrame", "thumbnail"))
        assets = frame_cover(endpoint, *frames)
    if video is not None:
        assets.append(video)
    return in_order(assets)


def _pictures(value: object) -> list[Picture]:
    listed = value if isinstance(value, list) else []
    return [
        _picture(entries(entry), f"imagesList[{index}]")
        for index, entry in enumerate(listed[: MOST_PICTURES + 1])
    ]


def _picture(entry: Mapping[str, object], field: str) -> Picture:
    sources = (*key_source(entry, field, "fileId", "traceId"), *url_sources(entry, field, _URLS))
    return Picture(distinct(sources), amount(entry.get("width")), amount(entry.get("height")))


def _video(note: Mapping[str, object], endpoint: str) -> Asset | None:
    info = entries(note.get("videoInfo"))
    sources = distinct(_video_sources(info))
    if not sources and not says_something(info):
        return None
    meta = entries(info.get("meta"))
    return Asset(
        Slot(AssetKind.VIDEO),
        endpoint,
        sources,
        amount(meta.get("width")),
        amount(meta.get("height")),
        seconds(meta.get("duration")),
    )


def _video_sources(info: Mapping[str, object]) -> Iterator[MediaSource]:
    yield from upload_keys(("videoInfo.originVideoKey", info.get("originVideoKey")))
    if url := address(info.get("videoUrl")):
        yield MediaSource("videoInfo.videoUrl", url=url, quality=Quality.RENDITION)
    if key := word(info.get("videoKey")):
        yield MediaSource("videoInfo.videoKey", key=key, quality=Quality.RENDITION)


def _author(found: Found) -> Author:
    note = found.note
    own = {name: note.get(name) for name in ("userId", "name", "redId")}
    return read_author(own, entries(note.get("userInfo")), found.author)


def _counts(note: Mapping[str, object]) -> Counts:
    numbers = [count(note.get(name)) for name in ("likeNum", "favNum", "cmtNum", "shareNum", "readNum")]
    # All zero means not filled in: so it is in seed 002, the note of an author with half a million fans.
    return Counts(*numbers) if any(numbers) else Counts()

"""Parses the snake_case note of the app (v1, v3, v6, v7) and the similar note of the web.

MediaSource: seeds 000 and 001; docs/api.md#pictures, docs/api.md#video-and-sound.
"""

from collections.abc import Mapping

from xharchive.models import Asset, Author, Counts, Note, NoteId, NoteType
from xharchive.parsers.envelope import FoundNote
from xharchive.parsers.image_assets import assets_of_images, cover_from_frames, read_images, read_web_images
from xharchive.parsers.json_access import (
    as_datetime,
    as_object,
    as_text,
    first_nonblank,
    parse_object,
    stripped_text,
)
from xharchive.parsers.note_fields import (
    first_count,
    parse_note_type,
    read_author,
    read_mentions,
    read_switches,
    read_tags,
    sort_assets,
)
from xharchive.parsers.video_and_sound import read_sounds, read_subtitles, read_video, video_frames


def read_app_note(found: FoundNote, note_id: NoteId, endpoint: str) -> Note:
    """Parse an app or web note object. Never raises."""
    note = found.note
    video = read_video(note, parse_note_type(note.get("type")), endpoint)
    kind = _note_type(note, video)
    body = as_text(note.get("desc")) or as_text(note.get("content"))
    return Note(
        id=note_id,
        type=kind,
        replies=(endpoint,),
        title=as_text(note.get("title")),
        text=body,
        author=_author(found),
        tags=read_tags(note.get("hash_tag") or note.get("tag_list"), body),
        mentions=read_mentions(note.get("ats") or note.get("at_user_list")),
        counts=_counts(note),
        place=stripped_text(note.get("ip_location")),
        language=first_nonblank(note, "text_language_code"),
        published=as_datetime(note.get("time")) or as_datetime(note.get("timestamp")),
        updated=as_datetime(note.get("last_update_time")),
        switches=read_switches(note.get("function_switch")),
        save_config=as_object(note.get("media_save_config")),
        motion_known=True,
        assets=_assets(note, kind, video, endpoint),
    )


def _note_type(note: Mapping[str, object], video: Asset | None) -> NoteType:
    """Return the declared type. Without one, a video with sources makes it a video note."""
    declared = parse_note_type(note.get("type"))
    if declared is NoteType.UNKNOWN and video is not None and video.sources:
        return NoteType.VIDEO
    return declared


def _assets(
    note: Mapping[str, object], kind: NoteType, video: Asset | None, endpoint: str
) -> tuple[Asset, ...]:
    pictures = read_images(note.get("images_list"), "images_list")
    pictures = pictures or read_web_images(note.get("image_list"), "image_list")
    assets = assets_of_images(pictures, endpoint, of_video=kind is NoteType.VIDEO)
    if kind is NoteType.VIDEO and not pictures:
        assets = cover_from_frames(endpoint, *video_frames(note))
    if video is not None:
        assets.append(video)
        assets += read_subtitles(note, endpoint)
    return sort_assets((*assets, *read_sounds(note, endpoint)))


def _author(found: FoundNote) -> Author:
    context = parse_object(found.note.get("widgets_context"))
    context_author = {"id": context.get("author_id"), "name": context.get("author_name")}
    return read_author(as_object(found.note.get("user")), found.author, context_author)


def _counts(note: Mapping[str, object]) -> Counts:
    web_counts = as_object(note.get("interact_info"))
    return Counts(
        likes=first_count(note.get("liked_count"), web_counts.get("liked_count")),
        collects=first_count(note.get("collected_count"), web_counts.get("collected_count")),
        comments=first_count(note.get("comments_count"), web_counts.get("comment_count")),
        shares=first_count(note.get("shared_count"), web_counts.get("share_count")),
        # The vendor does not fill it: seeds 000 and 001 have 0, though the notes have many likes.
        views=first_count(note.get("view_count")) or None,
    )

"""The snake_case note of the app (v1, v3, v6, v7, in blocks or flat), and of the web where it resembles it.

Seeds 000 and 001; docs/api.md#pictures, docs/api.md#video-and-sound.
"""

from collections.abc import Mapping

from xharchive.models import Asset, Author, Counts, Note, NoteId, NoteType
from xharchive.parsers.asset_order import in_order
from xharchive.parsers.containers import Found
from xharchive.parsers.fields import entries, first_text, moment, object_or_json, text, word
from xharchive.parsers.image_assets import frame_cover, place_pictures, read_pictures
from xharchive.parsers.note_fields import (
    count,
    note_type,
    read_author,
    read_mentions,
    read_switches,
    read_tags,
)
from xharchive.parsers.sound_assets import read_sounds
from xharchive.parsers.video_assets import frames_of, read_subtitles, read_video
from xharchive.parsers.web import read_web_pictures

__all__ = ["read_app_note"]


def read_app_note(found: Found, note_id: NoteId, endpoint: str) -> Note:
    """Return the note that an app or web note object declares. Never raises."""
    note = found.note
    video = read_video(note, note_type(note.get("type")), endpoint)
    kind = _type(note, video)
    body = text(note.get("desc")) or text(note.get("content"))
    return Note(
        id=note_id,
        type=kind,
        replies=(endpoint,),
        title=text(note.get("title")),
        text=body,
        author=_author(found),
        tags=read_tags(note.get("hash_tag") or note.get("tag_list"), body),
        mentions=read_mentions(note.get("ats") or note.get("at_user_list")),
        counts=_counts(note),
        place=word(note.get("ip_location")),
        language=first_text(note, "text_language_code"),
        published=moment(note.get("time")) or moment(note.get("timestamp")),
        updated=moment(note.get("last_update_time")),
        switches=read_switches(note.get("function_switch")),
        save_config=entries(note.get("media_save_config")),
        motion_known=True,
        assets=_assets(note, kind, video, endpoint),
    )


def _type(note: Mapping[str, object], video: Asset | None) -> NoteType:
    """The declared type; where there is none, a video that can be had makes it a video note."""
    declared = note_type(note.get("type"))
    if declared is NoteType.UNKNOWN and video is not None and video.sources:
        return NoteType.VIDEO
    return declared


def _assets(
    note: Mapping[str, object], kind: NoteType, video: Asset | None, endpoint: str
) -> tuple[Asset, ...]:
    pictures = read_pictures(note.get("images_list"), "images_list")
    pictures = pictures or read_web_pictures(note.get("image_list"), "image_list")
    assets = place_pictures(pictures, endpoint, of_video=kind is NoteType.VIDEO)
    if kind is NoteType.VIDEO and not pictures:
        assets = frame_cover(endpoint, *frames_of(note))
    if video is not None:
        assets.append(video)
        assets += read_subtitles(note, endpoint)
    return in_order((*assets, *read_sounds(note, endpoint)))


def _author(found: Found) -> Author:
    context = object_or_json(found.note.get("widgets_context"))
    hinted = {"id": context.get("author_id"), "name": context.get("author_name")}
    return read_author(entries(found.note.get("user")), found.author, hinted)


def _counts(note: Mapping[str, object]) -> Counts:
    web = entries(note.get("interact_info"))
    return Counts(
        likes=count(note.get("liked_count"), web.get("liked_count")),
        collects=count(note.get("collected_count"), web.get("collected_count")),
        comments=count(note.get("comments_count"), web.get("comment_count")),
        shares=count(note.get("shared_count"), web.get("share_count")),
        # 0 on every captured note, however often it was liked (seeds 000, 001): the field is not filled.
        views=count(note.get("view_count")) or None,
    )

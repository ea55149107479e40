"""Parse a note object of any shape: the app's, the similar one of the web, and the camelCase one of pgy.

Source: seeds 000, 001 and 002; docs/api.md#containers, docs/api.md#times-and-counts. What no real note has,
such as a text of 100,000 characters, is cut, and a remark says so. The raw reply is saved complete, so a cut
loses nothing.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TypeVar

from xharchive.media import AssetKind
from xharchive.models import Asset, Author, Counts, Mention, Note, NoteId, NoteType
from xharchive.parsers.envelope import APP_MEDIA, CAMEL_CASE_MEDIA, FoundNote
from xharchive.parsers.image_assets import read_cover_frame, read_images
from xharchive.parsers.json_access import (
    as_object,
    as_text,
    counts,
    has_any,
    nested,
    objects_in,
    parse_object,
    texts,
    times,
)
from xharchive.parsers.json_text import MOST_ITEMS
from xharchive.parsers.video_assets import MOST_SOURCES, read_sounds, read_subtitles, read_video

LONGEST_TEXT = 100_000
"""Limit of characters of a title, and of a text (the app allows 20 and 1,000)."""
LONGEST_NAME = 300
"""Limit of characters of a name, an id, a tag or a place."""
MOST_TAGS = 500
"""Limit of tags, and of mentions."""
MOST_SWITCHES = 50
_LONGEST_SETTINGS = 20_000
"""Limit of characters of the author's settings as JSON."""

_TYPES = {"normal": NoteType.IMAGE, "1": NoteType.IMAGE, "video": NoteType.VIDEO, "2": NoteType.VIDEO}
_TAG_IN_TEXT = re.compile(r"#([^#\[\]\r\n]+)\[话题\]#?")
_USER_FIELDS = ("id|userid|user_id|userId", "name|nickname|nickName|nick_name", "red_id|redId")
_COUNT_FIELDS = (
    "liked_count|interact_info.liked_count|likeNum",
    "collected_count|interact_info.collected_count|favNum",
    "comments_count|interact_info.comment_count|cmtNum",
    "shared_count|interact_info.share_count|shareNum",
    "view_count|readNum",
)
_TIME_FIELDS = ("time|timestamp|time.createTime|createTime", "last_update_time|time.userUpdateTime")
# Images and motions share a rank: the position then puts each motion behind its still.
_RANKS = {
    AssetKind.VIDEO: 0,
    AssetKind.COVER: 1,
    AssetKind.IMAGE: 2,
    AssetKind.LIVE: 2,
    AssetKind.SUBTITLE: 3,
    AssetKind.SOUND: 4,
    AssetKind.MUSIC: 5,
}

_Item = TypeVar("_Item")


def sort_assets(assets: Iterable[Asset]) -> tuple[Asset, ...]:
    """Sort by kind: video, cover, each image with its motion, subtitles, sound, music."""
    return tuple(sorted(assets, key=lambda asset: (_RANKS[asset.slot.kind], asset.slot.position, asset.slot)))


def parse_note_type(value: object) -> NoteType:
    """Parse a note type: "normal" or 1 is an image note, "video" or 2 a video note, anything else UNKNOWN."""
    return _TYPES.get(as_text(value).strip().lower(), NoteType.UNKNOWN)


def read_author(*users: Mapping[str, object]) -> Author:
    """Return the author; take each field from the first user object that has it."""
    found = [texts(user, *_USER_FIELDS) for user in users]
    return Author(*(next(filter(None, names), "") for names in zip(*found, strict=True)))


def read_note_object(found: FoundNote, note_id: NoteId, endpoint: str, *, shortened: bool) -> Note:
    """Parse a note object. Never raises.

    Args:
        shortened: the lists of the reply were cut before parsing; adds a remark.
    """
    note = {**found.note, "widgets_context": parse_object(found.note.get("widgets_context"))}
    is_pgy = _is_pgy(note)
    kind, assets = _read_assets(note, endpoint, is_pgy=is_pgy)
    text = as_text(note.get("desc")) or as_text(note.get("content"))
    published, updated = times(note, *_TIME_FIELDS)
    place, language = texts(note, "ip_location", "text_language_code")
    author = _read_author_of(note, found.author, is_pgy=is_pgy)
    limit = _Limiter(endpoint)
    if shortened:
        limit.remark(
            "reply", f"the reply has too many values; of each list the first {MOST_ITEMS:,} were read"
        )
    return Note(
        id=note_id,
        type=kind,
        replies=(endpoint,),
        title=limit.text("title", as_text(note.get("title")), LONGEST_TEXT),
        text=limit.text("text", text, LONGEST_TEXT),
        author=Author(
            limit.text("author's id", author.id),
            limit.text("author's name", author.name),
            limit.text("author's red_id", author.red_id),
        ),
        tags=tuple(limit.text("tag", tag) for tag in limit.items("tags", _read_tags(note, text), MOST_TAGS)),
        mentions=tuple(
            Mention(limit.text("mention's id", mention.id), limit.text("mention's name", mention.name))
            for mention in limit.items("mentions", _read_mentions(note), MOST_TAGS)
        ),
        counts=_read_counts(note, is_pgy=is_pgy),
        place=limit.text("place", place),
        language=limit.text("language", language),
        published=published,
        # Both times of pgy are equal if the note was never edited (seed 002).
        updated=updated if updated != published else None,
        switches=limit.settings(
            "function_switch",
            limit.items("function_switch", objects_in(note.get("function_switch")), MOST_SWITCHES),
        ),
        save_config=next(
            iter(limit.settings("media_save_config", [as_object(note.get("media_save_config"))])), {}
        ),
        motion_known=not is_pgy,
        assets=tuple(map(limit.sources, assets)),
        remarks=tuple(limit.remarks.values()),
    )


def _is_pgy(note: Mapping[str, object]) -> bool:
    """Whether a note has the shape of pgy, which declares no motions: media decide, those of the app first.

    Without media the name of the id field decides.
    """
    if has_any(note, *APP_MEDIA):
        return False
    return has_any(note, *CAMEL_CASE_MEDIA) or (
        has_any(note, "noteId") and not has_any(note, "id", "note_id")
    )


def _read_assets(
    note: Mapping[str, object], endpoint: str, *, is_pgy: bool
) -> tuple[NoteType, tuple[Asset, ...]]:
    """Return the type and the assets. Without a declared type, a video with sources makes a video note."""
    kind = parse_note_type(note.get("type"))
    video = read_video(note, kind, endpoint)
    if kind is NoteType.UNKNOWN and video is not None and video.sources:
        kind = NoteType.VIDEO
    of_video = kind is NoteType.VIDEO
    names = ("imagesList",) if is_pgy else ("images_list", "image_list")
    assets: list[Asset] = []
    for name in names:
        assets = assets or read_images(note, name, endpoint, of_video=of_video)
    if of_video and not assets:
        assets = read_cover_frame(note, endpoint)
    if video is not None:
        assets += [video, *read_subtitles(note, endpoint)]
    return kind, sort_assets(assets + read_sounds(note, endpoint))


def _read_author_of(note: Mapping[str, object], container: Mapping[str, object], *, is_pgy: bool) -> Author:
    own = {name: note.get(name) for name in ("userId", "name", "redId")} if is_pgy else {}
    context = {name: nested(note, f"widgets_context.author_{name}") for name in ("id", "name")}
    return read_author(as_object(note.get("user")), own, as_object(note.get("userInfo")), container, context)


def _read_tags(note: Mapping[str, object], text: str) -> list[str]:
    """Return the names in the list of tags, or else those in the text (`#name[话题]#`), each once."""
    listed = [texts(tag, "name")[0] for tag in objects_in(note.get("hash_tag") or note.get("tag_list"))]
    return list(dict.fromkeys(filter(None, listed))) or list(
        dict.fromkeys(filter(None, map(str.strip, _TAG_IN_TEXT.findall(text))))
    )


def _read_mentions(note: Mapping[str, object]) -> list[Mention]:
    """Return the users that the text mentions, each once."""
    users = objects_in(note.get("ats") or note.get("at_user_list") or note.get("atUserList"))
    names = (tuple(texts(user, *_USER_FIELDS[:2])) for user in users)
    return [Mention(*each) for each in dict.fromkeys(names) if any(each)]


def _read_counts(note: Mapping[str, object], *, is_pgy: bool) -> Counts:
    likes, collects, comments, shares, views = counts(note, *_COUNT_FIELDS)
    # All zeros mean missing at pgy: seed 002 has them, though its author has half a million followers.
    if is_pgy and not any((likes, collects, comments, shares, views)):
        return Counts()
    # The app's views are never filled: seeds 000 and 001 have 0, though the notes have many likes.
    return Counts(likes, collects, comments, shares, views if is_pgy else views or None)


class _Limiter:
    """Cuts texts and lists that exceed a limit, and collects a remark for each; one for all tags."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.remarks: dict[str, str] = {}

    def remark(self, subject: str, sentence: str) -> None:
        self.remarks.setdefault(subject, f"{self._endpoint}: {sentence}")

    def text(self, name: str, text: str, most: int = LONGEST_NAME) -> str:
        if len(text) > most:
            self.remark(name, f"{name}: the first {most:,} of {len(text):,} characters are recorded")
        return text[:most]

    def items(self, name: str, items: Sequence[_Item], most: int) -> Sequence[_Item]:
        if len(items) > most:
            self.remark(name, f"{name}: the first {most:,} of {len(items):,} are recorded")
        return items[:most]

    def settings(
        self, name: str, settings: Sequence[Mapping[str, object]]
    ) -> tuple[Mapping[str, object], ...]:
        """Return the first objects, as many as have room as JSON."""
        sizes = accumulate(len(json.dumps(each, ensure_ascii=False)) for each in settings)
        most = sum(size <= _LONGEST_SETTINGS for size in sizes)
        if most < len(settings):
            sentence = f"{name}: more than {_LONGEST_SETTINGS:,} characters; the rest is not recorded"
            self.remark(f"size of {name}", sentence)
        return tuple(settings[:most])

    def sources(self, asset: Asset) -> Asset:
        if len(asset.sources) <= MOST_SOURCES:
            return asset
        sentence = f"{asset.slot}: of its addresses the first {MOST_SOURCES} were read"
        self.remark(str(asset.slot), sentence)
        return replace(asset, sources=asset.sources[:MOST_SOURCES])

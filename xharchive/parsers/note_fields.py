"""Parse the metadata of a note: type, author, mentions, tags, counts, switches; sort its assets."""

import re
from collections.abc import Iterable, Mapping

from xharchive.media import AssetKind
from xharchive.models import Asset, Author, Mention, NoteType
from xharchive.parsers.json_access import as_integer, first_nonblank, iter_objects, stripped_text

_TYPES = {
    "normal": NoteType.IMAGE,
    "1": NoteType.IMAGE,
    "video": NoteType.VIDEO,
    "2": NoteType.VIDEO,
}
_TAG_IN_TEXT = re.compile(r"#([^#\[\]\r\n]+)\[话题\]#?")


def parse_note_type(value: object) -> NoteType:
    """Parse a note type: "normal" or 1 is an image note, "video" or 2 a video note, anything else UNKNOWN."""
    return _TYPES.get(stripped_text(value).lower(), NoteType.UNKNOWN)


def read_author(*users: Mapping[str, object]) -> Author:
    """Return the author; take each field from the first user object that has it."""
    return Author(
        _first_field(users, "id", "userid", "user_id", "userId"),
        _first_field(users, "name", "nickname", "nickName", "nick_name"),
        _first_field(users, "red_id", "redId"),
    )


def _first_field(users: Iterable[Mapping[str, object]], *names: str) -> str:
    return next(filter(None, (first_nonblank(user, *names) for user in users)), "")


def read_mentions(value: object) -> tuple[Mention, ...]:
    """Return the users that the text mentions (`ats`, `atUserList`, `at_user_list`), each once."""
    found = (
        Mention(
            first_nonblank(user, "id", "userid", "user_id", "userId"),
            first_nonblank(user, "name", "nickname", "nickName"),
        )
        for user in iter_objects(value)
    )
    return tuple(dict.fromkeys(mention for mention in found if mention.id or mention.name))


def read_tags(value: object, text: str) -> tuple[str, ...]:
    """Return the names in a list of tags, each once. Without a list, return `tags_in_text`."""
    names = (stripped_text(tag.get("name")) for tag in iter_objects(value))
    return tuple(dict.fromkeys(filter(None, names))) or tags_in_text(text)


def tags_in_text(text: str) -> tuple[str, ...]:
    """Return the tags in a text (`#name[话题]#`), each once."""
    return tuple(dict.fromkeys(name for match in _TAG_IN_TEXT.findall(text) if (name := match.strip())))


def first_count(*values: object) -> int | None:
    """Return the first value that is an integer of 0 or more, or None."""
    found = (as_integer(value) for value in values)
    return next((number for number in found if number is not None and number >= 0), None)


def read_switches(value: object) -> tuple[Mapping[str, object], ...]:
    """Return the author's switches unchanged (docs/api.md#authors-switches)."""
    return tuple(iter_objects(value))


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


def sort_assets(assets: Iterable[Asset]) -> tuple[Asset, ...]:
    """Sort by kind: video, cover, each image with its motion, subtitles, sound, music."""
    return tuple(sorted(assets, key=lambda asset: (_RANKS[asset.slot.kind], asset.slot.position, asset.slot)))

"""Everything about a note that is not media, read from fields that the shapes share under different names."""

import re
from collections.abc import Iterable, Mapping

from xharchive.models import Author, Mention, NoteType
from xharchive.parsers.fields import first_text, integer, objects, word

__all__ = ["count", "note_type", "read_author", "read_mentions", "read_switches", "read_tags", "tags_in"]

_TYPES = {
    "normal": NoteType.IMAGE,
    "1": NoteType.IMAGE,
    "video": NoteType.VIDEO,
    "2": NoteType.VIDEO,
}
_TAG_IN_TEXT = re.compile(r"#([^#\[\]\r\n]+)\[话题\]#?")


def note_type(value: object) -> NoteType:
    """Return the type that a reply names: "normal" or 1, "video" or 2; UNKNOWN for the rest."""
    return _TYPES.get(word(value).lower(), NoteType.UNKNOWN)


def read_author(*users: Mapping[str, object]) -> Author:
    """Return the author, each part from the first of the users that has it."""
    return Author(
        _first(users, "id", "userid", "user_id", "userId"),
        _first(users, "name", "nickname", "nickName", "nick_name"),
        _first(users, "red_id", "redId"),
    )


def _first(users: Iterable[Mapping[str, object]], *names: str) -> str:
    return next(filter(None, (first_text(user, *names) for user in users)), "")


def read_mentions(value: object) -> tuple[Mention, ...]:
    """Return the users named in the text (`ats`, `atUserList`, `at_user_list`), each once."""
    found = (
        Mention(
            first_text(user, "id", "userid", "user_id", "userId"),
            first_text(user, "name", "nickname", "nickName"),
        )
        for user in objects(value)
    )
    return tuple(dict.fromkeys(mention for mention in found if mention.id or mention.name))


def read_tags(value: object, text: str) -> tuple[str, ...]:
    """Return the names of a tag list in its order, each once; without them, the tags that the text marks."""
    names = (word(tag.get("name")) for tag in objects(value))
    return tuple(dict.fromkeys(filter(None, names))) or tags_in(text)


def tags_in(text: str) -> tuple[str, ...]:
    """Return the tags that a text marks as `#name[话题]#`, in their order, each once."""
    return tuple(dict.fromkeys(name for match in _TAG_IN_TEXT.findall(text) if (name := match.strip())))


def count(*values: object) -> int | None:
    """Return the first value that is a count; a negative number says nothing."""
    found = (integer(value) for value in values)
    return next((number for number in found if number is not None and number >= 0), None)


def read_switches(value: object) -> tuple[Mapping[str, object], ...]:
    """Return the author's switches as the platform words them (docs/api.md#authors-switches)."""
    return tuple(objects(value))

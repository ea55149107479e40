"""What a manifest says about its note, as a value. The JSON form is untrusted: every field is checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

from xharchive.models import Author, Counts, Mention

_LINK = re.compile(r"https://www\.xiaohongshu\.com/explore/[0-9a-f]{24}")
_COUNTS = tuple(each.name for each in fields(Counts))
_MAX_ENTRIES = 20_000
_MAX_TEXT_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class NoteMetadata:
    """The metadata of a note. All of it is "", empty or None for a note that no endpoint has.

    Attributes:
        published: in UTC.
        published_text, updated_text: the times as ISO 8601 in +08:00.
        author_switches: functions that the author switched off, as the API sent them.
        remarks: what the parser noticed.
    """

    type: str = ""
    url: str = ""
    title: str = ""
    text: str = ""
    author: Author = field(default_factory=Author)
    tags: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    counts: Counts = field(default_factory=Counts)
    place: str = ""
    language: str = ""
    published: datetime | None = None
    published_text: str = ""
    updated_text: str = ""
    author_switches: Mapping[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read_metadata(note: Mapping[str, object]) -> NoteMetadata:
    """Read the metadata of a note from its JSON form.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: a field is missing or wrong.
    """
    if not note:
        return NoteMetadata()
    kind = as_text(note["type"])
    published, updated = (
        as_object(note["published"]),
        as_object(note["updated"] or {"china": "", "utc": None}),
    )
    author = as_object(note["author"])
    if not _LINK.fullmatch(url := as_text(note["url"])):
        raise ValueError("the note's link is no link to a note")
    as_moment(updated["utc"])
    return NoteMetadata(
        type=kind,
        url=url,
        title=as_text(note["title"]),
        text=as_text(note["text"]),
        author=Author(as_text(author["id"]), as_text(author["name"]), str(author.get("red_id", ""))),
        tags=tuple(map(as_text, as_list(note["tags"]))),
        mentions=tuple(
            Mention(as_text(person["id"]), as_text(person["name"]))
            for person in map(as_object, as_list(note["mentions"]))
        ),
        counts=_counts(as_object(note["counts"])),
        place=as_text(note["place"]),
        language=as_text(note["language"]),
        published=as_moment(published["utc"]),
        published_text=as_text(published["china"]),
        updated_text=as_text(updated["china"]),
        author_switches=as_object(note["author_switches"]),
        remarks=tuple(map(as_text, as_list(note.get("remarks", [])))),
    )


def _counts(found: Mapping[str, object]) -> Counts:
    counts: dict[str, int | None] = {}
    for name, count in found.items():
        if not isinstance(count, int | None):
            raise TypeError(f"expected a count, found {type(count).__name__}")
        counts[name] = count
    return Counts(*map(counts.get, _COUNTS))


def as_text(value: object) -> str:
    """Return the value if it is a text of a reasonable length, else raise TypeError or ValueError."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    if len(value) > _MAX_TEXT_CHARS:
        raise ValueError(f"a text of more than {_MAX_TEXT_CHARS:,} characters")
    return value


def as_object(value: object) -> Mapping[str, object]:
    """Return the value if it is an object, else raise TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def as_list(value: object) -> list[object]:
    """Return the value if it is a list of a reasonable length, else raise TypeError or ValueError."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    if len(value) > _MAX_ENTRIES:
        raise ValueError(f"a list of more than {_MAX_ENTRIES:,} entries")
    return value


def as_moment(value: object) -> datetime | None:
    """Return a time with its offset from UTC in UTC, None for None, else raise TypeError or ValueError."""
    if value is None:
        return None
    moment = datetime.fromisoformat(as_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time without its offset from UTC")
    return moment.astimezone(UTC)

"""The manifest of a note as a value: its metadata, files, missing assets, and the replies it was read from.

The JSON form is untrusted: every field is checked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum

from xharchive import __version__
from xharchive.models import Author, Counts, Mention, NoteId, Quality, Slot

SCHEMA_VERSION = 1
"""Raise it when a reader of the older form would misread the newer one."""

DOUBTFUL_REASONS = frozenset(("not-as-declared", "same-bytes"))
"""Reasons of missing assets that have a file, which may not be the one that the note declares."""

LOST_REPLY = "lost"
"""Outcome of a saved reply that is lost, as the user of the archive accepted."""

_LINK = re.compile(r"https://www\.xiaohongshu\.com/explore/[0-9a-f]{24}")
_COUNTS = tuple(each.name for each in fields(Counts))
_MAX_ENTRIES = 20_000
_MAX_TEXT_CHARS = 1_000_000


class State(StrEnum):
    """A note is partial as soon as its manifest has one missing asset (promise 4)."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    EMPTY = "empty"


class Role(StrEnum):
    """An original is a file as it was downloaded; a derivative was made from one here."""

    ORIGINAL = "original"
    DERIVATIVE = "derivative"


@dataclass(frozen=True, slots=True)
class RefusedCandidate:
    """A URL that was tried for an asset and failed."""

    host: str
    path: str
    quality: Quality
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the note folder.

    Attributes:
        width, height: in pixels as displayed; 0 if unknown.
        duration_ms: 0 if the file has none or it is unknown.
        orientation: EXIF orientation that turns the stored pixels of an image for display.
        checks: checks that the file passed before it got its name.
        problem: what is wrong with an original that is kept anyway: no decoder reads it, or it differs from
            what the reply declares.
        refused: candidates that failed before this one.
        stands_for: path of the original of the same slot that no decoder reads, if this file of lesser
            quality shows its image.
        derived_from, tool, settings, lost: of derivatives only; `lost` lists what the derivative does not
            have.
    """

    path: str
    role: Role
    slot: Slot
    size: int
    sha256: str
    media_type: str
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    quality: Quality | None = None
    host: str = ""
    url_path: str = ""
    endpoint: str = ""
    fetched: datetime | None = None
    checks: tuple[str, ...] = ()
    problem: str = ""
    refused: tuple[RefusedCandidate, ...] = ()
    derived_from: str = ""
    tool: str = ""
    settings: str = ""
    lost: tuple[str, ...] = ()
    stands_for: str = ""
    orientation: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the original of its slot, not a derivative or a stand-in of lesser quality."""
        return self.role is Role.ORIGINAL and not self.stands_for

    @property
    def is_readable(self) -> bool:
        """Whether programs can show the file, as far as is known. If not, `problem` says why."""
        return not self.problem or "decoded" in self.checks or not self.media_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class MissingAsset:
    """A declared asset (role `original`) or a derivative that is missing, or doubtful."""

    slot: Slot
    role: Role
    reason: str
    detail: str
    tried: tuple[RefusedCandidate, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyEntry:
    """A saved reply. `outcome` is "note", the reason why it gave none, or `LOST_REPLY`."""

    endpoint: str
    path: str
    size: int
    sha256: str
    outcome: str


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


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a note.

    Attributes:
        note: the note's metadata in JSON form, {} for an empty note. A manifest that is written again keeps
            fields that this version does not know.
    """

    id: NoteId
    state: State
    note: Mapping[str, object] = field(default_factory=dict)
    files: tuple[FileEntry, ...] = ()
    gaps: tuple[MissingAsset, ...] = ()
    replies: tuple[ReplyEntry, ...] = ()
    archived: datetime | None = None
    generator: str = f"xharchive {__version__}"

    @property
    def title(self) -> str:
        """The note's title, "" if it has none."""
        return str(self.note.get("title", ""))

    @property
    def metadata(self) -> NoteMetadata:
        """The note's metadata. `parse` has checked that it can be read."""
        return read_metadata(self.note)


def read_metadata(note: Mapping[str, object]) -> NoteMetadata:
    """Read the metadata of a note from its JSON form; raise as `file_from_object` if a field is wrong."""
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
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside of the calendar") from None

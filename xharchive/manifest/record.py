"""The record of one note: its files, its gaps, the replies it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from xharchive import __version__
from xharchive.models import NoteId, Quality, Slot

SCHEMA_VERSION = 1
"""Goes up when a reader of the older form would misread the newer one."""


DOUBTFUL = frozenset(("not-as-declared", "same-bytes"))
"""The reasons of gaps whose file is there, and may not be the one that the note declares."""

LOST = "lost"
"""The outcome of a kept reply that was lost afterwards, which the owner of the archive accepted."""


class State(StrEnum):
    """A note is partial as soon as one gap is on record (promise 4)."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    EMPTY = "empty"


class Role(StrEnum):
    """An original is the file as downloaded; a derivative was made from it here."""

    ORIGINAL = "original"
    DERIVATIVE = "derivative"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A URL that was tried for an asset and did not give it."""

    host: str
    path: str
    quality: Quality
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the note folder. `duration_ms`, pixels: 0 where the file has none or does not tell.

    Width and height are as shown; `orientation`, EXIF's number, is how a picture's stored pixels are turned
    for that. `checks` names what was verified before the
    file got its name; `problem` says what is wrong with an original that is kept all the same: no decoder
    reads it, or it is not what the reply declares. `stands_for` is the path of an original of the same slot
    that no decoder reads, on a lesser file that shows it. `derived_from`, `tool`, `settings` and `lost`
    belong to derivatives.
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
    refused: tuple[Refusal, ...] = ()
    derived_from: str = ""
    tool: str = ""
    settings: str = ""
    lost: tuple[str, ...] = ()
    stands_for: str = ""
    orientation: int = 1

    @property
    def is_main(self) -> bool:
        """Whether it is the original of its slot, and not a lesser one beside it or made from it."""
        return self.role is Role.ORIGINAL and not self.stands_for

    @property
    def is_readable(self) -> bool:
        """Whether programs can show it, as far as is known; if not, `problem` says why."""
        return not self.problem or "decoded" in self.checks or not self.media_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class Gap:
    """A declared asset (`role` original) or a derivative that is not there, or not surely the right one."""

    slot: Slot
    role: Role
    reason: str
    detail: str
    tried: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyEntry:
    """A kept reply: its endpoint, file and digest; `outcome` is "note", why it gave none, or `LOST`."""

    endpoint: str
    path: str
    size: int
    sha256: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The record of one note. `note` is its metadata in JSON form, {} for an empty note."""

    id: NoteId
    state: State
    note: Mapping[str, object] = field(default_factory=dict)
    files: tuple[FileEntry, ...] = ()
    gaps: tuple[Gap, ...] = ()
    replies: tuple[ReplyEntry, ...] = ()
    archived: datetime | None = None
    generator: str = f"xharchive {__version__}"

    @property
    def title(self) -> str:
        """The note's title, "" where it has none."""
        return str(self.note.get("title", ""))

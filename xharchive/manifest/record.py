"""The manifest of a note as a value: its files, missing assets, and the replies it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from xharchive import __version__
from xharchive.manifest.metadata import NoteMetadata, read_metadata
from xharchive.models import NoteId, Quality, Slot

SCHEMA_VERSION = 1
"""Raise it when a reader of the older form would misread the newer one."""

DOUBTFUL_REASONS = frozenset(("not-as-declared", "same-bytes"))
"""Reasons of missing assets that have a file, which may not be the one that the note declares."""

LOST_REPLY = "lost"
"""Outcome of a saved reply that is lost, as the user of the archive accepted."""


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

"""The nouns: notes, assets, the sources a reply declares for them, and the candidates made of those.

Everything here is a frozen value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from xharchive.media import AssetKind

__all__ = [
    "LARGEST_KEPT_REPLY",
    "LARGEST_REPLY",
    "Asset",
    "Author",
    "Candidate",
    "Counts",
    "Listed",
    "Mention",
    "Note",
    "NoteId",
    "NoteType",
    "Quality",
    "Slot",
    "Source",
]

LARGEST_REPLY = 16 * 1024 * 1024
"""Bytes of an API reply that is accepted."""
LARGEST_KEPT_REPLY = 2 * LARGEST_REPLY
"""Bytes of a kept reply that is read again: what is put in the token's place may be longer than it."""

_NOTE_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, order=True)
class NoteId:
    """A note's id: 24 lower-case hex digits, the first 8 its publish time in Unix seconds.

    Raises:
        ValueError: the text is not such an id.
    """

    text: str

    def __post_init__(self) -> None:
        if not _NOTE_ID.fullmatch(self.text):
            raise ValueError(f"not a note id: {self.text[:40]!r}")

    @classmethod
    def unpacked(cls, packed: bytes) -> "NoteId":
        """Return the id that was packed into 12 bytes; whatever they are, that is one: nothing is checked."""
        made = object.__new__(cls)
        object.__setattr__(made, "text", packed.hex())
        return made

    def __str__(self) -> str:
        return self.text

    @property
    def published(self) -> datetime:
        """The publish time that the id itself carries (UTC)."""
        return datetime.fromtimestamp(int(self.text[:8], 16), UTC)


class NoteType(StrEnum):
    """What the platform calls the note; UNKNOWN when no reply says."""

    IMAGE = "image"
    VIDEO = "video"
    UNKNOWN = "unknown"


class Quality(StrEnum):
    """How near to the uploaded file the bytes of a URL are, best first (docs/api.md#quality)."""

    ORIGINAL = "original"
    RENDITION = "rendition"
    TRANSCODE = "transcode"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """The place of an asset in its note.

    `position` counts pictures from 1 in the order of the reply's list (never its `index` field); a live
    photo's motion has the position of its still. It is 0 where a note has only one of the kind. `label` tells
    several of a kind apart where a number would say nothing: the language of a subtitle.
    """

    kind: AssetKind
    position: int = 0
    label: str = ""

    def __str__(self) -> str:
        return "-".join(str(part) for part in (self.kind, self.position or "", self.label) if part)


@dataclass(frozen=True, slots=True)
class Source:
    """One way to an asset, as a reply declares it: an absolute `url`, or a storage `key` to derive URLs from.

    `field` names the place in the reply. `quality` is None where only the URL can tell. `pixels` is width ×
    height of this rendition, `bitrate` in bits a second, `size` in bytes, `md5` in lower-case hex,
    `duration_ms` that of a stream; 0 and "" mean that the reply does not say. `preferred` is the platform's
    own default mark, worth little (docs/api.md#streams). `unproven` marks a derivation that nobody has
    confirmed: it is tried last.
    """

    field: str
    url: str = ""
    key: str = ""
    quality: Quality | None = None
    pixels: int = 0
    bitrate: int = 0
    size: int = 0
    md5: str = ""
    codec: str = ""
    preferred: bool = False
    unproven: bool = False
    backups: tuple[str, ...] = ()
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Asset:
    """Something a note declares; `endpoint` is the reply that declared it.

    Without sources it is a missing asset. `left_out` says in a sentence which bound left its sources out.
    """

    slot: Slot
    endpoint: str
    sources: tuple[Source, ...]
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One URL to try for an asset; `size` (bytes) and `md5` are declared for exactly this file.

    `derived`: made here by a rule, not given by the reply. `guessed`: derived, and only a rule says that this
    host has the file, where another one is known to; such a host is tried and never waited for.
    `duration_ms` is what the reply declares for this stream, 0 where it does not.
    """

    url: str
    quality: Quality
    field: str
    size: int = 0
    md5: str = ""
    derived: bool = False
    guessed: bool = False
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Author:
    """Who posted the note; `red_id` is the number the app shows."""

    id: str = ""
    name: str = ""
    red_id: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A user named in the text."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Engagement at the time of the reply; None where the reply does not say."""

    likes: int | None = None
    collects: int | None = None
    comments: int | None = None
    shares: int | None = None
    views: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A note as a listing shows it; a hint, not a record: None and "" where the card does not say."""

    id: NoteId
    type: NoteType = NoteType.UNKNOWN
    title: str = ""
    author: Author = field(default_factory=Author)
    published: datetime | None = None
    likes: int | None = None
    cover: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A note as one reply, or several merged, declare it.

    `replies` names the endpoints it was read from, first the one that identifies it. `motion_known` is False
    when no reply could have told of live photos (PGY). `switches` and `save_config` are the author's wishes
    on saving, as the platform words them (`function_switch`, `media_save_config`). `remarks` say in
    sentences what the record leaves out of a reply that is longer than any honest one.
    """

    id: NoteId
    type: NoteType
    replies: tuple[str, ...]
    title: str = ""
    text: str = ""
    author: Author = field(default_factory=Author)
    tags: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    counts: Counts = field(default_factory=Counts)
    place: str = ""
    language: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    switches: tuple[Mapping[str, object], ...] = ()
    save_config: Mapping[str, object] = field(default_factory=dict)
    motion_known: bool = True
    assets: tuple[Asset, ...] = ()
    remarks: tuple[str, ...] = ()

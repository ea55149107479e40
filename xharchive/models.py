"""Notes and short links, assets, their sources in a reply, and the candidates (URLs) made from those."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from xharchive.media import AssetKind

LARGEST_REPLY = 16 * 1024 * 1024
"""The most bytes of an API reply."""
LARGEST_SAVED_REPLY = 2 * LARGEST_REPLY
"""The most bytes of a saved reply. It may be longer than the reply was: redaction replaces the token."""

_NOTE_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, order=True)
class NoteId:
    """The id of a note: 24 lower-case hex digits, the first 8 its publish time in Unix seconds.

    Any other text raises `ValueError`.
    """

    text: str

    def __post_init__(self) -> None:
        if not _NOTE_ID.fullmatch(self.text):
            raise ValueError(f"not a note id: {self.text[:40]!r}")

    @classmethod
    def unpacked(cls, packed: bytes) -> "NoteId":
        """Return the id that 12 bytes encode. There is no check: any 12 bytes are an id."""
        made = object.__new__(cls)
        object.__setattr__(made, "text", packed.hex())
        return made

    def __str__(self) -> str:
        return self.text

    @property
    def published(self) -> datetime:
        """The publish time in the id (UTC)."""
        return datetime.fromtimestamp(int(self.text[:8], 16), UTC)


class NoteType(StrEnum):
    """The type that the platform gives the note; UNKNOWN if no reply says it."""

    IMAGE = "image"
    VIDEO = "video"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ShortLink:
    """A short link: https, without a query."""

    url: str

    @property
    def key(self) -> str:
        """The name of the link's folder: 16 hex digits of its SHA-256."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class PendingNote:
    """A note that a run was asked for and has not finished, and its type, as far as it is known.

    `options` are those of that run, as a JSON array of command-line arguments; None if unknown.
    """

    target: NoteId | ShortLink
    hint: NoteType = NoteType.UNKNOWN
    options: str | None = None


class Quality(StrEnum):
    """How close the bytes of a URL are to the uploaded file, best first (docs/api.md#quality)."""

    ORIGINAL = "original"
    RENDITION = "rendition"
    TRANSCODE = "transcode"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """The place of an asset in its note.

    Attributes:
        position: the number of a picture from 1; a live photo's motion has that of its still. 0 for a kind
            that a note has once.
        label: the language of a subtitle.
    """

    kind: AssetKind
    position: int = 0
    label: str = ""

    def __str__(self) -> str:
        return "-".join(str(part) for part in (self.kind, self.position or "", self.label) if part)


@dataclass(frozen=True, slots=True)
class MediaSource:
    """One source of an asset in a reply. 0 and "" mean that the reply does not say.

    Attributes:
        field: the path of the value in the reply.
        url: an absolute URL; or "", if there is only a `key`.
        key: a storage key to derive URLs from.
        quality: None if only the URL shows it.
        bitrate: in bits a second; `size` is in bytes, `md5` in lower-case hex.
        preferred: the platform marks this source as its default; worth little (docs/api.md#streams).
        unproven: the rule that derives its URLs is unconfirmed, so they come last.
        backups: other URLs of the same bytes.
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
    """An asset that a note declares; `endpoint` names the reply that declares it.

    An asset without sources is missing. `left_out` is a sentence that says which limit excluded its sources.
    """

    slot: Slot
    endpoint: str
    sources: tuple[MediaSource, ...]
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One URL to try for an asset.

    Attributes:
        field: the path of its source in the reply.
        size: bytes that the reply declares for exactly this file, as it does `md5`; 0 and "" if it does not.
        derived: a rule of this program made the URL; the reply does not have it.
        guessed: `derived`, and only the rule says that this host has the file, while another host is known to
            have it. The download tries such a host, and never waits for it.
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
    """The author of a note. `red_id` is the number that the app shows."""

    id: str = ""
    name: str = ""
    red_id: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A user whom the text of a note mentions."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Engagement at the time of the reply; None if the reply does not say."""

    likes: int | None = None
    collects: int | None = None
    comments: int | None = None
    shares: int | None = None
    views: int | None = None


@dataclass(frozen=True, slots=True)
class ListedNote:
    """A note as a listing shows it: a hint, no record. None and "" mean that the listing does not say."""

    id: NoteId
    type: NoteType = NoteType.UNKNOWN
    title: str = ""
    author: Author = field(default_factory=Author)
    published: datetime | None = None
    likes: int | None = None
    cover: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A note as one reply, or several merged replies, declare it.

    Attributes:
        replies: the endpoints of the replies.
        switches: `function_switch` of the reply: whether the author lets readers save the media.
        save_config: `media_save_config` of the reply, about the same.
        motion_known: False if all replies come from an endpoint that never lists motions (`pgy`).
        remarks: a sentence for each part of a reply that was left out because it was too large.
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

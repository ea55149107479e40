"""What the gallery shows: a card for the index, a page for the note folder. Values, no HTML.

Every text may hold anything (titles are hostile input); every `href` is relative to the page it stands on and
percent-encoded already, or an https address of ours.
"""

from dataclasses import dataclass

__all__ = [
    "Card",
    "Cue",
    "Fact",
    "Hole",
    "Neighbour",
    "NotePage",
    "Picture",
    "Piece",
    "Sound",
    "Subtitle",
    "Video",
]


@dataclass(frozen=True, slots=True)
class Card:
    """A note in the index.

    `folder` is the href of the note's folder from the archive's, with a slash at its end; `published` is ISO
    8601 with +08:00, its first seven letters are the month. `kind` is "image", "video" or "unknown". Counts
    are likes, collects, comments, shares, None where nobody said. `thumb` is the href of the picture and
    its pixels, ("", 0, 0) where there is none.
    """

    id: str
    folder: str
    title: str
    text: str
    author: str
    author_id: str
    tags: tuple[str, ...]
    place: str
    published: str
    kind: str
    pictures: int
    motions: int
    video: bool
    partial: bool
    counts: tuple[int | None, int | None, int | None, int | None]
    thumb: tuple[str, int, int] = ("", 0, 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the note's text: plain (`href` is ""), a tag (leads to the index's search), or a mention."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the note at its position (from 1).

    `shown` is what a browser can draw: the original, its converted twin, or a screen-sized preview; `file` is
    the original. Pixels may be 0 where nobody knows them. `motion` is the live photo's film, `motion_preview`
    an H.264 version of it, "" where there is none. `missing` says why the picture itself is not there: then
    `shown` and `file` are "".
    """

    position: int
    shown: str
    file: str
    width: int
    height: int
    motion: str = ""
    motion_preview: str = ""
    motion_seconds: float = 0.0
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Cue:
    """A line of subtitles: from and to in seconds."""

    begins: float
    ends: float
    text: str


@dataclass(frozen=True, slots=True)
class Subtitle:
    """Subtitles that a browser shows with the video. A page opened as a file may not load them by itself."""

    label: str
    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class Video:
    """The note's film; `poster` is its cover, `preview` an H.264 version, "" where there is none."""

    file: str
    poster: str
    preview: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    subtitles: tuple[Subtitle, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """The note's own sound (`kind` "sound") or its background music ("music")."""

    kind: str
    file: str
    media_type: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fact:
    """A file as the manifest tells of it, for the fold-out."""

    path: str
    href: str
    role: str
    kind: str
    size: int
    pixels: str
    quality: str
    source: str
    endpoint: str
    fetched: str
    sha256: str
    note: str


@dataclass(frozen=True, slots=True)
class Hole:
    """Something the note declares and the archive does not have."""

    slot: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The note before or after this one in time."""

    href: str
    title: str


@dataclass(frozen=True, slots=True)
class NotePage:
    """Everything that stands on a note's page. Times are ISO 8601 with +08:00, "" where nobody said.

    `remarks` are sentences about what the record or the page leaves out. `root` is the href of the archive's
    folder from the page, "" or with a slash at its end.
    """

    id: str
    title: str
    kind: str
    pieces: tuple[Piece, ...]
    author: str
    author_href: str
    author_address: str
    address: str
    place: str
    published: str
    updated: str
    archived: str
    counts: tuple[int | None, int | None, int | None, int | None]
    tags: tuple[Piece, ...]
    pictures: tuple[Picture, ...]
    videos: tuple[Video, ...]
    sounds: tuple[Sound, ...]
    holes: tuple[Hole, ...]
    facts: tuple[Fact, ...]
    switches: tuple[str, ...]
    newer: Neighbour | None
    older: Neighbour | None
    remarks: tuple[str, ...] = ()
    root: str = "../"

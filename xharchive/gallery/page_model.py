"""The values on the gallery's pages: a card in the index, and a page per note. No HTML.

All texts are untrusted. Each `href` is relative to its page and percent-encoded, or an https URL of the
platform. Times are ISO 8601 with +08:00, or "" if unknown.
"""

from dataclasses import dataclass

from xharchive.manifest import FileEntry, MissingAsset


@dataclass(frozen=True, slots=True)
class Card:
    """A note in the index.

    Attributes:
        folder: href of the note folder, relative to the archive, with a trailing slash.
        kind: "image", "video" or "unknown".
        counts: likes, collects, comments, shares; None where unknown.
        thumb: href, width and height of the thumbnail; ("", 0, 0) if there is none.
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
class TextSpan:
    """A part of the note's text: plain (`href` is ""), a tag (links to the index), or a mention."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """An image of the note; width and height are 0 if unknown.

    Attributes:
        shown: href of a file that browsers display: the original, its derivative, or a screen-sized image.
        file: href of the original.
        motion: href of the motion of a live photo, or "".
        motion_preview: href of its H.264 preview, or "".
        missing: why the image is missing; then `shown` and `file` are "".
    """

    position: int
    shown: str
    file: str
    width: int
    height: int
    motion: str = ""
    motion_preview: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle text with its start and end in seconds."""

    begins: float
    ends: float
    text: str


@dataclass(frozen=True, slots=True)
class Subtitle:
    """Subtitles of a video, inside the page, because a page opened from the disk cannot load files."""

    label: str
    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class Video:
    """The video of the note; `poster` is the href of its cover, `preview` of its H.264 preview, or ""."""

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
    """The sound of the note (`kind` "sound") or its background music ("music")."""

    kind: str
    file: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The next older or newer note."""

    href: str
    title: str


@dataclass(frozen=True, slots=True)
class NotePage:
    """The content of a note's page.

    Attributes:
        switches: functions that the author disabled.
        remarks: sentences about what the manifest or the page omits.
        root: href of the archive folder, relative to the page: "" or with a trailing slash.
    """

    id: str
    title: str = ""
    pieces: tuple[TextSpan, ...] = ()
    author: str = ""
    author_href: str = ""
    author_address: str = ""
    address: str = ""
    place: str = ""
    published: str = ""
    updated: str = ""
    archived: str = ""
    counts: tuple[int | None, int | None, int | None, int | None] = (None, None, None, None)
    tags: tuple[TextSpan, ...] = ()
    pictures: tuple[PagePicture, ...] = ()
    videos: tuple[Video, ...] = ()
    sounds: tuple[Sound, ...] = ()
    missing: tuple[MissingAsset, ...] = ()
    files: tuple[FileEntry, ...] = ()
    switches: tuple[str, ...] = ()
    newer: Neighbour | None = None
    older: Neighbour | None = None
    remarks: tuple[str, ...] = ()
    root: str = "../"

"""The gallery's files as text: the index with its data files, and a page per note; and the values on them.

All texts of a note are untrusted. The templates escape them, the data files hold them as JSON that cannot end
a script, and the Content-Security-Policy of the pages forbids inline scripts and all network access. Each
href is relative to its page and percent-encoded, or an https URL of the platform. Times are ISO 8601 with
+08:00, or "" if unknown.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from urllib.parse import quote
from zlib import crc32

from xharchive.manifest import FileEntry, MissingAsset

_EAGER_PICTURES = 2
# Characters of a text that still fits beside the images while they scroll.
_BRIEF_TEXT = 320

# `<`, `>` and `&` could end an inline script, the line separators a line of old JavaScript. Lone surrogates
# cannot be encoded.
_UNSAFE_IN_SCRIPT = re.compile("[<>&\u2028\u2029\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CARDS_A_FILE = 400  # on average
SHARD_NAME = re.compile(r"data-(?:[0-9a-f]{24}|\d{5})\.js")  # older galleries have the short names


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
    """Subtitles of a video; a page opened from the disk cannot load them from files."""

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
    """The sound of the note (`kind` "sound") or its music ("music")."""

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
        root: href of the archive folder: "" or with a trailing slash.
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


def load_templates() -> None:
    """Load the templates before they are needed, because it takes time."""
    from xharchive.gallery import render  # noqa: PLC0415 - while the first image worker starts

    render.load_templates()


def index_page(shards: Sequence[str], notes: int, generated: str) -> str:
    """Return the archive's `index.html`; `shards` are the hrefs of its data files, oldest first."""
    return _render("index.html.j2", shards=shards[::-1], notes=notes, generated=generated, root="")


def note_page(page: NotePage) -> str:
    """Return the `index.html` of a note's folder."""
    brief = sum(len(piece.text) for piece in page.pieces) <= _BRIEF_TEXT
    return _render("note.html.j2", page=page, brief=brief, eager=_EAGER_PICTURES, root=page.root)


def card_row(card: Card) -> str:
    """Return a card as a line of a data file: JSON that cannot end a script, without empty fields."""
    row: dict[str, object] = {field.name: getattr(card, field.name) for field in fields(card)}
    del row["counts"]
    row |= zip(("likes", "collects", "comments", "shares"), card.counts, strict=True)
    row["authorId"] = row.pop("author_id")
    row["pictures"] = card.pictures or None
    row["motions"] = card.motions or None
    row["thumb"] = card.thumb if card.thumb[0] else None
    shown = {name: value for name, value in row.items() if value not in (None, "", ()) and value is not False}
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE_IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shard(rows: Sequence[str]) -> str:
    """Return a data file of the index: a script with these cards, safe to encode as UTF-8."""
    return "xharchive.add([\n" + ",\n".join(rows) + "\n]);\n"


def index_href(*, tag: str = "", author: str = "", root: str = "../") -> str:
    """Return the href of the index, filtered by a tag or by an author's id; `root` as in `NotePage`."""
    fragment = "&".join(
        f"{name}={quote(value, safe='', errors='replace')}"
        for name, value in (("tag", tag), ("author", author))
        if value
    )
    return f"{root}index.html#{fragment}" if fragment else f"{root}index.html"


def divide(cards: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Divide the cards of the index into data files, so that a new note changes only one of them.

    The checksum of a note id decides whether a file begins with this note; the id is in the file's name. So
    the same notes give the same files, in any order of arrival.

    Args:
        cards: pairs of note id and row, oldest first.
    """
    first, rows = "0" * 24, list[str]()
    for note_id, row in cards:
        if crc32(note_id.encode()) % _CARDS_A_FILE == 0:
            if rows:
                yield f"data-{first}.js", rows
            first, rows = note_id, []
        rows.append(row)
    if rows:
        yield f"data-{first}.js", rows


def _render(template: str, **values: object) -> str:
    from xharchive.gallery.render import render  # noqa: PLC0415

    return render(template, **values)

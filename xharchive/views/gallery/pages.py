"""The gallery's files as text: the index, its data, a note's page. Pure: values in, text out.

Every text of a note is hostile input. The templates escape it, the data files hold it as JSON in which
nothing can end a script, and the pages' Content-Security-Policy allows neither inline script nor any network.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from xharchive.views.gallery.page_model import Card, NotePage

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = [
    "VERSION",
    "card_row",
    "get_ready",
    "index_href",
    "index_page",
    "note_page",
    "shard",
    "static_files",
]

# A page may load what lies beside it and nothing else. `'self'` alone does not match under file://.
_POLICY = (
    "default-src 'none'; "
    + "; ".join(f"{kind} 'self' file:" for kind in ("img-src", "media-src", "style-src", "script-src"))
    + "; base-uri 'none'; form-action 'none'"
)
_EAGER_PICTURES = 2
# Up to so many letters the text stays beside the pictures while they scroll past.
_BRIEF = 320

# What no HTML file may hold: halves of characters cannot be encoded, control characters are not allowed.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# `<`, `>` and `&` could end a script where the data is inlined one day; the line separators end a line in old
# JavaScript; halves of characters cannot be encoded.
_UNSAFE_IN_SCRIPT = re.compile("[<>&\u2028\u2029\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_OUTSIDE = re.compile(r"https://[a-z0-9.-]+(?:[/?#]|$)")
_INSIDE = re.compile(r"(?!//)[^:\\\x00-\x20\x7f]+")
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8}){0,3}")
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not-found": "no host has it any more",
        "forbidden": "the addresses are refused or past their time",
        "busy": "the hosts were busy",
        "server-error": "the hosts had an error",
        "http-status": "the hosts answered something unexpected",
        "cut": "the transfer broke off",
        "stalled": "nothing more came",
        "unreachable": "the hosts cannot be reached",
        "resting": "the hosts failed too often",
        "not-media": "a page came instead of the file",
        "not-whole": "the file is not whole",
        "unproven": "nothing proves that the file is whole",
        "zero-bytes": "the file is empty",
        "wrong-kind": "another kind of file came",
        "unknown-format": "the format is unknown",
        "too-large": "the file is too large",
        "size-differs": "the size is not the declared one",
        "md5-differs": "the digest is not the declared one",
        "undecodable": "no decoder reads the picture",
        "no-picture": "the film has no pictures",
        "no-sound": "the file has no sound",
        "not-as-declared": "the file is not what the reply declares",
        "same-bytes": "several pictures have the same bytes",
        "not-converted": "the picture was not converted",
        "no-source": "the replies give no address for it",
        "too-many": "the note declares more than are read of one note",
        "not-given": "no endpoint that was asked gave it",
        "motion-unknown": "nobody told which pictures move",
        "not-fetched": "it was not fetched yet",
    }
)
"""The reasons of gaps, in words; `words.js` has them in both languages."""
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)")


def get_ready() -> None:
    """Load and compile what pages are made with, which takes a moment, before it is needed."""
    for template in ("note.html.j2", "index.html.j2"):
        _environment().get_template(template)


def index_page(shards: Sequence[str], notes: int, generated: str) -> str:
    """Return the archive's `index.html`.

    `shards` are the hrefs of the data files, the oldest first; `notes` is how many cards they hold together;
    `generated` is an ISO 8601 time.
    """
    newest_first = list(reversed(shards))
    return _render("index.html.j2", shards=newest_first, notes=notes, generated=generated, root="")


def note_page(page: NotePage) -> str:
    """Return the `index.html` of a note's folder."""
    letters = sum(len(piece.text) for piece in page.pieces)
    return _render(
        "note.html.j2",
        reasons=_REASONS,
        page=page,
        brief=letters <= _BRIEF,
        eager=_EAGER_PICTURES,
        root=page.root,
    )


def card_row(card: Card) -> str:
    """Return a card as it stands in a data file: JSON in which nothing can end a script, on one line."""
    return _as_script(_row(card))


def shard(rows: Sequence[str]) -> str:
    """Return a data file of the index: a script that hands over these cards. It encodes as UTF-8."""
    return "xharchive.add([\n" + ",\n".join(rows) + "\n]);\n"


def index_href(*, tag: str = "", author: str = "", root: str = "../") -> str:
    """Return the href of the index that shows the notes of a tag or of an author's id, from a note's page."""
    wanted = "&".join(
        f"{name}={quote(value, safe='', errors='replace')}"
        for name, value in (("tag", tag), ("author", author))
        if value
    )
    return f"{root}index.html#{wanted}" if wanted else f"{root}index.html"


def static_files() -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file that the pages need in the archive's folder `gallery`."""
    for file in _files("static"):
        yield file.name, file.read_bytes()


def _row(card: Card) -> dict[str, object]:
    """A card as the index's script reads it; what is empty is left out, most of it is in most notes."""
    likes, collects, comments, shares = card.counts
    row: dict[str, object] = {
        "id": card.id,
        "folder": card.folder,
        "title": card.title,
        "text": card.text,
        "author": card.author,
        "authorId": card.author_id,
        "tags": list(card.tags),
        "place": card.place,
        "published": card.published,
        "kind": card.kind,
        "pictures": card.pictures or None,
        "motions": card.motions or None,
        "video": card.video,
        "partial": card.partial,
        "likes": likes,
        "collects": collects,
        "comments": comments,
        "shares": shares,
        "thumb": list(card.thumb) if card.thumb[0] else None,
    }
    return {
        name: value
        for name, value in row.items()
        if value is not None and value is not False and value not in ("", [])
    }


def _as_script(row: dict[str, object]) -> str:
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE_IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _render(template: str, **values: object) -> str:
    text = _environment().get_template(template).render(policy=_POLICY, **values)
    return _UNWRITABLE.sub("\ufffd", text)


@cache
def _environment() -> "Environment":
    # Every run loads this module, and few of them write a page.
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415

    sources = {file.name: file.read_text("utf-8") for file in _files("templates")}
    environment = Environment(
        loader=FunctionLoader(sources.get),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        href=_href, moment=_moment, clock=_clock, size=_size, number=_number, language=_language
    )
    return environment


def _href(address: str) -> str:
    """Return an address that leads into the archive or to an https page; "" for any other (`javascript:`).

    The model promises no other; this is the second lock on the same door.
    """
    inside, _, fragment = address.partition("#")
    safe_inside = (not inside or _INSIDE.fullmatch(inside)) and "\\" not in fragment
    return address if _OUTSIDE.match(address) or (address and safe_inside) else ""


def _language(label: str) -> str:
    """Return a subtitle's label if it is a language's tag (BCP 47), else the platform's language."""
    return label if _LANGUAGE.fullmatch(label) else "zh-CN"


def _moment(iso: str) -> str:
    """Return an ISO time as it reads without a script: the wall clock of +08:00, by the minute."""
    found = _MOMENT.match(iso)
    return f"{found[1]} {found[2]}" if found else iso


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    value, unit = (size / 1_000_000, "MB") if size >= 1_000_000 else (size / 1000, "kB")
    return f"{value:.1f} {unit}"


def _number(value: int) -> str:
    return f"{value:,}"


def _files(folder: str) -> list[Traversable]:
    room = resources.files("xharchive.views.gallery").joinpath(folder)
    return sorted((file for file in room.iterdir() if file.is_file()), key=lambda file: file.name)


def _version() -> str:
    digest = hashlib.sha256(_POLICY.encode())
    for file in (*_files("templates"), *_files("static")):
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


# Changes when the form of the pages changes: a gallery written with another one is written anew.
VERSION = _version()

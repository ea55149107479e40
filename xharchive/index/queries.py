"""Which notes are asked for, and what is known of one: the question as SQL, the row as a value."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from xharchive.index.schema import COLUMNS
from xharchive.index.tokenizer import folded, match
from xharchive.manifest import State
from xharchive.models import Author, Counts, NoteId
from xharchive.naming import is_note_place

__all__ = ["DamagedRow", "Entry", "Filters", "as_asked", "entry", "prepare"]

_WEIGHTS = "10, 1, 5, 5, 2"  # of title, text, tags, author, place: a title tells best what a note is about
_ENTRY = f"SELECT {', '.join(COLUMNS)} FROM notes WHERE number = ?"  # noqa: S608 - our words


# SQLite stores any value in any column.
_TYPES = {
    **dict.fromkeys(("folder", "type", "published", "title", "author_id", "author", "red_id", "place"), str),
    **dict.fromkeys(("id", "state", "tags"), str),
    **dict.fromkeys(("pictures", "motions", "videos", "originals", "bytes", "gaps"), int),
    **dict.fromkeys(("likes", "collects", "comments", "shares", "views"), int | None),
}


class DamagedRow(ValueError):
    """A row says what this program would not have written: the catalog is damaged, or somebody else's."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which notes are wanted; what is empty or None does not filter.

    `author` is a part of the name, whatever its case, or one of the author's two ids; `tag` a whole tag.
    `after` is inclusive, `before` is not.
    """

    author: str = ""
    type: str = ""
    state: State | None = None
    after: datetime | None = None
    before: datetime | None = None
    tag: str = ""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the catalog knows of a note. `published` is ISO 8601 in +08:00; counted are original files."""

    id: NoteId
    folder: str
    state: State
    type: str
    published: str
    title: str
    author: Author
    place: str
    tags: tuple[str, ...]
    counts: Counts
    pictures: int
    motions: int
    videos: int
    originals: int
    bytes: int
    gaps: int


def prepare(connection: sqlite3.Connection) -> None:
    """Teach a connection the functions that the questions use."""
    connection.create_function("written_by", 4, _written_by, deterministic=True)
    connection.create_function("tagged", 2, _tagged, deterministic=True)


def _written_by(wanted: str, name: str, *ids: str) -> bool:
    return wanted in folded(name) or any(wanted == folded(known) for known in ids)


def _tagged(wanted: str, tags: str) -> bool:
    try:
        known = json.loads(tags)
    except (ValueError, RecursionError):
        return False  # `entry` says what is wrong with such a row
    return isinstance(known, list) and any(wanted == folded(str(tag)) for tag in known)


def as_asked(filters: Filters, text: str = "") -> tuple[str, tuple[object, ...]]:
    """Return the SQL that selects the numbers of the wanted notes, and its values.

    Newest first; with a text those that have its words, the best first. A text without words finds nothing.
    """
    source, order = "notes", "published DESC, id DESC"
    conditions: list[tuple[str, object]] = []
    if text:
        source = "search JOIN notes ON notes.number = search.rowid"
        order = f"bm25(search, {_WEIGHTS}), {order}"
        conditions.append(("search MATCH ?", match(text)))
    # Texts of one form and one offset from UTC sort as the moments do.
    conditions += [
        (condition, value)
        for condition, value in (
            ("written_by(?, notes.author, author_id, red_id)", folded(filters.author)),
            ("type = ?", filters.type),
            ("state = ?", filters.state and filters.state.value),
            ("published >= ?", filters.after and filters.after.isoformat(timespec="seconds")),
            ("published < ?", filters.before and filters.before.isoformat(timespec="seconds")),
            ("tagged(?, notes.tags)", folded(filters.tag.removeprefix("#"))),
        )
        if value
    ]
    where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    query = f"SELECT notes.number FROM {source} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - our words
    limit = -1 if filters.limit is None else filters.limit
    return query, (*(value for _, value in conditions), limit)


def entry(connection: sqlite3.Connection, number: int) -> Entry | None:
    """Return a note by its number, or None if it is gone meanwhile.

    Raises:
        DamagedRow: its row is not what this program writes.
    """
    found = connection.execute(_ENTRY, (number,)).fetchone()
    if found is None:
        return None
    row = dict(zip(COLUMNS, found, strict=True))
    if not all(isinstance(row[name], kind) for name, kind in _TYPES.items()):
        raise DamagedRow("a note's row has values of other types")
    try:
        tags = json.loads(row["tags"])
        note_id, state = NoteId(row["id"]), State(row["state"])
    except (ValueError, RecursionError):
        raise DamagedRow("a note's row makes no sense") from None
    if not is_note_place(row["folder"]) or not isinstance(tags, list):
        raise DamagedRow("a note's folder cannot be a folder of notes, or it has no list of tags")
    return Entry(
        id=note_id,
        folder=row["folder"],
        state=state,
        type=row["type"],
        published=row["published"],
        title=row["title"],
        author=Author(row["author_id"], row["author"], row["red_id"]),
        place=row["place"],
        tags=tuple(str(tag) for tag in tags),
        counts=Counts(*(row[name] for name in ("likes", "collects", "comments", "shares", "views"))),
        **{name: row[name] for name in ("pictures", "motions", "videos", "originals", "bytes", "gaps")},
    )

"""Build the SQL that selects notes by filters and text, and read rows as values. Rows are untrusted."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from xharchive.archive.index_schema import COLUMNS
from xharchive.archive.tokenizer import match_expression, normalized
from xharchive.manifest import State
from xharchive.models import Author, Counts, NoteId
from xharchive.naming import may_be_folder_of, may_hold_note

_WEIGHTS = "10, 1, 5, 5, 2"  # of title, text, tags, author, place: a match in the title matters most
_SELECT_NOTE = f"SELECT {', '.join(COLUMNS)} FROM notes WHERE number = ?"  # noqa: S608 - our words

_STATES = {state.value: state for state in State}
_BAD_FOLDER = "the folder of a note cannot hold notes"
# Checked for each row, because SQLite stores any value in any column.
_COLUMN_TYPES = {
    **dict.fromkeys(("folder", "type", "published", "title", "author_id", "author", "red_id", "place"), str),
    **dict.fromkeys(("id", "state", "tags"), str),
    **dict.fromkeys(("pictures", "motions", "videos", "originals", "bytes", "gaps"), int),
    **dict.fromkeys(("likes", "collects", "comments", "shares", "views"), int | None),
}


class DamagedRow(ValueError):
    """A row has values that this program does not write: the index is damaged, or somebody changed it."""


@dataclass(frozen=True, slots=True)
class IndexFilter:
    """Which notes to select. An empty or None value does not filter.

    Attributes:
        author: a part of the author's name in any case, or one of the author's two ids.
        after: the earliest publish time (inclusive).
        before: the end of the publish times (exclusive).
        tag: a complete tag, with or without "#".
        limit: the most notes to return.
    """

    author: str = ""
    type: str = ""
    state: State | None = None
    after: datetime | None = None
    before: datetime | None = None
    tag: str = ""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A note as the index has it.

    Attributes:
        published: ISO 8601 in +08:00.
        pictures, motions, videos, originals: numbers of original files.
        bytes: size of all original files.
        gaps: number of missing assets.
    """

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


# A NamedTuple, because there may be a million and a tuple takes half the time of a dataclass.
class IndexRow(NamedTuple):
    """A row of the index.

    Attributes:
        folder: path of the note's folder, relative to the archive.
        stamp: that of the manifest that the row was made from.
        files: path in the folder and size in bytes of each file, if they were asked for.
    """

    folder: str
    stamp: str
    state: State
    title: str
    files: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexTotals:
    """Totals of an archive: notes by state, original files and their bytes, missing assets."""

    notes: dict[str, int]
    originals: int
    bytes: int
    gaps: int


def register_functions(connection: sqlite3.Connection) -> None:
    """Register the SQL functions that the queries use."""
    connection.create_function("written_by", 4, _written_by, deterministic=True)
    connection.create_function("tagged", 2, _tagged, deterministic=True)


def _written_by(wanted: str, name: str, *ids: str) -> bool:
    return wanted in normalized(name) or any(wanted == normalized(known) for known in ids)


def _tagged(wanted: str, tags: str) -> bool:
    try:
        known = json.loads(tags)
    except (ValueError, RecursionError):
        return False  # `load_entry` reports such a row
    return isinstance(known, list) and any(wanted == normalized(str(tag)) for tag in known)


def build_query(filters: IndexFilter, text: str = "") -> tuple[str, tuple[object, ...]]:
    """Return the SQL, and its values, that selects the row numbers of notes.

    The order is newest first, or with a text the best matches first. A text without a token finds nothing.
    """
    source, order = "notes", "published DESC, id DESC"
    conditions: list[tuple[str, object]] = []
    if text:
        source = "search JOIN notes ON notes.number = search.rowid"
        order = f"bm25(search, {_WEIGHTS}), {order}"
        conditions.append(("search MATCH ?", match_expression(text)))
    # Timestamps of one format and one UTC offset sort as text in time order.
    conditions += [
        (condition, value)
        for condition, value in (
            ("written_by(?, notes.author, author_id, red_id)", normalized(filters.author)),
            ("type = ?", filters.type),
            ("state = ?", filters.state and filters.state.value),
            ("published >= ?", filters.after and filters.after.isoformat(timespec="seconds")),
            ("published < ?", filters.before and filters.before.isoformat(timespec="seconds")),
            ("tagged(?, notes.tags)", normalized(filters.tag.removeprefix("#"))),
        )
        if value
    ]
    where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    query = f"SELECT notes.number FROM {source} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - our words
    limit = -1 if filters.limit is None else filters.limit
    return query, (*(value for _, value in conditions), limit)


def load_entry(connection: sqlite3.Connection, number: int) -> IndexEntry | None:
    """Return a note by its row number, or None if its row is gone by now.

    Raises:
        DamagedRow: the row has wrong types or values.
    """
    found = connection.execute(_SELECT_NOTE, (number,)).fetchone()
    if found is None:
        return None
    row = dict(zip(COLUMNS, found, strict=True))
    if not all(isinstance(row[name], kind) for name, kind in _COLUMN_TYPES.items()):
        raise DamagedRow("the row of a note has values of wrong types")
    try:
        tags = json.loads(row["tags"])
        note_id, state = NoteId(row["id"]), State(row["state"])
    except (ValueError, RecursionError):
        raise DamagedRow("the row of a note has wrong values") from None
    if not may_hold_note(row["folder"]) or not isinstance(tags, list):
        raise DamagedRow("the folder of a note cannot hold notes, or its tags are not a list")
    return IndexEntry(
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


def parse_row(row: tuple[str, str, str, str, str]) -> tuple[str, IndexRow]:
    """Return the note id and the row, without the note's files.

    Raises:
        DamagedRow: the folder cannot hold a note, or a value has a wrong type or an unknown state.
    """
    note, folder, stamp, state, title = row
    try:
        if may_be_folder_of(note, folder):
            return note, IndexRow(folder, stamp, _STATES[state], title)
    except (KeyError, TypeError, AttributeError):  # an unknown state, or a value of another type
        raise DamagedRow("the row of a note has wrong values") from None
    raise DamagedRow(_BAD_FOLDER)


def parse_note_id(note: object, folder: object) -> NoteId:
    """Return the note id of a row, after a check of the id and the folder.

    Only the manifest in the folder proves that it holds this note.

    Raises:
        DamagedRow: the id is not a note id, or the folder cannot hold a note or leads out of the archive.
    """
    if not (isinstance(note, str) and isinstance(folder, str)):
        raise DamagedRow("the row of a note has wrong values")
    if not may_be_folder_of(note, folder):
        raise DamagedRow(_BAD_FOLDER)
    try:
        return NoteId(note)
    except ValueError:
        raise DamagedRow("the row of a note has wrong values") from None

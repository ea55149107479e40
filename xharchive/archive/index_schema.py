"""Tables of the index, the rows of a manifest, and rows as values.

All content of a row comes from a manifest. A row that is read is untrusted: the index may come from somebody
else, and SQLite stores any value in any column.
"""

import json
import sqlite3
from dataclasses import astuple, dataclass
from typing import NamedTuple

from xharchive.archive.index_search import tokenized
from xharchive.database import Schema
from xharchive.manifest import Manifest, NoteMetadata, Role, State
from xharchive.media import AssetKind
from xharchive.models import Author, Counts, NoteId
from xharchive.naming import CHINA_TIME, may_be_folder_of, may_hold_note

VERSION = 5
"""Raise it with each change of the tables or of the content of rows."""

_TEXTS = (
    *("id", "folder", "stamp", "state", "type", "published", "title", "author_id", "author", "red_id"),
    *("place", "tags"),
)
_COUNTS = ("likes", "collects", "comments", "shares", "views")
_NUMBERS = ("pictures", "motions", "videos", "originals", "bytes", "gaps")
COLUMNS = (*_TEXTS, *_COUNTS, *_NUMBERS)
"""Columns of a note. `published` is ISO 8601 in +08:00, `tags` a JSON list; an unknown count is NULL."""

SEARCHED = ("title", "text", "tags", "author", "place")
"""Columns of the search table, in its order."""

_TABLES = f"""
CREATE TABLE notes (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, folder TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL,
    state TEXT NOT NULL, type TEXT NOT NULL, published TEXT NOT NULL, title TEXT NOT NULL,
    author_id TEXT NOT NULL, author TEXT NOT NULL, red_id TEXT NOT NULL, place TEXT NOT NULL,
    tags TEXT NOT NULL,
    likes INTEGER, collects INTEGER, comments INTEGER, shares INTEGER, views INTEGER,
    pictures INTEGER NOT NULL, motions INTEGER NOT NULL, videos INTEGER NOT NULL,
    originals INTEGER NOT NULL, bytes INTEGER NOT NULL, gaps INTEGER NOT NULL
);
CREATE INDEX notes_by_time ON notes (published, id);
CREATE TABLE files (
    note TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (note, path)
) WITHOUT ROWID;
CREATE TABLE copies (
    folder TEXT PRIMARY KEY, stamp TEXT NOT NULL, note TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE seal (place TEXT NOT NULL);
CREATE VIRTUAL TABLE search USING fts5 ({", ".join(SEARCHED)}, tokenize = 'ascii');
"""
SCHEMA = Schema(_TABLES, VERSION, checked=("notes", "files", "copies", "seal"))
"""An index of another version is rebuilt.

Opening the index checks all tables but `search`, which is the largest. Damage to it shows in use, and then
the next opening rebuilds the index.
"""

_SELECT_NOTE = f"SELECT {', '.join(COLUMNS)} FROM notes WHERE number = ?"  # noqa: S608 - our words
_STATES = {state.value: state for state in State}
_WRONG_VALUES = "the row of a note has wrong values"
_LARGEST = 2**63 - 1


class DamagedRow(ValueError):
    """A row has values that this program does not write: the index is damaged, or somebody changed it."""


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


def note_row(folder: str, stamp: str, manifest: Manifest) -> tuple[object, ...]:
    """Return the row of a note, in the order of `COLUMNS`."""
    note = manifest.metadata
    originals = [entry for entry in manifest.files if entry.role is Role.ORIGINAL]
    kinds = [entry.slot.kind for entry in originals if entry.is_main]
    return (
        manifest.id.text,
        folder,
        stamp,
        manifest.state.value,
        note.type,
        _published(manifest, note),
        note.title,
        *astuple(note.author),
        note.place,
        json.dumps(note.tags, ensure_ascii=False),
        *(count and max(-_LARGEST, min(_LARGEST, count)) for count in astuple(note.counts)),
        kinds.count(AssetKind.IMAGE),
        kinds.count(AssetKind.LIVE),
        kinds.count(AssetKind.VIDEO),
        len(kinds),
        sum(entry.size for entry in originals),
        len(manifest.gaps),
    )


def searched_row(manifest: Manifest) -> tuple[str, ...]:
    """Return the searchable texts of a note as tokens, in the order of `SEARCHED`."""
    note = manifest.metadata
    return tuple(map(tokenized, (note.title, note.text, " ".join(note.tags), note.author.name, note.place)))


def _published(manifest: Manifest, note: NoteMetadata) -> str:
    """Return the publish time in China's time zone. Without a valid one, the note id gives it."""
    try:
        moment = (note.published or manifest.id.published).astimezone(CHINA_TIME)
    except OverflowError:
        moment = manifest.id.published.astimezone(CHINA_TIME)
    return moment.isoformat(timespec="seconds")


def load_entry(connection: sqlite3.Connection, number: int) -> IndexEntry | None:
    """Return a note by its row number, or None if its row is gone by now.

    Raises:
        DamagedRow: the row has wrong types or values.
    """
    found = connection.execute(_SELECT_NOTE, (number,)).fetchone()
    if found is None:
        return None
    row = dict(zip(COLUMNS, found, strict=True))
    try:
        tags, note_id, state = json.loads(row["tags"]), NoteId(row["id"]), State(row["state"])
    except (ValueError, TypeError, RecursionError):
        raise DamagedRow(_WRONG_VALUES) from None
    is_typed = (
        all(isinstance(row[name], str) for name in _TEXTS)
        and all(isinstance(row[name], int | None) for name in _COUNTS)
        and all(isinstance(row[name], int) for name in _NUMBERS)
    )
    if not is_typed or not isinstance(tags, list) or not may_hold_note(row["folder"]):
        raise DamagedRow(_WRONG_VALUES)
    return IndexEntry(
        id=note_id,
        folder=row["folder"],
        state=state,
        type=row["type"],
        published=row["published"],
        title=row["title"],
        author=Author(row["author_id"], row["author"], row["red_id"]),
        place=row["place"],
        tags=tuple(map(str, tags)),
        counts=Counts(*(row[name] for name in _COUNTS)),
        **{name: row[name] for name in _NUMBERS},
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
        raise DamagedRow(_WRONG_VALUES) from None
    raise DamagedRow("the folder of a note cannot hold notes")


def parse_note_id(note: object, folder: object) -> NoteId:
    """Return the note id of a row. Only the manifest in the folder proves that it holds this note.

    Raises:
        DamagedRow: the id is not a note id, or the folder cannot hold a note or leads out of the archive.
    """
    if not (isinstance(note, str) and isinstance(folder, str)):
        raise DamagedRow(_WRONG_VALUES)
    if not may_be_folder_of(note, folder):
        raise DamagedRow("the folder of a note cannot hold notes")
    try:
        return NoteId(note)
    except ValueError:
        raise DamagedRow(_WRONG_VALUES) from None

"""Tables of the index, and the rows of a manifest. All content of a row comes from the manifest."""

import json
from dataclasses import astuple

from xharchive.archive.tokenizer import tokenized
from xharchive.database import Schema
from xharchive.manifest import Manifest, NoteMetadata, Role
from xharchive.media import AssetKind
from xharchive.naming import CHINA_TIME

VERSION = 5
"""Raise it with each change of the tables or of the content of rows."""

COLUMNS = (
    *("id", "folder", "stamp", "state", "type", "published", "title", "author_id", "author", "red_id"),
    *("place", "tags", "likes", "collects", "comments", "shares", "views"),
    *("pictures", "motions", "videos", "originals", "bytes", "gaps"),
)
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

_LARGEST = 2**63 - 1


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

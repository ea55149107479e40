"""Records in a disposable SQLite file what the gallery was made from; a refresh writes only changes."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple

from xharchive.archive_path import ArchivePath
from xharchive.database import Schema, StepLimit, make_database, open_database, size_on_disk
from xharchive.errors import ArchiveError
from xharchive.naming import may_be_folder_of

_STOPPED = "the gallery's refresh was stopped"
_NOTE_ID = re.compile(r"[0-9a-f]{24}")
# Cards have their own table, because most queries over all notes do not need them.
_SCHEMA = Schema(
    """
CREATE TABLE notes (
    id TEXT PRIMARY KEY, folder TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, form TEXT NOT NULL,
    published TEXT NOT NULL, title TEXT NOT NULL, archived TEXT NOT NULL, link TEXT NOT NULL,
    page TEXT NOT NULL, page_stamp TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, screens INTEGER NOT NULL, empty INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_time ON notes (published, id) WHERE NOT empty;
CREATE TABLE cards (id TEXT PRIMARY KEY, published TEXT NOT NULL, card TEXT NOT NULL);
CREATE INDEX cards_by_time ON cards (published, id);
""",
    version=6,
)
# The listing of a large archive is not held in memory: SQLite moves it to a temporary file if necessary.
_CREATE_LISTED = (
    "DROP TABLE IF EXISTS temp.unread",
    "DROP TABLE IF EXISTS temp.listed",
    "CREATE TEMP TABLE listed (id TEXT PRIMARY KEY, folder TEXT NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID",
)
_INSERT_LISTED = """
INSERT INTO listed (folder, id, stamp) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET folder = excluded.folder, stamp = excluded.stamp
WHERE excluded.folder < folder
"""
_CREATE_UNREAD = """
CREATE TEMP TABLE unread AS SELECT listed.folder FROM listed LEFT JOIN notes USING (id, folder)
WHERE notes.stamp IS NOT listed.stamp OR notes.form != ?
ORDER BY listed.id
"""
# SQLite does not check the types of columns. The others are only compared, or shown as text.
_HAS_TYPES = " AND ".join(
    [f"typeof({name}) = 'text'" for name in ("id", "folder", "stamp")]
    + [f"typeof({name}) = 'integer'" for name in ("width", "height", "screens")]
)
_SELECT_FILES = f"""
SELECT id, folder, CASE WHEN {_HAS_TYPES} THEN stamp END, width, screens FROM notes
"""  # noqa: S608 - constants
# Few columns: SQLite locks its connection for each.
_SELECT_PAGES = """
SELECT id, folder, link, stamp || ' ' || form, page FROM notes
WHERE NOT empty ORDER BY published, id
"""
# JSON has no effect as a script. SQLite's text functions stop at a zero byte, a script does not.
_SELECT_CARDS = """
SELECT id, CASE
    WHEN typeof(id) = 'text' AND typeof(card) = 'text' AND json_valid(card) AND NOT instr(card, char(0))
    THEN card END
FROM cards ORDER BY published, id
"""
_DELETE_CARDS = "DELETE FROM cards WHERE id IN (SELECT id FROM notes WHERE id = ? OR folder = ?)"
_INSERT_NOTE = "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_CARD = "INSERT INTO cards VALUES (?, ?, ?)"


class DamagedCache(ArchiveError):
    """The cache cannot be read, or another program wrote it. Make it again."""


class NoteFiles(NamedTuple):
    """What a refresh looks for on the disk. A tuple, because each refresh reads all of them."""

    id: str
    folder: str
    stamp: str
    width: int
    screens: int


class PageState(NamedTuple):
    """What a note's page is made from, and was made from; its other values are as in `CachedNote`.

    `source` stands for the note itself: it is its stamp and form.
    """

    id: str
    folder: str
    link: str
    source: str
    page: str


class CachedNote(NamedTuple):
    """A note in the cache.

    Attributes:
        stamp: that of its manifest.
        form: version of the program that read it; "" if the note must be read again.
        link: hash of what the pages of its neighbours show of it.
        page: what its page was made from; "" if it could not be written.
        page_stamp: stamp of the page's file.
        width: of its thumbnail in pixels; 0 if there is none.
        screens: number of its screen-sized images.
        empty: it has no page and no card.
    """

    id: str
    folder: str
    stamp: str
    form: str
    published: str
    title: str
    archived: str
    link: str
    page: str
    page_stamp: str
    width: int
    height: int
    screens: int
    empty: bool


@contextmanager
def open_cache(path: ArchivePath, *, rebuild: bool = False) -> Iterator["GalleryCache"]:
    """Open the cache. Create it if it is missing, damaged or of another version, or with `rebuild`."""
    try:
        opened = make_database if rebuild else open_database
        connection = opened(path, _SCHEMA, any_thread=True)
    except sqlite3.Error as problem:
        raise ArchiveError(f"opening {path}: {problem}") from problem
    with closing(connection):
        yield GalleryCache(connection, path)


class GalleryCache:
    """The cache. Any call may raise ArchiveError; one that reads, DamagedCache.

    Several threads may use it, one at a time. Close it only when no thread uses it. Between two notes of an
    iterator, only read, or call `mark_written` for notes before them (https://www.sqlite.org/isolation.html).
    """

    def __init__(self, connection: sqlite3.Connection, path: ArchivePath) -> None:
        self._connection = connection
        self._limit = StepLimit(connection, size_on_disk(path))
        self._path = path
        self._stopped = False

    def stop(self) -> None:
        """Make every further call, and every iterator, raise ArchiveError in all threads."""
        self._stopped = True

    def compare(self, folders: Iterable[tuple[str, str, str]], form: str) -> int:
        """Compare the folders on disk with the notes; return how many have another stamp or `form`.

        Args:
            folders: path, note id, and stamp of the manifest. Of two folders with the same note, the first by
                name counts.
            form: that of a note that this program reads now.
        """
        with self._batch() as connection:
            for statement in _CREATE_LISTED:
                connection.execute(statement)
            connection.executemany(_INSERT_LISTED, folders)
            connection.execute(_CREATE_UNREAD, (form,))
            return int(connection.execute("SELECT COUNT(*) FROM unread").fetchone()[0])

    def unread(self) -> Iterator[str]:
        """Yield the folders that `compare` found to be changed, by note id."""
        return (folder for (folder,) in self._rows("SELECT folder FROM unread ORDER BY rowid"))

    def removed(self) -> list[str]:
        """Return the ids of the notes whose folder `compare` did not get."""
        query = "SELECT id FROM notes WHERE folder NOT IN (SELECT folder FROM listed)"
        return [note_id for (note_id,) in self._rows(query)]

    def notes(self) -> Iterator[NoteFiles]:
        """Check and yield all notes. Before this, believe no row: they name files to delete.

        Raises:
            DamagedCache: a row is not from this program.
        """
        for row in self._rows(_SELECT_FILES):
            note_id, folder, stamp, _, _ = row
            if stamp is None or not _NOTE_ID.fullmatch(note_id) or "\0" in folder:
                raise DamagedCache(f"{self._path} has a row of another program")
            if (folder[-25:] != "_" + note_id or "/" in folder) and not may_be_folder_of(note_id, folder):
                raise DamagedCache(f"{self._path} has the folder of another program")
            yield NoteFiles._make(row)

    def stamps(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield id, folder, stamp and page stamp of all notes."""
        return self._rows("SELECT id, folder, stamp, page_stamp FROM notes")

    def pages(self) -> Iterator[PageState]:
        """Yield the notes with a page, oldest first."""
        return map(PageState._make, self._rows(_SELECT_PAGES))

    def cards(self) -> Iterator[tuple[str, str]]:
        """Check and yield id and card of each note with a page, oldest first. Cards become a script.

        Raises:
            DamagedCache: a card is not from this program.
        """
        for note_id, card in self._rows(_SELECT_CARDS):
            if card is None:
                raise DamagedCache(f"{self._path} has a card of another program")
            yield note_id, card

    def find(self, folder: str) -> CachedNote | None:
        """Return the note in a folder."""
        return next(map(CachedNote._make, self._rows("SELECT * FROM notes WHERE folder = ?", folder)), None)

    def last_archived(self) -> str:
        """Return the latest archive time of all notes (ISO 8601, UTC); "" if there are none."""
        return str(next(self._rows("SELECT COALESCE(MAX(archived), '') FROM notes"))[0])

    def save(self, entries: Iterable[tuple[CachedNote, str]]) -> None:
        """Insert or replace notes with their cards; another note with the same folder is deleted."""
        with self._batch() as connection:
            for note, card in entries:
                connection.execute(_DELETE_CARDS, (note.id, note.folder))
                connection.execute(_INSERT_NOTE, note)
                if not note.empty:
                    connection.execute(_INSERT_CARD, (note.id, note.published, card))

    def forget(self, ids: Iterable[str]) -> None:
        """Make `compare` count these notes as changed."""
        with self._batch() as connection:
            connection.executemany("UPDATE notes SET form = '' WHERE id = ?", ((each,) for each in ids))

    def delete(self, note_id: str) -> None:
        """Delete a note and its card."""
        with self._batch() as connection:
            connection.execute("DELETE FROM notes WHERE id = ?", (note_id,))
            connection.execute("DELETE FROM cards WHERE id = ?", (note_id,))

    def mark_written(self, pages: Iterable[tuple[str, str, str]]) -> None:
        """Record pages: what each was made from ("" to write it again), its stamp, and the id of its note."""
        with self._batch() as connection:
            connection.executemany("UPDATE notes SET page = ?, page_stamp = ? WHERE id = ?", pages)

    def _rows(self, query: str, *values: str) -> Iterator[tuple[Any, ...]]:
        with self._translate_errors(DamagedCache):
            for row in self._connection.execute(query, values):
                if self._stopped:
                    raise ArchiveError(_STOPPED)
                yield row

    @contextmanager
    def _batch(self) -> Iterator[sqlite3.Connection]:
        """Run a block in one transaction."""
        with self._translate_errors(ArchiveError):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk ends the transaction itself
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _translate_errors(self, error: type[ArchiveError]) -> Iterator[None]:
        if self._stopped:
            raise ArchiveError(_STOPPED)
        self._limit.restart()
        try:
            yield
        except sqlite3.Error as problem:
            raise error(f"{self._path} cannot be used ({problem}); delete it, it is made again") from problem

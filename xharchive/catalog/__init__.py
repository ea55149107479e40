"""A disposable SQLite index over the manifests, for quick questions; the folders stay the truth.

It is rebuilt from the manifests whenever it is missing, older than this program, or damaged.
"""

import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from xharchive.catalog.opening import opened, renewed
from xharchive.catalog.questions import Entry, Filters, as_asked, entry, prepare
from xharchive.catalog.tables import COLUMNS, SEARCHED, note_row, searched_row
from xharchive.catalog.words import Excerpt, excerpt, has_words
from xharchive.errors import ArchiveError
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId

__all__ = [
    "Catalog",
    "Entry",
    "Excerpt",
    "Filters",
    "Row",
    "Tally",
    "excerpt",
    "has_words",
    "open_catalog",
    "renewed_catalog",
]

_NOTE = f"INSERT INTO notes ({', '.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"  # noqa: S608 - our words
_SEARCH = f"INSERT INTO search (rowid, {', '.join(SEARCHED)}) VALUES (?{',?' * len(SEARCHED)})"  # noqa: S608 - our words


@dataclass(frozen=True, slots=True)
class Row:
    """What the catalog knows of a note; `stamp` is that of the manifest it was read from."""

    folder: str
    stamp: str
    state: State
    title: str
    files: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Notes by state, original files and their bytes, gaps."""

    notes: dict[str, int]
    originals: int
    bytes: int
    gaps: int


@contextmanager
def open_catalog(path: Path, *, else_for_the_moment: bool = False) -> Iterator["Catalog"]:
    """Yield the catalog at `path`, made anew if it is missing, of another version, or damaged.

    With `else_for_the_moment` an archive that cannot be written (a read-only disk) gets one that is not kept.

    Raises:
        ArchiveError: the disk would not.
    """
    with opened(path, else_for_the_moment=else_for_the_moment) as connection:
        yield Catalog(connection)


@contextmanager
def renewed_catalog(path: Path) -> Iterator["Catalog"]:
    """Yield an empty catalog; when the block ends well it takes the place of the one at `path`, in one step.

    Raises:
        ArchiveError: the disk would not.
    """
    with renewed(path) as connection:
        yield Catalog(connection)


class Catalog:
    """Rows about notes. Every call is microseconds, so it may run on the event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        prepare(connection)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the changes inside one transaction: many cost little more than one.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours(), self._transaction():
            yield

    def put(self, folder: str, stamp: str, manifest: Manifest) -> None:
        """Insert or replace a note's rows.

        Raises:
            ArchiveError: the database would not.
        """
        files = [(manifest.id.text, entry.path, entry.size) for entry in manifest.files]
        with self._ours(), self._transaction():
            self._forget("id", manifest.id.text)
            self._forget("folder", folder)
            number = self._connection.execute(_NOTE, note_row(folder, stamp, manifest)).lastrowid
            self._connection.execute(_SEARCH, (number, *searched_row(manifest)))
            self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?)", files)

    def forget(self, note_id: NoteId) -> None:
        """Drop a note's rows.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours(), self._transaction():
            self._forget("id", note_id.text)

    def _forget(self, column: str, value: str) -> None:
        query = f"SELECT number, id FROM notes WHERE {column} = ?"  # noqa: S608 - our words
        for number, note_id in self._connection.execute(query, (value,)).fetchall():
            self._connection.execute("DELETE FROM notes WHERE number = ?", (number,))
            self._connection.execute("DELETE FROM search WHERE rowid = ?", (number,))
            self._connection.execute("DELETE FROM files WHERE note = ?", (note_id,))

    def get(self, note_id: NoteId) -> Row | None:
        """Return what is known of a note, or None.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours():
            found = self._connection.execute(
                "SELECT folder, stamp, state, title FROM notes WHERE id = ?", (note_id.text,)
            ).fetchone()
            if found is None:
                return None
            files = self._connection.execute(
                "SELECT path, size FROM files WHERE note = ? ORDER BY path", (note_id.text,)
            ).fetchall()
        folder, stamp, state, title = found
        return Row(folder, stamp, State(state), title, tuple(files))

    def knows(self, folder: str) -> bool:
        """Whether a folder of this name has a row.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours():
            query = "SELECT 1 FROM notes WHERE folder = ?"
            return self._connection.execute(query, (folder,)).fetchone() is not None

    def folders(self) -> Iterator[tuple[NoteId, str]]:
        """Yield every note's id and folder, oldest first.

        Raises:
            ArchiveError: the database would not.
        """
        return ((note_id, folder) for note_id, folder, _ in self.stamps())

    def stamps(self) -> Iterator[tuple[NoteId, str, str]]:
        """Yield every note's id, folder and the stamp of its manifest, oldest first.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours():
            query = "SELECT id, folder, stamp FROM notes ORDER BY folder"
            for note_id, folder, stamp in self._connection.execute(query):
                yield NoteId(note_id), folder, stamp

    def entries(self, filters: Filters, text: str = "") -> Iterator[Entry]:
        """Yield the wanted notes, newest first; with a text those that have its words, the best first.

        Eight bytes a note are held while they are yielded, and no transaction: whoever reads slowly is in
        nobody's way.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours():
            numbers = array("q", (number for (number,) in self._connection.execute(*as_asked(filters, text))))
        for number in numbers:
            with self._ours():
                found = entry(self._connection, number)
            if found is not None:
                yield found

    def tally(self) -> Tally:
        """Add everything up.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours():
            states = dict(self._connection.execute("SELECT state, COUNT(*) FROM notes GROUP BY state"))
            totals = self._connection.execute(
                "SELECT COALESCE(SUM(originals),0), COALESCE(SUM(bytes),0), COALESCE(SUM(gaps),0) FROM notes"
            ).fetchone()
        return Tally({state.value: states.get(state.value, 0) for state in State}, *totals)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.OperationalError):  # a full disk has ended it already
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            if _is_damage(problem):  # where no opening looks: the next one is to make the catalog anew
                with suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA user_version = 0")
            raise ArchiveError(
                f"the catalog cannot be used ({problem}); delete .xharchive/catalog.sqlite3, it is made again"
            ) from problem


def _is_damage(problem: sqlite3.Error) -> bool:
    """Whether the file is at fault. Our statements are right: a general error is about its schema."""
    primary = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    return primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)

"""A disposable SQLite index over the manifests, for quick questions; the folders stay the truth.

It is rebuilt from the manifests whenever it is missing, older than this program, or damaged.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from xharchive.disk import ours
from xharchive.errors import ArchiveError
from xharchive.manifest import Manifest, Role, State
from xharchive.models import NoteId

__all__ = ["Catalog", "Row", "Tally", "open_catalog"]

_VERSION = 1
_LONGEST_PATH = 500  # SQLite's own limit is 512, less what it appends
_TABLES = """
CREATE TABLE notes (
    id TEXT PRIMARY KEY, folder TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, state TEXT NOT NULL,
    title TEXT NOT NULL, author TEXT NOT NULL, type TEXT NOT NULL,
    originals INTEGER NOT NULL, bytes INTEGER NOT NULL, gaps INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE files (
    note TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (note, path)
) WITHOUT ROWID;
"""
_NAMES = frozenset(("notes", "files"))


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
def open_catalog(path: Path, *, else_in_memory: bool = False) -> Iterator["Catalog"]:
    """Yield the catalog at `path`, made anew if it is missing, of another version, or damaged.

    With `else_in_memory` an archive that cannot be written (a read-only disk) gets one for the moment.

    Raises:
        ArchiveError: the disk would not.
    """
    try:
        connection = _opened(path)
    except ArchiveError:
        if not else_in_memory:
            raise
        connection = _with_tables(sqlite3.connect(":memory:", isolation_level=None))
    with closing(connection):
        yield Catalog(connection)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        with ours(f"opening the catalog {path.name}"):
            connection = _usable(path) or _fresh(path)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as problem:
        long = len(os.fsencode(path.absolute())) > _LONGEST_PATH
        words = "its path is too long for SQLite; use a shorter --directory" if long else problem
        raise ArchiveError(f"opening the catalog {path.name}: {words}") from problem
    return connection


def _usable(path: Path) -> sqlite3.Connection | None:
    # A link beside it would end every run: SQLite does not follow it, and does not go on without the file.
    if not path.is_file() or any(file.is_symlink() for file in _files_of(path)):
        return None
    connection = _connection(path)
    try:
        if _is_whole(connection):
            return connection
    except sqlite3.OperationalError:
        connection.close()
        raise  # locked by another process, or not readable: nothing that a new file would heal
    except sqlite3.DatabaseError:
        pass  # damaged: the manifests know everything it knew
    connection.close()
    return None


def _is_whole(connection: sqlite3.Connection) -> bool:
    """Whether it is a catalog of this version without damage; some 0.1 s for a million files."""
    if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
        return False
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return tables >= _NAMES and connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)


def _fresh(path: Path) -> sqlite3.Connection:
    for file in _files_of(path):
        file.unlink(missing_ok=True)
    return _with_tables(_connection(path))


def _files_of(path: Path) -> Iterator[Path]:
    """The database and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        yield path.with_name(path.name + suffix)


def _with_tables(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.executescript(f"{_TABLES} PRAGMA user_version = {_VERSION};")
    return connection


def _connection(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # PERFORMANCE 6: a commit a note costs nothing then; a crash may lose rows, which are made again.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.DatabaseError:
        connection.close()
        connection = sqlite3.connect(path, isolation_level=None)
    return connection


class Catalog:
    """Rows about notes. Every call is microseconds, so it may run on the event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, folder: str, stamp: str, manifest: Manifest) -> None:
        """Insert or replace a note's rows.

        Raises:
            ArchiveError: the database would not.
        """
        originals = [entry for entry in manifest.files if entry.role is Role.ORIGINAL]
        author = manifest.note.get("author")
        row = (
            manifest.id.text,
            folder,
            stamp,
            manifest.state.value,
            manifest.title,
            str(author.get("name", "")) if isinstance(author, dict) else "",
            str(manifest.note.get("type", "")),
            len(originals),
            sum(entry.size for entry in originals),
            len(manifest.gaps),
        )
        files = [(manifest.id.text, entry.path, entry.size) for entry in manifest.files]
        with self._ours(), self._transaction():
            self._forget(manifest.id.text)
            self._connection.execute("DELETE FROM notes WHERE folder = ?", (folder,))
            self._connection.execute("INSERT INTO notes VALUES (?,?,?,?,?,?,?,?,?,?)", row)
            self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?)", files)

    def forget(self, note_id: NoteId) -> None:
        """Drop a note's rows.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours(), self._transaction():
            self._forget(note_id.text)

    def _forget(self, note_id: str) -> None:
        self._connection.execute("DELETE FROM notes WHERE id = ?", (note_id,))
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
        with self._ours():
            for note_id, folder in self._connection.execute("SELECT id, folder FROM notes ORDER BY folder"):
                yield NoteId(note_id), folder

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
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise ArchiveError(
                f"the catalog cannot be used ({problem}); delete .xharchive/catalog.sqlite3, it is made again"
            ) from problem

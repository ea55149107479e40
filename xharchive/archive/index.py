"""A disposable SQLite index over the manifests, for fast queries. The note folders stay the truth.

The index is rebuilt from the manifests if it is missing, of another version, or damaged.
"""

import os
import sqlite3
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain, groupby
from operator import itemgetter

from xharchive.archive.index_schema import (
    COLUMNS,
    SCHEMA,
    SEARCHED,
    DamagedRow,
    IndexEntry,
    IndexRow,
    IndexTotals,
    load_entry,
    note_row,
    parse_note_id,
    parse_row,
    searched_row,
)
from xharchive.archive.index_search import IndexFilter, build_query, register_functions
from xharchive.archive_path import ArchivePath
from xharchive.database import (
    StepLimit,
    connect_temporary,
    make_database,
    open_database,
    remove_database,
    size_on_disk,
)
from xharchive.errors import ArchiveError
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId

_MAX_PATH_BYTES = 500  # SQLite's limit is 512, and it appends a suffix
_MAX_FILE_ROWS = 200_000
"""The most rows of files that one query returns for its batch of notes. More would only cost memory."""
_DAMAGE_CODES = frozenset(
    (
        *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR),
        *(sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG),
    )
)
_HAS_COPY_ROW = "SELECT 1 FROM copies JOIN notes ON id = note WHERE copies.folder = asked.value"
_INSERT_NOTE = f"INSERT INTO notes ({', '.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"  # noqa: S608 - our words
_INSERT_SEARCH = f"INSERT INTO search (rowid, {', '.join(SEARCHED)}) VALUES (?{',?' * len(SEARCHED)})"  # noqa: S608 - our words


class Index:  # noqa: PLR0904 - a method for each query
    """Rows about notes. Each call takes microseconds, so it may run on the event loop.

    Methods that take several ids or folders expect some hundred: SQLite limits the values of a query.

    Raises:
        ArchiveError: any method raises it if the index cannot be read or written.
    """

    def __init__(self, connection: sqlite3.Connection, size: int = 0) -> None:
        self._connection = connection
        self._limit = StepLimit(connection, size)
        register_functions(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Put all changes of the block into one transaction, which costs little more than one change."""
        with self._translated_errors():
            if self._connection.in_transaction:  # that of an outer block
                yield
                return
            # IMMEDIATE takes the write lock now, so that what the block reads stays true until it writes.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.OperationalError):  # SQLite rolled back by itself after a full disk
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def put(self, folder: str, stamp: str, manifest: Manifest) -> None:
        """Insert or replace the rows of a note; see `PublishedNote` for the arguments."""
        files = [(manifest.id.text, entry.path, entry.size) for entry in manifest.files]
        with self.transaction():
            self._delete_rows("id", manifest.id.text)
            self._delete_rows("folder", folder)
            number = self._connection.execute(_INSERT_NOTE, note_row(folder, stamp, manifest)).lastrowid
            self._connection.execute(_INSERT_SEARCH, (number, *searched_row(manifest)))
            self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?)", files)

    def remove(self, note_id: NoteId) -> None:
        """Delete the rows of a note."""
        with self.transaction():
            self._delete_rows("id", note_id.text)

    def _delete_rows(self, column: str, value: str) -> None:
        query = f"SELECT number, id FROM notes WHERE {column} = ?"  # noqa: S608 - our words
        for number, note_id in self._connection.execute(query, (value,)).fetchall():
            self._connection.execute("DELETE FROM notes WHERE number = ?", (number,))
            self._connection.execute("DELETE FROM search WHERE rowid = ?", (number,))
            self._connection.execute("DELETE FROM files WHERE note = ?", (note_id,))
        if column == "folder":
            self._connection.execute("DELETE FROM copies WHERE folder = ?", (value,))

    def rows(self, notes: Sequence[NoteId], *, with_files: bool = True) -> Mapping[str, IndexRow]:
        """Return the rows of a batch of notes, by id.

        Args:
            with_files: a second query adds their files.
        """
        query = (
            "SELECT id, folder, stamp, state, CAST(title AS TEXT) FROM notes "  # noqa: S608 - our words
            f"WHERE id IN {_placeholders(notes)}"
        )
        with self._translated_errors():
            found = dict(map(parse_row, self._connection.execute(query, [note.text for note in notes])))
            if not (found and with_files):
                return found
            query = (
                "SELECT note, CAST(path AS TEXT), size FROM files "  # noqa: S608 - our words
                f"WHERE note IN {_placeholders(found)} ORDER BY note, path"
            )
            files = self._connection.execute(query, tuple(found)).fetchmany(_MAX_FILE_ROWS)
            if len(files) == _MAX_FILE_ROWS:
                raise DamagedRow("a note has too many files")
        for note, group in groupby(files, itemgetter(0)):
            found[note] = found[note]._replace(files=tuple([row[1:] for row in group]))
        return found

    def folders_to_read(self, found: Sequence[tuple[str, str]]) -> frozenset[str]:
        """Return those of a batch of folders whose manifests are not in the index, or changed.

        Args:
            found: each folder with the stamp of its manifest. With "", a row of the folder is enough; a
                folder without a note id in its name may have been replaced by another, so its stamp is
                compared.
        """
        named = [folder for folder, stamp in found if not stamp]
        new = self._without_row(named, "folder = asked.value")
        if new:
            new = self._without_row(sorted(new), f"FALSE UNION ALL {_HAS_COPY_ROW}")
        stamps = {folder: stamp for folder, stamp in found if stamp}
        if not stamps:
            return new
        query = (
            "SELECT folder, stamp FROM notes "  # noqa: S608 - our words
            f"WHERE folder IN {_placeholders(stamps)} UNION ALL SELECT folder, stamp FROM copies "
            f"WHERE folder IN {_placeholders(stamps)} AND EXISTS (SELECT 1 FROM notes WHERE id = note)"
        )
        with self._translated_errors():
            known = frozenset(self._connection.execute(query, (*stamps, *stamps)))
        return new | {folder for folder, stamp in stamps.items() if (folder, stamp) not in known}

    def put_copy(self, folder: str, stamp: str, note_id: NoteId) -> None:
        """Record a folder that holds a copy of a note. The note's own row names another folder."""
        with self.transaction():
            self._delete_rows("folder", folder)
            self._connection.execute("INSERT INTO copies VALUES (?,?,?)", (folder, stamp, note_id.text))

    def copies(self) -> Iterator[tuple[str, str]]:
        """Yield each folder that holds a copy, with the folder that is used for the note."""
        query = "SELECT copies.folder, id, notes.folder FROM copies JOIN notes ON id = note ORDER BY 1"
        with self._translated_errors():
            for copy, note, folder in self._connection.execute(query):
                parse_note_id(note, folder)
                parse_note_id(note, copy)
                yield copy, folder

    def remove_copies(self, folders: Iterable[str]) -> None:
        """Delete the rows of folders that hold copies."""
        with self.transaction():
            query = "DELETE FROM copies WHERE folder = ?"
            self._connection.executemany(query, ((folder,) for folder in folders))

    def incomplete(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of a batch of ids whose notes have no row, or a row that is not complete."""
        return self._without_row(ids, f"id = asked.value AND state = '{State.COMPLETE}'")

    def unfinished(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of a batch of ids whose notes have no row, or a partial one."""
        return self._without_row(ids, f"id = asked.value AND state <> '{State.PARTIAL}'")

    def _without_row(self, values: Sequence[str], condition: str) -> frozenset[str]:
        # SQLite returns only missing values, which are few: returned rows cost most of the time of a query.
        if not values:
            return frozenset()
        asked = f"WITH asked (value) AS (VALUES {','.join(['(?)'] * len(values))})"
        query = f"{asked} SELECT value FROM asked WHERE NOT EXISTS (SELECT 1 FROM notes WHERE {condition})"  # noqa: S608 - our words
        with self._translated_errors():
            return frozenset(chain.from_iterable(self._connection.execute(query, values)))

    @property
    def folder_count(self) -> int:
        """The number of folders in the index: folders of notes, and folders that hold copies."""
        return len(self) + self._count("copies")

    def __len__(self) -> int:
        """Return the number of notes that have a row."""
        return self._count("notes")

    def _count(self, table: str) -> int:
        with self._translated_errors():
            return int(self._connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our words

    @property
    def clean_identity(self) -> str:
        """The identity of the archive whose manifests all agree with the rows, "" if the index is dirty."""
        with self._translated_errors():
            found = self._connection.execute("SELECT place FROM seal").fetchone()
        return str(found[0]) if found else ""

    def mark_clean(self, identity: str) -> None:
        """Record that the rows agree with all manifests of an archive."""
        with self.transaction():
            self._connection.execute("DELETE FROM seal")
            self._connection.execute("INSERT INTO seal VALUES (?)", (identity,))

    def mark_dirty(self) -> None:
        """Remove the clean mark durably: neither a kill nor a power cut may restore it over later changes."""
        if not self.clean_identity:
            return
        with self._translated_errors():
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("DELETE FROM seal")
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def folders(self) -> Iterator[tuple[NoteId, str, str]]:
        """Yield the id, the folder and the manifest's stamp of each note, ordered by folder."""
        with self._translated_errors():
            query = "SELECT id, folder, stamp FROM notes ORDER BY folder"
            for note, folder, stamp in self._connection.execute(query):
                yield parse_note_id(note, folder), folder, stamp

    def entries(self, filters: IndexFilter, text: str = "") -> Iterator[IndexEntry]:
        """Yield the notes that pass the filters: newest first, or with a text the best matches first.

        This keeps eight bytes a note in memory, and no transaction open: a slow reader blocks no writer.

        Args:
            text: a search query; see `match_expression`.
        """
        with self._translated_errors():
            found = self._connection.execute(*build_query(filters, text))
            numbers = array("q", (number for (number,) in found))
        for number in numbers:
            with self._translated_errors():
                note = load_entry(self._connection, number)
            if note is not None:
                yield note

    def totals(self) -> IndexTotals:
        """Return the totals of all notes."""
        with self._translated_errors():
            states = dict(self._connection.execute("SELECT state, COUNT(*) FROM notes GROUP BY state"))
            sums = (f"CAST(COALESCE(SUM({name}), 0) AS INTEGER)" for name in ("originals", "bytes", "gaps"))
            totals = self._connection.execute(f"SELECT {', '.join(sums)} FROM notes").fetchone()  # noqa: S608 - our words
        return IndexTotals({state.value: states.get(state.value, 0) for state in State}, *totals)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translate SQLite errors and damaged rows to ArchiveError. After damage, have the index rebuilt."""
        self._limit.restart()
        try:
            yield
        except (sqlite3.Error, DamagedRow) as problem:
            if _is_damage(problem):  # found only in use: makes the next opening rebuild the index
                with suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA user_version = 0")
            raise ArchiveError(
                f"the index cannot be used ({problem}); rebuild it with: xharchive reindex"
            ) from problem


def _placeholders(values: Collection[object]) -> str:
    return f"({','.join('?' * len(values))})"


def _is_damage(problem: Exception) -> bool:
    # The program's statements are correct, so a general error is about the schema. An error without a code is
    # about text that is not UTF-8.
    primary = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return primary in _DAMAGE_CODES


@contextmanager
def open_index(path: ArchivePath, *, or_temporary: bool = False) -> Iterator[Index]:
    """Open the index at `path`. Rebuild it if it is missing, of another version, or damaged.

    Args:
        or_temporary: use a temporary index if the archive cannot be written (a read-only disk).
    """
    try:
        connection = _connect(path)
    except ArchiveError:
        if not or_temporary:
            raise
        # In SQLite's temporary file, not in memory: an archive may have a million notes.
        connection = connect_temporary(SCHEMA)
    with closing(connection):
        yield Index(connection, size_on_disk(path))


@contextmanager
def rebuild_index(path: ArchivePath) -> Iterator[Index]:
    """Yield an empty index that replaces the one at `path` in one step, if the block ends without an error.

    SQLite copies the content in a transaction. So a reader sees the old index or the new one, and no journal
    of the old one can be applied to the new one.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        with closing(_connect(path)) as old, closing(_use_wal(make_database(temporary, SCHEMA))) as new:
            yield Index(new)
            new.backup(old)
    except sqlite3.Error as problem:
        raise ArchiveError(f"replacing {path} by {temporary}: {problem}") from problem
    finally:
        with suppress(ArchiveError):  # harmless if it stays: the next rebuild removes it first
            remove_database(temporary)


def _connect(path: ArchivePath) -> sqlite3.Connection:
    try:
        connection = _use_wal(open_database(path, SCHEMA))
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as problem:
        is_too_long = len(os.fsencode(path.unguarded.absolute())) > _MAX_PATH_BYTES
        reason = "its path is too long for SQLite; use a shorter --directory" if is_too_long else problem
        raise ArchiveError(f"opening {path}: {reason}") from problem
    return connection


def _use_wal(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Make commits cheap: WAL mode without a sync. A power cut may lose rows; the manifests still have them.

    A file system without shared memory keeps the slower journal.
    """
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection

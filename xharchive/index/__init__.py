"""A disposable SQLite index over the manifests, for quick questions; the folders stay the truth.

It is rebuilt from the manifests whenever it is missing, older than this program, or damaged.
"""

import sqlite3
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain

from xharchive.archive_path import ArchivePath
from xharchive.database import StepLimit, size_on_disk
from xharchive.errors import ArchiveError
from xharchive.index.index_file import opened, renewed
from xharchive.index.index_rows import Head, Row, Tally, check_folder, head, note_in
from xharchive.index.queries import DamagedRow, Entry, Filters, as_asked, entry, prepare
from xharchive.index.schema import COLUMNS, SEARCHED, note_row, searched_row
from xharchive.index.tokenizer import Excerpt, excerpt, has_words
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId

__all__ = [
    "Catalog",
    "Entry",
    "Excerpt",
    "Filters",
    "Head",
    "Row",
    "Tally",
    "excerpt",
    "has_words",
    "open_catalog",
    "renewed_catalog",
]

_MOST_FILES = 200_000
"""Of some hundred notes: more than a manifest may name for each is not worth the memory."""
_DAMAGE = frozenset(
    (
        *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR),
        *(sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG),
    )
)
_COPY = "SELECT 1 FROM copies JOIN notes ON id = note WHERE copies.folder = asked.value"
_NOTE = f"INSERT INTO notes ({', '.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"  # noqa: S608 - our words
_SEARCH = f"INSERT INTO search (rowid, {', '.join(SEARCHED)}) VALUES (?{',?' * len(SEARCHED)})"  # noqa: S608 - our words


@contextmanager
def open_catalog(path: ArchivePath, *, else_for_the_moment: bool = False) -> Iterator["Catalog"]:
    """Yield the catalog at `path`, made anew if it is missing, of another version, or damaged.

    With `else_for_the_moment` an archive that cannot be written (a read-only disk) gets one that is not kept.

    Raises:
        ArchiveError: the disk would not.
    """
    with opened(path, else_for_the_moment=else_for_the_moment) as connection:
        yield Catalog(connection, size_on_disk(path))


@contextmanager
def renewed_catalog(path: ArchivePath) -> Iterator["Catalog"]:
    """Yield an empty catalog; when the block ends well it takes the place of the one at `path`, in one step.

    Raises:
        ArchiveError: the disk would not.
    """
    with renewed(path) as connection:
        yield Catalog(connection)


class Catalog:
    """Rows about notes. Every call is microseconds, so it may run on the event loop."""

    def __init__(self, connection: sqlite3.Connection, size: int = 0) -> None:
        self._connection = connection
        self._limit = StepLimit(connection, size)
        prepare(connection)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the changes inside one transaction: many cost little more than one, and nobody's come between.

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
        if column == "folder":
            self._connection.execute("DELETE FROM copies WHERE folder = ?", (value,))

    def get(self, note_id: NoteId) -> Row | None:
        """Return what is known of a note, or None.

        Raises:
            ArchiveError: the database would not.
        """
        return self.rows([note_id]).get(note_id.text)

    def rows(self, notes: Sequence[NoteId]) -> Mapping[str, Row]:
        """Return what is known of some hundred notes, by id: two questions for all of them.

        Raises:
            ArchiveError: the database would not.
        """
        heads = self.heads(notes)
        if not heads:
            return {}
        files: dict[str, list[tuple[str, int]]] = {}
        with self._ours():
            query = (
                "SELECT note, CAST(path AS TEXT), size FROM files "  # noqa: S608 - our words
                f"WHERE note IN {_any_of(heads)} ORDER BY note, path"
            )
            found = self._connection.execute(query, tuple(heads)).fetchmany(_MOST_FILES)
            if len(found) == _MOST_FILES:
                raise DamagedRow("a note has more files than any note")
            for note, path, size in found:
                files.setdefault(note, []).append((path, size))
        return {note: Row(*head, tuple(files.get(note, ()))) for note, head in heads.items()}

    def heads(self, notes: Sequence[NoteId]) -> Mapping[str, Head]:
        """Return what is known of some hundred notes but for their files, by id.

        Raises:
            ArchiveError: the database would not.
        """
        query = (
            "SELECT id, folder, stamp, state, CAST(title AS TEXT) FROM notes "  # noqa: S608 - our words
            f"WHERE id IN {_any_of(notes)}"
        )
        with self._ours():
            found = self._connection.execute(query, [note_id.text for note_id in notes])
            return dict(map(head, found))

    def unknown(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of some hundred ids whose notes have no row.

        Raises:
            ArchiveError: the database would not.
        """
        return self._without_row(ids, "id = asked.value")

    def unknown_folders(self, folders: Sequence[str]) -> frozenset[str]:
        """Return those of some hundred folders that have no row.

        Raises:
            ArchiveError: the database would not.
        """
        new = self._without_row(folders, "folder = asked.value")
        return self._without_row(sorted(new), f"FALSE UNION ALL {_COPY}") if new else new

    def changed_folders(self, folders: Sequence[tuple[str, str]]) -> frozenset[str]:
        """Return those of some hundred folders that have no row with the stamp that is given with each.

        Raises:
            ArchiveError: the database would not.
        """
        stamps = dict(folders)
        query = (
            "SELECT folder, stamp FROM notes "  # noqa: S608 - our words
            f"WHERE folder IN {_any_of(stamps)} UNION ALL SELECT folder, stamp FROM copies "
            f"WHERE folder IN {_any_of(stamps)} AND EXISTS (SELECT 1 FROM notes WHERE id = note)"
        )
        with self._ours():
            known = frozenset(self._connection.execute(query, (*stamps, *stamps)))
        return frozenset(stamps).difference(folder for folder, stamp in known if stamps[folder] == stamp)

    def put_copy(self, folder: str, stamp: str, note_id: NoteId) -> None:
        """Record that a folder holds a copy of a note whose row names another folder.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours(), self._transaction():
            self._forget("folder", folder)
            self._connection.execute("INSERT INTO copies VALUES (?,?,?)", (folder, stamp, note_id.text))

    def copies(self) -> Iterator[tuple[str, str]]:
        """Yield each folder that holds a copy, with the folder that is the note's.

        Raises:
            ArchiveError: the database would not.
        """
        query = "SELECT copies.folder, id, notes.folder FROM copies JOIN notes ON id = note ORDER BY 1"
        with self._ours():
            for copy, note, folder in self._connection.execute(query):
                check_folder(note, folder)
                check_folder(note, copy)
                yield copy, folder

    def forget_copies(self, folders: Iterable[str]) -> None:
        """Drop what is known of folders that hold copies.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours(), self._transaction():
            query = "DELETE FROM copies WHERE folder = ?"
            self._connection.executemany(query, ((folder,) for folder in folders))

    def incomplete(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of some hundred ids whose notes are not complete, as far as is known.

        Raises:
            ArchiveError: the database would not.
        """
        return self._without_row(ids, f"id = asked.value AND state = '{State.COMPLETE}'")

    def unfinished(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of some hundred ids whose notes have no row, or are partial.

        Raises:
            ArchiveError: the database would not.
        """
        return self._without_row(ids, f"id = asked.value AND state <> '{State.PARTIAL}'")

    def _without_row(self, values: Sequence[str], condition: str) -> frozenset[str]:
        # What is not there is asked for: nearly always nothing, and rows that travel cost most of a question.
        if not values:
            return frozenset()
        asked = f"WITH asked (value) AS (VALUES {','.join(['(?)'] * len(values))})"
        query = f"{asked} SELECT value FROM asked WHERE NOT EXISTS (SELECT 1 FROM notes WHERE {condition})"  # noqa: S608 - our words
        with self._ours():
            return frozenset(chain.from_iterable(self._connection.execute(query, values)))

    @property
    def folder_count(self) -> int:
        """How many folders are known: those of the notes, and those that hold copies of them."""
        with self._ours():
            query = "SELECT (SELECT COUNT(*) FROM notes) + (SELECT COUNT(*) FROM copies)"
            return int(self._connection.execute(query).fetchone()[0])

    def __len__(self) -> int:
        """How many notes have a row."""
        with self._ours():
            return int(self._connection.execute("SELECT COUNT(*) FROM notes").fetchone()[0])

    @property
    def seal(self) -> str:
        """For which archive somebody vouched that all manifests are as the rows say; "" if nobody does."""
        with self._ours():
            found = self._connection.execute("SELECT place FROM seal").fetchone()
        return str(found[0]) if found else ""

    def vouch_for(self, place: str) -> None:
        """Set the seal: all manifests of the archive at this place are as the rows say.

        Raises:
            ArchiveError: the database would not.
        """
        with self._ours(), self._transaction():
            self._connection.execute("DELETE FROM seal")
            self._connection.execute("INSERT INTO seal VALUES (?)", (place,))

    def break_seal(self) -> None:
        """Take the seal off, for good: neither a kill nor a power cut brings it back over what comes now.

        Raises:
            ArchiveError: the database would not.
        """
        if not self.seal:
            return
        with self._ours():
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("DELETE FROM seal")
            self._connection.execute("PRAGMA synchronous = NORMAL")

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
            for note, folder, stamp in self._connection.execute(query):
                yield note_in(note, folder), folder, stamp

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
            sums = (f"CAST(COALESCE(SUM({name}), 0) AS INTEGER)" for name in ("originals", "bytes", "gaps"))
            totals = self._connection.execute(f"SELECT {', '.join(sums)} FROM notes").fetchone()  # noqa: S608 - our words
        return Tally({state.value: states.get(state.value, 0) for state in State}, *totals)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:
            yield
            return
        # At once, so that what the block looks at before its first change is still so when it changes.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.OperationalError):  # a full disk has ended it already
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _ours(self) -> Iterator[None]:
        self._limit.restart()
        try:
            yield
        except (sqlite3.Error, DamagedRow) as problem:
            if _is_damage(problem):  # where no opening looks: the next one is to make the catalog anew
                with suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA user_version = 0")
            raise ArchiveError(
                f"the catalog cannot be used ({problem}); make it anew with: xharchive reindex"
            ) from problem


def _any_of(values: Collection[object]) -> str:
    return f"({','.join('?' * len(values))})"


def _is_damage(problem: Exception) -> bool:
    """Return whether the file is at fault.

    Our statements are right, so a general error is about its schema, and one without a code about a text that
    is not UTF-8.
    """
    primary = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return primary in _DAMAGE

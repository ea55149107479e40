"""Records in a disposable SQLite file what the gallery was made from; a refresh writes only changes."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import NamedTuple, ParamSpec, TypeVar

from xharchive.archive_path import ArchivePath
from xharchive.database import Schema, StepLimit, make_database, open_database, size_on_disk
from xharchive.errors import ArchiveError
from xharchive.naming import may_be_folder_of

__all__ = [
    "CachedNote",
    "CachedThumbnail",
    "GalleryCache",
    "ListedFolder",
    "NoteNeighbours",
    "StalePage",
    "open_cache",
]

_P = ParamSpec("_P")
_Found = TypeVar("_Found")
_NOTE_ID = re.compile(r"[0-9a-f]{24}")
# Cards have their own table, because most queries over all notes do not need them.
_SCHEMA = Schema(
    """
CREATE TABLE shown (
    id TEXT PRIMARY KEY, folder TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, form TEXT NOT NULL,
    published TEXT NOT NULL, title TEXT NOT NULL, archived TEXT NOT NULL,
    seal TEXT NOT NULL, face TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, empty INTEGER NOT NULL,
    made TEXT NOT NULL DEFAULT '', page TEXT NOT NULL DEFAULT '', file TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX by_time ON shown (published, id) WHERE NOT empty;
CREATE TABLE cards (id TEXT PRIMARY KEY, published TEXT NOT NULL, card TEXT NOT NULL);
CREATE INDEX cards_by_time ON cards (published, id);
""",
    version=4,
)
# The listing of a large archive is not held in memory: SQLite moves it to a temporary file if necessary.
_CREATE_LISTED = """
DROP TABLE IF EXISTS temp.unread;
DROP TABLE IF EXISTS temp.listed;
CREATE TEMP TABLE listed (id TEXT PRIMARY KEY, folder TEXT NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID;
"""
# SQLite does not check the types of columns.
_TEXTS = ("stamp", "form", "published", "title", "archived", "seal", "face", "made", "page", "file")
_NUMBERS = ("width", "height", "empty")
_TYPES_FIT = " AND ".join(
    f"typeof({name}) = '{kind}'"
    for names, kind in ((_TEXTS, "text"), (_NUMBERS, "integer"))
    for name in names
)
_SELECT_NAMES = f"SELECT id, folder, {_TYPES_FIT} FROM shown"  # noqa: S608 - constants
# JSON has no effect as a script. SQLite's text functions stop at a zero byte, a script does not.
_UNSAFE_CARDS = "SELECT 1 FROM cards WHERE NOT json_valid(card) OR instr(CAST(card AS BLOB), x'00')"
_ORPHANED_CARDS = "SELECT 1 FROM cards WHERE id NOT IN (SELECT id FROM shown)"
_INSERT_LISTED = """
INSERT INTO listed (folder, id, stamp) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET folder = excluded.folder, stamp = excluded.stamp
WHERE excluded.folder < folder
"""
_CREATE_UNREAD = """
CREATE TEMP TABLE unread AS SELECT listed.folder FROM listed LEFT JOIN shown ON shown.folder = listed.folder
WHERE shown.id IS NULL OR shown.stamp != listed.stamp OR shown.form != :form
    OR shown.width AND thumb_size(shown.id) <= 0
ORDER BY listed.id
"""
_UPSERT_NOTE = """
INSERT INTO shown (id, folder, stamp, form, published, title, archived, seal, face, width, height, empty)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    folder = excluded.folder, stamp = excluded.stamp, form = excluded.form, published = excluded.published,
    title = excluded.title, archived = excluded.archived, seal = excluded.seal, face = excluded.face,
    width = excluded.width, height = excluded.height, empty = excluded.empty
"""
_INSERT_CARD = "INSERT INTO cards VALUES (?, ?, ?)"
_SELECT_OLDER = """
SELECT folder, title FROM shown WHERE NOT empty AND (published, id) < (?, ?)
ORDER BY published DESC, id DESC LIMIT 1
"""
_SELECT_NEWER = """
SELECT folder, title FROM shown WHERE NOT empty AND (published, id) > (?, ?) ORDER BY published, id LIMIT 1
"""


class ListedFolder(NamedTuple):
    """A note folder on disk: its note id, and the time and size of its manifest. A tuple saves memory."""

    folder: str
    id: str
    stamp: str


class CachedThumbnail(NamedTuple):
    """A manifest stamp, and width and height of the thumbnail; 0 if there is none."""

    stamp: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CachedNote:
    """A note in the cache; `form` is the version of the program that read it, `stamp` its manifest's.

    `page_hash` changes with the note itself, `title_hash` with what the pages of its neighbours show; neither
    has spaces. `width` and `height` of the thumbnail are 0 if there is none. An `empty` note has no page.
    """

    id: str
    folder: str
    stamp: str
    form: str
    published: str
    title: str
    archived: str
    page_hash: str
    title_hash: str
    width: int
    height: int
    empty: bool = False


@dataclass(frozen=True, slots=True)
class StalePage:
    """A note whose page must be written; pass `inputs` to `mark_written` afterwards."""

    id: str
    inputs: str


@dataclass(frozen=True, slots=True)
class NoteNeighbours:
    """The folder of a note, and folder and title of the next older and newer notes."""

    folder: str
    older: tuple[str, str] | None
    newer: tuple[str, str] | None


@contextmanager
def open_cache(path: ArchivePath, *, rebuild: bool = False) -> Iterator["GalleryCache"]:
    """Open the cache. Create it if it is missing, damaged or of another version, or with `rebuild`.

    Raises:
        ArchiveError: it cannot be used.
    """
    try:
        connection = _open(path, rebuild=rebuild)
    except sqlite3.Error as problem:
        raise ArchiveError(f"opening {path}: {problem}") from problem
    with closing(connection):
        yield GalleryCache(connection, path)


def _open(path: ArchivePath, *, rebuild: bool) -> sqlite3.Connection:
    """Open the cache. Check all rows: they name files to delete, and cards become a script."""
    if not rebuild:
        connection = open_database(path, _SCHEMA, any_thread=True)
        if _is_safe(connection, size_on_disk(path)):
            return connection
        connection.close()
    return make_database(path, _SCHEMA, any_thread=True)


def _is_safe(connection: sqlite3.Connection, size: int) -> bool:
    """Whether all ids and folders are valid, and all cards are JSON."""
    limit = StepLimit(connection, size)
    try:
        for note, folder, types_fit in connection.execute(_SELECT_NAMES):
            if not (types_fit and _NOTE_ID.fullmatch(note) and may_be_folder_of(note, folder)):
                return False
        for query in (_ORPHANED_CARDS, _UNSAFE_CARDS):
            limit.restart()
            if connection.execute(query).fetchone() is not None:
                return False
    except (sqlite3.DatabaseError, TypeError, AttributeError):  # not text, not UTF-8, or too slow
        return False
    return True


class GalleryCache:
    """The cache. Any call may raise ArchiveError.

    Several threads may use it, one at a time. Close it only when no thread uses it.
    """

    def __init__(self, connection: sqlite3.Connection, path: ArchivePath) -> None:
        self._connection = connection
        self._limit = StepLimit(connection, size_on_disk(path))
        self._path = path
        self._stopped = False

    def stop(self) -> None:
        """Make every further call raise ArchiveError, in all threads."""
        self._stopped = True

    def compare(self, folders: Iterable[ListedFolder], form: str, thumb_size: Callable[[str], int]) -> int:
        """Compare the folders on disk with the recorded notes; return how many must be read.

        These have another stamp or `form`, or no thumbnail: `thumb_size` maps a note id to the bytes of its
        thumbnail, 0 or less for none. Of two folders with the same note, the first by name counts.
        """
        with self._translate_errors():
            self._connection.executescript(_CREATE_LISTED)
        with self.batch():
            self._connection.executemany(_INSERT_LISTED, folders)
        with self._translate_errors():
            self._connection.create_function("thumb_size", 1, thumb_size)
            self._connection.execute(_CREATE_UNREAD, {"form": form})
            (unread,) = self._connection.execute("SELECT COUNT(*) FROM unread").fetchone()
            return int(unread)

    def unread(self) -> Iterator[str]:
        """Yield the folders that `compare` found, by note id."""
        with self._translate_errors():
            rows = self._connection.execute("SELECT folder FROM unread ORDER BY rowid")
            yield from (folder for (folder,) in rows)

    def removed_folders(self) -> list[str]:
        """Return the recorded folders that `compare` did not get."""
        query = "SELECT folder FROM shown WHERE folder NOT IN (SELECT folder FROM listed)"
        with self._translate_errors():
            return [folder for (folder,) in self._connection.execute(query)]

    def find_note_id(self, folder: str, stamp: str) -> str:
        """Return the id of the note with this folder and stamp; "" if there is none."""
        with self._translate_errors():
            query = "SELECT id FROM shown WHERE folder = ? AND stamp = ?"
            return str((self._connection.execute(query, (folder, stamp)).fetchone() or ("",))[0])

    def stamps(self) -> Iterator[tuple[str, str]]:
        """Yield folder and manifest stamp of each note. Do not change rows meanwhile."""
        with self._translate_errors():
            yield from self._connection.execute("SELECT folder, stamp FROM shown")

    def thumbnail_of(self, folder: str) -> CachedThumbnail | None:
        """Return the recorded thumbnail of the note in a folder; None if there is no record."""
        query = "SELECT stamp, width, height FROM shown WHERE folder = ?"
        with self._translate_errors():
            row = self._connection.execute(query, (folder,)).fetchone()
        return CachedThumbnail._make(row) if row else None

    def ids(self) -> set[str]:
        """Return the ids of all notes."""
        with self._translate_errors():
            return {note_id for (note_id,) in self._connection.execute("SELECT id FROM shown")}

    def save(self, shown: CachedNote, card: str) -> None:
        """Insert or replace a note and its card; the record of its page stays."""
        row = (
            *(shown.id, shown.folder, shown.stamp, shown.form, shown.published, shown.title, shown.archived),
            *(shown.page_hash, shown.title_hash, shown.width, shown.height, shown.empty),
        )
        with self._translate_errors():
            # Another note may have used this folder.
            others = "SELECT id FROM shown WHERE folder = ? AND id != ?"
            for (other,) in self._connection.execute(others, (shown.folder, shown.id)).fetchall():
                self._remove(other)
            self._connection.execute(_UPSERT_NOTE, row)
            self._connection.execute("DELETE FROM cards WHERE id = ?", (shown.id,))
            if not shown.empty:
                self._connection.execute(_INSERT_CARD, (shown.id, shown.published, card))

    def delete_folder(self, folder: str) -> str:
        """Delete the note of a removed folder; return its id, or "" if there was none."""
        with self._translate_errors():
            found = self._connection.execute("SELECT id FROM shown WHERE folder = ?", (folder,)).fetchone()
            if found is not None:
                self._remove(found[0])
            return str(found[0]) if found else ""

    def _remove(self, note_id: str) -> None:
        for table in ("shown", "cards"):
            self._connection.execute(f"DELETE FROM {table} WHERE id = ?", (note_id,))  # noqa: S608 - constants

    def generated(self) -> dict[str, str]:
        """Return the hash of generated files by note id, for notes that have such files."""
        with self._translate_errors():
            return dict(self._connection.execute("SELECT id, made FROM shown WHERE made != ''"))

    def save_generated(self, generated: Iterable[tuple[str, str]]) -> None:
        """Record pairs of note id and hash of generated files; "" for none."""
        with self._translate_errors():
            rows = ((value, note_id) for note_id, value in generated)
            self._connection.executemany("UPDATE shown SET made = ? WHERE id = ?", rows)

    def check_pages(self, page_stamp: Callable[[str], str]) -> None:
        """Mark pages whose file changed. `page_stamp` maps a folder to the stamp of its page, "" for none."""
        with self._translate_errors():
            self._connection.create_function("page_stamp", 1, self._stoppable(page_stamp))
            self._connection.execute(
                "UPDATE shown SET page = '' WHERE NOT empty AND page != '' AND page_stamp(folder) != file"
            )

    def stale_pages(self) -> Iterator[StalePage]:
        """Yield the notes whose page is outdated, oldest first.

        The inputs of a page are the note, its generated files and its neighbours' titles. Meanwhile only
        call `mark_written` for yielded notes: other changes may be visible (sqlite.org/isolation.html).
        """
        query = "SELECT id, page, seal || ' ' || made, face FROM shown WHERE NOT empty ORDER BY published, id"
        older = "-"
        with self._translate_errors():
            notes = chain(self._connection.execute(query), ((None, "", "", "-"),))
            for (note_id, page, itself, face), (_, _, _, newer) in pairwise(notes):
                inputs = f"{itself} {older} {newer}"
                if inputs != page:
                    yield StalePage(note_id, inputs)
                older = face

    def neighbours(self, note_id: str) -> NoteNeighbours:
        """Return the folder of a note and its neighbours in time."""
        query = "SELECT folder, published, id FROM shown WHERE id = ?"
        with self._translate_errors():
            folder, *position = self._connection.execute(query, (note_id,)).fetchone()
            older = self._connection.execute(_SELECT_OLDER, position).fetchone()
            return NoteNeighbours(folder, older, self._connection.execute(_SELECT_NEWER, position).fetchone())

    def mark_written(self, note_id: str, inputs: str, stamp: str) -> None:
        """Record the inputs and the stamp of a written page."""
        with self._translate_errors():
            query = "UPDATE shown SET page = ?, file = ? WHERE id = ?"
            self._connection.execute(query, (inputs, stamp, note_id))

    def last_archived(self) -> str:
        """Return the latest archive time of all notes (ISO 8601, UTC); "" if there are none."""
        query = "SELECT COALESCE(MAX(archived), '') FROM shown"
        with self._translate_errors():
            return str(self._connection.execute(query).fetchone()[0])

    def cards(self) -> Iterator[tuple[str, str]]:
        """Yield id and card of each note in the gallery, oldest first. Do not change rows meanwhile."""
        with self._translate_errors():
            yield from self._connection.execute("SELECT id, card FROM cards ORDER BY published, id")

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Run a block in one transaction."""
        with self._translate_errors():
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk ends the transaction itself
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _stoppable(self, function: Callable[_P, _Found]) -> Callable[_P, _Found]:
        """Wrap a function that SQLite calls for each row, so that `stop` ends the query."""

        def call(*args: _P.args, **named: _P.kwargs) -> _Found:
            if self._stopped:
                raise ArchiveError("the gallery's refresh was stopped")
            return function(*args, **named)

        return call

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        if self._stopped:
            raise ArchiveError("the gallery's refresh was stopped")
        self._limit.restart()
        try:
            yield
        except sqlite3.Error as problem:
            raise ArchiveError(
                f"{self._path} cannot be used ({problem}); delete it, it is made again"
            ) from problem

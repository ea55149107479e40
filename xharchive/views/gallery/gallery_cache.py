"""What the gallery was last made of: a disposable SQLite file, so that only what changed is written again."""

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
from xharchive.naming import is_folder_of, may_hold_note

__all__ = ["Between", "Due", "GalleryState", "Listed", "Shown", "Thumbed", "open_state"]

_P = ParamSpec("_P")
_Found = TypeVar("_Found")
_NOTE_ID = re.compile(r"[0-9a-f]{24}")
# Cards are read only to be joined: by themselves, so that what is asked of every note stays small.
_TABLES = Schema(
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
CREATE TABLE looked_into (boot TEXT NOT NULL);
""",
    version=3,
)
# Who lists an archive does not hold its names: they wait here, and SQLite puts on its own temporary file what
# is too much for its cache.
_LISTED = """
DROP TABLE IF EXISTS temp.unread;
DROP TABLE IF EXISTS temp.listed;
CREATE TEMP TABLE listed (id TEXT PRIMARY KEY, folder TEXT NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID;
"""
# SQLite stores any value in any column.
_TEXTS = ("stamp", "form", "published", "title", "archived", "seal", "face", "made", "page", "file")
_NUMBERS = ("width", "height", "empty")
_TYPES_FIT = " AND ".join(
    f"typeof({name}) = '{kind}'"
    for names, kind in ((_TEXTS, "text"), (_NUMBERS, "integer"))
    for name in names
)
_NAMES = f"SELECT id, folder, {_TYPES_FIT} FROM shown"  # noqa: S608 - our words
# JSON is a script that does nothing. Functions on texts end at a zero, and the script would not.
_NO_DATA = "SELECT 1 FROM cards WHERE NOT json_valid(card) OR instr(CAST(card AS BLOB), x'00')"
_CARDS_OF_NO_NOTE = "SELECT 1 FROM cards WHERE id NOT IN (SELECT id FROM shown)"
_LIST = """
INSERT INTO listed (folder, id, stamp) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET folder = excluded.folder, stamp = excluded.stamp
WHERE excluded.folder < folder
"""
_UNREAD = """
CREATE TEMP TABLE unread AS SELECT listed.folder FROM listed LEFT JOIN shown ON shown.folder = listed.folder
WHERE shown.id IS NULL OR shown.stamp != listed.stamp OR shown.form != :form
    OR shown.width AND thumb_size(shown.id) <= 0
ORDER BY listed.id
"""
_PUT = """
INSERT INTO shown (id, folder, stamp, form, published, title, archived, seal, face, width, height, empty)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    folder = excluded.folder, stamp = excluded.stamp, form = excluded.form, published = excluded.published,
    title = excluded.title, archived = excluded.archived, seal = excluded.seal, face = excluded.face,
    width = excluded.width, height = excluded.height, empty = excluded.empty
"""
_PUT_CARD = "INSERT INTO cards VALUES (?, ?, ?)"
_OLDER = """
SELECT folder, title FROM shown WHERE NOT empty AND (published, id) < (?, ?)
ORDER BY published DESC, id DESC LIMIT 1
"""
_NEWER = """
SELECT folder, title FROM shown WHERE NOT empty AND (published, id) > (?, ?) ORDER BY published, id LIMIT 1
"""


class Listed(NamedTuple):
    """A folder that is there, its note's id, and its manifest's stamp: a tuple, as there may be a million."""

    folder: str
    id: str
    stamp: str


class Thumbed(NamedTuple):
    """The stamp of the manifest a note was read from, and its thumbnail's pixels, 0 if there is none."""

    stamp: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A note as the gallery remembers it.

    `stamp` is that of the manifest it was read from, `form` tells of the program that read it; `width` and
    `height` are the thumbnail's pixels, 0 if there is none. `seal` changes whenever something of the note
    itself does, `face` when its neighbours show it otherwise: short words without spaces. An `empty` note is
    remembered and not shown.
    """

    id: str
    folder: str
    stamp: str
    form: str
    published: str
    title: str
    archived: str
    seal: str
    face: str
    width: int
    height: int
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """A note whose page is to be written; `made_of` is to be remembered of it afterwards."""

    id: str
    made_of: str


@dataclass(frozen=True, slots=True)
class Between:
    """A note's folder, and folder and title of the notes before it and after it in time."""

    folder: str
    older: tuple[str, str] | None
    newer: tuple[str, str] | None


@contextmanager
def open_state(path: ArchivePath, *, anew: bool = False) -> Iterator["GalleryState"]:
    """Yield the state at `path`, made anew if it is missing, of another version or damaged, or if asked to.

    Raises:
        ArchiveError: it cannot be used.
    """
    try:
        connection = _opened(path, anew=anew)
    except sqlite3.Error as problem:
        raise ArchiveError(f"opening {path}: {problem}") from problem
    with closing(connection):
        yield GalleryState(connection, path)


def _opened(path: ArchivePath, *, anew: bool) -> sqlite3.Connection:
    """Open the state. Its rows name files to remove, and stand in a script: all of them are checked."""
    if not anew:
        connection = open_database(path, _TABLES, any_thread=True)
        if _is_harmless(connection, size_on_disk(path)):
            return connection
        connection.close()
    return make_database(path, _TABLES, any_thread=True)


def _is_harmless(connection: sqlite3.Connection, size: int) -> bool:
    """Return whether every id and folder may be a note's, and no card is a script."""
    limit = StepLimit(connection, size)
    try:
        for note, folder, types_fit in connection.execute(_NAMES):
            is_sound = types_fit and _NOTE_ID.fullmatch(note)
            if not (is_sound and (is_folder_of(note, folder) or may_hold_note(folder))):
                return False
        for query in (_CARDS_OF_NO_NOTE, _NO_DATA):
            limit.restart()
            if connection.execute(query).fetchone() is not None:
                return False
    except (sqlite3.DatabaseError, TypeError, AttributeError):  # no text, none in UTF-8, or without end
        return False
    return True


class GalleryState:
    """The notes that are shown. Any call may raise ArchiveError.

    Threads may take turns with it; two at a time may not, and none may be at it when it is closed.
    """

    def __init__(self, connection: sqlite3.Connection, path: ArchivePath) -> None:
        self._connection = connection
        self._limit = StepLimit(connection, size_on_disk(path))
        self._path = path
        self._stopped = False

    def stop(self) -> None:
        """Have every further call raise ArchiveError, in whatever thread: its work is not wanted any more."""
        self._stopped = True

    @property
    def boot(self) -> str:
        """In which boot of the machine all files of the gallery were last looked into, "" if in none."""
        with self._ours():
            found = self._connection.execute("SELECT boot FROM looked_into").fetchone()
        return str(found[0]) if found else ""

    def looked_into(self, boot: str) -> None:
        """Remember that all that is there is sound, and that it is this boot's now."""
        with self.batch():
            self._connection.execute("DELETE FROM looked_into")
            self._connection.execute("INSERT INTO looked_into VALUES (?)", (boot,))

    def doubt(self, is_spoilt: Callable[[str, int, str], bool]) -> None:
        """Have `compare` find those notes to be read of which a small picture is spoilt.

        `is_spoilt` is told the note's id, the width of its thumbnail (0: it has none), and the word for what
        else was made of its files.
        """
        with self._ours():
            self._connection.create_function("is_spoilt", 3, self._until_stopped(is_spoilt))
            self._connection.execute("UPDATE shown SET stamp = '' WHERE is_spoilt(id, width, made)")

    def compare(self, folders: Iterable[Listed], form: str, thumb_size: Callable[[str], int]) -> int:
        """Compare the folders that are there with those that were read; return how many are to be read.

        Of two folders with one note, as copies are, the first by name counts. To be read is what has another
        stamp, was read by a program of another form, or has lost its thumbnail: `thumb_size` tells the bytes
        of a note's, 0 or less for none.
        """
        with self._ours():
            self._connection.executescript(_LISTED)
        with self.batch():
            self._connection.executemany(_LIST, folders)
        with self._ours():
            self._connection.create_function("thumb_size", 1, thumb_size)
            self._connection.execute(_UNREAD, {"form": form})
            (unread,) = self._connection.execute("SELECT COUNT(*) FROM unread").fetchone()
            return int(unread)

    def unread(self) -> Iterator[str]:
        """Yield the folders that `compare` found to be read, by the notes' ids."""
        with self._ours():
            rows = self._connection.execute("SELECT folder FROM unread ORDER BY rowid")
            yield from (folder for (folder,) in rows)

    def gone(self) -> list[str]:
        """Return the folders that are remembered and were not among those that `compare` was given."""
        query = "SELECT folder FROM shown WHERE folder NOT IN (SELECT folder FROM listed)"
        with self._ours():
            return [folder for (folder,) in self._connection.execute(query)]

    def id_in(self, folder: str, stamp: str) -> str:
        """Return the id of the note that was read from a folder with this stamp, "" if none was."""
        with self._ours():
            query = "SELECT id FROM shown WHERE folder = ? AND stamp = ?"
            return str((self._connection.execute(query, (folder, stamp)).fetchone() or ("",))[0])

    def stamps(self) -> Iterator[tuple[str, str]]:
        """Yield each note's folder with its manifest's stamp; no row may be changed meanwhile."""
        with self._ours():
            yield from self._connection.execute("SELECT folder, stamp FROM shown")

    def thumbed(self, folder: str) -> Thumbed | None:
        """Return what is known of the thumbnail of a folder's note, None if it was never read."""
        query = "SELECT stamp, width, height FROM shown WHERE folder = ?"
        with self._ours():
            row = self._connection.execute(query, (folder,)).fetchone()
        return Thumbed._make(row) if row else None

    def ids(self) -> set[str]:
        """Return the ids of all notes."""
        with self._ours():
            return {note_id for (note_id,) in self._connection.execute("SELECT id FROM shown")}

    def put(self, shown: Shown, card: str) -> None:
        """Insert or replace a note and the card that shows it; what its page is made of stays on record."""
        row = (
            *(shown.id, shown.folder, shown.stamp, shown.form, shown.published, shown.title, shown.archived),
            *(shown.seal, shown.face, shown.width, shown.height, shown.empty),
        )
        with self._ours():
            # The folder may have been another note's.
            strangers = "SELECT id FROM shown WHERE folder = ? AND id != ?"
            for (stranger,) in self._connection.execute(strangers, (shown.folder, shown.id)).fetchall():
                self._remove(stranger)
            self._connection.execute(_PUT, row)
            self._connection.execute("DELETE FROM cards WHERE id = ?", (shown.id,))
            if not shown.empty:
                self._connection.execute(_PUT_CARD, (shown.id, shown.published, card))

    def forget(self, folder: str) -> str:
        """Drop the note of a folder that is gone; return its id, "" if there was none."""
        with self._ours():
            found = self._connection.execute("SELECT id FROM shown WHERE folder = ?", (folder,)).fetchone()
            if found is not None:
                self._remove(found[0])
            return str(found[0]) if found else ""

    def _remove(self, note_id: str) -> None:
        for table in ("shown", "cards"):
            self._connection.execute(f"DELETE FROM {table} WHERE id = ?", (note_id,))  # noqa: S608 - our own

    def made(self) -> dict[str, str]:
        """Return ids of notes with what was made of their files, a word each, where something was."""
        with self._ours():
            return dict(self._connection.execute("SELECT id, made FROM shown WHERE made != ''"))

    def remember_made(self, made: Iterable[tuple[str, str]]) -> None:
        """Remember what was made of notes' files, "" for nothing."""
        with self._ours():
            query = "UPDATE shown SET made = ? WHERE id = ?"
            self._connection.executemany(query, ((word, note_id) for note_id, word in made))

    def check_pages(self, page_stamp: Callable[[str], str]) -> None:
        """Find pages that are not the files as written; `page_stamp` says which file one is, "" for none."""
        with self._ours():
            self._connection.create_function("page_stamp", 1, self._until_stopped(page_stamp))
            self._connection.execute(
                "UPDATE shown SET page = '' WHERE NOT empty AND page != '' AND page_stamp(folder) != file"
            )

    def due(self) -> Iterator[Due]:
        """Yield the notes whose pages are not made of what they should be, oldest first.

        A page is made of the note itself, what was made of its files, and the faces of the notes beside it.
        Meanwhile those that were yielded may be `written`, and nothing else may be changed: whether a query
        sees changes made after its first row is undefined (sqlite.org/isolation.html), and it does not come
        back to these.
        """
        query = "SELECT id, page, seal || ' ' || made, face FROM shown WHERE NOT empty ORDER BY published, id"
        older = "-"
        with self._ours():
            notes = chain(self._connection.execute(query), ((None, "", "", "-"),))
            for (note_id, page, itself, face), (_, _, _, newer) in pairwise(notes):
                made_of = f"{itself} {older} {newer}"
                if made_of != page:
                    yield Due(note_id, made_of)
                older = face

    def between(self, note_id: str) -> Between:
        """Return a note that is shown, with those beside it."""
        query = "SELECT folder, published, id FROM shown WHERE id = ?"
        with self._ours():
            folder, *place = self._connection.execute(query, (note_id,)).fetchone()
            older = self._connection.execute(_OLDER, place).fetchone()
            return Between(folder, older, self._connection.execute(_NEWER, place).fetchone())

    def written(self, note_id: str, made_of: str, stamp: str) -> None:
        """Remember what a note's page was made of, and which file it is."""
        with self._ours():
            query = "UPDATE shown SET page = ?, file = ? WHERE id = ?"
            self._connection.execute(query, (made_of, stamp, note_id))

    def newest(self) -> str:
        """Return when the last of the notes was archived (ISO 8601, UTC), "" if there are none."""
        query = "SELECT COALESCE(MAX(archived), '') FROM shown"
        with self._ours():
            return str(self._connection.execute(query).fetchone()[0])

    def cards(self) -> Iterator[tuple[str, str]]:
        """Yield ids and cards of the notes that are shown, oldest first; no row may be changed meanwhile."""
        with self._ours():
            yield from self._connection.execute("SELECT id, card FROM cards ORDER BY published, id")

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make all changes of a block at once: one sync of the disk, all of them or none."""
        with self._ours():
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _until_stopped(self, look: Callable[_P, _Found]) -> Callable[_P, _Found]:
        """What SQLite asks of each note, so that it does not go on for long when nobody wants to know."""

        def asked(*args: _P.args, **named: _P.kwargs) -> _Found:
            if self._stopped:
                raise ArchiveError("the gallery's refresh was stopped")
            return look(*args, **named)

        return asked

    @contextmanager
    def _ours(self) -> Iterator[None]:
        if self._stopped:
            raise ArchiveError("the gallery's refresh was stopped")
        self._limit.restart()
        try:
            yield
        except sqlite3.Error as problem:
            raise ArchiveError(
                f"{self._path} cannot be used ({problem}); delete it, it is made again"
            ) from problem

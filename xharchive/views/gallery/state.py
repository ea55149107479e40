"""What the gallery was last made of: a disposable SQLite file, so that only what changed is written again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from xharchive.disk import ours
from xharchive.errors import ArchiveError

__all__ = ["GalleryState", "Shown", "open_state"]

_VERSION = 1
_TABLE = """
CREATE TABLE shown (
    id TEXT PRIMARY KEY, folder TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, published TEXT NOT NULL,
    title TEXT NOT NULL, archived TEXT NOT NULL, card TEXT NOT NULL, page TEXT NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_time ON shown (published, id);
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A note as the gallery knows it.

    `stamp` is that of the manifest it was read from, `card` its card as JSON ("": it is not shown, because it
    is empty). `page` tells what its page was made of, "" if it was not; `size` is the page's, in bytes.
    """

    id: str
    folder: str
    stamp: str
    published: str
    title: str
    archived: str
    card: str
    page: str = ""
    size: int = 0


@contextmanager
def open_state(path: Path, *, anew: bool = False) -> Iterator["GalleryState"]:
    """Yield the state at `path`, made anew if it is missing, of another version or damaged, or if asked to.

    Raises:
        ArchiveError: the disk would not.
    """
    try:
        with ours(f"opening {path.name}"):
            connection = (None if anew else _usable(path)) or _fresh(path)
    except sqlite3.Error as problem:
        raise ArchiveError(f"opening {path.name}: {problem}") from problem
    with closing(connection):
        yield GalleryState(connection, path)


def _usable(path: Path) -> sqlite3.Connection | None:
    if not path.is_file() or path.is_symlink():
        return None
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with suppress(sqlite3.DatabaseError):
        whole = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        if whole and connection.execute("PRAGMA user_version").fetchone() == (_VERSION,):
            return connection
    connection.close()
    return None


def _fresh(path: Path) -> sqlite3.Connection:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript(f"{_TABLE} PRAGMA user_version = {_VERSION};")
    return connection


class GalleryState:
    """The notes that are shown, oldest first. Any call may raise ArchiveError.

    Threads may take turns with it; two at a time may not.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def stamps(self) -> dict[str, tuple[str, str]]:
        """Return the stamp of every folder that was read, and its note's id, "" if it has no thumbnail."""
        query = "SELECT folder, stamp, iif(instr(card, '/thumbs/' || id), id, '') FROM shown"
        with self._ours():
            return {folder: (stamp, thumb) for folder, stamp, thumb in self._connection.execute(query)}

    def ids(self) -> list[tuple[str, str]]:
        """Return every folder with its note's id."""
        with self._ours():
            return self._connection.execute("SELECT folder, id FROM shown").fetchall()

    def put(self, shown: Shown) -> None:
        """Insert or replace a note."""
        row = (
            *(shown.id, shown.folder, shown.stamp, shown.published),
            *(shown.title, shown.archived, shown.card, shown.page, shown.size),
        )
        with self._ours():
            self._connection.execute("DELETE FROM shown WHERE folder = ?", (shown.folder,))
            self._connection.execute("INSERT OR REPLACE INTO shown VALUES (?,?,?,?,?,?,?,?,?)", row)

    def forget(self, folder: str) -> str:
        """Drop the note of a folder that is gone; return its id, "" if there was none."""
        with self._ours():
            found = self._connection.execute("SELECT id FROM shown WHERE folder = ?", (folder,)).fetchone()
            self._connection.execute("DELETE FROM shown WHERE folder = ?", (folder,))
        return str(found[0]) if found else ""

    def written(self, note_id: str, page: str, size: int) -> None:
        """Remember what a note's page was made of."""
        with self._ours():
            query = "UPDATE shown SET page = ?, size = ? WHERE id = ?"
            self._connection.execute(query, (page, size, note_id))

    def newest(self) -> str:
        """Return when the last of the notes was archived (ISO 8601, UTC), "" if there are none."""
        with self._ours():
            return str(
                self._connection.execute("SELECT COALESCE(MAX(archived), '') FROM shown").fetchone()[0]
            )

    def notes(self) -> Iterator[Shown]:
        """Yield the notes that are shown, oldest first; rows may be changed meanwhile."""
        query = (
            "SELECT * FROM shown WHERE card != '' AND (published, id) > (?, ?) "
            "ORDER BY published, id LIMIT 500"
        )
        last = ("", "")
        while True:
            with self._ours():
                rows = self._connection.execute(query, last).fetchall()
            if not rows:
                return
            for row in rows:
                yield Shown(*row)
            last = (rows[-1][3], rows[-1][0])

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make all changes of a block at once: one sync of the disk, all of them or none."""
        with self._ours():
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
                f"{self._path} cannot be used ({problem}); delete it, it is made again"
            ) from problem

"""The catalog's file: opened, made anew if anything is wrong with it, or replaced whole."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from xharchive.catalog.tables import NAMES, SCHEMA, VERSION
from xharchive.disk import ours
from xharchive.errors import ArchiveError

__all__ = ["opened", "renewed"]

_LONGEST_PATH = 500  # SQLite's own limit is 512, less what it appends


@contextmanager
def opened(path: Path, *, else_for_the_moment: bool = False) -> Iterator[sqlite3.Connection]:
    """Yield the database at `path`, made anew if it is missing, of another version, or damaged.

    Raises:
        ArchiveError: the disk would not, and `else_for_the_moment` does not ask for one that is not kept.
    """
    try:
        connection = _opened(path)
    except ArchiveError:
        if not else_for_the_moment:
            raise
        # SQLite's own temporary file, not memory: an archive may have a million notes.
        connection = _with_tables(sqlite3.connect("", isolation_level=None))
    with closing(connection):
        yield connection


@contextmanager
def renewed(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield an empty database in a file of its own, which takes the place of that at `path` in one step.

    Nothing changes if the block fails. SQLite itself exchanges the content, in a transaction: whoever reads
    sees the old catalog or the new one, and no journal of the old one is left to be played into the new one.

    Raises:
        ArchiveError: the disk would not.
    """
    aside = path.with_name(path.name + ".new")
    try:
        with opened(path) as old, closing(_made(aside)) as new:
            yield new
            _exchange(new, old, path)
    finally:
        with suppress(OSError):  # in nobody's way: the next one begins by removing it
            _remove(aside)


def _exchange(new: sqlite3.Connection, old: sqlite3.Connection, path: Path) -> None:
    try:
        new.backup(old)
    except sqlite3.Error as problem:
        raise ArchiveError(f"making the catalog {path.name} anew: {problem}") from problem


def _made(path: Path) -> sqlite3.Connection:
    try:
        with ours(f"making the catalog {path.name}"):
            return _fresh(path)
    except sqlite3.Error as problem:
        raise ArchiveError(f"making the catalog {path.name}: {problem}") from problem


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
    """Whether it is a catalog of this version without damage; some 0.1 s for a million files.

    The search index is larger than all the rest and is not walked: damage to it shows when it is used, and
    then `Catalog` sees to it that the next opening makes the catalog anew.
    """
    if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
        return False
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    checks = ("PRAGMA quick_check('notes')", "PRAGMA quick_check('files')")
    return tables >= NAMES and all(connection.execute(check).fetchone() == ("ok",) for check in checks)


def _fresh(path: Path) -> sqlite3.Connection:
    _remove(path)
    return _with_tables(_connection(path))


def _remove(path: Path) -> None:
    for file in _files_of(path):
        file.unlink(missing_ok=True)


def _files_of(path: Path) -> Iterator[Path]:
    """The database and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        yield path.with_name(path.name + suffix)


def _with_tables(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.executescript(SCHEMA)
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

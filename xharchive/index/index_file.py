"""The catalog's file: opened, made anew if anything is wrong with it, or replaced whole."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from xharchive.archive_path import ArchivePath
from xharchive.database import connect_temporary, make_database, open_database, remove_database
from xharchive.errors import ArchiveError
from xharchive.index.schema import SCHEMA

__all__ = ["opened", "renewed"]

_LONGEST_PATH = 500  # SQLite's own limit is 512, less what it appends


@contextmanager
def opened(path: ArchivePath, *, else_for_the_moment: bool = False) -> Iterator[sqlite3.Connection]:
    """Yield the database at `path`, made anew if it is missing, of another version, or damaged.

    Raises:
        ArchiveError: it cannot be used, and `else_for_the_moment` does not ask for one that is not kept.
    """
    try:
        connection = _opened(path)
    except ArchiveError:
        if not else_for_the_moment:
            raise
        # SQLite's own temporary file, not memory: an archive may have a million notes.
        connection = connect_temporary(SCHEMA)
    with closing(connection):
        yield connection


@contextmanager
def renewed(path: ArchivePath) -> Iterator[sqlite3.Connection]:
    """Yield an empty database in a file of its own, which takes the place of that at `path` in one step.

    Nothing changes if the block fails. SQLite itself exchanges the content, in a transaction: whoever reads
    sees the old catalog or the new one, and no journal of the old one is left to be played into the new one.

    Raises:
        ArchiveError: it cannot be made.
    """
    aside = path.with_name(path.name + ".new")
    try:
        with opened(path) as old, closing(_made(aside)) as new:
            yield new
            _exchange(new, old, path)
    finally:
        with suppress(ArchiveError):  # in nobody's way: the next one begins by removing it
            remove_database(aside)


def _exchange(new: sqlite3.Connection, old: sqlite3.Connection, path: ArchivePath) -> None:
    try:
        new.backup(old)
    except sqlite3.Error as problem:
        raise ArchiveError(f"making {path} anew: {problem}") from problem


def _made(path: ArchivePath) -> sqlite3.Connection:
    try:
        return _fast(make_database(path, SCHEMA))
    except sqlite3.Error as problem:
        raise ArchiveError(f"making {path}: {problem}") from problem


def _opened(path: ArchivePath) -> sqlite3.Connection:
    try:
        connection = _fast(open_database(path, SCHEMA))
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as problem:
        long = len(os.fsencode(path.unguarded.absolute())) > _LONGEST_PATH
        words = "its path is too long for SQLite; use a shorter --directory" if long else problem
        raise ArchiveError(f"opening {path}: {words}") from problem
    return connection


def _fast(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Have a commit cost next to nothing; a crash may lose rows, which are read from the manifests again.

    A file system without shared memory keeps the slower journal.
    """
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection

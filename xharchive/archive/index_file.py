"""Open the index file, rebuild it if anything is wrong with it, or replace it in one step."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from xharchive.archive.index_schema import SCHEMA
from xharchive.archive_path import ArchivePath
from xharchive.database import connect_temporary, make_database, open_database, remove_database
from xharchive.errors import ArchiveError

__all__ = ["open_index_file", "replace_index_file"]

_MAX_PATH_BYTES = 500  # SQLite's limit is 512, and it appends a suffix


@contextmanager
def open_index_file(path: ArchivePath, *, or_temporary: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the database at `path`. Create it again if it is missing, of another version, or damaged.

    Args:
        or_temporary: yield a temporary database if the one at `path` cannot be used.

    Raises:
        ArchiveError: the database cannot be used, and `or_temporary` is not set.
    """
    try:
        connection = _connect(path)
    except ArchiveError:
        if not or_temporary:
            raise
        # In SQLite's temporary file, not in memory: an archive may have a million notes.
        connection = connect_temporary(SCHEMA)
    with closing(connection):
        yield connection


@contextmanager
def replace_index_file(path: ArchivePath) -> Iterator[sqlite3.Connection]:
    """Yield an empty database that replaces the one at `path` in one step, unless the block fails.

    SQLite copies the content in a transaction. So a reader sees the old index or the new one, and no journal
    of the old one can be applied to the new one.

    Raises:
        ArchiveError: the new database cannot be created or copied.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        with open_index_file(path) as old, closing(_create(temporary)) as new:
            yield new
            _copy_into(new, old, path)
    finally:
        with suppress(ArchiveError):  # harmless if it stays: the next rebuild removes it first
            remove_database(temporary)


def _copy_into(new: sqlite3.Connection, old: sqlite3.Connection, path: ArchivePath) -> None:
    try:
        new.backup(old)
    except sqlite3.Error as problem:
        raise ArchiveError(f"replacing {path}: {problem}") from problem


def _create(path: ArchivePath) -> sqlite3.Connection:
    try:
        return _use_wal(make_database(path, SCHEMA))
    except sqlite3.Error as problem:
        raise ArchiveError(f"making {path}: {problem}") from problem


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

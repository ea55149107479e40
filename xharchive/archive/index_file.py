"""Open the index file, rebuild it if anything is wrong with it, or replace it in one step."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from xharchive.archive.index import Index
from xharchive.archive.index_schema import SCHEMA
from xharchive.archive_path import ArchivePath
from xharchive.database import (
    connect_temporary,
    make_database,
    open_database,
    remove_database,
    size_on_disk,
)
from xharchive.errors import ArchiveError

_MAX_PATH_BYTES = 500  # SQLite's limit is 512, and it appends a suffix


@contextmanager
def open_index(path: ArchivePath, *, or_temporary: bool = False) -> Iterator[Index]:
    """Open the index at `path`. Rebuild it if it is missing, of another version, or damaged.

    Args:
        or_temporary: use a temporary index if the archive cannot be written (a read-only disk).

    Raises:
        ArchiveError: the index cannot be opened or created.
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

    Raises:
        ArchiveError: the new index cannot be written.
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

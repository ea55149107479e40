"""SQLite files of an archive that can be made again: opened only if they are what this program would write.

Such a file may come from somebody else. SQLite itself follows links, obeys journals that lie beside a file,
and runs whatever views, triggers and generated columns a schema holds. So a database is used only if its
files are regular files without a second name, no journal names another file, its schema is to the letter the
one asked for, and its pages are sound; anything else is removed and made anew. What a row says is still
foreign input: its reader checks it.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import ours

__all__ = [
    "Schema",
    "StepLimit",
    "connect_temporary",
    "make_database",
    "open_database",
    "remove_database",
    "size_on_disk",
    "temporary_name",
]

_SUFFIXES = ("-wal", "-shm", "-journal")
# https://www.sqlite.org/fileformat2.html#the_rollback_journal: a journal that ends so names a further file,
# which SQLite reads, and removes once it has rolled back.
_NAMES_A_FILE = bytes.fromhex("d9d505f920a163d7")
_TEMPORARY_FOLDERS = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108 - SQLite's own
_LONGEST_VALUE = 16 * 1024 * 1024
_STEPS_A_CALL = 100_000
_LEAST_STEPS = 200_000_000  # some seconds
_STEPS_A_BYTE = 4


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a database as SQL, and the version that goes up with any change of them.

    `checked` are the tables that are looked through for damage when the file is opened; none means all.
    """

    sql: str
    version: int
    checked: tuple[str, ...] = ()


class StepLimit:
    """Ends a statement that runs for longer than the size of its database explains.

    A crafted file can hold a tree of pages without end in a few kilobytes. Steps are those of SQLite's
    virtual machine, so no clock decides.
    """

    def __init__(self, connection: sqlite3.Connection, size: int) -> None:
        self._calls = 0
        self._most = (_LEAST_STEPS + _STEPS_A_BYTE * size) // _STEPS_A_CALL
        connection.set_progress_handler(self._count, _STEPS_A_CALL)

    def restart(self) -> None:
        """Begin to count for another statement."""
        self._calls = 0

    def _count(self) -> bool:
        self._calls += 1
        return self._calls > self._most


def open_database(path: ArchivePath, schema: Schema, *, threads: bool = False) -> sqlite3.Connection:
    """Open the database at `path`; one that is missing, of another form or damaged is made anew.

    Raises:
        ArchiveError: the files cannot be looked at, removed or made.
        sqlite3.Error: SQLite cannot use the file: it is locked, or the disk does not allow it.
    """
    return _usable(path, schema, threads=threads) or make_database(path, schema, threads=threads)


def make_database(path: ArchivePath, schema: Schema, *, threads: bool = False) -> sqlite3.Connection:
    """Make an empty database in place of what is at `path`.

    Raises:
        ArchiveError: the files cannot be removed or made.
        sqlite3.Error: SQLite cannot use the file.
    """
    remove_database(path)
    with ours(f"making {path}"):
        os.close(path.create(PRIVATE))  # SQLite gives the files beside it the same mode
    return _with_tables(_connected(path, threads=threads), schema)


def connect_temporary(schema: Schema) -> sqlite3.Connection:
    """Return an empty database in SQLite's own temporary file."""
    return _with_tables(sqlite3.connect(temporary_name(), isolation_level=None), schema)


def temporary_name() -> str:
    """Return the name by which SQLite opens a database that is not kept.

    That is "", for a file in a temporary folder, or ":memory:" where no such folder can be written: on a
    read-only system a small archive can still be looked at.
    """
    # https://www.sqlite.org/tempfiles.html#temporary_file_storage_locations
    folders = (*map(os.environ.get, ("SQLITE_TMPDIR", "TMPDIR")), *_TEMPORARY_FOLDERS)
    may_write = (os.access(folder, os.W_OK | os.X_OK) for folder in folders if folder)
    return "" if any(may_write) else ":memory:"


def remove_database(path: ArchivePath) -> None:
    """Remove a database and what SQLite keeps beside it.

    Raises:
        ArchiveError: they cannot be removed.
    """
    with ours(f"removing {path}"):
        for file in (path, *_beside(path)):
            file.unlink(missing_ok=True)


def size_on_disk(path: ArchivePath) -> int:
    """Return the bytes that a database and its journals take up on the disk; holes in them count nothing.

    Raises:
        ArchiveError: they cannot be looked at.
    """
    with ours(f"looking at {path}"):
        found = [file.status() for file in (path, *_beside(path))]
    return sum(512 * each.st_blocks for each in found if each is not None)


def _beside(path: ArchivePath) -> Iterator[ArchivePath]:
    return (path.with_name(path.name + suffix) for suffix in _SUFFIXES)


def _usable(path: ArchivePath, schema: Schema, *, threads: bool) -> sqlite3.Connection | None:
    with ours(f"opening {path}"):
        if not path.is_file() or not _are_our_files(path):
            return None
    connection = _connected(path, threads=threads)
    try:
        if _is_sound(connection, schema, size_on_disk(path)):
            return connection
    except sqlite3.OperationalError as problem:
        # Locked by another process, or unreadable: nothing that a new file would heal.
        code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_ERROR):
            connection.close()
            raise
    except sqlite3.DatabaseError:
        pass  # damaged
    connection.close()
    return None


def _are_our_files(path: ArchivePath) -> bool:
    """Return whether SQLite may open it: every file is its own, and no journal names another one."""
    for file in (path, *_beside(path)):
        found = file.status()
        if found is not None and (not stat.S_ISREG(found.st_mode) or found.st_nlink > 1):
            return False
    journal = path.with_name(path.name + "-journal")
    if not journal.exists():
        return True
    with journal.open() as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(0, size - len(_NAMES_A_FILE)))
        return content.read() != _NAMES_A_FILE


def _connected(path: ArchivePath, *, threads: bool) -> sqlite3.Connection:
    # By its path, which leads through no link: `_are_our_files` has seen to it. docs/reliability.md says what
    # somebody can do who swaps the file at this very moment.
    connection = sqlite3.connect(path.unguarded, isolation_level=None, check_same_thread=not threads)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    return connection


def _with_tables(connection: sqlite3.Connection, schema: Schema) -> sqlite3.Connection:
    connection.executescript(f"{schema.sql} PRAGMA user_version = {schema.version};")
    return connection


def _is_sound(connection: sqlite3.Connection, schema: Schema, size: int) -> bool:
    """Return whether the database has this version and schema, and is sound in the tables to check."""
    limit = StepLimit(connection, size)
    if connection.execute("PRAGMA user_version").fetchone() != (schema.version,):
        return False
    if _definitions(connection) != _expected(schema):
        return False
    checks = [f"PRAGMA quick_check('{table}')" for table in schema.checked] or ["PRAGMA quick_check(1)"]
    for check in checks:
        limit.restart()
        if connection.execute(check).fetchone() != ("ok",):
            return False
    connection.set_progress_handler(None, 0)
    return True


def _definitions(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, sql"
    return connection.execute(query).fetchmany(1000)


def _expected(schema: Schema) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        return _definitions(_with_tables(connection, schema))
    finally:
        connection.close()

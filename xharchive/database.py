"""Disposable SQLite files of an archive: used only if this program could have written them.

Such a file may come from somebody else. SQLite follows links, applies journals beside a file, and runs any
views, triggers and generated columns of a schema. So a database is used only if its files are regular files
without a hard link, no journal names another file, the schema is exactly the expected one, and its pages are
sound. Any other file is removed and created again. The content of rows is untrusted: its reader checks it.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from xharchive.archive_path import PRIVATE, ArchivePath, translate_os_errors

_COMPANION_SUFFIXES = ("-wal", "-shm", "-journal")
# https://www.sqlite.org/fileformat2.html#the_rollback_journal: a journal with this end names a super-journal,
# which SQLite reads, and removes after the rollback.
_SUPER_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_TEMPORARY_FOLDERS = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108 - those that SQLite tries
_MAX_VALUE_BYTES = 16 * 1024 * 1024
_STEPS_PER_CALL = 100_000
_MIN_STEPS = 200_000_000  # takes some seconds
_STEPS_PER_BYTE = 4


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a database.

    Attributes:
        sql: statements that create the tables.
        version: raise it with each change of the tables or their content.
        checked: tables to check for damage when the file is opened; all if empty.
    """

    sql: str
    version: int
    checked: tuple[str, ...] = ()


class StepLimit:
    """Interrupts a statement that runs longer than the size of its database explains.

    A crafted file of a few kilobytes can hold an endless tree of pages. Steps are those of SQLite's virtual
    machine, so the limit does not depend on a clock.
    """

    def __init__(self, connection: sqlite3.Connection, size: int) -> None:
        self._calls = 0
        self._max_calls = (_MIN_STEPS + _STEPS_PER_BYTE * size) // _STEPS_PER_CALL
        connection.set_progress_handler(self._count, _STEPS_PER_CALL)

    def restart(self) -> None:
        """Start the count again, for another statement."""
        self._calls = 0

    def _count(self) -> bool:
        self._calls += 1
        return self._calls > self._max_calls


def open_database(path: ArchivePath, schema: Schema, *, any_thread: bool = False) -> sqlite3.Connection:
    """Open the database at `path`. Create it again if it is missing, has another schema, or is damaged.

    Args:
        any_thread: allow the connection in any thread.

    Raises:
        ArchiveError: the files cannot be read, removed or created.
        sqlite3.Error: SQLite cannot use the file: it is locked, or cannot be read or written.
    """
    found = _open_if_sound(path, schema, any_thread=any_thread)
    return found or make_database(path, schema, any_thread=any_thread)


def make_database(path: ArchivePath, schema: Schema, *, any_thread: bool = False) -> sqlite3.Connection:
    """Create an empty database that replaces the one at `path`; see `open_database`."""
    remove_database(path)
    with translate_os_errors(f"making {path}"):
        os.close(path.create(PRIVATE))  # SQLite gives its journals the same mode
    return _create_tables(_connect(path, any_thread=any_thread), schema)


def connect_temporary(schema: Schema) -> sqlite3.Connection:
    """Return a connection to a temporary database with the tables of a schema. SQLite deletes its file."""
    return _create_tables(sqlite3.connect(temporary_name(), isolation_level=None), schema)


def temporary_name() -> str:
    """Return the name that makes SQLite open a temporary database.

    This is "" for a file in a temporary folder, or ":memory:" if no such folder can be written: a small
    archive on a read-only system can still be read.
    """
    # https://www.sqlite.org/tempfiles.html#temporary_file_storage_locations
    folders = (*map(os.environ.get, ("SQLITE_TMPDIR", "TMPDIR")), *_TEMPORARY_FOLDERS)
    may_write = (os.access(folder, os.W_OK | os.X_OK) for folder in folders if folder)
    return "" if any(may_write) else ":memory:"


def remove_database(path: ArchivePath) -> None:
    """Remove a database and its journals."""
    with translate_os_errors(f"removing {path}"):
        for file in (path, *_companions(path)):
            file.unlink(missing_ok=True)


def size_on_disk(path: ArchivePath) -> int:
    """Return the bytes that a database and its journals take on the disk, without holes."""
    with translate_os_errors(f"looking at {path}"):
        found = [file.status() for file in (path, *_companions(path))]
    return sum(512 * each.st_blocks for each in found if each is not None)


def _companions(path: ArchivePath) -> Iterator[ArchivePath]:
    return (path.with_name(path.name + suffix) for suffix in _COMPANION_SUFFIXES)


def _open_if_sound(path: ArchivePath, schema: Schema, *, any_thread: bool) -> sqlite3.Connection | None:
    with translate_os_errors(f"opening {path}"):
        if not path.is_file() or not _are_files_safe(path):
            return None
    connection = _connect(path, any_thread=any_thread)
    try:
        if _is_sound(connection, schema, size_on_disk(path)):
            return connection
    except sqlite3.OperationalError as problem:
        # Locked by another process, or not readable: a new file would not help.
        code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_ERROR):
            connection.close()
            raise
    except sqlite3.DatabaseError:
        pass  # damaged
    connection.close()
    return None


def _are_files_safe(path: ArchivePath) -> bool:
    """Return whether SQLite may open the database: regular files, and no journal that names another file."""
    for file in (path, *_companions(path)):
        found = file.status()
        if found is not None and (not stat.S_ISREG(found.st_mode) or found.st_nlink > 1):
            return False
    journal = path.with_name(path.name + "-journal")
    if not journal.exists():
        return True
    with journal.open() as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(0, size - len(_SUPER_JOURNAL_MAGIC)))
        return content.read() != _SUPER_JOURNAL_MAGIC


def _connect(path: ArchivePath, *, any_thread: bool) -> sqlite3.Connection:
    # By its path, after `_are_files_safe` made sure that it is no link. docs/reliability.md describes the
    # effect of a swap of the file between the two.
    connection = sqlite3.connect(path.unguarded, isolation_level=None, check_same_thread=not any_thread)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
    return connection


def _create_tables(connection: sqlite3.Connection, schema: Schema) -> sqlite3.Connection:
    connection.executescript(f"{schema.sql} PRAGMA user_version = {schema.version};")
    return connection


def _is_sound(connection: sqlite3.Connection, schema: Schema, size: int) -> bool:
    """Return whether the database has this version and schema, and undamaged tables."""
    limit = StepLimit(connection, size)
    if connection.execute("PRAGMA user_version").fetchone() != (schema.version,):
        return False
    if _definitions(connection) != _expected_definitions(schema):
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


def _expected_definitions(schema: Schema) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        return _definitions(_create_tables(connection, schema))
    finally:
        connection.close()

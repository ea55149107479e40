"""Prepared SQLite files: what somebody who knows SQLite may leave where a database should be."""

import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from support.hostile import planting
from support.hostile.scene import Scene

__all__ = [
    "ENDLESS",
    "Builder",
    "add_like",
    "alter_schema",
    "hot_journal",
    "of_any_database",
    "opened",
    "script",
    "views",
]

Builder = Callable[[Scene], None]

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
"""The beginning of a query over `n` that never ends."""

_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_SECTOR = 512


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database without implicit transactions."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        yield database


def script(path: Path, text: str) -> None:
    """Run statements."""
    with opened(path) as database:
        database.executescript(text)


def add_like(path: Path, table: str, columns: Mapping[str, object]) -> None:
    """Add a copy of a table's first row with other values in some columns."""
    with opened(path) as database:
        database.row_factory = sqlite3.Row
        row = {**dict(database.execute(f"SELECT * FROM {table}").fetchone()), **columns}  # noqa: S608
        places = ",".join("?" * len(row))
        database.execute(f"INSERT INTO {table} ({','.join(row)}) VALUES ({places})", tuple(row.values()))  # noqa: S608


def alter_schema(path: Path, name: str, old: str, new: str) -> None:
    """Change the text of a definition in the schema, whatever SQLite would say to it."""
    with opened(path) as database:
        database.execute("PRAGMA writable_schema = ON")
        changed = database.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ? AND instr(sql, ?)",
            (old, new, name, old),
        )
        assert changed.rowcount == 1
        (version,) = database.execute("PRAGMA schema_version").fetchone()
        database.execute(f"PRAGMA schema_version = {version + 1}")


def views(path: Path, *tables: str) -> None:
    """Replace tables by views of the same columns whose rows never end."""
    with opened(path) as database:
        for table in tables:
            names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
            database.execute(f"DROP TABLE {table}")
            values = ", ".join(f"'x' AS {name}" for name in names)
            database.execute(f"CREATE VIEW {table} AS {ENDLESS} {values} FROM n")


def hot_journal(path: Path, prepare: Callable[[], None], super_journal: str = "") -> None:
    """Leave a good database whose journal, played back by SQLite, gives it what `prepare` does to it.

    With `super_journal` the journal names that file as the one of a transaction over several databases:
    SQLite reads it when it plays the journal back, and removes it then.
    """
    script(path, "PRAGMA journal_mode = DELETE")
    good = path.read_bytes()
    prepare()
    prepared = path.read_bytes()
    assert prepared != good
    path.write_bytes(good)
    path.with_name(path.name + "-journal").write_bytes(_journal(prepared, super_journal))


def _journal(database: bytes, super_journal: str) -> bytes:
    """Build a rollback journal that restores all pages (sqlite.org/fileformat2.html, section 3)."""
    (size,) = struct.unpack(">H", database[16:18])
    pages = [database[begin : begin + size] for begin in range(0, len(database), size)]
    head = struct.pack(">8sIIIII", _JOURNAL_MAGIC, len(pages), 0, len(pages), _SECTOR, size)
    parts = [head.ljust(_SECTOR, b"\0")]
    for number, page in enumerate(pages, 1):
        checksum = sum(page[at] for at in range(size - 200, 0, -200))
        parts.append(struct.pack(">I", number) + page + struct.pack(">I", checksum))
    if super_journal:
        name = super_journal.encode()
        lock_page = 0x40000000 // size + 1
        ending = struct.pack(">II8s", len(name), sum(name), _JOURNAL_MAGIC)
        parts.append(struct.pack(">I", lock_page) + name + ending)
    return b"".join(parts)


# What may be done to any database. A file of the archive's own folder is named.


def _schema_of_100_mb(name: str, scene: Scene) -> None:
    script(scene.state / name, "CREATE TABLE large (a)")
    alter_schema(scene.state / name, "large", "(a)", f"(a /* {'x' * 100_000_000} */)")


def _sparse(name: str, scene: Scene) -> None:
    """A file of 64 GiB whose first page says so."""
    path = scene.state / name
    size = 64 * planting.GIB
    head = bytearray(path.read_bytes())
    (page,) = struct.unpack(">H", head[16:18])
    struct.pack_into(">I", head, 28, size // page)
    planting.sparse(path, size, bytes(head))


def _copy_outside(name: str, scene: Scene) -> None:
    """A link to a whole copy outside."""
    path, copy = scene.state / name, scene.outside / name
    path.replace(copy)
    planting.link(path, copy)


def _device(name: str, scene: Scene) -> None:
    """A link to a device that never ends."""
    planting.link(scene.state / name, Path("/dev/zero"))


def _planted(name: str, plant: Callable[[Path], None], scene: Scene) -> None:
    plant(scene.state / name)


def _beside(name: str, plant: Callable[[Path], None], scene: Scene) -> None:
    for suffix in ("-journal", "-wal", "-shm"):
        plant(scene.state / f"{name}{suffix}")


def _links_beside(name: str, scene: Scene) -> None:
    for suffix in ("-journal", "-wal", "-shm"):
        planting.link(scene.state / f"{name}{suffix}", scene.outside / "precious")


def _super_journal(name: str, scene: Scene) -> None:
    """A journal that has SQLite remove a file outside."""
    path = scene.state / name
    hot_journal(path, lambda: script(path, "CREATE TABLE a (a)"), str(scene.outside / "authorized_keys"))


def _too_new(name: str, scene: Scene) -> None:
    """The largest numbers that a header takes."""
    script(scene.state / name, "PRAGMA application_id = -1; PRAGMA user_version = 2147483647")


def of_any_database(name: str) -> dict[str, Builder]:
    """Return what may be done to the database of that name, whatever its tables are."""
    return {
        "schema of 100 MB": partial(_schema_of_100_mb, name),
        "64 GiB sparse": partial(_sparse, name),
        "link to a copy": partial(_copy_outside, name),
        "link to a device": partial(_device, name),
        "highest version": partial(_too_new, name),
        "links beside": partial(_links_beside, name),
        "pipes beside": partial(_beside, name, planting.fifo),
        "folders beside": partial(_beside, name, planting.folder),
        "super-journal outside": partial(_super_journal, name),
        **{kind: partial(_planted, name, plant) for kind, plant in planting.KINDS.items()},
    }

"""All that a catalog says, whatever the order in which it was written."""

import sqlite3
from contextlib import closing
from pathlib import Path

from xharchive.archive.index_schema import COLUMNS, SEARCHED

__all__ = ["dump", "dump_of"]

_COLUMNS, _SEARCHED = ", ".join(COLUMNS), ", ".join(f"search.{name}" for name in SEARCHED)


def dump(database: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, each word of the search index with its places; notes by id, not by number."""
    database.execute("INSERT INTO search (search) VALUES ('integrity-check')")
    database.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, search, instance)")
    questions = {
        "version": "PRAGMA user_version",
        "schema": "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
        "notes": f"SELECT {_COLUMNS} FROM notes ORDER BY id",  # noqa: S608 - our words
        "files": "SELECT note, path, size FROM files ORDER BY note, path",
        "search": f"SELECT id, {_SEARCHED} FROM search"  # noqa: S608 - our words
        " LEFT JOIN notes ON number = search.rowid ORDER BY id",
        "words": "SELECT id, term, col, offset FROM temp.words LEFT JOIN notes ON number = doc"
        " ORDER BY id, term, col, offset",
    }
    found = {name: database.execute(question).fetchall() for name, question in questions.items()}
    database.execute("DROP TABLE temp.words")
    return found


def dump_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The same of a file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        return dump(database)

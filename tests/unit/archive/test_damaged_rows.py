"""Rows that this program would not have written: a catalog may be somebody else's."""

import sqlite3
from contextlib import closing

import pytest

from xharchive.archive.index_schema import (
    COLUMNS,
    SCHEMA,
    DamagedRow,
    load_entry,
    parse_note_id,
    parse_row,
)
from xharchive.archive.index_search import IndexFilter, build_query, register_functions

ID = "69aed4e20000000000000001"
GOOD: dict[str, object] = dict.fromkeys(COLUMNS[:12], "") | dict.fromkeys(COLUMNS[12:], 0)
GOOD |= {"id": ID, "folder": f"a_{ID}", "state": "complete", "tags": "[]"}


def connection_with(**values: object) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA.sql)
    register_functions(connection)
    row = {**GOOD, **values}
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO notes ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
    return connection


@pytest.mark.parametrize(
    "values",
    [{"title": b"x"}, {"tags": "["}, {"state": "x"}, {"folder": ".."}, {"tags": "{}"}],
    ids=str,
)
def test_a_row_that_makes_no_sense_is_damage(values: dict[str, object]) -> None:
    """It is never shown, and never a traceback."""
    with closing(connection_with(**values)) as connection, pytest.raises(DamagedRow):
        load_entry(connection, 1)


@pytest.mark.parametrize(
    "row",
    [
        (ID, f"a_{ID}", "1-2", "finished", "t"),
        (ID, f"a_{ID}", "1-2", 7, "t"),
        (ID, b"a", "1-2", "complete", "t"),
        (ID, "../a", "1-2", "complete", "t"),
    ],
    ids=str,
)
def test_a_row_of_a_batch_that_makes_no_sense_is_damage(row: tuple[str, str, str, str, str]) -> None:
    """An unknown state, a value of another type, a folder outside."""
    with pytest.raises(DamagedRow):
        parse_row(row)


@pytest.mark.parametrize("tags", ["[", "{}", "[1]"])
def test_tags_that_make_no_sense_are_no_match(tags: str) -> None:
    """The question goes on with the other notes."""
    with closing(connection_with(tags=tags)) as connection:
        assert connection.execute(*build_query(IndexFilter(tag="x"))).fetchall() == []


@pytest.mark.parametrize("note", ["", "../../69aed4e20000000000000001", "69aed4e2", 7, None])
def test_an_id_that_is_none_is_damage(note: object) -> None:
    """Even where the folder is named after it."""
    with pytest.raises(DamagedRow):
        parse_note_id(note, f"a_{note}")


def test_a_row_of_a_renamed_folder_is_no_damage() -> None:
    """Only its manifest tells whose folder it is."""
    assert parse_note_id(ID, "travel/Shanghai").text == ID

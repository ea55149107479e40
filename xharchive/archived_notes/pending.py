"""Notes that are waiting for another run, each once, by the options of the run that asked for them.

They are held in a temporary database that SQLite keeps on disk, because there may be a million.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

from xharchive.database import temporary_name
from xharchive.errors import UsageError
from xharchive.links import ShortLink, Want
from xharchive.models import NoteId, NoteType

__all__ = ["Pending", "distinct", "pending"]

MOST_GROUPS = 100
"""More different options than a user ever gave for what is unfinished; each takes a run of its own."""
_TABLES = """
    CREATE TABLE groups (id INTEGER PRIMARY KEY, options TEXT UNIQUE);
    CREATE TABLE wants (place INTEGER PRIMARY KEY, what TEXT UNIQUE, hint TEXT NOT NULL, options INTEGER);
"""
_ADD = """
    INSERT INTO wants (what, hint, options) VALUES (?, ?, ?)
    ON CONFLICT (what) DO UPDATE SET
        hint = CASE WHEN hint = '' THEN excluded.hint ELSE hint END,
        options = coalesce(excluded.options, options)
"""
_GROUPS = """
    SELECT groups.options FROM wants LEFT JOIN groups ON groups.id = wants.options
    GROUP BY wants.options ORDER BY min(place)
"""
_OF_A_GROUP = """
    SELECT what, hint FROM wants WHERE options IS (SELECT id FROM groups WHERE options = ?) ORDER BY place
"""


class Pending:
    """Wants without repetition. Of a note that was asked for twice the later options count."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._last: tuple[str | None, int | None] = (None, None)

    def add(self, want: Want) -> None:
        """Take a want in."""
        hint = "" if want.hint is NoteType.UNKNOWN else want.hint.value
        self._database.execute(_ADD, (str(want.what), hint, self._number(want.options)))

    def _number(self, options: str | None) -> int | None:
        if self._last[0] != options:
            self._database.execute("INSERT OR IGNORE INTO groups (options) VALUES (?)", (options,))
            query = "SELECT id FROM groups WHERE options = ?"
            found = self._database.execute(query, (options,)).fetchone()
            self._last = (options, found[0] if found else None)
        return self._last[1]

    def groups(self) -> Iterator[str | None]:
        """Yield the different options, in the order in which they were first used."""
        for (options,) in self._database.execute(_GROUPS):
            yield options

    def few_groups(self) -> list[str | None]:
        """Return the different options, for a run for each.

        Raises:
            UsageError: they are more than `MOST_GROUPS`.
        """
        found: list[str | None] = []
        for options in self.groups():
            found.append(options)
            if len(found) > MOST_GROUPS:
                raise UsageError(
                    f"unfinished notes were asked for with more than {MOST_GROUPS} sets of options; "
                    "to use only the options that you give: xharchive resume --no-kept-options"
                )
        return found

    def asked_with(self, options: str | None) -> Iterator[Want]:
        """Yield what was asked for with these options, in order."""
        for what, hint in self._database.execute(_OF_A_GROUP, (options,)):
            yield _want(what, hint, options)

    def __iter__(self) -> Iterator[Want]:
        query = "SELECT what, hint FROM wants ORDER BY place"
        for what, hint in self._database.execute(query):
            yield _want(what, hint, None)


@contextmanager
def pending(wants: Iterable[Want]) -> Iterator[Pending]:
    """Take in all wants, and yield them for as long as the context lasts."""
    with closing(sqlite3.connect(temporary_name())) as database:
        database.execute("PRAGMA cache_size = -2048")
        database.executescript(_TABLES)
        found = Pending(database)
        for want in wants:
            found.add(want)
        yield found
        database.rollback()


def distinct(wants: Iterable[Want]) -> Iterator[Want]:
    """Yield wants without repetition, those with the same options together."""
    with pending(wants) as found:
        for options in found.groups():
            yield from found.asked_with(options)


def _want(what: str, hint: str, options: str | None) -> Want:
    named = ShortLink(what) if what.startswith("https://") else NoteId(what)
    return Want(named, NoteType(hint or NoteType.UNKNOWN), options)

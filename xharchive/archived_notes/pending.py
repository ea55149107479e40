"""Collect pending notes without duplicates, grouped by the options of the run that asked for them.

They are in a temporary SQLite database, because there may be a million.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

from xharchive.database import temporary_name
from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, PendingNote, ShortLink

__all__ = ["PendingNotes", "pending", "without_duplicates"]

MAX_OPTION_SETS = 100
"""Each set of options takes a run of its own; no user has this many."""
_TABLES = """
    CREATE TABLE groups (id INTEGER PRIMARY KEY, options TEXT UNIQUE);
    CREATE TABLE wants (place INTEGER PRIMARY KEY, what TEXT UNIQUE, hint TEXT NOT NULL, options INTEGER);
"""
_UPSERT = """
    INSERT INTO wants (what, hint, options) VALUES (?, ?, ?)
    ON CONFLICT (what) DO UPDATE SET
        hint = CASE WHEN hint = '' THEN excluded.hint ELSE hint END,
        options = coalesce(excluded.options, options)
"""
_SELECT_OPTIONS = """
    SELECT groups.options FROM wants LEFT JOIN groups ON groups.id = wants.options
    GROUP BY wants.options ORDER BY min(place)
"""
_SELECT_WITH_OPTIONS = """
    SELECT what, hint FROM wants WHERE options IS (SELECT id FROM groups WHERE options = ?) ORDER BY place
"""


class PendingNotes:
    """Pending notes without duplicates. For a note that was added twice, the later options count."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._last_options: tuple[str | None, int | None] = (None, None)

    def add(self, want: PendingNote) -> None:
        """Add a note, or update its options."""
        hint = "" if want.hint is NoteType.UNKNOWN else want.hint.value
        self._database.execute(_UPSERT, (str(want.target), hint, self._options_id(want.options)))

    def _options_id(self, options: str | None) -> int | None:
        if self._last_options[0] != options:
            self._database.execute("INSERT OR IGNORE INTO groups (options) VALUES (?)", (options,))
            query = "SELECT id FROM groups WHERE options = ?"
            found = self._database.execute(query, (options,)).fetchone()
            self._last_options = (options, found[0] if found else None)
        return self._last_options[1]

    def option_sets(self) -> Iterator[str | None]:
        """Yield the different options, in the order of their first use."""
        for (options,) in self._database.execute(_SELECT_OPTIONS):
            yield options

    def limited_option_sets(self) -> list[str | None]:
        """Return the different options as a list.

        Raises:
            UsageError: there are more than `MAX_OPTION_SETS`.
        """
        found: list[str | None] = []
        for options in self.option_sets():
            found.append(options)
            if len(found) > MAX_OPTION_SETS:
                raise UsageError(
                    f"unfinished notes were asked for with more than {MAX_OPTION_SETS} sets of options; "
                    "to use only the options that you give: xharchive resume --no-kept-options"
                )
        return found

    def with_options(self, options: str | None) -> Iterator[PendingNote]:
        """Yield the notes with these options, in their order."""
        for what, hint in self._database.execute(_SELECT_WITH_OPTIONS, (options,)):
            yield _parse_row(what, hint, options)

    def __iter__(self) -> Iterator[PendingNote]:
        query = "SELECT what, hint FROM wants ORDER BY place"
        for what, hint in self._database.execute(query):
            yield _parse_row(what, hint, None)


@contextmanager
def pending(wants: Iterable[PendingNote]) -> Iterator[PendingNotes]:
    """Collect pending notes, and yield them without duplicates until the context ends."""
    with closing(sqlite3.connect(temporary_name())) as database:
        database.execute("PRAGMA cache_size = -2048")
        database.executescript(_TABLES)
        found = PendingNotes(database)
        for want in wants:
            found.add(want)
        yield found
        database.rollback()


def without_duplicates(wants: Iterable[PendingNote]) -> Iterator[PendingNote]:
    """Yield pending notes without duplicates, those with the same options together."""
    with pending(wants) as found:
        for options in found.option_sets():
            yield from found.with_options(options)


def _parse_row(what: str, hint: str, options: str | None) -> PendingNote:
    named = ShortLink(what) if what.startswith("https://") else NoteId(what)
    return PendingNote(named, NoteType(hint or NoteType.UNKNOWN), options)

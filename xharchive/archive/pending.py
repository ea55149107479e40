"""Pending notes: asked for in a run, and not finished. `resume` continues with them.

The list is a file. Each line has a note id or a short link, and the note's type if it is known. A run appends
its notes and syncs the file before it begins; at its end it removes the finished ones. The file is streamed,
never loaded. A line `options [...]` has the options of the run for the lines below it; a bare `options` means
that they are unknown.

To find duplicates, and the notes of each run, a temporary SQLite database has them: there may be a million.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain, groupby, islice
from operator import attrgetter
from typing import TextIO

from xharchive.archive_path import PRIVATE, ArchivePath, translate_os_errors
from xharchive.database import temporary_name
from xharchive.disk import bounded_lines, open_to_append
from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, PendingNote, ShortLink

MAX_OPTION_SETS = 100
"""Each set of options takes a run of its own; no user has this many."""
_TABLES = """
    CREATE TABLE groups (id INTEGER PRIMARY KEY, options TEXT UNIQUE);
    CREATE TABLE wants (place INTEGER PRIMARY KEY, what TEXT UNIQUE, hint TEXT NOT NULL, options INTEGER);
"""
_UPSERT = """
    INSERT INTO wants (what, hint, options) VALUES (?, ?, (SELECT id FROM groups WHERE options = ?))
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
_MAX_LINE_BYTES = 65_536
"""The longest line that is written has the options of a run."""
_OPTIONS = "options"


class PendingList:
    """The list in the file at `path`. Its methods block.

    Raises:
        ArchiveError: any method raises it if the list cannot be read or written.
    """

    def __init__(self, path: ArchivePath) -> None:
        self._path = path

    def __iter__(self) -> Iterator[PendingNote]:
        """Yield the pending notes in their order. Incomplete lines are skipped."""
        options: str | None = None
        for line in self._lines():
            word, _, rest = line.decode("ascii", "replace").strip().partition(" ")
            if word == _OPTIONS:
                options = rest or None
                continue
            with suppress(ValueError):
                yield _parse(word, rest, options)

    def options(self) -> Iterator[str]:
        """Yield the options of runs in the order of the list, possibly twice, without parsing the notes."""
        prefix = f"{_OPTIONS} "
        for line in self._lines():
            text = line.decode("ascii", "replace")
            if text.startswith(prefix) and (options := text.removeprefix(prefix).strip()):
                yield options

    def _lines(self) -> Iterator[bytes]:
        with translate_os_errors(f"reading {self._path}"):
            if self._path.exists():
                with self._path.open() as file:
                    yield from bounded_lines(file, _MAX_LINE_BYTES)

    def add(self, wants: Iterable[PendingNote]) -> None:
        """Append notes durably."""
        rest = iter(wants)
        first = next(rest, None)
        if first is None:
            return
        with translate_os_errors(f"writing {self._path}"):
            with os.fdopen(open_to_append(self._path), "a", encoding="ascii") as lines:
                # Ends a line that a power cut left incomplete, and the options of the run before.
                lines.write(f"\n{_OPTIONS}\n")
                _write_lines(lines, chain((first,), rest))
            self._path.parent.sync()

    def rewrite(self, wants: Iterable[PendingNote]) -> None:
        """Replace the list, if there is one, by notes that may be read from it meanwhile."""
        if not self._path.exists():
            return
        temporary = self._path.with_name(self._path.name + ".tmp")
        with translate_os_errors(f"writing {self._path}"):
            with os.fdopen(temporary.create(PRIVATE), "w", encoding="ascii") as lines:
                _write_lines(lines, wants)
            temporary.replace(self._path)
            self._path.parent.sync()


def _write_lines(file: TextIO, wants: Iterable[PendingNote]) -> None:
    options: str | None = None
    for want in wants:
        if want.options != options:
            options = want.options
            file.write(f"{_OPTIONS} {options or ''}".rstrip() + "\n")
        file.write(f"{want.target} {_hint(want)}".rstrip() + "\n")
    file.flush()
    os.fsync(file.fileno())


class PendingNotes:
    """Pending notes without duplicates. For a note that was added twice, the later options count."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def option_sets(self) -> Iterator[str | None]:
        """Yield the different options, in the order of their first use."""
        return (options for (options,) in self._database.execute(_SELECT_OPTIONS))

    def limited_option_sets(self) -> list[str | None]:
        """Return the different options as a list.

        Raises:
            UsageError: there are more than `MAX_OPTION_SETS`.
        """
        found = list(islice(self.option_sets(), MAX_OPTION_SETS + 1))
        if len(found) > MAX_OPTION_SETS:
            raise UsageError(
                f"unfinished notes were asked for with more than {MAX_OPTION_SETS} sets of options; "
                "to use only the options that you give: xharchive resume --no-kept-options"
            )
        return found

    def with_options(self, options: str | None) -> Iterator[PendingNote]:
        """Yield the notes with these options, in their order."""
        found = self._database.execute(_SELECT_WITH_OPTIONS, (options,))
        return (_parse(what, hint, options) for what, hint in found)

    def __iter__(self) -> Iterator[PendingNote]:
        found = self._database.execute("SELECT what, hint FROM wants ORDER BY place")
        return (_parse(what, hint, None) for what, hint in found)


@contextmanager
def collect_pending(wants: Iterable[PendingNote]) -> Iterator[PendingNotes]:
    """Collect pending notes, and yield them without duplicates until the context ends."""
    with closing(sqlite3.connect(temporary_name())) as database:
        database.execute("PRAGMA cache_size = -2048")
        database.executescript(_TABLES)
        for options, notes in groupby(wants, attrgetter("options")):
            database.execute("INSERT OR IGNORE INTO groups (options) VALUES (?)", (options,))
            rows = ((str(note.target), _hint(note), options) for note in notes)
            database.executemany(_UPSERT, rows)
        yield PendingNotes(database)
        database.rollback()


def without_duplicates(wants: Iterable[PendingNote]) -> Iterator[PendingNote]:
    """Yield pending notes without duplicates, those with the same options together."""
    with collect_pending(wants) as found:
        for options in found.option_sets():
            yield from found.with_options(options)


def _hint(want: PendingNote) -> str:
    return "" if want.hint is NoteType.UNKNOWN else want.hint.value


def _parse(target: str, hint: str, options: str | None) -> PendingNote:
    """Return a pending note from its texts, or raise ValueError."""
    what = ShortLink(target) if target.startswith("https://") else NoteId(target)
    return PendingNote(what, NoteType(hint or NoteType.UNKNOWN), options)

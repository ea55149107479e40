"""Read and check the notes that the user names, completely, before any paid call.

The list is a temporary SQLite database on disk, so that memory does not grow with it. SQLite deletes it. The
database drops duplicates and keeps the order.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain

from xharchive.database import temporary_name
from xharchive.errors import UsageError
from xharchive.filters import NoteFilter
from xharchive.input_table import InputRow, ParsedInput, looks_like_table, parse_input
from xharchive.links import NotANote, PendingNote, ShortLink, notes_in
from xharchive.models import NoteId, NoteType
from xharchive.text_lines import display_name, read_lines

__all__ = ["InputReport", "NoteList", "read_notes", "spool"]

_MAX_SHOWN_MISTAKES = 10
_SAMPLE_ROWS = 5
_BATCH = 250  # notes in one statement, which halves the time for each
_TYPES = {kind.value: kind for kind in NoteType}
_TYPE_VALUES = {kind: kind.value for kind in NoteType}  # a look-up is faster than `.value`


class NoteList:
    """Distinct notes in the order of their first mention. Some have a short link until it is followed."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        # Ids and their type hints, alternating, that are not written yet: a batch is faster than single rows.
        self._new: list[bytes | str] = []

    @property
    def _flushed(self) -> sqlite3.Connection:
        if self._new:
            rows = ",".join(["(?,?)"] * (len(self._new) // 2))
            self._database.execute(f"INSERT OR IGNORE INTO notes (id, hint) VALUES {rows}", self._new)  # noqa: S608 - our words
            self._new.clear()
        return self._database

    def __len__(self) -> int:
        """Return how many notes have an id."""
        return int(self._flushed.execute("SELECT COUNT(id) FROM notes").fetchone()[0])

    def __iter__(self) -> Iterator[NoteId]:
        packed = self._flushed.execute("SELECT id FROM notes WHERE id IS NOT NULL ORDER BY place")
        return map(NoteId.unpacked, chain.from_iterable(packed))

    def __contains__(self, note_id: NoteId) -> bool:
        query = "SELECT 1 FROM notes WHERE id = ?"
        return self._flushed.execute(query, (bytes.fromhex(note_id.text),)).fetchone() is not None

    def add(self, note_id: NoteId, hint: NoteType = NoteType.UNKNOWN) -> None:
        """Add a note unless the list has it. `hint` is its type, if the input says it."""
        self._new += (bytes.fromhex(note_id.text), _TYPE_VALUES[hint])
        if len(self._new) == 2 * _BATCH:
            self._flushed  # noqa: B018 - writes them

    def add_link(self, link: ShortLink, place: str, hint: NoteType = NoteType.UNKNOWN) -> None:
        """Add a short link unless the list has it. `place` is its position in the input, for messages."""
        row = (link.url, place, hint.value)
        self._flushed.execute("INSERT OR IGNORE INTO notes (link, source, hint) VALUES (?, ?, ?)", row)

    def add_pending(self, want: PendingNote, place: str) -> None:
        """Add a pending note or short link of an earlier run. `place` is its position, for messages."""
        if isinstance(want.target, ShortLink):
            self.add_link(want.target, place, want.hint)
        else:
            self.add(want.target, want.hint)

    @property
    def links(self) -> int:
        """How many notes have only a short link."""
        return int(self._flushed.execute("SELECT COUNT(*) FROM notes WHERE id IS NULL").fetchone()[0])

    def unfollowed_links(self) -> Iterator[tuple[ShortLink, str]]:
        """Yield the short links that are not followed yet, with their positions in the input."""
        query = "SELECT place, link, source FROM notes WHERE id IS NULL AND place > ? ORDER BY place LIMIT 1"
        at = 0
        while found := self._flushed.execute(query, (at,)).fetchone():  # the list changes in between
            at, url, place = found
            yield ShortLink(url), place

    def has_unfollowed(self, url: str) -> bool:
        """Whether the list has this short link and it is not followed yet."""
        query = "SELECT 1 FROM notes WHERE link = ? AND id IS NULL"
        return self._flushed.execute(query, (url,)).fetchone() is not None

    def source(self, link: ShortLink) -> str:
        """Return the position of a short link in the input."""
        found = self._flushed.execute("SELECT source FROM notes WHERE link = ?", (link.url,)).fetchone()
        return str(found[0]) if found else ""

    def type_of_link(self, link: ShortLink) -> NoteType:
        """Return the type of a short link's note, as far as it is known."""
        found = self._flushed.execute("SELECT hint FROM notes WHERE link = ?", (link.url,)).fetchone()
        return NoteType(found[0]) if found else NoteType.UNKNOWN

    def resolve(self, link: ShortLink, note_id: NoteId | None) -> None:
        """Replace a short link by its note. Drop the link if `note_id` is None or the list has the note."""
        if note_id is not None:
            row = (bytes.fromhex(note_id.text), link.url)
            self._flushed.execute("UPDATE OR IGNORE notes SET id = ? WHERE link = ?", row)
        self._flushed.execute("DELETE FROM notes WHERE link = ? AND id IS NULL", (link.url,))

    def hint(self, note_id: NoteId) -> NoteType:
        """Return the type of a note, as far as it is known."""
        query = "SELECT hint FROM notes WHERE id = ?"
        found = self._flushed.execute(query, (bytes.fromhex(note_id.text),)).fetchone()
        return NoteType(found[0]) if found else NoteType.UNKNOWN

    def pending_notes(self, lacks: Callable[[Sequence[str]], Collection[str]]) -> Iterator[PendingNote]:
        """Yield the notes and short links of the list as pending notes.

        Args:
            lacks: called with a batch of ids; returns those to yield. Short links are always yielded.
        """
        found = self._flushed.execute("SELECT id, link, hint FROM notes ORDER BY place")
        while rows := found.fetchmany(_BATCH):
            texts = [packed and packed.hex() for packed, _, _ in rows]
            new = lacks([text for text in texts if text])
            if not new and None not in texts:  # the usual case if the list is archived already
                continue
            for text, (_, url, hint) in zip(texts, rows, strict=True):
                if not text or text in new:
                    yield PendingNote(NoteId(text) if text else ShortLink(url), _TYPES[hint])

    def truncate(self, count: int) -> int:
        """Drop all but the first `count` entries. Return how many were dropped."""
        query = "DELETE FROM notes WHERE place NOT IN (SELECT place FROM notes ORDER BY place LIMIT ?)"
        return self._flushed.execute(query, (count,)).rowcount


@contextmanager
def spool() -> Iterator[NoteList]:
    """Yield an empty list on disk. It is deleted at the end of the context."""
    with closing(sqlite3.connect(temporary_name())) as database:
        database.execute("PRAGMA cache_size = -2048")
        database.execute(
            "CREATE TABLE notes (place INTEGER PRIMARY KEY, id BLOB UNIQUE, link TEXT, source TEXT, "
            "hint TEXT NOT NULL)"
        )
        database.execute("CREATE UNIQUE INDEX links ON notes (link) WHERE link IS NOT NULL")  # few have one
        yield NoteList(database)
        database.rollback()


@dataclass(slots=True)
class InputReport:
    """What was skipped while reading the input.

    Attributes:
        bad_rows: how many rows name no note.
        mistakes: messages about the first of them.
        filtered_out: how many notes the filter excludes.
        nothing: messages about sources without rows.
        losses: by file, a message about content that a list of the notes would lose.
    """

    bad_rows: int = 0
    mistakes: tuple[str, ...] = ()
    filtered_out: int = 0
    empty_sources: tuple[str, ...] = ()
    losses: dict[str, str] = field(default_factory=dict)

    def add_mistake(self, text: str) -> None:
        """Count a bad row, and record the messages of the first ones."""
        self.bad_rows += 1
        if self.bad_rows <= _MAX_SHOWN_MISTAKES:
            self.mistakes += (text,)

    def add_loss(self, file: str, what: str) -> None:
        """Record content of a file that a list of the notes would lose; the first of each file counts."""
        self.losses.setdefault(file, what)

    def __str__(self) -> str:
        more = self.bad_rows - len(self.mistakes)
        return "\n  ".join((*self.mistakes, f"and {more} more") if more else self.mistakes)


def read_notes(
    into: NoteList,
    texts: Iterable[str],
    files: Iterable[str],
    *,
    column: str = "",
    strict: bool | None = None,
    note_filter: NoteFilter | None = None,
) -> InputReport:
    """Read arguments, then files, and add the notes that pass the filter to a list.

    By default a bad row of a table is skipped and reported, because a table may have other rows. A bad line
    of a list is an error, because the user can correct it and would lose a note.

    Args:
        into: the list.
        texts: arguments of the command line; "-" is standard input.
        files: paths of files; "-" is standard input.
        column: the column of tables with the notes: a heading, a JSON key, or a number from 1.
        strict: True makes all bad rows errors, False none. None: the default above.
        selection: the filter.

    Raises:
        UsageError: the input has errors (the message names ten of them), a file cannot be read, or the column
            of a table with the notes is unknown.
    """
    report, fatal = InputReport(), InputReport()
    hint = ""
    for source in _sources(texts, files, column):
        bad = report if (source.parsed.is_table if strict is None else not strict) else fatal
        before = fatal.bad_rows
        first = _read_source(source, into, note_filter or NoteFilter(), report, bad)
        if fatal.bad_rows > before and looks_like_table(first):
            hint = f"\n  if {source.name} is a table, name its column with --column"
    if fatal.bad_rows:
        raise UsageError(f"nothing was asked or paid, because the input has mistakes:\n  {fatal}{hint}")
    return report


def _read_source(
    source: "_Source", into: NoteList, note_filter: NoteFilter, report: InputReport, bad: InputReport
) -> list[str]:
    """Add the notes of all rows to the list. Return the first cells of the first rows."""
    first: list[str] = []
    row = None
    if source.parsed.has_columns:
        report.add_loss(source.file, "it is a table")
    for row in source.parsed.rows:
        if len(first) < _SAMPLE_ROWS:
            first += row.cells[:1]
        if row.has_other_fields:
            report.add_loss(source.file, f"line {row.line} says more than a note and its type")
        try:
            _add_row(row, source, into, note_filter, report)
        except NotANote as problem:
            bad.add_mistake(f"{source.place(row)}: {problem}")
            report.add_loss(source.file, f"line {row.line} names no note")
    if row is None and source.parsed.has_columns:
        report.empty_sources += (f"{source.name} has no rows but its headings",)
    elif source.parsed.is_empty:
        report.empty_sources += (f"{source.name} is empty",)
    return first


def _add_row(
    row: InputRow, source: "_Source", into: NoteList, note_filter: NoteFilter, report: InputReport
) -> None:
    """Add the notes of a row to the list.

    Raises:
        NotANote: the row names no note.
    """
    for named in _notes_of_row(row):
        if isinstance(named, ShortLink):
            into.add_link(named, source.place(row), row.type)
            filtered_out = note_filter != NoteFilter()  # the filter may exclude its note later
        else:
            filtered_out = not note_filter.accepts(named, row.type, row.published)
            report.filtered_out += filtered_out
            if not filtered_out:
                into.add(named, row.type)
        if filtered_out:
            report.add_loss(source.file, f"line {row.line} is not for --after, --before or --type")


def _notes_of_row(row: InputRow) -> tuple[NoteId | ShortLink, ...]:
    """Return the notes of the first cell that names any; if none does, raise the first problem."""
    if row.problem:
        raise NotANote(row.problem)
    problems: list[NotANote] = []
    for cell in row.cells:
        try:
            return notes_in(cell)
        except NotANote as problem:
            problems.append(problem)
    raise problems[0]


@dataclass(frozen=True, slots=True)
class _Source:
    """One source of rows: an argument (`file` is ""), a file, or standard input ("-")."""

    file: str
    parsed: ParsedInput

    @property
    def name(self) -> str:
        return display_name(self.file)

    def place(self, row: InputRow) -> str:
        """Return the position of a row, for messages."""
        return f"{self.name}, line {row.line}" if self.file else f"argument {row.line}"


def _sources(texts: Iterable[str], files: Iterable[str], column: str) -> Iterator[_Source]:
    for place, text in enumerate(texts, 1):
        if text == "-":
            yield _source("-", column)
        else:
            # A share text may have line breaks. Only its link counts, so it becomes one line.
            row = InputRow(place, (" ".join(text.split()),))
            yield _Source("", ParsedInput(is_table=False, rows=iter([row])))
    for name in files:
        yield _source(name, column)


def _source(name: str, column: str) -> _Source:
    return _Source(name, parse_input(read_lines(name), display_name(name), column))

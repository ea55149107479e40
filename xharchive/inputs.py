"""The user's list of notes: read whole and checked before anything is paid, in memory that does not grow.

It is spooled to a temporary database that SQLite keeps on disk and deletes by itself; it also drops
duplicates and keeps the order.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain

from xharchive.database import temporary_name
from xharchive.errors import UsageError
from xharchive.filters import Selection
from xharchive.input_table import Row, Sheet, looks_like_table, open_sheet
from xharchive.links import NotANote, ShortLink, Want, named_in
from xharchive.models import NoteId, NoteType
from xharchive.text_lines import lines_of, shown_name

__all__ = ["NoteList", "Reading", "read_notes", "spool"]

_SHOWN_MISTAKES = 10
_FIRST_ROWS = 5
_AT_ONCE = 250  # notes written, or asked about, in one statement: each costs half as much
_TYPES = {kind.value: kind for kind in NoteType}
_WORDS = {kind: kind.value for kind in NoteType}  # to ask an enum for its value takes longer


class NoteList:
    """Distinct notes in the order they were first named; some known by a short link only, for a while."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        # Not written yet: many rows at once cost less than one by one.
        self._new: list[bytes | str] = []  # ids and their hints by turns

    @property
    def _complete(self) -> sqlite3.Connection:
        if self._new:
            rows = ",".join(["(?,?)"] * (len(self._new) // 2))
            self._database.execute(f"INSERT OR IGNORE INTO notes (id, hint) VALUES {rows}", self._new)  # noqa: S608 - our words
            self._new.clear()
        return self._database

    def __len__(self) -> int:
        """How many have an id."""
        return int(self._complete.execute("SELECT COUNT(id) FROM notes").fetchone()[0])

    def __iter__(self) -> Iterator[NoteId]:
        packed = self._complete.execute("SELECT id FROM notes WHERE id IS NOT NULL ORDER BY place")
        return map(NoteId.unpacked, chain.from_iterable(packed))

    def __contains__(self, note_id: NoteId) -> bool:
        query = "SELECT 1 FROM notes WHERE id = ?"
        return self._complete.execute(query, (bytes.fromhex(note_id.text),)).fetchone() is not None

    def add(self, note_id: NoteId, hint: NoteType = NoteType.UNKNOWN) -> None:
        """Take an id in, unless it is there already; `hint` is the note's type, where somebody said it."""
        self._new += (bytes.fromhex(note_id.text), _WORDS[hint])
        if len(self._new) == 2 * _AT_ONCE:
            self._complete  # noqa: B018 - writes them

    def add_link(self, link: ShortLink, place: str, hint: NoteType = NoteType.UNKNOWN) -> None:
        """Take a short link in, unless it is there already; `place` says where the user named it."""
        row = (link.url, place, hint.value)
        self._complete.execute("INSERT OR IGNORE INTO notes (link, source, hint) VALUES (?, ?, ?)", row)

    def want(self, want: Want, place: str) -> None:
        """Take in what an earlier run remembered."""
        if isinstance(want.what, ShortLink):
            self.add_link(want.what, place, want.hint)
        else:
            self.add(want.what, want.hint)

    @property
    def links(self) -> int:
        """How many notes are known by a short link only."""
        return int(self._complete.execute("SELECT COUNT(*) FROM notes WHERE id IS NULL").fetchone()[0])

    def unresolved(self) -> Iterator[tuple[ShortLink, str]]:
        """Yield the short links whose notes are not known, and where they were named."""
        query = "SELECT place, link, source FROM notes WHERE id IS NULL AND place > ? ORDER BY place LIMIT 1"
        at = 0
        while found := self._complete.execute(query, (at,)).fetchone():  # the list changes in between
            at, url, place = found
            yield ShortLink(url), place

    def has_link(self, url: str) -> bool:
        """Whether the note of this short link is not known yet."""
        query = "SELECT 1 FROM notes WHERE link = ? AND id IS NULL"
        return self._complete.execute(query, (url,)).fetchone() is not None

    def source(self, link: ShortLink) -> str:
        """Return where the user named a short link."""
        found = self._complete.execute("SELECT source FROM notes WHERE link = ?", (link.url,)).fetchone()
        return str(found[0]) if found else ""

    def hint_of(self, link: ShortLink) -> NoteType:
        """Return what is known of the type of a short link's note."""
        found = self._complete.execute("SELECT hint FROM notes WHERE link = ?", (link.url,)).fetchone()
        return NoteType(found[0]) if found else NoteType.UNKNOWN

    def resolve(self, link: ShortLink, note_id: NoteId | None) -> None:
        """Put the note in its short link's place; None, and a note that is there already: drop the link."""
        if note_id is not None:
            row = (bytes.fromhex(note_id.text), link.url)
            self._complete.execute("UPDATE OR IGNORE notes SET id = ? WHERE link = ?", row)
        self._complete.execute("DELETE FROM notes WHERE link = ? AND id IS NULL", (link.url,))

    def hint(self, note_id: NoteId) -> NoteType:
        """Return what is known of a note's type."""
        query = "SELECT hint FROM notes WHERE id = ?"
        found = self._complete.execute(query, (bytes.fromhex(note_id.text),)).fetchone()
        return NoteType(found[0]) if found else NoteType.UNKNOWN

    def wants(self, lacks: Callable[[Sequence[str]], Collection[str]]) -> Iterator[Want]:
        """Yield what is on the list, as it is remembered for another run.

        Of ids those that somebody `lacks`, who is asked about some hundred at a time, and returns some.
        """
        found = self._complete.execute("SELECT id, link, hint FROM notes ORDER BY place")
        while rows := found.fetchmany(_AT_ONCE):
            texts = [packed and packed.hex() for packed, _, _ in rows]
            new = lacks([text for text in texts if text])
            if not new and None not in texts:  # as nearly always, if the list was archived before
                continue
            for text, (_, url, hint) in zip(texts, rows, strict=True):
                if not text or text in new:
                    yield Want(NoteId(text) if text else ShortLink(url), _TYPES[hint])

    def keep_first(self, count: int) -> int:
        """Drop all but the first so many; return how many were dropped."""
        query = "DELETE FROM notes WHERE place NOT IN (SELECT place FROM notes ORDER BY place LIMIT ?)"
        return self._complete.execute(query, (count,)).rowcount


@contextmanager
def spool() -> Iterator[NoteList]:
    """Yield an empty list that lives on disk as long as the context."""
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
class Reading:
    """What was passed over: bad rows, the first of them in words, and notes that the selection leaves out.

    `nothing`: sources that have no rows at all. `losses`: by file, what would be gone without it.
    """

    bad_rows: int = 0
    mistakes: tuple[str, ...] = ()
    left_out: int = 0
    nothing: tuple[str, ...] = ()
    losses: dict[str, str] = field(default_factory=dict)

    def mistake(self, text: str) -> None:
        """Count a bad row, and remember the first ones."""
        self.bad_rows += 1
        if self.bad_rows <= _SHOWN_MISTAKES:
            self.mistakes += (text,)

    def lose(self, file: str, what: str) -> None:
        """Remember the first thing of a file that no list made of the notes would say."""
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
    selection: Selection | None = None,
) -> Reading:
    """Read arguments, then files ("-": standard input), and take in every note they name and the user wants.

    A bad row of a table is passed over and told of in what is returned. A list is expected to be flawless: it
    is short enough to mend, and a slip in it must not cost a note. `strict` holds both to one rule.

    Raises:
        UsageError: something must not be passed over (ten such mistakes are named), a file cannot be read, or
            a table does not say which column has the notes.
    """
    passed, wrong = Reading(), Reading()
    hint = ""
    for source in _sources(texts, files, column):
        bad = passed if (source.sheet.is_table if strict is None else not strict) else wrong
        before = wrong.bad_rows
        first = _read_source(source, into, selection or Selection(), passed, bad)
        if wrong.bad_rows > before and looks_like_table(first):
            hint = f"\n  if {source.name} is a table, name its column with --column"
    if wrong.bad_rows:
        raise UsageError(f"nothing was asked or paid, because the input has mistakes:\n  {wrong}{hint}")
    return passed


def _read_source(
    source: "_Source", into: NoteList, selection: Selection, passed: Reading, bad: Reading
) -> list[str]:
    """Take in what the rows name; return the first cells of the first rows."""
    first: list[str] = []
    row = None
    if source.sheet.has_columns:
        passed.lose(source.file, "it is a table")
    for row in source.sheet.rows:
        if len(first) < _FIRST_ROWS:
            first += row.cells[:1]
        if row.says_more:
            passed.lose(source.file, f"line {row.line} says more than a note and its type")
        try:
            _take(row, source, into, selection, passed)
        except NotANote as problem:
            bad.mistake(f"{source.place(row)}: {problem}")
            passed.lose(source.file, f"line {row.line} names no note")
    if row is None and source.sheet.has_columns:
        passed.nothing += (f"{source.name} has no rows but its headings",)
    elif source.sheet.is_empty:
        passed.nothing += (f"{source.name} is empty",)
    return first


def _take(row: Row, source: "_Source", into: NoteList, selection: Selection, passed: Reading) -> None:
    """Take in what a row names.

    Raises:
        NotANote: it names no note.
    """
    for named in _named(row):
        if isinstance(named, ShortLink):
            into.add_link(named, source.place(row), row.type)
            left_out = selection != Selection()  # once it is followed, it may be
        else:
            left_out = not selection.takes(named, row.type, row.published)
            passed.left_out += left_out
            if not left_out:
                into.add(named, row.type)
        if left_out:
            passed.lose(source.file, f"line {row.line} is not for --after, --before or --type")


def _named(row: Row) -> tuple[NoteId | ShortLink, ...]:
    """Return what the first of the cells names that names anything; the first one's problem counts."""
    if row.problem:
        raise NotANote(row.problem)
    problems: list[NotANote] = []
    for cell in row.cells:
        try:
            return named_in(cell)
        except NotANote as problem:
            problems.append(problem)
    raise problems[0]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where rows come from: the arguments (`file` is "" then), a file, or "-", standard input."""

    file: str
    sheet: Sheet

    @property
    def name(self) -> str:
        return shown_name(self.file)

    def place(self, row: Row) -> str:
        """Say where a row stands."""
        return f"{self.name}, line {row.line}" if self.file else f"argument {row.line}"


def _sources(texts: Iterable[str], files: Iterable[str], column: str) -> Iterator[_Source]:
    for place, text in enumerate(texts, 1):
        if text == "-":
            yield _source("-", column)
        else:
            # A pasted share text may hold line breaks; only its link counts, so it is one line.
            row = Row(place, (" ".join(text.split()),))
            yield _Source("", Sheet(is_table=False, rows=iter([row])))
    for name in files:
        yield _source(name, column)


def _source(name: str, column: str) -> _Source:
    return _Source(name, open_sheet(lines_of(name), shown_name(name), column))

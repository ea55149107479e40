"""The user's list of notes: read whole and checked before anything is paid, in memory that does not grow.

It is spooled to a temporary database that SQLite keeps on disk and deletes by itself; it also drops
duplicates and keeps the order.
"""

import io
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from xharchive.errors import UsageError
from xharchive.links import NotANote, ShortLink, Want, named_in
from xharchive.models import NoteId, NoteType
from xharchive.selection import Selection
from xharchive.tables import Row, open_sheet

__all__ = ["NoteList", "Reading", "lines_of", "read_notes", "spool"]

_SHOWN_MISTAKES = 10
_LONGEST_LINE = 256 * 1024
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_ZIP = b"PK\x03\x04"


class NoteList:
    """Distinct notes in the order they were first named; some known by a short link only, for a while."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __len__(self) -> int:
        """How many have an id."""
        return int(self._database.execute("SELECT COUNT(id) FROM notes").fetchone()[0])

    def __iter__(self) -> Iterator[NoteId]:
        for (packed,) in self._database.execute("SELECT id FROM notes WHERE id IS NOT NULL ORDER BY place"):
            yield NoteId(packed.hex())

    def __contains__(self, note_id: NoteId) -> bool:
        query = "SELECT 1 FROM notes WHERE id = ?"
        return self._database.execute(query, (bytes.fromhex(note_id.text),)).fetchone() is not None

    def add(self, note_id: NoteId, hint: NoteType = NoteType.UNKNOWN) -> None:
        """Take an id in, unless it is there already; `hint` is the note's type, where somebody said it."""
        row = (bytes.fromhex(note_id.text), hint.value)
        self._database.execute("INSERT OR IGNORE INTO notes (id, hint) VALUES (?, ?)", row)

    def add_link(self, link: ShortLink, place: str, hint: NoteType = NoteType.UNKNOWN) -> None:
        """Take a short link in, unless it is there already; `place` says where the user named it."""
        row = (link.url, place, hint.value)
        self._database.execute("INSERT OR IGNORE INTO notes (link, source, hint) VALUES (?, ?, ?)", row)

    def want(self, want: Want, place: str) -> None:
        """Take in what an earlier run remembered."""
        if isinstance(want.what, ShortLink):
            self.add_link(want.what, place, want.hint)
        else:
            self.add(want.what, want.hint)

    @property
    def links(self) -> int:
        """How many notes are known by a short link only."""
        return int(self._database.execute("SELECT COUNT(*) FROM notes WHERE id IS NULL").fetchone()[0])

    def unresolved(self) -> Iterator[tuple[ShortLink, str]]:
        """Yield the short links whose notes are not known, and where they were named."""
        query = "SELECT place, link, source FROM notes WHERE id IS NULL AND place > ? ORDER BY place LIMIT 1"
        at = 0
        while found := self._database.execute(query, (at,)).fetchone():  # the list changes in between
            at, url, place = found
            yield ShortLink(url), place

    def has_link(self, url: str) -> bool:
        """Whether the note of this short link is not known yet."""
        query = "SELECT 1 FROM notes WHERE link = ? AND id IS NULL"
        return self._database.execute(query, (url,)).fetchone() is not None

    def source(self, link: ShortLink) -> str:
        """Return where the user named a short link."""
        found = self._database.execute("SELECT source FROM notes WHERE link = ?", (link.url,)).fetchone()
        return str(found[0]) if found else ""

    def hint_of(self, link: ShortLink) -> NoteType:
        """Return what is known of the type of a short link's note."""
        found = self._database.execute("SELECT hint FROM notes WHERE link = ?", (link.url,)).fetchone()
        return NoteType(found[0]) if found else NoteType.UNKNOWN

    def resolve(self, link: ShortLink, note_id: NoteId | None) -> None:
        """Put the note in its short link's place; None, and a note that is there already: drop the link."""
        if note_id is not None:
            row = (bytes.fromhex(note_id.text), link.url)
            self._database.execute("UPDATE OR IGNORE notes SET id = ? WHERE link = ?", row)
        self._database.execute("DELETE FROM notes WHERE link = ? AND id IS NULL", (link.url,))

    def hint(self, note_id: NoteId) -> NoteType:
        """Return what is known of a note's type."""
        query = "SELECT hint FROM notes WHERE id = ?"
        found = self._database.execute(query, (bytes.fromhex(note_id.text),)).fetchone()
        return NoteType(found[0]) if found else NoteType.UNKNOWN

    def wants(self) -> Iterator[Want]:
        """Yield all that is on the list, as it is remembered for another run."""
        query = "SELECT id, link, hint FROM notes ORDER BY place"
        for packed, url, hint in self._database.execute(query):
            yield Want(NoteId(packed.hex()) if packed else ShortLink(url), NoteType(hint))

    def keep_first(self, count: int) -> int:
        """Drop all but the first so many; return how many were dropped."""
        query = "DELETE FROM notes WHERE place NOT IN (SELECT place FROM notes ORDER BY place LIMIT ?)"
        return self._database.execute(query, (count,)).rowcount


@contextmanager
def spool() -> Iterator[NoteList]:
    """Yield an empty list that lives on disk as long as the context."""
    with closing(sqlite3.connect("")) as database:
        database.execute("PRAGMA cache_size = -2048")
        database.execute(
            "CREATE TABLE notes (place INTEGER PRIMARY KEY, id BLOB UNIQUE, link TEXT UNIQUE, source TEXT, "
            "hint TEXT NOT NULL)"
        )
        yield NoteList(database)
        database.rollback()


@dataclass(slots=True)
class Reading:
    """What was passed over: bad rows, the first of them in words, and notes that the selection leaves out."""

    bad_rows: int = 0
    mistakes: tuple[str, ...] = ()
    left_out: int = 0

    def mistake(self, text: str) -> None:
        """Count a bad row, and remember the first ones."""
        self.bad_rows += 1
        if self.bad_rows <= _SHOWN_MISTAKES:
            self.mistakes += (text,)

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
    wanted = selection or Selection()
    for source, sheet_is_table, rows in _sources(texts, files, column):
        lenient = sheet_is_table if strict is None else not strict
        for row in rows:
            try:
                _take(row, f"{source}{row.line}", into, wanted, passed)
            except NotANote as problem:
                (passed if lenient else wrong).mistake(f"{source}{row.line}: {problem}")
    if wrong.bad_rows:
        raise UsageError(f"nothing was asked or paid, because the input has mistakes:\n  {wrong}")
    return passed


def _take(row: Row, place: str, into: NoteList, selection: Selection, passed: Reading) -> None:
    """Take in what a row names.

    Raises:
        NotANote: it names no note.
    """
    for named in _named(row):
        if isinstance(named, ShortLink):
            into.add_link(named, place, row.type)
        elif selection.takes(named, row.type, row.published):
            into.add(named, row.type)
        else:
            passed.left_out += 1


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


def _sources(
    texts: Iterable[str], files: Iterable[str], column: str
) -> Iterator[tuple[str, bool, Iterable[Row]]]:
    for place, text in enumerate(texts, 1):
        if text == "-":
            yield _source("-", column)
        else:
            # A pasted share text may hold line breaks; only its link counts, so it is one line.
            yield "argument ", False, [Row(place, (" ".join(text.split()),))]
    for name in files:
        yield _source(name, column)


def _source(name: str, column: str) -> tuple[str, bool, Iterable[Row]]:
    shown = "standard input" if name == "-" else name
    sheet = open_sheet(lines_of(name), shown, column)
    return f"{shown}, line ", sheet.is_table, sheet.rows


def lines_of(name: str) -> Iterator[tuple[int, str]]:
    """Yield a file's lines with their numbers from 1; any line ending and a byte order mark are fine.

    Text is UTF-8, UTF-16 with its mark, or what Chinese spreadsheets still write (GB 18030).

    Raises:
        UsageError: there is no such file, it cannot be read, is a workbook, or a line is longer than 256 KiB.
    """
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
            head = file.peek(4) if isinstance(file, io.BufferedReader) else b""
            if head.startswith(_ZIP):
                raise UsageError(f"{name} is a workbook, not text; save the sheet as CSV and name that file")
            if head.startswith(_UTF_16):
                text = io.TextIOWrapper(file, "utf-16", errors="replace")
                yield from _text_lines(text, name)
                text.detach()
            else:
                yield from _byte_lines(file, name)
    except OSError as problem:
        raise UsageError(f"{name}: {problem.strerror or problem}") from None


def _text_lines(file: TextIO, name: str) -> Iterator[tuple[int, str]]:
    number = 0
    while piece := file.readline(_LONGEST_LINE):
        number += 1
        if len(piece) == _LONGEST_LINE and not piece.endswith("\n"):
            raise _too_long(name, number)
        yield number, piece.rstrip("\n")


def _byte_lines(file: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    number = 0
    while piece := file.readline(_LONGEST_LINE):
        if len(piece) == _LONGEST_LINE and not piece.endswith(b"\n"):
            raise _too_long(name, number + 1)
        for line in piece.splitlines():
            number += 1
            yield number, _decoded(line)


def _too_long(name: str, number: int) -> UsageError:
    return UsageError(f"{name}: line {number} is too long; put one note on a line")


def _decoded(line: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("utf-8", "replace")

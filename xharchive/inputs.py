"""The user's list of notes: read whole and checked before anything is paid, in memory that does not grow.

Ids are spooled to a temporary database that SQLite keeps on disk and deletes by itself; it also drops
duplicates and keeps the order.
"""

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from xharchive.errors import UsageError
from xharchive.links import NotANote, named_notes
from xharchive.models import NoteId, NoteType

__all__ = ["NoteList", "lines_of", "read_notes", "spool"]

_SHOWN_MISTAKES = 10
_LONGEST_LINE = 64 * 1024


class NoteList:
    """Distinct note ids in the order they were first named."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __len__(self) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM ids").fetchone()[0])

    def __iter__(self) -> Iterator[NoteId]:
        for (packed,) in self._database.execute("SELECT id FROM ids ORDER BY place"):
            yield NoteId(packed.hex())

    def __contains__(self, note_id: NoteId) -> bool:
        query = "SELECT 1 FROM ids WHERE id = ?"
        return self._database.execute(query, (bytes.fromhex(note_id.text),)).fetchone() is not None

    def add(self, note_id: NoteId, hint: NoteType = NoteType.UNKNOWN) -> None:
        """Take an id in, unless it is there already; `hint` is the note's type, where somebody said it."""
        row = (bytes.fromhex(note_id.text), hint.value)
        self._database.execute("INSERT OR IGNORE INTO ids (id, hint) VALUES (?, ?)", row)

    def hint(self, note_id: NoteId) -> NoteType:
        """Return what is known of a note's type."""
        query = "SELECT hint FROM ids WHERE id = ?"
        found = self._database.execute(query, (bytes.fromhex(note_id.text),)).fetchone()
        return NoteType(found[0]) if found else NoteType.UNKNOWN


@contextmanager
def spool() -> Iterator[NoteList]:
    """Yield an empty list that lives on disk as long as the context."""
    with closing(sqlite3.connect("")) as database:
        database.execute("PRAGMA cache_size = -2048")
        database.execute(
            "CREATE TABLE ids (place INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, hint TEXT NOT NULL)"
        )
        yield NoteList(database)
        database.rollback()


def read_notes(into: NoteList, texts: Iterable[str], files: Iterable[str]) -> None:
    """Read arguments, then files ("-": standard input), and take in every note they name.

    Raises:
        UsageError: a line names no note (all such lines are listed, up to ten), or a file cannot be read.
    """
    mistakes: list[str] = []
    for source, lines in _sources(texts, files):
        for number, line in lines:
            try:
                for note_id, hint in named_notes(line):
                    into.add(note_id, hint)
            except NotANote as problem:
                mistakes.append(f"{source}{number}: {problem}")
                if len(mistakes) > _SHOWN_MISTAKES:
                    break
    if mistakes:
        raise UsageError(_as_sentence(mistakes))


def _as_sentence(mistakes: list[str]) -> str:
    shown = "\n  ".join(mistakes[:_SHOWN_MISTAKES])
    more = "\n  and more" if len(mistakes) > _SHOWN_MISTAKES else ""
    return f"nothing was asked or paid, because the input has mistakes:\n  {shown}{more}"


def _sources(texts: Iterable[str], files: Iterable[str]) -> Iterator[tuple[str, Iterable[tuple[int, str]]]]:
    for place, text in enumerate(texts, 1):
        if text == "-":
            yield "standard input, line ", lines_of("-")
        else:
            # A pasted share text may hold line breaks; only its link counts, so it is one line.
            yield "argument ", [(place, " ".join(text.split()))]
    for name in files:
        yield ("standard input" if name == "-" else name) + ", line ", lines_of(name)


def lines_of(name: str) -> Iterator[tuple[int, str]]:
    """Yield a file's lines with their numbers from 1; any line ending and a byte order mark are fine.

    Raises:
        UsageError: there is no such file, it cannot be read, or a line of it is longer than 64 KiB.
    """
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
            number = 0
            while piece := file.readline(_LONGEST_LINE):
                if len(piece) == _LONGEST_LINE and not piece.endswith(b"\n"):
                    raise UsageError(f"{name}: line {number + 1} is too long; put one note on a line")
                for line in piece.splitlines():
                    number += 1
                    yield number, line.decode("utf-8", "replace")
    except OSError as problem:
        raise UsageError(f"{name}: {problem.strerror or problem}") from None

"""The notes that a run is asked for: a list without duplicates, read and checked before any paid call."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from xharchive.database import temporary_name
from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, PendingNote, ShortLink
from xharchive.sources.links import NotANote, notes_in

_MAX_IN_MEMORY = 100_000  # entries; they take some 10 MB
_TYPES = {kind.value: kind for kind in NoteType}
_ID_BYTES = 12  # a longer key is the URL of a short link


class NoteList:
    """Distinct notes in the order of their first mention. Some have a short link until it is followed.

    A short list is a dict. A longer one is moved into a temporary SQLite database, so that memory does not
    grow with it; SQLite deletes the file when the context ends. Short links stay in memory too: each takes a
    request, so there are few.
    """

    def __init__(self, in_memory: int = _MAX_IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._hints: dict[bytes, NoteType] = {}  # of all entries, or of those that are not in the spool yet
        self._spool: sqlite3.Connection | None = None
        self._links: dict[ShortLink, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._spool is not None:
            self._spool.close()

    def __len__(self) -> int:
        """Return how many notes have an id."""
        spool = self._filled_spool()
        entries = spool.execute("SELECT COUNT(*) FROM notes").fetchone()[0] if spool else len(self._hints)
        return int(entries) - len(self._links)

    def __iter__(self) -> Iterator[NoteId]:
        return (NoteId.unpacked(key) for key, _ in self._entries() if len(key) == _ID_BYTES)

    def add(self, target: NoteId | ShortLink, hint: NoteType = NoteType.UNKNOWN, source: str = "") -> None:
        """Add a note or short link unless the list has it; `source` is a link's position in the input."""
        if isinstance(target, ShortLink):
            self._links.setdefault(target, source)
        self._hints.setdefault(_key(target), hint)
        if len(self._hints) > self._in_memory:
            self._filled_spool()

    @property
    def links(self) -> Mapping[ShortLink, str]:
        """The short links that are not followed yet, with their positions in the input."""
        return MappingProxyType(self._links)

    def replace_links(self, notes: Mapping[ShortLink, NoteId | None]) -> None:
        """Replace short links by their notes. Drop a link whose note is None or in the list already."""
        replaced = {_key(link): _key(note) if note else None for link, note in notes.items()}
        for link in notes:
            del self._links[link]
        if spool := self._filled_spool():
            for old, new in replaced.items():
                spool.execute("UPDATE OR IGNORE notes SET key = ? WHERE key = ?", (new or old, old))
                spool.execute("DELETE FROM notes WHERE key = ?", (old,))
            return
        before, self._hints = self._hints, {}
        for key, hint in before.items():
            new = replaced.get(key, key)
            if new is not None and (new is key or new not in before):
                self._hints.setdefault(new, hint)

    def hint(self, target: NoteId | ShortLink) -> NoteType:
        """Return the type of a note, as far as it is known."""
        if spool := self._filled_spool():
            found = spool.execute("SELECT hint FROM notes WHERE key = ?", (_key(target),)).fetchone()
            return _TYPES[found[0]] if found else NoteType.UNKNOWN
        return self._hints.get(_key(target), NoteType.UNKNOWN)

    def pending_notes(self) -> Iterator[PendingNote]:
        """Yield the notes and short links of the list as pending notes."""
        for key, hint in self._entries():
            yield PendingNote(_target(key), hint)

    def truncate(self, count: int) -> int:
        """Drop all but the first `count` entries. Return how many were dropped."""
        if spool := self._filled_spool():
            query = "DELETE FROM notes WHERE place NOT IN (SELECT place FROM notes ORDER BY place LIMIT ?)"
            dropped = spool.execute(query, (count,)).rowcount
        else:
            dropped = max(0, len(self._hints) - count)
            self._hints = dict(islice(self._hints.items(), count))
        if self._links:
            kept = {key for key, _ in self._entries() if len(key) > _ID_BYTES}
            self._links = {link: source for link, source in self._links.items() if _key(link) in kept}
        return dropped

    def _entries(self) -> Iterator[tuple[bytes, NoteType]]:
        spool = self._filled_spool()
        if spool is None:
            return iter(self._hints.items())
        rows = spool.execute("SELECT key, hint FROM notes ORDER BY place")
        return ((key, _TYPES[hint]) for key, hint in rows)

    def _filled_spool(self) -> sqlite3.Connection | None:
        """Return the database with all entries; None if they are few enough for the memory."""
        if self._spool is None:
            if len(self._hints) <= self._in_memory:
                return None
            self._spool = sqlite3.connect(temporary_name())
            self._spool.execute("PRAGMA cache_size = -2048")
            self._spool.execute("CREATE TABLE notes (place INTEGER PRIMARY KEY, key BLOB UNIQUE, hint TEXT)")
        if self._hints:
            rows = ((key, hint.value) for key, hint in self._hints.items())
            self._spool.executemany("INSERT OR IGNORE INTO notes (key, hint) VALUES (?, ?)", rows)
            self._hints.clear()
        return self._spool


def _key(target: NoteId | ShortLink) -> bytes:
    return bytes.fromhex(target.text) if isinstance(target, NoteId) else target.url.encode()


def _target(key: bytes) -> NoteId | ShortLink:
    return NoteId.unpacked(key) if len(key) == _ID_BYTES else ShortLink(key.decode())


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Accept notes of one type that were published at `after` or later and before `before`; None: no limit.

    Raises:
        UsageError: `before` is not later than `after`.
    """

    after: datetime | None = None
    before: datetime | None = None
    kind: NoteType | None = None

    def __post_init__(self) -> None:
        if self.after is not None and self.before is not None and self.after >= self.before:
            raise UsageError("--before must be later than --after: no note is older and newer at once")

    def accepts(self, note_id: NoteId, kind: NoteType, published: datetime | None = None) -> bool:
        """Whether the note passes. An unknown type does; without a publish time the one in the id counts."""
        if self.kind is not None and kind not in (self.kind, NoteType.UNKNOWN):
            return False
        if self.after is None and self.before is None:
            return True
        published = published or note_id.published
        return not (self.after and published < self.after) and not (self.before and published >= self.before)


if TYPE_CHECKING:
    from xharchive.sources.note_table import InputRow

_MAX_SHOWN_MISTAKES = 10
_NO_NOTE = "names no note"


@dataclass(slots=True)
class InputReport:
    """What was skipped while reading the input.

    Attributes:
        bad_rows: how many rows name no note; `mistakes` tells about the first of them.
        filtered_out: how many notes the filter excludes.
        empty_sources: messages about sources without rows.
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
        texts: arguments of the command line; "-" is standard input.
        files: paths of files; "-" is standard input.
        column: the column of tables with the notes: a heading, a JSON key, or a number from 1.
        strict: True makes all bad rows errors, False none. None: the default above.

    Raises:
        UsageError: the input has errors (the message names ten of them), a file cannot be read, or the column
            of a table with the notes is unknown.
    """
    reader = _InputReader(into, note_filter or NoteFilter(), strict)
    for number, text in enumerate(texts, 1):
        if text == "-":
            reader.read_file("-", column)
            continue
        try:  # a share text may have line breaks; only its link counts, so it becomes one line
            reader.add(notes_in(" ".join(text.split())), f"argument {number}")
        except NotANote as problem:
            reader.reject(f"argument {number}: {problem}", is_table=False)
    for name in files:
        reader.read_file(name, column)
    if reader.fatal.bad_rows:
        mistakes = f"{reader.fatal}{reader.advice}"
        raise UsageError(f"nothing was asked or paid, because the input has mistakes:\n  {mistakes}")
    return reader.report


class _InputReader:
    """Adds the notes of the input to a list. `fatal` has the mistakes that are errors, `advice` a hint."""

    def __init__(self, into: NoteList, note_filter: NoteFilter, strict: bool | None) -> None:
        self.report = InputReport()
        self.fatal = InputReport()
        self.advice = ""
        self._into = into
        self._filter = note_filter
        self._has_filter = note_filter != NoteFilter()
        self._strict = strict

    def read_file(self, name: str, column: str) -> None:
        """Add the notes of all rows of a file."""
        # A plain `get ID` reads no file.
        from xharchive.sources.note_table import parse_input  # noqa: PLC0415
        from xharchive.sources.text_file import display_name, read_lines  # noqa: PLC0415

        shown = display_name(name)
        parsed = parse_input(read_lines(name), shown, column)
        if parsed.has_columns:
            self.report.losses.setdefault(name, "it is a table")
        row, has_notes, mistakes = None, False, self.fatal.bad_rows
        for row in parsed.rows:
            loss = self._read_row(row, f"{shown}, line {row.line}", is_table=parsed.is_table)
            has_notes |= loss != _NO_NOTE
            if loss:
                self.report.losses.setdefault(name, f"line {row.line} {loss}")
        if row is None and parsed.has_columns:
            self.report.empty_sources += (f"{shown} has no rows but its headings",)
        elif parsed.is_empty:
            self.report.empty_sources += (f"{shown} is empty",)
        may_be_table = row is not None and any(mark in "".join(row.cells) for mark in "\t,;|")
        if self.fatal.bad_rows > mistakes and not has_notes and may_be_table:
            self.advice = f"\n  if {shown} is a table, name its column with --column"

    def _read_row(self, row: "InputRow", place: str, *, is_table: bool) -> str:
        """Add the notes of a row; return what a list of the notes would lose of it, "" if nothing."""
        try:
            is_left_out = self.add(row.notes(), place, row.type)
        except NotANote as problem:
            self.reject(f"{place}: {problem}", is_table=is_table)
            return _NO_NOTE
        if row.has_other_fields:
            return "says more than a note and its type"
        return "is not for --after, --before or --type" if is_left_out else ""

    def add(self, notes: Iterable[NoteId | ShortLink], place: str, kind: NoteType = NoteType.UNKNOWN) -> bool:
        """Add the notes of a row that pass the filter; return whether it excludes one, or may do so later."""
        is_left_out = False
        for note in notes:
            if isinstance(note, ShortLink):
                self._into.add(note, kind, place)
                is_left_out |= self._has_filter
            elif self._filter.accepts(note, kind):
                self._into.add(note, kind)
            else:
                self.report.filtered_out += 1
                is_left_out = True
        return is_left_out

    def reject(self, mistake: str, *, is_table: bool) -> None:
        """Record a bad row. In a table it does not make the others suspect."""
        is_skipped = is_table if self._strict is None else not self._strict
        (self.report if is_skipped else self.fatal).add_mistake(mistake)

"""The notes that a run is asked for: a list without duplicates, and a filter.

The list is a temporary SQLite database on disk, so that memory does not grow with it. SQLite deletes it. The
database drops duplicates and keeps the order.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from xharchive.database import temporary_name
from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, PendingNote, ShortLink

__all__ = ["NoteFilter", "NoteList", "spool"]

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


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Accept notes of one type that were published at `after` or later and before `before`.

    None means no limit.

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
        """Whether the note passes the filter.

        Args:
            note_id: the note.
            kind: its type; an unknown type passes.
            published: its publish time; the time in the id if None.
        """
        if self.kind is not None and kind not in (self.kind, NoteType.UNKNOWN):
            return False
        if self.after is None and self.before is None:
            return True
        published = published or note_id.published
        return (self.after is None or published >= self.after) and (
            self.before is None or published < self.before
        )

"""The notes that a run is asked for: a list without duplicates, and a filter."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Self

from xharchive.database import temporary_name
from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, PendingNote, ShortLink

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

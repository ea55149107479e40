"""What the archive already holds: the store's folders, looked up through the catalog, checked on the disk."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from xharchive.catalog import Catalog, Entry, Filters, Row, Tally, open_catalog, renewed_catalog
from xharchive.links import ShortLink, Want
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId
from xharchive.naming import note_id_in
from xharchive.stores import PosixStore, Published

__all__ = ["Holding", "Holdings", "Reindexed", "open_holdings", "reindex"]

_AT_ONCE = 64  # manifests read, then put into the catalog in one transaction


@dataclass(frozen=True, slots=True)
class Holding:
    """A note as the archive has it.

    `intact`: every file is there with its size. `news`: a reply was paid for since, and not taken in yet.
    """

    folder: str
    state: State
    title: str
    intact: bool
    news: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do: all there, or known to be empty."""
        return self.intact and self.state is not State.PARTIAL and not self.news


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a new catalog was made of: notes, and folders that have no readable manifest."""

    notes: int
    unreadable: int


@contextmanager
def open_holdings(store: PosixStore, *, to_read: bool = False) -> Iterator["Holdings"]:
    """Yield what a store holds, with the catalog brought up to date by the folders.

    With `to_read` an archive on a disk that cannot be written is no obstacle.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    with open_catalog(store.catalog, else_for_the_moment=to_read) as catalog:
        holdings = Holdings(store, catalog)
        holdings.catch_up()
        yield holdings


def reindex(store: PosixStore) -> Reindexed:
    """Make the catalog anew from the manifests alone; until it is complete the old one stays.

    Raises:
        ArchiveError: the archive cannot be read, or the disk would not.
    """
    with renewed_catalog(store.catalog) as catalog:
        holdings = Holdings(store, catalog)
        holdings.catch_up()
        return Reindexed(sum(holdings.tally().notes.values()), holdings.begun)


class Holdings:
    """Answers what is there already, and what is still wanted."""

    def __init__(self, store: PosixStore, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._begun: dict[NoteId, str] = {}
        self._at_work: set[NoteId] = set()

    def catch_up(self) -> None:
        """Read the manifests of folders that the catalog does not know, and forget folders that are gone.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        self._at_work = set(self._store.unfinished())
        unknown = (folder for folder in self._store.folders() if not self._catalog.knows(folder))
        while folders := list(islice(unknown, _AT_ONCE)):
            found = [(folder, self._read(folder)) for folder in folders]
            with self._catalog.together():
                for folder, published in found:
                    if published is None:
                        self._remember_begun(folder)
                    else:
                        self.add(published)
        gone = [note_id for note_id, folder in self._catalog.folders() if not self._store.has_folder(folder)]
        for note_id in gone:
            self._catalog.forget(note_id)

    def _remember_begun(self, folder: str) -> None:
        """A folder without a readable manifest is no note, but what was paid for may lie in it."""
        note_id = note_id_in(folder)
        if note_id is not None:
            self._begun[note_id] = folder

    @property
    def begun(self) -> int:
        """How many folders are named as a note's are and have no readable manifest."""
        return len(self._begun)

    def _learn(self, folder: str) -> Published | None:
        published = self._read(folder)
        if published is not None:
            self.add(published)
        return published

    def _read(self, folder: str) -> Published | None:
        """A manifest counts only in a folder of its own note: two notes never share one."""
        published = self._store.read(folder)
        return published if published and published.manifest.id == note_id_in(folder) else None

    def find(self, note_id: NoteId) -> Holding | None:
        """Return what the archive holds of a note, or None. Looks at every file, at none of their bytes.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        row = self._current(note_id)
        if row is None:
            begun = self._begun.get(note_id)
            return Holding(begun, State.PARTIAL, "", intact=False) if begun else None
        intact = all(self._store.is_there(row.folder, path, size) for path, size in row.files)
        news = note_id in self._at_work and self._store.has_new_replies(note_id, row.folder)
        return Holding(row.folder, row.state, row.title, intact, news)

    def _current(self, note_id: NoteId) -> Row | None:
        row = self._catalog.get(note_id)
        if row is None or self._store.stamp(row.folder) == row.stamp:
            return row
        self._catalog.forget(note_id)
        if self._learn(row.folder) is not None:
            return self._catalog.get(note_id)
        if self._store.has_folder(row.folder):
            self._remember_begun(row.folder)
        return None

    def manifest(self, holding: Holding) -> Manifest | None:
        """Return the manifest of a note, or None if it vanished or broke meanwhile.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        return self.manifest_in(holding.folder)

    def manifest_in(self, folder: str) -> Manifest | None:
        """Return the manifest in a note's folder, or None if there is none that can be read.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        published = self._read(folder)
        return published.manifest if published else None

    def entries(self, filters: Filters, text: str = "") -> Iterator[Entry]:
        """Yield the wanted notes as their manifests are now: newest first, or the best first with a text.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        self._refresh()
        return self._catalog.entries(filters, text)

    def _refresh(self) -> None:
        """Read the manifests again that somebody changed since. It looks at each: not for a run's start."""
        stamps = self._catalog.stamps()
        changed = [note_id for note_id, folder, stamp in stamps if self._store.stamp(folder) != stamp]
        for note_id in changed:
            self._current(note_id)

    def add(self, published: Published) -> None:
        """Take over a note that was just committed.

        Raises:
            ArchiveError: the catalog cannot be written.
        """
        self._catalog.put(published.folder, published.stamp, published.manifest)

    def remember(self, wants: Iterable[Want]) -> None:
        """Put the notes that the archive does not have on the list of wanted ones, for good.

        Raises:
            ArchiveError: the disk would not.
        """
        self._store.wanted.add(filter(self._is_wanted, wants))

    def _is_wanted(self, want: Want) -> bool:
        """Whether something is still to be done: no manifest of the note, no answer where a link leads."""
        if isinstance(want.what, ShortLink):
            return not any(self._store.link(want.what.key).glob("*.json"))
        return self._catalog.get(want.what) is None

    def tidy(self) -> None:
        """Take what the archive has by now off the list of wanted notes, and out of the work folder.

        A run that was killed between the commit and the tidying leaves such a folder; nobody needs it.

        Raises:
            ArchiveError: the disk would not.
        """
        for note_id in self._store.unfinished():
            if self._is_settled(note_id):
                self._store.sweep(note_id)
        self._store.wanted.prune(self._is_wanted)

    def leftovers(self, *, recheck_empty: bool = False) -> Iterator[Want]:
        """Yield what still needs work, possibly twice: asked for, begun, partial, or damaged since.

        With `recheck_empty` those that were empty when they were asked for, too.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        candidates = (*self._begun, *self._store.unfinished())
        for want in self._store.wanted:  # first: it knows the types of some
            if isinstance(want.what, ShortLink) or self._catalog.get(want.what) is None:
                yield want
        for note_id in candidates:
            if not self._is_settled(note_id):
                yield Want(note_id)
        for note_id, _ in self._catalog.folders():
            holding = self.find(note_id)
            empty = recheck_empty and holding is not None and holding.state is State.EMPTY
            if empty or holding is None or not holding.settled:
                yield Want(note_id)

    def _is_settled(self, note_id: NoteId) -> bool:
        holding = self.find(note_id)
        return holding is not None and holding.settled

    def published(self) -> Iterator[tuple[str, Published | None]]:
        """Yield every note folder with its manifest (None: there is none, or it cannot be read), by name.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        for folder in sorted(self._store.folders()):
            yield folder, self._store.read(folder)

    def tally(self) -> Tally:
        """Add everything up.

        Raises:
            ArchiveError: the catalog cannot be read.
        """
        return self._catalog.tally()

"""What the archive already holds: the store's folders, looked up through the catalog, checked on the disk."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TypeVar

from xharchive.catalog import Catalog, Entry, Filters, Row, Tally, open_catalog, renewed_catalog
from xharchive.links import ShortLink, Want
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId
from xharchive.naming import note_id_in
from xharchive.stores import PosixStore, Published

__all__ = ["Holding", "Holdings", "Reindexed", "Whole", "open_holdings", "reindex"]

_Item = TypeVar("_Item")
_Found = TypeVar("_Found", bound="Whole | tuple[NoteId, Holding | None]")

_AT_ONCE = 500  # notes or folders that the catalog is asked about in one question


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
class Whole:
    """So many notes one after another are there whole, by the catalog's word."""

    notes: int


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a new catalog was made of: notes, and folders that have no readable manifest."""

    notes: int
    unreadable: int


@contextmanager
def open_holdings(
    store: PosixStore, *, to_read: bool = False, trusting: bool = False
) -> Iterator["Holdings"]:
    """Yield what a store holds, with the catalog brought up to date by the folders.

    With `to_read` an archive on a disk that cannot be written is no obstacle. With `trusting` notes that are
    finished by the catalog's word are not looked at: see `Holdings.find_each`.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    with open_catalog(store.catalog, else_for_the_moment=to_read) as catalog:
        holdings = Holdings(store, catalog, trusting=trusting)
        holdings.catch_up()
        if to_read:
            yield holdings
        else:
            with _sealed(store, catalog, holdings):
                yield holdings


@contextmanager
def _sealed(store: PosixStore, catalog: Catalog, holdings: "Holdings") -> Iterator[None]:
    """Break the catalog's seal while notes may change, and set it again if all went well.

    A run that is killed between a note's manifest and its row, or that a power cut robs of its last rows,
    leaves a catalog that nobody may trust without a look at the manifests.
    """
    agrees = holdings.agree
    catalog.break_seal()
    yield
    if agrees:
        catalog.vouch_for(store.place)


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

    def __init__(self, store: PosixStore, catalog: Catalog, *, trusting: bool = False) -> None:
        self._store = store
        self._catalog = catalog
        self._trusting = trusting
        self.agree = False
        """Whether every row is known to say what the note's manifest says."""
        self._begun: dict[NoteId, str] = {}
        self._at_work: frozenset[str] = frozenset()

    def catch_up(self) -> None:
        """Read the manifests of folders that the catalog does not know, and forget folders that are gone.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        self._at_work = frozenset(note_id.text for note_id in self._store.unfinished())
        known = learned = 0
        for folders in _batches(self._store.folders()):
            new = self._catalog.unknown_folders(folders)
            known += len(folders) - len(new)
            learned += self._take_in([folder for folder in folders if folder in new])
        # No two rows share a folder: if all that is there was known, as many rows are all rows.
        if learned or known != len(self._catalog):
            self._forget_gone()
        seal = self._catalog.seal
        self.agree = bool(seal) and seal == self._store.place
        if self._trusting and not self.agree:
            self._refresh()
            self.agree = True

    def _take_in(self, folders: Sequence[str]) -> int:
        """Read the manifests of new folders; return how many there are."""
        found = [(folder, self._read(folder)) for folder in folders]
        with self._catalog.together():
            for folder, published in found:
                if published is None:
                    self._remember_begun(folder)
                else:
                    self._take_over(published)
        return len(found)

    def _forget_gone(self) -> None:
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
            self._take_over(published)
        return published

    def _take_over(self, published: Published) -> None:
        """Add a note as it was read, unless its manifest is another one by now.

        Whoever only reads holds no lock, so a run may commit the note again meanwhile. What the run adds must
        stay: it comes before this look, which then finds another stamp, or after this transaction.
        """
        with self._catalog.together():
            if self._store.stamp(published.folder) == published.stamp:
                self.add(published)

    def _read(self, folder: str) -> Published | None:
        """A manifest counts only in a folder of its own note: two notes never share one."""
        published = self._store.read(folder)
        return published if published and published.manifest.id == note_id_in(folder) else None

    def find(self, note_id: NoteId) -> Holding | None:
        """Return what the archive holds of a note, or None. Looks at every file, at none of their bytes.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        return self._look(note_id, self._catalog.get(note_id))

    def find_each(
        self, notes: Iterable[NoteId], *, in_step: bool = False
    ) -> Iterator[tuple[NoteId, Holding | None]]:
        """Yield each note with what the archive holds of it; some hundred are taken from `notes` at a time.

        With `in_step` only one is, for as long as there is something to do about them: a list is then not
        read ahead of the work. Files are looked at when it is the note's turn. Of `trusting` holdings those
        are not whose note is finished by the catalog's word and has no work folder.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        return self._by_batches(notes, self._believe if self._trusting else self._look_up, in_step=in_step)

    def sift(
        self, notes: Iterable[NoteId], *, in_step: bool = False
    ) -> Iterator[Whole | tuple[NoteId, Holding | None]]:
        """Yield what `find_each` does, but of complete notes that are trusted only how many they are.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        return self._by_batches(notes, self._count if self._trusting else self._look_up, in_step=in_step)

    def _by_batches(
        self, notes: Iterable[NoteId], look: Callable[[Sequence[NoteId]], Iterator[_Found]], *, in_step: bool
    ) -> Iterator[_Found]:
        rest = iter(notes)
        most = 1 if in_step else _AT_ONCE
        while batch := list(islice(rest, most)):
            settled = True
            for found in look(batch):
                yield found
                settled = settled and (isinstance(found, Whole) or bool(found[1] and found[1].settled))
            most = min(2 * most, _AT_ONCE) if settled or not in_step else 1

    def _look_up(self, notes: Sequence[NoteId]) -> Iterator[tuple[NoteId, Holding | None]]:
        rows = self._catalog.rows(notes)
        for note_id in notes:
            yield note_id, self._look(note_id, rows.get(note_id.text))

    def _believe(self, notes: Sequence[NoteId]) -> Iterator[tuple[NoteId, Holding | None]]:
        heads = self._catalog.heads(notes)
        for note_id in notes:
            head = heads.get(note_id.text)
            if head is None or head.state is State.PARTIAL or note_id.text in self._at_work:
                yield note_id, self.find(note_id)
            else:
                yield note_id, Holding(head.folder, head.state, head.title, intact=True)

    def _count(self, notes: Sequence[NoteId]) -> Iterator[Whole | tuple[NoteId, Holding | None]]:
        ids = [note_id.text for note_id in notes]
        others = self._catalog.incomplete(ids) | self._at_work.intersection(ids)
        for is_other, found in groupby(notes, lambda note_id: note_id.text in others):
            if is_other:
                yield from self._believe(list(found))
            else:
                yield Whole(sum(1 for _ in found))

    def _look(self, note_id: NoteId, known: Row | None) -> Holding | None:
        row = self._current(note_id, known)
        if row is None:
            begun = self._begun.get(note_id)
            return Holding(begun, State.PARTIAL, "", intact=False) if begun else None
        intact = self._store.are_there(row.folder, row.files)
        news = note_id.text in self._at_work and self._store.has_new_replies(note_id, row.folder)
        return Holding(row.folder, row.state, row.title, intact, news)

    def _current(self, note_id: NoteId, row: Row | None) -> Row | None:
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
            self._current(note_id, self._catalog.get(note_id))

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
        self._store.wanted.add(self._still_wanted(wants))

    def lacks(self, ids: Sequence[str]) -> Collection[str]:
        """Return those of some hundred ids whose notes the catalog does not have.

        Raises:
            ArchiveError: the catalog cannot be read.
        """
        return self._catalog.unknown(ids)

    def _still_wanted(self, wants: Iterable[Want]) -> Iterator[Want]:
        """Yield where something is to be done: no manifest of the note, no answer where a link leads."""
        for want in self._not_known(wants):
            if not (isinstance(want.what, ShortLink) and any(self._store.link(want.what.key).glob("*.json"))):
                yield want

    def _not_known(self, wants: Iterable[Want]) -> Iterator[Want]:
        """Yield all but the notes that the catalog has."""
        for batch in _batches(wants):
            new = self._catalog.unknown([want.what.text for want in batch if isinstance(want.what, NoteId)])
            yield from (want for want in batch if not isinstance(want.what, NoteId) or want.what.text in new)

    def tidy(self) -> None:
        """Take what the archive has by now off the list of wanted notes, and out of the work folder.

        A run that was killed between the commit and the tidying leaves such a folder; nobody needs it.

        Raises:
            ArchiveError: the disk would not.
        """
        for note_id in self._store.unfinished():
            if self._is_settled(note_id):
                self._store.sweep(note_id)
        self._store.wanted.prune(self._still_wanted)

    def leftovers(self, *, recheck_empty: bool = False) -> Iterator[Want]:
        """Yield what still needs work, possibly twice: asked for, begun, partial, or damaged since.

        With `recheck_empty` those that were empty when they were asked for, too.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        candidates = (*self._begun, *self._store.unfinished())
        yield from self._not_known(self._store.wanted)  # first: it knows the types of some
        for note_id in candidates:
            if not self._is_settled(note_id):
                yield Want(note_id)
        for note_id, holding in self.find_each(note_id for note_id, _ in self._catalog.folders()):
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


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    rest = iter(items)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch

"""Keeps the catalog in agreement with the folders of the archive, which are the truth."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from xharchive.catalog import Catalog, Row, renewed_catalog
from xharchive.models import NoteId
from xharchive.naming import note_id_in
from xharchive.stores import PosixStore, Published

__all__ = ["AT_ONCE", "Agreement", "Reindexed", "batches", "reindex"]

AT_ONCE = 500
"""Notes or folders that the catalog is asked about in one question."""

_READ_AT_ONCE = 100  # manifests that are taken in together, and held in memory until then

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a new catalog was made of: notes, and folders that have no readable manifest."""

    notes: int
    unreadable: int


def reindex(store: PosixStore) -> Reindexed:
    """Make the catalog anew from the manifests alone; until it is complete the old one stays.

    Raises:
        ArchiveError: the archive cannot be read, or the disk would not.
    """
    with renewed_catalog(store.catalog) as catalog:
        agreement = Agreement(store, catalog)
        agreement.reach()
        return Reindexed(len(catalog), len(agreement.begun))


class Agreement:
    """Between a store's folders and its catalog.

    `begun` are folders, by note, without a readable manifest: not notes, but what was paid for may lie there.
    """

    def __init__(self, store: PosixStore, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._is_whole = False
        self.begun: dict[NoteId, str] = {}

    def reach(self, *, whole: bool = False) -> None:
        """Read the manifests of folders that the catalog does not know, and forget folders that are gone.

        With `whole` every row says what the note's manifest says, too: unless the catalog's seal says so, all
        are looked at.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        known = learned = 0
        for folders in batches(self._store.folders()):
            new = self._catalog.unknown_folders(folders)
            known += len(folders) - len(new)
            learned += len(new)
            for some in batches((folder for folder in folders if folder in new), _READ_AT_ONCE):
                self._take_in(some)
        # No two rows share a folder: if all that is there was known, as many rows are all rows.
        if learned or known != len(self._catalog):
            self._forget_gone()
        seal = self._catalog.seal
        self._is_whole = bool(seal) and seal == self._store.place
        if whole and not self._is_whole:
            self.refresh()
            self._is_whole = True

    @contextmanager
    def sealed(self) -> Iterator[None]:
        """Break the catalog's seal while notes may change, and set it again if all went well.

        A run that is killed between a note's manifest and its row, or that a power cut robs of its last rows,
        leaves a catalog that nobody may trust without a look at the manifests.

        Raises:
            ArchiveError: the catalog cannot be written.
        """
        self._catalog.break_seal()
        yield
        if self._is_whole:
            self._catalog.vouch_for(self._store.place)

    def refresh(self) -> None:
        """Read the manifests again that somebody changed since. It looks at each: not for a run's start.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        stamps = self._catalog.stamps()
        changed = [note_id for note_id, folder, stamp in stamps if self._store.stamp(folder) != stamp]
        for note_id in changed:
            self.current(note_id, self._catalog.get(note_id))

    def current(self, note_id: NoteId, row: Row | None) -> Row | None:
        """Return what a note's row says by now, or None if the note is gone.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        if row is None or self._store.stamp(row.folder) == row.stamp:
            return row
        self._catalog.forget(note_id)
        published = self.read(row.folder)
        if published is not None:
            self._take_over(published)
            return self._catalog.get(note_id)
        if self._store.has_folder(row.folder):
            self._remember_begun(row.folder)
        return None

    def read(self, folder: str) -> Published | None:
        """Return the note in a folder, or None. In a folder of another one it is none: two never share one.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        published = self._store.read(folder)
        return published if published and published.manifest.id == note_id_in(folder) else None

    def add(self, published: Published) -> None:
        """Take over a note that was just committed.

        Raises:
            ArchiveError: the catalog cannot be written.
        """
        self._catalog.put(published.folder, published.stamp, published.manifest)

    def _take_in(self, folders: Sequence[str]) -> None:
        found = [(folder, self.read(folder)) for folder in folders]
        with self._catalog.together():
            for folder, published in found:
                if published is None:
                    self._remember_begun(folder)
                else:
                    self._take_over(published)

    def _take_over(self, published: Published) -> None:
        """Add a note as it was read, unless its manifest is another one by now.

        Whoever only reads holds no lock, so a run may commit the note again meanwhile. What the run adds must
        stay: it comes before this look, which then finds another stamp, or after this transaction.
        """
        with self._catalog.together():
            if self._store.stamp(published.folder) == published.stamp:
                self.add(published)

    def _remember_begun(self, folder: str) -> None:
        note_id = note_id_in(folder)
        if note_id is not None:
            self.begun[note_id] = folder

    def _forget_gone(self) -> None:
        gone = [note_id for note_id, folder in self._catalog.folders() if not self._store.has_folder(folder)]
        for note_id in gone:
            self._catalog.forget(note_id)


def batches(items: Iterable[_Item], size: int = AT_ONCE) -> Iterator[list[_Item]]:
    """Yield the items in lists of so many."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

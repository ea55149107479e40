"""Keeps the catalog in agreement with the folders of the archive, which are the truth."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from xharchive.archive import PosixStore, Published
from xharchive.errors import ArchiveError, NotPermitted
from xharchive.index import Catalog, Row, renewed_catalog
from xharchive.models import NoteId
from xharchive.naming import is_folder_of, note_id_in_path

__all__ = ["AT_ONCE", "Agreement", "Reindexed", "batches", "reindex"]

AT_ONCE = 500
"""Notes or folders that the catalog is asked about in one question."""

_READ_AT_ONCE = 100  # manifests that are taken in together, and held in memory until then

_COPY_EXAMPLES = 3

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a new catalog was made of: notes, and folders that have no readable manifest.

    `closed` says for each note folder that this user may not read which one it is and why.
    """

    notes: int
    unreadable: int
    closed: tuple[str, ...] = ()


def reindex(store: PosixStore) -> Reindexed:
    """Make the catalog anew from the manifests alone; until it is complete the old one stays.

    Raises:
        ArchiveError: the archive cannot be read, or the disk would not.
    """
    with renewed_catalog(store.catalog) as catalog:
        agreement = Agreement(store, catalog)
        agreement.reach()
        return Reindexed(len(catalog), len(agreement.begun), tuple(agreement.closed.values()))


class Agreement:
    """Between a store's folders and its catalog.

    `begun` are folders, by note, without a readable manifest: not notes, but what was paid for may lie there.
    `closed` says, by note, which folders or manifests this user may not read. What the catalog knows of such
    a note stays, since nothing newer can be known.
    """

    def __init__(self, store: PosixStore, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._is_whole = False
        self.begun: dict[NoteId, str] = {}
        self.closed: dict[NoteId, str] = {}

    def reach(self, *, whole: bool = False) -> None:
        """Read the manifests of folders that the catalog does not know, and forget folders that are gone.

        With `whole` every row says what the note's manifest says, too: unless the catalog's seal says so, all
        are looked at.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        if self._look_at_folders():
            self._look_at_folders()  # a note is gone of which there is a copy
        self._report_copies()
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

    def _look_at_folders(self) -> bool:
        """Bring the rows in line with the folders that are there.

        Returns:
            Whether notes are gone while copies of notes are known.
        """
        known = learned = 0
        for found in batches(self._store.folders_and_stamps()):
            new = self._unknown(found)
            known += len(found) - len(new)
            for some in batches((folder for folder, _ in found if folder in new), _READ_AT_ONCE):
                learned += self._take_in(some)
        # No two rows share a folder: if all that is there was known, as many rows are all rows.
        if not learned and known == self._catalog.folder_count:
            return False
        return self._forget_gone()

    def _unknown(self, found: Sequence[tuple[str, str]]) -> frozenset[str]:
        """Return the folders whose manifests are to be read.

        Folders without a note id in their name may have been exchanged: only their stamps tell.
        """
        new = self._catalog.unknown_folders([folder for folder, stamp in found if not stamp])
        others = [(folder, stamp) for folder, stamp in found if stamp]
        return new | self._catalog.changed_folders(others) if others else new

    def refresh(self) -> None:
        """Read the manifests again that somebody changed since. It looks at each: not for a run's start.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        stamps = self._catalog.stamps()
        stamps = self._catalog.stamps()
        changed = {
            folder: note_id for note_id, folder, stamp in stamps if self._is_changed(note_id, folder, stamp)
        }
        read = [(folder, self.read_if_permitted(folder, note_id)) for folder, note_id in changed.items()]
        found = [each for each in read if changed[each[0]] not in self.closed]
        for folder, _ in found:
            self._catalog.forget(changed[folder])
        self._record(found)
        for folder, _ in found:
            self._remember_unreadable(changed[folder], folder)

    def _is_changed(self, note_id: NoteId, folder: str, stamp: str) -> bool:
        try:
            return self._store.stamp(folder) != stamp
        except NotPermitted as problem:
            self.closed[note_id] = str(problem)
            return False

    def current(self, note_id: NoteId, row: Row | None) -> Row | None:
        """Return what a note's row says by now, or None if the note is gone.

        Raises:
            NotPermitted: this user may not read the note's folder or manifest; its row stays.
            ArchiveError: the archive cannot be read.
        """
        if row is None or self._store.stamp(row.folder) == row.stamp:
            return row
        published = self._store.read(row.folder, of_note=True)
        self._catalog.forget(note_id)
        if published is not None:
            if published.manifest.id != note_id:
                self.refresh()  # folders may have been exchanged: this note may lie in another one by now
            self._take_over(published)
        self._remember_unreadable(note_id, row.folder)
        return self._catalog.get(note_id)

    def check_owner(self, note_id: NoteId, folder: str) -> None:
        """Check that a folder holds this note, before something is written there because a row says so.

        Raises:
            NotPermitted: this user may not read its manifest.
            ArchiveError: it holds another one, or cannot be read.
        """
        published = self._store.read(folder, of_note=True)
        if is_folder_of(note_id.text, folder):
            return
        if published is not None and published.manifest.id != note_id:
            raise ArchiveError(
                f"the catalog says that {folder} holds the note {note_id}, but it holds "
                f"{published.manifest.id}; make the catalog anew with: xharchive reindex"
            )

    def add(self, published: Published) -> None:
        """Take over a note that was just committed.

        Raises:
            ArchiveError: the catalog cannot be written.
        """
        self._catalog.put(published.folder, published.stamp, published.manifest)

    def _take_in(self, folders: Sequence[str]) -> int:
        """Read manifests and record what they say; return how many were recorded."""
        return self._record([(folder, self.read_if_permitted(folder)) for folder in folders])

    def read_if_permitted(self, folder: str, known: NoteId | None = None) -> Published | None:
        """Return what a folder's manifest says, or None; `closed` has its note if it may not be read.

        Args:
            known: the note that the catalog has in this folder.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        note_id = known or note_id_in_path(folder)
        try:
            return self._store.read(folder, of_note=note_id is not None)
        except NotPermitted as problem:
            if note_id is not None:
                self.closed[note_id] = str(problem)
            return None

    def _record(self, found: Sequence[tuple[str, Published | None]]) -> int:
        """Record what manifests say, each given with its folder; return how many were recorded."""
        recorded = 0
        with self._catalog.together():
            for folder, published in found:
                if published is not None:
                    recorded += self._take_over(published)
                elif (note_id := note_id_in_path(folder)) and note_id not in self.closed:
                    self.begun[note_id] = folder
        return recorded

    def _take_over(self, published: Published) -> bool:
        """Record a note as it was read, unless its manifest is another one by now; return whether it was.

        Whoever only reads holds no lock, so a run may commit the note again meanwhile. What the run adds must
        stay: it comes before this look, which then finds another stamp, or after this transaction.
        """
        note_id, folder = published.manifest.id, published.folder
        with self._catalog.together():
            if self._store.stamp(folder) != published.stamp:
                return False
            known = self._catalog.heads([note_id]).get(note_id.text)
            if known is None or known.folder == folder or not self._holds(known.folder, note_id):
                self.add(published)
                return True
            if _rank(note_id, folder) > _rank(note_id, known.folder):
                return self._put_copy(note_id, folder, published.stamp)
            self.add(published)
            self._put_copy(note_id, known.folder, known.stamp)
            return True

    def _holds(self, folder: str, note_id: NoteId) -> bool:
        published = self.read_if_permitted(folder, note_id)
        return published is not None and published.manifest.id == note_id

    def _put_copy(self, note_id: NoteId, folder: str, stamp: str) -> bool:
        """Record a folder that holds a copy of a note; return whether it was.

        A folder that is named after another note has lost that one's manifest to the copy. The replies that
        were paid for may still be there.
        """
        named = note_id_in_path(folder)
        if named is not None and named != note_id:
            self.begun[named] = folder
            return False
        self._catalog.put_copy(folder, stamp, note_id)
        return True

    def _remember_unreadable(self, note_id: NoteId, folder: str) -> None:
        """Remember a note's folder that has no readable manifest any more: its replies may still be there."""
        if self._store.has_folder(folder) and self._store.read(folder) is None:
            self.begun[note_id] = folder

    def _forget_gone(self) -> bool:
        """Drop the rows of folders that are gone; return whether notes are gone while copies are known."""
        rows = self._catalog.folders()
        gone = [(note_id, folder) for note_id, folder in rows if self._is_gone(note_id, folder)]
        for note_id, folder in gone:
            self._catalog.forget(note_id)
            self._remember_unreadable(note_id, folder)
        copies = [folder for folder, _ in self._catalog.copies()]
        self._catalog.forget_copies([folder for folder in copies if self._has_no_manifest(folder)])
        return bool(gone and self._catalog.folder_count > len(self._catalog))

    def _is_gone(self, note_id: NoteId, folder: str) -> bool:
        """Whether a note's folder is not there any more, by its name, or else by its manifest.

        A folder that may not be looked into may still hold the note, which must not be paid for again.
        """
        try:
            if note_id_in_path(folder) is not None:
                return not self._store.has_folder(folder)
            return not self._store.stamp(folder)
        except NotPermitted as problem:
            self.closed[note_id] = str(problem)
            return False

    def _has_no_manifest(self, folder: str) -> bool:
        """Whether a copy of a note is gone; where this user may not look, it may still be there."""
        try:
            return not self._store.stamp(folder)
        except NotPermitted:
            return False

    def _report_copies(self) -> None:
        """Have the user know of folders that hold copies of notes."""
        copies = self._catalog.copies()
        self._store.passed_over.copy_examples = tuple(islice(copies, _COPY_EXAMPLES))
        self._store.passed_over.copies = self._catalog.folder_count - len(self._catalog)


def _rank(note_id: NoteId, folder: str) -> tuple[bool, str]:
    """Return what decides which of two folders with one note is used: the least counts.

    One whose name has the id of another note comes last, else the first by name.
    """
    return note_id_in_path(folder) not in (None, note_id), folder


def batches(items: Iterable[_Item], size: int = AT_ONCE) -> Iterator[list[_Item]]:
    """Yield the items in lists of so many."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

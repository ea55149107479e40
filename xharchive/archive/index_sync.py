"""Keep the index in line with the note folders, which are the truth."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from xharchive.archive.index import Index, rebuild_index
from xharchive.archive.index_rows import IndexRow
from xharchive.archive.note_folders import ArchiveFolder, PublishedNote
from xharchive.errors import ArchiveError, PermissionDenied
from xharchive.models import NoteId
from xharchive.naming import is_folder_of, note_id_from_path

__all__ = ["BATCH_SIZE", "IndexSync", "ReindexResult", "batches", "reindex"]

BATCH_SIZE = 500
"""The most notes or folders in one query of the index."""

_READ_BATCH_SIZE = 100  # manifests in memory at one time; one transaction records them

_MAX_COPY_EXAMPLES = 3

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """The result of a reindex.

    Attributes:
        notes: number of notes in the new index.
        unreadable: number of note folders without a valid manifest.
        no_access: a sentence for each note folder that this user may not read.
    """

    notes: int
    unreadable: int
    closed: tuple[str, ...] = ()


def reindex(store: ArchiveFolder) -> ReindexResult:
    """Rebuild the index from the manifests alone. The old index stays until the new one is complete.

    Raises:
        ArchiveError: the archive cannot be read, or the new index cannot be written.
    """
    with rebuild_index(store.index_path) as index:
        sync = IndexSync(store, index)
        sync.sync()
        return ReindexResult(len(index), len(sync.without_manifest), tuple(sync.closed.values()))


class IndexSync:
    """Updates the index from the note folders of an archive.

    Attributes:
        without_manifest: by note id, a folder without a valid manifest. It is no archived note, but may hold
            paid replies.
        no_access: by note id, why this user may not read the folder or manifest. The row of such a note
            stays.
    """

    def __init__(self, store: ArchiveFolder, index: Index) -> None:
        self._store = store
        self._index = index
        self._all_rows_current = False
        self.without_manifest: dict[NoteId, str] = {}
        self.closed: dict[NoteId, str] = {}

    def sync(self, *, refresh_rows: bool = False) -> None:
        """Add rows for new folders, and remove rows of folders that are gone.

        Args:
            refresh_rows: also compare each row with its manifest, unless the index is marked clean.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        if self._scan_folders():
            self._scan_folders()  # the first scan removed a note of which there is a copy
        self._report_copies()
        clean_identity = self._index.clean_identity
        self._all_rows_current = bool(clean_identity) and clean_identity == self._store.identity
        if refresh_rows and not self._all_rows_current:
            self.refresh()
            self._all_rows_current = True

    @contextmanager
    def marked_dirty(self) -> Iterator[None]:
        """Mark the index dirty while notes may change, and clean again if the block ends without an error.

        A kill between a manifest and its row, or a power cut that loses the last rows, leaves the index
        dirty. Then only the manifests can be trusted.

        Raises:
            ArchiveError: the index cannot be written.
        """
        self._index.mark_dirty()
        yield
        if self._all_rows_current:
            self._index.mark_clean(self._store.identity)

    def _scan_folders(self) -> bool:
        """Bring the rows in line with the folders that are there.

        Returns:
            Whether notes are gone while copies of notes are known.
        """
        known = learned = 0
        for found in batches(self._store.folders_with_fingerprints()):
            new = self._folders_to_read(found)
            known += len(found) - len(new)
            for some in batches((folder for folder, _ in found if folder in new), _READ_BATCH_SIZE):
                learned += self._read_and_record(some)
        # Each folder has one row. So if all folders were known and the numbers agree, no row is left over.
        if not learned and known == self._index.folder_count:
            return False
        return self._remove_gone()

    def _folders_to_read(self, found: Sequence[tuple[str, str]]) -> frozenset[str]:
        """Return the folders whose manifests are not in the index, or changed.

        A folder without a note id in its name may have been replaced by another, so its fingerprint is
        compared.
        """
        new = self._index.folders_without_row([folder for folder, stamp in found if not stamp])
        others = [(folder, stamp) for folder, stamp in found if stamp]
        return new | self._index.changed_folders(others) if others else new

    def refresh(self) -> None:
        """Read the manifests that changed since they were indexed. This looks at each folder.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        stamps = self._index.fingerprints()
        changed = {
            folder: note_id for note_id, folder, stamp in stamps if self._is_changed(note_id, folder, stamp)
        }
        read = [(folder, self.read_if_permitted(folder, note_id)) for folder, note_id in changed.items()]
        found = [each for each in read if changed[each[0]] not in self.closed]
        for folder, _ in found:
            self._index.remove(changed[folder])
        self._record(found)
        for folder, _ in found:
            self._remember_unreadable(changed[folder], folder)

    def _is_changed(self, note_id: NoteId, folder: str, stamp: str) -> bool:
        try:
            return self._store.stamp(folder) != stamp
        except PermissionDenied as problem:
            self.closed[note_id] = str(problem)
            return False

    def refresh_row(self, note_id: NoteId, row: IndexRow | None) -> IndexRow | None:
        """Return the row of a note, updated if its manifest changed, or None if the note is gone.

        Raises:
            PermissionDenied: this user may not read the note's folder or manifest; the row stays.
            ArchiveError: the archive cannot be read.
        """
        if row is None or self._store.stamp(row.folder) == row.stamp:
            return row
        published = self._store.read(row.folder, of_note=True)
        self._index.remove(note_id)
        if published is not None:
            if published.manifest.id != note_id:
                self.refresh()  # folders may have been swapped: another one may hold this note now
            self._record_one(published)
        self._remember_unreadable(note_id, row.folder)
        return self._index.get(note_id)

    def check_owner(self, note_id: NoteId, folder: str) -> None:
        """Check that a folder holds this note, before a run writes into it because of a row.

        Raises:
            PermissionDenied: this user may not read the manifest.
            ArchiveError: the folder holds another note, or cannot be read.
        """
        published = self._store.read(folder, of_note=True)
        if is_folder_of(note_id.text, folder):
            return
        if published is not None and published.manifest.id != note_id:
            raise ArchiveError(
                f"the index says that {folder} holds the note {note_id}, but it holds "
                f"{published.manifest.id}; rebuild the index with: xharchive reindex"
            )

    def add(self, published: PublishedNote) -> None:
        """Record a committed note.

        Raises:
            ArchiveError: the index cannot be written.
        """
        self._index.put(published.folder, published.stamp, published.manifest)

    def _read_and_record(self, folders: Sequence[str]) -> int:
        """Read the manifests in these folders and record them; return how many were recorded."""
        return self._record([(folder, self.read_if_permitted(folder)) for folder in folders])

    def read_if_permitted(self, folder: str, known: NoteId | None = None) -> PublishedNote | None:
        """Return the manifest in a folder, or None if it is missing, damaged, or recorded as unreadable.

        Args:
            known: the note that the index has in this folder.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        note_id = known or note_id_from_path(folder)
        try:
            return self._store.read(folder, of_note=note_id is not None)
        except PermissionDenied as problem:
            if note_id is not None:
                self.closed[note_id] = str(problem)
            return None

    def _record(self, found: Sequence[tuple[str, PublishedNote | None]]) -> int:
        """Record manifests, each given with its folder; return how many were recorded."""
        recorded = 0
        with self._index.transaction():
            for folder, published in found:
                if published is not None:
                    recorded += self._record_one(published)
                elif (note_id := note_id_from_path(folder)) and note_id not in self.closed:
                    self.without_manifest[note_id] = folder
        return recorded

    def _record_one(self, published: PublishedNote) -> bool:
        """Record a note, unless its manifest changed since it was read; return whether it was recorded.

        A process that only reads takes no lock, so a run may commit the note again meanwhile. The run's row
        wins: if it is older than this check, the fingerprint differs; otherwise it comes after this
        transaction.
        """
        note_id, folder = published.manifest.id, published.folder
        with self._index.transaction():
            if self._store.stamp(folder) != published.stamp:
                return False
            known = self._index.summaries([note_id]).get(note_id.text)
            if known is None or known.folder == folder or not self._contains(known.folder, note_id):
                self.add(published)
                return True
            if _rank(note_id, folder) > _rank(note_id, known.folder):
                return self._put_copy(note_id, folder, published.stamp)
            self.add(published)
            self._put_copy(note_id, known.folder, known.stamp)
            return True

    def _contains(self, folder: str, note_id: NoteId) -> bool:
        published = self.read_if_permitted(folder, note_id)
        return published is not None and published.manifest.id == note_id

    def _put_copy(self, note_id: NoteId, folder: str, stamp: str) -> bool:
        """Record a folder that holds a copy of a note; return whether it was recorded.

        If the folder is named after another note, the copy has replaced that note's manifest. Its paid
        replies may still be in the folder, so it is recorded as a folder without a manifest.
        """
        named_id = note_id_from_path(folder)
        if named_id is not None and named_id != note_id:
            self.without_manifest[named_id] = folder
            return False
        self._index.put_copy(folder, stamp, note_id)
        return True

    def _remember_unreadable(self, note_id: NoteId, folder: str) -> None:
        """Remember a folder that lost its valid manifest: it may still hold paid replies."""
        if self._store.has_folder(folder) and self._store.read(folder) is None:
            self.without_manifest[note_id] = folder

    def _remove_gone(self) -> bool:
        """Delete the rows of folders that are gone; return whether notes are gone while copies are known."""
        rows = self._index.folders()
        gone = [(note_id, folder) for note_id, folder in rows if self._is_gone(note_id, folder)]
        for note_id, folder in gone:
            self._index.remove(note_id)
            self._remember_unreadable(note_id, folder)
        copies = [folder for folder, _ in self._index.copies()]
        self._index.remove_copies([folder for folder in copies if self._has_no_manifest(folder)])
        return bool(gone and self._index.folder_count > len(self._index))

    def _is_gone(self, note_id: NoteId, folder: str) -> bool:
        """Return whether a note's folder is gone, judged by its name, or else by its manifest.

        A folder that this user may not read counts as present: otherwise a run would pay for the note again.
        """
        try:
            if note_id_from_path(folder) is not None:
                return not self._store.has_folder(folder)
            return not self._store.stamp(folder)
        except PermissionDenied as problem:
            self.closed[note_id] = str(problem)
            return False

    def _has_no_manifest(self, folder: str) -> bool:
        """Return whether a folder with a copy lost its manifest; an unreadable one counts as present."""
        try:
            return not self._store.stamp(folder)
        except PermissionDenied:
            return False

    def _report_copies(self) -> None:
        """Report folders with copies of notes to the user."""
        copies = self._index.copies()
        self._store.skipped.copy_examples = tuple(islice(copies, _MAX_COPY_EXAMPLES))
        self._store.skipped.copies = self._index.folder_count - len(self._index)


def _rank(note_id: NoteId, folder: str) -> tuple[bool, str]:
    """Return a sort key: of two folders with the same note, the one with the lower key is used.

    A folder that is named after another note comes last; otherwise the names decide.
    """
    return note_id_from_path(folder) not in (None, note_id), folder


def batches(items: Iterable[_Item], size: int = BATCH_SIZE) -> Iterator[list[_Item]]:
    """Yield the items in lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

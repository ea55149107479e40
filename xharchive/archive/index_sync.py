"""Keep the index in line with the note folders, which are the truth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from xharchive.archive.index import Index
from xharchive.archive.index_schema import IndexRow
from xharchive.archive.storage import NoteStorage, PublishedNote, try_read
from xharchive.errors import ArchiveError, PermissionDenied
from xharchive.models import NoteId
from xharchive.naming import is_folder_of, note_id_from_path

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
        closed: a sentence for each note folder that this user may not read.
    """

    notes: int
    unreadable: int
    closed: tuple[str, ...] = ()


class IndexSync:
    """Updates the index from the note folders of an archive.

    Attributes:
        without_manifest: by note id, a folder without a valid manifest. It is no archived note, but may hold
            paid replies.
        closed: by note id, why this user may not read the folder or manifest. The row of such a note stays,
            and its folder counts as present: otherwise a run would pay for the note again.

    Raises:
        ArchiveError: any method raises it if the archive cannot be read, or the index cannot be written.
    """

    def __init__(self, storage: NoteStorage, index: Index) -> None:
        self._storage = storage
        self.index = index
        self.without_manifest: dict[NoteId, str] = {}
        self.closed: dict[NoteId, str] = {}

    def sync(self) -> None:
        """Add rows for new folders, and remove rows of folders that are gone."""
        if self._scan_folders():
            self._scan_folders()  # the first scan removed a note of which there is a copy
        self._storage.skipped.copy_examples = tuple(islice(self.index.copies(), _MAX_COPY_EXAMPLES))
        self._storage.skipped.copies = self.index.folder_count - len(self.index)

    def _scan_folders(self) -> bool:
        """Bring the rows in line with the folders; return whether notes are gone while copies are known."""
        known = learned = 0
        for found in batches(self._storage.search()):
            new = self.index.folders_to_read(found)
            known += len(found) - len(new)
            for some in batches((folder for folder, _ in found if folder in new), _READ_BATCH_SIZE):
                learned += self._record([(folder, self._read(folder)) for folder in some])
        # Each folder has one row. So if all folders were known and the numbers agree, no row is left over.
        if not learned and known == self.index.folder_count:
            return False
        gone = [
            (note_id, folder) for note_id, folder, _ in self.index.folders() if self._is_gone(note_id, folder)
        ]
        for note_id, folder in gone:
            self.index.remove(note_id)
            self._remember_unreadable(note_id, folder)
        self.index.remove_copies([copy for copy, _ in self.index.copies() if self._stamp(copy) == ""])
        return bool(gone and self.index.folder_count > len(self.index))

    def _is_gone(self, note_id: NoteId, folder: str) -> bool:
        """Return whether a note's folder is gone, judged by its name, or else by its manifest."""
        if note_id_from_path(folder) is None:
            return self._stamp(folder, note_id) == ""
        try:
            return not self._storage.exists(folder)
        except PermissionDenied as problem:
            self.closed[note_id] = str(problem)
            return False

    def _stamp(self, folder: str, note_id: NoteId | None = None) -> str | None:
        """Return the stamp of a folder's manifest, None if this user may not read it."""
        try:
            return self._storage.stamp(folder)
        except PermissionDenied as problem:
            if note_id is not None:
                self.closed[note_id] = str(problem)
            return None

    def refresh(self) -> None:
        """Read the manifests that changed since they were indexed. This looks at each folder."""
        self._read_again(
            {
                folder: note_id
                for note_id, folder, stamp in self.index.folders()
                if self._stamp(folder, note_id) not in (None, stamp)
            }
        )

    def _read_again(self, changed: Mapping[str, NoteId]) -> None:
        """Replace the rows of folders whose manifests changed."""
        read = [(folder, self._read(folder, note_id)) for folder, note_id in changed.items()]
        found = [each for each in read if changed[each[0]] not in self.closed]
        for folder, _ in found:
            self.index.remove(changed[folder])
        self._record([each for each in found if each[1] is not None])
        for folder, _ in found:
            self._remember_unreadable(changed[folder], folder)

    def refresh_row(self, note_id: NoteId, row: IndexRow | None) -> IndexRow | None:
        """Return the row of a note, updated if its manifest changed, or None if the note is gone.

        Raises:
            PermissionDenied: this user may not read the note's folder or manifest; the row stays.
        """
        if row is None or self._storage.stamp(row.folder) == row.stamp:
            return row
        published = self._storage.read(row.folder, of_note=True)
        self.closed.pop(note_id, None)
        if published is not None and published.manifest.id != note_id:
            self.refresh()  # folders may have been swapped: another one may hold this note now
        else:
            self._read_again({row.folder: note_id})
        return self.index.rows([note_id]).get(note_id.text)

    def check_owner(self, note_id: NoteId, folder: str) -> None:
        """Check that a folder holds this note, before a run writes into it because of a row.

        Raises:
            PermissionDenied: this user may not read the manifest.
            ArchiveError: the folder holds another note.
        """
        published = self._storage.read(folder, of_note=True)
        if is_folder_of(note_id.text, folder):
            return
        if published is not None and published.manifest.id != note_id:
            raise ArchiveError(
                f"the index says that {folder} holds the note {note_id}, but it holds "
                f"{published.manifest.id}; rebuild the index with: xharchive reindex"
            )

    def add(self, published: PublishedNote) -> None:
        """Record a committed note."""
        self.index.put(published.folder, published.stamp, published.manifest)

    def _read(self, folder: str, known: NoteId | None = None) -> PublishedNote | None:
        """Return the manifest in a folder, or None if it is missing, damaged, or recorded as unreadable.

        Args:
            known: the note that the index has in this folder.
        """
        note_id = known or note_id_from_path(folder)
        published, reason = try_read(self._storage, folder, of_note=note_id is not None)
        if reason and note_id is not None:
            self.closed[note_id] = reason
        return published

    def _record(self, found: Sequence[tuple[str, PublishedNote | None]]) -> int:
        """Record manifests, each given with its folder; return how many were recorded."""
        recorded = 0
        with self.index.transaction():
            for folder, published in found:
                if published is not None:
                    recorded += self._record_one(published)
                elif (note_id := note_id_from_path(folder)) and note_id not in self.closed:
                    self.without_manifest[note_id] = folder
        return recorded

    def _record_one(self, published: PublishedNote) -> bool:
        """Record a note, unless its manifest changed since it was read; return whether it was recorded.

        A process that only reads takes no lock, so a run may commit the note again meanwhile. The run's row
        wins: if it is older than this check, the stamp differs; otherwise it comes after this transaction.
        """
        note_id, folder = published.manifest.id, published.folder
        if self._storage.stamp(folder) != published.stamp:
            return False
        known = self.index.rows([note_id], with_files=False).get(note_id.text)
        if known is not None and known.folder != folder:
            used = self._read(known.folder, note_id)
            if used is not None and used.manifest.id == note_id:  # two folders with the same note
                if _rank(note_id, folder) > _rank(note_id, known.folder):
                    return self._put_copy(note_id, folder, published.stamp)
                self.add(published)
                self._put_copy(note_id, known.folder, known.stamp)
                return True
        self.add(published)
        return True

    def _put_copy(self, note_id: NoteId, folder: str, stamp: str) -> bool:
        """Record a folder that holds a copy of a note; return whether it was recorded.

        If the folder is named after another note, the copy has replaced that note's manifest. Its paid
        replies may still be in the folder, so it is recorded as a folder without a manifest.
        """
        named_id = note_id_from_path(folder)
        if named_id is not None and named_id != note_id:
            self.without_manifest[named_id] = folder
            return False
        self.index.put_copy(folder, stamp, note_id)
        return True

    def _remember_unreadable(self, note_id: NoteId, folder: str) -> None:
        """Remember a folder that lost its valid manifest: it may still hold paid replies."""
        if self._storage.exists(folder) and self._storage.read(folder) is None:
            self.without_manifest[note_id] = folder


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

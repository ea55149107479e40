"""What the archive already holds: the store's folders, looked up through the catalog, checked on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass

from xharchive.catalog import Catalog, Row, Tally
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId
from xharchive.stores import PosixStore, Published

__all__ = ["Holding", "Holdings"]


@dataclass(frozen=True, slots=True)
class Holding:
    """A note as the archive has it; `intact`: every file is there with its size."""

    folder: str
    state: State
    title: str
    intact: bool

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do: all there, or known to be empty."""
        return self.intact and self.state is not State.PARTIAL


class Holdings:
    """Answers what is there already. `catch_up` first: a crash may have left folders the catalog missed."""

    def __init__(self, store: PosixStore, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def catch_up(self) -> None:
        """Read the manifests of folders that the catalog does not know, and forget folders that are gone.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        for folder in self._store.folders():
            if not self._catalog.knows(folder):
                self._learn(folder)
        gone = [note_id for note_id, folder in self._catalog.folders() if not self._store.stamp(folder)]
        for note_id in gone:
            self._catalog.forget(note_id)

    def _learn(self, folder: str) -> Published | None:
        published = self._store.read(folder)
        if published is not None:
            self._catalog.put(folder, published.stamp, published.manifest)
        return published

    def find(self, note_id: NoteId) -> Holding | None:
        """Return what the archive holds of a note, or None. Looks at every file, at none of their bytes.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        row = self._current(note_id)
        if row is None:
            return None
        intact = all(self._store.is_there(row.folder, path, size) for path, size in row.files)
        return Holding(row.folder, row.state, row.title, intact)

    def _current(self, note_id: NoteId) -> Row | None:
        row = self._catalog.get(note_id)
        if row is None or self._store.stamp(row.folder) == row.stamp:
            return row
        self._catalog.forget(note_id)
        return self._catalog.get(note_id) if self._learn(row.folder) else None

    def manifest(self, holding: Holding) -> Manifest | None:
        """Return the manifest of a note, or None if it vanished or broke meanwhile.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        published = self._store.read(holding.folder)
        return published.manifest if published else None

    def add(self, published: Published) -> None:
        """Take over a note that was just committed.

        Raises:
            ArchiveError: the catalog cannot be written.
        """
        self._catalog.put(published.folder, published.stamp, published.manifest)

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

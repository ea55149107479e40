"""Look up archived notes: in the index first, then on the disk."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import TypeVar

from xharchive.archive import ArchiveFolder, PublishedNote, display_path
from xharchive.archived_notes.index_sync import BATCH_SIZE, IndexSync, ReindexResult, batches, reindex
from xharchive.archived_notes.pending import PendingNotes, pending, without_duplicates
from xharchive.disk import translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.index import Index, IndexEntry, IndexFilter, IndexRow, IndexTotals, open_index
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId, PendingNote, ShortLink
from xharchive.naming import note_id_from_path

__all__ = [
    "ArchivedNote",
    "ArchivedNotes",
    "PendingNotes",
    "ReindexResult",
    "UnchangedBatch",
    "open_archived_notes",
    "pending",
    "reindex",
]

_Result = TypeVar("_Result", bound="UnchangedBatch | tuple[NoteId, ArchivedNote | None]")


@dataclass(frozen=True, slots=True)
class ArchivedNote:
    """A note in the archive.

    Attributes:
        folder: path of its folder, relative to the archive.
        intact: all files of the manifest are there with their sizes.
        has_new_replies: its work folder has a paid reply that its own folder does not have.
        note: the note id of the manifest in `folder`.
        no_access: why this user may not read the folder, "" if they may.
    """

    folder: str
    state: State
    title: str
    intact: bool
    has_new_replies: bool = False
    note: NoteId | None = field(default=None, compare=False)
    closed: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: the note is complete or empty, and its files are there."""
        return self.intact and self.state is not State.PARTIAL and not self.has_new_replies


@dataclass(frozen=True, slots=True)
class UnchangedBatch:
    """A number of notes in a row that are complete according to the index."""

    notes: int


@contextmanager
def open_archived_notes(
    store: ArchiveFolder, *, read_only: bool = False, trust_index: bool = False
) -> Iterator["ArchivedNotes"]:
    """Open the index, bring it in line with the folders, and yield the archived notes.

    Args:
        read_only: accept an archive that cannot be written; the index is then a temporary one.
        trust_index: believe the index about finished notes, see `ArchivedNotes.look_up_many`.

    Raises:
        ArchiveError: the archive cannot be read, or without `read_only` not written.
    """
    with open_index(store.index_path, or_temporary=read_only) as index:
        sync = IndexSync(store, index)
        sync.sync(refresh_rows=trust_index)
        holdings = ArchivedNotes(store, index, sync, trust_index=trust_index, read_only=read_only)
        if read_only:
            yield holdings
        else:
            with sync.marked_dirty():
                yield holdings


class ArchivedNotes:
    """The notes of an archive, and the list of pending notes."""

    def __init__(
        self,
        store: ArchiveFolder,
        index: Index,
        sync: IndexSync,
        *,
        trust_index: bool = False,
        read_only: bool = False,
    ) -> None:
        self._store = store
        self._index = index
        self._sync = sync
        self._trusting = trust_index
        self._not_utf8 = dict(_note_ids_of(store, store.skipped.not_utf8))
        self._workspaces_error = ""
        try:
            self._ids_with_workspace = frozenset(note_id.text for note_id in store.unfinished())
        except PermissionDenied as problem:
            if not read_only:
                raise
            self._ids_with_workspace = frozenset()
            self._workspaces_error = str(problem)

    @property
    def closed(self) -> tuple[str, ...]:
        """A sentence for each folder or file found so far that this user may not read."""
        state = (self._workspaces_error,) if self._workspaces_error else ()
        return (*state, *self._sync.closed.values())

    def find(self, note_id: NoteId) -> ArchivedNote | None:
        """Return a note of the archive, or None. This compares the size of each file, and reads no content.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        return self._check_note(note_id, self._index.get(note_id))

    def look_up_many(
        self, notes: Iterable[NoteId], *, no_read_ahead: bool = False
    ) -> Iterator[tuple[NoteId, ArchivedNote | None]]:
        """Yield each note id with its note in the archive, or None.

        This reads `notes` in batches of some hundred, and compares the files of a note with its manifest
        just before it yields the note. If the index is trusted, it skips this for notes that are finished
        according to the index and have no work folder.

        Args:
            no_read_ahead: read one id at a time while notes need work, so that the list is not read far
                ahead.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        look_up = self._look_up_trusted if self._trusting else self._look_up
        return self._in_batches(notes, look_up, no_read_ahead=no_read_ahead)

    def look_up_batched(
        self, notes: Iterable[NoteId], *, no_read_ahead: bool = False
    ) -> Iterator[UnchangedBatch | tuple[NoteId, ArchivedNote | None]]:
        """Do as `look_up_many`, but yield only the number of complete notes if the index is trusted.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        look_up = self._count_unchanged if self._trusting else self._look_up
        return self._in_batches(notes, look_up, no_read_ahead=no_read_ahead)

    def _in_batches(
        self,
        notes: Iterable[NoteId],
        look_up: Callable[[Sequence[NoteId]], Iterator[_Result]],
        *,
        no_read_ahead: bool,
    ) -> Iterator[_Result]:
        if not no_read_ahead:
            for batch in batches(notes):
                yield from look_up(batch)
            return
        rest = iter(notes)
        size = 1
        while batch := list(islice(rest, size)):
            all_done = True
            for found in look_up(batch):
                yield found
                all_done = all_done and (
                    isinstance(found, UnchangedBatch) or bool(found[1] and found[1].is_done)
                )
            size = min(2 * size, BATCH_SIZE) if all_done else 1

    def _look_up(self, notes: Sequence[NoteId]) -> Iterator[tuple[NoteId, ArchivedNote | None]]:
        rows = self._index.rows(notes)
        for note_id in notes:
            yield note_id, self._check_note(note_id, rows.get(note_id.text))

    def _look_up_trusted(self, notes: Sequence[NoteId]) -> Iterator[tuple[NoteId, ArchivedNote | None]]:
        summaries = self._index.summaries(notes)
        for note_id in notes:
            row = summaries.get(note_id.text)
            if row is None or row.state is State.PARTIAL or note_id.text in self._ids_with_workspace:
                yield note_id, self.find(note_id)
            else:
                yield note_id, ArchivedNote(row.folder, row.state, row.title, intact=True)

    def _count_unchanged(
        self, notes: Sequence[NoteId]
    ) -> Iterator[UnchangedBatch | tuple[NoteId, ArchivedNote | None]]:
        ids = [note_id.text for note_id in notes]
        others = self._index.incomplete(ids) | self._ids_with_workspace.intersection(ids)
        for is_other, found in groupby(notes, lambda note_id: note_id.text in others):
            if is_other:
                yield from self._look_up_trusted(list(found))
            else:
                yield UnchangedBatch(sum(1 for _ in found))

    def _check_note(self, note_id: NoteId, known: IndexRow | None) -> ArchivedNote | None:
        """Return the note as it is on the disk, or None. A folder that is not readable is not intact."""
        closed = self._sync.closed
        found = None
        try:
            found = self._check_folder(note_id, known)
        except PermissionDenied as problem:
            closed[note_id] = str(problem)
        if found is not None or note_id not in closed:
            return found
        folder, title = (known.folder, known.title) if known else ("", "")
        return ArchivedNote(folder, State.PARTIAL, title, intact=False, closed=closed[note_id])

    def _check_folder(self, note_id: NoteId, known: IndexRow | None) -> ArchivedNote | None:
        row = self._sync.refresh_row(note_id, known)
        if row is None:
            unread = self._sync.without_manifest.get(note_id)
            return ArchivedNote(unread, State.PARTIAL, "", intact=False, note=note_id) if unread else None
        intact = self._store.has_files(row.folder, row.files)
        news = note_id.text in self._ids_with_workspace and self._store.has_new_replies(note_id, row.folder)
        if news or not intact or row.state is not State.COMPLETE:
            self._sync.check_owner(note_id, row.folder)  # a run may write into it
        return ArchivedNote(row.folder, row.state, row.title, intact, news, note_id)

    def not_utf8_folder(self, note_id: NoteId) -> str:
        """Return the displayable name of a note's folder whose name is not UTF-8, or "". It is skipped."""
        return self._not_utf8.get(note_id, "")

    def manifest(self, holding: ArchivedNote) -> Manifest | None:
        """Return the manifest of a note, or None if it is gone or damaged by now.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        manifest = self.manifest_at(holding.folder)
        return manifest if manifest and holding.note in (None, manifest.id) else None

    def manifest_at(self, folder: str) -> Manifest | None:
        """Return the manifest in a folder, or None if it is missing or damaged.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        published = self._store.read(folder)
        return published.manifest if published else None

    def entries(self, filters: IndexFilter, text: str = "") -> Iterator[IndexEntry]:
        """Yield the notes that pass the filters, after an update of the index from changed manifests.

        The order is newest first, or with a text the best matches first.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        self._sync.refresh()
        return self._index.entries(filters, text)

    def add(self, published: PublishedNote) -> None:
        """Record a committed note in the index.

        Raises:
            ArchiveError: the index cannot be written.
        """
        self._sync.add(published)

    def add_pending(self, wants: Iterable[PendingNote], options: str | None = None) -> None:
        """Append the notes that are not finished to the list of pending notes, durably.

        Args:
            options: the options of the run, as in `PendingNote`.

        Raises:
            ArchiveError: the list cannot be written.
        """
        pending_notes = self._still_pending(wants)
        self._store.pending.add(replace(note, options=options) for note in pending_notes)

    def missing_or_partial(self, ids: Sequence[str]) -> Collection[str]:
        """Return those of some hundred ids whose notes have no row in the index, or a partial one.

        Raises:
            ArchiveError: the index cannot be read.
        """
        return self._index.unfinished(ids)

    def _still_pending(self, wants: Iterable[PendingNote]) -> Iterator[PendingNote]:
        """Yield the notes that are missing or partial, and the short links without a known target."""
        for want in self._unfinished(wants):
            if not (isinstance(want.target, ShortLink) and self._is_followed(want.target)):
                yield want

    def _is_followed(self, link: ShortLink) -> bool:
        with translate_os_errors("looking for links that were followed"):
            return any(name.endswith(".json") for name in self._store.link(link.key).entries())

    def _unfinished(self, wants: Iterable[PendingNote]) -> Iterator[PendingNote]:
        """Yield all but the notes that are complete or known to be empty."""
        for batch in batches(wants):
            new = self.missing_or_partial(
                [want.target.text for want in batch if isinstance(want.target, NoteId)]
            )
            yield from (
                want for want in batch if not isinstance(want.target, NoteId) or want.target.text in new
            )

    def clean_up(self) -> None:
        """Remove finished notes from the list of pending notes, and remove their work folders.

        A run that was killed between a commit and its cleanup leaves such a work folder.

        Raises:
            ArchiveError: the archive cannot be read, or the list cannot be written.
        """
        for note_id in self._store.unfinished():
            if self._is_done(note_id):
                self._store.remove_workspace(note_id)
        self._store.pending.prune(lambda wants: without_duplicates(self._still_pending(wants)))

    def notes_to_resume(self, *, recheck_empty: bool = False) -> Iterator[PendingNote]:
        """Yield all notes that need work, possibly twice: pending, started, partial or damaged ones.

        Args:
            recheck_empty: also yield the notes that are empty.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        candidates = (
            *self._sync.without_manifest,
            *self._sync.closed,
            *map(NoteId, sorted(self._ids_with_workspace)),
        )
        yield from self._unfinished(self._store.pending)  # first, because the list has types and options
        for note_id in candidates:
            if not self._is_done(note_id):
                yield PendingNote(note_id)
        for note_id, holding in self.look_up_many(note_id for note_id, _ in self._index.folders()):
            empty = recheck_empty and holding is not None and holding.state is State.EMPTY
            if empty or holding is None or not holding.is_done:
                yield PendingNote(note_id)

    def _is_done(self, note_id: NoteId) -> bool:
        holding = self.find(note_id)
        return holding is not None and holding.is_done

    def published(self) -> Iterator[tuple[str, PublishedNote | None]]:
        """Yield the path of each note folder, sorted, with its manifest (None: missing or damaged).

        Leave out a folder without a note id in its name if its `manifest.json` is another program's.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        for folder in sorted(self._store.folders()):
            published = self._sync.read_if_permitted(folder)
            if published is not None or self._store.looks_like_note(folder):
                yield folder, published

    def read_if_permitted(self, folder: str) -> PublishedNote | None:
        """Return the manifest in a folder, or None if it is missing or unreadable; see `no_access_reason`.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        return self._sync.read_if_permitted(folder)

    def no_access_reason(self, note_id: NoteId) -> str:
        """Return why this user may not read the folder or manifest of a note, "" if no reason is known."""
        return self._sync.closed.get(note_id, "")

    def totals(self) -> IndexTotals:
        """Return the totals of all notes.

        Raises:
            ArchiveError: the index cannot be read.
        """
        return self._index.totals()


def _note_ids_of(store: ArchiveFolder, folders: Iterable[str]) -> Iterator[tuple[NoteId, str]]:
    """Yield the note id of each folder, from its name or its manifest, with the folder's displayable name."""
    for folder in folders:
        note_id = note_id_from_path(folder)
        published = None if note_id else store.read(folder)
        if published is not None:
            note_id = published.manifest.id
        if note_id is not None:
            yield note_id, display_path(folder)

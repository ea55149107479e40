"""One archive: its notes, the work folders of unfinished notes, the pending notes, the lock and the index."""

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from xharchive.archive.index import open_index, rebuild_index
from xharchive.archive.index_schema import IndexEntry, IndexRow, IndexTotals
from xharchive.archive.index_search import IndexFilter
from xharchive.archive.index_sync import BATCH_SIZE, IndexSync, ReindexResult, batches
from xharchive.archive.lock import acquire_lock
from xharchive.archive.note_folders import STATE_FOLDER, NoteFolders
from xharchive.archive.pending import PendingList, without_duplicates
from xharchive.archive.storage import Commit, PublishedNote, SkippedFolders, display_path
from xharchive.archive.workspace import ReplyStore, Workspace
from xharchive.archive_path import ArchivePath, makedirs, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.manifest import State
from xharchive.models import NoteId, PendingNote, ShortLink
from xharchive.naming import note_id_from_path


@dataclass(frozen=True, slots=True)
class ArchivedNote:
    """A note in the archive.

    Attributes:
        folder: path of its folder, relative to the archive.
        intact: all files of the manifest are there with their sizes.
        has_new_replies: its work folder has a paid reply that its own folder does not have.
        closed: why the folder cannot be used: this user may not read it, or its name is not UTF-8; else "".
    """

    folder: str
    state: State
    title: str
    intact: bool
    has_new_replies: bool = False
    closed: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: the note is complete or empty, and its files are there."""
        return self.intact and self.state is not State.PARTIAL and not self.has_new_replies


class Archive:  # noqa: PLR0904 - all that a command asks of an archive
    """The archive in the folder `root`. Its methods block.

    Methods that look up notes need the index: call them inside `opened`, in the thread that opened it.

    Attributes:
        folders: the note folders.
        pending: the list of pending notes.
        lock_warning: a warning for the user where the file system has no locks, else "".

    Raises:
        ArchiveError: any method raises it if the archive cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = ArchivePath(root)
        self.state = self.folder / STATE_FOLDER
        self.folders = NoteFolders(self.folder)
        self.ledger = self.state / "ledger.jsonl"
        self.index_path = self.state / "catalog.sqlite3"
        self.pending = PendingList(self.state / "wanted.txt")
        self.lock_warning = ""
        self._opened_index: IndexSync | None = None
        self._trust_index = False
        self._in_work: frozenset[str] = frozenset()
        self._work_error = ""
        self._not_utf8: dict[NoteId, str] = {}

    @property
    def exists(self) -> bool:
        """Whether there is an archive: a state folder, or note folders that were copied without it."""
        # A symbolic link counts: functions that enter the folder refuse it.
        with translate_os_errors(f"looking into {self.root}"):
            if self.state.exists():
                return True
            if not self.root.is_dir():
                return False
        return any(self._may_be_note(folder, stamp) for folder, stamp in self.folders.search())

    def _may_be_note(self, folder: str, stamp: str) -> bool:
        try:
            return bool(self.folders.read(folder) if stamp else self.folders.stamp(folder))
        except PermissionDenied:
            return True

    @property
    def skipped(self) -> SkippedFolders:
        """Folders that are not used as notes, as far as they were found."""
        return self.folders.skipped

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the archive's lock for the block, unless another process has it. Create a new archive."""
        with translate_os_errors(f"making {self.state}"):
            makedirs(self.state)
        with acquire_lock(self.state, self.root) as self.lock_warning:
            with translate_os_errors(f"opening the archive {self.root}"):
                self.state.sync()  # a killed run may have created folders of paid replies without a sync
                self.folder.sync()
            yield

    @contextmanager
    def opened(self, *, read_only: bool = False, trust_index: bool = False) -> Iterator["Archive"]:
        """Open the index for the block, and bring it in line with the folders.

        While notes may change, the index is marked dirty: a kill between a manifest and its row, or a power
        cut that loses the last rows, leaves it so. Then only the manifests can be trusted.

        Args:
            read_only: accept an archive that cannot be written; the index is then a temporary one.
            trust_index: believe the index about finished notes, see `look_up`.
        """
        with open_index(self.index_path, or_temporary=read_only) as index:
            sync = IndexSync(self.folders, index)
            sync.sync()
            mark = index.clean_identity
            is_current = bool(mark) and mark == self._identity()
            if trust_index and not is_current:
                sync.refresh()
                is_current = True
            self._in_work, self._work_error = self._find_work_folders(read_only=read_only)
            self._not_utf8 = dict(self._find_not_utf8())
            self._opened_index, self._trust_index = sync, trust_index
            try:
                if not read_only:
                    index.mark_dirty()
                yield self
                if is_current and not read_only:
                    index.mark_clean(self._identity())
            finally:
                self._opened_index = None

    @property
    def is_open(self) -> bool:
        """Whether notes can be looked up."""
        return self._opened_index is not None

    @property
    def _sync(self) -> IndexSync:
        if self._opened_index is None:
            raise RuntimeError(f"the archive {self.root} is not open")
        return self._opened_index

    def _identity(self) -> str:
        """Return device and inode of the archive's folders: even a copy of the archive has others."""
        with translate_os_errors(f"looking at {self.root}"):
            found = [folder.lstat() for folder in (self.folder, self.state)]
        return " ".join(f"{each.st_dev}:{each.st_ino}" for each in found)

    def _find_work_folders(self, *, read_only: bool) -> tuple[frozenset[str], str]:
        """Return the ids of the notes that have a work folder, or why this user may not list them."""
        try:
            return frozenset(note_id.text for note_id in self.unfinished()), ""
        except PermissionDenied as problem:
            if not read_only:
                raise
            return frozenset(), str(problem)

    def _find_not_utf8(self) -> Iterator[tuple[NoteId, str]]:
        """Yield the notes in folders whose name is not UTF-8, which are skipped, with a name to show."""
        for folder in self.skipped.not_utf8:
            note_id, manifest = note_id_from_path(folder), None
            if note_id is None and (manifest := self.folders.manifest_at(folder)):
                note_id = manifest.id
            if note_id is not None:
                yield note_id, display_path(folder)

    @property
    def closed(self) -> tuple[str, ...]:
        """A sentence for each folder or file found so far that this user may not read."""
        return (*filter(None, (self._work_error,)), *self._sync.closed.values())

    def find(self, note_id: NoteId) -> ArchivedNote | None:
        """Return a note of the archive, or None. This compares the sizes of its files, and reads none."""
        return self._check(note_id, self._sync.index.rows([note_id]).get(note_id.text))

    def look_up(
        self, notes: Iterable[NoteId], *, no_read_ahead: bool = False
    ) -> Iterator[tuple[NoteId, ArchivedNote | None]]:
        """Yield each note id with its note in the archive, or None.

        This reads `notes` in batches of some hundred, and compares the files of a note with its manifest
        just before it yields the note. If the index is trusted, it skips this for notes that are finished
        according to the index and have no work folder.

        Args:
            no_read_ahead: read one id at a time while notes need work, so that the list is not read far
                ahead.
        """
        rest = iter(notes)
        size = 1 if no_read_ahead else BATCH_SIZE
        while batch := list(islice(rest, size)):
            rows = self._sync.index.rows(batch, with_files=not self._trust_index)
            all_done = True
            for note_id in batch:
                found = self._look_up_one(note_id, rows.get(note_id.text))
                yield note_id, found
                all_done = all_done and found is not None and found.is_done
            if no_read_ahead:
                size = min(2 * size, BATCH_SIZE) if all_done else 1

    def look_up_or_count(self, notes: Iterable[NoteId]) -> Iterator[int | tuple[NoteId, ArchivedNote | None]]:
        """Do as `look_up`, but yield only the number of complete notes in a row if the index is trusted.

        A row of the index costs more than the look at it, so this matters for large archives.
        """
        if not self._trust_index:
            yield from self.look_up(notes, no_read_ahead=True)
            return
        for batch in batches(notes):
            ids = [note_id.text for note_id in batch]
            others = self._sync.index.incomplete(ids) | self._in_work.intersection(ids)
            rows = self._sync.index.rows([each for each in batch if each.text in others], with_files=False)
            is_complete = [each not in others for each in ids]
            for counted, run in groupby(zip(is_complete, batch, strict=True), itemgetter(0)):
                if counted:
                    yield sum(1 for _ in run)
                else:
                    for _, note_id in run:
                        yield note_id, self._look_up_one(note_id, rows.get(note_id.text))

    def _look_up_one(self, note_id: NoteId, row: IndexRow | None) -> ArchivedNote | None:
        if not self._trust_index:
            return self._check(note_id, row)
        if row is None or row.state is State.PARTIAL or note_id.text in self._in_work:
            return self.find(note_id)
        return ArchivedNote(row.folder, row.state, row.title, intact=True)

    def _check(self, note_id: NoteId, known: IndexRow | None) -> ArchivedNote | None:
        """Return the note as it is on the disk, or None. A folder that is not readable is not intact."""
        sync = self._sync
        try:
            row = sync.refresh_row(note_id, known)
            if row is not None:
                intact = self.folders.has_files(row.folder, row.files)
                news = note_id.text in self._in_work and self.workspace(note_id, row.folder).has_new_replies()
                if news or not intact or row.state is not State.COMPLETE:
                    sync.check_owner(note_id, row.folder)  # a run may write into it
                return ArchivedNote(row.folder, row.state, row.title, intact, news)
        except PermissionDenied as problem:
            sync.closed[note_id] = str(problem)
        if reason := sync.closed.get(note_id):
            folder, title = (known.folder, known.title) if known else ("", "")
            return ArchivedNote(folder, State.PARTIAL, title, intact=False, closed=reason)
        if misnamed := self._not_utf8.get(note_id):
            reason = f"it is in {misnamed}, whose name is not UTF-8; rename that folder and run again"
            return ArchivedNote("", State.PARTIAL, "", intact=False, closed=reason)
        unread = sync.without_manifest.get(note_id)
        return ArchivedNote(unread, State.PARTIAL, "", intact=False) if unread else None

    def notes(self, filters: IndexFilter, text: str = "") -> Iterator[IndexEntry]:
        """Yield the notes that pass the filters, after an update of the index from changed manifests.

        The order is newest first, or with a text the best matches first.
        """
        self._sync.refresh()
        return self._sync.index.entries(filters, text)

    @property
    def totals(self) -> IndexTotals:
        """Totals of all notes."""
        return self._sync.index.totals()

    def workspace(self, note_id: NoteId, folder: str | None) -> Workspace:
        """Return the work folder of a note.

        Args:
            folder: the note's own folder, relative to the archive, if it has one or will have one.
        """
        published = self.folders.path(folder) if folder else None
        return Workspace(self.state / "work" / note_id.text, published)

    def unfinished(self) -> Iterator[NoteId]:
        """Yield the ids of notes that have a work folder."""
        work = self.state / "work"
        with translate_os_errors(f"listing the work folder {work}"):
            names = work.entries()
        for name in names:
            with contextlib.suppress(ValueError):
                yield NoteId(name)

    def reply_store(self, kind: str, key: str) -> ReplyStore:
        """Return the saved replies of a listing or a short link; a file or a link in their way is an error.

        Args:
            kind: "listings" or "links".
            key: a plain word, such as `ShortLink.key`.
        """
        folder = self.state / kind / key
        with translate_os_errors(f"looking into {folder.parent}"):
            folder.check_folders()
        return ReplyStore(folder)

    def commit(self, folder: str, workspace: Workspace, commit: Commit) -> PublishedNote:
        """Write a note, see `NoteStorage.commit`. Any thread may call it; `add` the result afterwards."""
        return self.folders.commit(folder, workspace, commit)

    def add(self, published: PublishedNote) -> None:
        """Record a committed note in the index."""
        self._sync.add(published)

    def add_pending(self, wants: Iterable[PendingNote], options: str | None = None) -> None:
        """Append the notes that are not finished to the list of pending notes, durably.

        Args:
            options: the options of the run, as in `PendingNote`.
        """
        self.pending.add(
            replace(note, options=options) for note in self._unfinished(wants, followed_links=False)
        )

    def _unfinished(
        self, wants: Iterable[PendingNote], *, followed_links: bool = True
    ) -> Iterator[PendingNote]:
        """Yield the notes that are missing or partial, and the short links.

        Args:
            followed_links: also yield the links whose target is known.
        """
        for batch in batches(wants):
            new = self._sync.index.unfinished(
                [want.target.text for want in batch if isinstance(want.target, NoteId)]
            )
            for want in batch:
                if isinstance(want.target, NoteId):
                    is_wanted = want.target.text in new
                else:
                    is_wanted = followed_links or not self._is_followed(want.target)
                if is_wanted:
                    yield want

    def _is_followed(self, link: ShortLink) -> bool:
        with translate_os_errors("looking for links that were followed"):
            names = self.reply_store("links", link.key).folder.entries()
        return any(name.endswith(".json") for name in names)

    def notes_to_resume(self, *, recheck_empty: bool = False) -> Iterator[PendingNote]:
        """Yield all notes that need work, possibly twice: pending, started, partial or damaged ones.

        Args:
            recheck_empty: also yield the notes that are empty.
        """
        started = (*self._sync.without_manifest, *self._sync.closed, *map(NoteId, sorted(self._in_work)))
        yield from self._unfinished(self.pending)  # first, because the list has types and options
        for note_id in started:
            if not self._is_done(note_id):
                yield PendingNote(note_id)
        for note_id, found in self.look_up(note_id for note_id, _, _ in self._sync.index.folders()):
            empty = recheck_empty and found is not None and found.state is State.EMPTY
            if empty or found is None or not found.is_done:
                yield PendingNote(note_id)

    def _is_done(self, note_id: NoteId) -> bool:
        found = self.find(note_id)
        return found is not None and found.is_done

    def clean_up(self) -> None:
        """Remove finished notes from the list of pending notes, and remove their work folders.

        A run that was killed between a commit and its cleanup leaves such a work folder.
        """
        for note_id in self.unfinished():
            if self._is_done(note_id):
                self.workspace(note_id, None).folder.remove_tree()
        still_pending = self._unfinished(self.pending, followed_links=False)
        self.pending.rewrite(without_duplicates(still_pending))

    def reindex(self) -> ReindexResult:
        """Rebuild the index from the manifests alone. The old one stays until the new one is complete."""
        with rebuild_index(self.index_path) as index:
            sync = IndexSync(self.folders, index)
            sync.sync()
            return ReindexResult(len(index), len(sync.without_manifest), tuple(sync.closed.values()))

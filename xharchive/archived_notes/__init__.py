"""What the archive already holds: the store's folders, looked up through the catalog, checked on the disk."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import TypeVar

from xharchive.archive import PosixStore, Published, readable
from xharchive.archive.other_files import is_text_doubtful
from xharchive.archived_notes.pending import Pending, distinct, pending
from xharchive.archived_notes.sync import AT_ONCE, Agreement, Reindexed, batches, reindex
from xharchive.disk import ours
from xharchive.errors import NotPermitted
from xharchive.index import Catalog, Entry, Filters, Row, Tally, open_catalog
from xharchive.links import ShortLink, Want
from xharchive.manifest import Manifest, State
from xharchive.models import NoteId
from xharchive.naming import note_id_in_path

__all__ = ["Holding", "Holdings", "Pending", "Reindexed", "Whole", "open_holdings", "pending", "reindex"]

_Found = TypeVar("_Found", bound="Whole | tuple[NoteId, Holding | None]")


@dataclass(frozen=True, slots=True)
class Holding:
    """A note as the archive has it.

    `intact`: every file is there with its size. `news`: a reply was paid for since, and not taken in yet.
    `doubtful_text`: `note.md` is missing, empty or newer than the manifest; it may have to be written again.
    `note`: whose folder it is. `closed`: why this user may not read it, "" if they may.
    """

    folder: str
    state: State
    title: str
    intact: bool
    news: bool = False
    doubtful_text: bool = False
    note: NoteId | None = field(default=None, compare=False)
    closed: str = ""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do: all there, or known to be empty."""
        return self.intact and self.state is not State.PARTIAL and not self.news


@dataclass(frozen=True, slots=True)
class Whole:
    """So many notes one after another are there whole, by the catalog's word."""

    notes: int


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
        agreement = Agreement(store, catalog)
        agreement.reach(whole=trusting)
        holdings = Holdings(store, catalog, agreement, trusting=trusting, to_read=to_read)
        if to_read:
            yield holdings
        else:
            with agreement.sealed():
                yield holdings


class Holdings:
    """Answers what is there already, and what is still wanted."""

    def __init__(
        self,
        store: PosixStore,
        catalog: Catalog,
        agreement: Agreement,
        *,
        trusting: bool = False,
        to_read: bool = False,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._agreement = agreement
        self._trusting = trusting
        self._misnamed = dict(_notes_in(store, store.passed_over.misnamed))
        self._state_closed = ""
        try:
            self._at_work = frozenset(note_id.text for note_id in store.unfinished())
        except NotPermitted as problem:
            if not to_read:
                raise
            self._at_work = frozenset()
            self._state_closed = str(problem)

    @property
    def closed(self) -> tuple[str, ...]:
        """What this user may not read, as far as was found out yet: a sentence for each folder or file."""
        state = (self._state_closed,) if self._state_closed else ()
        return (*state, *self._agreement.closed.values())

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
        most = 1 if in_step else AT_ONCE
        while batch := list(islice(rest, most)):
            settled = True
            for found in look(batch):
                yield found
                settled = settled and (isinstance(found, Whole) or bool(found[1] and found[1].settled))
            most = min(2 * most, AT_ONCE) if settled or not in_step else 1

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
        """Return what is there of a note. A folder that this user may not read is there, and not intact."""
        closed = self._agreement.closed
        found = None
        try:
            found = self._look_into(note_id, known)
        except NotPermitted as problem:
            closed[note_id] = str(problem)
        if found is not None or note_id not in closed:
            return found
        folder, title = (known.folder, known.title) if known else ("", "")
        return Holding(folder, State.PARTIAL, title, intact=False, closed=closed[note_id])

    def _look_into(self, note_id: NoteId, known: Row | None) -> Holding | None:
        row = self._agreement.current(note_id, known)
        if row is None:
            begun = self._agreement.begun.get(note_id)
            return Holding(begun, State.PARTIAL, "", intact=False, note=note_id) if begun else None
        intact = self._store.are_there(row.folder, row.files)
        news = note_id.text in self._at_work and self._store.has_new_replies(note_id, row.folder)
        if news or not intact or row.state is not State.COMPLETE:
            self._agreement.check_owner(note_id, row.folder)  # a run may write into it
        doubtful = is_text_doubtful(f"{self._store.root}/{row.folder}", row.stamp)
        return Holding(row.folder, row.state, row.title, intact, news, doubtful, note_id)

    def misnamed_folder(self, note_id: NoteId) -> str:
        """Return the readable name of a note's folder that is not used since its name is not UTF-8, or ""."""
        return self._misnamed.get(note_id, "")

    def manifest(self, holding: Holding) -> Manifest | None:
        """Return the manifest of a note, or None if it vanished or broke meanwhile.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        manifest = self.manifest_in(holding.folder)
        return manifest if manifest and holding.note in (None, manifest.id) else None

    def manifest_in(self, folder: str) -> Manifest | None:
        """Return the manifest in a note's folder, or None if there is none that can be read.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        published = self._store.read(folder)
        return published.manifest if published else None

    def entries(self, filters: Filters, text: str = "") -> Iterator[Entry]:
        """Yield the wanted notes as their manifests are now: newest first, or the best first with a text.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        self._agreement.refresh()
        return self._catalog.entries(filters, text)

    def add(self, published: Published) -> None:
        """Take over a note that was just committed.

        Raises:
            ArchiveError: the catalog cannot be written.
        """
        self._agreement.add(published)

    def remember(self, wants: Iterable[Want], options: str | None = None) -> None:
        """Put the notes that are not finished on the list of wanted ones, for good.

        Args:
            options: the options of the run, as in `Want`.

        Raises:
            ArchiveError: the list cannot be written.
        """
        still_wanted = self._still_wanted(wants)
        self._store.wanted.add(replace(want, options=options) for want in still_wanted)

    def lacks(self, ids: Sequence[str]) -> Collection[str]:
        """Return those of some hundred ids whose notes the catalog does not have, or has as partial.

        Raises:
            ArchiveError: the catalog cannot be read.
        """
        return self._catalog.unfinished(ids)

    def _still_wanted(self, wants: Iterable[Want]) -> Iterator[Want]:
        """Yield where something is to be done: the note is not there or partial, the link not followed."""
        for want in self._unfinished(wants):
            if not (isinstance(want.what, ShortLink) and self._is_followed(want.what)):
                yield want

    def _is_followed(self, link: ShortLink) -> bool:
        with ours("looking for links that were followed"):
            return any(name.endswith(".json") for name in self._store.link(link.key).entries())

    def _unfinished(self, wants: Iterable[Want]) -> Iterator[Want]:
        """Yield all but the notes that are complete or known to be empty."""
        for batch in batches(wants):
            new = self.lacks([want.what.text for want in batch if isinstance(want.what, NoteId)])
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
        self._store.wanted.prune(lambda wants: distinct(self._still_wanted(wants)))

    def leftovers(self, *, recheck_empty: bool = False) -> Iterator[Want]:
        """Yield what still needs work, possibly twice: asked for, begun, partial, or damaged since.

        With `recheck_empty` those that were empty when they were asked for, too.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        candidates = (*self._agreement.begun, *self._agreement.closed, *map(NoteId, sorted(self._at_work)))
        yield from self._unfinished(self._store.wanted)  # first: it knows types and options
        for note_id in candidates:
            if not self._is_settled(note_id):
                yield Want(note_id)
        for note_id, holding in self.find_each(note_id for note_id, _ in self._catalog.folders()):
            empty = recheck_empty and holding is not None and holding.state is State.EMPTY
            if empty or holding is None or not holding.settled or holding.doubtful_text:
                yield Want(note_id)

    def _is_settled(self, note_id: NoteId) -> bool:
        holding = self.find(note_id)
        return holding is not None and holding.settled

    def published(self) -> Iterator[tuple[str, Published | None]]:
        """Yield every note folder with its manifest (None: there is none, or it cannot be read), by name.

        A folder without a note id in its name, and with a `manifest.json` of another program, is none.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        for folder in sorted(self._store.folders()):
            published = self._agreement.read_if_permitted(folder)
            if published is not None or self._store.looks_like_note(folder):
                yield folder, published

    def read_if_permitted(self, folder: str) -> Published | None:
        """Return the manifest in a folder, None if there is none or it may not be read: see `why_closed`.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        return self._agreement.read_if_permitted(folder)

    def why_closed(self, note_id: NoteId) -> str:
        """Return why this user may not read the note's folder or manifest, "" if that is not known."""
        return self._agreement.closed.get(note_id, "")

    def tally(self) -> Tally:
        """Add everything up.

        Raises:
            ArchiveError: the catalog cannot be read.
        """
        return self._catalog.tally()


def _notes_in(store: PosixStore, folders: Iterable[str]) -> Iterator[tuple[NoteId, str]]:
    """Yield the note that each folder holds, by its name or its manifest, and the folder's readable name."""
    for folder in folders:
        note_id = note_id_in_path(folder)
        published = None if note_id else store.read(folder)
        if published is not None:
            note_id = published.manifest.id
        if note_id is not None:
            yield note_id, readable(folder)

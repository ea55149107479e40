"""The stages of a run on one open archive, for the command line and for programs."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path

from xharchive.api.ledger import CutOff, cut_off_calls
from xharchive.archive import Archive
from xharchive.errors import UsageError
from xharchive.events import Event, Listener, RunFinished, RunPlanned, ignore
from xharchive.models import NoteId, NoteType, ShortLink
from xharchive.parsers.listing_endpoints import Listing
from xharchive.redaction import Secret
from xharchive.run.archive_notes import RequestedNotes, archive_notes
from xharchive.run.follow_links import FollowedLinks, find_targets
from xharchive.run.list_notes import ListedNotes, close_listing
from xharchive.run.plan import plan_run
from xharchive.run.run_options import ArchiveOptions
from xharchive.sources.links import NotANote, notes_in


class Archiver:
    """One archive, open to write, and the settings of a run.

    The stages share the budget of calls. Once the API refuses all calls, later stages send none.

    Args:
        store: the archive, open to write.
        options: the settings.

    Attributes:
        report: the end report of the last `archive`, also if that raised an error; None before it.
    """

    def __init__(self, store: Archive, options: ArchiveOptions) -> None:
        self.store = store
        self.report: RunFinished | None = None
        self.options = options

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: str | PathLike[str], token: str, options: ArchiveOptions | None = None
    ) -> "AsyncIterator[Archiver]":
        """Lock the archive in a folder, create it if it is missing, and yield its archiver.

        Calls that an earlier run left interrupted are skipped, because they may have been billed;
        `skip({})` makes them again.

        Args:
            directory: the folder.
            token: the API token.
            options: the settings; the defaults of `xharchive get` without its environment if None.

        Raises:
            UsageError: the token is empty.
            ArchiveError: another process writes to the archive, or it cannot be read or written.
        """
        chosen = options or ArchiveOptions(gallery=True)
        if not token.strip():
            raise UsageError("the API token is empty")
        chosen = replace(chosen, transport=replace(chosen.transport, token=Secret(token.strip())))
        store = Archive(Path(directory))
        with store.held(), store.opened():
            yield cls(store, replace(chosen, cut_off=chosen.cut_off or cut_off_calls(store.ledger)))
            store.clean_up()

    async def plan(self, notes: RequestedNotes | Iterable[NoteId | str]) -> RunPlanned:
        """Return what `archive` would fetch and pay. Send nothing.

        Raises:
            UsageError: a text names no note.
            ArchiveError: the archive cannot be read.
        """
        return await plan_run(
            _requested(notes),
            self.store,
            self.options.endpoints,
            recheck_empty=self.options.recheck_empty,
            cut_off=self.options.cut_off,
        )

    async def archive(
        self, notes: RequestedNotes | Iterable[NoteId | str], on_event: Listener = ignore
    ) -> RunFinished:
        """Archive notes and return the report. A note that is complete in the archive costs no request.

        Args:
            notes: ids, links or share texts.
            on_event: called with each event, the report included.

        Raises:
            UsageError: a text names no note.
            ArchiveError: the archive cannot be read or written. Archived notes stay.
        """
        spent = self.options.spent
        self.report = None

        def watch(event: Event) -> None:
            if isinstance(event, RunFinished):  # also if the run ends with an error
                self.report = event
                # The calls include attempts that never left this machine, so the budget is rather too small.
                self._count(spent + event.calls, self.options.refused)
            on_event(event)

        report = await archive_notes(_requested(notes), self.store, self.options, watch)
        self._count(self.options.spent, report.stopped)
        return report

    async def follow(
        self, links: Iterable[ShortLink], on_event: Listener = ignore, *, pay: bool = False
    ) -> FollowedLinks:
        """Follow short links to the notes or profiles that they lead to, and return the targets.

        Args:
            links: the links.
            on_event: called with each event.
            pay: call the API about links that cannot be followed.

        Raises:
            ArchiveError: a target cannot be saved or loaded.
        """
        followed = await find_targets(links, self.store, self.options, on_event, pay=pay)
        self._count(followed.spent, followed.stopped)
        return followed

    @asynccontextmanager
    async def listing(
        self, sources: Sequence[Listing], max_pages: int | None = None, on_event: Listener = ignore
    ) -> AsyncIterator[ListedNotes]:
        """Open a listing, whose notes are read when they are asked for.

        Args:
            sources: endpoints that serve the listing, the first choice first.
            max_pages: the most pages to read; None means no limit.
            on_event: called with each event.
        """
        listed = ListedNotes(sources, self.store, self.options, max_pages, on_event)
        try:
            async with aclosing(listed.notes):
                yield listed
        finally:
            self._count(listed.result.spent, listed.result.stopped)

    def close_listing(self, sources: Sequence[Listing]) -> None:
        """Close a listing whose notes are archived. If it is read again, all its pages are paid again.

        Raises:
            ArchiveError: the folder of its pages cannot be moved.
        """
        close_listing(self.store, sources)

    def skip(self, calls: CutOff) -> None:
        """Leave out interrupted calls of earlier runs, because they may have been billed."""
        self.options = replace(self.options, cut_off=calls)

    def _count(self, spent: int, refused: str) -> None:
        self.options = replace(self.options, spent=spent, refused=self.options.refused or refused)


class _NoteIds(dict[NoteId, NoteType]):
    """Notes with their types, if they are known."""

    def hint(self, note_id: NoteId) -> NoteType:
        return self[note_id]


def _requested(notes: RequestedNotes | Iterable[NoteId | str]) -> RequestedNotes:
    """Return the notes, each once, in their order.

    Raises:
        UsageError: a text names no note.
    """
    if isinstance(notes, RequestedNotes):
        return notes
    return _NoteIds((note_id, NoteType.UNKNOWN) for note in notes for note_id in _ids_in(note))


def _ids_in(note: NoteId | str) -> Iterator[NoteId]:
    if isinstance(note, NoteId):
        yield note
        return
    try:
        named = notes_in(" ".join(note.split()))  # a share text may have line breaks
    except NotANote as error:
        raise UsageError(str(error)) from None
    for found in named:
        if isinstance(found, ShortLink):
            raise UsageError(f"{found} is a short link; give the id of its note, or use `xharchive get`")
        yield found

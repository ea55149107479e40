"""The stages of a run on one open archive, for the command line and for programs."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.api.ledger import CutOff, cut_off_calls
from xharchive.archive import Archive, ReplyStore
from xharchive.errors import UsageError
from xharchive.events import Listener, RunFinished, RunPlanned, ignore
from xharchive.manifest import State
from xharchive.models import NoteId, NoteType, ShortLink
from xharchive.parsers import Endpoint
from xharchive.redaction import Secret
from xharchive.resolver import endpoints_to_call, merged, read_saved_replies
from xharchive.run.archive_notes import RequestedNotes, archive_notes
from xharchive.run.run_options import ArchiveOptions, now
from xharchive.run.run_stats import RunStats
from xharchive.sources.links import NotANote, notes_in

if TYPE_CHECKING:
    from xharchive.parsers.listing_endpoints import Listing
    from xharchive.run.find_notes import FollowedLinks, ListedNotes


class Archiver:
    """One archive, open to write, and the settings of a run.

    The stages share the budget of calls. Once the API refuses all calls, later stages send none. Each method
    raises ArchiveError if the archive cannot be read or written; archived notes stay.

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
        `skip({})` makes them again. Without options, the defaults of `xharchive get` apply, without its
        environment.

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
        """Return what `archive` would fetch and pay; send nothing. UsageError: a text names no note."""
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
        """
        self.report, stopped = None, ""
        stats = RunStats(on_event)
        try:
            report = await archive_notes(_requested(notes), self.store, self.options, stats)
            stopped = report.stopped
            return report
        finally:
            self.report = stats.finished
            if self.report is not None:
                # The calls include attempts that never left this machine, so the budget is rather too small.
                self._count(self.options.spent + self.report.calls, stopped)

    async def follow(
        self, links: Iterable[ShortLink], on_event: Listener = ignore, *, pay: bool = False
    ) -> "FollowedLinks":
        """Follow short links to notes or profiles; `pay`: call the API about links that lead nowhere."""
        from xharchive.run.find_notes import find_targets

        followed = await find_targets(links, self.store, self.options, on_event, pay=pay)
        self._count(followed.spent, followed.stopped)
        return followed

    @asynccontextmanager
    async def listing(
        self, sources: "Sequence[Listing]", max_pages: int | None = None, on_event: Listener = ignore
    ) -> "AsyncIterator[ListedNotes]":
        """Open a listing, whose notes are read when they are asked for.

        Args:
            sources: endpoints that serve the listing, the first choice first.
            max_pages: the most pages to read; None means no limit.
        """
        from xharchive.run.find_notes import ListedNotes

        listed = ListedNotes(sources, self.store, self.options, max_pages, on_event)
        try:
            async with aclosing(listed.notes):
                yield listed
        finally:
            self._count(listed.result.spent, listed.result.stopped)

    def close_listing(self, sources: "Sequence[Listing]") -> None:
        """Close a listing whose notes are archived. If it is read again, all its pages are paid again."""
        from xharchive.run.find_notes import listing_replies

        listing_replies(self.store, sources).set_aside(now())

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
    """Return the notes, each once, in their order. UsageError: a text names no note."""
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


async def plan_run(
    notes: Iterable[NoteId],
    archive: Archive,
    endpoints: Sequence[Endpoint],
    *,
    recheck_empty: bool = False,
    cut_off: CutOff | None = None,
) -> RunPlanned:
    """Count the notes and calls of a run from the files in the archive, without a request or a write.

    The archive is open, or does not exist yet. ArchiveError: it cannot be read.
    """
    undecided: dict[str, set[str]] = {}
    for about, endpoint in cut_off or {}:
        undecided.setdefault(about, set()).add(endpoint)
    unfinished = {note_id.text for note_id in archive.unfinished()}
    all_endpoints = endpoints_to_call({}, endpoints)
    total = settled = paid = held_back = calls = most_calls = 0
    found = archive.look_up(notes) if archive.is_open else ((note_id, None) for note_id in notes)
    for note_id, archived in found:
        total += 1
        recheck = recheck_empty and archived is not None and archived.state is State.EMPTY
        if archived is not None and (archived.closed or (archived.is_done and not recheck)):
            settled += 1
            continue
        known, with_reply = {}, frozenset[str]()
        if archived is not None or note_id.text in unfinished:
            shelf = archive.workspace(note_id, archived.folder if archived else None).reply_store
            known = await read_saved_replies(note_id, shelf, endpoints)
            with_reply = await ReplyStore(shelf.folder).endpoints()
        if recheck and merged(known) is None:
            known = {}
        to_call = endpoints_to_call(known, endpoints) if known else all_endpoints
        if undecided.get(note_id.text, set()) - with_reply:
            held_back += 1
        elif not to_call:
            paid += 1
        else:
            calls += 1
            most_calls += len(to_call)
    return RunPlanned(total, settled, paid, held_back, calls, most_calls)

"""Archive a list of notes: those that need work, a few at a time."""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from random import Random
from typing import Protocol, runtime_checkable

from xharchive.api import ApiClient, Silence
from xharchive.archive import Archive, ArchivedNote
from xharchive.disk import boot_id
from xharchive.download import Fetcher, TransferScheduler
from xharchive.errors import ArchiveError, NoteFailed, Refused, first_error
from xharchive.events import (
    Event,
    GalleryRefreshed,
    Listener,
    NoteFinished,
    NotesUnchanged,
    Outcome,
    RunFinished,
    RunStarted,
    Warned,
    ignore,
)
from xharchive.gallery.paths import StaleMark, is_stale, prepare_early_thumbnails
from xharchive.http import connect
from xharchive.images import Converter
from xharchive.manifest import State
from xharchive.models import NoteId, NoteType
from xharchive.resolver import Resolver, ResolverOptions
from xharchive.run.archive_asset import RunServices
from xharchive.run.archive_note import NoteRun
from xharchive.run.backpressure import Backpressure
from xharchive.run.bottleneck import SAMPLE_INTERVAL, Bottleneck, Stage
from xharchive.run.run_options import ArchiveOptions, api_client, now
from xharchive.run.stats import RunStats

_YIELD_INTERVAL = 0.005  # seconds between turns of other tasks while the run passes finished notes
_IO_THREADS = 2  # they release the interpreter's lock (docs/performance.md#bodies-hashes-and-disk)
_PARALLEL_COMMITS = 4  # commits at once that use the disk fully, for the bottleneck report


@runtime_checkable
class RequestedNotes(Protocol):
    """The notes of a run, each once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[NoteId]: ...

    def hint(self, note_id: NoteId) -> NoteType:
        """Return the type of a note, as far as it is known."""


async def archive_notes(
    notes: RequestedNotes,
    archive: Archive,
    options: ArchiveOptions,
    listen: Listener = ignore,
) -> RunFinished:
    """Archive notes, and return the end report. The caller holds the lock of the archive.

    Notes that are complete in the archive need no request.

    Args:
        notes: the notes.
        archive: the archive, open to write.
        options: the settings of the run.
        listen: called with each event, the report included.

    Raises:
        ArchiveError: the disk or the archive cannot be used. Committed notes stay.
    """
    stats = RunStats(listen)
    count = len(notes)
    stats(RunStarted(count, str(archive.root)))
    async with AsyncExitStack() as stack:
        run = await _open_run(stack, archive, options, stats, notes)
        stack.callback(asyncio.create_task(run.sample_bottleneck()).cancel)
        try:
            await run.archive_all()
            if options.gallery:
                await run.refresh_gallery()
        except (asyncio.CancelledError, ArchiveError) as error:
            why = str(error) if isinstance(error, ArchiveError) else "interrupted"
            listen(stats.report(count, why, run.held_back, run.shares()))
            raise
        report = stats.report(count, run.stopped, run.held_back, run.shares())
    listen(report)
    return report


async def _open_run(
    stack: AsyncExitStack,
    archive: Archive,
    options: ArchiveOptions,
    stats: RunStats,
    notes: RequestedNotes,
) -> "_Run":
    transport = await stack.enter_async_context(connect(options.transport))
    converter = await stack.enter_async_context(Converter(options.convert))
    threads = stack.enter_context(ThreadPoolExecutor(_IO_THREADS, "media"))
    random = Random(os.urandom(16))  # noqa: S311 - spreads retries; it protects no secret
    limits = options.transport
    slots = TransferScheduler(limits.jobs, limits.per_host)
    backpressure = Backpressure(slots, limits.jobs, limits.api_jobs, at_a_rate=options.rate is not None)
    calls = api_client(transport, archive, options, stats, random)
    resolver = Resolver(calls, ResolverOptions(options.endpoints, options.retry.retries, renew=options.renew))
    fetcher = Fetcher(
        transport,
        converter,
        slots,
        threads,
        options.retry,
        stats,
        random=random,
        now=now,
        monotonic=time.monotonic,
        boot=boot_id(),
        options=options.fetch,
    )
    small = await prepare_early_thumbnails(archive) if options.gallery else None
    services = RunServices(
        archive,
        resolver,
        fetcher,
        converter,
        stats,
        now,
        options.prefer,
        threads,
        StaleMark(archive),
        small,
    )
    capacity = {
        Stage.API: limits.api_jobs,
        Stage.NETWORK: limits.jobs,
        Stage.CPU: converter.workers,
        Stage.DISK: _PARALLEL_COMMITS,
    }
    return _Run(
        services,
        calls,
        backpressure,
        notes,
        Bottleneck(capacity, time.monotonic()),
        options,
    )


class _Run:
    """Archive notes, a few at a time, until the list ends or the API refuses all calls."""

    def __init__(
        self,
        services: RunServices,
        calls: ApiClient,
        backpressure: Backpressure,
        notes: RequestedNotes,
        bottleneck: Bottleneck,
        options: ArchiveOptions,
    ) -> None:
        self._services = services
        self.shares = bottleneck.shares
        self._calls = calls
        self._bottleneck = bottleneck
        self._note_runs: set[NoteRun] = set()
        self._notes = notes
        self._backpressure = backpressure
        self._options = options
        self._yielded = 0.0  # when other tasks had their turn
        self._failed: dict[str, str] = {}  # reasons by note, until an outage of the API is proved or excluded

    @property
    def stopped(self) -> str:
        """The reason why the run ended before the end of its list; "" if it did not."""
        refused = self._services.resolver.refused
        return str(refused) if refused else ""

    @property
    def held_back(self) -> int:
        """How many notes need a decision about an interrupted call."""
        return self._services.resolver.held_back

    async def archive_all(self) -> None:
        """Archive all notes of the list.

        Raises:
            ArchiveError: the disk or the archive cannot be used.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for found in self._look_up():
                    if isinstance(found, int):
                        await self._report_and_yield(NotesUnchanged(found))
                        continue
                    note_id, archived = found
                    if archived is not None and archived.closed:
                        await self._report_and_yield(_not_readable(note_id, archived))
                        continue
                    is_empty = archived is not None and archived.state is State.EMPTY
                    recheck = is_empty and self._options.recheck_empty
                    if archived is not None and archived.is_done and not recheck:
                        await self._report_and_yield(_finished_before(note_id, archived))
                        continue
                    await self._backpressure.admit()
                    if self.stopped:
                        break
                    group.create_task(self._archive_note(note_id, archived, recheck=recheck))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None
        self._services.resolver.end()
        self._report_failures()

    def _look_up(self) -> Iterator[int | tuple[NoteId, ArchivedNote | None]]:
        archive = self._services.archive
        if self._options.report_each:
            return archive.look_up(self._notes, no_read_ahead=True)
        return archive.look_up_or_count(self._notes)

    async def sample_bottleneck(self) -> None:
        """Look at the queues regularly, until the task of this is cancelled."""
        fetcher, converter = self._services.fetcher, self._services.converter
        while True:
            await asyncio.sleep(SAMPLE_INTERVAL)
            work = {
                Stage.API: self._calls.active,
                Stage.NETWORK: max(0, fetcher.active - converter.active),
                Stage.CPU: converter.active,
                Stage.DISK: self._calls.writing + sum(note_run.is_committing for note_run in self._note_runs),
            }
            self._bottleneck.sample(time.monotonic(), work)

    async def _report_and_yield(self, event: Event) -> None:
        """Report notes that need no work, and let other tasks run from time to time."""
        self._services.listen(event)
        if time.monotonic() - self._yielded > _YIELD_INTERVAL:
            await asyncio.sleep(0)
            self._yielded = time.monotonic()

    async def refresh_gallery(self) -> None:
        """Refresh the gallery if any run committed a note since the last refresh.

        A failure is a warning and does not end the run, because the pages can be made again at any time.
        """
        from xharchive.gallery.refresh import refresh_gallery  # noqa: PLC0415 - loads the templates

        store, listen = self._services.archive, self._services.listen
        index = store.folder / "index.html"
        if not await asyncio.to_thread(is_stale, store):
            return
        try:
            done = await refresh_gallery(store, self._services.converter, after_a_run=True)
        except ArchiveError as error:
            listen(Warned(f"the gallery could not be refreshed: {error}; later: xharchive gallery"))
            return
        for sentence in done.closed:
            listen(Warned(f"the gallery leaves a note as it was: {sentence}"))
        listen(GalleryRefreshed(done.notes, done.pages, done.pictures, str(index)))

    async def _archive_note(self, note_id: NoteId, archived: ArchivedNote | None, *, recheck: bool) -> None:
        try:
            hint = self._notes.hint(note_id)
            note_run = NoteRun(self._services, note_id, archived, recheck=recheck, hint=hint)
            self._note_runs.add(note_run)
            try:
                try:
                    resolution = await note_run.resolve()
                finally:
                    self._backpressure.note_resolved()
                self._services.listen(await note_run.archive(resolution))
            finally:
                self._note_runs.remove(note_run)
        except NoteFailed as error:
            self._failed[note_id.text] = str(error)
        except Refused:
            pass  # the resolver remembers it; a later run does the note
        finally:
            self._report_failures()
            self._backpressure.note_finished()

    def _report_failures(self) -> None:
        """Report failed notes, except those that a later run does because of an outage of the API."""
        for note, detail in list(self._failed.items()):
            silence = self._services.resolver.silence_about(note)
            if silence is Silence.UNDECIDED:
                continue
            del self._failed[note]
            if silence is Silence.NONE:
                self._services.listen(NoteFinished(note, "", Outcome.FAILED, "", 0, 0, detail))


def _not_readable(note_id: NoteId, archived: ArchivedNote) -> NoteFinished:
    """Return the outcome of an archived note that this user may not read."""
    return NoteFinished(note_id.text, archived.title, Outcome.FAILED, archived.folder, 0, 0, archived.closed)


def _finished_before(note_id: NoteId, archived: ArchivedNote) -> NoteFinished:
    outcome = Outcome.EMPTY if archived.state is State.EMPTY else Outcome.UNCHANGED
    detail = "known to be empty" if outcome is Outcome.EMPTY else ""
    return NoteFinished(note_id.text, archived.title, outcome, archived.folder, 0, 0, detail, known=True)

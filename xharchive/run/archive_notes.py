"""Archive a list of notes: those that need work, a few at a time."""

import asyncio
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Protocol, runtime_checkable

from xharchive.api import ApiClient, Silence
from xharchive.archive import Archive, ArchivedNote
from xharchive.disk import boot_id
from xharchive.download import Fetcher, TransferScheduler
from xharchive.errors import ArchiveError, NoteFailed, Refused, first_error
from xharchive.events import (
    Event,
    GalleryRefreshed,
    NoteFinished,
    NotesUnchanged,
    Outcome,
    RunFinished,
    RunStarted,
    Warned,
)
from xharchive.gallery.paths import StaleMark, is_stale, prepare_early_thumbnails
from xharchive.images import Converter
from xharchive.manifest import State
from xharchive.models import NoteId, NoteType
from xharchive.resolver import Resolver
from xharchive.run.archive_asset import RunServices
from xharchive.run.archive_note import NoteRun
from xharchive.run.run_options import ArchiveOptions, connected, now, seeded
from xharchive.run.run_stats import Bottleneck, RunStats, Stage

_YIELD_INTERVAL = 0.005  # seconds between turns of other tasks while the run passes finished notes
_IO_THREADS = 2  # they release the interpreter's lock (docs/performance.md#bodies-hashes-and-disk)
_PARALLEL_COMMITS = 4  # commits at once that use the disk fully, for the bottleneck report
_MAX_UNFINISHED = 64
_MAX_UNFINISHED_AT_A_RATE = 128


@runtime_checkable
class RequestedNotes(Protocol):
    """The notes of a run, each once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[NoteId]: ...

    def hint(self, note_id: NoteId) -> NoteType:
        """Return the type of a note, as far as it is known."""


async def archive_notes(
    notes: RequestedNotes, archive: Archive, options: ArchiveOptions, stats: RunStats
) -> RunFinished:
    """Archive notes, and return the end report. The caller holds the lock of the archive.

    Notes that are complete in the archive need no request. `stats` is called with each event, the report
    included.

    Raises:
        ArchiveError: the disk or the archive cannot be used. Committed notes stay.
    """
    stats(RunStarted(len(notes), str(archive.root)))
    async with AsyncExitStack() as stack:
        run = await _open_run(stack, archive, options, stats, notes)
        stack.callback(asyncio.create_task(run.watch_bottleneck()).cancel)
        try:
            await run.archive_all()
            if options.gallery:
                await run.refresh_gallery()
        except asyncio.CancelledError:
            run.report("interrupted")
            raise
        except ArchiveError as error:
            run.report(str(error))
            raise
        return run.report(run.stopped)


async def _open_run(
    stack: AsyncExitStack,
    archive: Archive,
    options: ArchiveOptions,
    stats: RunStats,
    notes: RequestedNotes,
) -> "_Run":
    transport, calls = await stack.enter_async_context(connected(archive, options, stats))
    converter = await stack.enter_async_context(Converter(options.convert))
    threads = stack.enter_context(ThreadPoolExecutor(_IO_THREADS, "media"))
    limits = options.transport
    slots = TransferScheduler(limits.jobs, limits.per_host)
    backpressure = Backpressure(slots, limits.jobs, limits.api_jobs, at_a_rate=options.rate is not None)
    resolver = Resolver(calls, options.endpoints, options.retry.retries, renew=options.renew)
    fetcher = Fetcher(
        transport,
        converter,
        slots,
        threads,
        options.retry,
        stats,
        random=seeded(),
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
    return _Run(services, calls, backpressure, notes, stats, options)


class _Run:
    """Archive notes, a few at a time, until the list ends or the API refuses all calls."""

    def __init__(
        self,
        services: RunServices,
        calls: ApiClient,
        backpressure: "Backpressure",
        notes: RequestedNotes,
        stats: RunStats,
        options: ArchiveOptions,
    ) -> None:
        self._services = services
        self._calls = calls
        self._note_runs: set[NoteRun] = set()
        self._notes = notes
        self._stats = stats
        self._backpressure = backpressure
        self._options = options
        self._yielded = 0.0  # when other tasks had their turn
        self._failed: dict[str, str] = {}  # reasons by note, until an outage of the API is proved or excluded
        capacity = {
            Stage.API: options.transport.api_jobs,
            Stage.NETWORK: options.transport.jobs,
            Stage.CPU: services.converter.workers,
            Stage.DISK: _PARALLEL_COMMITS,
        }
        self._bottleneck = Bottleneck(capacity, time.monotonic())

    @property
    def stopped(self) -> str:
        """The reason why the run ended before the end of its list; "" if it did not."""
        return str(self._calls.refused or "")

    def report(self, stopped: str) -> RunFinished:
        """Report the end of the run."""
        shares = self._bottleneck.shares()
        report = self._stats.report(len(self._notes), stopped, self._calls.held_back, shares)
        self._stats(report)
        return report

    async def watch_bottleneck(self) -> None:
        """Look at the work of all stages regularly, until the task of this is cancelled."""
        await self._bottleneck.watch(self._services, self._calls, self._note_runs)

    async def archive_all(self) -> None:
        """Archive all notes of the list. ArchiveError: the disk or the archive cannot be used."""
        archive = self._services.archive
        found = (
            archive.look_up(self._notes, no_read_ahead=True)
            if self._options.report_each
            else archive.look_up_or_count(self._notes)
        )
        try:
            async with asyncio.TaskGroup() as group:
                for each in found:
                    match each:
                        case int():
                            await self._report_and_yield(NotesUnchanged(each))
                        case note_id, archived if event := self._finished_before(note_id, archived):
                            await self._report_and_yield(event)
                        case note_id, archived:
                            await self._backpressure.admit()
                            if self.stopped:
                                break
                            group.create_task(self._archive_note(note_id, archived))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None
        self._calls.end()
        self._report_failures()

    def _finished_before(self, note_id: NoteId, archived: ArchivedNote | None) -> NoteFinished | None:
        """Return the outcome of a note that needs no work, or that this user may not read; else None."""
        if archived is None:
            return None
        title, folder = archived.title, archived.folder
        if archived.closed:
            return NoteFinished(note_id.text, title, Outcome.FAILED, folder, 0, 0, archived.closed)
        is_empty = archived.state is State.EMPTY
        if not archived.is_done or (is_empty and self._options.recheck_empty):
            return None
        outcome = Outcome.EMPTY if is_empty else Outcome.UNCHANGED
        detail = "known to be empty" if is_empty else ""
        return NoteFinished(note_id.text, title, outcome, folder, 0, 0, detail, known=True)

    async def _report_and_yield(self, event: Event) -> None:
        """Report notes that need no work, and let other tasks run from time to time."""
        self._stats(event)
        if time.monotonic() - self._yielded > _YIELD_INTERVAL:
            await asyncio.sleep(0)
            self._yielded = time.monotonic()

    async def refresh_gallery(self) -> None:
        """Refresh the gallery if any run committed a note since the last refresh.

        A failure is a warning and does not end the run, because the pages can be made again at any time.
        """
        from xharchive.gallery.refresh import refresh_gallery

        store, listen = self._services.archive, self._stats
        if not await asyncio.to_thread(is_stale, store):
            return
        try:
            done = await refresh_gallery(store, self._services.converter, after_a_run=True)
        except ArchiveError as error:
            listen(Warned(f"the gallery could not be refreshed: {error}; later: xharchive gallery"))
            return
        for sentence in done.closed:
            listen(Warned(f"the gallery leaves a note as it was: {sentence}"))
        listen(GalleryRefreshed(done.notes, done.pages, done.pictures, str(store.folder / "index.html")))

    async def _archive_note(self, note_id: NoteId, archived: ArchivedNote | None) -> None:
        # An empty note that comes here is to be checked again.
        recheck = archived is not None and archived.state is State.EMPTY and self._options.recheck_empty
        try:
            hint = self._notes.hint(note_id)
            note_run = NoteRun(self._services, note_id, archived, recheck=recheck, hint=hint)
            self._note_runs.add(note_run)
            try:
                try:
                    resolution = await note_run.resolve()
                finally:
                    self._backpressure.note_resolved()
                self._stats(await note_run.archive(resolution))
            finally:
                self._note_runs.remove(note_run)
        except NoteFailed as error:
            self._failed[note_id.text] = str(error)
        except Refused:
            pass  # `calls` remembers it; a later run does the note
        finally:
            self._report_failures()
            self._backpressure.note_finished()

    def _report_failures(self) -> None:
        """Report failed notes, except those that a later run does because of an outage of the API."""
        for note, detail in list(self._failed.items()):
            silence = self._calls.silence_about(note)
            if silence is Silence.UNDECIDED:
                continue
            del self._failed[note]
            if silence is Silence.NONE:
                self._stats(NoteFinished(note, "", Outcome.FAILED, "", 0, 0, detail))


class Backpressure:
    """Limit how far the run resolves notes ahead of the downloads.

    Far enough that the queue of assets never runs empty. No further, so that signed URLs do not expire in the
    queue and memory does not grow with the list (docs/performance.md#connections-and-ranges).

    With a rate limiter, a call that misses its time is lost, so a few notes with much to download must not
    delay the next call. Then the queue may have any length, and only the number of unfinished notes limits
    how far calls run ahead: by minutes, while signed URLs live for a day.

    Args:
        slots: the queue of assets.
        jobs: how many transfers may run at once.
        api_jobs: how many calls may run at once.
        at_a_rate: a rate limiter spaces the calls. Then one more note than `api_jobs` is prepared, to be
            ready when it permits a call.
    """

    def __init__(
        self, slots: TransferScheduler, jobs: int, api_jobs: int, *, at_a_rate: bool = False
    ) -> None:
        self._max_waiting_assets = math.inf if at_a_rate else 2 * jobs
        self._max_resolving = api_jobs + at_a_rate
        self._max_unfinished = max(_MAX_UNFINISHED_AT_A_RATE if at_a_rate else _MAX_UNFINISHED, 4 * jobs)
        self._slots = slots
        self._resolving = 0
        self._unfinished = 0

    async def admit(self) -> None:
        """Wait for room for another note, and count it as unfinished and as resolving."""
        while (
            self._resolving >= self._max_resolving
            or self._unfinished >= self._max_unfinished
            or self._slots.waiting >= self._max_waiting_assets
        ):
            self._slots.changed.clear()
            await self._slots.changed.wait()
        self._resolving += 1
        self._unfinished += 1

    def note_resolved(self) -> None:
        """Count a note as resolved: its assets are in the queue, or it has none."""
        self._resolving -= 1
        self._slots.changed.set()

    def note_finished(self) -> None:
        """Count a note as finished."""
        self._unfinished -= 1
        self._slots.changed.set()

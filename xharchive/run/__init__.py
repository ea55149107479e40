"""The story of a run: the only room that knows the order of things, and the Python API."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from random import Random

from xharchive.api import Silence
from xharchive.archive import PosixStore, Published
from xharchive.archived_notes import Holding, Holdings, Whole
from xharchive.bottleneck import Bound
from xharchive.disk import boot_id
from xharchive.download import Fetcher, Slots
from xharchive.errors import ArchiveError, NoteFailed, Refused
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
from xharchive.gallery import StaleMark, is_stale, refresh_gallery, small_of
from xharchive.http import connect
from xharchive.images import Converter, usable_cpus
from xharchive.manifest import State
from xharchive.models import NoteId, NoteType
from xharchive.note_md import write_if_other
from xharchive.resolver import Resolver, ResolverOptions
from xharchive.run.archive_asset import NoteTools
from xharchive.run.archive_note import NoteStory
from xharchive.run.backpressure import Lookahead
from xharchive.run.first_error import first_of
from xharchive.run.monitor import Watch, WriterThreads
from xharchive.run.plan import forecast
from xharchive.run.run_options import ArchiveOptions, calls_of, now
from xharchive.run.stats import Tally

__all__ = ["ArchiveOptions", "archive", "forecast"]

_BREATH = 0.005  # seconds: so long the loop may pass settled notes before others have their turn
_IO_THREADS = 2  # they release the interpreter's lock (docs/performance.md#bodies-hashes-and-disk)
_COMMITS = 4  # at once: more of them wait for the disk, and not for each other


async def archive(
    notes: Iterable[NoteId],
    count: int,
    store: PosixStore,
    holdings: Holdings,
    options: ArchiveOptions,
    listen: Listener = ignore,
    hint: Callable[[NoteId], NoteType] = lambda _: NoteType.UNKNOWN,
) -> RunFinished:
    """Archive notes into a store whose lock is held, and return the end report.

    What is there already is left alone, and costs no request. `count` is how many notes there are, `hint`
    what is known of a note's type.

    Raises:
        ArchiveError: the disk or the archive cannot be used; what is committed stays.
    """
    tally = Tally(listen)
    tally(RunStarted(count, str(store.root)))
    async with AsyncExitStack() as stack:
        run = await _open_run(stack, store, holdings, options, tally, hint)
        try:
            await run.through(notes)
            if options.gallery:
                await run.refresh_gallery()
        except (asyncio.CancelledError, ArchiveError) as problem:
            why = str(problem) if isinstance(problem, ArchiveError) else "interrupted"
            listen(tally.report(count, why, run.held_back, run.shares()))
            raise
        report = tally.report(count, run.stopped, run.held_back, run.shares())
    listen(report)
    return report


async def _open_run(
    stack: AsyncExitStack,
    store: PosixStore,
    holdings: Holdings,
    options: ArchiveOptions,
    tally: Tally,
    hint: Callable[[NoteId], NoteType],
) -> "_Run":
    transport = await stack.enter_async_context(connect(options.transport))
    converter = await stack.enter_async_context(Converter(options.convert))
    threads = stack.enter_context(WriterThreads(_IO_THREADS))
    random = Random(os.urandom(16))  # noqa: S311 - spreads retries; nothing secret hangs on it
    limits = options.transport
    places = {
        Bound.API: limits.api_jobs,
        Bound.NETWORK: limits.jobs,
        Bound.CPU: converter.workers,
        Bound.DISK: _COMMITS,
    }
    watch = await stack.enter_async_context(Watch(places, usable_cpus(), threads))
    converter.on_work = watch.stage(Bound.CPU)
    slots = Slots(limits.jobs, on_demand=watch.stage(Bound.NETWORK), per_host=limits.per_host)
    lookahead = Lookahead(
        limits.jobs, limits.api_jobs, lambda: slots.waiting, at_a_rate=options.rate is not None
    )
    slots.on_change = lookahead.look
    calls = calls_of(
        transport, store, options, tally, random, watch.stage(Bound.API), watch.stage(Bound.DISK)
    )
    resolver = Resolver(calls, ResolverOptions(options.endpoints, options.retry.retries, renew=options.renew))
    fetcher = Fetcher(
        transport,
        converter,
        slots,
        threads,
        options.retry,
        tally,
        random=random,
        now=now,
        monotonic=time.monotonic,
        wait=watch.waiting(Bound.NETWORK),
        boot=boot_id(),
        options=options.fetch,
    )
    small = await small_of(store) if options.gallery else None
    tools = NoteTools(
        store,
        holdings,
        resolver,
        fetcher,
        converter,
        tally,
        now,
        options.prefer,
        threads,
        StaleMark(store),
        small,
    )
    return _Run(tools, lookahead, hint, watch, recheck_empty=options.recheck_empty, tell_all=options.tell_all)


class _Run:
    """Takes notes one after another, a few at a time, until they are through or the API refuses."""

    def __init__(
        self,
        tools: NoteTools,
        lookahead: Lookahead,
        hint: Callable[[NoteId], NoteType],
        watch: Watch,
        *,
        recheck_empty: bool,
        tell_all: bool,
    ) -> None:
        self._tools = tools
        self.shares = watch.shares
        self._committing = watch.stage(Bound.DISK)
        self._hint = hint
        self._lookahead = lookahead
        self._recheck_empty = recheck_empty
        self._look = tools.holdings.find_each if tell_all else tools.holdings.sift
        self._breathed = 0.0  # when others had their turn
        self._failed: dict[str, str] = {}  # notes and reasons, until it is known whether there is an outage

    @property
    def stopped(self) -> str:
        """Why the run ended before its list did; "" if it did not."""
        refused = self._tools.resolver.refused
        return str(refused) if refused else ""

    @property
    def held_back(self) -> int:
        """How many notes wait for a decision about a call that was cut off."""
        return self._tools.resolver.held_back

    async def through(self, notes: Iterable[NoteId]) -> None:
        """Archive all notes.

        Raises:
            ArchiveError: the disk or the archive cannot be used.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for found in self._look(notes, in_step=True):
                    if isinstance(found, Whole):
                        await self._pass(NotesUnchanged(found.notes))
                        continue
                    note_id, holding = found
                    if holding is not None and holding.closed:
                        await self._pass(_closed(note_id, holding))
                        continue
                    recheck = self._recheck_empty and holding is not None and holding.state is State.EMPTY
                    if holding is not None and holding.settled and not recheck:
                        await self._renew_text(holding)
                        await self._pass(_settled(note_id, holding))
                        continue
                    await self._lookahead.admit()
                    if self.stopped:
                        break
                    group.create_task(self._note(note_id, holding, recheck=recheck))
        except BaseExceptionGroup as problems:
            raise first_of(problems) from None
        self._tools.resolver.end()
        self._report_failures()

    async def _renew_text(self, holding: Holding) -> None:
        """Write the `note.md` of a finished note again if somebody changed or removed it.

        It can be made again at any time, so trouble with it is reported and does not end the run.
        """
        try:
            manifest = self._tools.holdings.manifest(holding) if holding.doubtful_text else None
            if manifest is not None:
                published = Published(holding.folder, manifest, "")
                await asyncio.to_thread(write_if_other, self._tools.store, published)
        except ArchiveError as problem:
            self._tools.listen(Warned(f"note.md could not be written again: {problem}"))

    async def _pass(self, settled: Event) -> None:
        """Tell of what needs nothing, and let others have their turn now and then."""
        self._tools.listen(settled)
        if time.monotonic() - self._breathed > _BREATH:
            await asyncio.sleep(0)
            self._breathed = time.monotonic()

    async def refresh_gallery(self) -> None:
        """Bring the pages to browse up to date, if a note was committed since they were, by whatever run.

        They can be made again at any time, so trouble with them is told and does not end the run.
        """
        store, listen = self._tools.store, self._tools.listen
        index = store.folder / "index.html"
        if not await asyncio.to_thread(is_stale, store):
            return
        try:
            done = await refresh_gallery(store, self._tools.converter, after_a_run=True)
        except ArchiveError as problem:
            listen(Warned(f"the gallery could not be refreshed: {problem}; later: xharchive gallery"))
            return
        for sentence in done.closed:
            listen(Warned(f"the gallery leaves a note as it was: {sentence}"))
        listen(GalleryRefreshed(done.notes, done.pages, done.pictures, str(index)))

    async def _note(self, note_id: NoteId, holding: Holding | None, *, recheck: bool) -> None:
        try:
            hint = self._hint(note_id)
            story = NoteStory(
                self._tools, note_id, holding, recheck=recheck, hint=hint, committing=self._committing
            )
            self._tools.listen(await story.tell(self._lookahead.resolved))
        except NoteFailed as problem:
            self._failed[note_id.text] = str(problem)
        except Refused:
            pass  # the resolver remembers it; the note is left for another run
        finally:
            self._report_failures()
            self._lookahead.finished()

    def _report_failures(self) -> None:
        """Report notes as failed, except those that an outage of the API keeps for another run."""
        for note, detail in list(self._failed.items()):
            silence = self._tools.resolver.silence_about(note)
            if silence is Silence.UNDECIDED:
                continue
            del self._failed[note]
            if silence is Silence.NONE:
                self._tools.listen(NoteFinished(note, "", Outcome.FAILED, "", 0, 0, detail))


def _closed(note_id: NoteId, holding: Holding) -> NoteFinished:
    """Return the outcome of a note that is there and may not be read: what it lacks cannot be known."""
    return NoteFinished(note_id.text, holding.title, Outcome.FAILED, holding.folder, 0, 0, holding.closed)


def _settled(note_id: NoteId, holding: Holding) -> NoteFinished:
    outcome = Outcome.EMPTY if holding.state is State.EMPTY else Outcome.UNCHANGED
    detail = "known to be empty" if outcome is Outcome.EMPTY else ""
    return NoteFinished(note_id.text, holding.title, outcome, holding.folder, 0, 0, detail, known=True)

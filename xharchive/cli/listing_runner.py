"""Runs a listing command: locks the archive, loads pages, prints notes, and archives them with --get."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from xharchive.archive import Archive
from xharchive.cli.confirm import calls_to_skip, confirm, confirm_pages
from xharchive.cli.link_following import follow_link, saved_target
from xharchive.cli.runner import exit_code, open_to_write, run_and_report
from xharchive.cli.saved_options import saved_text
from xharchive.cli.signals import run_until_signal
from xharchive.config import archive_options, plain_http_warning
from xharchive.errors import ExitCode
from xharchive.events import Listener, RunFinished, Warned
from xharchive.models import ListedNote, NoteType, ShortLink
from xharchive.parsers.listing_endpoints import Listing
from xharchive.progress import ProgressOptions, billing_text, event_printer, json_line
from xharchive.run import ArchiveOptions, archive
from xharchive.run.list_notes import ListingResult, close_listing, list_notes, saved_pages
from xharchive.sanitize import counted, printable
from xharchive.sources.requested_notes import NoteFilter, NoteList

__all__ = ["ListingRun"]

# A listing without --pages ends after this many notes in a row that do not pass the filters: one page if
# only older notes can follow, else ten pages.
_MOST_FILTERED_OUT = 200
_MOST_TOO_OLD = 20


class ListingRun:
    """One run of a listing command; the parameters are those of `run_listing`."""

    def __init__(
        self,
        args: argparse.Namespace,
        sources: Callable[[], Sequence[Listing]],
        *,
        newest_first: bool,
        link: ShortLink | None,
        if_it_fails: str,
    ) -> None:
        self._args = args
        self._sources = sources
        self._link = link
        self._if_it_fails = if_it_fails
        self._store = Archive(Path(args.directory))
        kind = NoteType(args.type) if args.type else None
        self._filter = _ListingFilter(
            args, NoteFilter(args.after, args.before, kind), newest_first=newest_first
        )

    def run(self) -> int:
        """List notes, print each as it arrives, and archive them with --get; return the exit code.

        Raises:
            UsageError: a setting is wrong.
            NoteFailed: the short link cannot be followed.
            Refused: the user does not confirm the cost.
            ArchiveError: the archive cannot be read or written.
            KeyboardInterrupt, Terminated: a signal arrived.
        """
        args = self._args
        if args.dry_run:
            if self._link:
                args.user = saved_target(self._store, self._link)
            sys.stdout.write(printable(_plan(args, self._store, self._sources())) + "\nnothing was sent\n")
            return int(ExitCode.OK)
        options = archive_options(args, os.environ)
        args.secret = options.transport.token
        pages = _most_pages(args)
        confirm_pages(args, pages + 1 if pages and self._link and args.resolve_links else pages)
        with open_to_write(self._store, trust_index=args.trust_index), NoteList() as notes:
            return int(self._run_with(notes, options))

    def _run_with(self, notes: NoteList, options: ArchiveOptions) -> ExitCode:
        if self._link:
            options = self._skipping_cut_off(options, notes, str(self._link), exact=True)
            self._args.user, spent = follow_link(self._args, self._store, options, self._link)
            options = replace(options, spent=spent)
        sources = self._sources()
        options = self._skipping_cut_off(options, notes, *(source.subject for source in sources))
        if self._args.anew:
            close_listing(self._store, sources)
        try:
            found = self._list(sources, options, notes)
        finally:
            if self._args.get:
                self._store.add_pending(notes.pending_notes(), saved_text(self._args, os.environ))
        code = self._exit_code(found)
        if self._args.get and len(notes):
            options = replace(options, spent=found.spent, refused=found.stopped)
            code = max(code, self._archive(notes, options))
        if found.finished and code is not ExitCode.REFUSED:
            close_listing(self._store, sources)
        return code

    def _skipping_cut_off(
        self,
        options: ArchiveOptions,
        notes: NoteList,
        *subjects: str,
        exact: bool = False,
    ) -> ArchiveOptions:
        """Return the options with the cut-off calls to skip; ask about those on these subjects.

        Without `exact`, a subject is followed by " #" and a page number in the ledger.
        """

        def concerns(about: str) -> bool:
            return about in subjects if exact else about.rpartition(" #")[0] in subjects

        held = calls_to_skip(self._args, self._store, notes, options, concerns)
        return replace(options, cut_off=held)

    def _list(self, sources: Sequence[Listing], options: ArchiveOptions, notes: NoteList) -> ListingResult:
        args = self._args

        def show(note: ListedNote) -> bool:
            if self._filter.accepts(note):
                notes.add(note.id, note.type)
                if not args.get:
                    sys.stdout.write(f"{note.id}\n" if args.ids else json_line(as_json(note)))
                    sys.stdout.flush()
            return not self._filter.stop_reason and (args.limit is None or len(notes) < args.limit)

        shown = ProgressOptions(args.quiet, args.verbose, secret=options.transport.token)
        with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
            for text in filter(None, (plain_http_warning(options), self._store.lock_warning)):
                on_event(Warned(text))
            work = list_notes(sources, self._store, options, show, _most_pages(args), on_event)
            found = run_until_signal(work, args)
        lines = [] if args.quiet else [_report(found, len(notes))]
        lines += [*_problems(found, self._if_it_fails), *filter(None, [self._filter.stop_reason])]
        sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
        return found

    def _exit_code(self, found: ListingResult) -> ExitCode:
        if found.stopped or found.held_back:
            return ExitCode.REFUSED
        return ExitCode.INCOMPLETE if found.problem or found.pages.unreadable else ExitCode.OK

    def _archive(self, notes: NoteList, options: ArchiveOptions) -> ExitCode:
        confirm(self._args, self._store, notes, options)

        async def work(on_event: Listener) -> RunFinished:
            return await archive(notes, len(notes), self._store, options, on_event, notes.hint)

        finished = run_and_report(self._args, options.transport.token, self._store, work)
        return exit_code(finished, strict_empty=self._args.strict_empty)


@dataclass(slots=True)
class _ListingFilter:
    """Filters the notes of a listing, and decides when to stop reading.

    Attributes:
        filtered_out: notes in a row that did not pass.
        gave_up: why the listing should end, as a sentence; "" if it should go on.
    """

    args: argparse.Namespace
    note_filter: NoteFilter
    newest_first: bool
    filtered_out: int = 0
    stop_reason: str = ""

    def accepts(self, note: ListedNote) -> bool:
        """Return whether a note passes; without --pages, give up after many in a row that do not."""
        if self.note_filter.accepts(note.id, note.type, note.published):
            self.filtered_out = 0
            return True
        self.filtered_out += 1
        published = note.published or note.id.published
        too_old = (
            self.newest_first and self.note_filter.after is not None and published < self.note_filter.after
        )
        if self.args.pages is None and self.filtered_out >= (
            _MOST_TOO_OLD if too_old else _MOST_FILTERED_OUT
        ):
            why = "are older than --after" if too_old else "do not pass the filters"
            self.stop_reason = (
                f"ended: the last {counted(self.filtered_out, 'note')} {why}; to read more: --pages N"
            )
        return False


def _most_pages(args: argparse.Namespace) -> int | None:
    if args.pages is not None or args.limit is not None:
        return cast("int | None", args.pages)
    return cast("int | None", args.default_pages)


def _report(found: ListingResult, notes: int) -> str:
    pages = found.pages
    parts = [f"{counted(notes, 'note')} on {counted(pages.pages, 'page')}"]
    parts += [f"{counted(pages.kept, 'page')} kept from an earlier run"] if pages.kept else []
    parts += [f"{pages.repeated} repeated"] if pages.repeated else []
    parts += [f"{count} skipped: {kind}" for kind, count in sorted(pages.skipped.items())]
    bills = billing_text(found.billed, found.perhaps_billed, found.free)
    parts.append(f"{counted(found.calls, 'API call')} ({bills})")
    return "; ".join(parts)


def _problems(found: ListingResult, if_it_fails: str) -> list[str]:
    """Return the lines that are printed even with --quiet."""
    pages = found.pages
    lines = [f"stopped: {found.stopped}"] if found.stopped else []
    if found.problem:
        lines.append(f"a page could not be loaded: {found.problem}{if_it_fails}")
    if found.stopped or found.problem:
        lines.append("paid pages are saved; run the same command again to continue")
    if pages.unreadable:
        lines.append(f"{counted(pages.unreadable, 'page')} without a readable list of notes")
    return lines + ([f"ended: {pages.stop_reason}"] if pages.stop_reason else [])


def _plan(args: argparse.Namespace, store: Archive, sources: Sequence[Listing]) -> str:
    kept, since = saved_pages(store, sources)
    most = _most_pages(args)
    pages = f"at most {counted(most, 'page')}" if most else "as many pages as it takes"
    when = f" of {since:%Y-%m-%d}" if since else ""
    archiving = "; --get adds a call per note" if args.get else ""
    return f"{sources[0].subject}: {pages}, a call each; {kept} kept from an earlier run{when}{archiving}"


def as_json(note: ListedNote) -> dict[str, object]:
    """Return a listed note as a JSON object that `get` reads."""
    return {
        "id": note.id.text,
        "type": note.type.value,
        "title": note.title,
        "author": {"id": note.author.id, "name": note.author.name},
        "published": (note.published or note.id.published).isoformat(timespec="seconds"),
        "likes": note.likes,
        "cover": note.cover,
    }

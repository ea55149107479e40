"""The run of a listing verb: the archive held, pages paid for, notes printed, and with --get archived."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from xharchive.archive import ArchiveFolder
from xharchive.archived_notes import ArchivedNotes
from xharchive.cli.confirm import calls_to_hold_back, confirm, confirm_pages
from xharchive.cli.link_following import follow_one, followed_already
from xharchive.cli.runner import exit_code, opened, watched
from xharchive.cli.saved_options import kept_text
from xharchive.cli.signals import until_signalled
from xharchive.config import archive_options, plain_http_warning
from xharchive.errors import ExitCode
from xharchive.events import Listener, RunFinished, Warned
from xharchive.filters import NoteFilter
from xharchive.inputs import NoteList, spool
from xharchive.links import ShortLink
from xharchive.models import ListedNote, NoteType
from xharchive.parsers.listing_endpoints import Listing
from xharchive.progress import ProgressOptions, bills_text, json_line, listening
from xharchive.run import ArchiveOptions, archive
from xharchive.run.list_notes import ListingResult, close_listing, list_notes, saved_pages
from xharchive.sanitize import counted, printable

__all__ = ["ListingRun"]

# Notes in a row that the filters do not want, before a listing without --pages is given up: where notes come
# by time a page of older ones is followed by older ones; elsewhere ten pages.
_UNWANTED = 200
_UNWANTED_BY_TIME = 20


class ListingRun:
    """One run of a listing verb; the parameters are those of `listing.run_listing`."""

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
        self._store = ArchiveFolder(Path(args.directory))
        kind = NoteType(args.type) if args.type else None
        self._wanted = _Wanted(args, NoteFilter(args.after, args.before, kind), newest_first=newest_first)

    def run(self) -> int:
        """List notes, print each as it comes, archive them if asked to; return the exit code.

        Raises:
            UsageError: a setting is wrong.
            NoteFailed: the short link cannot be followed.
            Refused: the user says no.
            ArchiveError: the disk would not.
        """
        args = self._args
        if args.dry_run:
            if self._link:
                args.user = followed_already(self._store, self._link)
            sys.stdout.write(printable(_plan(args, self._store, self._sources())) + "\nnothing was sent\n")
            return int(ExitCode.OK)
        options = archive_options(args, os.environ)
        args.secret = options.transport.token
        pages = _most_pages(args)
        confirm_pages(args, pages + 1 if pages and self._link and args.resolve_links else pages)
        with opened(self._store, trust_index=args.trust_index) as holdings, spool() as notes:
            return int(self._with(holdings, notes, options))

    def _with(self, holdings: ArchivedNotes, notes: NoteList, options: ArchiveOptions) -> ExitCode:
        if self._link:
            options = self._leave_for(options, holdings, notes, str(self._link), exact=True)
            self._args.user, spent = follow_one(self._args, self._store, options, self._link)
            options = replace(options, spent=spent)
        sources = self._sources()
        options = self._leave_for(options, holdings, notes, *(source.subject for source in sources))
        if self._args.anew:
            close_listing(self._store, sources)
        try:
            found = self._listed(sources, options, notes)
        finally:
            if self._args.get:
                holdings.remember(notes.pending_notes(holdings.lacks), kept_text(self._args, os.environ))
        code = self._code_of(found)
        if self._args.get and len(notes):
            options = replace(options, spent=found.spent, refused=found.stopped)
            code = max(code, self._archived(holdings, notes, options))
        if found.finished and code is not ExitCode.REFUSED:
            close_listing(self._store, sources)
        return code

    def _leave_for(
        self,
        options: ArchiveOptions,
        holdings: ArchivedNotes,
        notes: NoteList,
        *subjects: str,
        exact: bool = False,
    ) -> ArchiveOptions:
        """Return the options with the calls that must not be made; asks about those on these subjects."""

        def concerns(about: str) -> bool:
            return about in subjects if exact else about.rpartition(" #")[0] in subjects

        held = calls_to_hold_back(self._args, self._store, holdings, notes, options, concerns)
        return replace(options, cut_off=held)

    def _listed(self, sources: Sequence[Listing], options: ArchiveOptions, notes: NoteList) -> ListingResult:
        args = self._args

        def show(note: ListedNote) -> bool:
            if self._wanted.accepts(note):
                notes.add(note.id, note.type)
                if not args.get:
                    sys.stdout.write(f"{note.id}\n" if args.ids else json_line(as_json(note)))
                    sys.stdout.flush()
            return not self._wanted.gave_up and (args.limit is None or len(notes) < args.limit)

        shown = ProgressOptions(args.quiet, args.verbose, secret=options.transport.token)
        with listening(shown, out=sys.stdout, err=sys.stderr) as listen:
            for text in filter(None, (plain_http_warning(options), self._store.caution)):
                listen(Warned(text))
            work = list_notes(sources, self._store, options, show, _most_pages(args), listen)
            found = until_signalled(work, args)
        lines = [] if args.quiet else [_report(found, len(notes))]
        lines += [*_troubles(found, self._if_it_fails), *filter(None, [self._wanted.gave_up])]
        sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
        return found

    def _code_of(self, found: ListingResult) -> ExitCode:
        if found.stopped or found.held_back:
            return ExitCode.REFUSED
        return ExitCode.INCOMPLETE if found.problem or found.pages.unreadable else ExitCode.OK

    def _archived(self, holdings: ArchivedNotes, notes: NoteList, options: ArchiveOptions) -> ExitCode:
        confirm(self._args, self._store, holdings, notes, options)

        async def work(listen: Listener) -> RunFinished:
            return await archive(notes, len(notes), self._store, holdings, options, listen, notes.hint)

        finished = watched(self._args, options.transport.token, self._store, work)
        return exit_code(finished, strict_empty=self._args.strict_empty)


@dataclass(slots=True)
class _Wanted:
    """What the user wants of a listing, and when there is no point in reading on."""

    args: argparse.Namespace
    note_filter: NoteFilter
    newest_first: bool
    unwanted: int = 0
    gave_up: str = ""

    def accepts(self, note: ListedNote) -> bool:
        """Whether a note is wanted; many in a row that are not end the listing, unless it has --pages."""
        if self.note_filter.accepts(note.id, note.type, note.published):
            self.unwanted = 0
            return True
        self.unwanted += 1
        published = note.published or note.id.published
        too_old = (
            self.newest_first and self.note_filter.after is not None and published < self.note_filter.after
        )
        if self.args.pages is None and self.unwanted >= (_UNWANTED_BY_TIME if too_old else _UNWANTED):
            why = "are older than --after" if too_old else "are not what the filters want"
            self.gave_up = f"ended: the last {counted(self.unwanted, 'note')} {why}; to read on: --pages N"
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
    bills = bills_text(found.billed, found.perhaps_billed, found.free)
    parts.append(f"{counted(found.calls, 'API call')} ({bills})")
    return "; ".join(parts)


def _troubles(found: ListingResult, if_it_fails: str) -> list[str]:
    """What nobody may miss, however quiet the run is to be."""
    pages = found.pages
    lines = [f"stopped: {found.stopped}"] if found.stopped else []
    if found.problem:
        lines.append(f"a page could not be had: {found.problem}{if_it_fails}")
    if found.stopped or found.problem:
        lines.append("what was paid for is kept; go on with the same command again")
    if pages.unreadable:
        lines.append(f"{counted(pages.unreadable, 'page')} without a list of notes that could be read")
    return lines + ([f"ended: {pages.gave_up}"] if pages.gave_up else [])


def _plan(args: argparse.Namespace, store: ArchiveFolder, sources: Sequence[Listing]) -> str:
    kept, since = saved_pages(store, sources)
    most = _most_pages(args)
    pages = f"at most {counted(most, 'page')}" if most else "as many pages as it takes"
    when = f" of {since:%Y-%m-%d}" if since else ""
    archiving = "; with --get a call a note comes on top" if args.get else ""
    return f"{sources[0].subject}: {pages}, a call each; {kept} kept from an earlier run{when}{archiving}"


def as_json(note: ListedNote) -> dict[str, object]:
    """Return a listed note as a JSON object, as `get` takes it."""
    return {
        "id": note.id.text,
        "type": note.type.value,
        "title": note.title,
        "author": {"id": note.author.id, "name": note.author.name},
        "published": (note.published or note.id.published).isoformat(timespec="seconds"),
        "likes": note.likes,
        "cover": note.cover,
    }

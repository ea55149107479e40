"""Runs a listing command: locks the archive, loads pages, prints notes, and archives them with --get."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xharchive.archive import Archive
from xharchive.cli.console import Console, run_until_signal
from xharchive.cli.runner import (
    approve,
    archive_and_report,
    ask_to_pay,
    calls_to_skip,
    opened_archiver,
    save_pending,
)
from xharchive.cli.settings import RunSettings, archive_options, from_arguments, note_filter, progress_options
from xharchive.errors import ExitCode, NoteFailed, Refused, UsageError
from xharchive.models import ListedNote, ShortLink
from xharchive.parsers.listing_endpoints import Listing, author_notes
from xharchive.progress import billing_text, event_printer, json_line
from xharchive.run import Archiver
from xharchive.run.find_notes import ListingResult, saved_pages, target_in_archive
from xharchive.sanitize import counted, printable
from xharchive.sources.links import parse_user_id
from xharchive.sources.requested_notes import NoteFilter, NoteList

# A listing without --pages ends after this many notes in a row that do not pass the filters: one page if
# only older notes can follow, else ten pages.
_MOST_FILTERED_OUT = 200
_MOST_TOO_OLD = 20

ListingSource = Sequence[Listing] | ShortLink
"""The endpoints to try for a listing, in order, or a short link to its user."""


@dataclass(frozen=True, slots=True)
class ListingCommand:
    """What a listing command was asked for; the options of its run are `settings`.

    Attributes:
        source: what to list.
        newest_first: whether the notes come in order of time, so that only older ones follow.
        if_it_fails: added to the message about a page that cannot be loaded.
        pages: how many pages the user asks for; None leaves it to `most_pages` and the filters.
        most_pages: the most pages to read; None means no limit.
        get: archive the notes too.
        anew: pay for all pages again.
        ids: print ids instead of JSON lines.
    """

    source: ListingSource
    newest_first: bool
    if_it_fails: str
    note_filter: NoteFilter
    limit: int | None
    pages: int | None
    most_pages: int | None
    get: bool
    anew: bool
    ids: bool
    directory: str
    settings: RunSettings


def listing_command(args: argparse.Namespace, default_pages: int | None, **others: object) -> ListingCommand:
    """Return the value of parsed arguments; `others` are the fields that are no options.

    `default_pages`: how many pages to read without --pages and --limit; None means all.
    """
    settings = from_arguments(RunSettings, args)
    if not args.get:  # standard output has the notes, not the events
        settings = replace(settings, json=False)
    others |= {"note_filter": note_filter(args), "settings": settings}
    others["most_pages"] = default_pages if args.pages is None and args.limit is None else args.pages
    return from_arguments(ListingCommand, args, **others)


def run_listing(command: ListingCommand, console: Console) -> ExitCode:
    """List notes, print each as it arrives, and archive them with --get; return the exit code."""
    console.continue_with = "the same command again"
    settings, source, pages = command.settings, command.source, command.most_pages
    store = Archive(Path(command.directory))
    if settings.dry_run:
        sys.stdout.write(printable(_plan(command, store)) + "\nnothing was sent\n")
        return ExitCode.OK
    options = archive_options(settings, os.environ)
    console.hide(options.transport.token)
    if pages and isinstance(source, ShortLink) and settings.resolve_links:
        pages += 1
    limit = settings.confirm_above
    if limit is not None and (pages is None or pages > limit):
        many = "as many calls as it takes" if pages is None else f"up to {counted(pages, 'call')}"
        ask_to_pay(f"this listing may need {many}", limit)
    with opened_archiver(store, options, settings) as archiver, NoteList() as notes:
        return run_until_signal(_list_and_archive(command, archiver, notes, console), console)


async def _list_and_archive(
    command: ListingCommand, archiver: Archiver, notes: NoteList, console: Console
) -> ExitCode:
    settings, sources = command.settings, command.source
    if isinstance(sources, ShortLink):
        sources = await _sources_of_link(archiver, notes, settings, sources)
    subjects = [source.subject for source in sources]
    archiver.skip(await calls_to_skip(archiver, notes, settings.on_unknown, subjects))
    if command.anew:
        archiver.close_listing(sources)
    try:
        found = await _list(command, archiver, sources, notes)
    finally:
        if command.get:
            save_pending(archiver, notes, settings)
    code = ExitCode.INCOMPLETE if found.problem or found.pages.unreadable else ExitCode.OK
    if found.stopped or found.held_back:
        code = ExitCode.REFUSED
    if command.get and len(notes):
        await approve(archiver, notes, settings.confirm_above)
        code = max(code, await archive_and_report(archiver, notes, settings, console))
    if found.finished and code is not ExitCode.REFUSED:
        archiver.close_listing(sources)
    return code


async def _list(
    command: ListingCommand, archiver: Archiver, sources: Sequence[Listing], notes: NoteList
) -> ListingResult:
    """Print the notes of a listing that pass the filter, and add them to the list."""
    settings = command.settings
    end = ""
    left_out = 0  # notes in a row that did not pass
    # Events are no output of a listing: it prints its notes.
    shown = replace(progress_options(settings, archiver.options), as_json=False)
    with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
        async with archiver.listing(sources, command.most_pages, on_event) as listing:
            async for note in listing.notes:
                if command.note_filter.accepts(note.id, note.type, note.published):
                    left_out = 0
                    notes.add(note.id, note.type)
                    if not command.get:
                        sys.stdout.write(f"{note.id}\n" if command.ids else json_line(_as_json(note)))
                        sys.stdout.flush()
                else:
                    left_out += 1
                    end = _end(command, note, left_out)
                if end or (command.limit is not None and len(notes) >= command.limit):
                    break
    found = listing.result
    lines = [] if settings.quiet else [_report(found, len(notes))]
    lines += [*_problems(found, command.if_it_fails), *filter(None, [end])]
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return found


def _end(command: ListingCommand, note: ListedNote, left_out: int) -> str:
    """Return why a listing without --pages should end after so many notes that do not pass; "" to go on."""
    after = command.note_filter.after
    published = note.published or note.id.published
    too_old = command.newest_first and after is not None and published < after
    if command.pages is not None or left_out < (_MOST_TOO_OLD if too_old else _MOST_FILTERED_OUT):
        return ""
    why = "are older than --after" if too_old else "do not pass the filters"
    return f"ended: the last {counted(left_out, 'note')} {why}; to read more: --pages N"


async def _sources_of_link(
    archiver: Archiver, notes: NoteList, settings: RunSettings, link: ShortLink
) -> Sequence[Listing]:
    """Follow a short link to a profile, and return the endpoints for the notes of its user."""
    archiver.skip(await calls_to_skip(archiver, notes, settings.on_unknown, [str(link)]))
    shown = progress_options(settings, archiver.options)
    with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
        followed = await archiver.follow([link], on_event, pay=settings.resolve_links)
    if followed.stopped or followed.held_back:
        raise Refused(followed.stopped or f"{link}: {followed.problems[link]}")
    if link in followed.problems:
        raise NoteFailed("short-link", f"{link}: {followed.problems[link]}")
    return author_notes(parse_user_id(followed.targets[link]))


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


def _plan(command: ListingCommand, store: Archive) -> str:
    """Return what a listing would read and pay; send nothing."""
    sources = command.source
    if isinstance(sources, ShortLink):
        target = asyncio.run(target_in_archive(sources, store))
        if not target:
            raise UsageError(f"{sources} was not followed yet, and --dry-run sends nothing")
        sources = author_notes(parse_user_id(target))
    kept, since = saved_pages(store, sources)
    most = command.most_pages
    pages = f"at most {counted(most, 'page')}" if most else "as many pages as it takes"
    when = f" of {since:%Y-%m-%d}" if since else ""
    archiving = "; --get adds a call per note" if command.get else ""
    return f"{sources[0].subject}: {pages}, a call each; {kept} kept from an earlier run{when}{archiving}"


def _as_json(note: ListedNote) -> dict[str, object]:
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
